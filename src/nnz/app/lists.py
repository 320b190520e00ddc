"""A reader's own list of names, in any alphabet: what is odd in it is found here, and said with its line."""

from __future__ import annotations

import shlex
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from nnz.app.store import notice
from nnz.app.tables import BETWEEN, TAB, Line, column_of, column_of_words, is_title, separator_of
from nnz.app.wrapped import around, check_not_json
from nnz.data import END, LETTERS, Vocabulary, split_names
from nnz.plumbing.datasets import ENOUGH, DataError, locate, read_names, text_of
from nnz.sample import MAX_LENGTH

JOINERS = "\u200c\u200d\u180e"  # invisible, but letters in Persian, in Indian scripts and in Mongolian
LOST = "\ufffd"  # stands where a letter was that could not be read
OTHER_END = "\n"  # for names with full stops: what no line can have

Parts = tuple[list[str], list[str], list[str]]


@dataclass(frozen=True)
class NameList:
    """Names to train on, to choose by and to test with.

    Attributes:
        names: as they stand in the file.
        vocabulary: their alphabet.
        own: whether it is the reader's, and not one that the book is written on.
    """

    names: list[str]
    vocabulary: Vocabulary
    own: bool = True

    def parts(self) -> Parts:
        """Return train, dev and test: the book's list as the lectures split it, others by different names."""
        return split_distinct(self.names) if self.own else split_names(self.names)

    def tell(self) -> None:
        """Say in a line how names that stand more than once were split, if there are any."""
        if self.own and (distinct := len(set(self.names))) < len(self.names):
            notice(
                f"{len(self.names):,} names, {distinct:,} of them different: the split is by different names, so "
                "dev and test have each once and none that stands in train, where repetitions stay"
            )


def split_distinct(names: Sequence[str]) -> Parts:
    """Split names as `split_names` does, but such that none stands in two parts; train keeps repetitions.

    Without repetitions it is the same split.
    """
    times = Counter(names)
    train, dev, test = split_names(list(times))
    return [name for name in train for _ in range(times[name])], dev, test


def names_to_use(data: Path | None, column: str | None = None) -> NameList:
    """Return the list in a file, or the book's, or the one in any alphabet that `NNZ_NAMES` names.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: as `read_own`, and as `nnz.plumbing.datasets.locate`; or a column of the book's list is asked.
    """
    source = locate(data) if data and data.is_file() else None if data else locate()
    if source is None or (source.kind == "own" and data):
        names = read_own(Path(data or ""), column)
        return NameList(names, vocabulary_of(names))
    if source.kind == "own":
        names = read_own(source.path, column)
        usual = set("".join(names)) <= set(ascii_lowercase)
        return NameList(names, LETTERS if usual else vocabulary_of(names))
    if column:
        raise DataError(
            "--column is for a table of your own, named by --data; the book's list has one name a line."
        )
    return NameList(read_names(source, ascii_lowercase), LETTERS, own=False)


def vocabulary_of(names: Sequence[str]) -> Vocabulary:
    """Return the alphabet of names, with an end mark that none of them has."""
    letters = set().union(*names)
    return Vocabulary(letters, OTHER_END if END in letters else END)


def read_own(path: Path, column: str | None = None) -> list[str]:
    r"""Read one name per line, of any visible characters; spaces inside a name are part of it.

    A byte order mark, `\r\n` line ends, blank lines and spaces around a name are passed over. Characters that
    Unicode can write in two ways, such as é, are written in one, and so are spaces. Lines that begin with `#` are
    left out as comments unless most do, and a notice says so; another says what looks like a table.

    Args:
        path: the file.
        column: of a table, its number, counted from 1, or its title; else a name is a whole line.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it cannot be read, is no text in UTF-8, has fewer than `ENOUGH` different names, or a line is no
            name.
    """
    lines = _without_comments(path, _lines(path))
    if not lines:
        raise DataError(f"{path} has no names in it; expected one name on each line.")
    check_not_json(path, lines)
    if column is None:
        lines = [(number, text.strip()) for number, text in lines]
        _look(path, lines)
    else:
        lines = _column(path, lines, column)
    _check_lines(path, lines)
    names = [name for _, name in lines]
    _check_number(path, names)
    return names


def composed(text: str) -> str:
    """Return a text in which a letter and its accent are one character where there is such a character.

    Every kind of space is the usual one.
    """
    text = unicodedata.normalize("NFC", text)
    odd = {ord(char): " " for char in set(text) if unicodedata.category(char) == "Zs"}
    return text.translate(odd)


