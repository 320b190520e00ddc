"""What is printed, where the terminal or the file has only the letters of another alphabet."""

from __future__ import annotations

import io
import sys


def print_any_letter() -> None:
    """Print from now on the code of a character that the output has no letter for, and do not stop there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
