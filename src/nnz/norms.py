"""Batch norm and layer norm, as layers.

Chapter: batchnorm.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nnz.layers import TensorModule
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.undo import note


class BatchNorm1d(TensorModule):
    """Standardize each feature over the batch, then scale and shift it: Ioffe and Szegedy (2015), algorithm 1.

    y = (x - mean) / sqrt(var + eps) · weight + bias, where mean and var are taken over all axes but the last; the
    variance divides by n. In training they are those of the batch, and running averages are kept, of the variance
    with n - 1; in evaluation they are these averages. The last axis holds the features, (B, C) or (B, T, C);
    torch.nn.BatchNorm1d wants (B, C, T).

    Args:
        n_features: C.
        eps: above 0; without it a feature that does not vary would be divided by 0.
        momentum: the share of the new batch in the running averages; above 0 and at most 1.

    Attributes:
        weight: of shape (C,), the paper's γ.
        bias: of shape (C,), the paper's β.
        running_mean: of shape (C,).
        running_var: of shape (C,).

    Raises:
        ValueError: n_features, eps or momentum is out of range. When called: x has another shape; in training also
            if x has fewer than two numbers for each feature, or some that are not finite. The running averages are
            then as they were. In evaluation NaN stays with the example that has it.
        TypeError: in training, x is not of the type of the running averages.
    """

    def __init__(
        self, n_features: int, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        _check_norm(n_features, eps)
        if not 0 < momentum <= 1:
            raise ValueError(
                f"momentum is {momentum}; it must be in 0 to 1, not 0."
            )
        self.eps, self.momentum = eps, momentum
        self.weight = torch.ones(n_features, requires_grad=True)
        self.bias = torch.zeros(n_features, requires_grad=True)
        self.running_mean = torch.zeros(n_features)
        self.running_var = torch.ones(n_features)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x, standardized, scaled and shifted."""
        self.check(x)
        axes = tuple(range(x.ndim - 1))  # all but the features
        mean = x.mean(axes) if self.training else self.running_mean  # (C,)
        centered = x - mean
        var = centered.square().mean(axes) if self.training else self.running_var
        if self.training:
            self.remember(mean, var, x.numel() // len(mean))
        scale = self.weight / torch.sqrt(var + self.eps)  # (C,)
        return centered * scale + self.bias

    @torch.no_grad()
    def remember(self, mean: Tensor, var: Tensor, n: int) -> None:
        """Take a batch's mean and biased variance, over n numbers, into the running averages."""
        if not math.isfinite(var.sum()):
            raise ValueError(
                "the batch has NaN, or numbers too large to square; they would stay in the running averages."
            )
        note(self.running_mean, self.running_var)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * n / (n - 1), self.momentum)

    def check(self, x: Tensor) -> None:
        """Raise a clear error unless x has a shape, and in training a size, that can be standardized."""
        C = len(self.running_mean)
        if x.ndim not in (2, 3) or x.shape[-1] != C:
            given = f"got {tuple(x.shape)}"
            raise ValueError(f"x must have shape (B, {C}) or (B, T, {C}); {given}.")
        if self.training and x.dtype != self.running_mean.dtype:
            kept = f"the running averages are {self.running_mean.dtype}"
            raise TypeError(f"x is {x.dtype}, but {kept}; use the same for both.")
        if self.training and x.numel() < 2 * C:
            raise ValueError(
                f"numbers for each feature: {x.numel() // C}; in training at least 2 are"
                " needed, since fewer have no spread. Was .eval() forgotten?"
            )


class LayerNorm(TensorModule):
    """Standardize each example over its features, then scale and shift them: Ba, Kiros and Hinton (2016).

    Nothing depends on other examples, so there is nothing to remember, and training is like evaluation.

    Args:
        n_features: C, the size of the last axis.
        eps: above 0.

    Attributes:
        weight: of shape (C,).
        bias: of shape (C,).

    Raises:
        ValueError: n_features or eps is out of range; when called, if the last axis of x has another size.
    """

    def __init__(self, n_features: int, eps: float = 1e-5) -> None:
        _check_norm(n_features, eps)
        self.eps = eps
        self.weight = torch.ones(n_features, requires_grad=True)
        self.bias = torch.zeros(n_features, requires_grad=True)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x of shape (..., C), standardized, scaled and shifted."""
        C = len(self.weight)
        if x.shape[-1:] != (C,):
            raise ValueError(f"the last axis must be {C}; got {tuple(x.shape)}.")
        centered = x - x.mean(dim=-1, keepdim=True)
        var = centered.square().mean(dim=-1, keepdim=True)  # (..., 1)
        return centered / torch.sqrt(var + self.eps) * self.weight + self.bias


def _check_norm(n_features: int, eps: float) -> None:
    """Raise a clear error unless there is at least one feature, and something to add to its variance."""
    check_sizes(n_features=n_features)
    if not 0 < eps < math.inf:
        raise ValueError(f"eps is {eps}; it must be above 0, and finite.")
