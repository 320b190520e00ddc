"""What one page shows of another: a figure with its description, or a number, of this very build.

    ```{borrowed} leaderboard fig-leaderboard-book
    A caption of its own.
    ```

    {borrowed}`leaderboard leaderboard.best`

Nothing is computed again. If the other page runs again, this one is set again. A borrowed figure has no number:
it has one where it is at home.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)


class borrowed_figure(nodes.figure):
    """A figure without a number."""


class borrowed_image(nodes.General, nodes.Element):
    """Stands where the image of another page will be."""


class borrowed_text(nodes.Inline, nodes.TextElement):
    """Stands where the number of another page will be."""


class BorrowedFigure(SphinxDirective):
    """`{borrowed} page figure`: the image of a figure of another page, with the caption in the body."""

    required_arguments = 2
    has_content = True

    def run(self) -> list[nodes.Node]:
        page, name = self.arguments
        depend(self.env, page)
        figure = borrowed_figure(
            ids=[nodes.make_id(f"borrowed-{name}")], align="default", classes=["borrowed"]
        )
        place = borrowed_image(docname=beside(self.env.docname, page), figure=name)
        self.set_source_info(place)
        figure += place
        caption = nodes.caption("", "", *self.parse_inline(" ".join(self.content), lineno=self.lineno)[0])
        self.set_source_info(caption)
        figure += caption
        return [figure]


class BorrowedText(SphinxRole):
    """`` {borrowed}`page name` ``: what another page glued under a name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        page, _, name = self.text.partition(" ")
        depend(self.env, page)
        place = borrowed_text(docname=beside(self.env.docname, page), glued=name.strip())
        self.set_source_info(place)
        return [place], []


def beside(docname: str, page: str) -> str:
    """Return the document of a page in the same folder."""
    folder, slash, _ = docname.rpartition("/")
    return f"{folder}{slash}{page}"


def depend(env: BuildEnvironment, page: str) -> None:
    """Set the page at work again if the text of the other one has changed, or it was executed again."""
    docname = beside(env.docname, page)
    if docname in env.found_docs:
        env.note_dependency(str(env.doc2path(docname)))
    if folder := os.environ.get("NNZ_PAGES"):
        env.note_dependency(str(Path(folder, f"{page}.ipynb")))


class Borrow(SphinxPostTransform):
    """Put in what was borrowed, as the other pages have it now."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        for place in list(self.document.findall(borrowed_image)):
            found = figure_of(self.env, place["docname"], place["figure"])
            self._put(place, found.deepcopy() if found is not None else None, place["figure"])
        for place in list(self.document.findall(borrowed_text)):
            text = glued(self.env, place["docname"]).get(place["glued"])
            self._put(place, nodes.Text(text) if text is not None else None, place["glued"])

    def _put(self, place: nodes.Element, found: nodes.Node | None, name: str) -> None:
        if found is None:
            logger.warning("borrowed: %s has no %r", place["docname"], name, location=place)
            place.parent.remove(place)
        else:
            place.replace_self(found)


def figure_of(env: BuildEnvironment, docname: str, name: str) -> nodes.image | None:
    """Return the image of a figure of a page, or None if there is no such page or figure."""
    if docname not in env.found_docs:
        return None
    for figure in env.get_doctree(docname).findall(nodes.figure):
        if {name, nodes.make_id(name)} & {*figure["names"], *figure["ids"]}:
            return next(iter(figure.findall(nodes.image)), None)
    return None


def glued(env: BuildEnvironment, docname: str) -> dict[str, str]:
    """Return the texts that a page has glued, by name."""
    folder = Path(env.app.outdir).parent / "jupyter_execute"  # where MyST-NB keeps what was glued
    path = folder / f"{docname}.glue.json"
    if not path.is_file():
        return {}
    outputs = json.loads(path.read_text(encoding="utf-8"))
    texts = {name: output["data"].get("text/plain") for name, output in outputs.items()}
    return {name: str(ast.literal_eval(text)) for name, text in texts.items() if text is not None}


def as_figure(way: str) -> Callable[[Any, nodes.Node], None]:
    """Return what does with our figure as a writer does with any other, on the way in or out."""

    def do(self: Any, node: nodes.Node) -> None:
        getattr(self, f"{way}_figure")(node)

    return do


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    both = (as_figure("visit"), as_figure("depart"))
    app.add_node(borrowed_figure, **dict.fromkeys(("html", "latex", "text", "man", "texinfo"), both))
    app.add_node(borrowed_image)
    app.add_node(borrowed_text)
    app.add_directive("borrowed", BorrowedFigure)
    app.add_role("borrowed", BorrowedText())
    app.add_post_transform(Borrow)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
