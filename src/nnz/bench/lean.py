"""The leanest engine of its kind, to be measured against, and a small GPT of scalars for it and ours.

The structure of the engine is that of microgpt (2026): a node keeps its operands, and the slopes at them as plain
numbers, each in a tuple; there are no closures. The code is this book's own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

WIDTH, HEADS, PLACES, LETTERS = 8, 2, 8, 27  # of the GPT


class Value:
    """A number that remembers what it was made of, and how much it moves with each part."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(
        self, data: float, children: tuple[Value, ...] = (), local_grads: tuple[float, ...] = ()
    ) -> None:
        self.data, self.grad = data, 0.0
        self._children, self._local_grads = children, local_grads

    def __add__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power: float) -> Value:
        slope = power * self.data ** (power - 1)
        return Value(self.data**power, (self,), (slope,))

    def exp(self) -> Value:
        """Return e to the power of this."""
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self) -> Value:
        """Return the natural logarithm."""
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> Value:
        """Return this or 0, whichever is larger."""
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> Value:
        return self * -1

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __truediv__(self, other: Value | float) -> Value:
        return self * other**-1

    def backward(self) -> None:
        """Add to every node's `grad` how much this moves with it."""
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((child, False) for child in node._children)
        self.grad = 1.0
        for node in reversed(order):
            grad = node.grad
            for child, local in zip(node._children, node._local_grads, strict=True):
                child.grad += local * grad


class TinyGPT:
    """A GPT of one layer whose every number is a Value: embeddings, attention, a hidden layer of ReLU.

    Args:
        value: the engine.
        seed: of the weights.
    """

    def __init__(self, value: Any, seed: int) -> None:
        generator = random.Random(seed)

        def matrix(rows: int, columns: int) -> list[list[Any]]:
            return [[value(generator.gauss(0, 0.3)) for _ in range(columns)] for _ in range(rows)]

        self.letters, self.places = matrix(LETTERS, WIDTH), matrix(PLACES, WIDTH)
        self.maps = {name: matrix(WIDTH, WIDTH) for name in ("q", "k", "v", "o")}
        self.maps |= {"up": matrix(4 * WIDTH, WIDTH), "out": matrix(LETTERS, WIDTH)}
        self.maps["down"] = matrix(WIDTH, 4 * WIDTH)

    def parameters(self) -> list[Any]:
        """Return all weights."""
        tables = (self.letters, self.places, *self.maps.values())
        return [weight for table in tables for row in table for weight in row]

    def zero_grad(self) -> None:
        """Set the gradient of every weight to 0."""
        for weight in self.parameters():
            weight.grad = 0.0

    def loss(self, tokens: Sequence[int]) -> Any:
        """Return the mean surprise at each token after the first, of at most PLACES + 1."""
        keys: list[list[Any]] = []
        values: list[list[Any]] = []
        surprises = []
        for t, (now, following) in enumerate(pairwise(tokens)):
            x = plus(self.letters[now], self.places[t])
            normed = standard(x)
            keys.append(linear(normed, self.maps["k"]))
            values.append(linear(normed, self.maps["v"]))
            seen = attend(linear(normed, self.maps["q"]), keys, values)
            x = plus(x, linear(seen, self.maps["o"]))
            hidden = [h.relu() for h in linear(standard(x), self.maps["up"])]
            x = plus(x, linear(hidden, self.maps["down"]))
            probabilities = softmax(linear(x, self.maps["out"]))
            surprises.append(-probabilities[following].log())
        return sum(surprises) * (1 / len(surprises))


def linear(x: Sequence[Any], weight: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the product of each row of the weight with x."""
    return [sum(w * x_i for w, x_i in zip(row, x, strict=True)) for row in weight]


def plus(x: Sequence[Any], y: Sequence[Any]) -> list[Any]:
    """Return the sums."""
    return [a + b for a, b in zip(x, y, strict=True)]


def standard(x: Sequence[Any]) -> list[Any]:
    """Return x divided by the root of its mean square."""
    scale = (sum(a * a for a in x) * (1 / len(x)) + 1e-5) ** -0.5
    return [a * scale for a in x]


def softmax(x: Sequence[Any]) -> list[Any]:
    """Return what is proportional to e to the power of each, with sum 1."""
    most = max(a.data for a in x)
    powers = [(a - most).exp() for a in x]
    total = sum(powers)
    return [power / total for power in powers]


def attend(q: Sequence[Any], keys: Sequence[Sequence[Any]], values: Sequence[Sequence[Any]]) -> list[Any]:
    """Return for each head the mean of the values, weighted by how well the keys go with the query."""
    size, seen = WIDTH // HEADS, []
    for first in range(0, WIDTH, size):
        head = range(first, first + size)
        scores = [sum(q[j] * key[j] for j in head) * size**-0.5 for key in keys]
        shares = softmax(scores)
        pairs = list(zip(shares, values, strict=True))
        seen += [sum(share * value[j] for share, value in pairs) for j in head]
    return seen
