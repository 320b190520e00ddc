"""What a state that is carried is worth, on names and on lines where it has more to carry, over seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import LETTERS, Vocabulary, load_names, split_names
from nnz.dilated import CausalStack
from nnz.experiments import scaled
from nnz.experiments.judging import learned, losses, surprisals
from nnz.gated import GatedWaveNet
from nnz.layers import evaluating
from nnz.packed import pack, packed_batches
from nnz.recurrent import Recurrent
from nnz.returns import WITH_HYPHEN, in_last_part, return_lines
from nnz.sample import seeded
from nnz.schedules import one_cycle
from nnz.through_time import clip_norm
from nnz.train import train

Network = Recurrent | CausalStack
KINDS = ("wavenet", "rnn", "gru")


def descend(
    model: Network,
    texts: Sequence[str],
    *,
    seed: int,
    epochs: int,
    rate: float,
    batch_size: int = 256,
    decay: float = 0.05,
    longest: float = 1.0,
) -> None:
    """Train in place on whole texts, with gradients no longer than `longest`."""
    steps = epochs * math.ceil(len(texts) / batch_size)
    steps = scaled(steps, split_names(load_names())[0])
    weights, betas = model.parameters(), (0.9, 0.99)

    def clip(*_: object) -> None:
        clip_norm(weights, longest)

    adam = torch.optim.AdamW(weights, betas=betas, weight_decay=decay, fused=True)
    adam.register_step_pre_hook(clip)
    source = packed_batches(
        texts,
        batch_size,
        generator=seeded(100 + seed),
        vocabulary=model.vocabulary,
    )
    train(model, source, adam, steps=steps, schedule=one_cycle(rate, steps=steps))


@torch.no_grad()
def along(model: Network, texts: Sequence[str]) -> Tensor:
    """Return the surprisals of a network at each character of whole texts, float64."""
    batch, targets = pack(texts, model.vocabulary)
    with evaluating(model):
        costs = F.cross_entropy(model.logits(batch), targets, reduction="none")
    return costs.double()


def make(
    kind: str, seed: int, vocabulary: Vocabulary = LETTERS, block_size: int = 16
) -> Network:
    """Return a small network: a cell of 64 numbers, or a gated WaveNet of about as many weights as a GRU."""
    how: dict[str, Any] = {"generator": seeded(seed), "vocabulary": vocabulary}
    if kind == "wavenet":
        return GatedWaveNet(26, (1, 2, 4, 1, 2, 4), **how)
    return Recurrent(64, 64, cell=kind, block_size=block_size, **how)


def on_names(kind: str, seed: int) -> Network:
    """Return a small network after five passes over the training names."""
    model = make(kind, seed)
    descend(model, split_names(load_names())[0], seed=seed, epochs=5, rate=0.01)
    return model


def small(seed: int) -> dict[str, float]:
    """Dev losses of the small networks on names: of all characters, of the second to the fifth, and later."""
    dev, found = split_names(load_names())[1], {}
    place = torch.cat([torch.arange(len(name) + 1) for name in dev])
    early, late = (place >= 1) & (place <= 4), place > 4
    for kind in KINDS:
        costs = along(on_names(kind, seed), dev)
        found[kind] = costs.mean().item()
        found[f"{kind} early"] = costs[early].mean().item()
        found[f"{kind} late"] = costs[late].mean().item()
    return found


def lines() -> tuple[list[str], list[str]]:
    """Return lines of the return list: of training names to learn from, and of dev names to judge by."""
    train_names, dev, _ = split_names(load_names())
    learned = return_lines(train_names, 3600, generator=random.Random(1))
    return learned, return_lines(dev, 800, generator=random.Random(2))


def on_returns(kind: str, seed: int) -> Network:
    """Return a small network that has learned from lines of the return list."""
    model = make(kind, seed, WITH_HYPHEN, block_size=64)
    descend(model, lines()[0], seed=seed, epochs=8, rate=0.01, batch_size=64)
    return model


def returns(seed: int) -> dict[str, float]:
    """Losses of the three small networks on the lines: in the last part its letters and the end, and before it."""
    asked, found = lines()[1], {}
    last, end = in_last_part(asked), pack(asked, WITH_HYPHEN)[1] == 0
    for kind in KINDS:
        costs = along(on_returns(kind, seed), asked)
        found[f"{kind} last"] = costs[last].mean().item()
        found[f"{kind} letters"] = costs[last & ~end].mean().item()
        found[f"{kind} end"] = costs[end].mean().item()
        found[f"{kind} before"] = costs[~last].mean().item()
    return found


def large(seed: int) -> dict[str, float]:
    """Losses of the model `gru`: two layers of GRU cells with 192 numbers each, after a long training."""
    names, dev, test = split_names(load_names())
    model = learned("gru", seed)
    found = losses(surprisals(model, dev), surprisals(model, test))
    return {"train": surprisals(model, names).mean().item(), **found}
