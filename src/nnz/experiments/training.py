"""Experiments of the chapter on training: schedules and optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from nnz.data import load_names, split_names
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.mlp import BengioMLP
from nnz.sample import seeded
from nnz.schedules import cosine, one_cycle, step_decay
from nnz.train import LossError, Schedule, batches, train


def plain(weights: Iterable[Tensor]) -> Optimizer:
    """Return plain gradient descent; its rate is the schedule's."""
    return torch.optim.SGD(weights, lr=1)


def one_cycle_in(rate: float, steps: int) -> Schedule:
    """Return one cycle of so many steps."""
    return one_cycle(rate, steps=steps)


SCHEDULES: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda rate, steps: lambda step: rate,
    "step decay": lambda rate, steps: step_decay(rate, at=[3 * steps // 4]),
    "cosine": lambda rate, steps: cosine(rate, steps=steps),
    "one cycle": one_cycle_in,
}
OTHERS: dict[str, Callable[[Iterable[Tensor]], Optimizer]] = {
    "momentum": partial(torch.optim.SGD, lr=1, momentum=0.9),
    "AdamW": partial(
        torch.optim.AdamW, lr=1, betas=(0.9, 0.99), weight_decay=0, fused=True
    ),
}
TRIED = {
    "constant": (0.05, 0.15, 0.5),
    "step decay": (0.5, 1.0, 2.0),
    "cosine": (0.5, 1.0, 2.0),
    "one cycle": (0.5, 1.0, 2.0),
    "momentum": (0.05, 0.1, 0.2),
    "AdamW": (0.005, 0.01, 0.02),
}


def descended(way: str, rate: float, seed: int) -> float:
    """Return the dev loss of the lecture's network after 1,500 steps of 128 windows, or where it exploded."""
    names, dev, _ = split_names(load_names())
    model = BengioMLP(3, 10, 200, generator=seeded(seed)).scale_init()
    source = batches(model, names, 128, seeded(10 + seed))
    optimizer = OTHERS.get(way, plain)(model.parameters())
    steps = scaled(1500, names)
    schedule = SCHEDULES.get(way, one_cycle_in)(rate, steps)
    with suppress(LossError):
        train(model, source, optimizer, steps=steps, schedule=schedule)
    return nll(model, dev)


def schedules(seed: int) -> dict[str, float]:
    """Dev losses of four schedules, and of two optimizers with one of them, at three rates each."""
    return {
        f"{way} {rate}": descended(way, rate, seed)
        for way, rates in TRIED.items()
        for rate in rates
    }
