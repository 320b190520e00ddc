"""The experiments of the chapters mlp, fitting and backprop."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nnz.experiments import mlp
from nnz.experiments.backprop import falling
from nnz.experiments.fitting import RECIPES, averaged, room
from nnz.mlp import BengioMLP
from nnz.models import MODELS
from nnz.sample import seeded

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia"] * 50


@pytest.mark.parametrize(("recipe", "name"), [("wide", "mlp"), ("five", "mlp-5")])
def test_a_recipe_that_the_last_chapter_ranks_trains_the_same_network(recipe: str, name: str) -> None:
    spec, (sizes, mine) = MODELS[name], RECIPES[recipe]
    assert mine == spec.recipe
    g = seeded(3)
    ours = replace(mine, steps=3).fit(BengioMLP(*sizes, generator=g).scale_init(), NAMES, generator=g)
    theirs = replace(spec, recipe=replace(mine, steps=3)).fit(NAMES, generator=seeded(3))
    assert isinstance(theirs, BengioMLP)
    for name, weights in ours.state_dict().items():
        assert torch.equal(weights, theirs.state_dict()[name]), name


@pytest.mark.parametrize("n_embd", [4, 10, 26, 40])
def test_there_is_room_for_as_many_hidden_units_and_not_for_one_more(n_embd: int) -> None:
    for n_hidden, fits in ((room(n_embd), True), (room(n_embd) + 1, False)):
        g = torch.Generator().manual_seed(1)
        model = BengioMLP(3, n_embd, n_hidden, generator=g)
        weights = sum(p.numel() for p in model.parameters())
        assert (weights <= 20_000) is fits


def test_averaged_surprises_are_those_of_the_mean_probability() -> None:
    chances = torch.tensor([[0.1, 0.7], [0.4, 0.2], [0.25, 0.9]], dtype=torch.float64)
    expected = -chances.mean(dim=0).log()
    assert torch.allclose(averaged(-chances.log()), expected, rtol=1e-14)


def test_frozen_points_stay_and_all_else_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp, "load_names", lambda: NAMES)
    before, after, frozen = mlp.placed(2, 1, frozen=True)
    assert torch.equal(before, after)
    begun, moved, loss = mlp.placed(2, 1)
    assert torch.equal(before, begun)
    assert not torch.equal(begun, moved)
    assert loss != frozen


def test_points_that_did_not_move_are_as_close_as_before() -> None:
    C = torch.randn(27, 2, generator=torch.Generator().manual_seed(7))
    seen = mlp.looked_at(C, C, 2.5)
    assert (seen["closer"], seen["moved"], seen["loss"]) == (1.0, 0.0, 2.5)
    assert seen["size"] == pytest.approx(C.square().sum(dim=1).sqrt().mean().item())


def test_vowels_that_stand_together_are_close() -> None:
    C = torch.zeros(27, 2)
    C[:, 0] = torch.arange(27.0)
    C[[1, 5, 9, 15, 21]] = torch.tensor([[0.0, 9.0], [0.1, 9.0], [0.2, 9.0], [0.3, 9.0], [0.4, 9.0]])
    assert mlp.closeness(C) < 0.05


def test_both_rates_of_lecture_five_begin_alike_and_only_one_falls_evenly() -> None:
    assert [falling("two", share) for share in (0, 0.499, 0.5, 1)] == [0.1, 0.1, 0.01, 0.01]
    assert [falling("even", share) for share in (0, 0.5, 1)] == [0.1, 0.05, 0]
