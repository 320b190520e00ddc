"""The short forms of two gradients: those of torch, and of the long forms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from drawn import lecture
from nnz.backprop import EPS, backward, forward
from nnz.sample import seeded
from nnz.short_forms import batchnorm_backward, cross_entropy_backward


@given(B=st.integers(1, 40), V=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_the_short_form_of_cross_entropy_is_torchs(B: int, V: int, seed: int) -> None:
    g = seeded(seed)
    logits = 30 * torch.randn(B, V, generator=g, dtype=torch.float64)
    Y = torch.randint(V, (B,), generator=g)
    root = logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(root, Y), root)
    torch.testing.assert_close(cross_entropy_backward(logits, Y), expected)


def test_the_short_form_is_right_where_the_long_one_is_not_a_number() -> None:
    params, X, Y = lecture()
    params["b2"] = torch.linspace(-500, 500, 27)
    values = forward(params, X, Y)
    assert not backward(values, X, Y)["logits"].isfinite().all()
    root = values["logits"].clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(root, Y), root)
    torch.testing.assert_close(cross_entropy_backward(values["logits"], Y), expected)


@given(
    B=st.integers(2, 40), C=st.integers(1, 8), seed=st.integers(0, 2**31), correction=st.sampled_from([0, 1])
)
def test_the_short_form_of_batch_norm_is_autograds(B: int, C: int, seed: int, correction: int) -> None:
    g = seeded(seed)
    x, dout = (torch.randn(B, C, generator=g, dtype=torch.float64) for _ in "ab")
    gain, bias = (torch.randn(1, C, generator=g, dtype=torch.float64) for _ in "ab")
    for t in (x, gain, bias):
        t.requires_grad_()
    inv = (x.var(0, correction=correction, keepdim=True) + EPS) ** -0.5
    raw = (x - x.mean(0, keepdim=True)) * inv
    expected = torch.autograd.grad(gain * raw + bias, [x, gain, bias], dout)
    found = batchnorm_backward(dout, raw.detach(), inv.detach(), gain.detach(), correction)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_both_short_forms_are_the_long_forms() -> None:
    params, X, Y = lecture()
    v = forward({name: p.double() for name, p in params.items()}, X, Y)
    d = backward(v, X, Y)
    short = cross_entropy_backward(v["logits"], Y)
    torch.testing.assert_close(short, d["logits"], rtol=0, atol=1e-15)
    dx, dgain, dbias = batchnorm_backward(d["hpreact"], v["bnraw"], v["bnvar_inv"], v["bngain"])
    torch.testing.assert_close(dx, d["hprebn"], rtol=0, atol=1e-15)
    torch.testing.assert_close(dgain, d["bngain"], rtol=0, atol=1e-15)
    torch.testing.assert_close(dbias, d["bnbias"], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("logits", "Y", "error", "says"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2).long(), TypeError, "float"),
        (torch.zeros(2, 3), torch.zeros(2), TypeError, "Y int64"),
        (torch.zeros(3), torch.zeros(3).long(), ValueError, r"\(B, V\)"),
        (torch.zeros(0, 3), torch.zeros(0).long(), ValueError, "B >= 1"),
        (torch.zeros(2, 3), torch.zeros(3).long(), ValueError, r"got \(2, 3\) and \(3,\)"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), ValueError, "from 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), ValueError, "from -1 to 0"),
    ],
)
def test_cross_entropy_backward_refuses_what_is_no_batch(
    logits: Tensor, Y: Tensor, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        cross_entropy_backward(logits, Y)


def test_batchnorm_backward_refuses_what_does_not_fit() -> None:
    dout, raw, row = torch.ones(4, 3), torch.ones(4, 3), torch.ones(3)
    batchnorm_backward(dout, raw, row, row[None])
    with pytest.raises(ValueError, match=r"got dout \(4, 3\), raw \(4, 2\), inv \(3,\), gain \(3,\)$"):
        batchnorm_backward(dout, raw[:, :2], row, row)
    with pytest.raises(ValueError, match=r"gain \(2,\)"):
        batchnorm_backward(dout, raw, row, row[:2])
    with pytest.raises(ValueError, match="got 1 and 1"):
        batchnorm_backward(dout[:1], raw[:1], row, row)
    with pytest.raises(ValueError, match="got 4 and 2"):
        batchnorm_backward(dout, raw, row, row, correction=2)
