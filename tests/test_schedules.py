"""Schedules, against torch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR

from nnz.schedules import cosine, half_wave, one_cycle, step_decay, sweep


def of_torch(make: Callable[[torch.optim.Optimizer], LRScheduler], steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_step_decay_is_torch_s() -> None:
    theirs = of_torch(lambda o: MultiStepLR(o, [3, 7], gamma=0.2), 10)
    ours = step_decay(0.1, at=[3, 7], factor=0.2)
    assert [ours(step) for step in range(10)] == pytest.approx(theirs, rel=1e-12)


def test_a_step_divides_by_ten_unless_it_is_told_otherwise() -> None:
    schedule = step_decay(0.5, at=[2])
    assert [schedule(step) for step in range(4)] == pytest.approx([0.5, 0.5, 0.05, 0.05])


def test_cosine_is_torch_s() -> None:
    theirs = of_torch(lambda o: CosineAnnealingLR(o, T_max=50), 50)
    ours = cosine(0.1, steps=50)
    assert [ours(step) for step in range(50)] == pytest.approx(theirs, rel=1e-9)


def test_one_cycle_is_torch_s_but_for_where_a_step_stands() -> None:
    """torch's highest rate is at step rise · steps - 1, its lowest at the last step; ours are one later."""
    steps = 1000
    theirs = of_torch(lambda o: OneCycleLR(o, 0.1, total_steps=steps, pct_start=0.2, div_factor=25), steps)
    ours = one_cycle(0.1, steps=steps)
    apart = [abs(ours(i) - theirs[i]) for i in range(steps)]
    assert max(apart) < 0.1 * math.pi / (0.2 * steps)  # the steepest slope


def test_one_cycle_climbs_and_falls() -> None:
    schedule = one_cycle(0.5, steps=100, rise=0.25, first=0.1)
    rates = [schedule(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[25] == max(rates) == 0.5
    assert all(a < b for a, b in pairwise(rates[:26]))
    assert all(a > b for a, b in pairwise(rates[25:]))
    assert 0 < rates[-1] < 0.001


def test_a_sweep_grows_by_one_factor() -> None:
    schedule = sweep(1e-4, 1.0, steps=5)
    rates = [schedule(step) for step in range(5)]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


@given(st.floats(1e-6, 10), st.integers(2, 500))
def test_every_rate_is_above_zero_and_none_above_the_highest(rate: float, steps: int) -> None:
    for schedule in (cosine(rate, steps=steps), one_cycle(rate, steps=steps)):
        assert all(0 < schedule(i) <= rate * (1 + 1e-12) for i in range(steps))


def test_half_a_wave_falls_from_one_to_zero() -> None:
    assert half_wave(0) == 1
    assert half_wave(0.5) == pytest.approx(0.5)
    assert half_wave(1) == half_wave(1.5) == half_wave(2) == 0


@pytest.mark.parametrize("bad", [0, -0.1, math.nan, math.inf])
def test_rates_that_are_none_are_refused(bad: float) -> None:
    for make in (
        lambda: step_decay(bad, at=[1]),
        lambda: cosine(bad, steps=10),
        lambda: one_cycle(bad, steps=10),
    ):
        with pytest.raises(ValueError, match=f"rate is {bad}; it must be above 0"):
            make()
    with pytest.raises(ValueError, match=f"low is {bad}"):
        sweep(bad, 1, steps=3)


def test_other_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="steps is 0"):
        cosine(0.1, steps=0)
    with pytest.raises(ValueError, match="steps is 0"):
        one_cycle(0.1, steps=0)
    with pytest.raises(ValueError, match="first is 0"):
        one_cycle(0.1, steps=10, first=0)
    with pytest.raises(ValueError, match="rise is 0"):
        one_cycle(0.1, steps=10, rise=0)
    with pytest.raises(ValueError, match="fall is 0"):
        one_cycle(0.1, steps=10, rise=1)
    with pytest.raises(ValueError, match="factor is -1"):
        step_decay(0.1, at=[], factor=-1)
    with pytest.raises(ValueError, match="steps is 0"):
        sweep(0.1, 1, steps=1)
