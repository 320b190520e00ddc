"""Which chapters are executed side by side, so that no core waits long for the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def balanced(
    names: Sequence[str],
    sizes: Sequence[int],
    workers: int,
    cost: Mapping[str, float],
) -> list[str]:
    """Return the names in an order in which consecutive chunks of the given sizes cost about the same.

    The costliest name first, each goes to the chunk that has cost least so far and has room. Chunks after the
    first `workers` begin late and get what is left over.

    Args:
        names: what is to be done.
        sizes: of the chunks; they add up to the number of names.
        workers: how many chunks are done at once.
        cost: of a name; one that is not there costs nothing.
    """
    chunks: list[list[str]] = [[] for _ in sizes]
    spent = [0.0] * len(sizes)
    for name in sorted(names, key=lambda name: (-cost.get(name, 0), name)):
        room = [i for i, size in enumerate(sizes) if len(chunks[i]) < size]
        chosen = min(room, key=lambda i: (i >= workers, spent[i], i))
        chunks[chosen].append(name)
        spent[chosen] += cost.get(name, 0)
    return [name for chunk in chunks for name in chunk]
