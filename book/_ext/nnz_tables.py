"""Tables that directives make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from docutils import nodes


def table(columns: Mapping[str, int], rows: Iterable[nodes.row], classes: Sequence[str] = ()) -> nodes.table:
    """Return a table of columns, by name with their widths, and of rows."""
    group = nodes.tgroup("", cols=len(columns))
    group += [nodes.colspec(colwidth=width) for width in columns.values()]
    group += nodes.thead("", row(*columns))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=list(classes))


def row(*cells: str | nodes.paragraph | Sequence[nodes.paragraph], name: str = "") -> nodes.row:
    """Return a row, to which one can link if it has a name; a cell is a text, a paragraph, or several."""
    entries = (nodes.entry("", *_paragraphs(cell)) for cell in cells)
    return nodes.row("", *entries, ids=[name] if name else [])


def _paragraphs(cell: str | nodes.paragraph | Sequence[nodes.paragraph]) -> Sequence[nodes.paragraph]:
    if isinstance(cell, str):
        return [nodes.paragraph("", cell)]
    return [cell] if isinstance(cell, nodes.paragraph) else cell
