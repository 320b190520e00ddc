"""The lecture's network many times over, trained side by side: for the long runs of Part IV.

Every tensor has an axis for the model in front, so that a few dozen calls do the work of all models. The slopes
are written out by hand and are taken off where they are computed, for in networks this small most of the time goes
to autograd's own work.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

EPS = 1e-5
# What a norm averages over, of (M, B, H).
NORMS = {"none": None, "batch": 1, "layer": 2}
Stack = Mapping[str, Tensor]


def look_up(C: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return all tables C (M, V, n_embd) as one, which of its rows the contexts x (M, B, T) mean, and these rows.

    Returns:
        (M·V, n_embd), which shares its numbers with C; (M·B·T,), int64; (M, B, T·n_embd).
    """
    (M, V, n_embd), (_, B, T) = C.shape, x.shape
    tables = C.view(M * V, n_embd)
    x = (x + V * torch.arange(M)[:, None, None]).flatten()
    return tables, x, tables[x].view(M, B, T * n_embd)


def output_step(params: Stack, h: Tensor, y: Tensor, rates: Tensor) -> Tensor:
    """Take the output layer's step, and return the slopes at what the tanh was taken of.

    All slopes are linear in d, those at the logits; so minus the rate is multiplied into d, and everything that is
    computed from it need only be added.

    Args:
        params: see `step`.
        h: (M, B, H); what the tanh returned.
        y: (M, B), int64.
        rates: (M,).

    Returns:
        (M, B, H), each model's times minus its rate.
    """
    z = torch.baddbmm(params["b2"][:, None], h, params["W2"])  # (M, B, V)
    d = torch.softmax(z, dim=2)
    d.scatter_add_(2, y[..., None], d.new_full((*y.shape, 1), -1.0))
    d *= (-rates / y.shape[1])[:, None, None]
    e = torch.bmm(d, params["W2"].mT)
    e.addcmul_(e, h * h, value=-1)  # times the slope of the tanh, 1 - h²
    params["W2"].baddbmm_(h.mT, d)
    params["b2"].add_(d.sum(dim=1))
    return e


def step(params: Stack, x: Tensor, y: Tensor, rates: Tensor) -> None:
    """Take one step of descent with every model, in place.

    The network is that of lecture 3 (`nnz.mlp.scores`): a linear layer on the embedded context, a tanh, and a
    linear layer.

    Args:
        params: "C" (M, V, n_embd), "W1" (M, T·n_embd, H), "b1" (M, H), "W2" (M, H, V), "b2" (M, V): float,
            contiguous, without slopes.
        x: (M, B, T), int64; a batch of contexts for each model.
        y: (M, B), int64; the characters that follow.
        rates: (M,), float.
    """
    tables, x, rows = look_up(params["C"], x)
    h = torch.tanh(torch.baddbmm(params["b1"][:, None], rows, params["W1"]))
    e = output_step(params, h, y, rates)
    at_rows = torch.bmm(e, params["W1"].mT)
    tables.index_add_(0, x, at_rows.view(len(x), -1))
    params["W1"].baddbmm_(rows.mT, e)
    params["b1"].add_(e.sum(dim=1))


def normed_step(
    params: Stack, x: Tensor, y: Tensor, rates: Tensor, axis: int
) -> None:
    """Take one step with a norm before the tanh, in place.

    Args:
        params: as in `step`, and "g" (M, H), the scale of each unit; "b1" is its shift.
        x: (M, B, T), int64.
        y: (M, B), int64.
        rates: (M,), float.
        axis: what mean and variance are taken over, of (M, B, H): 1 for batch norm, 2 for layer norm.
    """
    tables, x, rows = look_up(params["C"], x)
    g, a = params["g"][:, None], torch.bmm(rows, params["W1"])
    a -= a.mean(dim=axis, keepdim=True)
    inverse = torch.rsqrt(a.square().mean(dim=axis, keepdim=True) + EPS)
    a *= inverse
    h = torch.tanh(torch.addcmul(params["b1"][:, None], a, g))
    e = output_step(params, h, y, rates)
    u = e * g  # the slopes at the standardised sums
    params["g"].add_((e * a).sum(dim=1))
    params["b1"].add_(e.sum(dim=1))
    means = u.mean(dim=axis, keepdim=True), (u * a).mean(dim=axis, keepdim=True)
    u = (u - means[0] - a * means[1]) * inverse
    at_rows = torch.bmm(u, params["W1"].mT)
    tables.index_add_(0, x, at_rows.view(len(x), -1))
    params["W1"].baddbmm_(rows.mT, u)


@torch.no_grad()
def descend(
    params: Stack,
    X: Tensor,
    Y: Tensor,
    *,
    rates: Tensor | float,
    steps: int,
    seeds: int,
    norm: str = "none",
    generator: torch.Generator,
) -> None:
    """Train all models as in lecture 3, in place: 32 random windows, and a tenth of the rate in the second half.

    There are equally many models for each seed, in the order seed 1, seed 2, ..., seed 1, ...; models of one seed
    see the same batches.

    Args:
        params: see `step`, and `normed_step` for a norm; without one, a "g" is left as it is.
        X: (N, T), int64; the contexts.
        Y: (N,), int64; what follows them.
        rates: (M,), or one for all.
        steps: how many.
        seeds: how many different batches are drawn at each step.
        norm: "none", "batch" or "layer".
        generator: draws the windows.

    Raises:
        ValueError: norm is another one, or has no "g"; the models are not equally many for each seed; there
            are not as many rates as models; steps is below 0.
    """
    M = len(params["C"])
    if norm not in NORMS or (NORMS[norm] and "g" not in params):
        raise ValueError(
            f"norm is {norm!r}, with tensors {', '.join(params)}; it must be none, or batch or layer with a g."
        )
    if seeds < 1 or M % seeds or steps < 0:
        raise ValueError(
            f"seeds is {seeds} and steps {steps}, for {M} models; seeds must divide the models, and steps be ≥ 0."
        )
    rates = torch.as_tensor(rates, dtype=params["C"].dtype)
    if rates.numel() not in (1, M):
        raise ValueError(
            f"rates has {rates.numel()} values, for {M} models; give one for each, or one for all."
        )
    rates, axis = rates.expand(M), NORMS[norm]
    for k in range(steps):
        drawn = torch.randint(len(Y), (seeds, 32), generator=generator)
        drawn = drawn.repeat(M // seeds, 1)  # (M, 32)
        now = rates if k < steps / 2 else rates / 10
        if axis is None:
            step(params, X[drawn], Y[drawn], now)
        else:
            normed_step(params, X[drawn], Y[drawn], now, axis)
