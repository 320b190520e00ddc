"""How long code takes, on a machine that has other things to do as well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

PATIENCE = 8  # times the rounds asked for, after which a machine that never rests is given up on


def least_seconds(*runs: Callable[[], object], rounds: int = 5) -> list[float]:
    """Return the least seconds that each run took, all of them in turn in every round.

    Whatever else a machine does can only make a run longer, so the least time is the nearest to what the code
    needs. And as the runs take turns, a slow minute meets them all. There are as many rounds again after each one
    that made some least time shorter by more than a hundredth, so a restless machine is measured for longer.

    Args:
        runs: functions without arguments; short ones that are called often are measured best.
        rounds: how many rounds in a row must bring nothing new. After PATIENCE times as many it ends in any case.

    Raises:
        ValueError: there are no runs, or no rounds.

    Example:
        >>> short, long = least_seconds(lambda: sum(range(10)), lambda: sum(range(100)))
        >>> ratio = long / short
    """
    if not runs:
        raise ValueError("there is nothing to measure; give one function or more.")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; it must be at least 1.")
    least, quiet = [math.inf] * len(runs), 0
    for _ in range(PATIENCE * rounds):
        quiet += 1
        for i, run in enumerate(runs):
            start = time.perf_counter()
            run()
            took = time.perf_counter() - start
            if took < 0.99 * least[i]:
                quiet = 0
            least[i] = min(least[i], took)
        if quiet == rounds:
            break
    return least
