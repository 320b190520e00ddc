"""The exercises of the chapter on attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, tensors
from nnz.exercises.checker.observe import RESULT, Parts


def causal_weights(scores: Tensor) -> Tensor:
    """Return the softmax of each row of scores over the places up to the row's own."""
    seen = torch.ones_like(scores, dtype=torch.bool).tril()
    return scores.masked_fill(~seen, -math.inf).softmax(dim=1)


def scores_backward(dout: Tensor, weights: Tensor, v: Tensor) -> Tensor:
    """Return the gradient with respect to the scores whose softmax the weights are."""
    dweights = dout @ v.T
    mean = (weights * dweights).sum(dim=1, keepdim=True)
    return weights * (dweights - mean)


def merged_heads(x: Tensor) -> Tensor:
    """Return heads of shape (B, n, T, d) side by side, of shape (B, T, n · d)."""
    return x.transpose(1, 2).flatten(2)


def rotary(x: Tensor, places: Tensor) -> Tensor:
    """Return each row turned by angles that grow with its place, pair by pair."""
    half = x.shape[1] // 2
    rates = 10_000.0 ** (-torch.arange(half) / half)
    angle = places[:, None] * rates  # (T, half)
    a, b = x[:, :half], x[:, half:]
    turned = a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()
    return torch.cat(turned, dim=1)


def safe_softmax(scores: Tensor, seen: Tensor) -> Tensor:
    """Return the softmax of each row over what is seen, and zeros if that is nothing."""
    weights = scores.masked_fill(~seen, -math.inf).softmax(dim=1)
    return weights.masked_fill(~seen, 0.0)


def _rows_sum_to_one(args: Sequence[Any], parts: Parts) -> str:
    """Say which row is no distribution over the places up to its own."""
    yours: Any = parts[RESULT]
    for t, row in enumerate(yours):
        if not abs(row[: t + 1].sum().item() - 1) < 1e-4:
            return f"row {t} has {row[: t + 1].sum().item():.4g} in all at the places that it may see, not 1"
    return ""


def _square(draw: Draw) -> Input:
    T = draw.size()
    return tensors(draw.table(T, T))


_CAUSAL = Exercise(
    label="attention-ex-causal",
    reference=causal_weights,
    task="""
    Write `causal_weights(scores)`: `scores` has shape $(T, T)$, a row for each place that asks and a column
    for each that is asked. Return the weights, of the same shape: in row $t$ the softmax over the places 0 to
    $t$, and 0 for all later ones.
    """,
    hints=(
        "A row of the result sums to 1 over what it may see. So what may not be seen has to be gone before the "
        "softmax, not after it.",
        "Which score has the exponential 0?",
        "torch.ones(T, T).tril() is 1 on and below the diagonal; masked_fill puts a number where a table of "
        "booleans is true.",
    ),
    inputs=(
        tensors([[1.0, 2.0], [0.5, -0.5]]),
        tensors([[0.0, 3.0, 1.0], [2.0, 1.0, -1.0], [0.5, 1.5, 1.0]]),
    ),
    more=_square,
    slips={
        "a place does not see itself, so the first one sees nothing, and that is no number; the diagonal is "
        "seen": edit(".tril()", ".tril(-1)"),
        "the table is the wrong way round: each place sees what comes after it": edit(".tril()", ".triu()"),
        "the later places are made 0 after the softmax, so a row no longer sums to 1": edit(
            "scores.masked_fill(~seen, -math.inf).softmax(dim=1)", "scores.softmax(dim=1) * seen"
        ),
        "there is no mask": edit(".masked_fill(~seen, -math.inf)", ""),
        "the columns sum to 1; it is each row that is shared out": edit("dim=1", "dim=0"),
        "the later scores are 0, and the exponential of 0 is 1; they must not count at all": edit(
            "-math.inf", "0.0"
        ),
        "one later place is seen, the next one: the one that is to be predicted": edit(".tril()", ".tril(1)"),
    },
    properties=(_rows_sum_to_one,),
    tolerance=1e-5,
)


def _drawn_backward(draw: Draw) -> Input:
    T, S, C = draw.sizes(3, 2)
    weights = [draw.chances(S) for _ in range(T)]
    return tensors(draw.table(T, C), weights, draw.table(S, C))


