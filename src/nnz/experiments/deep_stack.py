"""Networks of many layers trained side by side: those of the chapter on a network's vital signs.

As in `side_by_side`, every tensor has an axis for the model in front; here autograd finds the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.layers import (
    Embedding,
    Flatten,
    LayeredModel,
    Linear,
    Sequential,
    TensorModule,
)
from nnz.norms import BatchNorm1d

Stack = Mapping[str, Tensor]
Step = Callable[[int, str, Tensor, Tensor], Tensor]


def stacked(models: Sequence[LayeredModel]) -> dict[str, Tensor]:
    """Return the parameters and buffers of models that are built alike, each name with an axis for the model."""
    states = [model.state_dict() for model in models]
    return {
        name: torch.stack([state[name] for state in states]) for name in states[0]
    }


@torch.no_grad()
def unstacked(params: Stack, models: Sequence[LayeredModel]) -> None:
    """Copy stacked tensors back into their models."""
    for m, model in enumerate(models):
        for name, tensor in model.state_dict().items():
            tensor.copy_(params[name][m])


def through(layer: TensorModule, p: Stack, x: Tensor) -> Tensor:
    """Return what one layer makes of x (M, B, …) in every model, with the layer's stacked tensors p.

    The first layer, an `Embedding`, takes the same contexts (B, T) to each model's rows.
    """
    if isinstance(layer, Embedding):
        return p["weight"][:, x]  # (M, B, T, C)
    if isinstance(layer, Flatten):
        return x.flatten(2)
    if isinstance(layer, Linear):
        if layer.bias is None:
            return torch.bmm(x, p["weight"])
        return torch.baddbmm(p["bias"][:, None], x, p["weight"])
    if isinstance(layer, BatchNorm1d):
        return standardized(layer, p, x)
    return layer(x)


def standardized(layer: BatchNorm1d, p: Stack, x: Tensor) -> Tensor:
    """Return x (M, B, C) as a batch norm in training mode makes it, for each model; remember its averages."""
    M, B, C = x.shape
    x = F.batch_norm(
        x.transpose(0, 1).reshape(B, M * C),
        p["running_mean"].view(-1),
        p["running_var"].view(-1),
        p["weight"].flatten(),
        p["bias"].flatten(),
        training=True,
        momentum=layer.momentum,
        eps=layer.eps,
    )
    return x.view(B, M, C).transpose(0, 1)


def losses(
    models: Sequence[LayeredModel], params: Stack, batch: tuple[Tensor, Tensor]
) -> Tensor:
    """Return each model's loss on the batch, (M,), in training mode."""
    x, y = batch
    net = models[0].net
    assert isinstance(net, Sequential)
    for i, layer in enumerate(net.layers):
        start = f"net.{i}."
        own = {
            k.removeprefix(start): v
            for k, v in params.items()
            if k.startswith(start)
        }
        x = through(layer, own, x)
    M, B, V = x.shape
    found = F.cross_entropy(x.reshape(M * B, V), y.repeat(M), reduction="none")
    return found.view(M, B).mean(dim=1)


def _each(values: Tensor, p: Tensor) -> Tensor:
    """Return a number for each model such that it can be multiplied with stacked numbers p."""
    return values.view(-1, *[1] * (p.ndim - 1))


def descent(rates: Tensor, momentum: float = 0.0) -> Step:
    """Return the step of `torch.optim.SGD`, with a rate for each model, or one for all."""
    kept: dict[str, Tensor] = {}

    def step(k: int, name: str, p: Tensor, grad: Tensor) -> Tensor:
        if momentum:
            grad = kept[name] = grad + momentum * kept.get(name, 0)
        return _each(rates, p) * grad

    return step


def adamw(rates: Tensor, decay: float = 0.01) -> Step:
    """Return the step of `torch.optim.AdamW`, with a rate for each model."""
    means: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}

    def step(k: int, name: str, p: Tensor, grad: Tensor) -> Tensor:
        zero = torch.zeros_like(p)
        mean = means[name] = means.get(name, zero).lerp(grad, 0.1)
        square = squares[name] = squares.get(name, zero).lerp(grad**2, 0.001)
        size = torch.sqrt(square / (1 - 0.999 ** (k + 1))) + 1e-8
        return _each(rates, p) * (mean / (1 - 0.9 ** (k + 1)) / size + decay * p)

    return step


def watched(step: Step, at: int, seen: list[Tensor]) -> Step:
    """Return the same step, which in step `at` notes how large each matrix's change is for its size, (M,)."""

    def watching(k: int, name: str, p: Tensor, grad: Tensor) -> Tensor:
        change = step(k, name, p, grad)
        if k == at and p.ndim == 3:
            seen.append(change.flatten(1).norm(dim=1) / p.flatten(1).norm(dim=1))
        return change

    return watching


def descend(
    models: Sequence[LayeredModel],
    source: Iterator[tuple[Tensor, Tensor]],
    step: Step,
    *,
    steps: int,
    learn: Callable[[str], bool] = lambda name: True,
) -> Tensor:
    """Train models that are built alike, in place, on the same batches, and return all losses, (steps, M).

    Args:
        models: in training mode; all but batch norms must be the same with and without it.
        source: of batches, as `nnz.train.batches` yields them.
        step: given the number of the step and a parameter's name, stacked numbers and gradients, returns what
            is to be taken off them.
        steps: how many.
        learn: says of a parameter's name whether it changes.
    """
    params, found = stacked(models), []
    grown = {id(p) for p in models[0].parameters()}
    weights = [
        name
        for name, tensor in models[0].tensors()
        if id(tensor) in grown and learn(name)
    ]
    for name in weights:
        params[name].requires_grad_()
    for k in range(steps):
        now = losses(models, params, next(source))
        grads = torch.autograd.grad(now.sum(), [params[name] for name in weights])
        with torch.no_grad():
            for name, grad in zip(weights, grads, strict=True):
                params[name] -= step(k, name, params[name], grad)
        found.append(now.detach())
    unstacked(params, models)
    return torch.stack(found)
