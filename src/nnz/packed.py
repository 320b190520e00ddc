"""Names in one batch, so that a causal network reads each of their beginnings once.

Chapter: dilated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary, windows
from nnz.plumbing.checks import check_sizes


class Packed(NamedTuple):
    """The beginnings of names, a row for each different one; row 0 is the empty beginning, which all names share.

    What stands before a name is padding: `END`, and to the left of it `END` again, without end. So the empty
    beginning is its own left neighbor. Names that begin alike share rows: `eve` and `eva` share that of `ev`.

    Attributes:
        tokens: int64 of shape (N,): the last character of each beginning; 0 for the empty one.
        parents: int64 of shape (N,): the row of the beginning that is a letter shorter; 0 for the empty one.
        rows: int64 of shape (M,): for each target the row of the beginning that it follows.
    """

    tokens: Tensor
    parents: Tensor
    rows: Tensor

    def left(self, x: Tensor, dilation: int) -> Tensor:
        """Return for each row of x, float (N, C), that of the beginning `dilation` letters shorter, or row 0."""
        rows = self.parents
        for _ in range(dilation - 1):
            rows = self.parents[rows]
        return F.embedding(rows, x)  # x[rows], with a quicker way back

    def part(self, targets: Tensor) -> Packed:
        """Return the packed batch of some targets, int64 (M,): all those of some names, name after name."""
        kept, rows = self.rows[targets].unique(return_inverse=True)  # (N,), (M,)
        parents = torch.searchsorted(kept, self.parents[kept])
        return Packed(self.tokens[kept], parents, rows)


def pack(
    names: Sequence[str], vocabulary: Vocabulary = LETTERS
) -> tuple[Packed, Tensor]:
    """Return names as one packed batch, and the characters that follow.

    Args:
        names: non-empty strings of any length.
        vocabulary: gives each character its index.

    Returns:
        The batch; and targets, int64 of shape (M,), in the order of `nnz.data.windows`: each name's letters, then
        `END`. M is the number of letters plus the number of names.

    Raises:
        TypeError, ValueError: as `nnz.data.windows`.

    Example:
        >>> batch, targets = pack(["eve", "eva"])
        >>> LETTERS.decode(batch.tokens), LETTERS.decode(targets)
        ('.evea', 'eve.eva.')
        >>> batch.parents.tolist(), batch.rows.tolist()
        ([0, 0, 1, 2, 2], [0, 1, 2, 3, 0, 1, 2, 4])
    """
    X, Y = windows(names, 1, vocabulary)
    # Of each beginning, in the order in which they come.
    number: dict[str, int] = {}
    rows = torch.tensor(
        [
            number.setdefault(name[:length], len(number))
            for name in names
            for length in range(len(name) + 1)
        ]
    )
    tokens = torch.zeros(len(number), dtype=torch.int64)
    tokens[rows] = X[:, 0]  # the character before each target
    parents = torch.tensor([number[beginning[:-1]] for beginning in number])
    return Packed(tokens, parents, rows), Y


def packed_batches(
    names: Sequence[str],
    batch_size: int,
    *,
    generator: torch.Generator,
    vocabulary: Vocabulary = LETTERS,
) -> Iterator[tuple[Packed, Tensor]]:
    """Yield packed batches of whole names without end: all names once in random order, then once more, and so on.

    The last batch of each round may be smaller.

    Args:
        names: what to learn from.
        batch_size: how many names to a batch; at least 1.
        generator: the source of randomness.
        vocabulary: gives each character its index.

    Raises:
        TypeError, ValueError: batch_size is not a whole number of at least 1, or as `nnz.data.windows`.
    """
    check_sizes(batch_size=batch_size)
    everything, Y = pack(names, vocabulary)
    lengths = torch.tensor([len(name) + 1 for name in names])
    return _rounds(everything, Y, lengths, batch_size, generator)


def _rounds(
    everything: Packed,
    Y: Tensor,
    lengths: Tensor,
    size: int,
    generator: torch.Generator,
) -> Iterator[tuple[Packed, Tensor]]:
    """Yield batches of whole names, cut from all of them, round after round."""
    start = lengths.cumsum(0) - lengths  # where each name's targets begin
    while True:
        for chosen in torch.randperm(len(lengths), generator=generator).split(size):
            n = lengths[chosen]
            shift = start[chosen] - (n.cumsum(0) - n)
            targets = torch.arange(int(n.sum())) + shift.repeat_interleave(n)
            yield everything.part(targets), Y[targets]


def whole_names(
    model: LanguageModel,
    names: Sequence[str],
    size: int | None,
    generator: torch.Generator,
) -> Iterator[tuple[Packed, Tensor]]:
    """Return packed batches of so many names, as a source for a `Recipe`."""
    size, vocabulary = size or len(names) or 1, model.vocabulary
    return packed_batches(names, size, generator=generator, vocabulary=vocabulary)
