"""A GPT of single numbers: each weight, each key and each sum on the way to the loss is a Value.

The standard library is all that it needs. Weights and draws come in the order of the published program.

Chapter: gpt.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nnz.engine import Value
from nnz.nn import Module
from nnz.plumbing.checks import check_count, check_source

Row = list[Value]
Matrix = list[Row]  # a row for each output

EPS = 1e-5
SPREAD = 0.08  # standard deviation of the first weights


def linear(x: Row, weight: Matrix) -> Row:
    """Return a weighted sum of x for each row of the weight: (n_in,) and (n_out, n_in) to (n_out,)."""
    return [
        sum((w * x_i for w, x_i in zip(row, x, strict=True)), Value(0))
        for row in weight
    ]


def softmax(scores: Row) -> Row:
    """Return exp(z) / Σ exp(z): positive numbers (n,) that sum to 1.

    The largest score is subtracted first, as a plain number: the result is the same, and no power is too large.
    """
    largest = max(score.data for score in scores)
    powers = [(score - largest).exp() for score in scores]
    total = sum(powers, Value(0))
    return [power / total for power in powers]


def rmsnorm(x: Row) -> Row:
    """Return x / sqrt(mean of x² + ε): Zhang and Sennrich (2019), equation 4, without a gain."""
    square = sum((x_i * x_i for x_i in x), Value(0)) / len(x)
    size = (square + EPS) ** -0.5
    return [x_i * size for x_i in x]


def look(query: Row, keys: Matrix, values: Matrix) -> Row:
    """Return a mean of the values, each weighted by how well its key fits the query: one head of attention.

    softmax(q·k / sqrt(d)), Vaswani et al. (2017), equation 1, for a single query.

    Args:
        query: (d,), of the place that looks.
        keys: (t, d), of the places read so far.
        values: (t, d), of the same places.
    """
    root = len(query) ** 0.5
    scores = [score / root for score in linear(query, keys)]
    return linear(
        softmax(scores), [list(column) for column in zip(*values, strict=True)]
    )


def shapes(
    n_tokens: int, n_embd: int, block_size: int
) -> dict[str, tuple[int, int]]:
    """Return the shape (n_out, n_in) of each matrix of a `MicroGPT`, in the order in which they are drawn."""
    V, C, T = n_tokens, n_embd, block_size
    found = {"wte": (V, C), "wpe": (T, C), "lm_head": (V, C)}
    found |= dict.fromkeys(("wq", "wk", "wv", "wo"), (C, C))
    return found | {"fc1": (4 * C, C), "fc2": (C, 4 * C)}


def matrix(n_out: int, n_in: int, generator: random.Random) -> Matrix:
    """Return normal first weights (n_out, n_in), of mean 0 and standard deviation `SPREAD`, row by row."""
    return [
        [Value(generator.gauss(0, SPREAD)) for _ in range(n_in)]
        for _ in range(n_out)
    ]


class MicroGPT(Module):
    """A GPT of one layer, of Values: Karpathy's microgpt (2026), of 4,192 numbers as it is made here.

    Token 0 begins and ends a name, as everywhere in this book; the published program gives it the last index, so
    its two rows are drawn last.

    Args:
        n_tokens: V, how many characters there are, that mark included.
        n_embd: C, how many numbers stand for a place.
        n_head: how many heads look at once, each at C / n_head numbers.
        block_size: how many places there are, the mark before a name included.
        generator: the source of first weights.

    Attributes:
        weights: each matrix by its name: wte, wpe and lm_head, of tokens, places and scores; wq, wk, wv and wo, of
            attention; fc1 and fc2, of the small network behind it.

    Raises:
        TypeError, ValueError: a size is no whole number of at least 1, or n_head does not divide n_embd, or the
            generator is none.

    >>> model = MicroGPT(27, generator=random.Random(1))
    >>> len(model.parameters())
    4192
    """

    def __init__(
        self,
        n_tokens: int,
        n_embd: int = 16,
        n_head: int = 4,
        block_size: int = 16,
        *,
        generator: random.Random,
    ) -> None:
        _check_sizes(n_tokens, n_embd, n_head, block_size)
        check_source(generator, "gauss")
        self.n_head, self.block_size = n_head, block_size
        self.weights: dict[str, Matrix] = {
            name: matrix(*shape, generator)
            for name, shape in shapes(n_tokens, n_embd, block_size).items()
        }
        for name in ("wte", "lm_head"):
            self.weights[name].insert(0, self.weights[name].pop())

    def parameters(self) -> list[Value]:
        """Return all weights, matrix by matrix and row by row."""
        return [
            w for matrix in self.weights.values() for row in matrix for w in row
        ]

    def logits(self, token: int, keys: Matrix, values: Matrix) -> Row:
        """Return the scores (V,) of what follows a token, and add its key and its value to those before it.

        Args:
            token: from 0 to V - 1.
            keys: of the places read so far; there are as many as this one's number.
            values: likewise.

        Raises:
            ValueError: all places have been read, there are not as many keys as values, or the model has no such
                token. Nothing was added then.
        """
        self._check_place(token, len(keys), len(values))
        w = self.weights
        pairs = zip(w["wte"][token], w["wpe"][len(keys)], strict=True)
        x = rmsnorm([t + p for t, p in pairs])
        x = add(x, self.attend(rmsnorm(x), keys, values))
        hidden = [h.relu() for h in linear(rmsnorm(x), w["fc1"])]
        x = add(x, linear(hidden, w["fc2"]))
        return linear(x, w["lm_head"])

    def attend(self, x: Row, keys: Matrix, values: Matrix) -> Row:
        """Return what all heads found (C,), and remember the key and the value of x (C,)."""
        w, d = self.weights, len(x) // self.n_head
        query = linear(x, w["wq"])
        keys.append(linear(x, w["wk"]))
        values.append(linear(x, w["wv"]))
        found: Row = []
        for start in range(0, len(x), d):
            part = slice(start, start + d)
            found += look(
                query[part], [k[part] for k in keys], [v[part] for v in values]
            )
        return linear(found, w["wo"])

    def loss(self, tokens: Sequence[int]) -> Value:
        """Return the mean surprisal of a name's letters and its end, in nats.

        Args:
            tokens: 0, the name's letters, and 0 once more.

        Raises:
            ValueError: there is no letter, there are more than the model has places for, or one is not among its
                tokens.
        """
        self._check_name(tokens)
        keys: Matrix = []
        values: Matrix = []
        costs = []
        for token, target in pairwise(tokens):
            probs = softmax(self.logits(token, keys, values))
            costs.append(-probs[target].log())
        return sum(costs, Value(0)) / len(costs)

    def write(
        self, generator: random.Random, temperature: float = 0.5
    ) -> list[int]:
        """Return the letters of a new name: as many as there are places, at most.

        Args:
            generator: the source of randomness.
            temperature: see `nnz.sample.sampling_probs`.

        Raises:
            ValueError: temperature is not above 0.
        """
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}; it must be above 0.")
        keys: Matrix = []
        values: Matrix = []
        text = [0]
        # The published program has the end after all letters, where we have it before them.
        order = [*range(1, len(self.weights["lm_head"])), 0]
        while len(text) <= self.block_size:
            scores = self.logits(text[-1], keys, values)
            probs = softmax([score / temperature for score in scores])
            text += generator.choices(order, [probs[i].data for i in order])
            if not text[-1]:
                break
        return [token for token in text if token]

    def _check_place(self, token: int, place: int, values: int) -> None:
        if not 0 <= token < len(self.weights["wte"]):
            raise ValueError(
                f"token is {token}; it must be from 0 to {len(self.weights['wte']) - 1}."
            )
        if place != values:
            raise ValueError(
                f"there are {place} keys and {values} values; each place that was read has one of both."
            )
        if place >= self.block_size:
            raise ValueError(
                f"all {self.block_size} places have been read; begin a name with empty keys and values, or give"
                " the model a larger block_size."
            )

    def _check_name(self, tokens: Sequence[int]) -> None:
        V = len(self.weights["lm_head"])
        if (
            len(tokens) < 3
            or tokens[0]
            or tokens[-1]
            or not all(0 < t < V for t in tokens[1:-1])
        ):
            raise ValueError(
                f"tokens are {list(tokens)}; they must be 0, one letter or more from 1 to {V - 1}, and 0 again."
            )
        if len(tokens) - 1 > self.block_size:
            raise ValueError(
                f"a name of {len(tokens) - 2} letters needs {len(tokens) - 1} places, and the model has"
                f" {self.block_size}; give it a larger block_size, or a shorter name."
            )


def add(x: Row, y: Row) -> Row:
    """Return x + y, number by number: both (n,)."""
    return [a + b for a, b in zip(x, y, strict=True)]


def descend(
    model: MicroGPT,
    names: Sequence[Sequence[int]],
    steps: int = 1000,
    rate: float = 0.01,
) -> Iterator[float]:
    """Take steps of Adam, a name each, and yield the loss before each of them, in nats.

    Adam is that of Kingma and Ba (2015), algorithm 1, with β1 = 0.85 and β2 = 0.99; the learning rate falls in
    equal parts from `rate` to 0.

    Args:
        model: what is trained, in place.
        names: as tokens, see `MicroGPT.loss`; from the first again when all have been read.
        steps: how many there are in all.
        rate: the first learning rate.

    Raises:
        ArithmeticError: a loss is not finite. The weights are then those that had it.
    """
    weights = model.parameters()
    m, v = [0.0] * len(weights), [0.0] * len(weights)
    for step in range(steps):
        model.zero_grad()
        loss = model.loss(names[step % len(names)])
        if not math.isfinite(loss.data):
            raise ArithmeticError(
                f"the loss before step {step} is {loss.data}; take a rate below {rate}."
            )
        loss.backward()
        adam_step(weights, m, v, step + 1, rate * (1 - step / steps))
        yield loss.data


def adam_step(
    weights: Row, m: list[float], v: list[float], t: int, rate: float
) -> None:
    """Move each weight against its gradient, by Adam: step number t, counted from 1."""
    for i, p in enumerate(weights):
        m[i] = 0.85 * m[i] + 0.15 * p.grad
        v[i] = 0.99 * v[i] + 0.01 * p.grad**2
        mean, square = m[i] / (1 - 0.85**t), v[i] / (1 - 0.99**t)
        p.data -= rate * mean / (square**0.5 + 1e-8)


def _check_sizes(n_tokens: int, n_embd: int, n_head: int, block_size: int) -> None:
    sizes = {
        "n_tokens": n_tokens,
        "n_embd": n_embd,
        "n_head": n_head,
        "block_size": block_size,
    }
    for name, n in sizes.items():
        check_count(n, 1, f"{name} is a whole number of at least 1")
    if n_embd % n_head:
        raise ValueError(
            f"n_embd is {n_embd} and n_head {n_head}; heads must share it evenly."
        )
