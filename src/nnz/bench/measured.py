"""Measurements of time of chapters that have no comparison of their own, each at its smallest honest size.

What is measured in a page on a trained network is measured here on an untrained one, where only time counts.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from optuna.distributions import FloatDistribution
from torch import Tensor

from nnz.backprop_network import descend, first_layers
from nnz.bigram_net import BigramNet
from nnz.data import LETTERS, load_names, split_names, windows
from nnz.engine import Value, topological_order
from nnz.evaluate import nll
from nnz.experiments.fitting import RECIPES, fitted, study
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Sequential, Tanh
from nnz.mlp import BengioMLP
from nnz.moons import total_loss, train_step, two_moons
from nnz.ngram import KneserNey
from nnz.nn import MLP
from nnz.plumbing.clock import least_seconds
from nnz.probe import Probe
from nnz.recipe import Recipe
from nnz.sample import seeded
from nnz.search import open_study, search
from nnz.stacked import train_together
from nnz.train import batches, train

V = len(LETTERS)
MANY = 36  # networks, of the chapter on fit and search
SHARED = {"rate": FloatDistribution(0.003, 0.3, log=True)}
RUN = [name for name in RECIPES if name != "weak"]  # that one was only tried
Found = dict[str, float]  # what was measured, by claim


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes, once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def tallied() -> Found:
    """A step of the bigram's network on one-hot inputs, over one on the tally."""
    names = load_names()
    X, Y = windows(names, 1)
    onehot, target = F.one_hot(X[:, 0], V).float(), F.one_hot(Y, V).float()
    W = torch.randn(V, V, generator=seeded(1))

    def step() -> None:
        P = (onehot @ W).softmax(dim=1)
        P.gather(1, Y[:, None]).log().mean().item()
        W.sub_(onehot.T @ (P - target), alpha=1 / len(Y))

    # As on the page: what is set up once is shared among a thousand steps.
    plain, fast = least_seconds(step, lambda: BigramNet(generator=seeded(2)).fit(names, steps=1000), rounds=3)
    return {"bigram-network.speedup": plain / (fast / 1000)}


def counted() -> Found:
    """Kneser and Ney's counts, fitted and judged."""
    names, dev, _ = split_names(load_names())

    def of_order(order: int) -> float:
        return nll(KneserNey(order, 0.85).fit(names), dev)

    six, eight = least_seconds(lambda: of_order(6), lambda: of_order(8), rounds=3)
    return {"ngram.seconds": six, "ngram.seconds_eight": eight}


def embedded() -> Found:
    """Embeddings side by side by cat and by view; gradients of all windows and of 32."""
    X, Y = windows(split_names(load_names())[0], 3)
    emb = torch.randn(len(X), 3, 10, generator=seeded(1))
    cat, view = least_seconds(
        lambda: torch.cat(torch.unbind(emb, dim=1), dim=1),
        lambda: [emb.view(len(X), -1) for _ in range(1000)],
    )
    model = BengioMLP(3, 10, 200, generator=seeded(1))

    def slopes(n: int) -> tuple[Tensor, ...]:
        loss = F.cross_entropy(model.logits(X[:n]), Y[:n])
        return torch.autograd.grad(loss, model.parameters())

    whole, part = least_seconds(lambda: slopes(len(X)), lambda: slopes(32), rounds=3)
    return {"mlp.view_speed": cat / (view / 1000), "mlp.batch_speed": whole / part}


class PlainLoop:
    """The third lecture's loop: 32 windows drawn at random, a step down, and again."""

    def __init__(self) -> None:
        self.X, self.Y = windows(split_names(load_names())[0], 3)

    def __call__(self, model: BengioMLP, steps: int) -> None:
        """Take steps with a model."""
        for i in torch.randint(len(self.Y), (steps, 32), generator=seeded(2)):
            loss = F.cross_entropy(model.logits(self.X[i]), self.Y[i])
            slopes = torch.autograd.grad(loss, model.parameters())
            with torch.no_grad():
                for p, slope in zip(model.parameters(), slopes, strict=True):
                    p -= 0.1 * slope


