"""How good a language model is, and how sure we can be of it.

Chapter: bigram.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.data import windows
from nnz.sample import sample_names

CHUNK = 8192  # contexts asked for at once


def surprisals(model: LanguageModel, names: Sequence[str]) -> Tensor:
    """Return -log P(character | context) for every character of every name, end tokens included, in nats.

    Args:
        model: any model of the contract.
        names: what to judge it by.

    Returns:
        float64 of shape (N,), in the order of `nnz.data.windows`; infinite where the model said impossible.

    Raises:
        ValueError: names is empty or has a character that the model does not know.
    """
    X, Y = windows(names, model.block_size, model.vocabulary)
    parts = [
        model.log_probs(x).gather(1, y[:, None])[:, 0].double()
        for x, y in zip(X.split(CHUNK), Y.split(CHUNK), strict=True)
    ]
    return -torch.cat(parts)


def nll(model: LanguageModel, names: Sequence[str]) -> float:
    """Return the average negative log-likelihood, -(1/N) Σ log P(character | context), in nats per character.

    Every character counts, the first one and the end token included, so models that read contexts of different
    lengths are judged on the same N predictions. It is infinite if the model thinks one of them impossible.

    Args:
        model: any model of the contract.
        names: what to judge it by.

    Raises:
        ValueError: names is empty or has a character that the model does not know.

    Example:
        >>> from nnz.bigram import Uniform
        >>> round(nll(Uniform(), ["emma"]), 4)  # log 27
        3.2958
    """
    return surprisals(model, names).mean().item()


def bits_per_character(model: LanguageModel, names: Sequence[str]) -> float:
    """Return nll / log 2: the loss in bits, what an ideal code made from the model needs for each character.

    Args and errors as for `nll`. See Shannon (1948), theorem 9, for what an ideal code can do.
    """
    return nll(model, names) / math.log(2)


def perplexity(model: LanguageModel, names: Sequence[str]) -> float:
    """Return exp(nll): among how many equally likely characters a guess would be as hard.

    Args and errors as for `nll`. See Jelinek, Mercer, Bahl and Baker (1977).
    """
    return math.exp(nll(model, names))


def unseen(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return those of `names`, repetitions included, that do not stand in `known`.

    Example:
        >>> unseen(["ava", "eva", "ava", "mia"], known=["eva"])
        ['ava', 'ava', 'mia']
    """
    there = set(known)
    return [name for name in names if name not in there]


def by_position(
    model: LanguageModel, names: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Return the average surprisal at each position of a name, and how many names have that position.

    Position 0 is the first character. A name of l letters has positions 0 to l, the last being its end token.

    Args:
        model: any model of the contract.
        names: what to judge it by.

    Returns:
        Nats per character, float64 of shape (P,); and counts, int64 of shape (P,), none of them 0.

    Raises:
        ValueError: names is empty or has a character that the model does not know.
    """
    costs = surprisals(model, names)
    place = torch.cat([torch.arange(len(name) + 1) for name in names])  # (N,)
    counts = place.bincount()
    return place.bincount(weights=costs) / counts, counts


@dataclass(frozen=True, eq=False)
class Estimate:
    """A measured number with what chance does to it.

    Attributes:
        value: what was measured.
        resampled: float64 of shape (resamples,), what would have been measured on other samples.
    """

    value: float
    resampled: Tensor

    @property
    def standard_error(self) -> float:
        """The standard deviation of the resampled values."""
        return self.resampled.std().item()

    @property
    def interval(self) -> tuple[float, float]:
        """What holds the middle 95 % of the resampled values."""
        low, high = self.resampled.quantile(
            self.resampled.new_tensor([0.025, 0.975])
        )
        return low.item(), high.item()

    def __str__(self) -> str:
        """Write value, standard error and interval in a line."""
        low, high = self.interval
        error = f"± {self.standard_error:.4f}"
        return f"{self.value:.4f} {error} (95 %: {low:.4f} to {high:.4f})"


def by_name(model: LanguageModel, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the surprisal of each whole name, and how many characters it has.

    Args:
        model: any model of the contract.
        names: what to judge it by.

    Returns:
        Nats, float64 of shape (len(names),); and lengths with the end token, int64 of the same shape.

    Raises:
        ValueError: names is empty or has an unknown character, or the model thinks one of them impossible.
    """
    lengths = torch.tensor([len(name) + 1 for name in names])
    costs = surprisals(model, names)
    totals = torch.stack([part.sum() for part in costs.split(lengths.tolist())])
    if impossible := [n for n, t in zip(names, totals, strict=True) if t.isinf()]:
        shown = f"the model gives {impossible[0]!r} probability zero"
        raise ValueError(f"{shown}: its loss is infinite. Smooth the model first.")
    return totals, lengths


def resample(
    totals: Tensor, lengths: Tensor, generator: torch.Generator, resamples: int
) -> Estimate:
    """Return Σ totals / Σ lengths, and the same for lists drawn from it with replacement: the bootstrap.

    Efron (1979). Names are drawn and not characters, since the characters of one name are not independent.

    Args:
        totals: float64 of shape (n,), n at least 2.
        lengths: int64 of shape (n,).
        generator: the source of randomness.
        resamples: how many lists are drawn; at least 2.

    Raises:
        ValueError: there are fewer than 2 names or resamples.
    """
    n = len(totals)
    if n < 2 or resamples < 2:
        given = f"got {n} names and {resamples} resamples"
        raise ValueError(f"chance shows from 2 names and 2 resamples on; {given}.")
    values = torch.empty(resamples, dtype=torch.float64)
    for i in range(resamples):
        drawn = torch.randint(n, (n,), generator=generator)
        values[i] = totals[drawn].sum() / lengths[drawn].sum()
    return Estimate((totals.sum() / lengths.sum()).item(), values)


def bootstrap(
    model: LanguageModel,
    names: Sequence[str],
    *,
    generator: torch.Generator,
    resamples: int = 1000,
) -> Estimate:
    """Return `nll` with its standard error over the choice of names.

    Args:
        model: any model of the contract.
        names: what to judge it by.
        generator: the source of randomness; the same state draws the same lists.
        resamples: how many lists are drawn.

    Raises:
        ValueError: there are fewer than 2 names or resamples, or the model thinks a name impossible.
    """
    totals, lengths = by_name(model, names)
    return resample(totals, lengths, generator, resamples)


def paired_difference(
    first: LanguageModel,
    second: LanguageModel,
    names: Sequence[str],
    *,
    generator: torch.Generator,
    resamples: int = 1000,
) -> Estimate:
    """Return nll(first) - nll(second), both on the same names in every resample; below 0 the first is better.

    Args:
        first: any model of the contract.
        second: another.
        names: what to judge them by.
        generator: the source of randomness.
        resamples: how many lists are drawn.

    Raises:
        ValueError: there are fewer than 2 names or resamples, or one of the models thinks a name impossible.
    """
    (a, lengths), (b, _) = by_name(first, names), by_name(second, names)
    return resample(a - b, lengths, generator, resamples)


def novelty(
    model: LanguageModel,
    known: Iterable[str],
    *,
    generator: torch.Generator,
    n: int = 1000,
) -> float:
    """Return the share of n names drawn from the model that do not stand in `known`, the training set.

    Args:
        model: any model of the contract.
        known: the names that count as copied.
        generator: the source of randomness.
        n: how many names to draw; at least 1.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; draw at least one name.")
    return len(unseen(sample_names(model, n, generator=generator), known)) / n
