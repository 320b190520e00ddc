"""Longer contexts: tables of n-grams, trigrams as networks, and smoothing from add-k to Kneser and Ney.

Chapter: ngram.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary, windows
from nnz.plumbing.tensors import check_counts, numbered, parts_of

HASH = 6364136223846793005  # odd; the multiplier of Knuth's MMIX


def keys_of(rows: Tensor, V: int) -> Tensor:
    """Return each row of characters as one number: its digits in base V, or a hash where they are too many.

    As long as V^n is below 2^63 different rows have different keys. Beyond that the base is `HASH`, and the number
    is taken modulo 2^64; then two rows have the same key with a chance of about one in 10^19.

    Args:
        rows: int64 of shape (B, n) with entries from 0 to V - 1.
        V: the number of characters.

    Returns:
        int64 of shape (B,).

    Example:
        >>> keys_of(torch.tensor([[1, 0, 2]]), 10)
        tensor([102])
    """
    base = V if V ** rows.shape[1] < 2**63 else HASH
    keys = torch.zeros(len(rows), dtype=torch.int64)
    for column in rows.T:
        keys = keys * base + column  # integers of torch wrap round
    return keys


def grams_of(
    names: Sequence[str], order: int, vocabulary: Vocabulary = LETTERS
) -> Tensor:
    """Return every n-gram of that order: each character of each name with those before it.

    Args:
        names: non-empty strings.
        order: n, how many characters an n-gram has, the one that is guessed included.
        vocabulary: gives each character its index.

    Returns:
        int64 of shape (N, n), N being the number of letters plus the number of names.

    Raises:
        TypeError: order is not a whole number, or names is one string.
        ValueError: order is below 1, or names is empty.
    """
    _check_order(order)
    X, Y = windows(names, order - 1, vocabulary)
    return torch.cat([X, Y[:, None]], dim=1)


def counted(grams: Tensor, V: int) -> tuple[Tensor, Tensor]:
    """Return each n-gram once, and how often it occurs.

    Args:
        grams: int64 of shape (N, n).
        V: the number of characters.

    Returns:
        The different ones, int64 of shape (G, n), those with one context side by side; and int64 of shape (G,).
    """
    _, context = keys_of(grams[:, :-1], V).unique(return_inverse=True)  # (N,)
    keys, order = (context * V + grams[:, -1]).sort()
    first = torch.ones(len(keys), dtype=torch.bool)
    first[1:] = keys[1:] != keys[:-1]
    places = first.nonzero()[:, 0]  # where each begins
    ends = torch.cat([places[1:], torch.tensor([len(keys)])])
    return grams[order[places]], ends - places


class NGramTable:
    """How often each character follows each context, for those contexts alone that occur.

    Args:
        grams: int64 of shape (G, n), each n-gram once, as `counted` returns them.
        times: int64 of shape (G,), how often each occurs.
        V: the number of characters.

    Attributes:
        keys: int64 of shape (U,), the keys of the contexts that occur, sorted.
        starts: int64 of shape (U + 1,): the n-grams of context u are those from starts[u] to before starts[u + 1].
    """

    def __init__(self, grams: Tensor, times: Tensor, V: int) -> None:
        self.grams, self.times, self.V = grams, times, V
        keys, sizes = keys_of(grams[:, :-1], V).unique_consecutive(
            return_counts=True
        )
        self.keys, self.starts = keys, F.pad(sizes.cumsum(0), (1, 0))

    def rows(self, contexts: Tensor) -> Tensor:
        """Return the counts after each context, int64 of shape (B, V); zeros if it never occurred."""
        keys = keys_of(contexts, self.V)
        places = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        found: Tensor = self.keys[places] == keys  # (B,)
        return self.counts(places) * found[:, None]

    def counts(self, places: Tensor) -> Tensor:
        """Return the counts after the contexts that stand at these places of `keys`, int64 of shape (B, V)."""
        sizes = self.starts[places + 1] - self.starts[places]  # (B,)
        row = torch.arange(len(places)).repeat_interleave(sizes)
        ends = sizes.cumsum(0)
        at = torch.arange(len(row)) + (self.starts[places] - ends + sizes)[row]
        counts = torch.zeros(len(places), self.V, dtype=torch.int64)
        counts[row, self.grams[at, -1]] = self.times[at]
        return counts

    def state_dict(self) -> dict[str, Tensor]:
        """Return the n-grams that occur, and how often each does."""
        return {"grams": self.grams, "times": self.times}

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor], V: int, order: int) -> Self:
        """Return the table whose `state_dict` this is, of n-grams of that order.

        Raises:
            ValueError: it is none of such a table.
        """
        _check_grams(state, V, order)
        return cls(state["grams"].clone(), state["times"].clone(), V)


def _check_grams(state: Mapping[str, Tensor], V: int, order: int) -> None:
    """Raise a clear error unless a state has distinct n-grams in order, and how often each occurs."""
    n = len(state.get("grams", ()))
    like = {"grams": torch.empty(n, order, dtype=torch.int64)}
    check_counts(like | {"times": torch.empty(n, dtype=torch.int64)}, state)
    grams, times = state["grams"], state["times"]
    if not n or not (grams < V).all() or not times.all():
        raise ValueError("grams are none, of another alphabet, or occur 0 times.")
    if not torch.equal(counted(grams, V)[0], grams):
        raise ValueError("grams are not in order, or stand twice.")


def _check_order(order: int) -> None:
    """Raise a clear error unless `order` is a whole number of at least 1."""
    if not isinstance(order, int) or isinstance(order, bool):
        raise TypeError(f"order must be a whole number, got {order!r}.")
    if order < 1:
        reason = "it counts the characters of an n-gram, so 1 or more"
        raise ValueError(f"order is {order}; {reason}.")


class NGramCounts:
    """How often each character follows each n - 1 others: P(y | c) = (N(cy) + k) / (N(c·) + kV).

    After a context that never occurred every character gets 1/V. With k = 0 whatever never followed a context
    that did occur has probability zero, and the loss of a name with it is infinite.

    Args:
        order: n, the characters of an n-gram: 1 for the unigram, 2 for the bigram, 3 for the trigram.
        k: how many times each n-gram is counted before any name is read; not negative, and kV is finite.
        vocabulary: the alphabet; a to z by default.

    Raises:
        TypeError: order is not a whole number.
        ValueError: order is below 1, or k is negative, too large or NaN.

    Example:
        >>> from nnz.evaluate import nll
        >>> round(nll(NGramCounts(order=3).fit(["ava", "eva"]), ["ava"]), 4)  # log 2, once in four characters
        0.1733
    """

    def __init__(
        self, order: int, k: float = 0, vocabulary: Vocabulary = LETTERS
    ) -> None:
        _check_order(order)
        if not 0 <= k * len(vocabulary) < math.inf:
            reason = "it is added to counts, so 0 or more, and kV finite"
            raise ValueError(f"k is {k}; {reason}.")
        self.order, self.k, self.vocabulary = order, k, vocabulary
        self.block_size = order - 1

    def fit(self, names: Sequence[str]) -> Self:
        """Count the n-grams of `names` into `table`."""
        grams, V = (
            grams_of(names, self.order, self.vocabulary),
            len(self.vocabulary),
        )
        self.table = NGramTable(*counted(grams, V), V)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Return what `table` holds, by name."""
        return self.table.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the table of another `state_dict`; it must be of this alphabet and this order."""
        self.table = NGramTable.of_state(state, len(self.vocabulary), self.order)

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Divide the rows asked for by their sums; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        counts = self.table.rows(contexts).double() + self.k  # (B, V)
        totals = counts.sum(dim=1, keepdim=True)
        return torch.where(totals > 0, counts / totals, 1 / self.table.V).log()


class Interpolated:
    """n-grams of every order up to n, each mixed with the next shorter one; how is up to `mix`.

    The recursion ends below the unigram, at 1/V. A context that never occurred is skipped.

    Args:
        order: n, the characters of the longest n-grams.
        vocabulary: the alphabet; a to z by default.

    Raises:
        TypeError: order is not a whole number.
        ValueError: order is below 1.
    """

    def __init__(self, order: int, vocabulary: Vocabulary = LETTERS) -> None:
        _check_order(order)
        self.order, self.vocabulary = order, vocabulary
        self.block_size = order - 1

    def fit(self, names: Sequence[str]) -> Self:
        """Count the n-grams of every order into `tables`, the shortest first."""
        V = len(self.vocabulary)
        grams, times = counted(grams_of(names, self.order, self.vocabulary), V)
        self.tables = [NGramTable(grams, times, V)]
        for _ in range(self.order - 1):
            grams, times = self.shorten(grams, times)
            self.tables.insert(0, NGramTable(grams, times, V))
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Return what `tables` hold, by number and name."""
        return numbered([table.state_dict() for table in self.tables])

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the tables of another `state_dict`; they must be of this alphabet and this order."""
        parts, V = parts_of(state, self.order), len(self.vocabulary)
        self.tables = [
            NGramTable.of_state(part, V, i + 1) for i, part in enumerate(parts)
        ]

    def shorten(self, grams: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the next lower order counts: here every n-gram without its first character.

        Args:
            grams: int64 of shape (G, n), each once.
            times: int64 of shape (G,), how often each occurs.

        Returns:
            the same of order n - 1.
        """
        V = len(self.vocabulary)
        return counted(grams[:, 1:].repeat_interleave(times, dim=0), V)

    def mix(self, counts: Tensor, lower: Tensor) -> Tensor:
        """Return P(y | c) from the counts after c and from P(y | c without its first character).

        Args:
            counts: float64 of shape (B, V); rows of zeros may come back as anything.
            lower: float64 of shape (B, V), rows summing to 1.
        """
        raise NotImplementedError

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Mix the orders from the shortest to the longest; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        V = len(self.vocabulary)
        probs = torch.full((len(contexts), V), 1 / V, dtype=torch.float64)
        for length, table in enumerate(self.tables):
            counts = table.rows(contexts[:, self.block_size - length :]).double()
            seen = counts.any(dim=1, keepdim=True)
            probs = torch.where(seen, self.mix(counts, probs), probs)
        return probs.log()


