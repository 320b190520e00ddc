"""Experiments over seeds, which pages run for one seed and `make record` for many.

An experiment is a public function of a module in this folder whose first argument is called `seed`, an int, and
which returns `dict[str, float]`, its numbers by name. Everything random in it comes from generators made from the
seed, so that it gives the same numbers each time.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORT_LIST = 20_000  # training names below which a list is short


def scaled(steps: int, names: Sequence[str], share: float = 0.05) -> int:
    """Return so many steps, or on a short list that share of them: its losses are not the book's anyway.

    >>> scaled(1000, ["emma"] * 25_000), scaled(1000, ["emma"] * 900)
    (1000, 50)
    """
    return steps if len(names) > SHORT_LIST else max(2, round(steps * share))
