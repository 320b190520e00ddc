"""What a model is made of: how much effort is made, and of which parts a mixture is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from nnz import recipe
from nnz.bigram import BigramCounts
from nnz.data import windows
from nnz.mixture import Mixture
from nnz.model_spec import MixtureSpec, ModelSpec
from nnz.models import MODELS, fit
from nnz.ngram import KneserNey
from nnz.sample import seeded

pytestmark = pytest.mark.usefixtures("small_models")

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]


def test_effort_counts_steps_and_rounds_and_is_one_step_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def count(*args: Any, **how: Any) -> Any:
        taken.append(how["steps"])
        return recipe_train(*args, **how)

    recipe_train = recipe.train
    monkeypatch.setattr(recipe, "train", count)
    spec = MODELS["wavenet"]
    assert spec.recipe
    small = replace(spec, recipe=replace(spec.recipe, batch_size=3, epochs=10))
    monkeypatch.setitem(MODELS, "wavenet", small)
    for effort in (1e-9, 0.5, 1.0):
        fit("wavenet", NAMES, generator=seeded(), effort=effort)  # 8 names in batches of 3: 3 to a round
    fit("wavenet-tree", NAMES, generator=seeded(), effort=0.1)  # the fixture has a hundredth of its steps
    assert taken == [1, 15, 30, 2]


@pytest.mark.parametrize("effort", [0, -1, math.nan, math.inf])
def test_effort_must_be_above_0(effort: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        fit("bigram", NAMES, generator=seeded(), effort=effort)


def test_a_mixture_has_its_parts_with_the_settings_that_it_gives_them() -> None:
    pairs = ModelSpec("bigram", "counts of pairs", BigramCounts, {"k": 0.3})
    threes = ModelSpec("kneser-ney", "counts of sixes", KneserNey, {"order": 6, "discount": 0.85})
    settings = {"bigram": [0.25, {"k": 1.0}], "kneser-ney": [0.75, {"order": 3, "discount": 0.5}]}
    spec = MixtureSpec("both", "both", Mixture, settings, of=(pairs, threes))
    assert spec.shares() == [0.25, 0.75]
    assert [(part.name, part.settings) for part in spec.parts()] == [
        ("bigram", {"k": 1.0}),
        ("kneser-ney", {"order": 3, "discount": 0.5}),
    ]
    by_hand = Mixture([BigramCounts(k=1.0).fit(NAMES), KneserNey(3, 0.5).fit(NAMES)], [0.25, 0.75])
    X, _ = windows(NAMES, 2)
    assert torch.equal(spec.fit(NAMES, generator=seeded()).log_probs(X), by_hand.log_probs(X))


def test_a_fit_that_is_refused_leaves_the_generator_as_it_was() -> None:
    generator = seeded()
    before = generator.get_state()
    with pytest.raises(ValueError, match="not in the vocabulary"):
        fit("mlp", ["zoé"], generator=generator)
    assert torch.equal(generator.get_state(), before)
