"""Trying an answer on one input, and keeping what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nnz.engine import Value
from nnz.exercises.checker.compare import describe, freeze, has_shape, same
from nnz.exercises.checker.inputs import Input

Answer = Callable[..., object]
Parts = Mapping[str, object]  # what is compared, by the words it is spoken of with
Drive = Callable[[Answer, Sequence[object]], Parts]
Property = Callable[[Sequence[object], Parts], str]  # what does not hold of arguments and parts, or nothing

RESULT = "the result"
GRADIENTS = "the gradients of the inputs"


@dataclass
class Outcome:
    """What came of trying an answer on one input.

    Attributes:
        parts: what is compared with the reference's; empty after a failure.
        changed: the arguments that the answer changed without leave: how each was, and how it is.
        echoed: the name of the argument that was handed back as the result, if one was.
        failure: what was raised.
    """

    parts: Parts = field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = field(default_factory=dict)
    echoed: str = ""
    failure: BaseException | None = None

    def agrees(self, other: Outcome, tolerance: float) -> bool:
        """Whether the same came of both, so that the same slip may be behind them."""
        if self.failure or other.failure:
            return type(self.failure) is type(other.failure)
        return (
            self.changed.keys() == other.changed.keys()
            and self.echoed == other.echoed
            and self.parts.keys() == other.parts.keys()
            and all(same(self.parts[part], other.parts[part], tolerance) for part in self.parts)
        )


def returned(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; what counts is the result."""
    return {RESULT: answer(*args)}


def in_a_tuple(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; a tensor or array alone counts as a tuple of one, to say how many there should be."""
    result = answer(*args)
    return {RESULT: (result,) if has_shape(result) else result}


def in_words(part: str, words: Callable[[object], str]) -> Drive:
    """Return the drive that compares the result and what the words say of it, as a part of that name."""

    def drive(answer: Answer, args: Sequence[object]) -> Parts:
        result = answer(*args)
        return {RESULT: result, part: words(result)}

    return drive


def with_gradients(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; what counts is the result and, if it is a Value, the gradient of every Value given."""
    result = answer(*args)
    if not isinstance(result, Value):
        return {RESULT: result}
    inputs = list(_values(args))
    for value in inputs:
        value.grad = 0.0
    result.backward()
    gradients = [value.grad for value in inputs]
    result.grad = 0.0  # so that it is shown as it was handed back
    return {RESULT: result, GRADIENTS: gradients}


def _values(thing: object) -> Iterator[Value]:
    if isinstance(thing, Value):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for entry in thing:
            yield from _values(entry)


def _echoed(result: object, names: Sequence[str], args: Sequence[object]) -> str:
    """Return the name of the argument that the result is, if it is one that can be changed."""
    if not (isinstance(result, (Value, list)) or has_shape(result)):
        return ""
    pairs = zip(names, args, strict=False)
    return next((name for name, arg in pairs if arg is result), "")


def observe(
    answer: Answer, given: Input, drive: Drive, names: Sequence[str], changes: Sequence[str]
) -> Outcome:
    """Try an answer on fresh copies of an input.

    Args:
        answer: the function, which may do anything.
        given: the input.
        drive: how the answer is called, and what counts.
        names: the names of its parameters.
        changes: those of them that it may change.

    Raises:
        KeyboardInterrupt: the reader interrupted it. Nothing else that the answer raises gets out.
    """
    outcome = Outcome()

    def watched(*args: object) -> object:
        before = [(freeze(arg), describe(arg)) for arg in args]
        result = answer(*args)
        for name, arg, (was, shown) in zip(names, args, before, strict=False):
            if name not in changes and not same(freeze(arg), was):
                outcome.changed.setdefault(name, (shown, describe(arg)))
        outcome.echoed = outcome.echoed or _echoed(result, names, args)
        return result

    try:
        outcome.parts = drive(watched, given.fresh())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outcome.failure = error
    return outcome
