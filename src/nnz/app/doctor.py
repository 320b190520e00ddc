"""What the package and the book need on this machine, what is there of it, and what to do about what is not.

It is asked when something is missing, so that it imports nothing but the standard library until it looks.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from nnz.plumbing.machine import NO_BROWSER, chromium

OLDEST = (3, 11)
LIBRARIES = ("torch", "numpy", "safetensors", "pooch", "requests", "tqdm", "filelock")


@dataclass(frozen=True)
class Finding:
    """What was looked for, and what was found.

    Attributes:
        what: was looked for.
        found: in words.
        well: whether it is as it should be.
        needed: whether models can be trained and drawn from without it.
        advice: what to do, if something is not well.
    """

    what: str
    found: str
    well: bool = True
    needed: bool = True
    advice: str = ""


def report() -> bool:
    """Print what was found, a line each. Return whether nothing that is needed is missing."""
    missing = 0
    for finding in findings():
        missing += finding.needed and not finding.well
        mark = "ok" if finding.well else "MISSING" if finding.needed else "no"
        advice = "" if finding.well else f": {finding.advice}"
        print(f"{finding.what:11} {mark:7} {finding.found}{advice}")
    print("all that is needed is there" if not missing else f"{missing} of what is needed is missing")
    return not missing


def findings() -> Iterator[Finding]:
    """Yield what is found, one thing after another."""
    for look in (_python, _libraries, _devices, _list, _store, _kernel, browser):
        yield from look()


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    oldest = ".".join(map(str, OLDEST))
    advice = f"nnz is written for {oldest} and newer; install a newer Python"
    yield Finding("Python", f"{version} at {sys.executable}", sys.version_info >= OLDEST, advice=advice)


def _own_python() -> str:
    """Return the Python that runs, as a shell is told of it: its path may have spaces."""
    return shlex.quote(sys.executable)


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
            yield Finding(name, metadata.version(name))
        except Exception as error:  # a library that is broken raises what it likes
            reason = " ".join(str(error).split())[:120]
            advice = f"{_own_python()} -m pip install --force-reinstall {name}"
            yield Finding(
                name, f"cannot be imported ({type(error).__name__}: {reason})", False, advice=advice
            )


def _devices() -> Iterator[Finding]:
    devices = _ask("nnz.app.resumable", "devices")
    if devices:
        yield Finding("devices", ", ".join(devices()))


def _list() -> Iterator[Finding]:
    locate, sha256 = _ask("nnz.plumbing.datasets", "locate"), _ask("nnz.plumbing.datasets", "sha256")
    if not (locate and sha256):
        yield Finding("names", "nobody can look for them", False, advice="install what is missing above")
        return
    try:
        source = locate()
        total = sha256(source.path)
        if source.kind == "own":
            _checked(source.path)
    except (OSError, ValueError) as error:
        yield Finding("names", "no list can be used", False, advice=" ".join(str(error).split()))
        return
    kinds = {
        "names.txt": "names.txt, the list of the book, with the right checksum",
        "sample": f"the embedded sample; {source.notice}",
        "own": "a list of your own, which NNZ_NAMES names",
    }
    advice = "try again with a network, or put names.txt into data/, or name a copy in NNZ_NAMES"
    well = source.kind != "sample"
    found = f"{kinds[source.kind]}: {source.path}, sha256 {total[:16]}..."
    yield Finding("names", found, well, needed=False, advice=advice)


def _checked(path: Path) -> None:
    """Read a list of one's own to its end, which raises what is wrong with it."""
    if read_own := _ask("nnz.app.lists", "read_own"):
        read_own(path)


def _store() -> Iterator[Finding]:
    folder_of = _ask("nnz.app.store", "folder")
    if not folder_of:
        return
    folder = folder_of()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    advice = "models are trained anew each time; name a folder that can be written to in NNZ_MODELS"
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        found = f"{folder} cannot be written to ({error.strerror})"
        yield Finding("store", found, False, needed=False, advice=advice)
    else:
        yield Finding("store", f"{folder} can be written to")


def _kernel() -> Iterator[Finding]:
    advice = f"for notebooks and the book: {_own_python()} -m pip install 'ipykernel>=6.29', or make book"
    try:
        version = metadata.version("ipykernel")
    except metadata.PackageNotFoundError:
        yield Finding("Jupyter", "this Python has no kernel", False, needed=False, advice=advice)
        return
    spec = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    other = _other_python(spec)
    advice = f"{_own_python()} -m ipykernel install --sys-prefix"
    found = f"ipykernel {version}" + (f", but its kernel python3 starts {other}" if other else "")
    yield Finding("Jupyter", found, not other, needed=False, advice=advice)


def _other_python(spec: Path) -> str | None:
    """Return which Python a kernel starts, if that is another than this."""
    try:
        program = json.loads(spec.read_text(encoding="utf-8"))["argv"][0]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    if not os.path.isabs(program) or os.path.realpath(program) == os.path.realpath(sys.executable):
        return None
    return str(program)


def browser() -> Iterator[Finding]:
    """Yield where Chromium is."""
    found, shown = chromium()
    advice = f"only make browser, epub and pdf need it: {NO_BROWSER}"
    yield Finding("Chromium", shown, found is not None, needed=False, advice=advice)


def _ask(module: str, name: str) -> Any:
    """Return a function of the package, or None if what it stands on is missing."""
    try:
        return getattr(importlib.import_module(module), name)
    except Exception:  # as above
        return None
