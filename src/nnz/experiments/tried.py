"""What else was tried for the large GRU: other settings and recipes, each trained like it but for one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnz.data import load_names, split_names
from nnz.experiments import scaled
from nnz.experiments.judging import surprisals
from nnz.later_specs import CARRIED
from nnz.model_spec import ModelSpec
from nnz.sample import seeded

# What is another than in `gru` of `nnz.models`: a setting of the network, or a number of its recipe.
TRIED: dict[str, dict[str, Any]] = {
    "60 epochs": {"epochs": 60},
    "dropout 0.4": {"dropout": 0.4},
    "state of 256": {"n_hidden": 256},
}


def changed(which: str) -> ModelSpec:
    """Return the large GRU's spec with one of the changes."""
    spec, change = CARRIED[-1], TRIED[which]
    assert spec.recipe is not None
    if set(change) <= set(spec.settings):
        return replace(spec, settings={**spec.settings, **change})
    return replace(spec, recipe=replace(spec.recipe, **change))


def grus(seed: int) -> dict[str, float]:
    """Return the dev losses of large GRUs that differ in one thing from that of the leaderboard."""
    names, dev, _ = split_names(load_names())
    effort = scaled(1000, names) / 1000
    found = {}
    for which in TRIED:
        model = changed(which).fit(names, generator=seeded(seed), effort=effort)
        found[f"{which} dev"] = surprisals(model, dev).mean().item()
    return found