def together() -> Found:
    """Thirty-six networks one after another, and at once."""
    names, loop, steps = split_names(load_names())[0], PlainLoop(), 100

    def models() -> list[BengioMLP]:
        return [BengioMLP(3, 4, 20, generator=seeded(7)) for _ in range(MANY)]

    def at_once() -> None:
        train_together(
            models(),
            names,
            rates=torch.full((MANY,), 0.1),
            decays=torch.zeros(MANY),
            steps=steps,
            batch_size=32,
            generator=seeded(3),
        )

    def one_by_one() -> None:
        for model in models():
            loop(model, steps)

    apart, at_one_go = least_seconds(one_by_one, at_once, rounds=2)
    return {"fitting.together": apart / at_one_go}


def recipes() -> Found:
    """The recipes of the chapter on fit and search, whole, each between two pieces of the lecture's loop."""
    loop, model = PlainLoop(), BengioMLP(3, 10, 200, generator=seeded(1)).scale_init()
    pieces = [seconds(lambda: loop(model, 1000))]
    taken: Found = {}
    for name in RUN:
        taken[name] = seconds(partial(fitted, name, seed=1))
        pieces.append(seconds(lambda: loop(model, 1000)))
    taken["study"] = seconds(lambda: study(1))
    whole = 200 * min(pieces)  # its 200,000 steps
    return {f"fitting.time_{name}": s / whole for name, s in taken.items()}


def work_on_study(path: str, seed: str) -> None:
    """Take part in a study of eight trials, as one of its processes."""
    names, dev, _ = split_names(load_names())

    def objective(settings: dict[str, Any]) -> float:
        g = seeded(1)
        model = BengioMLP(3, 10, 30, generator=g).scale_init()
        recipe = Recipe(settings["rate"], decay=0.1, steps=30, batch_size=512)
        return nll(recipe.fit(model, names, generator=g), dev)

    search(open_study(path, SHARED), SHARED, objective, trials=8, seed=int(seed))


def shared() -> Found:
    """A study on which two processes work."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "study.db")
        open_study(path, SHARED)
        command = [sys.executable, "-m", "nnz.bench.measured", path]
        workers = [subprocess.Popen([*command, seed]) for seed in ("1", "2")]
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise RuntimeError(f"processes that worked on a study ended with {codes}.")
        trials = [t for t in open_study(path, SHARED).trials if t.value is not None]
    ends = [(t.datetime_start, t.datetime_complete) for t in trials]
    overlaps = sum(
        begin is not None and end is not None and begin < end for (_, end), (begin, _) in pairwise(ends)
    )
    return {"fitting.shared_trials": len(trials), "fitting.side_by_side": overlaps}


def deep() -> LayeredModel:
    """Return a network of six linear layers."""
    g = seeded(1)
    layers, n_in = [Embedding(V, 10, generator=g), Flatten()], 30
    for _ in range(5):
        layers += [Linear(n_in, 100, gain=5 / 3, generator=g), Tanh()]
        n_in = 100
    last = Linear(100, V, gain=0.1, generator=g)
    return LayeredModel(Sequential(*layers, last), block_size=3)


def probed() -> Found:
    """A short training with a probe, and without."""
    names = split_names(load_names())[0]

    def short(watch: bool) -> None:
        model = deep()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        source = batches(model, names, 32, seeded(3))
        if watch:
            with Probe(model, optimizer, every=100) as probe:
                train(probe, source, optimizer, steps=100, show=False)
        else:
            train(model, source, optimizer, steps=100, show=False)

    plain, watched = least_seconds(lambda: short(False), lambda: short(True), rounds=10)
    return {"diagnostics.probe_cost": 100 * (watched / plain - 1)}


def in_arrays() -> Found:
    """A training step with Values, over one in arrays; and days of the third lecture's training with Values."""
    points, labels = two_moons(100, noise=0.1, generator=random.Random(1337))
    x, y = np.array(points), np.array(labels, dtype=float)[:, None]
    model = MLP(2, [16, 16, 1], generator=random.Random(0))

    def step() -> None:
        train_step(model, total_loss(model, Value, points, labels), 0)

    def arrays() -> None:
        layers = first_layers([2, 16, 16, 1], np.random.default_rng(0))
        descend(layers, x, y, 100)

    values, hundred = least_seconds(step, arrays, rounds=3)
    nodes = len(topological_order(total_loss(model, Value, points, labels)))
    work = 2 * (30 * 200 + 200 * 27) * 32 * 200_000  # a product and a sum for each
    return {
        "backprop-network.days": work / nodes * values / 86400,
        "backprop-network.speed": values / (hundred / 100),
    }


if __name__ == "__main__":
    work_on_study(*sys.argv[1:])
