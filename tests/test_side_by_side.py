"""Many networks side by side: each takes the step that autograd takes, and none has a part in another's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nnz.mlp import BengioMLP, scores
from nnz.search import stack
from nnz.support.side_by_side import AXES, EPS, descend, normed_step, step

pytestmark = pytest.mark.support


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_models(M, V, T, n_embd, H, norm, seed=0):
    g = seeded(seed)
    shapes = {
        "C": (V, n_embd),
        "W1": (T * n_embd, H),
        "b1": (H,),
        "W2": (H, V),
        "b2": (V,),
    }
    if norm != "none":
        shapes["g"] = (H,)
    return {
        k: torch.randn(M, *shape, generator=g, dtype=torch.float64)
        for k, shape in shapes.items()
    }


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
    return {k: (v - rate * v.grad).detach() for k, v in p.items()}


@given(
    M=st.integers(1, 4),
    V=st.integers(2, 30),
    T=st.integers(1, 5),
    n_embd=st.integers(1, 6),
    H=st.integers(2, 9),
    B=st.integers(2, 40),
    norm=st.sampled_from(list(AXES)),
    seed=st.integers(0, 2**20),
)
def test_a_step_is_that_of_autograd_for_each_model_alone(
    M, V, T, n_embd, H, B, norm, seed
):
    params = some_models(M, V, T, n_embd, H, norm, seed)
    g = seeded(seed + 1)
    x = torch.randint(V, (M, B, T), generator=g)
    y = torch.randint(V, (M, B), generator=g)
    rates = torch.rand(M, generator=g, dtype=torch.float64)
    alone = [
        step_by_autograd({k: v[m] for k, v in params.items()}, x[m], y[m], r, norm)
        for m, r in enumerate(rates)
    ]
    with torch.no_grad():
        if norm == "none":
            step(params, x, y, rates)
        else:
            normed_step(params, x, y, rates, AXES[norm])
    for k, after in params.items():
        wanted = torch.stack([of[k] for of in alone])
        torch.testing.assert_close(after, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("norm", list(AXES))
def test_descent_is_that_of_each_model_on_the_batches_of_its_seed(norm):
    params, g = some_models(4, 5, 2, 3, 6, norm), seeded(1)
    X, Y = (
        torch.randint(5, (50, 2), generator=g),
        torch.randint(5, (50,), generator=g),
    )
    wanted = [{k: v[m].clone() for k, v in params.items()} for m in range(4)]
    rates = torch.tensor([0.1, 0.2, 0.3, 0.4])
    descend(
        params,
        X,
        Y,
        rates=rates,
        steps=6,
        seeds=2,
        norm=norm,
        batch_size=8,
        generator=seeded(2),
    )
    g = seeded(2)
    for k in range(6):
        drawn = torch.randint(50, (2, 8), generator=g)
        for m in range(4):
            i, rate = drawn[m % 2], rates[m].item() / (1 if k < 3 else 10)
            wanted[m] = step_by_autograd(wanted[m], X[i], Y[i], rate, norm)
    for k, after in params.items():
        torch.testing.assert_close(
            after, torch.stack([of[k] for of in wanted]), rtol=1e-6, atol=1e-7
        )


def test_models_of_the_book_can_be_stacked_and_trained():
    models = [BengioMLP(3, 4, 8, generator=seeded(s)) for s in (1, 2)]
    params = stack(models)
    X, Y = torch.randint(27, (90, 3), generator=seeded(3)), torch.arange(90) % 27
    before = F.cross_entropy(scores({k: v[0] for k, v in params.items()}, X), Y)
    descend(params, X, Y, rates=0.1, steps=300, seeds=2, generator=seeded(4))
    after = F.cross_entropy(scores({k: v[0] for k, v in params.items()}, X), Y)
    assert after < before - 1


@pytest.mark.parametrize(
    ("norm", "has_g", "says"),
    [
        ("group", True, "norm is 'group'"),
        ("none", True, "none without g"),
        ("batch", False, "norm is 'batch', with tensors C, W1"),
    ],
)
def test_a_norm_needs_its_scale_and_nothing_else_may_have_one(norm, has_g, says):
    params = some_models(2, 5, 2, 3, 6, "batch" if has_g else "none")
    x = torch.zeros(9, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match=says):
        descend(
            params,
            x,
            x[:, 0],
            rates=0.1,
            steps=1,
            seeds=1,
            norm=norm,
            generator=seeded(1),
        )


@pytest.mark.parametrize(("seeds", "steps"), [(3, 1), (0, 1), (2, -1)])
def test_seeds_must_divide_the_models_and_steps_be_possible(seeds, steps):
    params = some_models(4, 5, 2, 3, 6, "none")
    x = torch.zeros(9, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"seeds is {seeds} and steps {steps}"):
        descend(
            params,
            x,
            x[:, 0],
            rates=0.1,
            steps=steps,
            seeds=seeds,
            generator=seeded(1),
        )


def test_there_are_as_many_rates_as_models():
    params = some_models(4, 5, 2, 3, 6, "none")
    x = torch.zeros(9, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match="rates has 3 values, for 4 models"):
        descend(
            params,
            x,
            x[:, 0],
            rates=torch.ones(3),
            steps=1,
            seeds=1,
            generator=seeded(1),
        )
