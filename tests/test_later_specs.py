"""The models of Parts VI and VII, by their specs: whole names and contexts, and room for any list."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nnz import evaluate
from nnz.data import LETTERS
from nnz.experiments import judging, tried
from nnz.later_specs import CARRIED, LOOKED_UP, WAVENETS
from nnz.models import MODELS, fit, size_of
from nnz.sample import sample_names, seeded

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"] * 4
LONG = [*NAMES, "maximilianalexander", "a" * 40]
WHOLE = [spec.name for spec in (*CARRIED, *LOOKED_UP)]
ON_NAMES = [spec.name for spec in (*WAVENETS, *CARRIED, *LOOKED_UP) if spec.recipe and spec.recipe.epochs]


def quick(name: str, names: list[str] = NAMES) -> Any:
    return fit(name, names, generator=seeded(), effort=0.1)


def test_sizes_are_those_that_their_chapters_name() -> None:
    made = {name: MODELS[name].make(LETTERS, seeded()) for name in WHOLE}
    weights = {name: size_of(model) for name, model in made.items()}
    assert weights == {"rnn": 11_803, "gru": 396_411, "gpt-small": 4_192, "gpt": 201_088}


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("name", [*ON_NAMES, "mixture", "mixture-4"])
def test_a_name_costs_the_same_whole_as_by_its_contexts(name: str) -> None:
    model = quick(name)
    by_contexts = evaluate.surprisals(model, NAMES)
    torch.testing.assert_close(judging.surprisals(model, NAMES), by_contexts, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("name", WHOLE)
def test_contexts_get_room_for_the_longest_name_of_a_list(name: str) -> None:
    assert quick(name).block_size == 16
    assert MODELS[name].for_names(NAMES) is MODELS[name]
    model = quick(name, LONG)
    assert model.block_size == 41
    by_contexts = evaluate.surprisals(model, LONG)
    torch.testing.assert_close(judging.surprisals(model, LONG), by_contexts, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("small_models")
def test_the_parts_of_a_mixture_get_room_too() -> None:
    spec = MODELS["mixture-4"].for_names(LONG)
    sizes = [part.settings.get("block_size") for part in spec.parts()]  # type: ignore[attr-defined]
    assert sizes == [41, 41, None, None]
    assert spec.shares() == MODELS["mixture-4"].shares()  # type: ignore[attr-defined]
    assert quick("mixture-4", LONG).block_size == 41


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("name", [*WHOLE, "mixture-4"])
def test_a_name_longer_than_any_in_training_is_judged_by_its_last_characters(name: str) -> None:
    model = quick(name)
    by_contexts = evaluate.surprisals(model, LONG)
    torch.testing.assert_close(judging.surprisals(model, LONG), by_contexts, rtol=0, atol=1e-6)
    assert all(map(math.isfinite, judging.surprisals(model, LONG).tolist()))
    begun = "x" * 30
    assert all(name.startswith(begun) for name in sample_names(model, 3, generator=seeded(), prompt=begun))


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("name", [*ON_NAMES])
def test_everything_is_made_where_the_batch_is(name: str) -> None:
    """As it must be for a network that is trained on another device: here all else would be made on none."""
    spec = MODELS[name]
    assert spec.recipe
    model: Any = spec.make(LETTERS, seeded())
    model.train()
    batch, targets = next(spec.recipe.source(model, NAMES, 5, seeded()))
    with torch.device("meta"):
        F.cross_entropy(model.logits(batch), targets).backward()
    assert all(weight.grad.device.type == "cpu" for weight in model.parameters() if weight.grad is not None)


def test_what_else_was_tried_differs_from_the_large_gru_in_one_thing() -> None:
    usual = CARRIED[-1]
    for which, change in tried.TRIED.items():
        spec = tried.changed(which)
        ((name, value),) = change.items()
        assert (spec.name, spec.build) == (usual.name, usual.build)
        if name in usual.settings:
            assert spec.recipe == usual.recipe
            assert spec.settings == {**usual.settings, name: value} != usual.settings
        else:
            assert spec.settings == usual.settings
            assert getattr(spec.recipe, name) == value != getattr(usual.recipe, name)


def test_the_grus_that_were_tried_are_judged_on_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried, "load_names", lambda: NAMES)
    monkeypatch.setattr(tried, "TRIED", {"state of 256": {"n_hidden": 3}})
    (loss,) = tried.grus(1).values()
    assert 0 < loss < math.log(len(LETTERS)) + 1
    assert tried.grus(1) == {"state of 256 dev": loss}
