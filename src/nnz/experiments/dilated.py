"""What whole names at a time, longer training and the parts of WaveNet are worth, over seeds."""

from __future__ import annotations

import math
from typing import Any

import torch

from nnz.contract import LanguageModel
from nnz.data import load_names, split_names
from nnz.dilated import CausalStack, DilatedWaveNet
from nnz.experiments import scaled
from nnz.experiments.judging import judged, learned, losses, mixed, surprisals
from nnz.gated import GatedWaveNet
from nnz.ngram import KneserNey
from nnz.packed import packed_batches
from nnz.sample import seeded
from nnz.schedules import one_cycle
from nnz.train import train
from nnz.wavenet import WaveNet

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "no gate": {"gate": False},
    "no gate but wider": {"gate": False, "n_channels": 39},
    "no residual": {"residual": False},
    "no skips": {"skip": False},
    "no dropout": {"dropout": 0.0},
    "one stack": {"dilations": (1, 2, 4)},
}


def descend(model: CausalStack, seed: int, epochs: int, rate: float) -> None:
    """Train a stack in place on whole names, 256 at a time."""
    names = split_names(load_names())[0]
    steps = scaled(epochs * math.ceil(len(names) / 256), names)
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.98), weight_decay=0.05, fused=True
    )
    source = packed_batches(names, 256, generator=seeded(100 + seed))
    train(
        model, source, optimizer, steps=steps, schedule=one_cycle(rate, steps=steps)
    )


def train_short(seed: int) -> DilatedWaveNet:
    """Return the lecture's largest tree, as a stack, after ten epochs."""
    model = DilatedWaveNet(WaveNet(24, 128, generator=seeded(seed)))
    descend(model, seed, epochs=10, rate=0.015)
    return model


def short(seed: int) -> dict[str, float]:
    """Losses of the lecture's largest tree after a short training on whole names."""
    return judged(train_short(seed))


def long(seed: int) -> dict[str, float]:
    """Losses of the same after a longer training: the model `wavenet` of the leaderboard."""
    return judged(learned("wavenet", seed))


def small(variant: str, seed: int) -> GatedWaveNet:
    """Return a small gated WaveNet, or one without a part of it."""
    settings: dict[str, Any] = {
        "n_channels": 32,
        "dilations": (1, 2, 4, 1, 2, 4),
        "dropout": 0.2,
    }
    return GatedWaveNet(generator=seeded(seed), **(settings | VARIANTS[variant]))


def parts(seed: int) -> dict[str, float]:
    """Dev losses of a small gated WaveNet after two epochs: whole, and with one part left out."""
    dev, found = split_names(load_names())[1], {}
    for variant in VARIANTS:
        model = small(variant, seed)
        descend(model, seed, epochs=2, rate=0.01)
        found[variant] = surprisals(model, dev).mean().item()
    return found


def gated(seed: int) -> dict[str, float]:
    """Losses of the gated WaveNet, of Kneser–Ney's counts, and of half of each."""
    return beside_counts(learned("gated", seed))


def beside_counts(model: LanguageModel) -> dict[str, float]:
    """Return the losses of a network, of the counts, and of half of each, and how alike they are surprised."""
    names, dev, test = split_names(load_names())
    table = KneserNey(order=6, discount=0.85).fit(names)
    ours, counts = ([surprisals(m, n) for n in (dev, test)] for m in (model, table))
    halves = [mixed(pair, [0.5, 0.5]) for pair in zip(ours, counts, strict=True)]
    found = {"train": surprisals(model, names).mean().item(), **losses(*ours)}
    for name, costs in (("counts", counts), ("mixed", halves)):
        found |= {f"{name} {key}": x for key, x in losses(*costs).items()}
    found["correlation"] = torch.corrcoef(torch.stack([ours[0], counts[0]]))[
        0, 1
    ].item()
    return found
