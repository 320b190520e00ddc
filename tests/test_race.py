"""The comparison of Part VI: it measures what it says, on few names."""

from __future__ import annotations

from functools import partial

import pytest

from nnz.support import race
from nnz.support.timing import least_seconds

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte"] * 3


def test_every_ratio_is_above_zero_and_named_as_its_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(race, "least_seconds", partial(least_seconds, rounds=1))
    found = race.compare(NAMES)
    assert set(found) == {
        "dilated.forms",
        "dilated.cached",
        "dilated.time_short",
        "dilated.time_long",
    }
    assert all(value > 0 for value in found.values())
    ratio = found["dilated.time_long"] / found["dilated.time_short"]
    assert abs(ratio - race.EPOCHS["long"] / race.EPOCHS["short"]) < 1e-9
