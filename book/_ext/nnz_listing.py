"""Show the package's own source: `{listing}`, `{outline}`, and a page for each file of code.

`{listing} nnz.bigram.BigramCounts.fit` finds the object with `ast`, leaves its docstring out (the
API reference has it), keeps the true line numbers, and links to the whole file and to its tests.
`:members:` shows a class's head with some of its members. `{outline}` lists what the page's
listings defined.
"""

from __future__ import annotations

import html
import os
import posixpath
import re
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parallel import ParallelTasks, SerialTasks, make_chunks, parallel_available
from sphinx.writers.html5 import HTML5Translator

from nnz.press.listing import Excerpt, ListingError, find, find_all, is_public, names_in
from nnz_strict import digest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
TESTS = ROOT / "tests"
TITLE, BODY = "title-of-a-file", "<p>body-of-a-file</p>"  # what stands for them in the page of a folder
EXPERIMENTS = "nnz.experiments."
EXERCISES = "nnz.exercises."  # their answers are shown, folded, and are no part of a chapter's outline


def label(module: str, name: str) -> str:
    """Return the label of a listing; two modules may each have a function of the same name."""
    parts = [*module.split(".")[1:], *name.split(".")]
    return "listing-" + "-".join(part.lower().strip("_") for part in parts)


class listing_block(nodes.literal_block):
    """Python source whose lines carry their numbers in the file."""


class outline(nodes.General, nodes.Element):
    """Stands where the outline of the page's definitions will be."""


def code_page(path: Path) -> str:
    """Return the name of the page that shows a file of the project."""
    top = SOURCE if path.is_relative_to(SOURCE) else ROOT
    return f"_code/{path.relative_to(top).with_suffix('').as_posix()}"


def test_file(module: str) -> Path:
    """Return the file that tests a module."""
    if module.startswith(EXERCISES):
        return TESTS / "test_exercises.py"
    name = module.rpartition(".")[2]
    if module.startswith(EXPERIMENTS):
        wanted = [f"test_experiments_{name}.py"]
        wanted += [] if (SOURCE / "nnz" / f"{name}.py").is_file() else [f"test_{name}.py"]
        there = [TESTS / file for file in wanted if (TESTS / file).is_file()]
        return there[0] if there else TESTS / "test_experiments.py"
    return TESTS / f"test_{name}.py"


