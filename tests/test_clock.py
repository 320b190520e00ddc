"""Measuring time: the least of many turns."""

from __future__ import annotations

import math

import pytest

from nnz.plumbing import clock as timing
from nnz.plumbing.clock import PATIENCE, least_seconds

pytestmark = pytest.mark.support


class Clock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def taking(clock: Clock, *seconds: float):
    """A run that takes these seconds in turn, and the last ones for ever after; it counts its calls."""
    left = list(seconds)

    def run() -> None:
        run.calls += 1
        clock.now += left.pop(0) if len(left) > 1 else left[0]

    run.calls = 0
    return run


def test_the_least_time_of_each_run_counts(clock):
    one, other = taking(clock, 9, 2, 4, 3), taking(clock, 5, 7, 6, 1, 8)
    assert least_seconds(one, other, rounds=3) == [2, 1]


def test_runs_take_turns(clock):
    order = []
    least_seconds(lambda: order.append("a"), lambda: order.append("b"), rounds=1)
    assert order[:4] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("rounds", [1, 3, 7])
def test_a_quiet_machine_is_measured_for_the_rounds_asked_for_after_the_first(clock, rounds):
    run = taking(clock, 2)
    least_seconds(run, rounds=rounds)
    assert run.calls == 1 + rounds


def test_every_round_that_brings_something_new_asks_for_as_many_again(clock):
    run = taking(clock, 5, 5, 4, 4, 3, 3)
    assert least_seconds(run, rounds=3) == [3]
    assert run.calls == 5 + 3


def test_a_hundredth_is_nothing_new(clock):
    run = taking(clock, 1, 0.995, 0.994)
    assert least_seconds(run, rounds=2) == [pytest.approx(0.994)]
    assert run.calls == 3


def test_a_machine_that_never_rests_is_given_up_on(clock):
    run = taking(clock, *(100 * 0.9**k for k in range(100)))
    assert least_seconds(run, rounds=2) == [pytest.approx(100 * 0.9**15)]
    assert run.calls == 2 * PATIENCE == 16


def test_a_slow_spell_touches_no_ratio(clock):
    # three times as slow until the fourth round, in the midst of both
    plain = taking(clock, 3, 3, 3, 1)
    probed = taking(clock, 3.06, 3.06, 1.02)
    least = least_seconds(plain, probed)
    assert math.isclose(least[1] / least[0], 1.02)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match="nothing to measure"):
        least_seconds()


@pytest.mark.parametrize("rounds", [0, -1])
def test_there_is_at_least_one_round(rounds):
    with pytest.raises(ValueError, match=f"rounds is {rounds}; it must be at least 1"):
        least_seconds(print, rounds=rounds)
