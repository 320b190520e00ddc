"""The log of the sixth lecture, over seeds: flat networks of three and of eight characters, and two trees."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.data import LETTERS, load_names, split_names, windows
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Sequential, Tanh
from nnz.norms import BatchNorm1d
from nnz.sample import seeded
from nnz.schedules import cosine
from nnz.train import batches, train
from nnz.wavenet import WaveNet

STEPS, BATCH, RATE = 7_500, 256, 0.5


def flat(block_size: int, seed: int) -> LayeredModel:
    """Return a network with one hidden layer, which sees its whole context at once."""
    g, V = seeded(seed), len(LETTERS)
    net = Sequential(
        Embedding(V, 10, generator=g),
        Flatten(),
        Linear(block_size * 10, 200, bias=False, generator=g),
        BatchNorm1d(200),
        Tanh(),
        Linear(200, V, gain=0.1, generator=g),
    )
    return LayeredModel(net, block_size)


class FirstAxisNorm(BatchNorm1d):
    """The lecture's first batch norm: over the first axis alone, which is wrong for (B, T, C)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return x, standardized at each position by itself."""
        mean = x.mean(dim=0) if self.training else self.running_mean
        centered, var = x - mean, self.running_var
        if self.training:
            var = centered.square().sum(dim=0) / (len(x) - 1)  # as x.var(dim=0)
            with torch.no_grad():
                self.running_mean = 0.9 * self.running_mean + 0.1 * mean
                self.running_var = 0.9 * self.running_var + 0.1 * var
        scale = self.weight / torch.sqrt(var + self.eps)
        return centered * scale + self.bias


def tree(seed: int) -> WaveNet:
    """Return the lecture's tree."""
    return WaveNet(10, 68, generator=seeded(seed))


def wrong_tree(seed: int) -> WaveNet:
    """Return the same with a norm over the wrong axes."""
    model = tree(seed)
    layers = model.net.layers
    for i, layer in enumerate(layers):
        if isinstance(layer, BatchNorm1d):
            layers[i] = FirstAxisNorm(68)
    return model


KINDS: dict[str, Callable[[int], LayeredModel]] = {
    "three": lambda seed: flat(3, seed),
    "eight": lambda seed: flat(8, seed),
    "wrong": wrong_tree,
    "tree": tree,
}


def fitted(kind: str, seed: int) -> tuple[LayeredModel, list[float]]:
    """Return a trained network of that kind, and the loss of each step."""
    model, (names, _, _) = KINDS[kind](seed), split_names(load_names())
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    source, steps = (
        batches(model, names, BATCH, seeded(100 + seed)),
        scaled(STEPS, names),
    )
    history = train(
        model, source, optimizer, steps=steps, schedule=cosine(RATE, steps=steps)
    )
    return model, history.losses


def sensitivity(model: LanguageModel, place: int, contexts: Tensor) -> float:
    """Return how far a prediction moves, in nats, when one place has the letter of another context."""
    changed = contexts.clone()
    other = torch.randperm(len(contexts), generator=seeded(5))
    changed[:, place] = contexts[other, place]
    moved = changed[:, place] != contexts[:, place]
    p, q = model.log_probs(contexts[moved]), model.log_probs(changed[moved])
    return (p.exp() * (p - q)).sum(dim=1).mean().item()


def looks(model: LanguageModel) -> list[float]:
    """Return that for each place, over the dev contexts of eight letters, which have no padding."""
    X, _ = windows(split_names(load_names())[1], 8)
    X = X[(X > 0).all(dim=1), 8 - model.block_size :]
    return [sensitivity(model, place, X) for place in range(model.block_size)]


def judged(models: dict[str, LayeredModel]) -> dict[str, float]:
    """Return dev and training losses, and how the networks of eight characters look at their places."""
    names, dev, _ = split_names(load_names())
    numbers = {f"{kind} dev": nll(model, dev) for kind, model in models.items()}
    numbers |= {
        f"{kind} train": nll(model, names) for kind, model in models.items()
    }
    for kind in ("eight", "tree"):
        seen = looks(models[kind])
        numbers |= {
            f"{kind} seam": seen[4] / seen[3],
            f"{kind} ends": seen[7] / seen[0],
        }
    return numbers


def log(seed: int) -> dict[str, float]:
    """Dev and training losses of the four networks in the log of lecture 6, and where they look."""
    return judged({kind: fitted(kind, seed)[0] for kind in KINDS})
