"""A reader's own list of names, in any alphabet: what is odd in it is found here, and said with its line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from nnz.data import END
from nnz.plumbing.datasets import ENOUGH, DataError, text_of
from nnz.sample import MAX_LENGTH

JOINERS = "\u200c\u200d"  # invisible, but letters in Persian and in Indian scripts


def read_own(path: Path) -> list[str]:
    r"""Read one name per line, of any visible characters but `END`; spaces inside a name are part of it.

    A byte order mark, `\r\n` line ends, blank lines and spaces around a name are passed over. Characters that
    Unicode can write in two ways, such as é, are written in one.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it cannot be read, is no text in UTF-8, has fewer than `ENOUGH` names, or a line is no name.
    """
    text = composed(text_of(path)).replace("\r\n", "\n").replace("\r", "\n")
    names = []
    for number, line in enumerate(text.split("\n"), start=1):
        if name := line.strip():
            _check(name, f"line {number} of {path}")
            names.append(name)
    if not names:
        raise DataError(f"{path} has no names in it; expected one name on each line.")
    if len(names) < ENOUGH:
        raise DataError(
            f"{path} has {len(names)} names; to train, to choose and to test takes {ENOUGH} or more."
        )
    return names


def composed(text: str) -> str:
    """Return a text in which a letter and its accent are one character where there is such a character."""
    return unicodedata.normalize("NFC", text)


def _check(name: str, where: str) -> None:
    """Raise a clear error unless a line can be a name."""
    if END in name:
        raise DataError(
            f"{where} is {name[:40]!r}, but {END!r} marks the ends of names, so no name can have it; take it out."
        )
    odd = [c for c in name if not c.isprintable() and c not in JOINERS]
    if odd:
        kind = "a control character or another that cannot be seen"
        raise DataError(f"{where} has {odd[0]!r}, {kind}; take it out.")
    if len(name) > MAX_LENGTH:
        raise DataError(
            f"{where} has {len(name)} characters, and names may have {MAX_LENGTH}; is there one name on each line?"
        )
