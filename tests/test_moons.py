"""The two moons: where the points lie, and that the same generator gives the same points."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from nnz.moons import two_moons


def test_without_noise_every_point_lies_on_its_half_circle() -> None:
    points, labels = two_moons(60, 0.0, random.Random(1))
    for (x, y), label in zip(points, labels, strict=True):
        if label == 1:
            assert math.hypot(x, y) == pytest.approx(1)
            assert y >= 0
        else:
            assert math.hypot(x - 1, y - 0.5) == pytest.approx(1)
            assert y <= 0.5


def test_the_moons_reach_from_end_to_end() -> None:
    points, labels = two_moons(60, 0.0, random.Random(1))
    upper = [x for (x, _), label in zip(points, labels, strict=True) if label == 1]
    lower = [x for (x, _), label in zip(points, labels, strict=True) if label == -1]
    assert (min(upper), max(upper)) == pytest.approx((-1, 1))
    assert (min(lower), max(lower)) == pytest.approx((0, 2))


def test_half_of_the_points_have_each_label_in_mixed_order() -> None:
    _, labels = two_moons(101, 0.1, random.Random(1))
    assert (labels.count(1), labels.count(-1)) == (50, 51)
    assert labels != sorted(labels)
    assert labels != sorted(labels, reverse=True)


def test_the_noise_has_the_given_size() -> None:
    points, labels = two_moons(4000, 0.1, random.Random(1))
    off = [math.hypot(x, y) - 1 for (x, y), label in zip(points, labels, strict=True) if label == 1]
    spread = math.sqrt(sum(d * d for d in off) / len(off))
    assert spread == pytest.approx(0.1, rel=0.1)


def test_the_same_seed_gives_the_same_points() -> None:
    assert two_moons(20, 0.1, random.Random(5)) == two_moons(20, 0.1, random.Random(5))
    assert two_moons(20, 0.1, random.Random(5)) != two_moons(20, 0.1, random.Random(6))


@pytest.mark.parametrize(("n", "noise"), [(1, 0.1), (0, 0.1), (10, -0.1)])
def test_impossible_moons_are_refused(n: int, noise: float) -> None:
    with pytest.raises(ValueError, match=f"n >= 2.*got {n}" if n < 2 else f"noise={noise}"):
        two_moons(n, noise, random.Random(1))


def test_two_points_are_the_fewest() -> None:
    assert sorted(two_moons(2, 0.0, random.Random(1))[1]) == [-1, 1]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ((100.0, 0.1), TypeError, r"whole number of points; got 100.0 \(float\)"),
        (("100", 0.1), TypeError, "whole number of points; got '100'"),
        ((100, "0.1"), TypeError, "noise is a number.*'0.1'"),
        ((100, random.Random(1)), TypeError, "noise is a number.*Random"),
        ((100, math.nan), ValueError, "finite; got noise=nan"),
        ((100, math.inf), ValueError, "finite; got noise=inf"),
    ],
)
def test_moons_of_what_is_no_number_are_refused_and_nothing_is_drawn(
    given: tuple[Any, Any], error: type[Exception], words: str
) -> None:
    g = random.Random(1)
    before = g.getstate()
    with pytest.raises(error, match=words):
        two_moons(*given, g)
    assert g.getstate() == before


@pytest.mark.parametrize("generator", [42, None])
def test_a_seed_is_no_generator(generator: Any) -> None:
    with pytest.raises(TypeError, match=r"such as random.Random\(1\); got"):
        two_moons(10, 0.1, generator)
