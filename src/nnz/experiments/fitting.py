"""Experiments of the chapter on fit and search: a study, six recipes, and averages of models."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from optuna.distributions import FloatDistribution, IntDistribution
from torch import Tensor

from nnz.data import load_names, split_names
from nnz.evaluate import nll, surprisals, unseen
from nnz.experiments import scaled
from nnz.mlp import BengioMLP
from nnz.ngram import KneserNey
from nnz.recipe import Recipe
from nnz.sample import seeded
from nnz.search import open_study, search

SPACE = {
    "n_embd": IntDistribution(4, 40),
    "rate": FloatDistribution(0.005, 0.1, log=True),
    "decay": FloatDistribution(0.01, 3, log=True),
}


def room(
    n_embd: int, block_size: int = 3, weights: int = 20_000, V: int = 27
) -> int:
    """Return how many hidden units a network can have that is to have at most so many weights."""
    return (weights - V * n_embd - V) // (block_size * n_embd + 1 + V)


def short_run(settings: dict[str, Any]) -> float:
    """Return the dev loss of a network with these settings and all the room there is, after a short run."""
    names, dev, _ = split_names(load_names())
    n_embd, g = settings["n_embd"], seeded(1)
    model = BengioMLP(3, n_embd, room(n_embd), generator=g).scale_init()
    recipe = Recipe(
        settings["rate"], settings["decay"], scaled(300, names), batch_size=512
    )
    return nll(recipe.fit(model, names, generator=g), dev)


def study(seed: int) -> dict[str, float]:
    """A study of 18 short runs: losses of the ten trials at random and of the eight that the sampler chose."""
    with tempfile.TemporaryDirectory() as folder:
        kept = open_study(Path(folder) / "study.db", SPACE)
        search(kept, SPACE, short_run, trials=18, seed=seed)
        losses = [t.value for t in kept.trials if t.value is not None]
        best = kept.best_params
    return {**study_losses(losses), **best}


def study_losses(losses: Sequence[float]) -> dict[str, float]:
    """Return the mean and the least loss of the ten first trials, which are at random, and of the others."""
    parts = {"random": losses[:10], "guided": losses[10:]}
    means = {f"{name} mean": sum(part) / len(part) for name, part in parts.items()}
    return means | {f"{name} best": min(part) for name, part in parts.items()}


USUAL = Recipe(rate=0.03, decay=0.0, steps=4000, batch_size=512)
WHOLE = Recipe(rate=0.03, decay=0.15, steps=400)
# What a study found, rounded.
WEAK = Recipe(rate=0.026, decay=0.027, steps=400)
FIVE = Recipe(rate=0.01, decay=0.1, steps=1600, batch_size=1024)
# How many characters it reads, how long its embeddings are, how many hidden units it has; and how it is trained.
RECIPES = {
    "lecture": ((3, 10, 200), USUAL),
    "quiet": ((3, 10, 200), USUAL),
    "whole": ((3, 10, 200), WHOLE),
    "wide": ((3, 10, room(10)), WHOLE),
    "tuned": ((3, 26, room(26)), replace(WEAK, decay=0.3)),
    "five": ((5, 24, 300), FIVE),
    "weak": ((3, 26, room(26)), WEAK),
}


def fitted(name: str, seed: int) -> BengioMLP:
    """Return a network trained by one of the recipes, for a share of its steps on a short list."""
    names, g = split_names(load_names())[0], seeded(seed)
    sizes, recipe = RECIPES[name]
    model = BengioMLP(*sizes, generator=g)
    if name != "lecture":
        model.scale_init()
    effort = scaled(1000, names) / 1000
    return recipe.fit(model, names, generator=g, effort=effort)


def judged(model: BengioMLP) -> dict[str, float]:
    """Return losses: on all three sets, and on the dev names that stand in the training set, and that do not."""
    names, dev, test = split_names(load_names())
    new = unseen(dev, names)
    known = unseen(dev, new) or dev  # lists without repetitions have none
    sets = {"train": names, "dev": dev, "test": test, "new": new, "known": known}
    return {key: nll(model, some) for key, some in sets.items()}


def recipes(seed: int) -> dict[str, float]:
    """Losses of the six recipes, and of the tuned one with the decay that the study found."""
    return {
        f"{name} {key}": loss
        for name in RECIPES
        for key, loss in judged(fitted(name, seed)).items()
    }


def averaged(costs: Tensor) -> Tensor:
    """Return the surprisals, (N,), of the average of the probabilities of M models with surprisals (M, N)."""
    return math.log(len(costs)) - (-costs).logsumexp(dim=0)


def ensemble(seed: int) -> dict[str, float]:
    """Losses of a network with five characters, of three of them averaged, and of averages with a table."""
    names, dev, test = split_names(load_names())
    nets = [fitted("five", other) for other in (seed, 10 + seed, 20 + seed)]
    table = KneserNey(order=6, discount=0.85).fit(names)
    found: dict[str, float] = {}
    for key, some in {"dev": dev, "test": test}.items():
        theirs = surprisals(table, some)
        costs = torch.stack([surprisals(net, some) for net in nets])  # (3, N)
        three, half = averaged(costs), averaged(torch.stack([costs[0], theirs]))
        both = averaged(torch.stack([three, theirs]))
        parts = {"table": theirs, "one": costs[0], "three": three}
        parts |= {"one and table": half, "three and table": both}
        found |= {f"{name} {key}": x.mean().item() for name, x in parts.items()}
    return found
