"""The site as a whole: nothing from other hosts, all cores, and a word about the data on every page.

What the stock stack gets wrong, and what is done about it here:

- Jupyter Book writes the constants of sphinx-thebe into every page, twice, which is a JavaScript
  error; the book has no live kernels, so those scripts are taken out.
- Two extensions that are safe to run in parallel do not say so, which makes Sphinx read serially
  and warn, and the domain of sphinx-proof, which keeps its data elsewhere, does not say that it has
  nothing to merge.
- Sphinx executes a page while it reads it, in chunks of pages; `tools/build.py` has executed them before, in
  a queue, and what they gave is put in here.
- Whatever kernel a machine has under the name `python3`, cells run in the Python that builds.
- What a cell prints arrives in pieces, cut by chance, and MyST-NB ends a line at each cut; the pieces
  are joined as they are.
- MathJax would come from another host; its parts are copied from the installed package
  sphinx-mathjax-offline. The typeface, Source Serif, is cut down to what a book in English needs from the
  installed package font-source-serif-pro.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from hashlib import sha256
from importlib.metadata import files
from pathlib import Path
from typing import Any

import myst_nb.sphinx_
from docutils import nodes
from fontTools import subset
from myst_nb.core import render
from myst_nb.core.execute import NotebookClientBase, create_client
from myst_nb.core.utils import coalesce_streams
from pybtex.backends.plaintext import Backend
from pybtex.plugin import register_plugin
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx_proof.domain import ProofDomain

from nnz.plumbing import datasets
from nnz.press import executed
from nnz.press.kernel import use_own_python
from nnz.press.pages import without_claims

PARALLEL_SAFE = ("sphinx_multitoc_numbering", "sphinx_jupyterbook_latex")
FONTS = (
    "SourceSerifPro-Regular",
    "SourceSerifPro-It",
    "SourceSerifPro-Semibold",
    "SourceSerifPro-SemiboldIt",
)
FEATURES = "onum,lnum,tnum"  # the figures that nnz.css asks for, beside what browsers use unasked
GLYPHS = "U+0020-017F,U+0370-03FF,U+2010-2044,U+20AC,U+2190-2193,U+2212,U+2248,U+2260-2265"
MENDED = {
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName.*?</script>': "",
    r' role="doc-biblioentry"| role="list"(?= class="citation-list")': "",
    r'<figure (?=[^>]*>\s*(?:<a [^>]*>\s*)?<img [^>]*class="[^"]*\bwide\b)': '<figure tabindex="0" ',
}
# MathJax in parts, a third of what one of its bundles weighs: TeX is read, HTML written, and beside it MathML
# that only a screen reader sees. There is no menu, and so nothing that a menu would load.
MATHJAX = "startup.js"
MATHJAX_PARTS = ("core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")
MATHJAX_FONTS = "output/chtml/fonts/woff-v2"


def packaged(package: str, name: str) -> Path:
    """Return the path of a file inside an installed package."""
    for path in files(package) or []:
        if path.name == name:
            return Path(str(path.locate()))
    raise ExtensionError(f"{package} is installed without {name}. Run `make distclean venv`.")


def copy_mathjax(target: Path) -> None:
    """Copy the parts of MathJax that a page loads."""
    source = packaged("sphinx-mathjax-offline", MATHJAX).parent
    for part in (MATHJAX, *(f"{part}.js" for part in MATHJAX_PARTS)):
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / part, target / part)
    shutil.copytree(source / MATHJAX_FONTS, target / MATHJAX_FONTS, dirs_exist_ok=True)


def cut_fonts(target: Path) -> None:
    """Write the book's typeface as web fonts with the characters that it needs."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FONTS:
        out = target / f"{name}.woff"
        source = packaged("font-source-serif-pro", f"{name}.ttf")
        subset.main(
            [
                str(source),
                f"--unicodes={GLYPHS}",
                "--flavor=woff",
                f"--output-file={out}",
                f"--layout-features+={FEATURES}",
            ]
        )
    shutil.copy2(packaged("font-source-serif-pro", "LICENSE.txt"), target / "LICENSE.txt")


