"""The comparison of Part VI: it measures what it says, on few names."""

from __future__ import annotations

import time

import pytest

from nnz.support import race

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte"] * 3


def test_the_least_time_of_each_run_is_kept() -> None:
    quick, slow = race.times(lambda: None, lambda: time.sleep(0.002), rounds=2)
    assert quick < 0.002 <= slow


def test_every_ratio_is_above_zero_and_named_as_its_claim() -> None:
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
