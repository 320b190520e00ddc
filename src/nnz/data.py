"""Names, their alphabet, their split, and the windows through which a model reads them.

Chapter: bigram.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from string import ascii_lowercase

import torch
from torch import Tensor

from nnz.plumbing.datasets import locate, read_names

END = "."  # before the first character of a name and after its last; index 0


def load_names(
    path: str | os.PathLike[str] | None = None, *, alphabet: str = ascii_lowercase
) -> list[str]:
    """Read a list of names, in the order of the file.

    Without a path it looks at the environment variable `NNZ_NAMES`, then at `data/names.txt`, then fetches the
    pinned file, and falls back, with a notice, to the sample that comes with the package.

    Args:
        path: a text file with one name on each line.
        alphabet: the characters that a name may have.

    Returns:
        The names, at least one; a name that stands twice in the file stands twice here.

    Raises:
        FileNotFoundError: there is no such file.
        nnz.plumbing.datasets.DataError: it is empty, not text, has a line with a character outside the alphabet,
            or is a copy of names.txt with the wrong checksum.
    """
    return read_names(locate(path), alphabet)


class Vocabulary:
    """The alphabet of a list of names, each character with its index; the end mark has index 0.

    Args:
        names: the strings whose characters make up the alphabet; they are sorted.
        end: the end mark, which stands before and after each name; for names with a full stop it is another one.

    Raises:
        ValueError: a name contains the end mark itself, or that is not one character.

    Example:
        >>> vocabulary = Vocabulary(["emma", "ava"])
        >>> vocabulary.chars
        ('.', 'a', 'e', 'm', 'v')
        >>> vocabulary.decode(vocabulary.encode("eva"))
        'eva'
    """

    def __init__(self, names: Iterable[str], end: str = END) -> None:
        letters = sorted(set("".join(names)))
        if len(end) != 1 or end in letters:
            raise ValueError(
                f"{end!r} marks the ends of a name, so it is one character that no name"
                " contains; choose another: Vocabulary(names, end=...)."
            )
        self.end = end
        self.chars = (end, *letters)
        self._index = {char: index for index, char in enumerate(self.chars)}

    def __len__(self) -> int:
        """Return V, the number of characters with the end mark among them."""
        return len(self.chars)

    def encode(self, text: str) -> list[int]:
        """Return the index of each character.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        try:
            return [self._index[char] for char in text]
        except KeyError as missing:
            known = "".join(self.chars[:60]) + "..." * (len(self) > 60)
            raise ValueError(
                f"{missing} in {text[:40]!r} is not in the vocabulary {known!r}."
            ) from None

    def decode(self, indices: Iterable[int] | Tensor) -> str:
        """Return the characters that the indices stand for, as one string.

        Raises:
            ValueError: an index is negative or not below V.
        """
        indices = [int(index) for index in indices]
        if outside := [index for index in indices if not 0 <= index < len(self)]:
            raise ValueError(f"index {outside[0]} is not in 0 to {len(self) - 1}.")
        return "".join(self.chars[index] for index in indices)


LETTERS = Vocabulary(ascii_lowercase)  # V = 27; what every model uses by default


def split_names(names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Split names at random: 80 % to train on, 10 % to choose by (dev), 10 % that choose nothing (test).

    It is the split of the Zero to Hero lectures 4 to 6: `random.seed(42)`, one shuffle of the list in file order.

    Raises:
        ValueError: there are too few names for each part to have one.
    """
    shuffled = list(names)
    random.Random(42).shuffle(shuffled)
    first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
    parts = shuffled[:first], shuffled[first:second], shuffled[second:]
    if not all(parts):
        raise ValueError(
            f"{len(shuffled)} names cannot be split in three; 6 or more can."
        )
    return parts


def windows(
    names: Sequence[str], block_size: int, vocabulary: Vocabulary = LETTERS
) -> tuple[Tensor, Tensor]:
    """Return every character of every name, end token included, with the characters that stand before it.

    Args:
        names: N_names non-empty strings.
        block_size: how many characters of context; 0 for none.
        vocabulary: gives each character its index.

    Returns:
        X, int64 of shape (N, block_size), the contexts, filled up with 0 (the end mark) on the left; and Y, int64
        of shape (N,), the characters that follow. N is the number of letters plus the number of names.

    Raises:
        TypeError: names is one string.
        ValueError: names is empty or has an empty name, block_size is negative, or a character is unknown.

    Example:
        >>> X, Y = windows(["eve"], 2)
        >>> [(LETTERS.decode(x), LETTERS.decode([y])) for x, y in zip(X, Y)]
        [('..', 'e'), ('.e', 'v'), ('ev', 'e'), ('ve', '.')]
    """
    _check_names(names, vocabulary.end)
    if block_size < 0:
        raise ValueError(f"block_size is {block_size}; it must be 0 or more.")
    gap = max(block_size, 1)
    padding = vocabulary.end * gap
    text = padding + padding.join(names) + padding
    indices = _encode_fast(text, vocabulary)  # as vocabulary.encode does
    rows = indices.unfold(0, gap + 1, 1)  # (len(text) - gap, gap + 1)
    rows = rows[(rows[:, -1] != 0) | (rows[:, -2] != 0)]  # (N, gap + 1)
    X, Y = rows[:, gap - block_size : gap], rows[:, -1]
    return X.contiguous(), Y.contiguous()


def tally(X: Tensor, Y: Tensor, V: int) -> tuple[Tensor, Tensor]:
    """Return each distinct context once, and how often each character follows it.

    Args:
        X: int64 of shape (N, block_size), the contexts; block_size at least 1.
        Y: int64 of shape (N,), what follows them.
        V: the number of characters.

    Returns:
        The contexts, int64 of shape (U, block_size), sorted; and counts, int64 of shape (U, V), with sum N.
    """
    contexts, row = X.unique(dim=0, return_inverse=True)  # (U, block_size), (N,)
    counts = torch.bincount(row * V + Y, minlength=len(contexts) * V)
    return contexts, counts.view(-1, V)


def _encode_fast(text: str, vocabulary: Vocabulary) -> Tensor:
    """Return `vocabulary.encode(text)` as a tensor, by way of a table from code points to indices."""
    codes = torch.frombuffer(bytearray(text, "utf-32-le"), dtype=torch.int32)
    table = torch.full((int(codes.max()) + 1,), -1)
    for index, char in enumerate(vocabulary.chars):
        if ord(char) < len(table):
            table[ord(char)] = index
    indices = table[codes]
    if (indices < 0).any():
        vocabulary.encode(text)  # raises, and says what is unknown
    return indices


def _check_names(names: Sequence[str], end: str) -> None:
    """Stop before a list of names that would be read wrongly."""
    if isinstance(names, str):
        raise TypeError(
            f"expected a list of names, got one string; write [{names[:40]!r}]."
        )
    if len(names) == 0:
        raise ValueError("expected at least one name, got an empty list.")
    for name in names:
        if not name or end in name:
            raise ValueError(
                f"{name!r} cannot be a name: it is empty or contains {end!r}."
            )
