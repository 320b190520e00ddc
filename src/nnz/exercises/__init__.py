"""The exercises of the book, each with a checker, hints and an answer.

>>> from nnz import exercises as ex
>>> ex.maximum.check(max)
wrong: A new operation
tried: maximum(Value(1.0), Value(3.0))
the result is the argument y itself, not a new one
probable cause: one of the two Values was handed back; the exercise asks for a new node that has them as operands

`ex.listing()` says which exercises there are, `ex.maximum` what it asks for, `ex.maximum.hint()` gives its
next hint, and `ex.maximum.solution()` shows an answer. On the command line the same is `python -m nnz.exercises`.

A chapter's exercises are imported when one of them is asked for, so that those of Part I need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nnz.exercises.checker.result import Text
from nnz.exercises.contents import CONTENTS, unknown

if TYPE_CHECKING:
    from nnz.exercises.checker.exercise import Exercise

_CHAPTER_OF = {name: chapter for chapter, titles in CONTENTS.items() for name in titles}


def listing(chapter: str | None = None) -> Text:
    """Return the names and titles of the exercises, chapter by chapter in the book's order.

    Args:
        chapter: a chapter's name, such as "engine"; every chapter that has exercises by default.

    Raises:
        ValueError: no chapter of that name has exercises.

    >>> listing("network")
    network
      count_parameters      Counting parameters
      xor                   Exclusive or, by hand
      momentum_step         A step with momentum
      logistic_loss         The logistic loss
    """
    if chapter is not None and chapter not in CONTENTS:
        raise ValueError(f"no chapter {chapter!r} has exercises; these have: {', '.join(CONTENTS)}.")
    width = max(map(len, _CHAPTER_OF)) + 2
    lines = []
    for name in [chapter] if chapter else CONTENTS:
        lines += ["", name]
        lines += [f"  {key:{width}}{CONTENTS[name][key]}" for key in CONTENTS[name]]
    return Text("\n".join(lines[1:]))


def __getattr__(name: str) -> Exercise:
    if name not in _CHAPTER_OF:
        raise AttributeError(unknown(name))
    file = _CHAPTER_OF[name].replace("-", "_")
    module = import_module(f"nnz.exercises.{file}")
    found = {exercise.name: exercise for exercise in module.EXERCISES}
    exercise: Exercise = found[name]
    return exercise


def __dir__() -> list[str]:
    return [*_CHAPTER_OF, "listing"]
