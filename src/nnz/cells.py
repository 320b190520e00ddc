"""Recurrent cells: from a character and the state before it to the state after it.

Chapter: recurrent.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nnz.layers import Linear, TensorModule


class Cell(TensorModule):
    """What every recurrent cell has: a linear map of its inputs, and one of the state that is carried.

    `inputs` has a bias and `carried` has none. The inputs of all places can be multiplied at once, before the
    first step is taken, so `step` is given them after their linear map.

    Args:
        n_in: how many numbers an input has.
        n_hidden: H, how many a state has.
        generator: the source of first weights.
    """

    n_parts = 1  # linear maps side by side

    def __init__(
        self, n_in: int, n_hidden: int, *, generator: torch.Generator
    ) -> None:
        n_out, gain = self.n_parts * n_hidden, math.sqrt(1 / 2)
        self.inputs = Linear(n_in, n_out, gain=gain, generator=generator)
        self.carried = Linear(
            n_hidden, n_out, bias=False, gain=gain, generator=generator
        )

    def step(self, a: Tensor, h: Tensor) -> Tensor:
        """Return the states after a step.

        Args:
            a: inputs(x), float (n, n_parts · H).
            h: the states before, float (n, H).

        Returns:
            float of shape (n, H).
        """
        raise NotImplementedError


class RNNCell(Cell):
    """h_t = tanh(x_t W + b + h_{t-1} U): Elman (1990), with the tanh in the place of his sigmoid.

    Example:
        >>> cell = RNNCell(2, 3, generator=torch.Generator().manual_seed(1))
        >>> x, h = torch.zeros(1, 2), torch.zeros(1, 3)
        >>> cell.step(cell.inputs(x), h).tolist()
        [[0.0, 0.0, 0.0]]
    """

    def step(self, a: Tensor, h: Tensor) -> Tensor:
        """Return the next states; see `Cell.step`."""
        return torch.tanh(a + self.carried(h))


class GRUCell(Cell):
    """A gated recurrent unit: Cho et al. (2014), section 2.3, in the form that torch computes.

    r = σ(x W_r + b_r + h U_r), z = σ(x W_z + b_z + h U_z), n = tanh(x W_n + b_n + r ⊙ h U_n), and the next state
    is z ⊙ h + (1 - z) ⊙ n. The paper has (r ⊙ h) U_n instead of r ⊙ h U_n.
    """

    n_parts = 3

    def step(self, a: Tensor, h: Tensor) -> Tensor:
        """Return the next states; see `Cell.step`."""
        H = h.shape[-1]
        u = self.carried(h)
        gates = torch.sigmoid(a[:, : 2 * H] + u[:, : 2 * H])
        r, z = gates[:, :H], gates[:, H:]
        n = torch.tanh(a[:, 2 * H :] + r * u[:, 2 * H :])
        return n + z * (h - n)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "gru": GRUCell}
