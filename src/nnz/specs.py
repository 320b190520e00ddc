"""The models of Parts II to IV: what each is made of, and how it is trained.

Chapter: leaderboard.
"""

from __future__ import annotations

from typing import Any

import torch

from nnz.bigram import BigramCounts
from nnz.bigram_net import BigramNet
from nnz.data import Vocabulary
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Sequential, Tanh
from nnz.mlp import BengioMLP
from nnz.model_spec import ModelSpec
from nnz.ngram import KneserNey, NGramCounts
from nnz.norms import BatchNorm1d
from nnz.recipe import Recipe


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
