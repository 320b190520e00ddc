"""Names in rows of one table, and which places of it a place may see: a dot begins a name.

Chapter: attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary, windows
from nnz.plumbing.checks import check_sizes

CHUNK = 8  # batches whose names are sorted by length, so that a batch has little padding


def begins(tokens: Tensor) -> Tensor:
    """Return for each place where its name begins: at the last dot up to it, or at 0 if there is none.

    Args:
        tokens: int64 of shape (..., T); 0 is the dot.

    Returns:
        int64 of shape (..., T).

    Example:
        >>> begins(torch.tensor([0, 0, 5, 22, 0, 1])).tolist()
        [0, 1, 1, 1, 4, 4]
    """
    t = torch.arange(tokens.shape[-1], device=tokens.device)
    return torch.where(tokens == 0, t, 0).cummax(dim=-1).values


def places(tokens: Tensor) -> Tensor:
    """Return how many letters each place is from the dot with which its name begins, int64 of shape (..., T)."""
    t = torch.arange(tokens.shape[-1], device=tokens.device)
    return t - begins(tokens)


def visible(tokens: Tensor, since: int = 0) -> Tensor:
    """Return which places each place may see: those from the beginning of its name up to itself.

    So contexts that are padded with dots on the left, names that are padded with dots on the right, and names end
    to end in one row are all read alike, and each place sees at least itself.

    Args:
        tokens: int64 of shape (..., T); 0 is the dot.
        since: the first place that is asked for.

    Returns:
        bool of shape (..., T - since, T).
    """
    s = torch.arange(tokens.shape[-1], device=tokens.device)
    first = begins(tokens)[..., since:, None]  # (..., T - since, 1)
    return (first <= s) & (s <= s[since:, None])


class Rows(NamedTuple):
    """Names as the rows of a table, each with its dot in front, and filled up with dots behind.

    Attributes:
        tokens: int64 of shape (B, T).
        asked: int64 of shape (M,): the places after which there is a question, counted through the table row by
            row.
    """

    tokens: Tensor
    asked: Tensor


def in_rows(
    names: Sequence[str], vocabulary: Vocabulary = LETTERS
) -> tuple[Rows, Tensor]:
    """Return names as a table, and the characters that follow.

    Args:
        names: non-empty strings of any length.
        vocabulary: gives each character its index.

    Returns:
        The table; and targets, int64 of shape (M,), in the order of `nnz.data.windows`: each name's letters, then
        the dot.

    Raises:
        TypeError, ValueError: as `nnz.data.windows`.

    Example:
        >>> batch, targets = in_rows(["eve", "al"])
        >>> batch.tokens.tolist(), batch.asked.tolist()
        ([[0, 5, 22, 5], [0, 1, 12, 0]], [0, 1, 2, 3, 4, 5, 6])
        >>> LETTERS.decode(targets)
        'eve.al.'
    """
    X, Y = windows(names, 1, vocabulary)
    lengths = torch.tensor([len(name) + 1 for name in names])
    asked = torch.arange(int(lengths.max())) < lengths[:, None]  # (B, T)
    tokens = torch.zeros(asked.shape, dtype=torch.int64)
    tokens[asked] = X[:, 0]
    return Rows(tokens, asked.flatten().nonzero()[:, 0]), Y


def row_batches(
    names: Sequence[str],
    batch_size: int,
    *,
    generator: torch.Generator,
    vocabulary: Vocabulary = LETTERS,
) -> Iterator[tuple[Rows, Tensor]]:
    """Yield batches of whole names without end: all names once in random order, then once more, and so on.

    Names of about one length are put together. The last batch of each round may be smaller.

    Args:
        names: what to learn from.
        batch_size: how many names to a batch; at least 1.
        generator: the source of randomness.
        vocabulary: gives each character its index.

    Raises:
        TypeError, ValueError: batch_size is not a whole number of at least 1, or as `nnz.data.windows`.
    """
    check_sizes(batch_size=batch_size)
    everything, Y = in_rows(names, vocabulary)
    asked = torch.zeros(everything.tokens.shape, dtype=torch.bool)
    asked.view(-1)[everything.asked] = True
    targets = torch.zeros_like(everything.tokens)
    targets[asked] = Y
    return _rounds(everything.tokens, targets, asked, batch_size, generator)


def _rounds(
    tokens: Tensor,
    targets: Tensor,
    asked: Tensor,
    size: int,
    generator: torch.Generator,
) -> Iterator[tuple[Rows, Tensor]]:
    """Yield batches of the rows of a table, round after round, each cut to its longest name."""
    lengths = asked.sum(dim=1)
    while True:
        order = torch.randperm(len(lengths), generator=generator)
        batches = []
        for chunk in order.split(size * CHUNK):
            batches += chunk[lengths[chunk].argsort(stable=True)].split(size)
        for i in torch.randperm(len(batches), generator=generator).tolist():
            chosen = batches[i]
            T = int(lengths[chosen].max())
            here = asked[chosen, :T]
            rows = Rows(tokens[chosen, :T], here.flatten().nonzero()[:, 0])
            yield rows, targets[chosen, :T][here]


def whole_rows(
    model: LanguageModel,
    names: Sequence[str],
    size: int | None,
    generator: torch.Generator,
) -> Iterator[tuple[Rows, Tensor]]:
    """Return batches of so many whole names, as a source for a `Recipe`."""
    size, vocabulary = size or len(names) or 1, model.vocabulary
    return row_batches(names, size, generator=generator, vocabulary=vocabulary)
