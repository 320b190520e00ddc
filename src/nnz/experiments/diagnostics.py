"""Experiments of the chapter on a network's vital signs: networks of six layers and of twenty-one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from nnz.data import LETTERS, load_names, split_names
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.experiments.deep_stack import Step, adamw, descend, descent, watched
from nnz.layers import (
    Embedding,
    Flatten,
    LayeredModel,
    Linear,
    Sequential,
    Tanh,
    TensorModule,
)
from nnz.norms import BatchNorm1d
from nnz.sample import seeded
from nnz.train import batches

GAINS = {"0.5": 0.5, "1": 1.0, "5/3": 5 / 3, "3": 3.0}
RATES = (0.05, 0.1, 0.3, 0.9)  # of which each network gets the best
Known = Mapping[str, float] | None  # the best of them by kind and gain, if known
Pairs = Sequence[tuple[str, float]]  # of a gain and a rate
TRIED: dict[str, Sequence[float]] = {
    "SGD": (0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8),
    "SGD with batch norm": (0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8),
    "SGD with momentum": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "AdamW": (0.0001, 0.0003, 0.001, 0.003, 0.01),
}


def deep(
    gain: float = 5 / 3,
    norm: bool = False,
    f: Callable[[], TensorModule] = Tanh,
    hidden: int = 5,
    width: int = 100,
    seed: int = 1,
) -> LayeredModel:
    """Return a network of many layers, whose hidden weights begin with the gain."""
    g, V = seeded(seed), len(LETTERS)
    layers: list[TensorModule] = [Embedding(V, 10, generator=g), Flatten()]
    for n_in in [30] + [width] * (hidden - 1):
        layers.append(Linear(n_in, width, bias=not norm, gain=gain, generator=g))
        layers += [BatchNorm1d(width)] if norm else []
        layers.append(f())
    layers.append(Linear(width, V, gain=0.1, generator=g))
    return LayeredModel(Sequential(*layers), block_size=3)


def run(
    models: Sequence[LayeredModel],
    step: Step,
    steps: int,
    seed: int,
    learn: Callable[[str], bool] = lambda name: True,
) -> Tensor:
    """Train networks that are built alike side by side; return the mean of each one's last 200 losses."""
    train_names, _, _ = split_names(load_names())
    source = batches(models[0], train_names, 32, seeded(100 + seed))
    losses = descend(models, source, step, steps=steps, learn=learn)
    return losses[-200:].mean(dim=0)


def twenty(seed: int) -> dict[str, float]:
    """Training loss of twenty hidden layers after 1,000 steps, by gain, with batch norm and without."""
    steps, rate = scaled(1000, split_names(load_names())[0]), torch.tensor(0.1)
    found: dict[str, float] = {}
    for kind, names in {
        "": ("0.5", "5/3", "3"),
        " with batch norm": ("5/3", "3"),
    }.items():
        models = [deep(GAINS[g], bool(kind), hidden=20, seed=seed) for g in names]
        ends = run(models, descent(rate), steps, seed).tolist()
        found |= {
            f"gain {g}{kind}": end for g, end in zip(names, ends, strict=True)
        }
    alone = [deep(3.0, hidden=20, seed=seed)]
    # After the embedding and the flattening, two for each.
    last = f"net.{2 + 2 * 20}."
    end = run(alone, descent(rate), steps, seed, learn=lambda name: last in name)
    return found | {"gain 3 last only": end.item()}


def ratios_and_losses(kind: str, seed: int) -> dict[float, tuple[float, float]]:
    """For each rate: update over weights, the median of the hidden layers halfway, and the dev loss at the end."""
    train_names, dev, _ = split_names(load_names())
    rates, steps = torch.tensor(TRIED[kind]), scaled(1500, train_names)
    models = [deep(norm="norm" in kind, seed=seed) for _ in rates]
    momentum = 0.9 if "momentum" in kind else 0.0
    step = adamw(rates) if kind == "AdamW" else descent(rates, momentum)
    seen: list[Tensor] = []  # of each matrix, in the order of the layers
    run(models, watched(step, at=steps // 2, seen=seen), steps, seed)
    ratios = torch.stack(seen[1:-1]).median(dim=0).values
    pairs = zip(ratios.tolist(), [nll(model, dev) for model in models], strict=True)
    found = zip(TRIED[kind], pairs, strict=True)
    return {rate: pair for rate, pair in found if math.isfinite(pair[1])}


def at_best(
    tried: Mapping[str, Mapping[float, tuple[float, float]]],
) -> dict[str, float]:
    """Return the ratio at the rate with the lowest dev loss, to base ten, for each way to train."""
    found: dict[str, float] = {}
    for kind, pairs in tried.items():
        ratio, loss = min(pairs.values(), key=lambda pair: pair[1])
        found |= {kind: math.log10(ratio), f"loss {kind}": loss}
    off = [abs(found[kind] + 3) for kind in tried if "norm" not in kind]
    return found | {"factor": 10 ** max(off)}


def rule(seed: int) -> dict[str, float]:
    """Update over weights at the best of several rates after 1,500 steps of six layers, to base ten."""
    return at_best({kind: ratios_and_losses(kind, seed) for kind in TRIED})


def by_gain(seed: int, known: Known = None) -> dict[str, float]:
    """Dev loss of six layers after 2,000 steps, with batch norm and without, at four gains.

    Each is trained at four rates; that counts which has the lowest loss on the first 3,000 training names.
    Where the best rates are known from before, each is trained at its own alone.
    """
    _, dev, _ = split_names(load_names())
    found: dict[str, float] = {}
    for kind in ("plain", "norm"):
        pairs = [(gain, rate) for gain in GAINS for rate in RATES]
        if known:
            pairs = [(gain, known[f"{kind} {gain}"]) for gain in GAINS]
        for gain, (rate, model) in best_of(pairs, kind == "norm", seed).items():
            found[f"{kind} {gain}"] = nll(model, dev)
            found[f"rate {kind} {gain}"] = rate
    return found


def best_of(
    pairs: Pairs, norm: bool, seed: int
) -> dict[str, tuple[float, LayeredModel]]:
    """Train a network for each gain and rate, side by side; return the best rate of each gain, and its network."""
    train_names, _, _ = split_names(load_names())
    models = [deep(GAINS[gain], norm, seed=seed) for gain, _ in pairs]
    rates = torch.tensor([rate for _, rate in pairs])
    run(models, descent(rates), scaled(2000, train_names), seed)
    losses = torch.tensor([nll(model, train_names[:3000]) for model in models])
    worst_first = losses.nan_to_num(math.inf).argsort(descending=True).tolist()
    return {pairs[i][0]: (pairs[i][1], models[i]) for i in worst_first}
