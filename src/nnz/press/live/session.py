"""What the page `live` asks of its Python: to run code, judge an answer, give a hint, draw an expression.

This file runs in the page, and the same in any Python. What is handed back is one text, whose first line says how
it went.
"""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from nnz.draw import MOST_NODES, draw, steps
from nnz.engine import Value, topological_order
from nnz.exercises.contents import CONTENTS
from nnz.plumbing.graphs import MOST_STEPS

FILE = "answer.py"  # what the reader's code is called in messages
MOST_LETTERS = 20_000  # that one piece of code may print
LONGEST = 6  # calls of a traceback that are shown

_OURS = str(Path(__file__).resolve())
_CHAPTER_OF = {name: chapter for chapter, titles in CONTENTS.items() for name in titles}
_ELSEWHERE = ("torch", "numpy", "matplotlib")
_SETS_A_NAME = re.compile(r"([^\W\d]\w*)\s*=(?!=)\s*(.+)$")
CURVES = ("exp", "log", "tanh", "sigmoid", "relu")


class Printed:
    """Where print writes to: hands on what is written, as far as there is room for it."""

    def __init__(self, send: Callable[[str], object]) -> None:
        self.send = send
        self.left = MOST_LETTERS

    def write(self, text: str) -> int:
        """Hand on the text, or what there is room for."""
        if text and self.left >= 0:
            more = "" if len(text) <= self.left else "\n... and more, which is left out\n"
            self.send(text[: self.left] + more)
        self.left -= len(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: all has been handed on."""


def asked(verb: str, name: str, text: str, send: Callable[[str], object]) -> str:
    """Do what the page asks for, and return how it went and what there is to say, from the second line on.

    Args:
        verb: "run", "check", "hint", "solution" or "draw".
        name: the exercise's, where one is meant.
        text: the reader's code or lines, or the number of a hint.
        send: takes what the code prints.
    """
    before = sys.stdout
    sys.stdout = Printed(send)
    try:
        if verb == "draw":
            return drawn(text)
        if verb == "run":
            return f"ran\n{run(text)[1]}"
        exercise = find(name)
        if verb == "hint":
            return f"hint\n{exercise.numbered_hint(int(text))}"
        if verb == "solution":
            return f"solution\n{exercise.solution()}"
        return checked(exercise, text)
    finally:
        sys.stdout = before


def find(name: str) -> Any:
    """Return the exercise of that name."""
    module = import_module(f"nnz.exercises.{_CHAPTER_OF[name].replace('-', '_')}")
    return next(exercise for exercise in module.EXERCISES if exercise.name == name)


def run(source: str) -> tuple[dict[str, Any], str]:
    """Run code, and return the names that it leaves and what Python says if it fails."""
    space: dict[str, Any] = {"__name__": "answer"}
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    try:
        exec(compile(source, FILE, "exec", dont_inherit=True), space)
    except SyntaxError as error:
        return space, told(error) if error.filename != FILE else misspelled(error)
    except BaseException as error:
        return space, told(error)
    return space, ""


def checked(exercise: Any, source: str) -> str:
    """Run code and judge the function in it that is named as the exercise."""
    space, failure = run(source)
    if failure:
        return f"error\nerror: {exercise.title}\n{failure}"
    if exercise.name not in space:
        missing = f"the code defines no function {exercise.name}; it begins def {exercise.name}("
        return f"error\nerror: {exercise.title}\n{missing}{', '.join(exercise.parameters)}):"
    try:
        result = exercise.check(space[exercise.name])
    except BaseException as error:  # an interrupt, raised by the code itself
        return f"error\nerror: {exercise.title}\n{told(error)}"
    return f"{result.state}\n{result.text}"


def told(error: BaseException) -> str:
    """Return what Python says of an exception, without the calls that led from the page to the reader's code."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)
    ]
    lines = []
    for frame in frames:
        place = frame.filename.partition("/nnz/")
        where = f"nnz/{place[2]}" if place[1] else frame.filename.removeprefix("/page/")
        lines.append(f'  File "{where}", line {frame.lineno}, in {frame.name}')
        lines[-1] += f"\n    {frame.line}" if frame.line else ""
    if len(lines) > LONGEST:
        half = LONGEST // 2
        lines = [*lines[:half], f"  ... and {len(lines) - LONGEST} more calls ...", *lines[-half:]]
    return "\n".join(["Traceback (most recent call last):", *lines, _said(error)])


