"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to `path` at the end: a crash leaves the old file or the new one."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it has the name
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
