"""The comparison of Part VI: it measures what it says, on few names."""

from __future__ import annotations

import pytest

from nnz.support import race

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte"] * 3


def test_every_ratio_is_above_zero_and_named_as_its_claim() -> None:
    found = race.compare(NAMES, rounds=1)
    assert set(found) == {
        "dilated.forms",
        "dilated.cached",
        "dilated.time_short",
        "dilated.time_long",
    }
    assert all(value > 0 for value in found.values())
    ratio = found["dilated.time_long"] / found["dilated.time_short"]
    assert abs(ratio - race.EPOCHS["long"] / race.EPOCHS["short"]) < 1e-9