def _said(error: BaseException) -> str:
    said = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, ImportError) and any(name in said for name in _ELSEWHERE):
        return f"{said} (This page has a few parts of Python's own library; install the package for more.)"
    return said


def misspelled(error: SyntaxError) -> str:
    """Return what Python says of code that is none, with a mark below the place."""
    number, text = error.lineno or 1, error.text or linecache.getline(FILE, error.lineno or 1)
    if "unexpected indent" in str(error.msg):
        number, text = _indented(number)
    lines = [f'  File "{FILE}", line {number}']
    if text.strip():
        lines.append(f"    {text.strip()}")
        lines.append(" " * (4 + max((error.offset or 1) - 1 - _margin(text), 0)) + "^")
    return "\n".join([*lines, f"{type(error).__name__}: {error.msg}"])


def _indented(number: int) -> tuple[int, str]:
    """Return the nearest line, up to a number, that is indented further than the one above it.

    Brython names the line below it.
    """
    lines = [(n, linecache.getline(FILE, n)) for n in range(1, number + 1)]
    lines = [(n, line) for n, line in lines if line.strip()]
    for (_, above), (n, line) in reversed([*pairwise(lines)]):
        if _margin(line) > _margin(above):
            return n, line
    return lines[0] if lines else (number, "")


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


class LineError(ValueError):
    """A line of an expression that cannot be computed."""


def expression(lines: str) -> Value:
    """Return the result of the last of some lines, such as `a = 2` and `L = a * a`.

    A number becomes a Value, and each Value is called by the name that its line gives it.

    Raises:
        LineError: a line cannot be computed; the message says which, and why.
    """
    space: dict[str, Any] = {name: _curve(name) for name in CURVES} | {"Value": Value}
    result = None
    for number, line in enumerate(lines.splitlines(), 1):
        if not (line := line.partition("#")[0].strip()):
            continue
        named = _SETS_A_NAME.match(line)
        label, formula = named.groups() if named else ("", line)
        try:
            result = _value(eval(formula, space), label)
        except Exception as error:
            raise LineError(f"line {number}, {line}\n{_advised(error)}") from None
        if label:
            space[label] = result
    if result is None:
        raise LineError("there is nothing to draw yet; write lines such as a = 2 and L = a * a")
    return result


def _curve(name: str) -> Callable[[Any], Value]:
    """Return a function that may be written around a Value or a number."""
    return lambda x: getattr(x if isinstance(x, Value) else Value(x), name)()


def _value(result: object, label: str) -> Value:
    if isinstance(result, (int, float)) and not isinstance(result, bool):
        return Value(result, label)
    if not isinstance(result, Value):
        raise TypeError(f"a line gives a number or a Value; this one gives {result!r}.")
    result.label = result.label or label
    return result


def _advised(error: Exception) -> str:
    said = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, NameError) and (name := re.search(r"'(\w+)'", said)):
        return f"{said}; give it a number in a line above, such as {name[1]} = 2"
    return said


def drawn(lines: str) -> str:
    """Return the drawing of an expression, to be stepped through; all at once, if it is long."""
    try:
        root = expression(lines)
        operations = sum(bool(node.op) for node in topological_order(root))
        if operations <= MOST_STEPS - 2:
            return f"steps\n{steps(root).html}"
        root.backward()
        return f"drawn\n{draw(root, slopes=True).html}"
    except LineError as error:
        return f"error\n{error}"
    except ValueError:
        return f"error\nThe graph is too large for a picture; at most {MOST_NODES} nodes can be shown."
