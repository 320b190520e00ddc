"""Backpropagation through time by hand, against autograd; and gradients that are shortened."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.cells import RNNCell
from nnz.sample import seeded
from nnz.through_time import clip_norm, rnn_backward, rnn_forward
from odd_weights import close, numbers, oddly

SEEDS = st.integers(0, 2**31)


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), SEEDS)
def test_gradients_by_hand_are_those_of_autograd(T: int, n_in: int, H: int, seed: int) -> None:
    cell = oddly(RNNCell(n_in, H, generator=seeded()), seed % 1000)
    x, start = numbers(T, n_in, seed=seed).requires_grad_(), numbers(H, seed=seed + 1).requires_grad_()
    dh = numbers(T, H, seed=seed + 2)
    h, states = start[None], []
    for t in range(T):
        h = cell.step(cell.inputs(x[t : t + 1]), h)
        states.append(h)
    wanted = {
        "W": cell.inputs.weight,
        "b": cell.inputs.bias,
        "U": cell.carried.weight,
        "x": x,
        "start": start,
    }
    theirs = torch.autograd.grad((torch.cat(states) * dh).sum(), list(wanted.values()))
    found = rnn_forward(cell, x, start)
    close(found[1:], torch.cat(states))
    close(found[0], start)
    ours = rnn_backward(cell, x.detach(), found, dh)
    for name, other in zip(wanted, theirs, strict=True):
        assert ours[name].shape == wanted[name].shape
        close(ours[name], other, 1e-10)


@pytest.mark.parametrize("which", ["x", "h", "dh"])
def test_a_sequence_of_another_length_is_refused(which: str) -> None:
    given = {"x": numbers(3, 2), "h": numbers(4, 5), "dh": numbers(3, 5)}
    given[which] = numbers(7, 9)
    with pytest.raises(ValueError, match=f"^{which} must have shape"):
        rnn_backward(oddly(RNNCell(2, 5, generator=seeded())), **given)


def with_gradients(*gradients: Tensor) -> list[Tensor]:
    tensors = [torch.zeros_like(g) for g in gradients]
    for tensor, g in zip(tensors, gradients, strict=True):
        tensor.grad = g.clone()
    return tensors


@given(st.floats(0.1, 50), SEEDS)
def test_clipping_shortens_long_gradients_and_keeps_their_direction(most: float, seed: int) -> None:
    gradients = [numbers(3, 4, seed=seed), numbers(5, seed=seed + 1)]
    ours, theirs = with_gradients(*gradients), with_gradients(*gradients)
    length = clip_norm([*ours, torch.zeros(2)], most)  # one has no gradient
    close(length, torch.cat([g.flatten() for g in gradients]).norm())
    torch.nn.utils.clip_grad_norm_(theirs, most)
    for mine, other, before in zip(ours, theirs, gradients, strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        close(mine.grad, other.grad, 1e-5)
        if length <= most:
            assert torch.equal(mine.grad, before)


@pytest.mark.parametrize("most", [0.0, -1.0, float("nan")])
def test_a_length_that_is_none_is_refused(most: float) -> None:
    (weight,) = with_gradients(numbers(3))
    with pytest.raises(ValueError, match="a length is above 0"):
        clip_norm([weight], most)


def test_nothing_to_clip_has_no_length() -> None:
    assert clip_norm([torch.zeros(2)], 1.0) == 0
