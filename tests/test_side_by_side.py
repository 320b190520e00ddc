"""Many networks side by side: each takes the step that autograd takes, and none has a part in another's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nnz.data import Vocabulary
from nnz.mlp import BengioMLP, scores
from nnz.sample import seeded
from nnz.side_by_side import EPS, NORMS, descend, normed_step, step
from nnz.stacked import stack

pytestmark = pytest.mark.backprop


def some_models(M, V, T, n_embd, H, seed=0):
    g, letters = seeded(seed), Vocabulary([chr(97 + k) for k in range(V - 1)])
    models = [BengioMLP(T, n_embd, H, generator=g, vocabulary=letters) for _ in range(M)]
    params = {k: v.double() for k, v in stack(models).items()}
    return params | {"g": torch.randn(M, H, generator=g, dtype=torch.float64)}


def logits_of(p, x, norm):
    """What one model says, by torch's own norms."""
    a = p["C"][x].flatten(1) @ p["W1"]
    if norm == "none":
        a = a + p["b1"]
    elif norm == "batch":
        a = F.batch_norm(a, None, None, p["g"], p["b1"], True, eps=EPS)
    else:
        a = F.layer_norm(a, a.shape[1:], eps=EPS) * p["g"] + p["b1"]
    return torch.tanh(a) @ p["W2"] + p["b2"]


def step_by_autograd(p, x, y, rate, norm):
    p = {k: v.clone().requires_grad_() for k, v in p.items()}
    F.cross_entropy(logits_of(p, x, norm), y).backward()
    if norm == "none":
        p["g"].grad = torch.zeros_like(p["g"])  # it has no part in the network
    return {k: (v - rate * v.grad).detach() for k, v in p.items()}


@given(
    M=st.integers(1, 4),
    V=st.integers(2, 30),
    T=st.integers(1, 5),
    n_embd=st.integers(1, 6),
    H=st.integers(2, 9),
    B=st.integers(2, 40),
    norm=st.sampled_from(list(NORMS)),
    seed=st.integers(0, 2**20),
)
def test_a_step_is_that_of_autograd_for_each_model_alone(M, V, T, n_embd, H, B, norm, seed):
    params = some_models(M, V, T, n_embd, H, seed)
    g = seeded(seed + 1)
    x = torch.randint(V, (B, T), generator=g)
    y = torch.randint(V, (B,), generator=g)
    rates = torch.rand(M, generator=g, dtype=torch.float64)
    alone = [
        step_by_autograd({k: v[m] for k, v in params.items()}, x, y, r, norm) for m, r in enumerate(rates)
    ]
    ones = torch.eye(V, dtype=torch.float64)
    batch = ones[x.flatten()], ones[y]
    with torch.no_grad():
        if norm == "none":
            step(params, *batch, rates)
        else:
            normed_step(params, *batch, rates, NORMS[norm])
    for k, after in params.items():
        wanted = torch.stack([of[k] for of in alone])
        torch.testing.assert_close(after, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("norm", list(NORMS))
def test_descent_is_that_of_each_model_alone_with_a_tenth_of_the_rate_in_the_second_half(norm):
    params, g = some_models(4, 5, 2, 3, 6), seeded(1)
    params = {k: v.float() for k, v in params.items()}
    X, Y = (torch.randint(5, (50, 2), generator=g), torch.randint(5, (50,), generator=g))
    wanted = [{k: v[m].clone() for k, v in params.items()} for m in range(4)]
    rates = torch.tensor([0.1, 0.2, 0.3, 0.4])
    descend(params, X, Y, rates=rates, steps=6, norm=norm, generator=seeded(2))
    drawn = torch.randint(50, (6, 32), generator=seeded(2))
    for k, i in enumerate(drawn):
        for m in range(4):
            rate = rates[m].item() / (1 if k < 3 else 10)
            wanted[m] = step_by_autograd(wanted[m], X[i], Y[i], rate, norm)
    for k, after in params.items():
        torch.testing.assert_close(after, torch.stack([of[k] for of in wanted]), rtol=1e-4, atol=1e-5)


def test_models_of_the_book_can_be_stacked_and_trained():
    models = [BengioMLP(3, 4, 8, generator=seeded(s)) for s in (1, 2)]
    params = stack(models)
    X, Y = torch.randint(27, (90, 3), generator=seeded(3)), torch.arange(90) % 27
    before = F.cross_entropy(scores({k: v[0] for k, v in params.items()}, X), Y)
    descend(params, X, Y, rates=0.1, steps=300, generator=seeded(4))
    after = F.cross_entropy(scores({k: v[0] for k, v in params.items()}, X), Y)
    assert after < before - 1


def trained_on_zeros(params, **settings):
    x = torch.zeros(9, 2, dtype=torch.int64)
    given = {"rates": 0.1, "steps": 1, "generator": seeded(1)} | settings
    descend(params, x, x[:, 0], **given)


@pytest.mark.parametrize("norm", ["group", "batch", "layer"])
def test_a_norm_must_be_one_of_three_and_needs_its_scale(norm):
    params = some_models(2, 5, 2, 3, 6)
    if norm != "group":
        del params["g"]
    with pytest.raises(ValueError, match=f"norm is '{norm}', with tensors C, W1"):
        trained_on_zeros(params, norm=norm)


@pytest.mark.parametrize(("rates", "steps"), [(3, 1), (5, 1), (4, -1)])
def test_there_is_a_rate_for_each_model_and_no_fewer_than_no_steps(rates, steps):
    said = f"rates has {rates} values and steps is {steps}, for 4 models"
    with pytest.raises(ValueError, match=said):
        trained_on_zeros(some_models(4, 5, 2, 3, 6), rates=torch.ones(rates), steps=steps)


def test_no_steps_change_nothing_and_draw_nothing():
    params, g = some_models(2, 5, 2, 3, 6), seeded(1)
    before = {k: v.clone() for k, v in params.items()}
    trained_on_zeros(params, steps=0, generator=g)
    assert all(torch.equal(params[k], v) for k, v in before.items())
    assert torch.equal(g.get_state(), seeded(1).get_state())
