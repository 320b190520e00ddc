"""More inputs, drawn from a specification: an answer that fits the chosen ones alone is told by them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from nnz.exercises.checker.inputs import Input, tensors

DRAWS = 4  # inputs beside the chosen ones
_LETTERS = "aeilmnoz"


class Draw:
    """What a specification draws from: numbers that tell shapes, axes and operations apart.

    >>> draw = Draw(random.Random(1))
    >>> draw.sizes(3)
    [4, 3, 7]
    >>> draw.table(2, 3)
    [[-2.3, 1.6, -0.2], [-0.7, -1.7, 2.4]]
    >>> draw.names(2)
    ['loaln', 'mai']
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def size(self, low: int = 3, high: int = 6) -> int:
        """Return a whole number, both ends included."""
        return self.rng.randint(low, high)

    def seed(self) -> int:
        """Return a seed of a generator."""
        return self.rng.randint(10, 99)

    def sizes(self, n: int, low: int = 3) -> list[int]:
        """Return n sizes, no two of them the same."""
        return self.rng.sample(range(low, low + n + 2), n)

    def number(self, low: float = -3.0, high: float = 3.0, digits: int = 1) -> float:
        """Return a number of few digits, which is neither a whole number nor near 0."""
        while True:
            number = round(self.rng.uniform(low, high), digits)
            if number != round(number) and abs(number) >= min(0.2, high / 5):
                return number

    def positive(self, high: float = 3.0, digits: int = 1) -> float:
        """Return a number above 0."""
        return self.number(high / 10, high, digits)

    def table(self, *shape: int, low: float = -3.0, high: float = 3.0, digits: int = 1) -> Any:
        """Return numbers in lists of that shape."""
        if not shape:
            return self.number(low, high, digits)
        return [self.table(*shape[1:], low=low, high=high, digits=digits) for _ in range(shape[0])]

    def whole(self, *shape: int, low: int = 0, high: int = 9) -> Any:
        """Return whole numbers in lists of that shape, both ends included."""
        if not shape:
            return self.rng.randint(low, high)
        return [self.whole(*shape[1:], low=low, high=high) for _ in range(shape[0])]

    def pick(self, n: int, *choices: Any) -> list[Any]:
        """Return n of the choices, each as likely at every draw."""
        return self.rng.choices(choices, k=n)

    def shuffled(self, n: int) -> list[int]:
        """Return the numbers below n in a drawn order."""
        return self.rng.sample(range(n), n)

    def chances(self, n: int) -> list[float]:
        """Return n probabilities in hundredths, none of them 0 and no two the same."""
        while True:
            cuts = [0, *sorted(self.rng.sample(range(5, 100, 2), n - 1)), 100]
            shares = [after - before for before, after in pairwise(cuts)]
            if len(set(shares)) == n:
                return [share / 100 for share in shares]

    def names(self, n: int, letters: str = _LETTERS) -> list[str]:
        """Return n names of a few letters."""
        return ["".join(self.rng.choices(letters, k=self.size(2, 5))) for _ in range(n)]


Specification = Callable[[Draw], Input]


def shaped(*texts: str) -> Specification:
    """Return a specification of tensors by their axes, whose letters stand for sizes, no two of them the same.

    In "B 2C, +C, B<V, #V, ~0.5" these are floats of shape (B, 2C), C floats above 0, B whole numbers below V,
    the size V itself, and a number above 0 and at most 0.5; None is None. Of several texts one is drawn.

    >>> shaped("B C, B<V, #V")(Draw(random.Random(1))).show("f")
    'f(torch.tensor([[0.3, 0.6, -0.8, -0.9], [0.7, 0.5, 0.4, -0.5]]), torch.tensor([0, 2]), 6)'
    """

    def specification(draw: Draw) -> Input:
        (text,) = draw.pick(1, *texts)
        letters = sorted({*re.findall("[A-Z]", text)})
        sizes = dict(zip(letters, draw.sizes(len(letters), 2), strict=True))

        def part(words: str) -> Any:
            if words == "None":
                return None
            if words[0] in "#~":
                return sizes[words[1]] if words[0] == "#" else draw.positive(float(words[1:]), 2)
            axes, _, below = words.removeprefix("+").partition("<")
            shape = [int(axis[:-1] or 1) * sizes[axis[-1]] for axis in axes.split()]
            if below:
                return draw.whole(*shape, high=sizes[below] - 1)
            return draw.table(*shape, low=0.2 if words[0] == "+" else -1, high=1)

        return tensors(*(part(words) for words in text.split(", ")))

    return specification


def drawn(specification: Specification, name: str) -> tuple[Input, ...]:
    """Return inputs of an exercise, the same in every run, those that are soonest typed first.

    Args:
        specification: draws one of them.
        name: the exercise's.
    """
    inputs = [specification(Draw(random.Random(f"{name} {i}"))) for i in range(DRAWS)]
    return tuple(sorted(inputs, key=lambda given: len(given.show(name))))
