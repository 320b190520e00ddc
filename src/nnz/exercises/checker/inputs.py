"""What an answer is tried on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from nnz.exercises.checker.compare import describe


@dataclass(frozen=True)
class Formula:
    """A function given to an answer as an argument, and its name and formula as they are shown to the reader.

    >>> square = Formula("f(x) = x * x", lambda x: x * x)
    >>> square(3.0)
    9.0
    """

    text: str
    function: Callable[..., float]

    def __call__(self, *numbers: float) -> float:
        """Return the value of the formula."""
        return self.function(*numbers)


@dataclass(frozen=True)
class Input:
    """The arguments of one call.

    Attributes:
        args: the arguments; every call gets copies.
        text: the call as it is shown to the reader; made from the arguments where it is empty.
    """

    args: tuple[object, ...]
    text: str = ""

    def fresh(self) -> tuple[object, ...]:
        """Return copies of the arguments, which the answer may change without harm to the next call."""
        return copy.deepcopy(self.args)

    def show(self, name: str) -> str:
        """Return the call of the function `name` with these arguments, as it is shown to the reader.

        >>> Input((Formula("f(x) = x * x", lambda x: x * x), [3.0], 0.5)).show("slope")
        'slope(f, [3.0], 0.5) where f(x) = x * x'
        """
        if self.text:
            return self.text
        shown, formulas = [], []
        for arg in self.args:
            if isinstance(arg, Formula):
                shown.append(arg.text.partition("(")[0])
                formulas.append(arg.text)
            else:
                shown.append(describe(arg))
        where = f" where {' and '.join(formulas)}" if formulas else ""
        return f"{name}({', '.join(shown)}){where}"


def call(*args: object) -> Input:
    """Return the input with these arguments, shown as they are.

    >>> call(2.0, [1, 2]).show("f")
    'f(2.0, [1, 2])'
    """
    return Input(args)
