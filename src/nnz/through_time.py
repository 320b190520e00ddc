"""The gradients of a recurrent network by hand, from the last step to the first; and gradients cut to a length.

Chapter: recurrent.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nnz.cells import RNNCell


@torch.no_grad()
def rnn_forward(cell: RNNCell, x: Tensor, start: Tensor) -> Tensor:
    """Return all states of a cell that reads a sequence: h_t = tanh(x_t W + b + h_{t-1} U).

    Args:
        cell: W and b are those of `cell.inputs`, U is that of `cell.carried`.
        x: float (T, n_in), what is read.
        start: float (H,), the state before.

    Returns:
        The start, and the state after each step, float of shape (T + 1, H).
    """
    h, a = [start], cell.inputs(x)
    for t in range(len(x)):
        h.append(cell.step(a[t : t + 1], h[-1][None])[0])
    return torch.stack(h)


@torch.no_grad()
def rnn_backward(
    cell: RNNCell, x: Tensor, h: Tensor, dh: Tensor
) -> dict[str, Tensor]:
    """Return the gradients of a cell that has read a sequence: backpropagation through time, Werbos (1990).

    With da_t for the gradient of the pre-activation, da_t = (dh_t + da_{t+1} Uᵀ) ⊙ (1 - h_t²).

    Args:
        cell: as for `rnn_forward`.
        x: float (T, n_in), what was read.
        h: float (T + 1, H), what `rnn_forward` returned.
        dh: float (T, H), the gradient of each state after a step, as far as it comes from that step's output.

    Returns:
        The gradients of W, b, U, x and start, by these names, each in the shape of what it belongs to.

    Raises:
        ValueError: x, h and dh are not of one sequence and one cell.
    """
    _check_sequence(cell, x, h, dh)
    W, U = cell.inputs.weight, cell.carried.weight
    da, later = torch.empty_like(dh), torch.zeros_like(h[0])
    for t in reversed(range(len(x))):
        da[t] = (dh[t] + later) * (1 - h[t + 1] ** 2)
        later = da[t] @ U.T
    return {
        "W": x.T @ da,
        "b": da.sum(0),
        "U": h[:-1].T @ da,
        "x": da @ W.T,
        "start": later,
    }


@torch.no_grad()
def clip_norm(parameters: Iterable[Tensor], most: float) -> Tensor:
    """Make all gradients together no longer than `most`, in place, and return how long they were.

    Pascanu, Mikolov and Bengio (2013), algorithm 1: a longer vector of gradients is scaled to that length, so its
    direction stays.

    Args:
        parameters: whose gradients are one vector; those without a gradient are left alone.
        most: the length; above 0.

    Returns:
        A scalar, the length before.

    Raises:
        ValueError: most is not above 0.
    """
    if not most > 0:
        raise ValueError(f"most is {most}; a length is above 0.")
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    length: Tensor = torch.stack([g.norm() for g in gradients]).norm()
    if length > most:
        for g in gradients:
            g *= most / length
    return length


def _check_sequence(cell: RNNCell, x: Tensor, h: Tensor, dh: Tensor) -> None:
    """Raise a clear error unless x, h and dh are of one sequence and one cell."""
    n_in, H = len(cell.inputs.weight), len(cell.carried.weight)
    T = len(x)
    wanted = {"x": (T, n_in), "h": (T + 1, H), "dh": (T, H)}
    for name, tensor in zip(wanted, (x, h, dh), strict=True):
        if tensor.shape != wanted[name]:
            raise ValueError(
                f"{name} must have shape {wanted[name]} here; got {tuple(tensor.shape)}."
            )