_BACKWARD = Exercise(
    label="attention-ex-backward",
    reference=scores_backward,
    task="""
    The output of attention is `weights @ v`, where `weights`, of shape $(T, S)$, is the softmax of each row of
    the scores, and `v` has shape $(S, C)$. Write `scores_backward(dout, weights, v)`: given the gradient
    `dout` of the loss with respect to the output, of shape $(T, C)$, return the one with respect to the
    scores, of shape $(T, S)$, without autograd.
    """,
    hints=(
        "First the gradient with respect to the weights: a product of dout and v, one of them transposed. Which "
        "shapes fit?",
        "Then the softmax. Its derivative has a part for the score itself and one for all others of the row, "
        "since the weights of a row sum to 1.",
        "Each gradient of a row, less their mean in the shares of the weights, times the weight.",
    ),
    inputs=(
        tensors([[1.0]], [[0.25, 0.75]], [[2.0], [4.0]]),
        tensors([[1.0, -1.0], [0.5, 2.0]], [[0.2, 0.8], [0.5, 0.5]], [[1.0, 0.0], [3.0, 1.0]]),
    ),
    more=_drawn_backward,
    slips={
        "that is the gradient with respect to the weights; the softmax is still to come": edit(
            "weights * (dweights - mean)", "dweights"
        ),
        "nothing was subtracted: a score that rises takes from the other weights of its row": edit(
            " - mean", ""
        ),
        "the plain mean was subtracted; it is the one in the shares of the weights": edit(
            "(weights * dweights).sum(dim=1, keepdim=True)", "dweights.mean(dim=1, keepdim=True)"
        ),
        "the factor in front is missing: the weight of the place": edit(
            "return weights * (dweights - mean)", "return dweights - mean"
        ),
        "that is the derivative of each weight with respect to its own score alone, p (1 - p)": edit(
            "weights * (dweights - mean)", "weights * (1 - weights) * dweights"
        ),
        "the mean is taken over the places that ask; each of them has a softmax of its own": edit(
            "sum(dim=1", "sum(dim=0"
        ),
        "the mean was added": edit("dweights - mean", "dweights + mean"),
    },
    tolerance=1e-5,
)


def _drawn_heads(draw: Draw) -> Input:
    B, n, T, d = draw.sizes(4, 2)
    return tensors(draw.table(min(B, 2), n, min(T, 3), min(d, 3)))


_MERGE = Exercise(
    label="attention-ex-merge",
    reference=merged_heads,
    task="""
    Write `merged_heads(x)`: `x` has shape $(B, n, T, d)$, for each head what it found at each place. Return
    for each place what all heads found, side by side, the first head first: shape $(B, T, n d)$. An empty
    batch, $B = 0$, need not work.
    """,
    hints=(
        "Write down what row 0 of the result has to hold, for two heads, three places and two features.",
        "A view or reshape reads the numbers in the order of the axes, the last one first. In which order must "
        "the axes stand so that all numbers of one place come one after another?",
        "Swap the axis of the heads and the axis of the places, and then make one axis of the last two.",
    ),
    inputs=(
        tensors([[[[1.0], [2.0]], [[3.0], [4.0]]]]),
        tensors([[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]]]),
    ),
    more=_drawn_heads,
    slips={
        "the shape is right, but the axes were not turned first: a row has numbers of several places, later "
        "ones among them": edit("x.transpose(1, 2).flatten(2)", "x.reshape(x.shape[0], x.shape[2], -1)"),
        "the heads are interleaved, feature by feature; each head's features stay together": edit(
            "x.transpose(1, 2)", "x.permute(0, 2, 3, 1)"
        ),
        "the heads were added up; they stand side by side": edit(
            "x.transpose(1, 2).flatten(2)", "x.sum(dim=1)"
        ),
        "the heads stand in one axis after another, but not in one; make one of the last two": edit(
            ".flatten(2)", ""
        ),
        "the last head comes first": edit("x.transpose", "x.flip(1).transpose"),
        "the places were put side by side, a row for each head": edit(".transpose(1, 2)", ""),
    },
)


def _drawn_rotary(draw: Draw) -> Input:
    T, half = draw.sizes(2, 2)
    return tensors(draw.table(T, 2 * half), draw.whole(T, low=1, high=30))


