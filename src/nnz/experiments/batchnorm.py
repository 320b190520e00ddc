"""Experiments of the chapter on batch norm: what a norm is worth in the lecture's network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nnz.data import LETTERS, load_names, split_names, windows
from nnz.evaluate import nll, paired_difference
from nnz.experiments import scaled
from nnz.experiments.initialization import (
    SHORTER,
    STEPS,
    begin,
    judged,
    train_starts,
)
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Sequential, Tanh
from nnz.norms import BatchNorm1d, LayerNorm
from nnz.sample import seeded
from nnz.side_by_side import NORMS, Stack, descend
from nnz.stacked import stack

RATES = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
SCALES = (0.001, 0.01, 0.1, 1.0, 5.0, 20.0, 100.0)


def two_layers(
    norm: BatchNorm1d | LayerNorm | None = None, seed: int = 1
) -> LayeredModel:
    """Return the lecture's network made of layers, with a norm before its tanh or without."""
    g, V = seeded(seed), len(LETTERS)
    hidden = Linear(30, 200, bias=norm is None, generator=g)
    first = [Embedding(V, 10, generator=g), Flatten(), hidden]
    last = [Tanh(), Linear(200, V, gain=0.1, generator=g)]
    return LayeredModel(Sequential(*first, *([norm] if norm else []), *last), 3)


def scaled_starts(scales: Sequence[float], seed: int) -> dict[str, Tensor]:
    """Stack networks that begin alike but for a factor on W1; "g" is the scale of a norm."""
    params = stack([begin("gain 1", seed) for _ in scales])
    params["W1"] *= torch.tensor(scales)[:, None, None]
    return params | {"g": torch.ones(len(scales), 200)}


@torch.no_grad()
def model_of(params: Stack, m: int, norm: str, X: Tensor) -> LayeredModel:
    """Return one of the stacked networks as a model, with the statistics of all windows X."""
    layers = {"none": None, "batch": BatchNorm1d(200), "layer": LayerNorm(200)}
    model = two_layers(layer := layers[norm])
    order = ["C", "W1", "b1", "W2", "b2"]
    for tensor, name in zip(
        model.parameters(), order[:2] + ["g"] * bool(layer) + order[2:], strict=True
    ):
        tensor.copy_(params[name][m])
    if isinstance(layer, BatchNorm1d):
        a = params["C"][m][X].flatten(1) @ params["W1"][m]
        layer.running_mean.copy_(a.mean(dim=0))
        a -= layer.running_mean
        layer.running_var.copy_(a.square_().sum(dim=0) / (len(a) - 1))
    return model


def train_normed(seed: int, steps: int = STEPS) -> LayeredModel:
    """Train the network with batch norm from the start "gain 1", on the batches of that start."""
    train_names, _, _ = split_names(load_names())
    X, Y = windows(train_names, 3)
    params = scaled_starts([1.0], seed)
    steps = scaled(steps, train_names, share=0.01)
    g = seeded(100 + seed)
    descend(params, X, Y, norm="batch", rates=0.1, steps=steps, generator=g)
    return model_of(params, 0, "batch", X)


def log(seed: int) -> dict[str, float]:
    """The lecture's log: five starts and batch norm, 200,000 steps each; losses in nats per character."""
    models = train_starts(seed) | {"batch norm": train_normed(seed)}
    _, dev, _ = split_names(load_names())
    pair = models["batch norm"], models["gain 1"]
    change = paired_difference(*pair, dev, generator=seeded(1))
    return judged(models) | {"error over names": change.standard_error}


def shorter(seed: int) -> dict[str, float]:
    """The same in 50,000 steps each, with a lower rate in the second half of them, as the pages run it."""
    models = train_starts(seed, SHORTER)
    return judged(models | {"batch norm": train_normed(seed, SHORTER)})


def sweep(
    norm: str, rates: Sequence[float], scales: Sequence[float], seed: int
) -> list[float]:
    """Train networks that differ in rate and in the scale of W1 for 2,500 steps; return their dev losses."""
    train_names, dev, _ = split_names(load_names())
    X, Y = windows(train_names, 3)
    params, steps = scaled_starts(scales, seed), scaled(2500, train_names)
    at = torch.tensor(rates)
    descend(
        params, X, Y, norm=norm, rates=at, steps=steps, generator=seeded(100 + seed)
    )
    return [nll(model_of(params, m, norm, X), dev) for m in range(len(rates))]


def by_rate(seed: int) -> dict[str, float]:
    """Dev loss after 2,500 steps at seven learning rates, and at the best: no norm, batch norm, layer norm."""
    found: dict[str, float] = {}
    for norm in NORMS:
        losses = sweep(norm, RATES, [1.0] * len(RATES), seed)
        found |= {
            f"{norm} {x}": loss for x, loss in zip(RATES, losses, strict=True)
        }
        found[f"best {norm}"] = min(losses)
    return found


def by_scale(seed: int) -> dict[str, float]:
    """Dev loss after 2,500 steps for seven factors on the first layer's weights, with the three kinds of norm."""
    found: dict[str, float] = {}
    for norm in NORMS:
        losses = sweep(norm, [0.2] * len(SCALES), SCALES, seed)
        found |= {
            f"{norm} {x}": loss for x, loss in zip(SCALES, losses, strict=True)
        }
    return found
