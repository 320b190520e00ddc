"""Judging an answer: from the smallest input to the largest, until one shows what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

from nnz.exercises.checker.calling import exception_text, reader_lines
from nnz.exercises.checker.compare import describe, difference, dtype_name, has_shape, kind, mismatch
from nnz.exercises.checker.inputs import Input
from nnz.exercises.checker.observe import GRADIENTS, RESULT, Answer, Outcome, Property
from nnz.exercises.checker.result import Result
from nnz.exercises.checker.slips import Slip


class Examined(Protocol):
    """What of an exercise is looked at here; see `Exercise`."""

    properties: tuple[Property, ...]
    tolerance: float

    @property
    def tried(self) -> tuple[Input, ...]:
        """All that an answer is tried on."""

    @property
    def known_slips(self) -> tuple[Slip, ...]:
        """The known wrong answers."""

    @property
    def reference(self) -> Answer:
        """An answer that is right."""

    @property
    def name(self) -> str:
        """The name of the function that is asked for."""

    @property
    def title(self) -> str:
        """The title, as it stands in the book."""

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters."""

    def observe(self, answer: Answer, index: int) -> Outcome:
        """Try an answer on the input of that index."""

    def known(self, answer: Answer, index: int) -> Outcome:
        """Return what comes of the reference or of a slip."""


def examine(exercise: Examined, answer: Any) -> Result:
    """Return what comes of checking `answer`; see `Exercise.check`."""
    if answer is None or answer is ...:
        return _not_attempted(exercise)
    if problem := _uncallable(exercise, answer):
        return Result("error", f"error: {exercise.title}\n{problem}")
    checks = 0
    outcomes: list[Outcome] = []
    for index in range(len(exercise.tried)):
        yours = exercise.observe(answer, index)
        outcomes.append(yours)
        if _is_blank(yours, index):
            return _not_attempted(exercise)
        if yours.failure:
            lines = [exception_text(yours.failure), *reader_lines(yours.failure)]
            return _report(exercise, answer, outcomes, "error", lines)
        expected = exercise.known(exercise.reference, index)
        if fault := _fault(exercise, index, yours, expected):
            return _report(exercise, answer, outcomes, "wrong", fault)
        checks += len(expected.parts) + len(exercise.properties)
    return Result("right", f"✓ {exercise.title}: {checks} checks")


def _not_attempted(exercise: Examined) -> Result:
    start = f"{exercise.title}; ex.{exercise.name}.hint() gives a hint"
    return Result("not attempted", f"not attempted: {start}")


def _is_blank(yours: Outcome, index: int) -> bool:
    if yours.failure:
        return isinstance(yours.failure, NotImplementedError)
    result = yours.parts.get(RESULT, 0)
    return index == 0 and (result is None or result is ...)


def _report(exercise: Examined, answer: Any, outcomes: list[Outcome], state: str, lines: list[str]) -> Result:
    given = exercise.tried[len(outcomes) - 1]
    head = [f"{state}: {exercise.title}", f"tried: {given.show(exercise.name)}"]
    slip = probable_slip(exercise, answer, outcomes)
    tail = [f"probable cause: {slip.cause}"] if slip else []
    text = "\n".join([*head, *lines, *tail])
    return Result("error" if state == "error" else "wrong", text)


def _uncallable(exercise: Examined, answer: Any) -> str:
    """Say why the answer cannot be called as the exercise asks, or nothing."""
    form = f"{exercise.name}({', '.join(exercise.parameters)})"
    if not callable(answer):
        return f"expected the function {form} itself; got {describe(answer)}, {kind(answer)}"
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return ""  # some functions written in C do not say what they take
    try:
        signature.bind(*exercise.parameters)
    except TypeError as error:
        return f"it is called as {form}, and yours takes {signature}: {error}"
    return ""


def _fault(exercise: Examined, index: int, yours: Outcome, expected: Outcome) -> list[str]:
    """Say what is wrong with an outcome, or nothing if nothing is."""
    for name, (was, is_) in yours.changed.items():
        change = f"it was {was}, and after the call it is {is_}; work on a copy"
        return [f"the argument {name} was changed: {change}"]
    if yours.echoed:
        return [f"the result is the argument {yours.echoed} itself, not a new one"]
    for part, right in expected.parts.items():
        left = yours.parts.get(part)
        if found := mismatch(left, right, part) or _cut(part, left, right):
            return [_shown(left), found]
    for holds in exercise.properties:
        if found := holds(exercise.tried[index].fresh(), yours.parts):
            shown = [_shown(left, part) for part, left in yours.parts.items()]
            return [*shown, found]
    for part, right in expected.parts.items():
        left = yours.parts[part]
        if isinstance(right, str) and left != right:
            return [f"{part}: yours is {left}; expected {right}"]
        if found := difference(left, right, exercise.tolerance):
            where = "" if part == RESULT else f"{part}: "
            return [_shown(left), where + found]
    return []


def _shown(yours: Any, part: str = RESULT) -> str:
    text = f"yours: {describe(yours)}"
    if has_shape(yours):
        text += f", {dtype_name(yours)} of shape {tuple(yours.shape)}"
    return text if part == RESULT else f"{text} ({part})"


def _cut(part: str, yours: Any, expected: Any) -> str:
    """Say that no gradient arrives, if so."""
    if part != GRADIENTS or any(yours) or not any(expected):
        return ""
    return "the result is not connected to its inputs: after backward() each of their gradients is 0"


def probable_slip(exercise: Examined, answer: Any, outcomes: Sequence[Outcome]) -> Slip | None:
    """Return the known slip of which the same came as of the answer on all inputs tried, the failing one last.

    Where several fit, the inputs that were not tried yet decide; None if they cannot.
    """
    fitting = list(exercise.known_slips)
    for index in range(len(exercise.tried)):
        if index >= len(outcomes) and len(fitting) <= 1:
            break
        yours = outcomes[index] if index < len(outcomes) else exercise.observe(answer, index)
        agreeing = [
            slip
            for slip in fitting
            if yours.agrees(exercise.known(slip.answer(exercise.reference), index), exercise.tolerance)
        ]
        if index < len(outcomes) or agreeing:
            fitting = agreeing
    return fitting[0] if len(fitting) == 1 else None
