"""The ledger of claims: gather what chapters recorded, and stop a build that broke its word."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.core.config import NbParserConfig
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from nnz.support.claims import ClaimError, book_claims, show, verdicts
from nnz.support.house import over_budget

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger(__name__)


class ledger(nodes.General, nodes.Element):
    """Stands where the table of all claims will be."""


class Ledger(SphinxDirective):
    """`{ledger}`: every claim of the book with what was measured."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # other pages' measurements change it
        return [ledger()]


def recorded(app: Sphinx) -> Iterator[dict[str, Any]]:
    """Yield each claim that a page of this build recorded, with the page's name."""
    config: NbParserConfig = app.env.mystnb_config  # type: ignore[attr-defined]
    for docname in sorted(app.env.found_docs):
        path = Path(config.output_folder, f"{docname}.glue.json")
        if not path.is_file():
            continue
        for output in json.loads(path.read_text(encoding="utf-8")).values():
            if record := output["metadata"].get("nnz_claim"):
                yield {**record, "page": docname}


def fill_ledger(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace the ledger's place with a table of what has been recorded."""
    for place in list(doctree.findall(ledger)):
        order = list(book_claims())
        records = sorted(
            recorded(app), key=lambda record: order.index(record["id"])
        )
        place.replace_self(_table(app, docname, records))


def _table(app: Sphinx, docname: str, records: list[dict[str, Any]]) -> nodes.table:
    heads = {"Claim and source": 6, "Claimed": 2, "Measured": 2, "Verdict": 1}
    columns = (nodes.colspec(colwidth=width) for width in heads.values())
    group = nodes.tgroup("", *columns, cols=len(heads))
    group += nodes.thead("", nodes.row("", *(_cell(head) for head in heads)))
    body = nodes.tbody()
    for record in records:
        to_page = app.builder.get_relative_uri(docname, record["page"])
        name = nodes.literal("", record["id"])
        link = nodes.reference("", "", name, internal=True, refuri=to_page)
        where = (
            " Holds for names.txt alone." if record["data"] == "names.txt" else ""
        )
        varies = " Differs from build to build." if record["varies"] else ""
        source = nodes.paragraph(
            "", f"{record['source']}.{where}{varies}", classes=["source"]
        )
        said = nodes.paragraph("", "", nodes.Text(record["statement"] + " "), link)
        unit = f" {record['unit']}" if record["unit"] else ""
        body += nodes.row(
            "",
            nodes.entry("", said, source),
            _cell(record["bound"]),
            _cell(show(record) + unit),
            _cell(record["verdict"]),
        )
    group += body
    return nodes.table("", group, classes=["ledger"])


def _cell(text: str) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", text))


def check_all(app: Sphinx, problem: Exception | None) -> None:
    """Fail the build, after its pages are written, if a claim is missing or a chapter over its budget."""
    if problem or app.builder.name != "html":
        return
    try:
        records = verdicts(recorded(app), book_claims())
    except ClaimError as error:
        raise ExtensionError(f"claims: {error}") from error
    out = Path(app.outdir).parent / "claims.json"
    out.write_text(
        json.dumps({record["id"]: record for record in records}, indent=1) + "\n",
        encoding="utf-8",
    )
    unchecked = sum(record["verdict"] != "holds" for record in records)
    logger.info(
        "claims: %d hold, %d not checked on this data",
        len(records) - unchecked,
        unchecked,
    )
    if slow := over_budget(
        seconds(app),
        tomllib.loads((ROOT / "chapters.toml").read_text(encoding="utf-8")),
    ):
        raise ExtensionError("; ".join(slow))


def seconds(app: Sphinx) -> dict[str, float]:
    """Return how long each chapter's code ran when it was last executed."""
    return {
        docname.rpartition("/")[2]: data["runtime"]
        for docname, meta in app.env.nb_metadata.items()  # type: ignore[attr-defined]
        if (data := meta.get("exec_data")) and data.get("runtime") is not None
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the ledger and the last word."""
    app.add_directive("ledger", Ledger)
    app.add_node(ledger)
    app.connect("doctree-resolved", fill_ledger)
    app.connect("build-finished", check_all)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
