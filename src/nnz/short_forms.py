"""Short forms of two backward passes, of a cross-entropy and of a batch norm, each in one formula.

Chapter: backprop.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cross_entropy_backward(logits: Tensor, Y: Tensor) -> Tensor:
    """Return (softmax(logits) - one-hot(Y)) / n, the gradient of the mean cross-entropy at the logits.

    Args:
        logits: float of shape (B, V).
        Y: int64 of shape (B,).

    Raises:
        TypeError: logits are not float, or Y is not int64.
        ValueError: the shapes do not fit, or a target is not in 0 to V - 1.

    Source: Bridle (1990), equation for the softmax with the log-likelihood.

    >>> cross_entropy_backward(torch.zeros(1, 2), torch.tensor([0]))
    tensor([[-0.5000,  0.5000]])
    """
    _check_targets(logits, Y)
    dlogits = torch.softmax(logits, dim=1)
    dlogits[range(len(Y)), Y] -= 1
    return dlogits / len(Y)


def batchnorm_backward(
    dout: Tensor,
    raw: Tensor,
    inv: Tensor,
    gain: Tensor,
    correction: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of what goes into a batch norm, of its gain and of its bias.

    gain · inv / n · (n · dout - Σ dout - n / (n - correction) · raw · Σ (dout · raw)): Ioffe and Szegedy (2015),
    section 3, put together, with Bessel's correction.

    Args:
        dout: the gradient of the output, float of shape (B, C).
        raw: the standardized input, (B, C).
        inv: 1 / sqrt(var + eps), (1, C) or (C,).
        gain: (1, C) or (C,).
        correction: 1 if the variance divides by n - 1, as here, or 0 if by n, as in the paper and in torch.

    Returns:
        gradients of shape (B, C), (1, C) and (1, C).

    Raises:
        ValueError: the shapes do not fit, there is no more than one example, or correction is neither 0 nor 1.
    """
    n = _check_norm(dout, raw, inv, gain, correction)
    dgain = (dout * raw).sum(0, keepdim=True)
    dbias = dout.sum(0, keepdim=True)
    pull = dbias + n / (n - correction) * raw * dgain
    return gain * inv / n * (n * dout - pull), dgain, dbias


def _check_targets(logits: Tensor, Y: Tensor) -> None:
    if not logits.is_floating_point() or Y.dtype != torch.int64:
        raise TypeError(
            f"logits must be float and Y int64; got {logits.dtype} and {Y.dtype}."
        )
    if logits.ndim != 2 or Y.shape != logits.shape[:1] or not len(Y):
        raise ValueError(
            f"logits must have shape (B, V) and Y (B,), B >= 1; got {tuple(logits.shape)} and {tuple(Y.shape)}."
        )
    if int(Y.min()) < 0 or int(Y.max()) >= logits.shape[1]:
        raise ValueError(
            f"Y has targets from {int(Y.min())} to {int(Y.max())}; they must be in 0 to {logits.shape[1] - 1}."
        )


def _check_norm(
    dout: Tensor, raw: Tensor, inv: Tensor, gain: Tensor, correction: int
) -> int:
    """Return the number of examples, or raise a clear error; see `batchnorm_backward`."""
    C = dout.shape[-1:]
    fits = {"raw": raw.shape == dout.shape}
    fits |= {"inv": inv.shape in (C, (1, *C)), "gain": gain.shape in (C, (1, *C))}
    if dout.ndim != 2 or not all(fits.values()):
        shapes = {"dout": dout, "raw": raw, "inv": inv, "gain": gain}
        raise ValueError(
            "dout and raw must have shape (B, C), inv and gain (1, C) or (C,); got "
            + ", ".join(f"{name} {tuple(t.shape)}" for name, t in shapes.items())
        )
    if len(dout) < 2 or correction not in (0, 1):
        raise ValueError(
            f"expected at least 2 examples and a correction of 0 or 1; got {len(dout)} and {correction}."
        )
    return len(dout)
