"""Experiments of the chapter on the first weights: the lecture's network from five starts."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from nnz.contract import LanguageModel
from nnz.data import load_names, split_names, windows
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.mlp import BengioMLP
from nnz.sample import seeded
from nnz.side_by_side import descend
from nnz.stacked import stack, unstack

# What standard normal weights are multiplied by.
STARTS: dict[str, dict[str, float]] = {
    "lecture": {},
    "small logits": {"W2": 0.01, "b2": 0},
    "small sums": {"W2": 0.01, "b2": 0, "W1": 0.2, "b1": 0.01},
    "gain 5/3": {"W2": 0.01, "b2": 0, "W1": 5 / 3 / 30**0.5, "b1": 0},
    "gain 1": {"W2": 0.01, "b2": 0, "W1": 1 / 30**0.5, "b1": 0},
}
STEPS = 200_000  # of the lecture's training
SHORTER = STEPS // 4  # what a page can afford


@torch.no_grad()
def begin(start: str, seed: int) -> BengioMLP:
    """Return the lecture's network with the first weights of one of the `STARTS`."""
    model = BengioMLP(3, 10, 200, generator=seeded(seed))
    for name, factor in STARTS[start].items():
        model.params[name] *= factor
    return model


def train_starts(seed: int, steps: int = STEPS) -> dict[str, BengioMLP]:
    """Train a network from each of the starts, side by side, by default as long as the lecture."""
    train_names, _, _ = split_names(load_names())
    models = {start: begin(start, seed) for start in STARTS}
    params = stack([*models.values()])
    steps = scaled(steps, train_names, share=0.01)
    X, Y = windows(train_names, 3)
    descend(params, X, Y, rates=0.1, steps=steps, generator=seeded(100 + seed))
    unstack(params, [*models.values()])
    return models


def judged(models: Mapping[str, LanguageModel]) -> dict[str, float]:
    """Return the loss of each model on the training set and on the dev set."""
    train_names, dev, _ = split_names(load_names())
    return {
        f"{which} {name}": nll(model, names)
        for which, names in {"train": train_names, "dev": dev}.items()
        for name, model in models.items()
    }
