"""The experiments of the chapter on training."""

from __future__ import annotations

import pytest

from nnz.experiments import training
from nnz.experiments.training import OTHERS, SCHEDULES, TRIED, descended

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia"] * 50


def test_everything_that_is_compared_is_tried_at_three_rates() -> None:
    assert set(TRIED) == {*SCHEDULES, *OTHERS}
    assert {len(set(rates)) for rates in TRIED.values()} == {3}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_has_the_rate_that_it_is_given_as_its_highest(name: str) -> None:
    schedule = SCHEDULES[name](0.5, 100)
    rates = [schedule(step) for step in range(100)]
    assert max(rates) == pytest.approx(0.5)
    assert (min(rates) < 0.06) is (name != "constant")


def test_a_seed_gives_one_loss_and_each_way_to_train_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "load_names", lambda: NAMES)
    losses = {way: descended(way, rates[1], seed=1) for way, rates in TRIED.items()}
    assert len(set(losses.values())) == len(TRIED)
    assert descended("cosine", TRIED["cosine"][1], seed=1) == losses["cosine"]
    assert descended("cosine", TRIED["cosine"][1], seed=2) != losses["cosine"]


def test_a_run_that_explodes_is_judged_by_the_weights_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "load_names", lambda: NAMES)
    assert descended("constant", 1000.0, seed=1) > 10
