"""Names in a table: what a file looks like that has more than a name on each line, and one column of it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nnz.plumbing.datasets import DataError

LOOKED_AT = 1000  # lines, to see what a file looks like
MOST = 0.8  # of them are alike in a table
NUMBER = re.compile(r"[-+]?\d[\d.,]*[%.)]?")
BETWEEN = {",": "commas", ";": "semicolons", "|": "vertical bars", "\t": "tabs", " ": "spaces"}
QUOTES = "\"'"
RULE = re.compile(r":?-{3,}:?")
TITLES = {
    "name",
    "names",
    "firstname",
    "givenname",
    "lastname",
    "surname",
    "fullname",
    "company",
    "companyname",
}
TITLES |= {"vorname", "nachname", "prénom", "prenom", "nom", "nombre", "apellido", "nome", "имя", "фамилия"}
TITLES |= {"姓名", "名前", "이름"}

Line = tuple[int, str]  # its number in the file, from 1, and what it says
Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True)
class Separator:
    """What stands between the cells of a line.

    Attributes:
        words: what it is, in words.
        split: takes lines apart.
        only_numbers: whether lines are no table by it unless one of their columns has numbers.
    """

    words: str
    split: Callable[[Sequence[Line]], Rows]
    only_numbers: bool = False


def _by(mark: str) -> Callable[[Sequence[Line]], Rows]:
    """Return what takes lines apart at a mark, but for those within double quotes."""

    def split(lines: Sequence[Line]) -> Rows:
        read = csv.reader((text for _, text in lines), delimiter=mark, skipinitialspace=True)
        rows: Rows = []
        before = 0
        try:
            for row in read:
                rows.append((lines[before][0], [cell.strip() for cell in row]))
                before = read.line_num
        except csv.Error as error:
            raise DataError(f"line {lines[before][0]} is no row of a table: {error}.") from None
        return rows

    return split


def _spaced(pattern: str) -> Callable[[Sequence[Line]], Rows]:
    """Return what takes lines apart at spaces."""
    return lambda lines: [(number, re.split(pattern, text.strip())) for number, text in lines]


TAB = Separator(BETWEEN["\t"], _by("\t"))
SEPARATORS = (
    TAB,
    *(Separator(BETWEEN[mark], _by(mark)) for mark in ";|,"),
    Separator("spaces", _spaced(r"\s{2,}")),
    Separator("spaces", _spaced(r"\s+"), only_numbers=True),
)


def separator_of(lines: Sequence[Line]) -> Separator | None:
    """Return what separates the cells, if most lines have the same number of them, and at least two."""
    looked = lines[:LOOKED_AT]
    return next((kind for kind in SEPARATORS if _is_table(looked, kind)), None)


def _is_table(lines: Sequence[Line], kind: Separator) -> bool:
    try:
        rows = kind.split(lines)
    except DataError:
        return False
    if not rows:
        return False
    width, times = Counter(len(row) for _, row in rows).most_common(1)[0]
    alike = [row for _, row in rows if len(row) == width]
    if width < 2 or times < MOST * len(lines):
        return False
    return not kind.only_numbers or bool(_columns_of_numbers(alike))


def _columns_of_numbers(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns, from 0, that have a number in most rows."""
    width = min(map(len, rows))
    shares = [sum(NUMBER.fullmatch(row[i]) is not None for row in rows) / len(rows) for i in range(width)]
    return [i for i, share in enumerate(shares) if share >= MOST]


def column_of_words(lines: Sequence[Line], kind: Separator) -> tuple[int, str]:
    """Return the first column without numbers, counted from 1, and the first cell in it below a title."""
    rows = [row for _, row in kind.split(lines[:LOOKED_AT])]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == width and not _is_rule(row)]
    left_out = [*_columns_of_numbers(rows), *(i for i in range(width) if not any(row[i] for row in rows))]
    place = next((i for i in range(width) if i not in left_out), 0)
    return place + 1, rows[has_header(rows, place)][place]


