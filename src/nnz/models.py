"""Every model of the book by name: how it is asked for, trained, and counted.

Chapter: leaderboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch

from nnz.contract import LanguageModel
from nnz.later_specs import CARRIED, GATED, LOOKED_UP, WAVENETS
from nnz.mixture import Mixture
from nnz.model_spec import MixtureSpec, ModelSpec
from nnz.specs import COUNTING, NETWORKS

MIXED = (
    MixtureSpec(
        "mixture",
        "the mean of the probabilities of gated and kneser-ney",
        Mixture,
        {"gated": [0.5, GATED], "kneser-ney": [0.5, COUNTING[-1].settings]},
        of=(WAVENETS[-1], COUNTING[-1]),
    ),
    MixtureSpec(
        "mixture-4",
        "a weighted mean of four: gru twice, gated and kneser-ney",
        Mixture,
        {
            "gru": [0.6, CARRIED[-1].settings],
            "gated": [0.2, GATED],
            "kneser-ney": [0.2, COUNTING[-1].settings],
        },
        of=(CARRIED[-1], CARRIED[-1], WAVENETS[-1], COUNTING[-1]),
    ),
)
MODELS = {
    spec.name: spec
    for spec in (*COUNTING, *NETWORKS, *WAVENETS, *CARRIED, *LOOKED_UP, *MIXED)
}


def spec_of(name: str) -> ModelSpec:
    """Return the model of the book with that name.

    Raises:
        ValueError: there is none; the message suggests names like it.
    """
    if name not in MODELS:
        near = get_close_matches(name, MODELS, n=3) or list(MODELS)
        raise ValueError(
            f"there is no model {name!r}; is it {' or '.join(near)} that is meant?"
        )
    return MODELS[name]


def fit(
    name: str,
    names: Sequence[str],
    *,
    generator: torch.Generator,
    **how: Any,
) -> LanguageModel:
    """Return a model of the book, trained.

    Args:
        name: which one.
        names: what to learn from.
        generator: the source of the first weights, of batches and of dropout.
        how: vocabulary, the alphabet, which is a to z by default; effort, by which the number of steps is
            multiplied, though at least one is taken; and show, whether to show progress, by default if
            somebody is looking.

    Raises:
        ValueError: there is no such model, effort is not above 0 and finite, or as `nnz.data.windows`.
        LossError: the loss exploded. After this and a ValueError the generator is as it was.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> g = torch.Generator().manual_seed(1)
        >>> size_of(fit("trigram", ["emma", "ava"], generator=g))  # how many different trigrams
        9
    """
    return spec_of(name).fit(names, generator=generator, **how)


def size_of(model: Any) -> int:
    """Return how many numbers a model has learned: its weights, or the counts above 0."""
    if parts := getattr(model, "models", None):
        return sum(map(size_of, parts))
    if hasattr(model, "parameters"):
        return sum(weights.numel() for weights in model.parameters())
    counts = (x for k, x in model.state_dict().items() if not k.endswith("grams"))
    return sum(int((x > 0).sum()) for x in counts)
