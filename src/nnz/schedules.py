"""Learning rates that change while a network is trained: functions from the number of a step to its rate.

Chapter: training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def step_decay(
    rate: float, *, at: Sequence[int], factor: float = 0.1
) -> Callable[[int], float]:
    """Return a schedule that begins with `rate` and multiplies it by `factor` at each of the steps `at`.

    Raises:
        ValueError: rate or factor is not finite and above 0.

    Example:
        >>> schedule = step_decay(0.1, at=[100])
        >>> round(schedule(99), 4), round(schedule(100), 4)
        (0.1, 0.01)
    """
    _check_positive(rate=rate, factor=factor)
    return lambda step: rate * factor ** sum(step >= mark for mark in at)


def cosine(rate: float, *, steps: int) -> Callable[[int], float]:
    """Return a schedule that falls along half a wave: rate · (1 + cos(π · step / steps)) / 2.

    Loshchilov and Hutter (2017), equation 5, without restarts and down to 0.

    Raises:
        ValueError: rate is not finite and above 0, or steps is below 1.
    """
    _check_positive(rate=rate, steps=steps)
    return lambda step: rate * half_wave(step / steps)


def one_cycle(
    rate: float, *, steps: int, rise: float = 0.2, first: float = 0.04
) -> Callable[[int], float]:
    """Return a schedule that climbs to `rate` along half a wave and then falls to nearly 0 along another.

    After Smith and Topin (2019), who climb and fall along straight lines.

    Args:
        rate: the highest.
        steps: how many there are in all.
        rise: the share of the steps in which it climbs; above 0, below 1.
        first: the rate it begins with, as a share of the highest.

    Raises:
        ValueError: rate or first is not finite and above 0, steps is below 1, or rise is not between 0 and 1.
    """
    _check_positive(rate=rate, steps=steps, first=first, rise=rise, fall=1 - rise)
    top = rise * steps

    def schedule(step: int) -> float:
        if step < top:
            return rate - (rate - first * rate) * half_wave(step / top)
        return rate * half_wave((step - top) / (steps - top))

    return schedule


def half_wave(share: float) -> float:
    """Return what falls smoothly from 1 at a share of 0 to 0 at a share of 1, and stays there."""
    return (1 + math.cos(math.pi * min(share, 1))) / 2


def sweep(low: float, high: float, *, steps: int) -> Callable[[int], float]:
    """Return a schedule that grows from `low` to `high` by the same factor at each step: a range test.

    Smith (2017), section 3.3, who lets the rate grow by the same amount.

    Raises:
        ValueError: low or high is not finite and above 0, or steps is below 2.
    """
    _check_positive(low=low, high=high, steps=steps - 1)
    return lambda step: low * (high / low) ** (step / (steps - 1))


def _check_positive(**values: float) -> None:
    """Raise a clear error unless each value is finite and above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}; it must be above 0, and finite.")
