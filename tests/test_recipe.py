"""A recipe fits any alphabet, is repeated exactly, and learns."""

from __future__ import annotations

from typing import Any

import torch

from nnz.data import Vocabulary, windows
from nnz.evaluate import nll
from nnz.mlp import BengioMLP
from nnz.recipe import MOST, Recipe
from nnz.sample import seeded

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


def network(n_hidden: int, **how: Any) -> BengioMLP:
    return BengioMLP(3, 4, n_hidden, generator=seeded(), **how).scale_init()


def test_a_recipe_takes_any_alphabet() -> None:
    names = ["łódź", "åre", "łåź"]
    recipe, vocabulary = Recipe(rate=0.03, decay=0.0, steps=50), Vocabulary(names)
    model = network(8, vocabulary=vocabulary)
    assert recipe.fit(model, names, generator=seeded()) is model
    assert nll(model, names) < 1.0


def test_all_windows_of_a_large_alphabet_become_batches_that_can_be_held() -> None:
    recipe = Recipe(rate=0.03, decay=0.0, steps=5)
    letters = [chr(0x4E00 + i) for i in range(3000)]
    names = ["".join(letters[i : i + 3]) for i in range(0, 2900)]
    model = network(4, vocabulary=Vocabulary(letters))
    size, steps = recipe.size_and_steps(model, names)
    assert (size, steps) == (MOST // 3001, 5)
    recipe.fit(model, names, generator=seeded())
    assert recipe.size_and_steps(network(4), NAMES) == (None, 5)
    assert recipe.size_and_steps(network(4), ["emma"] * 10**6) == (None, 5)  # of few different windows


def test_a_recipe_is_repeated_exactly_and_its_settings_matter() -> None:
    usual = {"rate": 0.03, "decay": 0.15, "steps": 30, "batch_size": 8}
    recipe = Recipe(**usual)
    first, second = (recipe.fit(network(8), NAMES, generator=seeded()) for _ in range(2))
    for name, p in first.params.items():
        assert torch.equal(p, second.params[name])
    for change in ({"decay": 5.0}, {"steps": 31}, {"batch_size": None}, {"rate": 0.01}):
        other = Recipe(**{**usual, **change})
        model = other.fit(network(8), NAMES, generator=seeded())
        assert not torch.equal(first.params["W2"], model.params["W2"])


def test_a_recipe_learns() -> None:
    model = Recipe(rate=0.03, decay=0.0, steps=400).fit(network(30), NAMES, generator=seeded())
    X, Y = windows(NAMES, 3)
    best = sum(
        -(counts / len(Y) * (counts / counts.sum()).log()).nan_to_num().sum()
        for counts in [torch.bincount(Y[(x == X).all(1)]).double() for x in X.unique(dim=0)]
    )
    assert float(best) < nll(model, NAMES) < float(best) + 0.02
