"""The comparison of Part VI: it measures what it says, on few names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch.nn.functional as F

from nnz.bench import race

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte"] * 3


class Ticks:
    """A clock that goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now


def test_a_run_is_measured_whole_or_scaled_and_takes_turns_with_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(race, "time", Ticks())
    loop = race.Loop(NAMES)
    steps: list[int] = []
    monkeypatch.setattr(loop, "step", lambda: steps.append(1))
    run = race.Run(race.tree, 6, 9, 0.01, 0.05)  # two batches to an epoch
    assert race.in_turns(run, NAMES, loop) == (6.0, race.LECTURE_STEPS / 100)
    assert len(steps) == 6 * 100
    part = replace(run, measured=2)
    assert race.in_turns(part, NAMES, loop) == (6.0, race.LECTURE_STEPS / 100)
    assert len(steps) == 8 * 100


def test_the_loop_of_the_lecture_learns() -> None:
    loop = race.Loop(NAMES)
    before = F.cross_entropy(loop.model.logits(loop.X), loop.Y).item()
    for _ in range(30):
        loop.step()
    assert F.cross_entropy(loop.model.logits(loop.X), loop.Y).item() < before - 0.5
