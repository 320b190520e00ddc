"""Experiments of the chapter on Bengio's network: direct connections, and embeddings that learn or stay."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import LETTERS, load_names, split_names, windows
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.mlp import BengioMLP

SIZES = (10, 24, 100, 200)
VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"  # y is either


def step(model: BengioMLP, X: Tensor, Y: Tensor, rate: float) -> float:
    """Take one step of descent with all weights that want a gradient, and return the loss before it."""
    loss = F.cross_entropy(model.logits(X), Y)
    moving = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for p, grad in zip(moving, torch.autograd.grad(loss, moving), strict=True):
            p -= rate * grad
    return loss.item()


def descend(
    model: BengioMLP,
    X: Tensor,
    Y: Tensor,
    *,
    steps: int,
    rate: float,
    batch_size: int,
    generator: torch.Generator,
) -> list[float]:
    """Take steps on random windows, at a tenth of the rate in the second half, and return the batches' losses."""
    losses = []
    for i in range(steps):
        drawn = torch.randint(len(Y), (batch_size,), generator=generator)
        now = rate if i < steps / 2 else rate / 10
        losses.append(step(model, X[drawn], Y[drawn], now))
    return losses


def pair(n_hidden: int, seed: int, rate: float = 0.5) -> dict[str, float]:
    """Return the dev losses of two networks that begin alike, one of them with direct connections."""
    names, dev, _ = split_names(load_names())
    X, Y = windows(names, 3)
    losses = {}
    for direct in (False, True):
        generator = torch.Generator().manual_seed(seed)
        model = BengioMLP(3, 10, n_hidden, direct, generator=generator).scale_init()
        batches = torch.Generator().manual_seed(100 + seed)
        descend(
            model,
            X,
            Y,
            steps=scaled(4000, names),
            rate=rate,
            batch_size=128,
            generator=batches,
        )
        losses["direct" if direct else "plain"] = nll(model, dev)
    return losses


def direct(seed: int) -> dict[str, float]:
    """Dev losses with and without direct connections, for four numbers of hidden units, and at a lower rate."""
    tried = {str(n): pair(n, seed) for n in SIZES} | {
        "slow": pair(200, seed, rate=0.1)
    }
    return {
        f"{name} {key}": loss
        for name, two in tried.items()
        for key, loss in two.items()
    }


def placed(
    n_embd: int, seed: int, *, frozen: bool = False
) -> tuple[Tensor, Tensor, float]:
    """Return the embeddings of a network before and after training, and its dev loss."""
    names, dev, _ = split_names(load_names())
    generator = torch.Generator().manual_seed(seed)
    model = BengioMLP(3, n_embd, 100, generator=generator).scale_init()
    model.params["C"].requires_grad_(not frozen)
    before = model.state_dict()["C"].clone()
    steps = scaled(4000, names)
    descend(
        model,
        *windows(names, 3),
        steps=steps,
        rate=0.5,
        batch_size=128,
        generator=generator,
    )
    return before, model.state_dict()["C"], nll(model, dev)


def closeness(C: Tensor) -> float:
    """Return how far vowels are from vowels, on average, over how far they are from consonants."""
    vowels, consonants = (
        torch.tensor(LETTERS.encode(s)) for s in (VOWELS, CONSONANTS)
    )
    far = torch.cdist(C, C)
    among = far[vowels][:, vowels].sum() / (5 * 4)
    return (among / far[vowels][:, consonants].mean()).item()


def looked_at(before: Tensor, after: Tensor, loss: float) -> dict[str, float]:
    """Return what is asked of a trained table of embeddings."""
    return {
        "loss": loss,
        "size": before.norm(dim=1).mean().item(),
        "moved": (after - before).norm(dim=1).mean().item(),
        "closer": closeness(after) / closeness(before),
    }


def points(seed: int) -> dict[str, float]:
    """What training does to embeddings of two numbers and of ten, and dev losses if they are frozen instead."""
    found = {}
    for m in (2, 10):
        for key, value in looked_at(*placed(m, seed)).items():
            found[f"{m} {key}"] = value
        found[f"{m} frozen"] = placed(m, seed, frozen=True)[2]
    return found
