"""What the page `live` is given: Brython, the part of its library that is needed, and files of this book.

Brython is a Python that runs in a browser. It comes with the package `brython`, and is copied into the site by the
build. The book's own files are given as they stand, but for what `CHANGES` lists, each with its reason.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import files, version
from pathlib import Path

from nnz.exercises.contents import CONTENTS

STAND_INS = Path("book", "_ext", "live_library")
SESSION = "nnz.press.live.session"
LIMIT = 30  # seconds that a piece of code may take
# Of Brython's own library; the stand-ins take the place of others.
TAKEN = (
    *("__future__", "_collections", "_locale", "_operator", "_random", "_thread"),
    *("bisect", "copy", "copyreg", "crypto_js.rollups.sha512", "hashlib", "itertools", "keyword"),
    *("math", "operator", "python_re", "random", "reprlib", "sys", "textwrap", "time"),
)
# What a reader's own code may import, of the library.
OFFERED = ("bisect", "collections", "copy", "functools", "itertools", "math", "operator", "random", "re")
# What is wrong in Brython's library: module, text, what stands in its place, and why.
MENDED = (
    (
        "_random",
        "var int32_1 = 2n ** 32n - 1n",
        "var int32_1 = 2n ** 32n",
        "a seed of more than 32 bits, such as a text, is cut into words of 32 bits",
    ),
)
# What it lacks.
ADDED = {
    "itertools": """

def pairwise(things):
    things = iter(things)
    for before in things:
        break
    else:
        return
    for thing in things:
        yield before, thing
        before = thing
"""
}
# Module, text, what stands in its place, and why.
CHANGES = (
    (
        "nnz.engine",
        "    __hash__ = object.__hash__\n",
        "    def __hash__(self): return object.__hash__(self)\n",
        "Brython finds no hash of an object whose class takes over the method as it is",
    ),
)
NOT_HERE = {"torch", "numpy", "matplotlib", "optuna", "pooch", "safetensors"}

Modules = dict[str, list[object]]


def package_file(name: str) -> str:
    """Return the text of a file of the package brython.

    Raises:
        FileNotFoundError: it is not installed, or has no such file.
    """
    for path in files("brython") or []:
        if path.name == name:
            return Path(str(path.locate())).read_text(encoding="utf-8")
    raise FileNotFoundError(f"the package brython has no {name}; run `make distclean venv`.")


@cache
def brython_library() -> Mapping[str, list[object]]:
    """Return all modules of Brython's library: each with its kind, its text, and what it imports."""
    text = package_file("brython_stdlib.js")
    found: dict[str, list[object]] = json.JSONDecoder().raw_decode(text, text.index("{"))[0]
    return found


@cache
def offered(src: Path) -> dict[str, list[str]]:
    """Return the chapters, and their exercises, that need nothing but Python's own library."""
    return {
        chapter: list(titles)
        for chapter, titles in CONTENTS.items()
        if needed(src, f"nnz.exercises.{chapter.replace('-', '_')}") is not None
    }


def needed(src: Path, *names: str) -> list[str] | None:
    """Return these modules of the package and all that they import; None if another package is among those."""
    found: dict[str, None] = {}
    left = list(names)
    while left:
        name = left.pop()
        if name.partition(".")[0] in NOT_HERE:
            return None
        path = module_path(src, name)
        if name in found or path is None:
            continue
        found[name] = None
        parents = [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
        left += [*parents, *imported(path)]
    return sorted(found)


def module_path(src: Path, name: str) -> Path | None:
    """Return the file of a module of the package, if there is one of that name."""
    path = src.joinpath(*name.split("."))
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()), None)


def imported(path: Path) -> list[str]:
    """Return what a file imports as it is imported itself; what a name may be, a module or not, is in it too."""
    return _imported(path.read_text(encoding="utf-8"))


@cache
def _imported(text: str) -> list[str]:
    found: list[str] = []
    left: list[ast.AST] = [ast.parse(text)]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            left += node.orelse
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            left += ast.iter_child_nodes(node)
    return found


def book_modules(src: Path) -> Modules:
    """Return the modules of this book that the page is given."""
    chapters = [f"nnz.exercises.{chapter.replace('-', '_')}" for chapter in offered(src)]
    names = needed(src, SESSION, "nnz.nn", "nnz.exercises", *chapters)
    assert names is not None
    modules: Modules = {}
    for name in names:
        path = module_path(src, name)
        assert path is not None
        modules[name] = _module(changed(name, path.read_text(encoding="utf-8")), path.stem == "__init__")
    return modules


def changed(name: str, text: str) -> str:
    """Return the text of a module with the changes that it needs in the page.

    Raises:
        ValueError: the text that is to be changed does not stand there exactly once.
    """
    for module, old, new, _ in CHANGES + MENDED:
        if module == name:
            if text.count(old) != 1:
                raise ValueError(f"{name}: {old!r} stands there {text.count(old)} times, not once")
            text = text.replace(old, new)
    return text


def library_modules(root: Path) -> Modules:
    """Return the modules of Python's library that the page is given."""
    whole = brython_library()
    modules: Modules = {name: list(whole[name]) for name in TAKEN}
    for name in TAKEN:
        modules[name][1] = changed(name, str(modules[name][1])) + ADDED.get(name, "")
    for path in sorted((root / STAND_INS).rglob("*.py")):
        parts = path.relative_to(root / STAND_INS).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        modules[".".join(parts[:-1] if is_package else parts)] = _module(
            path.read_text(encoding="utf-8"), is_package
        )
    return modules


def _module(text: str, is_package: bool) -> list[object]:
    return [".py", text, [], 1] if is_package else [".py", text, []]


@cache
def script(root: Path) -> str:
    """Return the text of the script that brings all this to the page."""
    modules = library_modules(root) | book_modules(root / "src")
    given = {"brython": package_file("brython.js"), "modules": modules, "session": SESSION}
    head = f"Brython {version('brython')}, which is not ours: see LICENSE.txt beside this file."
    return f"// {head}\nglobalThis.nnzPython = {json.dumps(given, ensure_ascii=False)};\n"


def megabytes(root: Path) -> str:
    """Return what the script weighs, as a reader reads it."""
    return f"{len(script(root).encode('utf-8')) / 1e6:.1f} MB"


def license_text(root: Path) -> str:
    """Return the license of what is not ours in the script; its package brings none along."""
    return (root / STAND_INS / "LICENSE.txt").read_text(encoding="utf-8")
