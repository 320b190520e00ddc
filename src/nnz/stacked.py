"""Many small networks of one shape, trained at once: their weights stacked, their gradients by vmap.

Chapter: fitting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, vmap

from nnz.mlp import BengioMLP, scores
from nnz.plumbing.undo import unmoved
from nnz.train import batches


def stack(models: Sequence[BengioMLP]) -> dict[str, Tensor]:
    """Return the weights of M models of one shape, each name with a tensor whose first axis is the model.

    Raises:
        ValueError: there is no model, or their weights differ in shape.
    """
    shapes = [{k: tuple(v.shape) for k, v in m.params.items()} for m in models]
    if not shapes or any(shape != shapes[0] for shape in shapes):
        given = f"got {len(shapes)} models of {len(set(map(str, shapes)))} shapes"
        raise ValueError(f"models are stacked if they have one shape; {given}.")
    return {
        name: torch.stack([model.params[name].detach() for model in models])
        for name in shapes[0]
    }


def train_together(
    models: Sequence[BengioMLP],
    names: Sequence[str],
    *,
    rates: Tensor,
    decays: Tensor,
    steps: int,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train M models of one shape at once, in place, by gradient descent on the same batches.

    Each step takes p - rate · (gradient + decay · p), with a rate and a decay for each model.

    Args:
        models: M of them.
        names: what to learn from.
        rates: float of shape (M,).
        decays: float of shape (M,).
        steps: how many.
        batch_size: how many windows a step looks at.
        generator: the source of the batches.

    Raises:
        ValueError: the models differ in shape, there is not a rate and a decay for each, a rate is not above 0, a
            decay or steps is negative, or as `nnz.train.batches`.
        ArithmeticError: weights of a model are not finite in the end; all models are as they were before.
    """
    _check_rates(models, rates, decays, steps)
    params = stack(models)
    source = batches(models[0], names, batch_size, generator)
    gradients = vmap(grad(batch_loss), in_dims=(0, None, None))
    with unmoved(generator):
        for _ in range(steps):
            grads = gradients(params, *next(source))
            for name, p in params.items():
                shape = -1, *[1] * (p.ndim - 1)
                rate, decay = rates.view(shape), decays.view(shape)
                params[name] = p - rate * (grads[name] + decay * p)
        _check_finite(params, models, rates)
    unstack(params, models)


def _check_finite(
    params: Mapping[str, Tensor], models: Sequence[BengioMLP], rates: Tensor
) -> None:
    """Stop before weights that are no numbers are copied into a model."""
    good = torch.ones(len(models), dtype=torch.bool)
    for name, p in params.items():
        copied = p.to(models[0].params[name].dtype)  # as unstack will do
        good &= copied.isfinite().flatten(1).all(dim=1)
    if not good.all():
        shown = ", ".join(f"{rate:.4g}" for rate in rates[~good])
        raise ArithmeticError(
            f"{int((~good).sum())} of {len(good)} models have weights that are not finite: at rate {shown};"
            " none was changed. Take smaller rates."
        )


def _check_rates(
    models: Sequence[BengioMLP], rates: Tensor, decays: Tensor, steps: int
) -> None:
    """Stop before a rate that is none, or one that is missing."""
    if not len(rates) == len(decays) == len(models):
        given = f"got {len(rates)} and {len(decays)} for {len(models)}"
        raise ValueError(f"each model needs a rate and a decay; {given}.")
    if not ((rates > 0) & rates.isfinite()).all():
        raise ValueError(
            f"rates must be above 0, and finite; got {rates.tolist()}."
        )
    if steps < 0 or not ((decays >= 0) & decays.isfinite()).all():
        given = f"got {steps} steps and decays {decays.tolist()}"
        raise ValueError(f"steps and decays are 0 or more, and finite; {given}.")


def batch_loss(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Tensor:
    """Return the loss of one model on a batch, as a function of its weights."""
    return F.cross_entropy(scores(params, X), Y)


@torch.no_grad()
def unstack(params: Mapping[str, Tensor], models: Sequence[BengioMLP]) -> None:
    """Copy stacked weights back into their models.

    Raises:
        ValueError: they are not those of as many models of these shapes; nothing is copied then.
    """
    _check_stacked(params, models)
    for name, tensors in params.items():
        for model, tensor in zip(models, tensors, strict=True):
            model.params[name].copy_(tensor)


def _check_stacked(
    params: Mapping[str, Tensor], models: Sequence[BengioMLP]
) -> None:
    """Stop before anything is copied, unless all of it can be."""
    if not models:
        raise ValueError(
            "there is no model to copy weights into; give one or more."
        )
    here = {name: tuple(tensors.shape) for name, tensors in params.items()}
    for model in models:
        wanted = {k: (len(models), *p.shape) for k, p in model.params.items()}
        if here != wanted:
            raise ValueError(
                f"{len(models)} models have weights {wanted}; got {here}."
            )
