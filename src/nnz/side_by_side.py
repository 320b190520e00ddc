"""The lecture's network many times over, trained side by side: as *initialization* and *batchnorm* do.

Every tensor has an axis for the model in front, so that a few dozen calls do the work of all models. The gradients
are written out by hand, and subtracted where they are computed; in networks this small autograd's own work would
take most of the time. Characters come as one-hot rows, since in a table this small a product finds a row faster
than a look-up does.

Chapter: backprop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

EPS = 1e-5
# What a norm averages over, of (M, B, H).
NORMS = {"none": None, "batch": 1, "layer": 2}
Stack = Mapping[str, Tensor]


def output_step(params: Stack, h: Tensor, y: Tensor, rates: Tensor) -> Tensor:
    """Take the output layer's step, and return the gradients with respect to the pre-activations.

    All gradients are linear in d, that of the logits; so d is multiplied by minus the rate, and everything that is
    computed from it need only be added.

    Args:
        params: see `step`.
        h: (M, B, H); the outputs of the tanh.
        y: (B, V); a one in each row, at the character that follows.
        rates: (M,).

    Returns:
        (M, B, H), each model's multiplied by minus its rate.
    """
    z = torch.baddbmm(params["b2"][:, None], h, params["W2"])  # (M, B, V)
    d = torch.softmax(z, dim=2).sub_(y).mul_((rates / -len(y))[:, None, None])
    e = torch.bmm(d, params["W2"].mT)
    params["W2"].baddbmm_(h.mT, d)
    params["b2"].add_(d.sum(dim=1))
    return e.addcmul_(e, h * h, value=-1)  # times the slope of the tanh, 1 - h²


def step(params: Stack, x: Tensor, y: Tensor, rates: Tensor) -> None:
    """Take one step of descent with every model, in place, on the same batch.

    The network is that of lecture 3 (`nnz.mlp.scores`): a linear layer on the embedded context, a tanh, and a
    linear layer.

    Args:
        params: "C" (M, V, n_embd), "W1" (M, T·n_embd, H), "b1" (M, H), "W2" (M, H, V), "b2" (M, V): float,
            contiguous, without requires_grad.
        x: (B·T, V); a one in each row, at a character of a context.
        y: (B, V); a one in each row, at the character that follows.
        rates: (M,), float.
    """
    rows = torch.matmul(x, params["C"]).view(len(rates), len(y), -1)
    h = torch.baddbmm(params["b1"][:, None], rows, params["W1"]).tanh_()
    e = output_step(params, h, y, rates)
    params["b1"].add_(e.sum(dim=1))
    first_step(params, x, rows, e)


def first_step(params: Stack, x: Tensor, rows: Tensor, e: Tensor) -> None:
    """Take the step of the first layer and of the embeddings, given the gradients of the pre-activations.

    Args:
        params: see `step`.
        x: see `step`.
        rows: (M, B, T·n_embd); the embeddings of x.
        e: (M, B, H); the gradients, multiplied by minus the rate.
    """
    at_rows = torch.bmm(e, params["W1"].mT).view(len(e), len(x), -1)
    params["W1"].baddbmm_(rows.mT, e)
    params["C"].add_(torch.matmul(x.mT, at_rows))


def normed_step(
    params: Stack, x: Tensor, y: Tensor, rates: Tensor, axis: int
) -> None:
    """Take one step with a norm before the tanh, in place.

    Args:
        params: as in `step`, and "g" (M, H), the scale of each unit; "b1" is its shift.
        x: see `step`.
        y: see `step`.
        rates: (M,), float.
        axis: what mean and variance are taken over, of (M, B, H): 1 for batch norm, 2 for layer norm.
    """
    rows = torch.matmul(x, params["C"]).view(len(rates), len(y), -1)
    g, a = params["g"][:, None], torch.bmm(rows, params["W1"])
    a -= a.mean(dim=axis, keepdim=True)
    inverse = a.square().mean(dim=axis, keepdim=True).add_(EPS).rsqrt_()
    a *= inverse
    h = torch.addcmul(params["b1"][:, None], a, g).tanh_()
    e = output_step(params, h, y, rates)
    u, e_a = e * g, e * a  # gradients of the standardized inputs, and of g
    means = u.mean(dim=axis, keepdim=True), (u * a).mean(dim=axis, keepdim=True)
    params["g"].add_(e_a.sum(dim=1))
    params["b1"].add_(e.sum(dim=1))
    first_step(params, x, rows, (u - means[0] - a * means[1]).mul_(inverse))


def drawn(
    X: Tensor, Y: Tensor, V: int, steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of 32 random windows as `step` takes them, drawn a hundred at a time.

    Args:
        X: (N, T), int64; the contexts.
        Y: (N,), int64; what follows them.
        V: how many characters there are.
        steps: how many batches.
        generator: draws the windows.
    """
    ones = torch.eye(V)
    for k in range(0, steps, 100):
        i = torch.randint(len(Y), (min(100, steps - k), 32), generator=generator)
        yield from zip(ones[X[i].flatten(1)], ones[Y[i]], strict=True)


@torch.inference_mode()
def descend(
    params: Stack,
    X: Tensor,
    Y: Tensor,
    *,
    rates: Tensor | float,
    steps: int,
    norm: str = "none",
    generator: torch.Generator,
) -> None:
    """Train all models as in lecture 3, in place: 32 random windows, and a tenth of the rate in the second half.

    All models see the same batches.

    Args:
        params: see `step`, and `normed_step` for a norm; without one, a "g" is left as it is.
        X: (N, T), int64; the contexts.
        Y: (N,), int64; what follows them.
        rates: (M,), or one for all.
        steps: how many.
        norm: "none", "batch" or "layer".
        generator: draws the windows.

    Raises:
        ValueError: norm is another one, or has no "g"; there are not as many rates as models; steps is below 0.
    """
    M, V, _ = params["C"].shape
    rates = torch.as_tensor(rates, dtype=params["C"].dtype)
    _check(params, rates, steps, norm)
    rates, axis = rates.expand(M).contiguous(), NORMS[norm]
    for k, (x, y) in enumerate(drawn(X, Y, V, steps, generator)):
        now = rates if k < steps / 2 else rates / 10
        if axis is None:
            step(params, x, y, now)
        else:
            normed_step(params, x, y, now, axis)


def _check(params: Stack, rates: Tensor, steps: int, norm: str) -> None:
    """Raise a clear error unless these networks can be trained so."""
    if norm not in NORMS or (NORMS[norm] and "g" not in params):
        raise ValueError(
            f"norm is {norm!r}, with tensors {', '.join(params)}; it must be none, or batch or layer with a g."
        )
    if rates.numel() not in (1, M := len(params["C"])) or steps < 0:
        raise ValueError(
            f"rates has {rates.numel()} values and steps is {steps}, for {M} models; "
            "give one rate for each, or one for all, and steps ≥ 0."
        )
