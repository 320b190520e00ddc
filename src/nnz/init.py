"""First weights: how large they must be for signals, and gradients, to keep their size through many layers.

Chapter: initialization.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

_MODES = ("fan_in", "fan_out", "fan_avg")

GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,  # empirical: see the chapter
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def gain(activation: str, slope: float = 0.01) -> float:
    """Return the factor by which an activation asks for larger weights, as `torch.nn.init.calculate_gain` does.

    Args:
        activation: "linear", "tanh", "relu", "leaky_relu", "sigmoid" or "selu".
        slope: of "leaky_relu" below zero: its gain is sqrt(2 / (1 + slope²)), He et al. (2015), equation 15.

    Raises:
        ValueError: the activation is unknown.

    Example:
        >>> round(gain("relu"), 4), round(gain("tanh"), 4)
        (1.4142, 1.6667)
    """
    if activation == "leaky_relu":
        return math.sqrt(2 / (1 + slope**2))
    if activation not in GAINS:
        known = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(
            f"no gain is known for {activation!r}; for these: {known}."
        )
    return GAINS[activation]


def second_moment(f: Callable[[Tensor], Tensor]) -> float:
    """Return E[f(z)²] for a standard normal z, by a sum over a fine grid.

    Args:
        f: takes and returns float64 of one shape, number by number.

    Example:
        >>> round(second_moment(torch.relu), 6)
        0.5
    """
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return float((f(z).square() * density).sum() * (z[1] - z[0]))


def forward_gain(f: Callable[[Tensor], Tensor]) -> float:
    """Return 1 / sqrt(E[f(z)²]): the gain with which pre-activations keep the variance 1 from layer to layer.

    He et al. (2015), equation 10, with any activation in place of the ReLU; for others it holds only where
    the variance is 1. The integral is taken from -10 to 10.

    Raises:
        ValueError: E[f(z)²] is zero, or not finite.

    Example:
        >>> round(forward_gain(torch.tanh), 4)
        1.5925
    """
    moment = second_moment(f)
    if not 0 < moment < math.inf:
        raise ValueError(f"E[f(z)²] is {moment}; no gain keeps that at 1.")
    return 1 / math.sqrt(moment)


def kaiming_normal(
    n_in: int,
    n_out: int,
    *,
    gain: float = 1.0,
    mode: str = "fan_in",
    generator: torch.Generator,
) -> Tensor:
    """Return normal first weights of standard deviation gain / sqrt(fan).

    He et al. (2015), equations 10 and 14; for "fan_avg", the mean of both, Glorot and Bengio (2010), equation 12.

    Args:
        n_in: how many numbers come in; the fan of "fan_in", which keeps the signal's size on the way forward.
        n_out: how many go out; the fan of "fan_out", which keeps the gradients' size on the way back.
        gain: see `gain`.
        mode: which fan.
        generator: the source of randomness.

    Returns:
        float32 of shape (n_in, n_out), for a product x @ W; torch's own layers keep (n_out, n_in).

    Raises:
        ValueError: n_in or n_out is below 1, the gain is not finite and above 0, or the mode is unknown.
    """
    if not (n_in >= 1 and n_out >= 1 and 0 < gain < math.inf):
        given = f"got n_in {n_in}, n_out {n_out}, gain {gain}"
        raise ValueError(
            f"sizes must be at least 1, the gain above 0 and finite; {given}."
        )
    if mode not in _MODES:
        raise ValueError(
            f"mode is {mode!r}; it must be one of {', '.join(_MODES)}."
        )
    fans = {"fan_in": n_in, "fan_out": n_out, "fan_avg": (n_in + n_out) / 2}
    std = gain / math.sqrt(fans[mode])
    return std * torch.randn(n_in, n_out, generator=generator)
