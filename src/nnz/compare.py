"""How well a gradient agrees with the expected one: exactly, to rounding, or not.

Chapter: backprop.
"""

from __future__ import annotations

import torch
from torch import Tensor


def compare(name: str, yours: Tensor, expected: Tensor) -> str:
    """Return in words how well a gradient agrees with the expected one: exactly, to rounding, or how far off.

    To rounding means within 1e-8, or a hundred-thousandth of the number, or a millionth of the largest; in float64
    within 1e-13, or 1e-10 and 1e-11 of these. So this cannot judge a gradient that is zero on paper, whose numbers
    are all below that.

    >>> compare("x", torch.tensor([1.0]), torch.tensor([1.5]))
    'x: WRONG by up to 0.5'
    """
    if yours.shape != expected.shape:
        return (
            f"{name}: WRONG shape {tuple(yours.shape)}, not {tuple(expected.shape)}"
        )
    if yours.dtype != expected.dtype:
        return f"{name}: WRONG dtype {yours.dtype}, not {expected.dtype}"
    if torch.equal(yours, expected):
        return f"{name}: exact"
    gap = (yours - expected).abs().max().item()
    double = expected.dtype == torch.float64
    share, least = (1e-10, 1e-13) if double else (1e-5, 1e-8)
    least += share / 10 * expected.abs().max().item()
    if torch.allclose(yours, expected, rtol=share, atol=least):
        return f"{name}: approximate, within {gap:.1e}"
    return f"{name}: WRONG by up to {gap:.3g}"
