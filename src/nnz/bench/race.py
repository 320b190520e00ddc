"""How much faster the forms of Part VI are: whole names at once, training on them, writing with a memory.

`make bench` measures them; the chapter `dilated` measures the same on its own trained networks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import windows
from nnz.dilated import Cache, CausalStack, DilatedWaveNet, batch_norm
from nnz.gated import GatedWaveNet
from nnz.ngram import KneserNey
from nnz.norms import BatchNorm1d
from nnz.packed import pack, packed_batches
from nnz.plumbing.clock import least_seconds
from nnz.sample import sample_names, seeded
from nnz.schedules import one_cycle
from nnz.train import History, Trainable, train
from nnz.wavenet import WaveNet

LECTURE_STEPS = 200_000  # of the sixth lecture, with 32 windows each


class FastNorm(BatchNorm1d):
    """Our batch norm as torch computes it."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the layer returns."""
        return batch_norm(self, x)


def forms(names: Sequence[str]) -> float:
    """Return the time of loss and slopes of names by the tree, over that by the stack of the same layers."""
    tree = WaveNet(24, 128, generator=seeded(1))
    layers = tree.net.layers
    for i, layer in enumerate(layers):
        if isinstance(layer, BatchNorm1d):  # to compare forms, and not norms
            layers[i] = FastNorm(len(layer.weight))
    stack = DilatedWaveNet(tree)
    X, Y = windows(names, 8)
    packed, _ = pack(names)

    def slopes(model: Trainable, inputs: Any) -> None:
        F.cross_entropy(model.logits(inputs), Y).backward()

    by_tree, by_stack = least_seconds(lambda: slopes(tree, X), lambda: slopes(stack, packed))
    return by_tree / by_stack


class Loop:
    """The sixth lecture's loop, with our layers, which do what the lecture's do.

    Args:
        names: what it learns from.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.model, self.generator = (WaveNet(24, 128, generator=seeded(1)), seeded(3))
        self.X, self.Y = windows(names, 8)

    def step(self) -> None:
        """Take a step."""
        i = torch.randint(len(self.Y), (32,), generator=self.generator)
        loss = F.cross_entropy(self.model.logits(self.X[i]), self.Y[i])
        for p in self.model.parameters():
            p.grad = None
        loss.backward()
        for p in self.model.parameters():
            assert p.grad is not None  # every weight has a part in the loss
            p.data -= 0.1 * p.grad

    def seconds(self, steps: int = 100) -> float:
        """Return how long its 200,000 steps would take, by some of them."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return (time.perf_counter() - start) * LECTURE_STEPS / steps


@dataclass(frozen=True)
class Run:
    """A training on whole names, and how it is measured.

    Attributes:
        build: makes the network.
        epochs: how many passes over the names it takes.
        names: how many to a batch.
        rate: the highest, of one cycle.
        decay: AdamW's.
        beta: AdamW's second.
        measured: how many of the epochs are taken to measure it; all, if it is 0.
    """

    build: Callable[[], CausalStack]
    epochs: int
    names: int
    rate: float
    decay: float
    beta: float = 0.98
    measured: int = 0


def tree() -> DilatedWaveNet:
    """Return the lecture's largest network as a stack."""
    return DilatedWaveNet(WaveNet(24, 128, generator=seeded(1)))


def gated() -> GatedWaveNet:
    """Return the gated WaveNet of the chapter."""
    stacks = (1, 2, 4, 1, 2, 4)
    return GatedWaveNet(80, stacks, dropout=0.2, generator=seeded(1))


LONG = "dilated.time_long"
RUNS = {  # by claim
    "dilated.time_short": Run(tree, 10, 256, 0.015, 0.05),
    LONG: Run(tree, 21, 256, 0.012, 0.12),
    "dilated.final_time": Run(gated, 20, 160, 0.005, 0.05, 0.99, measured=2),
}


def in_turns(run: Run, names: Sequence[str], loop: Loop) -> tuple[float, float]:
    """Return the seconds of a run, and of the lecture's loop by a piece of it after each epoch of ours."""
    model, epoch = run.build(), math.ceil(len(names) / run.names)
    steps, ours, theirs = run.epochs * epoch, 0.0, []
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, run.beta), weight_decay=run.decay, fused=True
    )
    source = packed_batches(names, run.names, generator=seeded(2))
    history, measured = History(), run.measured or run.epochs
    for turn in range(measured):
        start = time.perf_counter()
        schedule = one_cycle(run.rate, steps=steps)
        most = (turn + 1) * epoch
        train(model, source, optimizer, steps=most, schedule=schedule, history=history, show=False)
        ours += time.perf_counter() - start
        theirs.append(loop.seconds())
    return ours * run.epochs / measured, sum(theirs) / measured


def training(names: Sequence[str]) -> dict[str, float]:
    """Return how long runs of the chapter take, as shares of the lecture's loop, or over counting, by claim."""
    loop, counts, found = Loop(names), KneserNey(order=6, discount=0.85), {}
    loop.seconds()  # what is done for the first time takes longer
    for kind, run in RUNS.items():
        ours, theirs = in_turns(run, names, loop)
        found[kind] = ours / theirs
        if kind == LONG:
            (counting,) = least_seconds(lambda: counts.fit(names), rounds=3)
            found["leaderboard.price"] = ours / counting
    return found


def growth() -> dict[str, float]:
    """Return how much longer a step of a tree takes with a receptive field of 256 than with 4, by claim."""
    steps = []
    for T in (4, 256):
        model = DilatedWaveNet(WaveNet(24, 64, T, generator=seeded(1)))
        model.eval()
        contexts = torch.zeros(20, T, dtype=torch.int64)
        steps += [partial(model.tree.log_probs, contexts)]
        steps += [partial(Cache(model, 20).step, contexts[:, 0])]
    plain, cached, plain_far, cached_far = least_seconds(*steps, rounds=10)
    return {"dilated.growth_plain": plain_far / plain, "dilated.growth_cached": cached_far / cached}


def writing(n: int = 100) -> float:
    """Return the time to write n names from whole contexts, over that with a memory."""
    model = GatedWaveNet(80, (1, 2, 4, 1, 2, 4), generator=seeded(1))
    # The same with nothing but the contract, so that whole contexts have to be given.
    bare = SimpleNamespace(
        vocabulary=model.vocabulary, block_size=model.block_size, log_probs=model.log_probs
    )
    plain, cached = least_seconds(
        lambda: sample_names(bare, n, generator=seeded(2)),
        lambda: sample_names(model, n, generator=seeded(2)),
    )
    return plain / cached