class JelinekMercer(Interpolated):
    """P(y | c) = w N(cy) / N(c·) + (1 - w) P(y | c'), c' being c without its first character.

    Jelinek and Mercer (1980), with one weight for all contexts; Chen and Goodman (1999), section 2.3.

    Args:
        order: n, the characters of the longest n-grams.
        weight: w, the share of the longer context; above 0, below 1.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: weight is not between 0 and 1, or order is out of range.
    """

    def __init__(
        self, order: int, weight: float, vocabulary: Vocabulary = LETTERS
    ) -> None:
        super().__init__(order, vocabulary)
        if not 0 < weight < 1:
            raise ValueError(f"weight is {weight}; it must be above 0 and below 1.")
        self.weight = weight

    def mix(self, counts: Tensor, lower: Tensor) -> Tensor:
        """Return a fixed share of each; shapes as in `Interpolated.mix`."""
        shares = counts / counts.sum(dim=1, keepdim=True)
        return self.weight * shares + (1 - self.weight) * lower


class AbsoluteDiscounting(Interpolated):
    """P(y | c) = max(N(cy) - D, 0) / N(c·) + D N₁₊(c·) / N(c·) P(y | c').

    N₁₊(c·) is the number of different characters that followed c. Ney, Essen and Kneser (1994), interpolated as in
    Chen and Goodman (1999), section 2.6.

    Args:
        order: n, the characters of the longest n-grams.
        discount: D, what every count is lowered by; above 0, at most 1.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: discount is not above 0 and at most 1, or order is out of range.
    """

    def __init__(
        self, order: int, discount: float, vocabulary: Vocabulary = LETTERS
    ) -> None:
        super().__init__(order, vocabulary)
        if not 0 < discount <= 1:
            reason = "it is taken from counts of 1 and more, so above 0, at most 1"
            raise ValueError(f"discount is {discount}; {reason}.")
        self.discount = discount

    def mix(self, counts: Tensor, lower: Tensor) -> Tensor:
        """Return what is left of the counts, and what was taken by `lower`; shapes as in `Interpolated.mix`."""
        D = self.discount
        kinds = (counts > 0).to(counts).sum(dim=1, keepdim=True)  # (B, 1)
        total = counts.sum(dim=1, keepdim=True)  # (B, 1)
        return ((counts - D).clamp(min=0) + D * kinds * lower) / total


class KneserNey(AbsoluteDiscounting):
    """Absolute discounting in which a shorter n-gram counts once for each different character before it.

    Kneser and Ney (1995), interpolated as in Chen and Goodman (1999), section 2.7, with one discount.

    Args:
        order: n, the characters of the longest n-grams.
        discount: D, what every count is lowered by; above 0, at most 1.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: discount is not above 0 and at most 1, or order is out of range.

    Example:
        >>> model = KneserNey(order=6, discount=0.85).fit(["emma", "ava", "eva"])
        >>> float(model.log_probs(torch.zeros(1, 5, dtype=torch.int64)).exp().sum().round(decimals=9))
        1.0
    """

    def shorten(self, grams: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Count each different n-gram once, without its first character; see `Interpolated.shorten`."""
        return counted(grams[:, 1:], len(self.vocabulary))
