"""Language models of none, one, and two characters, made by counting.

Chapter: bigram.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary, windows
from nnz.plumbing.tensors import check_counts


class Uniform:
    """The model that knows nothing: P(c) = 1/V for each character, whatever came before."""

    block_size = 0

    def __init__(self, vocabulary: Vocabulary = LETTERS) -> None:
        self.vocabulary = vocabulary

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log(1/V) for every character; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        V = len(self.vocabulary)
        return torch.full((len(contexts), V), -math.log(V), dtype=torch.float64)


class UnigramCounts:
    """How often each character occurs: P(c) = N(c) / N, with no context.

    Args:
        vocabulary: the alphabet; a to z by default.
    """

    block_size = 0

    def __init__(self, vocabulary: Vocabulary = LETTERS) -> None:
        self.vocabulary = vocabulary

    def fit(self, names: Sequence[str]) -> UnigramCounts:
        """Count the characters of `names`, end tokens included, into `counts` of shape (V,)."""
        _, Y = windows(names, self.block_size, self.vocabulary)
        self.counts = torch.bincount(Y, minlength=len(self.vocabulary))
        return self

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the same V log-probabilities for each context; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        probs = self.counts.double() / self.counts.sum()
        return probs.log().expand(len(contexts), -1)


class BigramCounts:
    """How often each character follows each other: P(b | a) = (N(ab) + k) / (N(a·) + kV).

    Add-k smoothing is due to Laplace (k = 1) and Lidstone; see Chen and Goodman (1999), section 2.1. With k = 0
    and a context that was never seen, nothing is known and every character gets 1/V.

    Args:
        k: how many times each pair is counted before any name is read; not negative, and kV is finite.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: k is negative, too large or NaN.

    Example:
        >>> model = BigramCounts(k=0).fit(["ava", "eva"])
        >>> int(model.counts[model.vocabulary.encode("v")[0], model.vocabulary.encode("a")[0]])
        2
    """

    block_size = 1

    def __init__(self, k: float = 0, vocabulary: Vocabulary = LETTERS) -> None:
        if not 0 <= k * len(vocabulary) < math.inf:
            raise ValueError(
                f"k is {k}; it is added to counts, so it must be 0 or more, and kV finite."
            )
        self.k = k
        self.vocabulary = vocabulary

    def fit(self, names: Sequence[str]) -> BigramCounts:
        """Count the pairs of `names` into `counts`, int64 of shape (V, V): row first, column next."""
        V = len(self.vocabulary)
        X, Y = windows(names, self.block_size, self.vocabulary)  # (N, 1), (N,)
        self.counts = torch.bincount(X[:, 0] * V + Y, minlength=V * V).view(V, V)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Return the counts by name."""
        return {"counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the counts of another `state_dict`.

        Raises:
            ValueError: they are no counts of pairs of this alphabet. Nothing is changed then.
        """
        V = len(self.vocabulary)
        wanted = {"counts": torch.empty(V, V, dtype=torch.int64)}
        check_counts(wanted, state)
        self.counts = state["counts"].clone()

    def probs(self) -> Tensor:
        """Return P(next | previous) as float64 of shape (V, V); each row sums to 1."""
        counts = self.counts.double() + self.k  # (V, V)
        totals = counts.sum(dim=1, keepdim=True)  # (V, 1)
        return torch.where(totals > 0, counts / totals, 1 / len(self.vocabulary))

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Look the rows of `probs` up and return their logarithms; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        return self.probs().log()[contexts[:, 0]]