def _is_rule(cells: Sequence[str]) -> bool:
    """Whether a row is the line below the titles of a table in Markdown."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(RULE.fullmatch(cell) for cell in filled)


def is_quoted(text: str) -> bool:
    """Whether a text stands between two quotation marks of one kind."""
    return len(text) > 2 and text[0] in QUOTES and text[0] == text[-1]


def unquoted(text: str) -> str:
    """Return what stands between two quotation marks, or the text itself."""
    return text[1:-1].strip() if is_quoted(text) else text


def is_title(text: str) -> bool:
    """Whether a text is a usual title over names, and hardly a name itself."""
    return re.sub(r"[\W_]", "", text.lower()) in TITLES


def has_header(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a first row looks like titles: a usual one over the names, or a word over a column of numbers."""
    if len(rows) < 2:
        return False
    if column < len(rows[0]) and is_title(rows[0][column]):
        return True
    numbers = [i for i in _columns_of_numbers(rows[1:]) if i < len(rows[0])]
    return any(rows[0][i] and not NUMBER.fullmatch(rows[0][i]) for i in numbers)


@dataclass(frozen=True)
class Column:
    """The names in a column of a table.

    Attributes:
        names: each with the number of its line.
        told: what was done, in words.
    """

    names: list[Line]
    told: str


def column_of(lines: Sequence[Line], asked: str) -> Column:
    """Return one column of a table.

    Args:
        lines: of the file, without those that are blank.
        asked: the column's number, counted from 1, or its title in the first line.

    Raises:
        DataError: there is no such column, or a line has too few cells, or most lines have marks that separate
            cells, and not the same number of them.
    """
    kind = separator_of(lines)
    if kind is None:
        _check_no_table(lines)
    rows = kind.split(lines) if kind else [(number, [unquoted(text.strip())]) for number, text in lines]
    rows = [(number, row) for number, row in rows if not _is_rule(row)] or rows
    place, titled = _place(rows, asked)
    titled = titled or has_header([row for _, row in rows[: LOOKED_AT + 1]], place)
    names = list(_cells(rows[titled:], place))
    shape = f"a table with {kind.words}" if kind else "lines of one cell"
    title = f"; its first line, {' '.join(rows[0][1])!r}, is left out as its titles" if titled else ""
    return Column(names, f"column {place + 1} of {shape} has {len(names):,} names{title}")


def _check_no_table(lines: Sequence[Line]) -> None:
    """Raise a clear error if lines that are no table for `separator_of` look as if they were to be one."""
    looked = lines[:LOOKED_AT]
    for mark in "\t;|,":
        having = [line for line in looked if mark in line[1]]
        if 2 * len(having) > len(looked):
            number, text = having[0]
            raise DataError(
                f"most lines have {BETWEEN[mark]}, as line {number} has, {text[:40]!r}, but too few have as many"
                " cells; look for lines that are cut short and for quotation marks that are not closed."
            )


def _place(rows: Rows, asked: str) -> tuple[int, bool]:
    """Return which column is asked for, from 0, and whether the first row is known to hold titles."""
    width = max(len(row) for _, row in rows[:LOOKED_AT])
    if asked.isdecimal():
        if 1 <= int(asked) <= width:
            return int(asked) - 1, False
        raise DataError(f"there is no column {asked}; lines have {width}, counted from 1.")
    titles = [cell.casefold() for cell in rows[0][1]]
    if asked.casefold() in titles:
        return titles.index(asked.casefold()), True
    shown = ", ".join(map(repr, rows[0][1][:8]))
    raise DataError(f"no column is called {asked!r}; the first line has {shown}; or give a number.")


def _cells(rows: Rows, place: int) -> Iterator[Line]:
    """Yield what stands in a column, but for empty cells."""
    for number, row in rows:
        if place >= len(row):
            raise DataError(f"line {number} has no column {place + 1}: {' '.join(row)[:40]!r}; mend it.")
        if row[place]:
            yield number, row[place]
