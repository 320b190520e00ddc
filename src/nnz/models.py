"""Every model of the book by name: how it is made, and how it is trained.

Chapter: leaderboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch

from nnz.bigram import BigramCounts
from nnz.bigram_net import BigramNet
from nnz.contract import LanguageModel
from nnz.data import Vocabulary
from nnz.dilated import DilatedWaveNet
from nnz.gated import GatedWaveNet
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Sequential, Tanh
from nnz.mixture import Mixture
from nnz.mlp import BengioMLP
from nnz.model_spec import MixtureSpec, ModelSpec
from nnz.ngram import KneserNey, NGramCounts
from nnz.norms import BatchNorm1d
from nnz.packed import whole_names
from nnz.recipe import Recipe
from nnz.wavenet import WaveNet


def quiet_mlp(**given: Any) -> BengioMLP:
    """Return a network of Bengio's kind whose first probabilities are nearly equal."""
    return BengioMLP(**given).scale_init()


def normed_mlp(
    block_size: int,
    n_embd: int,
    n_hidden: int,
    *,
    generator: torch.Generator,
    vocabulary: Vocabulary,
) -> LayeredModel:
    """Return the same network with batch norm before its tanh."""
    V, n_in, g = len(vocabulary), block_size * n_embd, generator
    net = Sequential(
        Embedding(V, n_embd, generator=g),
        Flatten(),
        Linear(n_in, n_hidden, bias=False, generator=g),
        BatchNorm1d(n_hidden),
        Tanh(),
        Linear(n_hidden, V, gain=0.1, generator=g),
    )
    return LayeredModel(net, block_size, vocabulary)


def dilated(**given: Any) -> DilatedWaveNet:
    """Return the tree of WaveNet as dilated convolutions."""
    return DilatedWaveNet(WaveNet(**given))


COUNTING = (
    ModelSpec("bigram", "counts of pairs", BigramCounts, {"k": 0.3}),
    ModelSpec(
        "bigram-net",
        "the same pairs by one linear layer",
        BigramNet,
        {},
        Recipe(0.3, 0.0, 300),
    ),
    ModelSpec("trigram", "counts of threes", NGramCounts, {"order": 3, "k": 0.2}),
    ModelSpec(
        "kneser-ney",
        "counts of sixes, by Kneser and Ney",
        KneserNey,
        {"order": 6, "discount": 0.85},
    ),
)
NETWORKS = (
    ModelSpec(
        "mlp",
        "the network of Bengio et al. on three characters",
        quiet_mlp,
        {"block_size": 3, "n_embd": 10, "n_hidden": 339},
        Recipe(rate=0.03, decay=0.15, steps=400),
    ),
    ModelSpec(
        "mlp-5",
        "the same on five characters, and larger",
        quiet_mlp,
        {"block_size": 5, "n_embd": 24, "n_hidden": 300},
        Recipe(rate=0.01, decay=0.1, steps=1600, batch_size=1024),
    ),
    ModelSpec(
        "batchnorm",
        "a network on three characters with batch norm",
        normed_mlp,
        {"block_size": 3, "n_embd": 10, "n_hidden": 200},
        Recipe(rate=0.01, decay=0.01, steps=4000, batch_size=512),
    ),
)
GATED: dict[str, Any] = {
    "n_channels": 80,
    "dilations": [1, 2, 4, 1, 2, 4],
    "dropout": 0.2,
}
WAVENETS = (
    ModelSpec(
        "wavenet-tree",
        "a tree over eight characters, two joined at a time",
        WaveNet,
        {"n_embd": 24, "n_hidden": 128},
        Recipe(rate=0.005, decay=0.05, steps=2500, batch_size=512),
    ),
    ModelSpec(
        "wavenet",
        "the same tree as dilated convolutions over whole names",
        dilated,
        {"n_embd": 24, "n_hidden": 128},
        Recipe(
            0.012, 0.12, epochs=21, batch_size=256, source=whole_names, beta=0.98
        ),
    ),
    ModelSpec(
        "gated",
        "WaveNet with gates, residual and skip connections, and dropout",
        GatedWaveNet,
        GATED,
        Recipe(0.005, 0.05, epochs=20, batch_size=160, source=whole_names),
    ),
)
MIXED = MixtureSpec(
    "mixture",
    "the mean of the probabilities of gated and kneser-ney",
    Mixture,
    {"gated": [0.5, GATED], "kneser-ney": [0.5, COUNTING[-1].settings]},
    of=(WAVENETS[-1], COUNTING[-1]),
)
MODELS = {spec.name: spec for spec in (*COUNTING, *NETWORKS, *WAVENETS, MIXED)}


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
