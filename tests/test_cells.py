"""Cells: those of torch, gates that keep and replace, slopes against finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.cells import CELLS, Cell, GRUCell, RNNCell
from nnz.sample import seeded
from odd_weights import close, numbers, oddly

SEEDS = st.integers(0, 2**31)
KINDS = st.sampled_from(sorted(CELLS))


@pytest.mark.parametrize("n", [1, 4])
def test_cells_are_those_of_torch(n: int) -> None:
    """torch keeps W and U transposed, and has a second bias, which is zero here."""
    for ours, theirs in ((RNNCell, torch.nn.RNNCell), (GRUCell, torch.nn.GRUCell)):
        cell = oddly(ours(4, 3, generator=seeded()))
        same = theirs(4, 3, dtype=torch.float64)
        with torch.no_grad():
            same.weight_ih.copy_(cell.inputs.weight.T)
            same.weight_hh.copy_(cell.carried.weight.T)
            same.bias_ih.copy_(cell.inputs.bias)
            same.bias_hh.zero_()
        x, h = numbers(n, 4), numbers(n, 3, seed=3)
        close(cell.step(cell.inputs(x), h), same(x, h))


@pytest.mark.parametrize("kind", CELLS)
def test_first_weights_share_the_variance_between_what_is_read_and_what_is_carried(kind: str) -> None:
    cell, same = (CELLS[kind](400, 300, generator=seeded(1)) for _ in range(2))
    for mine, theirs in zip(cell.parameters(), same.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert cell.inputs.weight.std().item() == pytest.approx((0.5 / 400) ** 0.5, rel=0.02)
    assert cell.carried.weight.std().item() == pytest.approx((0.5 / 300) ** 0.5, rel=0.02)


def test_an_update_gate_of_one_keeps_the_state_and_one_of_zero_replaces_it() -> None:
    cell, x, h = oddly(GRUCell(4, 3, generator=seeded())), numbers(2, 4), numbers(2, 3, seed=3)
    with torch.no_grad():
        cell.inputs.bias[3:6] = 1e3
        close(cell.step(cell.inputs(x), h), h)
        cell.inputs.bias[3:6] = -1e3
        cell.inputs.bias[:3] = -1e3  # and a reset gate of zero forgets it
        new = torch.tanh(cell.inputs(x)[:, 6:])
        close(cell.step(cell.inputs(x), h), new)


@settings(max_examples=20)
@given(KINDS, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), SEEDS)
def test_slopes_of_a_cell_are_those_of_finite_differences(
    kind: str, n_in: int, H: int, n: int, seed: int
) -> None:
    cell: Cell = oddly(CELLS[kind](n_in, H, generator=seeded()), seed % 1000)
    x, h = numbers(n, n_in, seed=seed).requires_grad_(), numbers(n, H, seed=seed + 1).requires_grad_()
    weights = cell.parameters()

    def out(x: Tensor, h: Tensor, *_: Tensor) -> Tensor:
        return cell.step(cell.inputs(x), h)

    assert torch.autograd.gradcheck(out, (x, h, *weights), eps=1e-6, atol=1e-6)
