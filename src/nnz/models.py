"""Every model of the book by name: how it is made, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from nnz.bigram import BigramCounts, BigramNet
from nnz.contract import LanguageModel, check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.dilated import DilatedWaveNet
from nnz.gated import GatedWaveNet
from nnz.layers import (
    BatchNorm1d,
    Embedding,
    Flatten,
    LayeredModel,
    Linear,
    Sequential,
    Tanh,
)
from nnz.mlp import BengioMLP
from nnz.ngram import Interpolated, KneserNey, NGramCounts
from nnz.packed import packed_batches
from nnz.plumbing.undo import unmoved
from nnz.schedules import one_cycle
from nnz.train import Batch, Trainable, batches, train
from nnz.wavenet import WaveNet


class Mixture:
    """Several models of one alphabet, each believed in part: log P = log Σ share · P_model.

    Args:
        models: at least one; each is given the last of the characters, as many as it reads.
        shares: of each; above 0, with sum 1.

    Raises:
        ValueError: alphabets differ, shares are out of range, or there is not one for each model.
    """

    def __init__(
        self, models: Sequence[LanguageModel], shares: Sequence[float]
    ) -> None:
        _check_shares(models, shares)
        self.models, self.shares = list(models), list(shares)
        self.vocabulary = models[0].vocabulary
        self.block_size = max(model.block_size for model in models)

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the logarithm of the mean probability; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        parts = []
        for model, share in zip(self.models, self.shares, strict=True):
            last = contexts[:, self.block_size - model.block_size :]
            parts.append(model.log_probs(last).double() + math.log(share))
        return torch.stack(parts).logsumexp(dim=0)


def _check_shares(models: Sequence[LanguageModel], shares: Sequence[float]) -> None:
    """Raise a clear error unless each model has a share, and all have one alphabet."""
    if not 0 < len(models) == len(shares):
        given = f"got {len(models)} models and {len(shares)} shares"
        raise ValueError(f"a mixture needs models and a share for each; {given}.")
    if not all(share > 0 for share in shares) or not math.isclose(sum(shares), 1):
        raise ValueError(
            f"shares are above 0, and sum to 1; got {', '.join(map(str, shares))}."
        )
    alphabets = list(dict.fromkeys("".join(m.vocabulary.chars) for m in models))
    if len(alphabets) > 1:
        given = f"got {alphabets[0]!r} and {alphabets[1]!r}"
        raise ValueError(f"models that are mixed share an alphabet; {given}.")


@dataclass(frozen=True)
class Descent:
    """How a network is trained: AdamW, a learning rate that climbs and falls once, batches that fit the list.

    Attributes:
        rate: the highest of a `one_cycle`.
        decay: AdamW's weight decay, on all weights.
        steps: how many; or, of packed names, how many rounds through all of them.
        batch_size: how many windows, or names, a step looks at; None for all windows. Short lists have fewer.
        packed: whether batches are of whole names.
        beta: AdamW's second, by which it remembers squared slopes.
    """

    rate: float
    decay: float
    steps: int
    batch_size: int | None = None
    packed: bool = False
    beta: float = 0.99

    def source(
        self, model: Trainable, names: Sequence[str], generator: torch.Generator
    ) -> tuple[Iterator[Batch], int]:
        """Return batches without end, and how many of them make one of `steps`."""
        sizes = [1 if self.packed else len(name) + 1 for name in names]
        size = self.batch_size and min(self.batch_size, sum(sizes))
        if not self.packed:
            return batches(model, names, size, generator), 1
        size, alphabet = size or len(names), model.vocabulary
        source = packed_batches(
            names, size, generator=generator, vocabulary=alphabet
        )
        return source, math.ceil(len(names) / size)

    def fit(
        self,
        model: Trainable,
        names: Sequence[str],
        *,
        generator: torch.Generator,
        effort: float,
        show: bool | None,
    ) -> None:
        """Train a model in place. After Ctrl-C it raises KeyboardInterrupt: nobody is given a half-trained one."""
        source, each = self.source(model, names, generator)
        steps = max(1, round(effort * self.steps * each))
        weights, schedule = model.parameters(), one_cycle(self.rate, steps=steps)
        optimizer = torch.optim.AdamW(
            weights, betas=(0.9, self.beta), weight_decay=self.decay, fused=True
        )
        history = train(
            model, source, optimizer, steps=steps, schedule=schedule, show=show
        )
        if history.interrupted:
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        summary: what it is, in a line.
        build: makes one from its settings and a vocabulary; a network from a generator, too.
        settings: what a file must hold beside the numbers, in words and numbers that JSON has.
        descent: how it is trained; None for models that count.
    """

    summary: str
    build: Callable[..., LanguageModel]
    settings: Mapping[str, Any]
    descent: Descent | None = None

    def make(
        self, vocabulary: Vocabulary, generator: torch.Generator
    ) -> LanguageModel:
        """Return a model that has learned nothing."""
        drawn = {"generator": generator} if self.descent else {}
        return self.build(**self.settings, **drawn, vocabulary=vocabulary)

    def fit(self, model: Any, names: Sequence[str], **how: Any) -> None:
        """Let a model learn from names, in place; `how` is as for `Descent.fit`."""
        if self.descent:
            self.descent.fit(model, names, **how)
        else:
            model.fit(names)


