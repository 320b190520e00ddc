"""A recipe fits any alphabet, is repeated exactly, and learns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.optim import AdamW

from nnz.data import Vocabulary, windows
from nnz.evaluate import nll
from nnz.mlp import BengioMLP
from nnz.recipe import MOST, Recipe
from nnz.sample import seeded
from nnz.schedules import one_cycle
from nnz.train import batches

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


def test_a_recipe_is_one_cycle_of_torch_s_fused_adamw_to_the_last_bit() -> None:
    """By hand, in torch's terms; AdamW in its other forms rounds otherwise."""
    recipe = Recipe(rate=0.03, decay=0.15, steps=12, batch_size=8, beta=0.95)
    model, twin = network(8), network(8)
    recipe.fit(model, NAMES, generator=seeded(3))
    adam = AdamW(twin.parameters(), betas=(0.9, 0.95), weight_decay=0.15, fused=True)
    source, schedule = batches(twin, NAMES, 8, seeded(3)), one_cycle(0.03, steps=12)
    for step in range(12):
        adam.param_groups[0]["lr"] = schedule(step)
        X, Y = next(source)
        adam.zero_grad()
        F.cross_entropy(twin.logits(X), Y).backward()
        adam.step()
    for name, p in model.params.items():
        assert torch.equal(p, twin.params[name]), name


@pytest.mark.parametrize(
    ("how", "effort", "expected"),
    [
        ({"steps": 40, "batch_size": 8}, 0.5, (8, 20)),
        ({"steps": 40, "batch_size": 99}, 1.0, (40, 40)),  # no more than there are windows
        ({"steps": 40}, 1e-9, (None, 1)),
        ({"epochs": 10, "batch_size": 3}, 1.0, (3, 30)),  # seven names: two batches of three, and one of one
        ({"epochs": 10, "batch_size": 99}, 1.0, (7, 10)),
        ({"epochs": 10}, 0.3, (None, 3)),  # all names at once
    ],
)
def test_steps_are_counted_by_windows_or_by_whole_names(
    how: dict[str, int], effort: float, expected: tuple[int | None, int]
) -> None:
    recipe = Recipe(rate=0.03, decay=0.0, **how)
    assert recipe.size_and_steps(network(4), NAMES, effort) == expected


@pytest.mark.parametrize(
    ("block_size", "size"), [(1, None), (2, MOST // 1000)], ids=["1,000 contexts", "1,000,000 contexts"]
)
def test_all_windows_are_one_batch_as_long_as_their_contexts_are_few(
    block_size: int, size: int | None
) -> None:
    model: Any = SimpleNamespace(vocabulary=range(1000), block_size=block_size)
    names = ["abc"] * 2000
    assert Recipe(0.03, 0.0, steps=5).size_and_steps(model, names) == (size, 5)
    assert Recipe(0.03, 0.0, epochs=5).size_and_steps(model, names) == (None, 5)


def test_a_recipe_shows_its_progress_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Recipe(rate=0.03, decay=0.0, steps=3)
    recipe.fit(network(4), NAMES, generator=seeded(), show=False)
    assert capsys.readouterr().err == ""
    recipe.fit(network(4), NAMES, generator=seeded(), show=True)
    assert "3/3" in capsys.readouterr().err


def test_a_recipe_learns() -> None:
    model = Recipe(rate=0.03, decay=0.0, steps=400).fit(network(30), NAMES, generator=seeded())
    X, Y = windows(NAMES, 3)
    best = sum(
        -(counts / len(Y) * (counts / counts.sum()).log()).nan_to_num().sum()
        for counts in [torch.bincount(Y[(x == X).all(1)]).double() for x in X.unique(dim=0)]
    )
    assert float(best) < nll(model, NAMES) < float(best) + 0.02
