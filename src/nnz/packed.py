"""Names laid end to end in one batch, so that a causal network reads each of their characters once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nnz.data import LETTERS, Vocabulary, windows


class Packed(NamedTuple):
    """Names laid end to end, a row for each letter, after a row 0 that is the padding of them all.

    The padding is what stands before a name: `END`, and to the left of it `END` again, without end. So it is also
    what a model reads before it writes the first letter.

    Attributes:
        tokens: int64 of shape (N,): 0, then the letters of each name.
        places: int64 of shape (N,): how many letters of the same name stand before each; 0 for the padding.
        rows: int64 of shape (M,): for each target the row after which it stands; 0 for first letters.
    """

    tokens: Tensor
    places: Tensor
    rows: Tensor

    def left(self, x: Tensor, dilation: int) -> Tensor:
        """Return for each row of x, float (N, C), the row `dilation` before it in its name, or else row 0."""
        rows = torch.arange(len(x))
        inside = self.places >= dilation  # (N,)
        return x.index_select(0, torch.where(inside, rows - dilation, 0))


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
        >>> batch, targets = pack(["eve", "al"])
        >>> LETTERS.decode(batch.tokens), LETTERS.decode(targets)
        ('.eveal', 'eve.al.')
        >>> batch.places.tolist(), batch.rows.tolist()
        ([0, 0, 1, 2, 0, 1], [0, 1, 2, 3, 0, 4, 5])
    """
    X, Y = windows(names, 1, vocabulary)
    return assemble(X[:, 0], torch.tensor([len(name) + 1 for name in names])), Y


def assemble(before: Tensor, lengths: Tensor) -> Packed:
    """Return the packed batch of names from the character before each target, int64 (M,), and targets per name."""
    letter = before != 0  # (M,)
    first = lengths.cumsum(0) - lengths
    places = torch.arange(len(before)) - first.repeat_interleave(lengths)
    zero = torch.zeros(1, dtype=torch.int64)
    return Packed(
        torch.cat([zero, before[letter]]),
        torch.cat([zero, places[letter] - 1]),
        torch.where(letter, letter.cumsum(0), 0),
    )


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
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(
            f"batch_size is {batch_size!r}; it must be a whole number of at least 1."
        )
    X, Y = windows(names, 1, vocabulary)
    lengths = torch.tensor([len(name) + 1 for name in names])
    return _rounds(X[:, 0], Y, lengths, batch_size, generator)


def _rounds(
    before: Tensor,
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
            rows = torch.arange(int(n.sum())) + shift.repeat_interleave(n)
            yield assemble(before[rows], n), Y[rows]
