"""The ledger of claims: gather what chapters recorded, and stop a build that broke its word.

A cell with the tag `claims` is not shown. In its place stands a small mark, which leads to the ledger.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.core.config import NbParserConfig
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from nnz.press.claims import (
    HERE,
    ClaimError,
    about_recording,
    book_claims,
    data_kind,
    describe_machine,
    show,
    verdicts,
)
from nnz.press.recordings import Recording, RecordingError, about, command, experiments, folder, recording
from nnz_tables import row, table

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger(__name__)


class ledger(nodes.General, nodes.Element):
    """Stands where the table of all claims will be."""


class recordings(nodes.General, nodes.Element):
    """Stands where the table of all recordings will be."""


class checked(nodes.General, nodes.Element):
    """The mark of what was claimed of the cell before: its claims by id, and, once resolved, where it leads."""


class Recordings(SphinxDirective):
    """`{recordings}`: every recording of the book, how it was made and how it is made again."""

    def run(self) -> list[nodes.Node]:
        for path in sorted(folder().glob("*.json")):
            self.env.note_dependency(str(path))
        return [recordings()]


def recorded_role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """`` {recorded}`dilated.short mean dev | 2` ``: a number from a recording, marked as one, with two digits."""
    asked, _, digits = text.partition("|")
    which, _, expression = asked.strip().partition(" ")
    try:
        kept = recording(which)
        value = kept.value(expression)
    except RecordingError as error:
        message = inliner.reporter.error(f"recorded: {error}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    env = inliner.document.settings.env
    env.note_dependency(str(folder() / f"{which}.json"))
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.{int(digits or 4)}f}"
    return [_marked(env, kept, shown.replace("-", "−"))], []


def _marked(env: Any, kept: Recording, shown: str) -> nodes.Node:
    """Return a number with the mark of a recording, which leads to the ledger and says how to repeat it."""
    tip = (
        f"Recorded over {kept.seeds()} seeds on {kept.date}, not computed in this build: {command(kept.name)}"
    )
    where = (
        env.app.builder.get_relative_uri(env.docname, "book/ledger")
        if "book/ledger" in env.found_docs
        else ""
    )
    reference = nodes.reference(
        "",
        "",
        nodes.Text(shown),
        nodes.superscript("", "", nodes.Text("r")),
        internal=True,
        refuri=f"{where}#{anchor('recording', kept.name)}",
        reftitle=tip,
        classes=["recorded"],
    )
    return reference


def anchor(kind: str, name: str) -> str:
    """Return the anchor of a row in the ledger, of a `claim` or a `recording`."""
    return f"{kind}-" + name.replace(".", "-").replace("_", "-")


def fill_recordings(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace the place of the recordings with their table."""
    for place in list(doctree.findall(recordings)):
        columns = {"Experiment": 5, "Seeds": 1, "Seconds of a core": 1, "Made on": 4, "Again": 3}
        rows = []
        for name in experiments():
            try:
                kept = recording(name)
            except RecordingError as error:
                logger.warning("recordings: %s", error)
                continue
            made = ", ".join([kept.date, kept.processor, *(f"{k} {v}" for k, v in kept.versions.items())])
            said = nodes.paragraph("", "", nodes.Text(about(name) + " "), nodes.literal("", name))
            seconds = f"{sum(kept.seconds.values()):,.0f}"
            again = nodes.paragraph("", "", nodes.literal("", command(name)))
            rows.append(row(said, str(kept.seeds()), seconds, made, again, name=anchor("recording", name)))
        place.replace_self(table(columns, rows, ["ledger", "recordings"]))


class Ledger(SphinxDirective):
    """`{ledger}`: every claim of the book with what was measured."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # other pages' measurements change it
        return [ledger()]


class Machine(SphinxDirective):
    """`{machine}`: what this copy was built on, in a line."""

    def run(self) -> list[nodes.Node]:
        return [nodes.paragraph("", f"{describe_machine()}.", classes=["machine"])]


def recorded(app: Sphinx) -> Iterator[dict[str, Any]]:
    """Yield each claim that a page of this build recorded, with the page's name."""
    for docname in sorted(app.env.found_docs):
        for _, record in of_page(app, docname):
            yield {**record, "page": docname}


