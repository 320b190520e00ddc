"""What code stands on: which modules of the package a piece of Python imports, and theirs in turn.

From this come the fingerprint of a recording and the key under which `make quick` keeps what a page printed. Only
code counts: comments, docstrings and line breaks change nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from nnz.plumbing.paths import PACKAGE

# Modules that cannot change a number: where files are, what a person is shown, how files are kept.
SILENT = {
    "plumbing.paths",
    "plumbing.progress",
    "app.store",
    "plumbing.files",
    "plumbing.datasets",
    "plumbing.encodings",
}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield code and the statements in it, also those of functions, in the order of `ast.walk`; no expressions."""
    left = deque([tree])
    while left:
        node = left.popleft()
        yield node
        for name in ("body", "handlers", "cases", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):  # that of a lambda is an expression
                left.extend(inner)


def imported(tree: ast.AST, package: Path = PACKAGE) -> Iterator[str]:
    """Yield the modules of the package that code imports, in functions too, without the leading `nnz.`."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("nnz."):
                    yield alias.name.removeprefix("nnz.")
        elif isinstance(node, ast.ImportFrom) and node.module:
            top, _, rest = node.module.partition(".")
            if top != "nnz" or node.level:
                continue
            if rest:
                yield rest
            for alias in node.names:  # `from nnz.experiments import dilated` names a module
                name = f"{rest}.{alias.name}".lstrip(".")
                if module_path(name, package):
                    yield name


def module_path(name: str, package: Path = PACKAGE) -> Path | None:
    """Return the file of a module of the package, or None if there is no such module."""
    path = package.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def reachable(names: Iterable[str], package: Path = PACKAGE) -> set[str]:
    """Return these modules and all that they import, directly or by way of others."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        path = module_path(name, package)
        if name in found or path is None:
            continue
        found.add(name)
        left += _imported_by(path, _stamp(path), package)
    return found


@cache
def _imported_by(path: Path, stamp: tuple[int, int], package: Path) -> list[str]:
    return list(imported(_parsed(path, stamp), package))


@cache
def _parsed(path: Path, stamp: tuple[int, int]) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree, read again when the file has changed."""
    return _parsed(path, _stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def bare(node: ast.AST) -> str:
    """Return code as text that changes with what it does, not with docstrings, comments, line breaks or imports.

    What is imported is looked at by itself, so a module that only moves to another place changes nothing.
    """
    copied = ast.parse(ast.unparse(node))
    for inner in ast.walk(copied):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(inner, name, None)
            if isinstance(body, list):
                setattr(inner, name, [line for line in body if not _says_nothing(line)])
    return ast.dump(copied)


@cache
def _bare_file(path: Path, stamp: tuple[int, int]) -> str:
    return bare(_parsed(path, stamp))


def _says_nothing(line: ast.stmt) -> bool:
    """Whether a statement is an import or a text that stands alone."""
    if isinstance(line, ast.Import | ast.ImportFrom):
        return True
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def digest(texts: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that change with any of the texts."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode())
        total.update(b"\0")
    return total.hexdigest()[:16]


def code_of(names: Iterable[str], package: Path = PACKAGE) -> list[str]:
    """Return the bare code of modules and of all that they stand on, those that change no number left out."""
    texts = []
    for name in reachable(names, package) - SILENT:
        path = module_path(name, package)
        assert path is not None
        texts.append(_bare_file(path, _stamp(path)))
    return sorted(texts)


def used_in_module(tree: ast.Module, function: str) -> list[ast.stmt]:
    """Return the statements of a module that one of its functions needs: itself, and by name what it uses.

    Raises:
        KeyError: the module defines no such function.
    """
    owners: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _defined(statement):
            owners.setdefault(name, []).append(statement)
    if function not in owners:
        raise KeyError(function)
    needed: list[ast.stmt] = []
    left = [function]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in owners.get(name, []):
            if statement not in needed:
                needed.append(statement)
                left += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [statement for statement in tree.body if statement in needed]


def code_behind(module: str, name: str, package: Path = PACKAGE) -> list[str]:
    """Return the bare code of a definition: itself, what it uses in its module, and the modules that this imports.

    Raises:
        KeyError: the module is not there, or defines no such name.
    """
    path = module_path(module, package)
    if path is None:
        raise KeyError(module)
    own = used_in_module(parsed(path), name)
    texts = [bare(node) for node in own if not isinstance(node, ast.Import | ast.ImportFrom)]
    return texts + code_of({found for node in own for found in imported(node, package)}, package)


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
