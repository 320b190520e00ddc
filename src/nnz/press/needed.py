"""Which cells of a notebook others need: a bare notebook leaves answers out, and has to run without them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Mapping, Sequence

# Methods that change what they are called on, where they stand as a statement.
CHANGING = {
    "add",
    "append",
    "backward",
    "clear",
    "extend",
    "fit",
    "insert",
    "load_state_dict",
    "pop",
    "remove",
}
CHANGING |= {"setdefault", "sort", "step", "train", "eval", "update", "zero_grad"}


def needed(cells: Sequence[tuple[str, bool]]) -> list[bool]:
    """Return which cells stay: those that are no answers, and answers that make what a cell below needs.

    Args:
        cells: the source of each, and whether it is part of an answer.

    >>> needed([("a = 1", True), ("b = 2", True), ("print(a)", False)])
    [True, False, True]
    >>> needed([("kept = {}", False), ("kept['a'] = 1", True), ("kept['a']", False)])
    [True, True, True]
    """
    effects: dict[str, set[str]] = {}
    facts = []
    for source, answer in cells:
        effects |= {
            f.name: changed(f, effects) for f in parsed(source).body if isinstance(f, ast.FunctionDef)
        }
        facts.append((*names(source), changed(parsed(source), effects), answer))
    wanted = set[str]()
    kept = []
    for bound, read, touched, answer in reversed(facts):
        keep = not answer or bool((bound | touched) & wanted)
        if keep:
            wanted = (wanted - bound) | read
        kept.append(keep)
    return kept[::-1]


def parsed(source: str) -> ast.Module:
    """Parse a cell without its lines for IPython."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    return ast.parse("\n".join(lines))


def changed(top: ast.AST, effects: Mapping[str, set[str]]) -> set[str]:
    """Return the names of what code changes without binding it, by itself or by a function with such effects."""
    found = set[str]()
    for node in ast.walk(top):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found.add(root(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and (called.attr in CHANGING or called.attr.endswith("_")):
                found.add(root(called))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found |= effects.get(node.func.id, set())
    return found - {""}


def root(node: ast.expr) -> str:
    """Return the name that an attribute or an item belongs to, or nothing."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names of a notebook that a cell binds, and those that it reads and has not bound above.

    >>> names("x = f(y)") == ({"x"}, {"f", "y"}), names("x += 1") == ({"x"}, {"x"})
    (True, True)
    """
    bound, read = set[str](), set[str]()
    for statement in parsed(source).body:
        here, there = of_statement(statement)
        read |= there - bound
        bound |= here
    return bound, read


def of_statement(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return what one statement binds, and what it reads; what it binds before it reads it is not counted."""
    own, *inner = tables(ast.unparse(statement))
    bound = {name.get_name() for name in own.get_symbols() if name.is_assigned() or name.is_imported()}
    read = {name.get_name() for name in own.get_symbols() if name.is_referenced()}
    within = {name.get_name() for table in inner for name in table.get_symbols() if name.is_global()}
    if isinstance(statement, ast.AugAssign):  # x += 1
        return bound, read | bound
    first = isinstance(statement, ast.Assign)  # x = x + 1 reads x; a loop binds its own before it reads them
    return bound, (read | within) - (set() if first else bound)


def tables(code: str) -> list[symtable.SymbolTable]:
    """Return the scopes of a statement, its own first."""
    found = [symtable.symtable(code, "cell", "exec")]
    for table in found:
        found += table.get_children()
    return found
