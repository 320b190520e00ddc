"""What is printed, where the terminal or the file has only the letters of another alphabet."""

from __future__ import annotations

import io
import sys

INTERRUPTED = 130  # exit code: 128 and the number of the signal


def print_any_letter() -> None:
    """Print from now on the code of a character that the output has no letter for, and do not stop there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shown(text: str, otherwise: str) -> str:
    """Return a text if the output has letters for it, and else what says the same in ASCII."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return otherwise
    return text