_ROTARY = Exercise(
    label="attention-ex-rotary",
    reference=rotary,
    task="""
    Instead of adding a position to the features, one can turn queries and keys by it; then their products
    depend on places only through their distance. Write `rotary(x, places)` for $x$ of shape $(T, d)$ with an
    even $d$, and int64 `places` of shape $(T,)$. Feature $i$ of the first half and feature $i + d/2$ are a point
    $(a, b)$ of the plane, which is turned by the angle $\\theta = t \\cdot 10000^{-2i/d}$ for a row with place
    $t$: to $(a \\cos\\theta - b \\sin\\theta,\\ a \\sin\\theta + b \\cos\\theta)$. Return the same shape.
    """,
    hints=(
        "There are d/2 pairs, each with a rate of its own: 1 for the first, and slower and slower ones. The angle "
        "is the place times the rate: a table with a row for each place.",
        "With half = d // 2, the exponents are -i / half, for i from 0 to half - 1.",
        "Cut x in two halves a and b, turn them by the formula, and put the two results side by side.",
    ),
    inputs=(
        tensors([[1.0, 0.0]], [1]),
        tensors([[1.0, 2.0, 0.5, -1.0]], [0]),
        tensors([[1.0, 2.0, 0.5, -1.0], [0.5, 1.0, 2.0, 3.0]], [1, 3]),
    ),
    more=_drawn_rotary,
    slips={
        "all pairs turn at one rate; each later pair turns more slowly": edit(
            "10_000.0 ** (-torch.arange(half) / half)", "torch.ones(half)"
        ),
        "the pairs turn the wrong way round": edit("places[:, None]", "-places[:, None]"),
        "the neighbors 2i and 2i + 1 were turned together; here the partner stands half a row further": edit(
            "x[:, :half], x[:, half:]", "x[:, 0::2], x[:, 1::2]"
        ),
        "one of the two signs is wrong, so points are not turned but mirrored": edit(
            "a * angle.cos() - b * angle.sin()", "a * angle.cos() + b * angle.sin()"
        ),
        "the exponent has the wrong sign: later pairs turn faster": edit("(-torch", "(torch"),
        "the exponent has i / d where there should be 2 i / d": edit("/ half)", "/ x.shape[1])"),
        "the rows turn by their number in the table; they turn by their place": edit(
            "places[:, None]", "torch.arange(len(x))[:, None]"
        ),
        "places are counted from 1; place 0 is not turned": edit("places[", "(places + 1)["),
    },
    tolerance=1e-4,
)


def _drawn_seen(draw: Draw) -> Input:
    T, S = draw.sizes(2, 2)
    seen = [draw.pick(S, True, False) for _ in range(T)]
    seen[draw.size(0, T - 1)] = [False] * S
    return tensors(draw.table(T, S), seen)


_SAFE = Exercise(
    label="attention-ex-safe",
    reference=safe_softmax,
    task="""
    In a table of texts of different lengths, a row of padding may see nothing at all, and its softmax is not
    a number; NaN then goes back into every weight. Write `safe_softmax(scores, seen)`: `scores` and the
    booleans `seen` have shape $(T, S)$. Return in each row the softmax over what is seen, exactly 0 elsewhere,
    and a row of zeros where nothing is seen.
    """,
    hints=(
        "What does torch's softmax return for a row of nothing but minus infinity?",
        "Instead of asking which rows those are, one can look at each number of the result: where must it be 0?",
        "masked_fill replaces whatever stood there, NaN as well. A product would not: 0 times NaN is NaN.",
    ),
    inputs=(
        tensors([[1.0, 2.0], [3.0, 4.0]], [[True, False], [False, False]]),
        tensors([[0.5, -1.0, 2.0], [1.0, 1.0, 3.0]], [[True, False, True], [False, False, False]]),
    ),
    more=_drawn_seen,
    slips={
        "a row in which nothing is seen is not a number; a product with 0 would leave it so": edit(
            "weights.masked_fill(~seen, 0.0)", "weights"
        ),
        "with a very small score in the place of minus infinity, a row that sees nothing has the same weight "
        "everywhere": (edit("-math.inf", "-1e9"), edit("weights.masked_fill(~seen, 0.0)", "weights")),
        "what is not seen was made 0 after the softmax alone, so a row does not sum to 1": edit(
            "scores.masked_fill(~seen, -math.inf)", "scores"
        ),
        "the booleans were taken the other way round: true says that a place is seen": (
            edit("masked_fill(~seen, -math.inf)", "masked_fill(seen, -math.inf)"),
            edit("masked_fill(~seen, 0.0)", "masked_fill(seen, 0.0)"),
        ),
        "the columns were shared out; it is each row": edit("dim=1", "dim=0"),
    },
    tolerance=1e-5,
)

EXERCISES = [_CAUSAL, _BACKWARD, _MERGE, _ROTARY, _SAFE]
