"""Layers held against those of torch.nn: numbers, and what a layer holds."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from nnz.layers import TensorModule
from nnz.norms import BatchNorm1d, LayerNorm
from nnz.sample import seeded

L = TypeVar("L", bound=TensorModule)


def numbers(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=seeded(seed))


def close(ours: Tensor, theirs: Tensor, atol: float = 0.0) -> None:
    """Hold numbers against others, without `atol` as closely as 32 or 64 bits allow."""
    atol = atol or (1e-12 if ours.dtype == torch.float64 else 1e-6)
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=10 * atol)


def slope(t: Tensor) -> Tensor:
    assert t.grad is not None
    return t.grad


def oddly(layer: L, dtype: torch.dtype = torch.float32) -> L:
    """Give a layer weights that are neither zeros nor ones, and variances above 0."""
    with torch.no_grad():
        for i, (name, tensor) in enumerate(layer.tensors()):
            odd = 0.3 + numbers(*tensor.shape, seed=90 + i)
            tensor.data = odd.square().to(dtype) if "var" in name else odd.to(dtype)
    return layer


def in_torch(layer: BatchNorm1d | LayerNorm, dtype: torch.dtype) -> nn.Module:
    """Make the same layer of torch.nn; the names are the same."""
    C = len(layer.weight)
    if isinstance(layer, LayerNorm):
        other: nn.Module = nn.LayerNorm(C, layer.eps).to(dtype)
    else:
        other = nn.BatchNorm1d(C, layer.eps, layer.momentum).to(dtype)
    missing, unexpected = other.load_state_dict(layer.state_dict(), strict=False)
    assert set(missing) <= {"num_batches_tracked"}
    assert not unexpected
    return other


def compare(ours: TensorModule, theirs: nn.Module, x: Tensor, atol: float = 1e-6) -> None:
    """Hold outputs and all gradients against torch's; the features are last in x."""
    turn = isinstance(theirs, nn.BatchNorm1d) and x.ndim == 3  # it has them second
    x, z = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = ours(x)
    other = theirs(z.mT).mT if turn else theirs(z)
    assert y.dtype == x.dtype
    close(y, other, atol)
    upstream = numbers(*y.shape, seed=70).to(x.dtype)
    for out in (y, other):
        out.backward(upstream)
    close(slope(x), slope(z), atol)
    named = dict(theirs.named_parameters())
    for name, p in ours.tensors():
        if p.requires_grad:
            turned = isinstance(theirs, nn.Linear) and name == "weight"
            grad = slope(named[name])
            close(slope(p), grad.T if turned else grad, atol)
            assert slope(p).abs().max() > 0
            p.grad = named[name].grad = None


def same_averages(ours: BatchNorm1d, theirs: nn.Module, atol: float = 1e-6) -> None:
    state = theirs.state_dict()
    close(ours.running_mean, state["running_mean"], atol)
    close(ours.running_var, state["running_var"], atol)
