"""What holds of the right answers of several exercises, and is said where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