def describe_data() -> tuple[str, str]:
    """Return the kind of the list of names that this build reads, and a sentence about it."""
    source = datasets.locate()
    count = len(source.path.read_text(encoding="utf-8-sig").split())
    if source.is_reference:
        return source.kind, (f"Built on names.txt: {count:,} names, sha256 {datasets.NAMES_SHA256[:12]}…")
    lists = {
        "sample": f"the embedded sample of {count:,} names, as names.txt could not be fetched",
        "own": f"a list of the builder's own, of {count:,} names",
    }
    return source.kind, (
        f"This copy was built on {lists[source.kind]}. Its numbers are not those of the book, "
        "and claims about names.txt were not checked."
    )


def built_on(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Say in a sentence which list of names this copy was built on: `` {built-on}`list` ``."""
    source = datasets.locate()
    count = len(source.path.read_text(encoding="utf-8-sig").split())
    lists = {"names.txt": "names.txt", "sample": "the embedded sample", "own": "a list of the builder's own"}
    return [nodes.inline(rawtext, f"{lists[source.kind]}, {count:,} names", classes=["built-on-list"])], []


def made_by() -> str:
    """Return a fingerprint of what makes pages: where it has changed, all of them are read and written again."""
    folders = (Path(__file__).parent, Path(datasets.__file__).parents[1] / "press")
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def prepare(app: Sphinx, config: Config) -> None:
    """Settle, before anything is read, what kernels inherit and what the pages say of the data."""
    inherited = {
        "OMP_NUM_THREADS": "1",  # chapters run side by side, and sums keep their order
        "PYTHONWARNINGS": "ignore:IProgress not found",  # tqdm's, as torch is imported
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's word on stderr
        "NNZ_BUILD": "1",  # what would tell a person how it is going stays quiet
        "NNZ_MODELS": str(Path(app.outdir).parent / "models"),  # of this build alone
    }
    for name, value in inherited.items():
        os.environ.setdefault(name, value)
    use_own_python(Path(app.outdir).parent / "kernels")
    config.nnz_made_by = made_by()
    kind, sentence = describe_data()
    config.html_theme_options = dict(config.html_theme_options)
    config.html_theme_options["extra_footer"] = f'<p class="built-on" data-kind="{kind}">{sentence}</p>'
    if kind != "names.txt":
        config.html_theme_options["announcement"] = f'<p class="data-notice">{sentence}</p>'
    config.mathjax_path = f"mathjax/{MATHJAX}"
    parts = [part for part in MATHJAX_PARTS if "fonts" not in part]  # which another part loads
    config.mathjax3_config = {"loader": {"load": parts}}


def before_reading(app: Sphinx) -> None:
    """Mark the two silent extensions as safe, and let matplotlib make its font cache outside any page."""
    for name in PARALLEL_SAFE:
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True
            app.extensions[name].parallel_write_safe = True
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib.font_manager  # noqa: F401  (importing it makes the cache)


class Executed(NotebookClientBase):
    """Takes what the cells of a page gave from the folder of executed pages, and runs nothing."""

    def start_client(self) -> None:
        """Put the outputs into the notebook.

        Raises:
            ExtensionError: the page was not executed, or with other cells.
        """
        assert self.path is not None
        there = executed.read(Path(os.environ["NNZ_PAGES"], f"{self.path.stem}.ipynb"))
        if there is None or executed.code_cells(there) != executed.code_cells(self.notebook):
            raise ExtensionError(
                f"{self.path.name} was not executed as it stands; build again with `make quick`."
            )
        cells = [cell for cell in there["cells"] if cell["cell_type"] == "code"]
        ours = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        for cell, ran in zip(ours, cells, strict=True):
            cell.outputs = ran["outputs"]
            cell.execution_count = ran["execution_count"]
        self.notebook.metadata["language_info"] = there["metadata"]["language_info"]
        self.exec_metadata = {
            "mtime": Path(os.environ["NNZ_PAGES"], f"{self.path.stem}.ipynb").stat().st_mtime,
            "runtime": there["metadata"]["nnz"]["seconds"],
            "method": "queue",
            "succeeded": True,
            "error": None,
            "traceback": None,
        }


def client_for(notebook: Any, source: str, *rest: Any, **options: Any) -> NotebookClientBase:
    """Return what gives a notebook its outputs: the executed page, or MyST-NB's own client."""
    if os.environ.get("NNZ_PAGES") and executed.code_cells(notebook):
        path = Path(source)
        client: NotebookClientBase = Executed(notebook, path if path.is_file() else None, *rest[:2])
    else:
        client = create_client(notebook, source, *rest, **options)
    start = client.start_client

    def start_and_number() -> None:
        start()
        number_glue(client.notebook)

    client.start_client = start_and_number
    return client


def number_glue(notebook: Any) -> None:
    """Write into what was glued which cell did it; MyST-NB takes it out of the cells and keeps the name alone."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if "scrapbook" in output.get("metadata", {}):
                output["metadata"]["nnz_cell"] = index


def ran_again(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages that were executed again since Sphinx read them last."""
    keys = {}
    for docname in env.found_docs:
        if os.environ.get("NNZ_PAGES") and (
            known := executed.facts(Path(os.environ["NNZ_PAGES"], f"{Path(docname).name}.ipynb"))
        ):
            keys[docname] = known["key"]
    before = getattr(env, "nnz_keys", {})
    env.nnz_keys = keys
    return [docname for docname, key in keys.items() if before.get(docname) != key]


class MergeableProofDomain(ProofDomain):
    """The domain of theorems and definitions, for a build in parallel processes."""

    def merge_domaindata(self, docnames: list[str], otherdata: dict[str, Any]) -> None:
        """Merge nothing; sphinx-proof keeps its list in the environment and merges it there."""


def mend_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    """Take what is left of sphinx-thebe out of a page, and make it one that everybody can use.

    Roles that ARIA no longer has are dropped, and the keyboard can reach figures that scroll sideways.
    """

    def kept(asset: Any) -> bool:
        body = getattr(asset, "attributes", {}).get("body", "")
        return "thebe" not in f"{getattr(asset, 'filename', asset)} {body}".lower()

    for key in ("script_files", "css_files"):
        context[key] = [asset for asset in context.get(key, []) if kept(asset)]
    if any(MATHJAX in str(getattr(asset, "filename", "")) for asset in context["script_files"]):
        where = [context["pathto"](f"_static/mathjax/{part}.js", resource=True) for part in MATHJAX_PARTS]
        links = "".join(f'<link rel="preload" as="script" href="{path}" />\n' for path in where)
        context["metatags"] = context.get("metatags", "") + links
    context["body"] = context.get("body", "")
    for pattern, replacement in MENDED.items():
        context["body"] = re.sub(pattern, replacement, context["body"], flags=re.DOTALL)


def finish(app: Sphinx, problem: Exception | None) -> None:
    """Put MathJax and the typeface beside the pages."""
    if problem or app.builder.name != "html":
        return
    out = Path(app.outdir)
    if not (out / "_static" / "mathjax" / MATHJAX).exists():
        copy_mathjax(out / "_static" / "mathjax")
    if not (out / "_static" / "fonts" / "LICENSE.txt").exists():
        cut_fonts(out / "_static" / "fonts")
    for source in (out / "_sources").rglob("*.md*"):
        if "claims" in (text := source.read_text(encoding="utf-8")):  # as in the tag of such a cell
            source.write_text(without_claims(text), encoding="utf-8")


def given(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    r"""Show a number that was chosen or quoted, not measured: {given}`0.1`. All others arrive by glue."""
    return [nodes.inline(rawtext, text, classes=["given"])], []


def whole_streams(outputs: list[Any]) -> list[Any]:
    """Join the pieces of what a cell printed before MyST-NB does."""
    first: dict[str, Any] = {}
    joined = []
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in first:
            first[output["name"]]["text"] += output["text"]
            continue
        if output["output_type"] == "stream":
            first[output["name"]] = output
        joined.append(output)
    return coalesce_streams(joined)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all of the above."""
    app.setup_extension("sphinx_proof")
    app.add_domain(MergeableProofDomain, override=True)
    app.add_config_value("nnz_made_by", "", "env", str)
    app.add_role("given", given)
    app.add_role("built-on", built_on)
    render.coalesce_streams = whole_streams
    myst_nb.sphinx_.create_client = client_for
    # For each citation it would be looked for among all that is installed.
    register_plugin("pybtex.backends", "plaintext", Backend, force=True)
    app.connect("config-inited", prepare, priority=900)
    app.connect("builder-inited", before_reading)
    app.connect("env-get-outdated", ran_again)
    app.connect("html-page-context", mend_page, priority=900)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
