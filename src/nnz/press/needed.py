"""Which cells of a notebook others need: a bare notebook leaves answers out, and has to run without them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Sequence


def needed(cells: Sequence[tuple[str, bool]]) -> list[bool]:
    """Return which cells stay: those that are no answers, and answers that bind what a cell below needs.

    Args:
        cells: the source of each, and whether it is part of an answer.

    >>> needed([("a = 1", True), ("b = 2", True), ("print(a)", False)])
    [True, False, True]
    """
    wanted = set[str]()
    kept = []
    for source, answer in reversed(cells):
        bound, read = names(source)
        keep = not answer or bool(bound & wanted)
        if keep:
            wanted = (wanted - bound) | read
        kept.append(keep)
    return kept[::-1]


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names of a notebook that a cell binds, and those that it reads and has not bound above.

    >>> names("x = f(y)") == ({"x"}, {"f", "y"}), names("x += 1") == ({"x"}, {"x"})
    (True, True)
    """
    plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    bound, read = set[str](), set[str]()
    for statement in ast.parse(plain).body:
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
