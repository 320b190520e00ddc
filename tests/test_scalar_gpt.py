"""Programs that train a language model on scalars keep running on a Value: a tiny one, against another scalar."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from nnz.engine import Value

WORDS = ["ada", "bo", "cab", "abba"]
CHARS = sorted(set("".join(WORDS)))
END = len(CHARS)  # begins and ends a word
WIDTH, HEADS, CONTEXT = 4, 2, 6

Row = list[Any]
Scalar = Callable[[float], Any]


class Plain:
    """Another scalar: each result keeps its operands, and the slopes by them, in tuples; the walk is recursive."""

    def __init__(self, data: float, *parts: tuple[Plain, float]) -> None:
        self.data, self.grad, self.parts = data, 0.0, parts

    def __add__(self, other: Plain | float) -> Plain:
        other = other if isinstance(other, Plain) else Plain(other)
        return Plain(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other: Plain | float) -> Plain:
        other = other if isinstance(other, Plain) else Plain(other)
        return Plain(self.data * other.data, (self, other.data), (other, self.data))

    def __pow__(self, n: float) -> Plain:
        return Plain(self.data**n, (self, n * self.data ** (n - 1)))

    def exp(self) -> Plain:
        return Plain(math.exp(self.data), (self, math.exp(self.data)))

    def log(self) -> Plain:
        return Plain(math.log(self.data), (self, 1 / self.data))

    def relu(self) -> Plain:
        return Plain(max(0.0, self.data), (self, float(self.data > 0)))

    def __neg__(self) -> Plain:
        return self * -1

    def __sub__(self, other: Plain | float) -> Plain:
        return self + -other

    def __rsub__(self, other: float) -> Plain:
        return -self + other

    def __truediv__(self, other: Plain | float) -> Plain:
        return self * other**-1

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        order: list[Plain] = []
        seen: set[Plain] = set()

        def visit(node: Plain) -> None:
            if node not in seen:
                seen.add(node)
                for operand, _ in node.parts:
                    visit(operand)
                order.append(node)

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for operand, slope in node.parts:
                operand.grad += slope * node.grad


def times(weights: Sequence[Row], x: Row) -> Row:
    return [sum(w * x_i for w, x_i in zip(row, x, strict=True)) for row in weights]


def probabilities(logits: Row) -> Row:
    largest = max(logit.data for logit in logits)
    powers = [(logit - largest).exp() for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


def scaled(x: Row) -> Row:
    """Divide by the root of the mean square."""
    size = (sum(x_i * x_i for x_i in x) / len(x) + 1e-5) ** -0.5
    return [x_i * size for x_i in x]


class TinyGPT:
    """One block of attention and a ReLU layer, character by character, with keys and values that are kept."""

    def __init__(self, scalar: Scalar, rng: random.Random) -> None:
        def matrix(n_out: int, n_in: int) -> list[Row]:
            return [[scalar(rng.gauss(0, 0.3)) for _ in range(n_in)] for _ in range(n_out)]

        self.characters, self.places = (matrix(END + 1, WIDTH), matrix(CONTEXT, WIDTH))
        self.query, self.key, self.value, self.mix = (matrix(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = matrix(2 * WIDTH, WIDTH), matrix(WIDTH, 2 * WIDTH)
        self.head = matrix(END + 1, WIDTH)

    def parameters(self) -> Row:
        return [p for m in vars(self).values() for row in m for p in row]

    def logits(self, char: int, place: int, keys: list[Row], values: list[Row]) -> Row:
        pairs = zip(self.characters[char], self.places[place], strict=True)
        x = scaled([c + p for c, p in pairs])
        seen, query = scaled(x), times(self.query, scaled(x))
        keys.append(times(self.key, seen))
        values.append(times(self.value, seen))
        found: Row = []
        for start in range(0, WIDTH, WIDTH // HEADS):
            part = slice(start, start + WIDTH // HEADS)
            scores = [
                sum(q * k for q, k in zip(query[part], key[part], strict=True)) / (WIDTH // HEADS) ** 0.5
                for key in keys
            ]
            shares = probabilities(scores)
            columns = zip(*(value[part] for value in values), strict=True)
            found += [sum(s * v for s, v in zip(shares, column, strict=True)) for column in columns]
        x = [a + b for a, b in zip(x, times(self.mix, found), strict=True)]
        hidden = [h.relu() for h in times(self.up, scaled(x))]
        x = [a + b for a, b in zip(x, times(self.down, hidden), strict=True)]
        return times(self.head, x)

    def loss(self, word: str) -> Any:
        tokens = [END, *(CHARS.index(char) for char in word), END]
        keys: list[Row] = []
        values: list[Row] = []
        costs = []
        for place, (char, target) in enumerate(itertools.pairwise(tokens)):
            shares = probabilities(self.logits(char, place, keys, values))
            costs.append(-shares[target].log())
        return (1 / len(costs)) * sum(costs)

    def write(self, rng: random.Random) -> str:
        keys: list[Row] = []
        values: list[Row] = []
        char, word = END, ""
        for place in range(CONTEXT):
            logits = self.logits(char, place, keys, values)
            shares = probabilities([logit / 0.5 for logit in logits])
            weights = [share.data for share in shares]
            char = rng.choices(range(END + 1), weights=weights)[0]
            if char == END:
                break
            word += CHARS[char]
        return word


def adam(parameters: Iterable[Any], steps: int, loss: Callable[[int], Any]) -> Row:
    """Train by Adam, with a rate that falls to 0; gradients are set to the whole number 0."""
    parameters = list(parameters)
    m, v = [0.0] * len(parameters), [0.0] * len(parameters)
    losses = []
    for step in range(steps):
        missed = loss(step)
        missed.backward()
        losses.append(missed.data)
        rate = 0.05 * (1 - step / steps)
        for i, p in enumerate(parameters):
            m[i] = 0.9 * m[i] + 0.1 * p.grad
            v[i] = 0.95 * v[i] + 0.05 * p.grad**2
            unbiased = m[i] / (1 - 0.9 ** (step + 1))
            spread = (v[i] / (1 - 0.95 ** (step + 1))) ** 0.5
            p.data -= rate * unbiased / (spread + 1e-8)
            p.grad = 0
    return losses


def trained(scalar: Scalar) -> tuple[Row, list[float], list[str]]:
    model = TinyGPT(scalar, random.Random(42))
    losses = adam(model.parameters(), 12, lambda step: model.loss(WORDS[step % len(WORDS)]))
    rng = random.Random(7)
    words = [model.write(rng) for _ in range(5)]
    return losses, [p.data for p in model.parameters()], words


def test_a_gpt_on_scalars_trains_to_the_same_losses_on_a_value() -> None:
    (ours, weights, words), (theirs, others, same) = trained(Value), trained(Plain)
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert weights == pytest.approx(others, rel=1e-9)
    assert words == same
    assert sum(ours[-4:]) < 0.8 * sum(ours[:4])


def test_a_gradient_may_be_set_to_the_whole_number_0() -> None:
    x = Value(2.0)
    for _ in range(2):
        x.grad = 0
        (x**-0.5).backward()
        assert x.grad == pytest.approx(-0.5 * 2**-1.5, rel=1e-15)


def test_a_sum_over_a_generator_begins_with_the_plain_0() -> None:
    xs = [Value(1.5), Value(-2.0)]
    total = sum(x * k for k, x in enumerate(xs, start=1))
    assert isinstance(total, Value)
    total.backward()
    assert (total.data, [x.grad for x in xs]) == (-2.5, [1.0, 2.0])


def test_data_are_weights_for_choices() -> None:
    shares = probabilities([Value(z) for z in (0.0, 3.0, -2.0)])
    drawn = random.Random(1).choices(range(3), weights=[share.data for share in shares], k=200)
    assert drawn.count(1) > 150
