"""The three ways to take a step do the same, and are timed as they should be."""

from __future__ import annotations

import pytest
import torch

from nnz.backprop import PARAMETERS, Values, first_params
from nnz.support import pace

pytestmark = pytest.mark.support


def after(way: pace.Way) -> Values:
    g = torch.Generator().manual_seed(1)
    X = torch.randint(27, (500, 3), generator=g)
    Y = torch.randint(27, (500,), generator=g)
    rows = torch.randint(500, (20, 32), generator=g)
    params = first_params(3, 4, 30, 27, generator=g)
    way(params, X, Y, rows, pace.Clock())
    return {name: p.detach() for name, p in params.items()}


def test_all_ways_lead_to_the_same_weights() -> None:
    start = first_params(3, 4, 30, 27, generator=torch.Generator().manual_seed(2))
    ends = [after(way) for way, _ in pace.WAYS.values()]
    for end in ends[1:]:
        for name in PARAMETERS:
            torch.testing.assert_close(
                end[name], ends[0][name], rtol=1e-4, atol=1e-5
            )
    assert not torch.allclose(ends[0]["W1"], start["W1"], atol=0.01)


def test_a_clock_charges_time_to_parts() -> None:
    clock = pace.Clock()
    clock.lap("one")
    clock.lap("two")
    clock.lap("one")
    assert list(clock.parts) == ["one", "two"]
    assert all(seconds >= 0 for seconds in clock.parts.values())


def test_every_way_is_timed_in_its_parts() -> None:
    found = pace.compare(rounds=1)
    assert list(found) == list(pace.WAYS)
    for way, parts in found.items():
        own = {"embeddings"} if "loops" in way else set()
        assert set(parts) == {"forward", "backward", "update"} | own
        assert all(0 < seconds < 1 for seconds in parts.values())


def test_without_rounds_there_is_nothing_to_time() -> None:
    with pytest.raises(ValueError, match="rounds is 0"):
        pace.compare(rounds=0)


def test_a_failure_says_what_the_process_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(RuntimeError, match="measuring failed"):
        pace.compare(rounds=1)


def test_the_arithmetic_of_a_step_is_less_than_the_step() -> None:
    assert 0 < pace.arithmetic(rounds=2) < 1
