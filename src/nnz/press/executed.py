"""Executed pages: a page's cells with what they printed and drew, kept under a key of all that they depend on.

`tools/build.py` runs the pages and keeps them here; `book/_ext/nnz_site.py` puts the outputs on the page, and
refuses those that do not belong to the code beside them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from nnz.plumbing import datasets
from nnz.plumbing.dependencies import digest, imported, module_path, reachable


def imports_of(page: str, cells: Sequence[str], package: Path) -> set[str]:
    """Return the modules of the package that a page's cells stand on.

    Exercises are imported when one is asked for, which no import says; a page that has them asks for its own.
    """
    names: set[str] = set()
    for cell in cells:
        plain = "\n".join("" if line.startswith(("%", "!")) else line for line in cell.splitlines())
        names.update(imported(ast.parse(plain), package))
    if "exercises" in names:
        names.add(f"exercises.{page.replace('-', '_')}")
    return reachable(names, package)


def inputs(page: str, cells: Sequence[str], root: Path) -> Iterator[Path]:
    """Yield the files that a page's outputs depend on: modules, its claims, and recordings of its experiments."""
    package = root / "src" / "nnz"
    for name in sorted(imports_of(page, cells, package)):
        path = module_path(name, package)
        assert path is not None
        yield path
    yield from sorted((root / "book" / "claims").glob(f"{page}.toml"))
    named = set(re.findall(r"recording\(\s*[\"']([\w.]+)", "\n".join(cells)))
    own = page.replace("-", "_")
    for path in sorted((root / "book" / "recorded").glob("*.json")):
        if path.stem in named or path.stem.partition(".")[0] == own:
            yield path


def surroundings(root: Path) -> str:
    """Describe what every page depends on: the list of names that is found, the versions, this Python."""
    source = datasets.locate()
    pins = hashlib.sha256((root / "constraints.txt").read_bytes()).hexdigest()
    return f"{source.kind} {datasets.sha256(source.path)} {pins} {platform.python_version()}"


def key(page: str, cells: Sequence[str], root: Path, around: str) -> str:
    """Return what changes when a page's cells, or anything that they depend on, have changed."""
    files = (
        f"{path.relative_to(root).as_posix()} {path.read_text(encoding='utf-8')}"
        for path in inputs(page, cells, root)
    )
    return digest([page, around, *cells, *files])


def code_cells(notebook: Mapping[str, Any]) -> list[str]:
    """Return the sources of a notebook's code cells."""
    return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def facts(path: Path) -> Mapping[str, Any] | None:
    """Return what is known of an executed page, its key and its seconds, or None; quickly, without its outputs."""
    try:
        known: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metadata"]["nnz"]
        assert known["key"]
    except (OSError, ValueError, KeyError, TypeError, AssertionError):
        return None
    return known


def read(path: Path) -> Any | None:
    """Return an executed page as a notebook, or None if it is missing or damaged."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        assert notebook["metadata"]["nnz"]["key"]
        code_cells(notebook)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        AssertionError,
        nbformat.ValidationError,
    ):
        return None
    return notebook
