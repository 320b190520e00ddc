"""A network without autograd: its loss, and the statistics with which it answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from drawn import batch
from held import copied, unchanged
from nnz.backprop import EPS, PARAMETERS, first_params, forward
from nnz.by_hand import HandStep
from nnz.data import windows
from nnz.hand_mlp import HandMLP, autograd_loss
from nnz.sample import seeded


def test_the_loss_to_compare_with_is_that_of_forward() -> None:
    params = {n: p.double() for n, p in first_params(3, 4, 9, 27, generator=seeded(3)).items()}
    X, Y = batch(20)
    expected = forward(params, X, Y)["loss"].item()
    assert autograd_loss(params, X, Y).item() == pytest.approx(expected, abs=1e-12)


def test_evaluation_uses_the_statistics_of_calibration() -> None:
    X, _ = batch(50)
    model = HandMLP(3, 4, 9, generator=seeded(0))
    with pytest.raises(RuntimeError, match=r"call model\.calibrate"):
        model.log_probs(X)
    model.calibrate(X)
    v = forward(model.params, X, X[:, 0])
    expected = torch.log_softmax(v["logits"], dim=1)
    torch.testing.assert_close(model.log_probs(X), expected)
    a = model.before_norm(X[:5])
    raw = (a - model.statistics["mean"]) / (model.statistics["var"] + EPS).sqrt()
    p = model.params
    h = torch.tanh(p["bngain"] * raw + p["bnbias"])
    alone = torch.log_softmax(h @ p["W2"] + p["b2"], dim=1)
    torch.testing.assert_close(model.log_probs(X[:5]), alone)
    assert set(model.state_dict()) == {*PARAMETERS, "mean", "var"}


def test_the_norm_keeps_its_digits_where_little_enters_it() -> None:
    X, _ = batch(50)
    model = HandMLP(3, 4, 9, generator=seeded(0))
    model.params["W1"] *= 1e-3  # the variance is about a tenth of eps
    values = forward(model.params, X, X[:, 0])
    torch.testing.assert_close(model.before_norm(X), values["hprebn"])
    model.calibrate(X)
    torch.testing.assert_close(model.log_probs(X), torch.log_softmax(values["logits"], dim=1))
    model.calibrate(X[:2])  # two have a spread


def test_calibration_needs_contexts_with_a_spread() -> None:
    model = HandMLP(3, 4, 9, generator=seeded(0))
    with pytest.raises(ValueError, match="1 contexts have no spread"):
        model.calibrate(torch.zeros(1, 3).long())
    with pytest.raises(ValueError, match="shape"):
        model.calibrate(torch.zeros(5, 2).long())
    assert model.statistics == {}


def test_statistics_of_other_weights_are_refused() -> None:
    X, Y = batch(100)
    model = HandMLP(3, 4, 9, generator=seeded(0))
    model.calibrate(X)
    before = model.log_probs(X)
    HandStep(model.params, X, Y, 4)(np.arange(4), 0.1)
    with pytest.raises(RuntimeError, match="of weights that have changed since"):
        model.log_probs(X)
    model.calibrate(X)
    assert not torch.equal(model.log_probs(X), before)


@pytest.mark.parametrize("name", ["C", "W1", "W2", "b2", "bngain"])
def test_weights_that_are_no_numbers_are_not_calibrated(name: str) -> None:
    X, _ = batch()
    model = HandMLP(3, 4, 9, generator=seeded(0))
    model.calibrate(X)
    before = {k: v.clone() for k, v in model.statistics.items()}
    model.params[name].view(-1)[0] = math.nan
    with pytest.raises(ArithmeticError, match=r"is not finite.*smaller rate"):
        model.calibrate(X.clamp(min=0))
    assert all(torch.equal(model.statistics[k], v) for k, v in before.items())


def test_steps_at_a_ruinous_rate_end_in_an_error_at_the_latest_when_calibrated() -> None:
    X, Y = batch()
    model = HandMLP(3, 4, 9, generator=seeded(0))
    step = HandStep(model.params, X, Y, 8)
    with pytest.warns(RuntimeWarning):
        step(np.arange(8), 1e39)
    with pytest.raises(ArithmeticError, match="not finite"):
        model.calibrate(X)


def test_weights_and_statistics_are_taken_over_together_or_not_at_all() -> None:
    X, _ = windows(["emma", "ava", "eve"], 3)
    one, other = (HandMLP(3, 4, 8, generator=seeded(seed)) for seed in (1, 2))
    one.calibrate(X)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.log_probs(X), one.log_probs(X))
    other.params["b1"] += 1
    with pytest.raises(RuntimeError, match="have changed since"):
        other.log_probs(X)
    other.params["b1"] -= 1
    other.load_state_dict(one.state_dict())
    before = copied(other)
    whole = HandMLP(3, 4, 8, generator=seeded(3))
    whole.calibrate(X)
    spoiled = whole.state_dict()
    for name, bad in (
        ("var", spoiled["var"] * math.nan),
        ("mean", spoiled["mean"][0]),
        ("W2", spoiled["W2"].T),
        ("more", spoiled["b1"]),
    ):
        with pytest.raises(ValueError, match=name):
            other.load_state_dict(spoiled | {name: bad})
        assert unchanged(other, before)
    bare = {name: x for name, x in one.state_dict().items() if name not in ("mean", "var")}
    other.load_state_dict(bare)
    with pytest.raises(RuntimeError, match="has no mean and variance yet"):
        other.log_probs(X)
