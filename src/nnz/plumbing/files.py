"""Files that are written whole or not at all, and what is said of one that cannot be read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to `path` at the end: a crash leaves the old file or the new one.

    Of a link it is the file that the link leads to.

    Raises:
        OSError: what is there is no file but a device, say; it stays. Or nothing can be written.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it has the name
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def check_readable(path: Path, missing: str) -> None:
    """Raise a clear error unless a path is that of a file that can be read.

    Raises:
        IsADirectoryError: it is a folder.
        FileNotFoundError: there is no file; `missing` is the message.
        PermissionError: it may not be read.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    if not path.is_file():
        raise FileNotFoundError(missing)
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path} may not be read by this user; change its permissions (chmod u+r).")