def _lines(path: Path) -> list[Line]:
    """Return the lines that are not blank."""
    text = composed(text_of(path)).replace("\r\n", "\n").replace("\r", "\n")
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _without_comments(path: Path, lines: list[Line]) -> list[Line]:
    """Leave out the lines that begin with #, unless most lines do, and say so."""
    kept = [line for line in lines if not _is_comment(line)]
    left_out = len(lines) - len(kept)
    if not left_out or left_out > len(kept):
        return lines
    first = next(filter(_is_comment, lines))
    which = f"line {first[0]}, {first[1].strip()[:40]!r}"
    some = f"{which}, begins with # and is" if left_out == 1 else f"{left_out:,} lines begin with # and are"
    notice(f"{path}: {some} left out, as a comment")
    return kept


def _is_comment(line: Line) -> bool:
    return line[1].lstrip().startswith("#")


def _look(path: Path, lines: list[Line]) -> None:
    """Say what to do if lines look like something else than names; raise an error if they cannot be any."""
    if len(lines) < ENOUGH and (mark := _mark_between(lines)):
        many = sum(len(_pieces(text, mark)) for _, text in lines)
        new = path.with_name(f"{path.stem}-lines{path.suffix}")
        raise DataError(
            f"{path} has {len(lines)} {'line' if len(lines) == 1 else 'lines'} with {many} names between "
            f"{BETWEEN[mark]}, if that is what it is; expected one name on each line: make it so in an editor, "
            f"or by tr '{_escaped(mark)}' '\\n' < {shlex.quote(str(path))} > {shlex.quote(str(new))}."
        )
    if kind := separator_of(lines):
        number, shown = lines[0]
        table = f"{path} looks like a table with {kind.words} (line {number} is {shown[:40]!r})"
        place, cell = column_of_words(lines, kind)
        advice = f"--column {place} takes {cell[:40]!r} and what stands below it"
        if kind is TAB:
            raise DataError(f"{table}; {advice}.")
        notice(f"{table}, and each whole line is read as a name; {advice}")
    elif mark := _several_a_line(lines):
        notice(
            f"{path} has {BETWEEN[mark]} in most of its lines (line {lines[0][0]} is {lines[0][1][:40]!r}), and "
            "each whole line is read as a name; if they stand between names, put each on a line of its own"
        )
    elif said := around(path, lines):
        notice(said)
    elif is_title(lines[0][1]):
        notice(f"line {lines[0][0]} of {path}, {lines[0][1]!r}, is read as a name; --column 1 leaves it out")


def _mark_between(lines: list[Line]) -> str | None:
    """Return what would make enough names of a few lines."""
    most = {m: sum(len(_pieces(text, m)) for _, text in lines) for m in BETWEEN}
    return next(
        (m for m, n in most.items() if n >= (max(ENOUGH, 4 * len(lines)) if m == " " else ENOUGH)), None
    )


def _several_a_line(lines: list[Line]) -> str | None:
    """Return what stands at least twice in most lines."""
    return next((m for m in ",;|" if sum(text.count(m) > 1 for _, text in lines) > 0.8 * len(lines)), None)


def _pieces(text: str, mark: str) -> list[str]:
    return [piece for piece in text.split(mark) if piece.strip()]


def _escaped(mark: str) -> str:
    return "\\t" if mark == "\t" else mark


def _column(path: Path, lines: list[Line], asked: str) -> list[Line]:
    """Return the names in a column, and say what was taken."""
    try:
        column = column_of(lines, asked)
    except DataError as error:
        raise DataError(f"--column {asked} of {path}: {error}") from None
    notice(column.told)
    return column.names


def _check_lines(path: Path, lines: list[Line]) -> None:
    """Raise a clear error unless every line can be a name."""
    odd = {char for char in set().union(*(name for _, name in lines)) if not _can_be_read(char)}
    for number, name in lines:
        where = f"line {number} of {path}"
        if odd and (found := [char for char in name if char in odd]):
            if found[0] == LOST:
                kind = "which stands where a letter was lost; take the file from where it came from once more"
                raise DataError(f"{where} is {name[:40]!r} and has {LOST!r}, {kind}, and save it as UTF-8.")
            kind = "a control character or another that cannot be seen"
            raise DataError(f"{where} has {found[0]!r}, {kind}; take it out.")
        if len(name) > MAX_LENGTH:
            raise DataError(
                f"{where} has {len(name):,} characters, and names may have {MAX_LENGTH}; is there one name on "
                "each line?"
            )


def _can_be_read(char: str) -> bool:
    """Whether a character is visible, or a space, or needed by the letters beside it."""
    if char == LOST:
        return False
    return char in JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _check_number(path: Path, names: list[str]) -> None:
    """Raise a clear error if there are too few different names for three parts."""
    distinct = len(set(names))
    if distinct >= ENOUGH:
        return
    has = f"{len(names):,} name{'s' * (len(names) != 1)}"
    if distinct < len(names):
        has += ", all the same" if distinct == 1 else f", but only {distinct} different ones"
    raise DataError(
        f"{path} has {has}; to train, to choose and to test takes {ENOUGH} different ones or more."
    )
