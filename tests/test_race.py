"""The comparison of Part VI: it measures what it says, on few names."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from nnz.support import race

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte"] * 3


def test_every_ratio_is_of_the_runs_it_names_and_named_as_its_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []

    def timed(*runs: Callable[[], object]) -> list[float]:
        """Let each run once, and say that the first took six seconds and the second two."""
        for run in runs:
            run()
        compared.append(len(runs))
        return [6.0, 2.0]

    monkeypatch.setattr(race, "least_seconds", timed)
    monkeypatch.setattr(race.training, "__defaults__", (3,))
    found = race.compare(NAMES)
    assert compared == [2, 2, 2]
    assert found["dilated.forms"] == found["dilated.cached"] == 3
    batches = math.ceil(len(NAMES) / 256)
    for kind, epochs in race.EPOCHS.items():
        share = (2 / 3) * batches * epochs / (6 / 3 * race.LECTURE_STEPS)
        assert found.pop(f"dilated.time_{kind}") == pytest.approx(share)
    assert set(found) == {"dilated.forms", "dilated.cached"}
