"""A recipe: all that decides how a network is trained, but for its names and its random numbers.

Chapter: fitting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.optim import AdamW

from nnz.contract import LanguageModel
from nnz.plumbing.undo import unmoved
from nnz.schedules import one_cycle
from nnz.train import Batch, Schedule, Trainable, batches, train

# From a model, names, a batch's size (None for everything) and a generator to batches without end.
Source = Callable[
    [Trainable, Sequence[str], int | None, torch.Generator], Iterator[Batch]
]
MOST = 2**22  # logits at once

_Model = TypeVar("_Model", bound=Trainable)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: AdamW, a learning rate that climbs and falls once, and a number of batches.

    Attributes:
        rate: the highest learning rate of a `one_cycle`.
        decay: AdamW's weight decay, on all weights.
        steps: how many batches.
        epochs: instead of steps, how many times all names are gone through; for a source of whole names.
        batch_size: how many windows, or whole names, make a batch; None for all. A short list has smaller ones;
            so has all of a list with very many letters.
        source: makes the batches.
        beta: AdamW's second, by which it remembers squared gradients.
    """

    rate: float
    decay: float
    steps: int = 0
    batch_size: int | None = None
    epochs: int = 0
    source: Source = batches
    beta: float = 0.99

    def size_and_steps(
        self, model: LanguageModel, names: Sequence[str], effort: float = 1.0
    ) -> tuple[int | None, int]:
        """Return the size of a batch, and how many there will be: effort times those of the recipe, at least one.

        All windows at once have no more distinct contexts than windows, or than there are; if that many rows of
        logits are more than `MOST` numbers, as with an alphabet of thousands, batches are drawn that are not.
        """
        n = len(names) if self.epochs else sum(len(name) + 1 for name in names)
        V, size = len(model.vocabulary), self.batch_size
        size = None if size is None else min(size, n)
        rows = min(n, V**model.block_size)  # of logits, if all windows make a batch
        if size is None and not self.epochs and rows * V > MOST:
            size = max(1, min(n, MOST // V))
        steps = self.steps or self.epochs * math.ceil(n / (size or n or 1))
        return size, max(1, round(effort * steps))

    def optimizer(self, model: Trainable) -> AdamW:
        """Return AdamW for all weights of a model; the learning rate comes from `schedule`."""
        weights, betas = model.parameters(), (0.9, self.beta)
        return AdamW(weights, betas=betas, weight_decay=self.decay, fused=True)

    def schedule(self, steps: int) -> Schedule:
        """Return how the learning rate climbs and falls once over so many steps."""
        return one_cycle(self.rate, steps=steps)

    def fit(
        self,
        model: _Model,
        names: Sequence[str],
        *,
        generator: torch.Generator,
        effort: float = 1.0,
        show: bool | None = None,
    ) -> _Model:
        """Train a model in place, and return it.

        Args:
            model: what is trained.
            names: what it learns from.
            generator: the source of the batches, and of dropout where there is some.
            effort: the number of steps is multiplied by it; at least one is taken.
            show: whether to show progress; by default, if somebody is looking.

        Raises:
            LossError, ValueError: as `nnz.train.train`, and as the source; the generator is then as it was.
            KeyboardInterrupt: Ctrl-C; a half-trained model would not be what the recipe says.
        """
        size, steps = self.size_and_steps(model, names, effort)
        adam, schedule = self.optimizer(model), self.schedule(steps)
        with unmoved(generator):
            source = self.source(model, names, size, generator)
            train(model, source, adam, steps=steps, schedule=schedule, show=show)
        return model
