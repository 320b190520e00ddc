"""Softmax and cross-entropy: against torch, the formula and differences, and where the plain form fails."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nnz.sample import seeded
from nnz.softmax import cross_entropy, log_softmax

LOGITS = st.lists(st.floats(-2000, 2000), min_size=1, max_size=9)


@given(LOGITS)
def test_log_softmax_agrees_with_torch_for_any_logits(row: list[float]) -> None:
    logits = torch.tensor([row, row[::-1]], dtype=torch.float64)
    ours = log_softmax(logits)
    assert ours.isfinite().all()
    torch.testing.assert_close(ours, logits.log_softmax(1), rtol=1e-12, atol=1e-9)


@given(LOGITS, st.floats(-2000, 2000))
def test_adding_a_number_to_a_row_changes_no_probability(row: list[float], more: float) -> None:
    logits = torch.tensor([row], dtype=torch.float64)
    torch.testing.assert_close(log_softmax(logits + more), log_softmax(logits), rtol=0, atol=1e-9)


def test_the_plain_softmax_fails_at_a_thousand() -> None:
    """The chapter's tempting wrong line stays wrong: inf divided by inf."""
    logits = torch.tensor([[1000.0, 999.0, 0.0]])
    assert (logits.exp() / logits.exp().sum(1, keepdim=True)).isnan().any()
    shifted = (logits - logits.max()).exp()
    assert (shifted / shifted.sum()).log()[0, 2] == -math.inf
    assert log_softmax(logits)[0, 2].item() == pytest.approx(-1000.313, abs=1e-3)


def test_cross_entropy_and_its_gradient_agree_with_torch_and_the_formula() -> None:
    logits = 5 * torch.randn(40, 27, generator=seeded(), dtype=torch.float64)
    Y = torch.randint(27, (40,), generator=seeded())
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss, expected = cross_entropy(ours, Y), F.cross_entropy(theirs, Y)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    loss.backward()
    expected.backward()
    assert ours.grad is not None
    formula = (logits.softmax(1) - F.one_hot(Y, 27)) / len(Y)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-15)
    torch.testing.assert_close(ours.grad, formula, rtol=0, atol=1e-15)


def test_the_gradient_of_cross_entropy_is_that_of_finite_differences() -> None:
    logits = torch.randn(3, 5, generator=seeded(), dtype=torch.float64)
    Y = torch.tensor([4, 0, 0])
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, Y), logits.requires_grad_())
