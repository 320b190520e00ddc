"""The two moons: where the points lie, and that the same generator gives the same points."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from nnz.engine import Value
from nnz.moons import total_loss, train_step, two_moons
from nnz.nn import MLP


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


def test_noise_is_added_to_the_points_of_the_half_circles_in_a_random_order() -> None:
    """By hand, so that the points of a seed stay those of which the chapter tells."""
    upper = [(math.cos(t), math.sin(t), 1) for t in (0, math.pi)]
    lower = [(1 - math.cos(t), 0.5 - math.sin(t), -1) for t in (0, math.pi / 2, math.pi)]
    g, wanted = random.Random(3), [*upper, *lower]
    g.shuffle(wanted)
    points, labels = two_moons(5, 0.1, random.Random(3))
    assert labels == [label for *_, label in wanted]
    for point, (x, y, _) in zip(points, wanted, strict=True):
        assert point == pytest.approx([x + g.gauss(0, 0.1), y + g.gauss(0, 0.1)], abs=1e-12)


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


@pytest.mark.parametrize("generator", [42, None, random.Random])
def test_a_seed_is_no_generator(generator: Any) -> None:
    with pytest.raises(TypeError, match=r"such as random.Random\(1\); got"):
        two_moons(10, 0.1, generator)


POINTS, LABELS = [[0.5, -1.0], [1.5, 0.25], [-0.5, 0.75]], [1, -1, 1]


class Slope:
    """A network of two weights whose score is one of them times the first coordinate."""

    def __init__(self) -> None:
        self.w, self.idle = Value(2), Value(-3)

    def __call__(self, x: list[Value]) -> Value:
        return self.w * x[0]

    def parameters(self) -> list[Value]:
        return [self.w, self.idle]

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0.0


def test_the_loss_is_the_mean_hinge_and_a_charge_for_large_weights() -> None:
    """The scores are 0.5, 3 and 3; of the hinges 1 - y s the second is cut off at 0."""
    points = [[0.25, 9.0], [1.5, 9.0], [1.5, 9.0]]
    loss = total_loss(Slope(), Value, points, [1, 1, -1])
    assert loss.data == pytest.approx((0.5 + 0 + 4) / 3 + 1e-4 * (2**2 + 3**2))


@pytest.mark.parametrize(("k", "rate"), [(0, 1.0), (50, 0.55), (100, 0.1)])
def test_a_step_goes_down_the_new_slope_at_a_rate_that_falls_to_a_tenth(k: int, rate: float) -> None:
    for first in ({}, {"first": 0.5}):
        model = Slope()
        model.w.grad = model.idle.grad = 7.0  # of an earlier step
        train_step(model, model.w * 5, k, **first)
        assert model.w.data == pytest.approx(2 - first.get("first", 1.0) * rate * 5)
        assert model.idle.data == -3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: total_loss(m, Value, POINTS, LABELS[:2]), ValueError, "got 3 points, 2 labels"),
        (lambda m: total_loss(m, Value, [], []), ValueError, "at least one; got 0 points"),
        (
            lambda m: total_loss(m, Value, POINTS[0], 1),
            TypeError,
            r"got .* and 1 \(int\).*total_loss\(model, Value",
        ),
        (lambda m: total_loss(m, Value, None, LABELS), TypeError, "got None"),
        (lambda m: total_loss(m(POINTS[0]), Value, POINTS, LABELS), TypeError, "is a network.*got Value"),
        (lambda m: total_loss(MLP, Value, POINTS, LABELS), TypeError, r"is a network, such as MLP\(2"),
        (lambda m: total_loss(m.parameters(), Value, POINTS, LABELS), TypeError, "is a network.*list"),
        (
            lambda m: train_step(m, 0.5, 0),
            TypeError,
            r"not its data; got 0.5 \(float\).*train_step\(model, loss, k\)",
        ),
        (lambda m: train_step(Value(0.5), m, 0), TypeError, "is a network.*got Value"),
        (lambda m: train_step(m.parameters(), Value(0.5), 0), TypeError, "is a network.*list"),
        (lambda m: train_step(m, Value(0.5), "0"), TypeError, r"number of the step; got '0' \(str\)"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_right_call(
    call: Callable[[MLP], Any], error: type[Exception], words: str
) -> None:
    model = MLP(2, [3, 1], generator=random.Random(3))
    for parameter in model.parameters():
        parameter.grad = 0.25
    with pytest.raises(error, match=words):
        call(model)
    assert {parameter.grad for parameter in model.parameters()} == {0.25}


@pytest.mark.parametrize("k", [-1, 101, 150, math.nan])
def test_a_step_outside_of_the_demo_is_refused_and_changes_nothing(k: float) -> None:
    model = MLP(2, [4, 1], generator=random.Random(1))
    X, y = two_moons(6, 0.1, random.Random(1))
    loss = total_loss(model, Value, X, y)
    before = [p.data for p in model.parameters()]
    with pytest.raises(ValueError, match="it goes from 0 to 100"):
        train_step(model, loss, k)
    assert [p.data for p in model.parameters()] == before
    assert not any(p.grad for p in model.parameters())


def test_a_loss_that_is_no_number_is_not_followed() -> None:
    model = MLP(2, [4, 1], generator=random.Random(1))
    before = [p.data for p in model.parameters()]
    with pytest.raises(ArithmeticError, match="the loss is nan"):
        train_step(model, total_loss(model, Value, [[math.nan, 0.0]], [1]), 0)
    assert [p.data for p in model.parameters()] == before


def test_labels_of_another_kind_are_refused() -> None:
    model = MLP(2, [4, 1], generator=random.Random(1))
    with pytest.raises(ValueError, match=r"each label is 1 or -1; got 0 \(int\).*2 \* label - 1"):
        total_loss(model, Value, [[0.0, 1.0], [1.0, 0.0]], [1, 0])
