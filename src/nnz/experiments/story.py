"""What the story tells, computed while its page is built; it takes seconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nnz.bigram_net import BigramNet
from nnz.data import LETTERS, windows
from nnz.evaluate import surprisals
from nnz.sample import sample_names, seeded

ADDED = 0.001  # to each count of a plain table, so that nothing is impossible
DISCOUNT = 0.75  # off each count, where shorter contexts are asked as well


def followers(beginning: str, names: Sequence[str]) -> dict[str, float]:
    """Return which characters follow a beginning, with their shares, the largest first; "." is the end.

    >>> followers("a", ["ava", "ada", "a", "eva"])
    {'v': 0.3333333333333333, 'd': 0.3333333333333333, '.': 0.3333333333333333}
    """
    found = Counter(
        (name + ".")[len(beginning)] for name in names if name.startswith(beginning)
    )
    return {letter: count / found.total() for letter, count in found.most_common()}


def choices(nats: float) -> float:
    """Return among how many equally likely letters a guess is as surprising as that.

    >>> choices(math.log(27))
    27.0
    """
    return round(math.exp(nats), 9)


@dataclass(frozen=True)
class Stage:
    """How far a network has come: after how many steps, how surprised it is, and what it then writes."""

    steps: int
    choices: float
    wrote: str


def learned(
    names: Sequence[str], marks: Sequence[int]
) -> tuple[list[float], list[Stage]]:
    """Let a network of pairs learn that begins by knowing nothing.

    Args:
        names: what it learns from.
        marks: after which steps it is looked at, in ascending order.

    Returns:
        Its surprise, as a number of equally likely letters, before each step; and a stage for each mark.
    """
    net = BigramNet(generator=seeded(1))
    with torch.no_grad():
        net.W.zero_()
    stages, taken = [], 0
    for mark in marks:
        net.fit(names, steps=mark - taken)
        taken = mark
        nats = surprisals(net, names).mean().item()
        (wrote,) = sample_names(net, 1, generator=seeded(5))
        stages.append(Stage(mark, choices(nats), wrote))
    return [choices(nats) for nats in net.losses], stages


@dataclass(frozen=True)
class Counts:
    """How often each key occurs; a key that does not has the count 0."""

    keys: Tensor
    times: Tensor

    @classmethod
    def of(cls, keys: Tensor) -> Counts:
        """Count keys, int64 of shape (N,)."""
        return cls(*keys.unique(return_counts=True))

    def __call__(self, keys: Tensor) -> Tensor:
        """Return the count of each key, float64."""
        place = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[place] == keys, self.times[place], 0).double()


def _keys(X: Tensor, size: int) -> Tensor:
    """Return the last characters of contexts as one number each."""
    keys = torch.zeros(len(X), dtype=torch.int64)
    for column in X.T[X.shape[1] - size :]:
        keys = keys * len(LETTERS) + column
    return keys


def by_context(
    counted: Sequence[str], others: Sequence[str], longest: int
) -> dict[str, list[float]]:
    """Return how surprised tables are that see no letter, one, two and so on.

    Args:
        counted: the names that are counted.
        others: names that are not.
        longest: how many letters the last table sees.

    Returns:
        Numbers of equally likely letters for tables of 0, 1, ... letters: of a plain table on the names that were
        `counted` and on the `others`, and on the others of one that asks shorter contexts as well (`mixed`).
    """
    V = len(LETTERS)
    lists = {
        "counted": windows(counted, longest),
        "others": windows(others, longest),
    }
    found: dict[str, list[float]] = {"counted": [], "others": [], "mixed": []}
    shorter = torch.full((len(lists["others"][1]),), 1 / V, dtype=torch.float64)
    for size in range(longest + 1):
        X, Y = lists["counted"]
        before, both = Counts.of(_keys(X, size)), Counts.of(_keys(X, size) * V + Y)
        kinds = Counts.of(both.keys // V)
        for name, (X, Y) in lists.items():
            context = _keys(X, size)
            pair = both(context * V + Y)
            shares = (pair + ADDED) / (before(context) + ADDED * V)
            found[name].append(choices(-shares.log().mean().item()))
        free = DISCOUNT * kinds(context) * shorter
        seen = before(context)
        mixed = ((pair - DISCOUNT).clamp(min=0) + free) / seen.clamp(min=1)
        shorter = torch.where(seen > 0, mixed, shorter)
        found["mixed"].append(choices(-shorter.log().mean().item()))
    return found
