"""Many networks at once are the same as one after another."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nnz.data import windows
from nnz.evaluate import nll
from nnz.mlp import BengioMLP
from nnz.sample import seeded
from nnz.stacked import batch_loss, stack, train_together, unstack

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


def models(n: int, n_hidden: int = 6) -> list[BengioMLP]:
    return [BengioMLP(3, 4, n_hidden, generator=seeded(seed)).scale_init() for seed in range(n)]


def test_together_is_one_after_another() -> None:
    together, single = models(3), models(3)
    rates, decays = torch.tensor([0.1, 0.3, 1.0]), torch.tensor([0.0, 0.01, 0.1])
    train_together(together, NAMES, rates=rates, decays=decays, steps=20, batch_size=5, generator=seeded(9))
    X, Y = windows(NAMES, 3)
    for model, rate, decay in zip(single, rates, decays, strict=True):
        optimizer = torch.optim.SGD(model.parameters(), lr=float(rate), weight_decay=float(decay))
        g = seeded(9)
        for _ in range(20):
            i = torch.randint(len(Y), (5,), generator=g)
            optimizer.zero_grad()
            F.cross_entropy(model.logits(X[i]), Y[i]).backward()
            optimizer.step()
    for a, b in zip(together, single, strict=True):
        for name in a.params:
            assert torch.allclose(a.params[name], b.params[name], atol=1e-5)
            assert a.params[name].is_leaf


def test_stacking_and_back() -> None:
    some = models(2)
    stacked = stack(some)
    assert stacked["W1"].shape == (2, 12, 6)
    unstack({name: 2 * p for name, p in stacked.items()}, some)
    assert torch.equal(some[1].params["C"], 2 * stacked["C"][1])


def test_one_model_is_trained_as_it_would_be_among_others() -> None:
    (alone,), among = models(1), models(2)
    for some in ([alone], among):
        rates = torch.full((len(some),), 0.3)
        train_together(
            some,
            NAMES,
            rates=rates,
            decays=torch.zeros(len(some)),
            steps=5,
            batch_size=4,
            generator=seeded(9),
        )
    for name, weights in alone.params.items():
        torch.testing.assert_close(weights, among[0].params[name])


def test_weights_are_copied_into_as_many_models_as_they_came_from() -> None:
    some = models(3)
    before = [{k: v.clone() for k, v in m.params.items()} for m in some]
    doubled = {name: 2 * p for name, p in stack(some).items()}
    for fewer in ([], some[:2]):
        with pytest.raises(ValueError, match=r"no model to copy|2 models have weights"):
            unstack(doubled, fewer)
    for model, kept in zip(some, before, strict=True):
        assert all(torch.equal(model.params[k], v) for k, v in kept.items())


def test_the_loss_of_a_batch_is_that_of_the_model() -> None:
    (model,) = models(1)
    X, Y = windows(NAMES, 3)
    loss = batch_loss(model.params, X, Y).item()
    assert loss == pytest.approx(nll(model, NAMES), abs=1e-5)


def test_models_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape; got 2 models of 2 shapes"):
        stack([*models(1), *models(1, n_hidden=7)])
    with pytest.raises(ValueError, match="got 0 models"):
        stack([])
    with pytest.raises(ValueError, match="a rate and a decay; got 1 and 2 for 2"):
        train_together(
            models(2),
            NAMES,
            rates=torch.ones(1),
            decays=torch.ones(2),
            steps=1,
            batch_size=2,
            generator=seeded(),
        )


@pytest.mark.parametrize("rate", [0.0, -0.1, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused_for_many_too(rate: float) -> None:
    settings = {"decays": torch.zeros(2), "steps": 1, "generator": seeded()}
    with pytest.raises(ValueError, match="rates must be above 0"):
        train_together(models(2), NAMES, rates=torch.tensor([0.1, rate]), batch_size=2, **settings)
    with pytest.raises(ValueError, match="batch_size is 999"):
        train_together(models(2), NAMES, rates=torch.full((2,), 0.1), batch_size=999, **settings)


@pytest.mark.parametrize("steps", [1, 4])
def test_of_many_models_those_without_numbers_are_named_and_none_is_changed(steps: int) -> None:
    many, g = models(3), seeded(9)
    before = [{k: v.clone() for k, v in m.params.items()} for m in many]
    state = g.get_state()
    with pytest.raises(ArithmeticError, match=r"1 of 3 models.*at rate 1e\+39; none was changed"):
        train_together(
            many,
            NAMES,
            rates=torch.tensor([0.1, 1e39, 0.2], dtype=torch.float64),
            decays=torch.zeros(3),
            steps=steps,
            batch_size=5,
            generator=g,
        )
    for model, kept in zip(many, before, strict=True):
        assert all(torch.equal(model.params[k], v) for k, v in kept.items())
    assert torch.equal(g.get_state(), state)


@pytest.mark.parametrize("changed", [{"steps": -1}, {"decays": [0.0, -0.1]}, {"decays": [0.0, math.nan]}])
def test_decays_and_steps_below_0_are_refused(changed: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"steps": 1, "decays": [0.0, 0.0]} | changed
    with pytest.raises(ValueError, match=r"0 or more, and finite; got -?1 steps and decays \[0.0"):
        train_together(
            models(2),
            NAMES,
            rates=torch.ones(2),
            decays=torch.tensor(settings["decays"]),
            steps=settings["steps"],
            batch_size=2,
            generator=seeded(),
        )
