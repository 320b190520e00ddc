"""Find a piece of the package's source by the name of the object that it defines.

The `{listing}` directive shows what this finds, and the rules of the house count it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nnz.plumbing.dependencies import parsed

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


class ListingError(LookupError):
    """A listing asks for something that the source does not have."""


@dataclass(frozen=True)
class Line:
    """A line of source with its number in the file."""

    number: int
    text: str


@dataclass(frozen=True)
class Excerpt:
    """Part of a source file: where it is, which definitions it shows, and its lines without docstrings."""

    module: str
    path: Path
    names: tuple[str, ...]  # the definitions shown, such as "BigramCounts" and "BigramCounts.fit"
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The lines as one string, dedented."""
        indent = min(
            (len(line.text) - len(line.text.lstrip()) for line in self.lines if line.text.strip()), default=0
        )
        return "\n".join(line.text[indent:] for line in self.lines) + "\n"


def definitions(body: Iterable[ast.stmt]) -> dict[str, Definition]:
    """Return the functions, classes and assigned names of a module's or a class's body, by name."""
    found: dict[str, Definition] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def is_public(name: str) -> bool:
    """Whether a name is part of a module's interface; `__add__` is, `_index` is not."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def names_in(members: str | None) -> list[str] | None:
    """Return the names in `:members: a, b`, or None if there is no such option."""
    if members is None:
        return None
    return [name.strip() for name in members.split(",") if name.strip()]


def module_path(source: Path, dotted: str) -> tuple[str, Path, list[str]]:
    """Split a dotted name into its module, the module's file below `source`, and the rest.

    Raises:
        ListingError: no module of that name is there.
    """
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        path = source.joinpath(*parts[:cut]).with_suffix(".py")
        if path.is_file():
            return ".".join(parts[:cut]), path, parts[cut:]
    raise ListingError(f"{dotted!r}: no module of that name is in {source.name}/.")


def find(source: Path, dotted: str, members: Iterable[str] | None = None) -> Excerpt:
    """Return the source of a function, a method, a constant, a class, or a class's head and some members.

    Args:
        source: the folder that holds the package.
        dotted: the full name, such as `nnz.bigram.BigramCounts.fit`.
        members: for a class, the members to show under its head; None shows it whole, an empty list its head.

    Raises:
        ListingError: there is no such module, object or member, or members are asked of something else.
    """
    module, path, names = module_path(source, dotted)
    tree, lines = parsed(path), path.read_text(encoding="utf-8").splitlines()
    if not names:
        raise ListingError(f"{dotted!r} is a module; name something that it defines.")
    body: list[ast.stmt] = tree.body
    node: Definition | None = None
    for depth, name in enumerate(names):
        if name not in (found := definitions(body)):
            where = ".".join([module, *names[:depth]])
            raise ListingError(
                f"{dotted!r}: {where} defines no {name!r}; it defines {', '.join(found) or 'nothing'}."
            )
        node = found[name]
        body = node.body if isinstance(node, ast.ClassDef) else []
    assert node is not None
    qualified = ".".join(names)
    if not isinstance(node, ast.ClassDef):
        if members is not None:
            raise ListingError(f"{dotted!r} is not a class, so it has no members to choose from.")
        return Excerpt(module, path, (qualified,), tuple(_without_docstring(node, lines)))
    inner = definitions(node.body)
    chosen = list(inner) if members is None else list(members)
    if unknown := [member for member in chosen if member not in inner]:
        raise ListingError(f"{dotted!r} has no member {unknown[0]!r}; it has {', '.join(inner)}.")
    shown = [qualified, *(f"{qualified}.{member}" for member in chosen)]
    return Excerpt(module, path, tuple(shown), tuple(_class_lines(node, lines, set(chosen), members is None)))


def find_all(source: Path, wanted: Iterable[str], members: Iterable[str] | None = None) -> list[Excerpt]:
    """Return the source of several objects; `members` chooses from the one class among them.

    Raises:
        ListingError: as `find`; or members are given and there is no class to choose them from.
    """
    wanted = list(wanted)
    if members is None or len(wanted) == 1:
        return [find(source, dotted, members) for dotted in wanted]
    excerpts = [find(source, dotted) for dotted in wanted]
    classes = [index for index, excerpt in enumerate(excerpts) if _is_class(excerpt)]
    if len(classes) != 1:
        raise ListingError(
            f"members are chosen from one class, and {' '.join(wanted)!r} names {len(classes)}."
        )
    excerpts[classes[0]] = find(source, wanted[classes[0]], members)
    return excerpts


def _is_class(excerpt: Excerpt) -> bool:
    return any(line.text.startswith("class ") for line in excerpt.lines)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _docstring_lines(node: ast.AST) -> set[int]:
    """Return the numbers of the lines that docstrings inside `node` take up, with the blank line after each."""
    numbers: set[int] = set()
    for inner in ast.walk(node):
        if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        first = inner.body[0]
        if ast.get_docstring(inner, clean=False) is not None and len(inner.body) > 1:
            assert first.end_lineno is not None
            numbers.update(range(first.lineno, _first_line(inner.body[1])))
    return numbers


def _without_docstring(node: Definition, lines: list[str]) -> list[Line]:
    hidden = _docstring_lines(node)
    assert node.end_lineno is not None
    numbers = range(_first_line(node), node.end_lineno + 1)
    return [Line(number, lines[number - 1]) for number in numbers if number not in hidden]


def _class_lines(node: ast.ClassDef, lines: list[str], members: set[str], whole: bool) -> list[Line]:
    if whole:
        return _without_docstring(node, lines)
    head = range(_first_line(node), _first_line(node.body[0]))
    shown = [Line(number, lines[number - 1]) for number in head]
    first = min(
        (inner.lineno for inner in node.body if isinstance(inner, ast.FunctionDef)), default=len(lines) + 1
    )
    for name, member in definitions(node.body).items():
        plain = isinstance(member, (ast.Assign, ast.AnnAssign)) and member.lineno < first
        if name in members or plain:
            if not plain and len(shown) > len(head):
                shown.append(Line(_first_line(member) - 1, ""))
            shown += _without_docstring(member, lines)
    return shown
