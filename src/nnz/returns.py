"""The return list: lines of three names and the first one again, which only those can predict who remember it.

Chapter: recurrent.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from string import ascii_lowercase

import torch
from torch import Tensor

from nnz.data import Vocabulary
from nnz.plumbing.checks import check_count, check_source

HYPHEN = "-"  # between the names of a line
WITH_HYPHEN = Vocabulary([HYPHEN + ascii_lowercase])  # V = 28
BETWEEN = 2  # names between the first and its return


def return_lines(
    names: Sequence[str], n: int, *, generator: random.Random
) -> list[str]:
    """Return n lines such as `mary-leo-christian-mary`: three different names at random, and the first again.

    Args:
        names: what is drawn from; at least three different ones, without a hyphen.
        n: how many lines; 0 or more.
        generator: the source of randomness; the same state gives the same lines.

    Raises:
        TypeError: names is one string, n is no whole number, or generator is no source of random numbers.
        ValueError: n is negative, there are too few different names, or one is empty or has a hyphen.

    Example:
        >>> return_lines(["mary", "leo", "christian"], 1, generator=random.Random(4))
        ['mary-leo-christian-mary']
    """
    check_source(generator, "sample")
    check_count(n, 0, "n counts lines, so it is a whole number of 0 or more")
    if isinstance(names, str):
        raise TypeError(
            f"expected a list of names, got one string; write [{names[:40]!r}]."
        )
    different = list(dict.fromkeys(names))
    if bad := [name for name in different if not name or HYPHEN in name]:
        raise ValueError(
            f"{bad[0]!r} cannot be a part of a line: it is empty or has a hyphen."
        )
    if len(different) <= BETWEEN:
        raise ValueError(
            f"a line needs {1 + BETWEEN} different names; got {len(different)}."
        )
    drawn = (generator.sample(different, 1 + BETWEEN) for _ in range(n))
    return [HYPHEN.join([*parts, parts[0]]) for parts in drawn]


def in_last_part(lines: Sequence[str]) -> Tensor:
    """Return for every character of lines, in the order of `nnz.data.windows`, whether it stands in the last part.

    The last part is what comes after the last hyphen: the name that returns, and the end.

    Returns:
        bool of shape (N,), N being the number of characters plus the number of lines.

    Raises:
        ValueError: a line has no hyphen.

    Example:
        >>> in_last_part(["al-bo-al"]).int().tolist()
        [0, 0, 0, 0, 0, 0, 1, 1, 1]
    """
    _check_lines(lines)
    return torch.cat(
        [torch.arange(len(line) + 1) > line.rindex(HYPHEN) for line in lines]
    )


def distances(lines: Sequence[str]) -> Tensor:
    """Return for every character of a last part how many characters before it the same one stands in the first.

    Returns:
        int64 of shape (M,), in the order of `in_last_part(lines)`: the same for all characters of a line.

    Raises:
        ValueError: a line has no hyphen.

    Example:
        >>> distances(["al-bo-al"]).tolist()
        [6, 6, 6]
    """
    _check_lines(lines)
    back = torch.tensor([line.rindex(HYPHEN) + 1 for line in lines])
    sizes = torch.tensor([len(line) for line in lines]) + 1 - back
    return back.repeat_interleave(sizes)


def _check_lines(lines: Sequence[str]) -> None:
    """Raise a clear error unless there are lines, each with a hyphen."""
    if not lines:
        raise ValueError("expected at least one line, got none.")
    for line in lines:
        if HYPHEN not in line:
            raise ValueError(
                f"{line!r} has no hyphen, so it has no last part; see nnz.returns.return_lines."
            )
