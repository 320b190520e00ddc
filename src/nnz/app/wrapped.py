"""What stands around names in a file of lines: JSON, quotation marks, the marks of a list, tags of HTML."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from nnz.app.tables import LOOKED_AT, MOST, Line, is_quoted
from nnz.plumbing.datasets import DataError

BULLET = re.compile(r"[-*+•‣·] +(?=\S)")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def check_not_json(path: Path, lines: Sequence[Line]) -> None:
    """Raise an error that says what to do if the lines are JSON, as a whole or each.

    Raises:
        DataError: they are.
    """
    text = "\n".join(line for _, line in lines)
    if not text.lstrip().startswith(("[", "{")):
        return
    if (whole := _read(text)) is not None:
        if isinstance(whole, list) and all(isinstance(entry, str) for entry in whole):
            new = path.with_name(f"{path.stem}-lines.txt")
            program = "import json, sys; print(*json.load(sys.stdin.buffer), sep=chr(10))"
            command = f'python -c "{program}" < {shlex.quote(str(path))} > {shlex.quote(str(new))}'
            raise DataError(f"{path} is a list in JSON; expected one name on each line: {command}.")
        raise DataError(f"{path} is JSON; expected one name on each line, and nothing else.")
    if all(_read(line) is not None for _, line in lines[:LOOKED_AT]):
        raise DataError(f"{path} has JSON on each line; expected one name on each, and nothing else.")


def _read(text: str) -> list[object] | dict[str, object] | None:
    """Return a list or an object in JSON, or None if the text is neither."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list | dict) else None


def around(path: Path, lines: Sequence[Line]) -> str:
    """Return what stands around the names in most lines and how to take it off, in words; or nothing."""
    number, first = next(iter(lines))
    shown = f"(line {number} is {first[:40]!r}), and each whole line is read as a name"
    if _mostly(lines, is_quoted):
        return f"{path} has quotation marks around most of its lines {shown}; --column 1 takes them off"
    if _mostly(lines, lambda text: bool(BULLET.match(text))):
        new = path.with_name(f"{path.stem}-bare{path.suffix}")
        command = f"sed 's/^ *[^ ]* *//' {shlex.quote(str(path))} > {shlex.quote(str(new))}"
        return f"{path} has the mark of a list before most of its lines {shown}; {command} takes it off"
    if _mostly(lines, lambda text: bool(TAG.search(text))):
        return f"{path} looks like HTML or XML {shown}; save the names alone, one on each line"
    return ""


def _mostly(lines: Sequence[Line], what: Callable[[str], bool]) -> bool:
    looked = lines[:LOOKED_AT]
    return sum(what(text) for _, text in looked) > MOST * len(looked)
