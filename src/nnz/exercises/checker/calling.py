"""Calling code that may do anything: what it raises is kept, and the random states are put back."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import getstate, setstate

LONGEST = 6  # frames of a traceback that are shown

_OURS = str(Path(__file__).resolve().parents[2])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put back the shared random states of `random`, and of numpy and torch if they are imported."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    python_state = getstate()
    shared = numpy.random if numpy else None
    numpy_state = shared.get_state() if shared else None
    torch_state = torch.get_rng_state() if torch else None
    try:
        yield
    finally:
        setstate(python_state)
        if shared:
            shared.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)


def exception_text(error: BaseException) -> str:
    """Return type and message of an exception as Python prints them.

    >>> exception_text(ValueError("no"))
    'ValueError: no'
    """
    return traceback.format_exception_only(error)[-1].strip()


def reader_lines(error: BaseException) -> list[str]:
    """Return the lines of a traceback that stand in the reader's own files and cells."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OURS, "<frozen", *_LIBRARIES))
    ]
    lines: list[list[str]] = []
    for frame in frames:
        file = Path(frame.filename).name
        where = "cell" if "ipykernel" in frame.filename else file
        lines.append([f"  {where}, line {frame.lineno}, in {frame.name}"])
        lines[-1] += [f"    {frame.line}"] if frame.line else []
    if len(lines) > LONGEST:
        half = LONGEST // 2
        left_out = "  ... and more calls between ..."
        lines = [*lines[:half], [left_out], *lines[-half:]]
    return [line for frame_lines in lines for line in frame_lines]