def of_page(app: Sphinx, docname: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each claim that a page recorded, with the number of the cell that did it."""
    config: NbParserConfig = app.env.mystnb_config
    path = Path(config.output_folder, f"{docname}.glue.json")
    if path.is_file():
        for output in json.loads(path.read_text(encoding="utf-8")).values():
            if record := output["metadata"].get("nnz_claim"):
                yield output["metadata"]["nnz_cell"], record


def hide_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Put a mark in the place of each cell with the tag `claims`; what it glued is registered already."""
    cells = [node for node in doctree.findall(nodes.container) if "tag_claims" in node["classes"]]
    if not cells:
        return
    made: dict[int, list[str]] = {}
    for cell, record in of_page(app, app.env.docname):
        made.setdefault(cell, []).append(record["id"])
    for node in cells:
        ids = made.get(node["cell_index"], [])
        place = node.parent.index(node)
        before = node.parent[place - 1] if place else None
        if isinstance(before, checked):
            before["claims"] += ids
        elif ids:
            node.parent.insert(place, checked(claims=ids))
        node.parent.remove(node)


def fill_marks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say in each mark what came of its claims and where they stand in the ledger."""
    places = list(doctree.findall(checked))
    records = {record["id"]: record for _, record in of_page(app, docname)} if places else {}
    for place in places:
        place["records"] = [records[name] for name in place["claims"]]
        if "book/ledger" in app.env.found_docs:
            ledger_page = app.builder.get_relative_uri(docname, "book/ledger")
            place["refuri"] = f"{ledger_page}#{anchor('claim', place['claims'][0])}"


def said_of(records: Sequence[dict[str, Any]]) -> str:
    """Return the few words of a mark: how many claims were checked, or how many of them hold."""
    holding = sum(record["verdict"] in ("holds", HERE) for record in records)
    if holding == len(records):
        return f"{holding} checked" if holding > 1 else "checked"
    if all(record["verdict"] == "not checked" for record in records):
        return "not checked"
    return f"{holding} of {len(records)} hold"


def visit_checked(self: HTML5Translator, node: checked) -> None:
    """Write the mark: a link whose tip, and whose name for a screen reader, lists the claims."""
    said = said_of(node["records"])
    each = [f"{record['statement']}: {record['verdict']}" for record in node["records"]]
    link = {
        "title": "\n".join(each),
        "aria-label": f"{said}: {'; '.join(each)}. To the ledger.",
        **({"href": node["refuri"]} if "refuri" in node else {}),
    }
    given = " ".join(f'{key}="{escape(value)}"' for key, value in link.items())
    tick = "" if said.endswith("hold") or said == "not checked" else ' <span aria-hidden="true">✓</span>'
    self.body.append(f'<p class="checked"><a {given}>{said}{tick}</a></p>\n')
    raise nodes.SkipNode


def skip(self: nodes.NodeVisitor, node: nodes.Node) -> None:
    """Leave a mark out where nobody can follow it."""
    raise nodes.SkipNode


def fill_ledger(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace the ledger's place with a table of what has been recorded."""
    for place in list(doctree.findall(ledger)):
        records = list(recorded(app))
        for claim in book_claims().values():
            if claim.of_recording:
                with suppress(ClaimError):  # check_all says what is wrong with it
                    records.append(about_recording(claim, data_kind()))
        records = in_order(app, records)
        columns = {"Claim and source": 6, "Claimed": 2, "Measured": 2, "Verdict": 1}
        place.replace_self(table(columns, _rows(app, docname, records), ["ledger"]))


def toc_order(app: Sphinx) -> dict[str, int]:
    """Return the place of each page in the table of contents."""
    pages = [app.config.root_doc]
    for page in pages:  # grows as it is read: each page brings those below it
        pages += [name for name in app.env.toctree_includes.get(page, []) if name not in pages]
    return {name: place for place, name in enumerate(pages)}


def in_order(app: Sphinx, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records in the order of the pages, and on a page in that of its file of claims."""
    pages, claims = toc_order(app), list(book_claims())
    return sorted(
        records, key=lambda record: (pages.get(record["page"], len(pages)), claims.index(record["id"]))
    )


def _rows(app: Sphinx, docname: str, records: list[dict[str, Any]]) -> Iterator[nodes.row]:
    """Yield the ledger's row of each record."""
    for record in records:
        to_page = app.builder.get_relative_uri(docname, record["page"])
        name = nodes.literal("", record["id"])
        link = nodes.reference("", "", name, internal=True, refuri=to_page)
        where = " Holds for names.txt alone." if record["data"] == "names.txt" else ""
        varies = " The machine's; a goal, not a condition." if record["varies"] else ""
        if book_claims()[record["id"]].of_recording:
            varies += f" About the recording {record['recorded']}."
        source = nodes.paragraph("", f"{record['source']}.{where}{varies}", classes=["source"])
        said = nodes.paragraph("", "", nodes.Text(record["statement"] + " "), link)
        measured = show(record) + (f" {record['unit']}" if record["unit"] else "")
        cells = (said, source), record["bound"], measured, record["verdict"]
        yield row(*cells, name=anchor("claim", record["id"]))


def check_all(app: Sphinx, problem: Exception | None) -> None:
    """Fail the build, after its pages are written, if a claim is missing, or one on a recording does not hold."""
    if problem or app.builder.name != "html":
        return
    try:
        records = in_order(app, verdicts(recorded(app), book_claims()))
    except ClaimError as error:
        raise ExtensionError(f"claims: {error}") from error
    out = Path(app.outdir).parent / "claims.json"
    out.write_text(
        json.dumps({record["id"]: record for record in records}, indent=1) + "\n", encoding="utf-8"
    )
    count = Counter(record["verdict"] for record in records)
    logger.info("claims: %s", ", ".join(f"{n} {verdict}" for verdict, n in count.items()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the ledger and the last word."""
    app.add_directive("ledger", Ledger)
    app.add_directive("recordings", Recordings)
    app.add_directive("machine", Machine)
    app.add_role("recorded", recorded_role)
    app.add_node(ledger)
    app.add_node(recordings)
    others = ("latex", "text", "man", "texinfo")
    app.add_node(checked, html=(visit_checked, None), **dict.fromkeys(others, (skip, None)))
    app.connect("doctree-read", hide_claims)
    app.connect("doctree-resolved", fill_marks)
    app.connect("doctree-resolved", fill_ledger)
    app.connect("doctree-resolved", fill_recordings)
    app.connect("build-finished", check_all)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
