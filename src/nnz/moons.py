"""Two moons, which no straight line separates: points, a loss, and a step of training.

Chapter: network.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from numbers import Real
from typing import Any

from nnz.plumbing.checks import check_count, check_source, given

Point = list[float]


def two_moons(
    n: int, noise: float, generator: random.Random
) -> tuple[list[Point], list[int]]:
    """Return points on two half circles that reach into each other, and on which of them each lies.

    The moon of label 1 is the upper half of the unit circle; that of label -1 is its mirror image, lower and to
    the right. The points of each are evenly spaced and then moved in both directions by normal noise; the order is
    shuffled.

    Args:
        n: the number of points; half of them, rounded down, have label 1.
        noise: the standard deviation of the noise.
        generator: where the noise and the order are drawn from.

    Returns:
        points (n, 2) and labels (n,), each 1 or -1.

    Raises:
        ValueError: there are fewer than 2 points, or the noise is negative or not finite.
        TypeError: `n` or `noise` is no number, or `generator` is no source of random numbers.

    Source: `make_moons` of scikit-learn (Pedregosa et al., 2011), which places the points in the same way.

    >>> X, y = two_moons(100, 0.1, random.Random(0))
    >>> len(X), len(X[0]), sum(label == 1 for label in y)
    (100, 2, 50)
    """
    _check(n, noise, generator)
    examples = [
        *((math.cos(t), math.sin(t), 1) for t in _angles(n // 2)),
        *((1 - math.cos(t), 0.5 - math.sin(t), -1) for t in _angles(n - n // 2)),
    ]
    generator.shuffle(examples)
    points = [
        [x + generator.gauss(0, noise), y + generator.gauss(0, noise)]
        for x, y, _ in examples
    ]
    return points, [label for *_, label in examples]


def total_loss(
    model: Any, value: Any, points: Sequence[Sequence[float]], labels: Sequence[int]
) -> Any:
    """Return the loss of micrograd's demo: the mean hinge loss, and 1e-4 · Σ p² over the parameters.

    Args:
        model: a network of Values, or of those of another engine.
        value: the engine's kind of number, such as `nnz.engine.Value`.
        points: (n, 2).
        labels: (n,), each 1 or -1.

    Raises:
        ValueError: there is not one label for each point, or there is none, or one is neither 1 nor -1.
        TypeError: `model` is no network, or points or labels do not come in lists.

    Source: the demo that comes with micrograd 0.1.0 (Karpathy, 2020).
    """
    _check_examples(model, points, labels)
    scores = [model([value(x) for x in point]) for point in points]
    losses = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
    charge = 1e-4 * sum(p * p for p in model.parameters())
    return sum(losses) * (1.0 / len(losses)) + charge


def train_step(model: Any, loss: Any, k: float, first: float = 1.0) -> None:
    """Take step `k` of the demo, whose learning rate falls from `first` to a tenth of it over a hundred steps.

    Raises:
        TypeError: `model` is no network, `loss` has no `backward`, or `k` is no number.
        ValueError: `k` is not from 0 to 100; soon after that the rate would be negative.
        ArithmeticError: the loss is not finite. Nothing is changed then.
    """
    _check_step(model, loss, k)
    model.zero_grad()
    loss.backward()
    rate = first * (1.0 - 0.9 * k / 100)
    for parameter in model.parameters():
        parameter.data -= rate * parameter.grad


def _angles(n: int) -> list[float]:
    return [math.pi * i / max(n - 1, 1) for i in range(n)]


def _check_model(model: Any, usage: str) -> None:
    """Raise a clear error unless there is a network, which has parameters, and not its class alone."""
    if isinstance(model, type) or not hasattr(model, "zero_grad"):
        raise TypeError(
            f"model is a network, such as MLP(2, [16, 16, 1]); got {given(model)}. It is {usage}."
        )


def _check_examples(model: Any, points: Any, labels: Any) -> None:
    """Raise a clear error unless a network can be judged on these."""
    usage = "total_loss(model, Value, points, labels)"
    _check_model(model, usage)
    if not all(hasattr(things, "__len__") for things in (points, labels)):
        raise TypeError(
            f"points and labels are lists; got {given(points)} and {given(labels)}. It is {usage}."
        )
    if len(points) != len(labels) or not len(points):
        raise ValueError(
            f"each point has one label, and there is at least one; got {len(points)} points, {len(labels)} labels."
        )
    if wrong := [label for label in labels if label not in (1, -1)]:
        raise ValueError(
            f"each label is 1 or -1; got {given(wrong[0])}. Of labels 0 and 1 these are made by 2 * label - 1."
        )


def _check_step(model: Any, loss: Any, k: object) -> None:
    """Raise a clear error unless a step can be taken."""
    usage = "train_step(model, loss, k), as in train_step(model, total_loss(model, Value, points, labels), 0)"
    _check_model(model, usage)
    if not hasattr(loss, "backward"):
        raise TypeError(
            f"loss is a Value, which has the graph, and not its data; got {given(loss)}. It is {usage}."
        )
    if not isinstance(k, Real):
        raise TypeError(
            f"k is the number of the step; got {given(k)}. It is {usage}."
        )
    if not 0 <= float(k) <= 100:
        raise ValueError(
            f"k is {k}; it goes from 0 to 100, where the rate is a tenth of the first. To go on after that, begin"
            " again from 0 with a smaller `first`."
        )
    if not math.isfinite(loss.data):
        raise ArithmeticError(
            f"the loss is {loss.data}, and its gradients would spoil all weights; begin again with a smaller"
            " `first`."
        )


def _check(n: int, noise: float, generator: random.Random) -> None:
    """Raise a clear error unless moons can be made of these."""
    check_count(n, 2, "two moons need n >= 2, a whole number of points")
    if not isinstance(noise, Real):
        raise TypeError(
            f"noise is a number of at least 0, such as 0.1; got {given(noise)}."
        )
    if not 0 <= noise < math.inf:
        raise ValueError(
            f"two moons need noise >= 0, and finite; got noise={noise}."
        )
    check_source(generator, "shuffle", "gauss")
