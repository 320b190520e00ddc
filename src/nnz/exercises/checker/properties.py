"""What holds of the right answers of several exercises, and is said where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

import torch

from nnz.data import Vocabulary
from nnz.exercises.checker.compare import difference
from nnz.exercises.checker.observe import RESULT, Parts, Property


def which_are_off(*names: str, right: Callable[..., Sequence[Any]]) -> Property:
    """Return a property that says which tensors of a tuple are right, and how far the others are off.

    Args:
        names: what the tensors are, in their order.
        right: the reference.
    """

    def says(args: Sequence[Any], parts: Parts) -> str:
        yours: Any = parts[RESULT]
        agreed, wrong = [], []
        for name, left, good in zip(names, yours, right(*args), strict=True):
            if difference(left, good, 1e-5):
                wrong.append(f"{name} by up to {(left - good).abs().max().item():.4g}")
            else:
                agreed.append(name)
        tail = f"; right: {' and '.join(agreed)}" if agreed else ""
        return f"off: {', '.join(wrong)}{tail}" if wrong else ""

    return says


def never_negative(what: str) -> Property:
    """Return a property that says of a number below 0 that what it should be cannot be negative."""

    def says(args: Sequence[Any], parts: Parts) -> str:
        yours: Any = parts[RESULT]
        return f"{what} is never negative; yours is {yours:.6g}" if yours < -1e-9 else ""

    return says


def as_many_as_built(make: Callable[..., Any]) -> Property:
    """Return a property that compares a count of weights with those of the model itself.

    Args:
        make: makes it of the sizes that the answer was given, but for the first, the number of characters.
    """

    def says(args: Sequence[Any], parts: Parts) -> str:
        V, *sizes = args
        if V > 27:
            return ""  # there are no more letters, and large ones take long to build
        vocabulary = Vocabulary(ascii_lowercase[: V - 1])
        model = make(*sizes, generator=torch.Generator().manual_seed(0), vocabulary=vocabulary)
        yours: Any = parts[RESULT]
        off = yours - sum(p.numel() for p in model.parameters())
        few = "too few" if off < 0 else "too many"
        return f"the model, once built, has others: {abs(off)} {few}" if off else ""

    return says
