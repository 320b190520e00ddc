"""Where trained models are kept between runs: a folder, a key that goes stale with the code, and a lock."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pooch
import torch
from filelock import FileLock, Timeout

from nnz.plumbing.dependencies import digest


def folder() -> Path:
    """Return the folder that `NNZ_MODELS` names, or else `models` in the package's cache. It need not be there."""
    if named := os.environ.get("NNZ_MODELS"):
        return Path(named)
    return Path(os.environ.get("NNZ_CACHE") or pooch.os_cache("nnz")) / "models"


def key(facts: object, code: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that change with the facts, with torch, and with the code.

    Args:
        facts: all else that a model depends on, as JSON has it.
        code: of what makes and trains it, as `nnz.plumbing.dependencies.code_behind` returns it.
    """
    return digest([json.dumps([torch.__version__, facts]), *code])


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Keep other processes from the same `with` on this path: they wait. Its folder is made if it is not there.

    Yields:
        Whether files can be written there. If not there is no lock either, and a notice says why.
    """
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path.parent).close()  # or FileLock may wait for ever
        lock.acquire(timeout=0)
    except Timeout:
        notice(f"waiting for another process, which is making {path.name}")
        lock.acquire()
    except OSError as error:
        notice(f"no model can be kept in {path.parent}: {error.strerror}")
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def notice(text: str) -> None:
    """Tell a person something on stderr; a page that is built says nothing of it."""
    if not os.environ.get("NNZ_BUILD"):
        print(f"nnz: {text}.", file=sys.stderr)