class MixedKind(Kind):
    """A mixture: its settings have for each part, by the name of its kind, a share and the settings of that."""

    def make(
        self, vocabulary: Vocabulary, generator: torch.Generator
    ) -> LanguageModel:
        """Return a mixture of models that have learned nothing."""
        models = [
            replace(kind_of(name), settings=settings).make(vocabulary, generator)
            for name, (_, settings) in self.settings.items()
        ]
        return Mixture(models, [share for share, _ in self.settings.values()])

    def fit(self, model: Any, names: Sequence[str], **how: Any) -> None:
        """Let each part learn, one after another."""
        for name, part in zip(self.settings, model.models, strict=True):
            kind_of(name).fit(part, names, **how)


def quiet_mlp(**given: Any) -> BengioMLP:
    """Return a network of Bengio's kind that begins nearly indifferent."""
    return BengioMLP(**given).quieten()


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


COUNTING = {
    "bigram": Kind("counts of pairs", BigramCounts, {"k": 0.3}),
    "bigram-net": Kind(
        "the same pairs by one linear layer", BigramNet, {}, Descent(0.3, 0.0, 300)
    ),
    "trigram": Kind("counts of threes", NGramCounts, {"order": 3, "k": 0.2}),
    "kneser-ney": Kind(
        "counts of sixes, by Kneser and Ney",
        KneserNey,
        {"order": 6, "discount": 0.85},
    ),
}
NETWORKS = {
    "mlp": Kind(
        "the network of Bengio et al. on three characters",
        quiet_mlp,
        {"block_size": 3, "n_embd": 10, "n_hidden": 339},
        Descent(rate=0.03, decay=0.15, steps=400),
    ),
    "mlp-5": Kind(
        "the same on five characters, and larger",
        quiet_mlp,
        {"block_size": 5, "n_embd": 24, "n_hidden": 300},
        Descent(rate=0.01, decay=0.1, steps=1600, batch_size=1024),
    ),
    "batchnorm": Kind(
        "a network on three characters with batch norm",
        normed_mlp,
        {"block_size": 3, "n_embd": 10, "n_hidden": 200},
        Descent(rate=0.01, decay=0.01, steps=4000, batch_size=512),
    ),
}
WAVENETS = {
    "wavenet-tree": Kind(
        "a tree over eight characters, two joined at a time",
        WaveNet,
        {"n_embd": 24, "n_hidden": 128},
        Descent(rate=0.005, decay=0.05, steps=2500, batch_size=512),
    ),
    "wavenet": Kind(
        "the same tree as dilated convolutions over whole names",
        dilated,
        {"n_embd": 24, "n_hidden": 128},
        Descent(0.012, 0.12, steps=21, batch_size=256, packed=True, beta=0.98),
    ),
    "gated": Kind(
        "WaveNet with gates, residual and skip connections, and dropout",
        GatedWaveNet,
        {"n_channels": 80, "dilations": [1, 2, 4, 1, 2, 4], "dropout": 0.2},
        Descent(rate=0.005, decay=0.05, steps=20, batch_size=160, packed=True),
    ),
}
MIXED = MixedKind(
    "half of what gated believes and half of what kneser-ney believes",
    Mixture,
    {
        "gated": [0.5, WAVENETS["gated"].settings],
        "kneser-ney": [0.5, COUNTING["kneser-ney"].settings],
    },
)
MODELS: dict[str, Kind] = COUNTING | NETWORKS | WAVENETS | {"mixture": MIXED}


def kind_of(name: str) -> Kind:
    """Return the kind of model with that name.

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
    vocabulary: Vocabulary = LETTERS,
    effort: float = 1.0,
    show: bool | None = None,
) -> LanguageModel:
    """Return a model of the book, trained.

    Args:
        name: of its kind.
        names: what to learn from.
        generator: the source of the first weights, of batches and of dropout.
        vocabulary: the alphabet; a to z by default.
        effort: the number of steps is multiplied by it; at least one step is taken.
        show: whether to show progress; by default, if somebody is looking.

    Raises:
        ValueError: there is no such kind, effort is not above 0 and finite, or as `nnz.data.windows`.
        LossError: the loss exploded. After this and a ValueError the generator is as it was.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> g = torch.Generator().manual_seed(1)
        >>> size_of(fit("trigram", ["emma", "ava"], generator=g))  # how many different trigrams
        9
    """
    kind = kind_of(name)
    if not 0 < effort < math.inf:
        raise ValueError(f"effort is {effort}; it must be above 0, and finite.")
    with unmoved(generator):
        model = kind.make(vocabulary, generator)
        kind.fit(model, names, generator=generator, effort=effort, show=show)
    return model


def size_of(model: Any) -> int:
    """Return how many numbers a model has learned: its weights, or the counts above 0."""
    if isinstance(model, Mixture):
        return sum(map(size_of, model.models))
    if isinstance(model, BigramCounts):
        return int((model.counts > 0).sum())
    if isinstance(model, NGramCounts):
        return int((model.table.counts > 0).sum())
    if isinstance(model, Interpolated):
        return sum(int((table.counts > 0).sum()) for table in model.tables)
    return sum(weights.numel() for weights in model.parameters())
