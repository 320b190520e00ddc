"""Mark what a first reading can leave out: `{workshop}` below a heading, and say how long a page takes to read.

A section that begins with `{workshop}` is folded, marked in the table of contents, and counted apart. `{times}`
shows the minutes of all chapters, `` {minutes}`bigram ngram` `` those of some, and every chapter says its own
below its title.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.writers.html5 import HTML5Translator

from nnz.press.pages import chapters
from nnz_tables import row, table

ROOT = Path(__file__).resolve().parents[2]
# A minute of reading: so many words, or so many lines of code.
WORDS, LINES = 200, 20
logger = logging.getLogger(__name__)
MARK = "Workshop: no later section needs it"
Minutes = tuple[float, float]  # of the spine, and of the workshops


class workshop(nodes.General, nodes.Element):
    """Opens the fold of a workshop section."""


class workshop_end(nodes.General, nodes.Element):
    """Closes it."""


class times(nodes.General, nodes.Element):
    """Stands where the table of minutes will be."""


class some_minutes(nodes.Inline, nodes.TextElement):
    """Stands where the minutes of some chapters will be, without their workshops."""


class Workshop(SphinxDirective):
    """`{workshop}`: the section which it opens can be left out."""

    def run(self) -> list[nodes.Node]:
        place = self.get_source_info()
        node = workshop()
        node.source, node.line = place
        return [node]


class Times(SphinxDirective):
    """`{times}`: how long each chapter takes to read, and its workshops."""

    def run(self) -> list[nodes.Node]:
        return [times()]


class SomeMinutes(SphinxRole):
    """`` {minutes}`bigram ngram` ``: how long these chapters take to read, without their workshops."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        place = some_minutes(chapters=self.text.split())
        self.set_source_info(place)
        return [place], []


class FoldWorkshops(SphinxTransform):
    """Fold the sections that are workshops, and note how long the page takes to read."""

    default_priority = 700

    def apply(self, **kwargs: Any) -> None:
        for node in list(self.document.findall(workshop)):
            section = node.parent
            if not isinstance(section, nodes.section) or section.index(node) != 1:
                raise ExtensionError(
                    f"{node.source}:{node.line}: workshop has to stand right below a heading"
                )
            section["classes"].append("workshop")
            section[0] += nodes.inline("", " · workshop", classes=["workshop-mark"])
            node["minutes"] = minutes(section)[0]
            section += workshop_end()
        if Path(self.env.docname).name in chapters(ROOT):
            spine, folded = found = minutes(self.document)
            # Sphinx clears, pickles and merges what stands in here.
            self.env.metadata[self.env.docname]["minutes"] = found
            title = next(iter(self.document.findall(nodes.title)), None)
            if title is not None:
                more = f", and {folded:.0f} more for its workshops" if folded else ""
                words = f"About {spine:.0f} minutes to read{more}."
                title.parent.insert(1, nodes.paragraph("", words, classes=["reading-time"]))


def minutes(top: nodes.Element) -> Minutes:
    """Return the minutes that what is below a node takes: outside of workshops, and in them."""
    found = [0.0, 0.0]
    for text in top.findall(nodes.Text):
        inside, code, shown = False, False, True
        node: Any = text.parent
        while node is not None and node is not top:
            inside |= isinstance(node, nodes.section) and "workshop" in node["classes"]
            code |= isinstance(node, nodes.literal_block)
            classes = node.get("classes", []) if isinstance(node, nodes.Element) else []
            shown &= not {"cell_output", "dropdown", "solution", "answer"}.intersection(classes)
            node = node.parent
        if shown:
            lines = text.astext().splitlines()
            found[inside] += sum(map(bool, lines)) / LINES if code else len(text.astext().split()) / WORDS
    return found[0], found[1]


def show_times(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{times}` by the table."""
    for node in list(doctree.findall(times)):
        found = {name: facts["minutes"] for name, facts in app.env.metadata.items() if "minutes" in facts}
        there = list(chapters(ROOT))
        order = sorted(found, key=lambda name: there.index(Path(name).name))
        rows = [(app.env.titles[name].astext(), *found[name]) for name in order]
        rows.append(("all", sum(round(row[1]) for row in rows), sum(round(row[2]) for row in rows)))
        columns = {"chapter": 60, "minutes": 20, "workshops": 20}
        shown = (row(name, f"{spine:.0f}", f"{folded:.0f}") for name, spine, folded in rows)
        node.replace_self(table(columns, shown, ["times"]))


def show_minutes(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each `{minutes}` by their sum, rounded as the table rounds."""
    for node in list(doctree.findall(some_minutes)):
        known = {
            Path(name).name: facts["minutes"]
            for name, facts in app.env.metadata.items()
            if "minutes" in facts
        }
        for name in node["chapters"]:
            if name not in known:
                logger.warning("minutes: there is no chapter %r", name, location=node)
        total = sum(round(known[name][0]) for name in node["chapters"] if name in known)
        node.replace_self(nodes.Text(f"{total}"))


def visit_workshop(self: HTML5Translator, node: workshop) -> None:
    """Open the fold."""
    n = max(1, round(node["minutes"]))
    summary = f"{MARK}. About {n} minute{'s' * (n > 1)}."
    self.body.append(f'<details class="workshop"><summary>{summary}</summary>\n')


def visit_end(self: HTML5Translator, node: workshop_end) -> None:
    """Close it."""
    self.body.append("</details>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for node, visit in ((workshop, visit_workshop), (workshop_end, visit_end)):
        app.add_node(node, html=(visit, skip), text=(skip, skip), latex=(skip, skip))
    app.add_node(times)
    app.add_node(some_minutes)
    app.add_role("minutes", SomeMinutes())
    app.add_directive("workshop", Workshop)
    app.add_directive("times", Times)
    app.add_transform(FoldWorkshops)
    app.connect("doctree-resolved", show_times)
    app.connect("doctree-resolved", show_minutes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
