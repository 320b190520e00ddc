"""Small changes of the exercises' reference answers, one at a time, and which of them the checkers call right.

    python tests/exercise_mutants.py [exercise ...]

tries them all, or those of the exercises named, and prints those called right for which
tests/exercise_mutants.json gives no reason: because they do the same, or change what the exercise leaves free.
"""

from __future__ import annotations

import ast
import copy
import inspect
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from nnz.exercises.checker.exercise import Exercise
from nnz.exercises.contents import CONTENTS

MOST = 20  # mutants of one answer, spread over all of it
SECONDS = 5.0  # of computing, for a check; an answer that is not done by then counts as caught
REASONS = Path(__file__).with_suffix(".json")

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_PAIRS = (
    "sum mean",
    "max min",
    "argmax argmin",
    "tanh sigmoid",
    "std var",
    "exp log",
    "zeros ones",
    "zeros_like ones_like",
    "any all",
    "floor ceil",
    "amax amin",
    "sin cos",
)
_NAMES = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}
_NAMES |= {"cumsum": "cumprod", "sqrt": "abs", "square": "abs", "log2": "log", "sorted": "list"}


def _constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    return [value * 2] if isinstance(value, float) and value else []


def _changes(node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield what may stand in the place of a node; None for nothing, where it is a statement."""
    new: Any = copy.deepcopy(node)
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in _OPERATORS:
                yield ast.BinOp(left, _OPERATORS[type(op)](), right)
            if isinstance(op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
                yield ast.BinOp(right, op, left)
            yield left
        case ast.Compare(left, [op], right):
            for other in _COMPARISONS[type(op)]:
                yield ast.Compare(left, [other()], right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            yield values[0]
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Constant(value) if not isinstance(value, str):
            for other in _constants(value):
                yield ast.Constant(other)
        case ast.keyword("dim" | "axis", ast.Constant(0)):
            yield ast.keyword(node.arg, ast.Constant(-1))
        case ast.Slice(lower, upper, step):
            if step is None and upper is None and lower is not None:
                yield ast.Slice(None, lower, None)
            elif step is None and lower is None and upper is not None:
                yield ast.Slice(upper, None, None)
            elif step is not None:
                yield ast.Slice(lower, upper, None)
        case ast.Call(func, args, keywords):
            for i in range(len(keywords)):
                yield ast.Call(func, args, keywords[:i] + keywords[i + 1 :])
            if len(args) > 1:
                yield ast.Call(func, args[:-1], keywords)
                yield ast.Call(func, [args[1], args[0], *args[2:]], keywords)
            elif args and isinstance(func, ast.Attribute) and not keywords:
                yield ast.Call(func, [], [])
            if isinstance(func, ast.Attribute) and not args and not keywords:
                yield func.value
        case ast.Attribute(_, name) | ast.Name(name) if name in _NAMES:
            new.attr = new.id = _NAMES[name]
            yield new
        case ast.Attribute(value, "T" | "mT"):
            yield value
        case ast.AugAssign(target, op, value):
            yield ast.Assign([target], value, lineno=node.lineno)
            if type(op) in _OPERATORS:
                yield ast.AugAssign(target, _OPERATORS[type(op)](), value)
        case ast.If(test, body, orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield body
            yield orelse
        case ast.Expr(ast.Constant()):
            return  # a docstring
        case ast.Expr() | ast.Continue():
            yield ast.Pass()
        case ast.Return(value) if value is not None and not isinstance(value, (ast.Tuple, ast.Dict)):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Tuple(elts, ast.Load()) | ast.List(elts, ast.Load()) if len(elts) > 1:
            yield type(node)([elts[1], elts[0], *elts[2:]], ast.Load())


def _places(node: ast.AST, skip: tuple[str, ...] = ()) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Walk over what is run: each node by its parent, field, and index in the field."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params", "format_spec", *skip):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield node, field, index
                yield from _places(child)


def _put(parent: ast.AST, field: str, index: int | None, child: object) -> None:
    if index is None:
        setattr(parent, field, child)
    else:
        getattr(parent, field)[index] = child


def mutants(exercise: Exercise) -> dict[str, str]:
    """Return the changed sources of an exercise's answer, by what was changed."""
    (definition,) = ast.parse(inspect.getsource(exercise.reference)).body
    assert isinstance(definition, ast.FunctionDef)
    del definition.body[0]  # the docstring
    before = ast.unparse(definition).splitlines()
    found = {}
    for parent, field, index in list(_places(definition, skip=("args", "decorator_list"))):
        node = getattr(parent, field) if index is None else getattr(parent, field)[index]
        for number, change in enumerate(_changes(node)):
            _put(parent, field, index, change)
            source = ast.unparse(ast.fix_missing_locations(definition))
            after = source.splitlines()
            _put(parent, field, index, node)
            if after == before or source in found.values():
                continue
            gone = [line.strip() for line in before if line not in after]
            come = [line.strip() for line in after if line not in before]
            what = f"{' / '.join(gone)} -> {' / '.join(come)}"
            found[what if what not in found else f"{what} ({number})"] = source
    names = list(found)
    if len(names) > MOST:
        names = [names[i * len(names) // MOST] for i in range(MOST)]
    return {name: found[name] for name in names}


class TooSlow(Exception):
    """The time for a check is over."""


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Raise TooSlow in what is run too long, again and again, since a check keeps what an answer raises."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def called_right(exercise: Exercise, source: str, seconds: float = SECONDS) -> bool:
    """Whether the checker calls a changed answer right."""
    module = sys.modules[exercise.reference.__module__]
    space = dict(vars(module))
    exec(compile("from __future__ import annotations\n" + source, "<mutant>", "exec"), space)
    try:
        with limited(seconds):
            return bool(exercise.check(space[exercise.name]))
    except TooSlow:
        return False


def exercises() -> dict[str, Exercise]:
    """Return all exercises of the book by name."""
    modules = [import_module(f"nnz.exercises.{chapter.replace('-', '_')}") for chapter in CONTENTS]
    return {exercise.name: exercise for module in modules for exercise in module.EXERCISES}


def reasons() -> dict[str, dict[str, str]]:
    """Return why changes that are called right may be, by exercise and change."""
    found: dict[str, dict[str, str]] = json.loads(REASONS.read_text(encoding="utf-8"))
    return found


def main(names: list[str]) -> int:
    """Try the mutants of some exercises, or of all, and say which are called right without a reason."""
    known, all_, right, missed = reasons() if REASONS.exists() else {}, 0, 0, 0
    for name, exercise in exercises().items():
        if names and name not in names:
            continue
        tried = mutants(exercise)
        all_ += len(tried)
        for what, source in tried.items():
            if called_right(exercise, source):
                right += 1
                if what not in known.get(name, {}):
                    missed += 1
                    print(f"{name}: {what}", flush=True)
    print(f"{all_} mutants: {all_ - right} caught, {right - missed} with a reason, {missed} missed")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
