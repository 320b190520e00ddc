"""Training without autograd: the same path as autograd's, and nothing lost when something is wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import batch
from nnz.backprop import PARAMETERS, backward, first_params, forward
from nnz.by_hand import HandStep, rows_at_random
from nnz.data import windows
from nnz.evaluate import nll
from nnz.hand_mlp import HandMLP, autograd_loss
from nnz.sample import seeded


@settings(max_examples=25)
@given(
    T=st.integers(1, 4),
    n_embd=st.integers(1, 6),
    n_hidden=st.integers(1, 20),
    V=st.integers(2, 30),
    B=st.integers(2, 70),
    seed=st.integers(0, 2**31),
)
def test_steps_are_those_of_forward_and_backward(
    T: int, n_embd: int, n_hidden: int, V: int, B: int, seed: int
) -> None:
    params = first_params(T, n_embd, n_hidden, V, generator=seeded(seed))
    slow = {name: p.double() for name, p in params.items()}
    X, Y = batch(100, T, V, seed)
    step = HandStep(params, X, Y, B)
    for rows in rows_at_random(100, B, 5, seeded(seed)):
        i = torch.from_numpy(rows)
        values = forward(slow, X[i], Y[i])
        d = backward(values, X[i], Y[i])
        loss = step(rows, 0.05)
        assert loss == pytest.approx(values["loss"].item(), rel=1e-3)
        for name in PARAMETERS:
            slow[name] = slow[name] - 0.05 * d[name]
    for name in PARAMETERS:
        torch.testing.assert_close(params[name].double(), slow[name], rtol=1e-2, atol=1e-2)


def test_rows_whose_logits_are_far_apart_are_judged_each_by_itself() -> None:
    X, Y = batch()
    step = HandStep(first_params(3, 4, 9, 3, generator=seeded(0)), X % 3, Y % 3, 2)
    logits = np.array([[0.0, 1.0, -1.0], [900.0, 901.0, 899.0]], np.float32)
    theirs = torch.from_numpy(logits.copy()).requires_grad_()
    loss = torch.nn.functional.cross_entropy(theirs, torch.tensor([2, 0]))
    loss.backward()
    assert step.judge(logits, np.array([2, 0])) == pytest.approx(loss.item())
    torch.testing.assert_close(torch.from_numpy(logits), theirs.grad)


def test_a_thousand_steps_follow_autograd() -> None:
    X, Y = batch(2000)
    model = HandMLP(3, 10, 50, generator=seeded(1))
    led = {n: p.clone().requires_grad_() for n, p in model.params.items()}
    step, worst = HandStep(model.params, X, Y, 32), 0.0
    for rows in rows_at_random(len(Y), 32, 1000, seeded(2)):
        i = torch.from_numpy(rows)
        loss = autograd_loss(led, X[i], Y[i])
        slopes = torch.autograd.grad(loss, list(led.values()))
        with torch.no_grad():
            for p, slope in zip(led.values(), slopes, strict=True):
                p -= 0.1 * slope
        worst = max(worst, abs(step(rows, 0.1) - loss.item()))
    assert worst < 1e-5
    for name in ("C", "W1", "W2", "b2", "bngain", "bnbias"):
        torch.testing.assert_close(model.params[name], led[name].detach(), rtol=1e-4, atol=1e-4)


def test_the_bias_before_the_norm_stays() -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    kept = {n: p.clone() for n, p in params.items()}
    HandStep(params, X, Y, 32)(np.arange(32), 0.1)
    assert torch.equal(params["b1"], kept["b1"])
    moved = [n for n in PARAMETERS if not torch.equal(params[n], kept[n])]
    assert moved == ["C", "W1", "bngain", "bnbias", "W2", "b2"]


def test_a_row_may_stand_in_a_batch_twice() -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    slow = {n: p.clone() for n, p in params.items()}
    rows = np.array([1, 1, 1, 2])
    d = backward(forward(slow, X[rows], Y[rows]), X[rows], Y[rows])
    HandStep(params, X, Y, 4)(rows, 0.1)
    torch.testing.assert_close(params["C"], slow["C"] - 0.1 * d["C"])


def test_training_lowers_the_loss_on_names(sample: list[str]) -> None:
    names = sample[:2000]
    X, Y = windows(names, 3)
    model = HandMLP(3, 10, 60, generator=seeded(1))
    step = HandStep(model.params, X, Y, 32)
    for rows in rows_at_random(len(Y), 32, 3000, seeded(2)):
        step(rows, 0.1)
    model.calibrate(X)
    assert nll(model, names) < 2.6


def test_a_loss_that_is_not_finite_leaves_everything_as_it_was() -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    step = HandStep(params, X, Y, 4)
    params["W2"][0, 0] = math.nan
    kept = {n: p.clone() for n, p in params.items()}
    with pytest.raises(ArithmeticError, match="this step was not taken"):
        step(np.arange(4), 0.1)
    for name, p in params.items():
        assert torch.equal(p.nan_to_num(7), kept[name].nan_to_num(7))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"batch_size": 1}, ValueError, "batch_size is 1; it must be a whole number"),
        ({"X": torch.zeros(300, 3)}, TypeError, "int64"),
        ({"Y": torch.full((300,), 27)}, ValueError, "Y has indices from 27 to 27"),
        ({"X": torch.zeros(300, 4).long()}, ValueError, "X must have shape"),
    ],
)
def test_bad_data_is_refused_before_the_first_step(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    given = {"params": params, "X": X, "Y": Y, "batch_size": 32} | change
    with pytest.raises(error, match=says):
        HandStep(**given)


def test_weights_of_64_bits_are_refused() -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    params = {name: p.double() for name, p in params.items()}
    with pytest.raises(TypeError, match="must be float32"):
        HandStep(params, X, Y, 32)


def test_rows_must_be_there_and_as_many_as_agreed() -> None:
    X, Y = batch()
    step = HandStep(first_params(3, 4, 9, 27, generator=seeded(0)), X, Y, 4)
    with pytest.raises(ValueError, match=r"int64 of shape \(4,\); got int64 of shape \(5,\)"):
        step(np.arange(5), 0.1)
    for rows in ([0, 1, 2, 300], [0, 1, 2, -1]):
        with pytest.raises(ValueError, match="rows must be in 0 to 299"):
            step(np.array(rows), 0.1)
    with pytest.raises(ValueError, match="got bool of shape"):
        step(np.array([True, False, True, False]), 0.1)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0])
def test_a_rate_that_would_ruin_the_weights_is_refused(rate: float) -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    kept = {n: p.clone() for n, p in params.items()}
    with pytest.raises(ValueError, match="the rate is"):
        HandStep(params, X, Y, 4)(np.arange(4), rate)
    assert all(torch.equal(params[n], kept[n]) for n in params)


def test_tensors_that_were_replaced_are_noticed() -> None:
    X, Y = batch()
    model = HandMLP(3, 4, 9, generator=seeded(0))
    step = HandStep(model.params, X, Y, 4)
    model.params["W1"] = model.params["W1"].clone()
    with pytest.raises(RuntimeError, match="make a new HandStep"):
        step(np.arange(4), 0.1)


@pytest.mark.parametrize("name", ["bngain", "W1", "W2"])
def test_a_parameter_must_lie_in_memory_as_it_is_read(name: str) -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    if name == "bngain":
        params[name] = torch.ones(1, 1).expand(1, 9)
    else:
        params[name] = params[name].T.contiguous().T
    with pytest.raises(ValueError, match=f"{name} must want no gradient and be"):
        HandStep(params, X, Y, 4)


def test_a_parameter_that_autograd_watches_is_refused() -> None:
    X, Y = batch()
    params = first_params(3, 4, 9, 27, generator=seeded(0))
    params["C"].requires_grad_()
    with pytest.raises(ValueError, match="C must want no gradient"):
        HandStep(params, X, Y, 4)


def test_the_data_may_be_changed_afterwards() -> None:
    X, Y = batch()
    one, other = (first_params(3, 4, 9, 27, generator=seeded(0)) for _ in "ab")
    step = HandStep(one, X.clone(), Y, 4)
    changed = X.clone()
    late = HandStep(other, changed, Y, 4)
    changed.fill_(-1)
    assert step(np.arange(4), 0.1) == late(np.arange(4), 0.1)


def test_rows_do_not_depend_on_how_many_are_drawn_in_one_call() -> None:
    long = list(rows_at_random(50, 4, 2500, seeded(1)))
    short = list(rows_at_random(50, 4, 1200, seeded(1)))
    assert len(long) == 2500
    assert len(short) == 1200
    assert all(np.array_equal(a, b) for a, b in zip(long, short, strict=False))
    assert {row.shape for row in long} == {(4,)}
    assert max(row.max() for row in long) == 49
    assert list(rows_at_random(50, 4, 0, seeded(1))) == []
