"""What a reader takes along: notebooks beside the pages, links to them, and `{downloads}`: what is there.

The setting `notebooks_branch` names the branch of the repository to which the notebooks were pushed
(CONTRIBUTING). With it, and with `repository_url`, chapters lead to Colab and Binder. It is empty by default.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

import nnz_following
from nnz.press import copies, take
from nnz.press.notebooks import NotebookError
from nnz.press.pages import chapters

ROOT = Path(__file__).resolve().parents[2]


class Downloads(SphinxDirective):
    """`{downloads}`: what can be taken along, with sizes; filled in once all files have been written."""

    def run(self) -> list[nodes.Node]:
        text = f"{take.BEGIN}{take.NOTHING}{take.END}"
        return [nodes.raw("", text, format="html")]


def executed(app: Sphinx) -> dict[str, Path]:
    """Return the chapters that have cells, and what MyST-NB wrote of each: the page with its outputs."""
    folder = Path(app.outdir).parent / "jupyter_execute"
    there = {name: folder / f"{name}.ipynb" for name in sorted(app.env.found_docs)}
    known = chapters(ROOT)
    return {name: path for name, path in there.items() if Path(name).name in known and path.is_file()}


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None) -> None:
    """Put the notebooks of a chapter into the menu of what can be downloaded."""
    if app.builder.name != "html" or page not in app.env.found_docs or page not in executed(app):
        return
    found = copies.buttons(
        Path(page).name,
        lambda file: context["pathto"](file, 1),
        nnz_following.of(app),
        app.config.notebooks_branch,
    )
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons":
            group["buttons"][:0] = found


def stub(name: str) -> str:
    """Return what an answer to an exercise begins with."""
    from nnz import exercises  # and torch with it, which a book without exercises does not need

    return str(getattr(exercises, name).stub).rstrip()


def write(app: Sphinx, problem: Exception | None) -> None:
    """Write the notebooks, and fill in the list of downloads."""
    if problem or app.builder.name != "html":
        return
    html, pages = Path(app.outdir), executed(app)
    for name in pages:
        to_be_saved(html / f"{name}.html")  # first, since notebooks are newer than their pages
    try:
        copies.write(html, pages, nnz_following.of(app), take.edition(ROOT), stub, jobs=app.parallel)
    except NotebookError as error:
        raise ExtensionError(str(error)) from error
    take.refresh(html)


def to_be_saved(page: Path) -> None:
    """Let a browser save a notebook that a page leads to; the theme's links open in a new tab."""
    text = page.read_text(encoding="utf-8")
    saved = re.sub(r'(href="[^"]*\.ipynb") target="_blank"', r"\1 download", text)
    if saved != text:
        page.write_text(saved, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("nnz_following")
    app.add_config_value("notebooks_branch", "", "html", str)
    app.add_directive("downloads", Downloads)
    app.connect("html-page-context", offer, priority=900)
    app.connect(
        "build-finished", write, priority=950
    )  # the last: files are newer than the pages they come from
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
