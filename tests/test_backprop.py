"""Every line of the backward pass, against autograd, differences and torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from drawn import batch, lecture
from nnz.backprop import NAMES, PARAMETERS, Values, backward, first_params, forward
from nnz.norms import BatchNorm1d
from nnz.sample import seeded


def by_autograd(params: Values, X: Tensor, Y: Tensor) -> tuple[Values, Values]:
    """Return forward's values, and autograd's gradients of all that have one."""
    leaves = {k: p.detach().clone().requires_grad_() for k, p in params.items()}
    values = forward(leaves, X, Y)
    found = torch.autograd.grad(values["loss"], [values[name] for name in NAMES])
    return values, dict(zip(NAMES, found, strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_gradients_are_those_of_autograd_to_the_last_bit(seed: int, dtype: torch.dtype) -> None:
    params, X, Y = lecture(seed=seed)
    params = {name: p.to(dtype) for name, p in params.items()}
    values, expected = by_autograd(params, X, Y)
    found = backward(values, X, Y)
    assert list(found) == list(NAMES)
    assert len(NAMES) == 26
    assert [n for n in NAMES if not torch.equal(found[n], expected[n])] == []


@settings(max_examples=150)
@given(
    B=st.integers(2, 257),
    T=st.integers(1, 5),
    n_embd=st.integers(1, 6),
    n_hidden=st.integers(1, 9),
    V=st.integers(2, 30),
    seed=st.integers(0, 2**31),
    few=st.booleans(),
    size=st.sampled_from([0.0, 1.0, 50.0]),
)
def test_gradients_agree_for_any_shape(
    B: int, T: int, n_embd: int, n_hidden: int, V: int, seed: int, few: bool, size: float
) -> None:
    params = first_params(T, n_embd, n_hidden, V, generator=seeded(seed))
    params = {name: p.double() for name, p in params.items()}
    params["W2"] = params["W2"] * 10 * size  # 0: all logits of a column are equal
    X, Y = batch(B, T, V, seed, few)
    values, expected = by_autograd(params, X, Y)
    found = backward(values, X, Y)
    for name in NAMES:
        assert found[name].shape == values[name].shape
        size_of = 1 + expected[name].abs().max().item()
        assert (found[name] - expected[name]).abs().max() <= 1e-8 * size_of, name


def test_first_weights_have_the_spread_that_suits_a_tanh() -> None:
    params = first_params(8, 50, 4000, 400, generator=seeded(1))
    again = first_params(8, 50, 4000, 400, generator=seeded(1))
    assert all(torch.equal(params[name], again[name]) for name in PARAMETERS)
    spreads = dict.fromkeys(PARAMETERS, 0.1) | {"C": 1.0, "W1": 5 / 3 / 400**0.5}
    for name, std in spreads.items():
        assert params[name].std().item() == pytest.approx(std, rel=0.1 if name == "b2" else 0.04)
        assert params[name].mean().item() == pytest.approx(float(name == "bngain"), abs=0.2 * std)


def test_the_loss_is_torchs_and_the_norm_is_that_of_the_layers_but_for_bessel() -> None:
    params, X, Y = lecture()
    v = forward(params, X, Y)
    assert v["loss"] == pytest.approx(F.cross_entropy(v["logits"], Y).item())
    torch.testing.assert_close(v["bnvar"], v["hprebn"].var(0, keepdim=True))
    layer = BatchNorm1d(200)
    ratio = layer(v["hprebn"]) / v["bnraw"]
    expected = torch.full_like(ratio, (32 / 31) ** 0.5)
    torch.testing.assert_close(ratio, expected, rtol=1e-4, atol=0)


def test_torchs_gradcheck_passes_for_forward_with_our_backward() -> None:
    X, Y = batch(7, 3, 5, few=True)

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *weights: Tensor) -> Tensor:
            ctx.v = forward(dict(zip(PARAMETERS, weights, strict=True)), X, Y)
            return ctx.v["loss"]

        @staticmethod
        def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, ...]:
            d = backward(ctx.v, X, Y)
            return tuple(slope * d[name] for name in PARAMETERS)

    params = first_params(3, 2, 4, 5, generator=seeded(3))
    weights = [params[n].double().requires_grad_() for n in PARAMETERS]
    assert torch.autograd.gradcheck(ByHand.apply, weights)
    spoiled = weights[0] * 0 + 1  # the check must be able to fail
    assert not torch.autograd.gradcheck(
        lambda *w: ByHand.apply(spoiled.detach(), *w[1:]) + w[0].sum() * w[0].detach().sum(),
        weights,
        raise_exception=False,
    )


def test_gradients_that_are_zero_on_paper_are_rounding() -> None:
    params, X, Y = lecture()
    d = backward(forward(params, X, Y), X, Y)
    assert d["logit_maxes"].abs().max() < 1e-7
    assert d["b1"].abs().max() < 1e-6 * d["W1"].abs().max()


def test_ties_in_the_largest_logit_change_nothing() -> None:
    params, X, Y = lecture()
    params["W2"] = torch.zeros_like(params["W2"])
    params["b2"] = torch.ones_like(params["b2"])
    values, expected = by_autograd(params, X, Y)
    d = backward(values, X, Y)
    assert torch.equal(d["logits"], expected["logits"])
    assert d["b2"].sum().abs() < 1e-7


def test_the_naive_scatter_is_wrong_where_a_character_repeats() -> None:
    params, X, Y = lecture()
    d = backward(forward(params, X, Y), X, Y)
    naive = torch.zeros_like(params["C"])
    naive[X] += d["emb"]
    assert (naive - d["C"]).abs().max() > 1e-3


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "a batch of one": (
        lambda p, X, Y: (p, X[:1], Y[:1]),
        ValueError,
        "has 1 examples; a batch norm needs at least 2",
    ),
    "an empty batch": (lambda p, X, Y: (p, X[:0], Y[:0]), ValueError, "has 0 examples"),
    "a target outside": (lambda p, X, Y: (p, X, Y + 20), ValueError, "Y has indices from"),
    "a negative context": (lambda p, X, Y: (p, X - 1, Y), ValueError, "X has indices from -1"),
    "a longer context": (
        lambda p, X, Y: (p, X.repeat(1, 2), Y),
        ValueError,
        r"X must have shape \(B, 3\) and Y \(B,\); got \(32, 6\) and \(32,\)",
    ),
    "fewer targets": (lambda p, X, Y: (p, X, Y[1:]), ValueError, r"\(31,\)"),
    "contexts of floats": (
        lambda p, X, Y: (p, X.float(), Y),
        TypeError,
        "X and Y must be int64; got torch.float32",
    ),
    "targets of int32": (lambda p, X, Y: (p, X, Y.int()), TypeError, "torch.int64 and torch.int32"),
    "mixed types": (
        lambda p, X, Y: (p | {"W1": p["W1"].double()}, X, Y),
        TypeError,
        "all be float32, or all float64",
    ),
    "half precision": (
        lambda p, X, Y: ({k: t.half() for k, t in p.items()}, X, Y),
        TypeError,
        "all be float32, or all float64",
    ),
    "NaN": (
        lambda p, X, Y: (p | {"W2": p["W2"] * torch.nan}, X, Y),
        ValueError,
        "W2 has numbers that are not finite",
    ),
    "infinity": (
        lambda p, X, Y: (p | {"b1": p["b1"] + torch.inf}, X, Y),
        ValueError,
        "b1 has numbers that are not finite",
    ),
    "a parameter missing": (
        lambda p, X, Y: ({k: t for k, t in p.items() if k != "bngain"}, X, Y),
        ValueError,
        "params lack bngain",
    ),
    "a bias of another width": (
        lambda p, X, Y: (p | {"b1": p["b1"][:-1]}, X, Y),
        ValueError,
        r"b1 has shape \(199,\)",
    ),
    "a gain without its first axis": (
        lambda p, X, Y: (p | {"bngain": p["bngain"][0]}, X, Y),
        ValueError,
        r"bngain has shape \(200,\)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_has_no_gradient_is_refused(what: str) -> None:
    spoil, error, says = BAD[what]
    with pytest.raises(error, match=says):
        forward(*spoil(*lecture()))


def test_backward_wants_what_forward_returned() -> None:
    params, X, Y = lecture()
    values = forward(params, X, Y)
    with pytest.raises(ValueError, match=r"values lack counts, probs"):
        backward({k: t for k, t in values.items() if k not in ("probs", "counts")}, X, Y)
    with pytest.raises(ValueError, match="Y has indices"):
        backward(values, X, Y + 27)


@pytest.mark.parametrize("size", [0, -1, 2.0, None])
def test_sizes_must_be_whole_numbers_of_at_least_1(size: Any) -> None:
    for at in range(4):
        sizes = [3, 2, 4, 5]
        sizes[at] = size
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            first_params(*sizes, generator=seeded(0))
