"""A training loop for any model with parameters, any optimizer and any schedule, which keeps its own log.

Chapter: training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from nnz.contract import LanguageModel
from nnz.data import tally, windows
from nnz.plumbing.progress import Bar, interrupt_kept
from nnz.plumbing.undo import note, unmoved

# Times the first loss, or times that of a blind guess, whichever is larger.
EXPLODED = 4.0
# What the model's logits take; and targets, as F.cross_entropy takes them.
Batch = tuple[Any, Tensor]
# From the number of a step, counted from 0, to its learning rate.
Schedule = Callable[[int], float]


class Trainable(LanguageModel, Protocol):
    """A language model that can be trained: its logits have gradients, and its weights have names."""

    def logits(self, contexts: Tensor) -> Tensor:
        """Return logits of shape (B, V) through which gradients flow."""
        ...

    def parameters(self) -> Iterable[Tensor]:
        """Return the weights."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that a checkpoint must hold, by name, in the memory it is in."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` of such a model returned, or raise a ValueError and change nothing."""
        ...


@dataclass
class History:
    """What happened in training, step by step.

    Attributes:
        losses: the loss of each step's batch, in nats, before the step.
        rates: the learning rate of each step.
        notes: what else was measured on the way, each with the number of steps taken by then.
    """

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    notes: list[dict[str, float]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many steps were taken."""
        return len(self.losses)

    def add(self, loss: float, rate: float) -> None:
        """Keep what happened in a step."""
        self.losses.append(loss)
        self.rates.append(rate)

    def note(self, **values: float) -> None:
        """Keep values that were measured now, after as many steps as were taken."""
        self.notes.append({"steps": len(self), **values})


class LossError(ArithmeticError):
    """The loss was not a number, or far too large. `history` holds the steps before."""

    def __init__(self, loss: float, optimizer: Optimizer, history: History) -> None:
        last = f"{history.losses[-1]:.4g}" if history.losses else "none"
        rate = optimizer.param_groups[0]["lr"]
        super().__init__(
            f"step {len(history)} has loss {loss:.4g} at learning rate {rate:.4g}; the loss before it was {last}."
            " Try a smaller rate, or smaller first weights."
        )
        self.history = history


def batches(
    model: LanguageModel,
    names: Sequence[str],
    batch_size: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Batch]:
    """Yield batches without end: batch_size windows drawn at random, or, if it is None, all of them each time.

    All of them means each distinct context once, with the shares of what followed it as its target, weighted such
    that the mean over contexts is the mean over windows: `nnz.data.tally`.

    Args:
        model: says how long contexts are, and of what characters.
        names: what to learn from.
        batch_size: from 1 to the number of windows.
        generator: the source of randomness; needed with a batch_size.

    Raises:
        ValueError: names is empty, batch_size is out of range, or it came without a generator.
    """
    X, Y = windows(names, model.block_size, model.vocabulary)
    if batch_size is None:
        contexts, counts = tally(X, Y, len(model.vocabulary))
        return repeat((contexts, counts / len(Y) * len(contexts)))
    if not 1 <= batch_size <= len(Y):
        raise ValueError(
            f"batch_size is {batch_size}; these names have {len(Y)} windows to draw from."
        )
    if generator is None:
        raise ValueError("batches are drawn at random: pass generator=.")
    return drawn(X, Y, batch_size, generator)


def drawn(
    X: Tensor, Y: Tensor, size: int, generator: torch.Generator
) -> Iterator[Batch]:
    """Yield batches of windows drawn with replacement, without end."""
    while True:
        note(generator)
        i = torch.randint(len(Y), (size,), generator=generator)
        yield X[i], Y[i]


def train(
    model: Trainable,
    source: Iterator[Batch],
    optimizer: Optimizer,
    *,
    steps: int,
    schedule: Schedule | None = None,
    history: History | None = None,
    callback: Callable[[History], object] = lambda history: None,
    every: int = 1000,
    show: bool | None = None,
) -> History:
    """Train until `steps` steps have been taken, those in `history` included. Ctrl-C ends it after a whole step.

    Args:
        model: what is trained, in place.
        source: of batches; see `batches`.
        optimizer: changes the model's parameters.
        steps: how many steps there are to be in all.
        schedule: gives each step its learning rate; without one the optimizer keeps its own.
        history: of the steps already taken; it is added to.
        callback: called with the history every `every` steps and at the end: to measure, or to save a checkpoint.
        every: see `callback`.
        show: whether to show progress; by default, if somebody is looking.

    Returns:
        The history.

    Raises:
        LossError: the loss is NaN, or above `EXPLODED` times the first loss and the blind guess's. The step is not
            taken; but the weights are those that had this loss. Or the last step left weights that are not finite.
            The history is in the error.
        ValueError: steps is negative, every is below 1, or a learning rate is not finite and above 0.
        KeyboardInterrupt: Ctrl-C, after a whole step and a last callback; give a `history` to go on with.
    """
    _check_counts(steps, every)
    history = History() if history is None else history
    with interrupt_kept() as stop, Bar(len(history), steps, show) as bar:
        while len(history) < steps and not stop:
            rate = set_rate(optimizer, schedule, len(history))
            loss = take_step(model, optimizer, source, history)
            history.add(loss, rate)
            bar.advance(loss=loss, rate=rate)
            if stop or len(history) % every == 0 or len(history) == steps:
                _check_weights(model, optimizer, history)
                callback(history)
    return history


def _check_counts(steps: int, every: int) -> None:
    """Raise a clear error unless steps is at least 0 and every at least 1."""
    if steps < 0 or every < 1:
        given = f"steps is {steps}, every is {every}"
        raise ValueError(f"{given}; they must be at least 0 and 1.")


def _check_weights(
    model: Trainable, optimizer: Optimizer, history: History
) -> None:
    """Raise a LossError unless all weights are finite: a last step has no loss after it that would tell."""
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        raise LossError(math.nan, optimizer, history)


def set_rate(optimizer: Optimizer, schedule: Schedule | None, step: int) -> float:
    """Give all groups of the optimizer the learning rate of a step, if there is a schedule; return the rate.

    Raises:
        ValueError: the rate is not finite and above 0.
    """
    rate = schedule(step) if schedule else optimizer.param_groups[0]["lr"]
    if not 0 < rate < math.inf:
        where = f"the learning rate of step {step} is {rate}"
        raise ValueError(f"{where}; it must be above 0, and finite.")
    for group in optimizer.param_groups if schedule else ():
        group["lr"] = rate
    return float(rate)


def take_step(
    model: Trainable,
    optimizer: Optimizer,
    source: Iterator[Batch],
    history: History,
) -> float:
    """Take one step on the next batch and return the loss before it.

    Raises:
        LossError: the loss is NaN or has exploded; the step is not taken, and what a forward pass changes, such as
            running averages and the generator, is as it was.
    """
    first = history.losses[0] if history.losses else math.inf
    usual = max(first, math.log(len(model.vocabulary)))
    with unmoved():
        contexts, targets = next(source)
        loss = F.cross_entropy(model.logits(contexts), targets)
        if not loss.item() < EXPLODED * usual:  # true of NaN as well
            raise LossError(loss.item(), optimizer, history)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