def first_mention(path: Path, name: str) -> int:
    """Return the number of the first line after the imports of a test file that mentions a name, or 1."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith(("import ", "from ")) and word.search(line):
            return number
    return 1


class Listing(SphinxDirective):
    """`{listing} nnz.module.Name [nnz.module.Other ...]`, with `:members: a, b` and `:name:`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = {"members": directives.unchanged, "name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        wanted = self.arguments[0].split()
        members = names_in(self.options.get("members"))
        try:
            excerpts = find_all(SOURCE, wanted, members)
        except ListingError as error:
            raise self.error(f"listing: {error}") from error
        if not (tests := test_file(excerpts[0].module)).is_file():
            raise self.error(f"listing: {excerpts[0].module} has no tests; expected tests/{tests.name}.")
        self.options.setdefault("name", label(excerpts[0].module, excerpts[0].names[-1]))
        block = self.block(excerpts)
        wrapper = nodes.container("", literal_block=True, classes=["literal-block-wrapper", "listing"])
        wrapper += self.caption(excerpts, tests)
        wrapper += block
        self.set_source_info(wrapper)
        self.add_name(wrapper)
        self.record(excerpts, wrapper["ids"][0])
        for excerpt in excerpts:
            self.env.note_dependency(str(excerpt.path))
        self.env.note_dependency(str(tests))
        return [wrapper]

    def block(self, excerpts: list[Excerpt]) -> listing_block:
        text = "\n\n".join(excerpt.text.rstrip("\n") for excerpt in excerpts) + "\n"
        numbers: list[int] = []
        for excerpt in excerpts:
            between = [0] if numbers else []  # the blank line between two objects has no number
            numbers += [*between, *(line.number for line in excerpt.lines)]
        return listing_block(text, text, language="python", numbers=numbers, force=False, highlight_args={})

    def caption(self, excerpts: list[Excerpt], tests: Path) -> nodes.caption:
        first = excerpts[0]
        name = ", ".join(excerpt.names[0] for excerpt in excerpts)
        source = self.link(first.path, first.lines[0].number)
        checked = self.link(tests, first_mention(tests, first.names[-1].rpartition(".")[2]))
        caption = nodes.caption(self.block_text, "")
        caption += nodes.literal("", name)
        caption += nodes.Text(" in ")
        caption += nodes.reference(
            "", first.path.relative_to(SOURCE).as_posix(), internal=True, refuri=source, classes=["to-source"]
        )
        caption += nodes.Text(", ")
        caption += nodes.reference("", "its tests", internal=True, refuri=checked, classes=["to-tests"])
        return caption

    def link(self, path: Path, line: int) -> str:
        return f"{self.env.app.builder.get_relative_uri(self.env.docname, code_page(path))}#L-{line}"

    def record(self, excerpts: list[Excerpt], target: str) -> None:
        shown = _shown(self.env).setdefault(self.env.docname, [])
        shown += [(excerpt.module, name, target) for excerpt in excerpts for name in excerpt.names]


def _shown(env: BuildEnvironment) -> dict[str, list[tuple[str, str, str]]]:
    if not hasattr(env, "nnz_listings"):
        env.nnz_listings = {}
    return env.nnz_listings


def visit_listing(self: HTML5Translator, node: listing_block) -> None:
    """Write the block as Sphinx writes code, and put the true line numbers in."""
    code = self.highlighter.highlight_block(node.rawsource, "python", linenos="inline", location=node)
    numbers: list[int] = node["numbers"]
    width = len(str(max(numbers)))
    position = iter(range(len(numbers)))

    def true_number(match: re.Match[str]) -> str:
        index = next(position)
        gap = index and numbers[index - 1] and numbers[index] > numbers[index - 1] + 1
        shown = str(numbers[index] or "").rjust(width)
        return f'<span class="linenos{" skipped" if gap else ""}">{shown}</span>'

    code = re.sub(r'<span class="linenos">\s*\d+</span>', true_number, code)
    self.body.append(
        self.starttag(node, "div", suffix="", CLASS="highlight-python notranslate") + code + "</div>\n"
    )
    raise nodes.SkipNode


class Outline(SphinxDirective):
    """`{outline}`: what this page's listings defined, in their order."""

    def run(self) -> list[nodes.Node]:
        return [outline()]


def fill_outlines(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each outline with a list of links to the page's listings."""
    for place in list(doctree.findall(outline)):
        modules: dict[str, nodes.paragraph] = {}
        for module, name, target in _shown(app.env).get(docname, []):
            short = name.rpartition(".")[2]
            if not is_public(short) or short.startswith("__"):
                continue
            if module.startswith(EXERCISES):
                continue
            if module in modules:
                modules[module] += nodes.Text(", ")
            line = modules.setdefault(module, nodes.paragraph())
            line += nodes.reference("", "", nodes.literal("", name), internal=True, refid=target)
        listed = nodes.definition_list(classes=["outline"])
        for module, line in modules.items():
            term = nodes.term("", "", nodes.literal("", module))
            listed += nodes.definition_list_item("", term, nodes.definition("", line))
        place.replace_self(listed if modules else nodes.paragraph("", "This page defines nothing."))


def code_files() -> list[Path]:
    """Return every file of code that the site shows whole."""
    return sorted([*SOURCE.rglob("*.py"), *TESTS.glob("*.py")])


def by_folder() -> list[list[Path]]:
    """Return these files, those of a folder together."""
    folders: dict[Path, list[Path]] = {}
    for path in code_files():
        folders.setdefault(path.parent, []).append(path)
    return list(folders.values())


def code_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Write a page for each file of the package and of its tests, with an anchor on each line.

    The theme makes the first page of each folder, which is yielded to it; the others there are the same but for
    their name, title and code. To make the navigation of each anew would take longer than all else.
    """
    tasks = ParallelTasks(app.parallel) if parallel_available and app.parallel > 1 else SerialTasks()
    mark = f"<!-- {around(app)} -->"
    for files in by_folder():
        pages = {path: Path(app.outdir, f"{code_page(path)}.html") for path in files}
        changed = [path for path, page in pages.items() if is_newer(path, page) or end_of(page, mark) != mark]
        if not changed:
            continue
        first = files[0]
        yield (code_page(first), {"title": TITLE, "body": BODY, "parents": [], "meta": {}}, "page.html")
        shell = pages[first].read_text(encoding="utf-8") + mark
        there = {path: pages[path] for path in dict.fromkeys([first, *changed])}
        for some in make_chunks([*there], app.parallel):
            tasks.add_task(partial(fill_in, shell, first), {path: there[path] for path in some})
    tasks.join()


def around(app: Sphinx) -> str:
    """Return a fingerprint of what stands around the code: titles to go by, styles, scripts, their makers."""
    titles = [(name, title.astext()) for name, title in sorted(app.env.titles.items())]
    static = [path.read_bytes() for path in sorted((ROOT / "book" / "_static").glob("*.[cj]s*"))]
    return sha256(repr((app.config.nnz_made_by, titles, static)).encode()).hexdigest()


def end_of(page: Path, mark: str) -> str:
    """Return the end of a page, as long as a mark is."""
    with page.open("rb") as file:
        file.seek(-min(page.stat().st_size, len(mark)), os.SEEK_END)
        return file.read().decode("utf-8", "replace")


def fill_in(shell: str, first: Path, pages: dict[Path, Path]) -> None:
    """Write pages of files of code, from that of the first of their folder without its title and code."""
    formatter = HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True, wrapcode=True)
    for path, page in pages.items():
        title = html.escape(path.relative_to(ROOT).as_posix())
        code = highlight(path.read_text(encoding="utf-8"), PythonLexer(), formatter)
        code = code.replace("<pre>", '<pre tabindex="0">', 1)
        body = f'<h1><code>{title}</code></h1>\n<div class="highlight-python whole-file">{code}</div>'
        text = renamed(shell, code_page(first), code_page(path))
        page.write_text(text.replace(TITLE, title).replace(BODY, body), encoding="utf-8")


def renamed(page: str, old: str, new: str) -> str:
    """Return a page under another name; a policy then has the digest of the script with that name."""
    name = re.compile(rf"{re.escape(old)}(?![\w-])")
    for script in re.findall(r"<script[^>]*>([^<]+)</script>", page):
        page = page.replace(digest(script), digest(name.sub(new, script)))
    return name.sub(new, page)


def is_newer(source: Path, page: Path) -> bool:
    """Say whether a file of code was changed after its page was written."""
    return not page.exists() or page.stat().st_mtime <= source.stat().st_mtime


def resolve_code_link(domain: str, info: dict[str, str]) -> str | None:
    """Lead from the API reference to the line where a definition starts (sphinx.ext.linkcode)."""
    if domain != "py" or not info["module"]:
        return None
    try:
        excerpt = find(SOURCE, f"{info['module']}.{info['fullname']}")
    except ListingError:
        return None
    return posixpath.join("..", f"{code_page(excerpt.path)}.html#L-{excerpt.lines[0].number}")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what a page showed, before it is read again."""
    _shown(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process's pages showed."""
    _shown(env).update({name: shown for name, shown in _shown(other).items() if name in docnames})


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and the pages of code."""
    app.add_directive("listing", Listing)
    app.add_directive("outline", Outline)
    app.add_node(listing_block, html=(visit_listing, None))
    app.add_node(outline)
    app.connect("doctree-resolved", fill_outlines)
    app.connect("html-collect-pages", code_pages)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.config.linkcode_resolve = resolve_code_link
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
