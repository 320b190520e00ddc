"""The exercises of the chapter on backpropagation through a network of layers, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnz.backprop_network import Array
from nnz.exercises.checker.compare import difference
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Formula, Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts, in_a_tuple

CALLS = "how often f is called"


def linear_backward(X: Array, W: Array, dZ: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of the loss with respect to X, W and b, given dZ, that at X @ W + b, as a tuple."""
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


def example_gradients(X: Array, dZ: Array) -> Array:
    """Return the gradient of W for each example by itself, of shape (B, n_in, n_out)."""
    return X[:, :, None] * dZ[:, None, :]


def numerical_gradient(f: Callable[[Array], float], x: Array, h: float) -> Array:
    """Return the slope of f along each entry of x, measured by nudging it by h to both sides, shaped like x."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def directional_error(
    f: Callable[[Array], float],
    x: Array,
    gradient: Array,
    direction: Array,
    h: float,
) -> float:
    """Return how far the slope of f along the direction, measured, is from the one that the gradient claims."""
    u = direction / np.linalg.norm(direction)  # of length 1
    measured = (f(x + h * u) - f(x - h * u)) / (2 * h)
    return float(abs(measured - np.sum(gradient * u)))


def _is_measured(args: Sequence[Any], parts: Parts) -> str:
    """Compare with nudging: a loss with this gradient is the sum of dZ * Z."""
    X, W, dZ = args
    yours: Any = parts[RESULT]
    measured = {
        "dX": (X, lambda X: np.sum(dZ * (X @ W))),
        "dW": (W, lambda W: np.sum(dZ * (X @ W))),
        "db": (np.zeros_like(dZ[0]), lambda b: np.sum(dZ * (X @ W + b))),
    }
    for left, (name, (at, loss)) in zip(yours, measured.items(), strict=True):
        if found := difference(left, numerical_gradient(loss, at, 0.5), 1e-6):
            return f"{name} is not what nudging measures; {found}"
    return ""


def _array(draw: Draw, *shape: int) -> Array:
    return np.array(draw.table(*shape))


def _drawn_layer(draw: Draw) -> Input:
    B, n_in, n_out = draw.sizes(3)
    return call(*(_array(draw, *shape) for shape in ((B, n_in), (n_in, n_out), (B, n_out))))


_LINEAR = Exercise(
    label="backprop-network-ex-linear",
    reference=linear_backward,
    task=r"""
    A layer computes $Z = XW + b$, of shape $(B, n_\text{out})$, and the loss depends on $Z$ in whatever way.
    Write `linear_backward(X, W, dZ)`, which returns the gradients of the loss with respect to $X$, $W$ and
    $b$, a tuple of three arrays in the shapes of what they belong to, given the one with respect to $Z$,
    `dZ`. All arrays are float64 and stay as they are. If the loss is a mean over the examples, `dZ` has
    been divided by $B$ already.
    """,
    hints=(
        "Let B, n_in and n_out be three different numbers, and write the shapes down. Which products of dZ "
        "with one of the others, transposed where need be, have the shape of a gradient?",
        "X[i, j] goes into every output of example i: into Z[i, k] with W[j, k] as its factor. Its gradient is "
        "the sum over k of dZ[i, k] and that factor. W[j, k] goes into one output of every example; with "
        "which factor, and over what is the sum?",
        "b[k] goes into output k of every example with the factor 1. What is used several times has as its "
        "gradient the sum over all uses; which axis of dZ counts them?",
    ),
    inputs=(
        call(
            np.array([[1.5, -2.0], [0.5, 3.0], [-1.25, 2.5]]),
            np.array([[2.0, -0.5], [1.5, 3.0]]),
            np.array([[0.5, -1.5], [2.0, 0.25], [-0.75, 4.0]]),
        ),
    ),
    more=_drawn_layer,
    slips={
        "db is a mean over the examples; what all of them use has their sum as its gradient": edit(
            "dZ.sum", "dZ.mean"
        ),
        "db is summed over the outputs, one number for each example; there should be one for "
        "each output": edit("axis=0", "axis=1"),
        "db is one number for all outputs together; every output has a bias of its own": edit("axis=0", ""),
        "db still has a row for each example; they all use the same b, and their shares are "
        "to be added up": edit("dZ.sum(axis=0)", "dZ.copy()"),
        "db has kept an axis of size 1; b has one axis only": edit("axis=0", "axis=0, keepdims=True"),
        "dW and db are divided by B; where the loss is a mean, its 1/B is in dZ already": (
            edit("X.T @ dZ", "X.T @ dZ / len(X)"),
            edit("dZ.sum", "dZ.mean"),
        ),
        "all three are divided by B; where the loss is a mean, its 1/B is in dZ already": (
            edit("W.T", "W.T / len(X)"),
            edit("X.T @ dZ", "X.T @ dZ / len(X)"),
            edit("dZ.sum", "dZ.mean"),
        ),
        "in dX, W is used as it stands, as on the way forward; a square W lets that pass, but it mixes up "
        "inputs and outputs": edit("W.T", "W"),
        "dW is transposed: a row of it should belong to an input, a column to an output": edit(
            "X.T @ dZ", "dZ.T @ X"
        ),
        "in dW, X is used as it stands; the sum should go over the examples, which are its rows": edit(
            "X.T", "X"
        ),
        "the order of the three: the gradient of X comes first, then that of W": edit(
            "dZ @ W.T, X.T @ dZ", "X.T @ dZ, dZ @ W.T"
        ),
        "the order of the three: the gradient of X comes first and that of b last": edit(
            "dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)", "X.T @ dZ, dZ.sum(axis=0), dZ @ W.T"
        ),
    },
    drive=in_a_tuple,
    properties=(_is_measured,),
)


def _adds_up(args: Sequence[Any], parts: Parts) -> str:
    X, dZ = args
    yours: Any = parts[RESULT]
    if found := difference(yours.sum(axis=0), X.T @ dZ, 1e-6):
        return f"added up over the examples it is not the gradient of W; {found}"
    return ""


_EXAMPLES = Exercise(
    label="backprop-network-ex-examples",
    reference=example_gradients,
    task=r"""
    $X^\top \bar{Z}$, the gradient with respect to the $W$ of a layer $Z = XW + b$, adds up what the examples
    of a batch have to say. Write `example_gradients(X, dZ)`, which keeps them apart: an array of shape
    $(B, n_\text{in}, n_\text{out})$ whose sum over the first axis is $X^\top \bar{Z}$, where $\bar{Z}$ is
    `dZ`. What is given is float64 and stays as it is; nothing is divided by $B$. Which of the hundred
    points pulls hardest on the first layer, and what is special about the points that do not pull at all?
    """,
    hints=(
        "Take one example. W[j, k] is used once in it, on the way from input j to output k. Which number of X is "
        "it multiplied by there, and which number of dZ says what that is worth?",
        "For one example that is a table of n_in times n_out products: each entry of its row of X with each "
        "entry of its row of dZ.",
        "Without a loop: give both arrays three axes, with size 1 where they do not have one of theirs, and let "
        "broadcasting do the rest.",
    ),
    inputs=(
        call(np.array([[1.5, -2.0], [0.5, 3.0]]), np.array([[0.5, -1.5, 2.0], [-0.75, 4.0, 2.5]])),
        call(np.array([[0.5, -1.5, 3.0]]), np.array([[2.5, -0.25]])),
    ),
    more=lambda draw: call(*_drawn_layer(draw).args[::2]),
    slips={
        "inputs and outputs are swapped: after the examples comes an axis for the inputs, then one for the "
        "outputs": edit("X[:, :, None] * dZ[:, None, :]", "dZ[:, :, None] * X[:, None, :]"),
        "the examples are on the last axis; they should be on the first": edit(
            "X[:, :, None] * dZ[:, None, :]", 'np.einsum("ij,ik->jki", X, dZ)'
        ),
        "that is the sum over the examples already; here each is to be kept apart": edit(
            "X[:, :, None] * dZ[:, None, :]", "X.T @ dZ"
        ),
        "every example has the sum of all; here each should have only what comes from itself": edit(
            "X[:, :, None] * dZ[:, None, :]", "np.stack([X.T @ dZ] * len(X))"
        ),
        "it is divided by B; where the loss is a mean, its 1/B is in dZ already": edit(
            "None, :]", "None, :] / len(X)"
        ),
        "each table is laid out in one row; it should have the shape of W": edit(
            "X[:, :, None] * dZ[:, None, :]", "(X[:, :, None] * dZ[:, None, :]).reshape(len(X), -1)"
        ),
        "np.outer takes both arrays as one long row, so examples meet that have nothing to do "
        "with each other": edit("X[:, :, None] * dZ[:, None, :]", "np.outer(X, dZ)"),
        "the tables are in a list; they should be one array": edit(
            "X[:, :, None] * dZ[:, None, :]", "list(X[:, :, None] * dZ[:, None, :])"
        ),
        "each input is multiplied with the one output that stands in the same place; it goes into every "
        "output": edit("X[:, :, None] * dZ[:, None, :]", "X * dZ"),
    },
    properties=(_adds_up,),
)


_Function = Callable[[Array], float]


def _formula(formula: str, function: _Function) -> Formula:
    return Formula(f"f(x) = {formula}", lambda x: float(function(x)))


_SQUARES = _formula("np.sum(x * x)", lambda x: np.sum(x * x))
_ROWS = _formula("np.sum(x[0] * x[1] ** 3)", lambda x: np.sum(x[0] * x[1] ** 3))
_SINES = _formula("np.sum(np.sin(x[0]) @ x[1])", lambda x: np.sum(np.sin(x[0]) @ x[1]))
_WEIGHED = _formula("np.sum(x[:, 0] ** 3 * x[:, 1])", lambda x: np.sum(x[:, 0] ** 3 * x[:, 1]))

_THREE = np.array([1.5, -2.0, 0.25])
_TABLE = np.array([[0.5, -1.5, 2.0], [1.25, 0.75, -0.5]])
_CUBE = np.array([[[0.5, -1.5], [2.0, 0.25]], [[1.25, -0.75], [3.0, -2.5]]])


def _ravelled(f: _Function, x: Array, h: float) -> Array:
    slopes, flat = [], x.ravel()
    for i, kept in enumerate(flat.copy()):
        flat[i] = kept + h
        above = f(x)
        flat[i] = kept - h
        slopes.append((above - f(x)) / (2 * h))
        flat[i] = kept
    return np.array(slopes).reshape(x.shape)


_NUDGED = edit(
    "gradient[i] = (f(x + step) - f(x - step))",
    "x[i] += h\n        above = f(x)\n        x[i] -= 2 * h\n        gradient[i] = (above - f(x))",
)


def _drawn_formula(draw: Draw) -> Formula:
    a, b = draw.table(2)
    return _formula(f"np.sum({a} * x ** 3 + {b} * x * x)", lambda x: np.sum(a * x**3 + b * x * x))


_NUMERICAL = Exercise(
    label="backprop-network-ex-numerical",
    reference=numerical_gradient,
    task="""
    Write `numerical_gradient(f, x, h)` for a function of one array of any shape, with differences from both
    sides: for each entry of $x$ by itself, how much larger is $f$ where that entry is larger by $h$ than
    where it is smaller by $h$, for each unit of the distance between the two? The result is float64 in the
    shape of $x$, which must be as it was when you are done.
    """,
    hints=(
        "A loop over all entries, whatever the shape: np.ndindex gives the index of each in turn.",
        "Either nudge a copy, or add an array that is 0 everywhere but in one place. And how far apart are the "
        "two places at which f is looked at?",
    ),
    inputs=(
        call(_SQUARES, _THREE, 0.25),
        call(_ROWS, _TABLE, 0.125),
        call(_SINES, _CUBE, 0.01),
        Input(
            (_WEIGHED, _TABLE.T, 0.25),
            f"numerical_gradient(f, array({_TABLE.tolist()}).T, 0.25) where {_WEIGHED.text}",
        ),
    ),
    more=lambda draw: call(_drawn_formula(draw), _array(draw, *draw.sizes(2)), draw.positive(0.5, 2)),
    slips={
        "that is the forward difference, from a step to one side; look to both sides of x": edit(
            "(f(x + step) - f(x - step)) / (2 * h)", "(f(x + step) - f(x)) / h"
        ),
        "the two places are further apart than h, so the slopes are twice too large": edit("(2 * h)", "h"),
        "that is how much f grows between the two places; a slope is growth per unit of distance": edit(
            " / (2 * h)", ""
        ),
        "it is multiplied by h, and should be divided: a / 2 * h is (a / 2) * h": edit("(2 * h)", "2 * h"),
        "the sign is wrong: the value behind is subtracted from the value ahead": edit(
            "f(x + step) - f(x - step)", "f(x - step) - f(x + step)"
        ),
        "x itself is nudged and not put back": _NUDGED,
        "each entry keeps its nudge while the next ones are moved; move one at a time, from the same place": (
            edit("gradient = np", "x = x.copy()\n    gradient = np"),
            _NUDGED,
        ),
        "both places are one and the same array under two names, so there is nothing between them; a second "
        "name makes no copy": (
            edit("step[i] = h", "above = below = x\n        above[i] += h\n        below[i] -= h"),
            edit("f(x + step) - f(x - step)", "f(above) - f(below)"),
        ),
        "all entries are nudged at once, as they are where a number is added to an array; each is to be "
        "nudged alone": edit("step[i]", "step[:]"),
        "all entries of a row are nudged at once, since only the first axis is walked along; each is to be "
        "nudged alone": edit("np.ndindex(x.shape)", "range(len(x))"),
        "the slopes are all in one row; they should have the shape of x": edit(
            "return gradient", "return gradient.ravel()"
        ),
        "the slopes are put into an array of integers, which drops what comes after the point": edit(
            "return gradient", "return gradient.astype(int)"
        ),
        "ravel() and reshape(-1) show the entries of most arrays themselves, but copy those of a transposed "
        "one; nudging the copy does not move x": _ravelled,
    },
)


def _counting_calls(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer; what counts is the result, and how often it calls f."""
    f, *others = args
    calls = 0

    def counted(x: Array) -> float:
        nonlocal calls
        calls += 1
        value: float = f(x)
        return value

    result = answer(counted, *others)
    return {RESULT: result, CALLS: str(calls)}


_DIRECTIONAL = Exercise(
    label="backprop-network-ex-direction",
    reference=directional_error,
    task=r"""
    To check each of a million parameters takes two million forward passes. But one may nudge *all* of them at
    once, by $h$ along some direction $u$ of length 1: then the loss changes at the rate
    $\sum_p \bar{p}\, u_p$, if the gradient $\bar{p}$ is right. Write
    `directional_error(f, x, gradient, direction, h)`, the distance between that rate and the one that is
    measured from both sides, with two calls of $f$. `x`, `gradient` and `direction` are arrays of float64 of
    one shape, which may be any, and stay as they are; `direction` has yet to be made so long that its squared
    entries sum to 1. How often does a random direction find the penalty without its 2, if we ask for an error
    above a millionth of the rate?
    """,
    hints=(
        "The length of the direction is the root of the sum of the squares of all its entries, in however many "
        "rows they stand.",
        "Everything that follows is done with u, and the direction as it was given is not needed any more.",
        "One entry of x was nudged in numerical_gradient by an array that is 0 elsewhere. Here the nudge is h "
        "times u, and all else about the measured slope is the same.",
    ),
    inputs=(call(_SQUARES, _THREE, np.array([3.0, -4.0, 1.5]), np.array([2.0, -3.0, 6.0]), 0.25),),
    more=lambda draw: call(_drawn_formula(draw), *(_array(draw, 3, 5) for _ in "xgd"), draw.positive(0.5, 2)),
    slips={
        "the direction is used as long as it is; it should be given the length 1 first": edit(
            " / np.linalg.norm(direction)", ""
        ),
        "the step goes along the direction as long as it is, but the gradient is multiplied with one of "
        "length 1; both should go along the same u": edit(
            "f(x + h * u) - f(x - h * u)", "f(x + h * direction) - f(x - h * direction)"
        ),
        "the step goes along a direction of length 1, but the gradient is multiplied with the one that was "
        "given; both should go along the same u": edit("gradient * u", "gradient * direction"),
        "the step is h times as long as the direction that was given; its length should be h": edit(
            "    measured", "    h = h * np.linalg.norm(direction)\n    measured"
        ),
        "the direction is divided by the sum of its squares; the length is the root of that": edit(
            "np.linalg.norm(direction)", "np.sum(direction**2)"
        ),
        "the direction is divided by the sum of its entries without their signs; the length comes from their "
        "squares": edit("np.linalg.norm(direction)", "np.sum(np.abs(direction))"),
        "each row is given the length 1 by itself; all entries together are one direction": edit(
            "norm(direction)", "norm(direction, axis=-1, keepdims=True)"
        ),
        "that measures with one step, forward from x; look to both sides of it": edit(
            "(f(x + h * u) - f(x - h * u)) / (2 * h)", "(f(x + h * u) - f(x)) / h"
        ),
        "the measured slope is twice too large: the two places are further apart than h": edit(
            "(2 * h)", "h"
        ),
        "the growth of f is not divided by the distance between the two places": edit(" / (2 * h)", ""),
        "a difference of two slopes may be below 0; how far apart they are has no sign": edit("abs(", "("),
        "the error is a share of the slopes; here it is the plain distance": edit(
            "gradient * u)", "gradient * u)) / (abs(measured) + abs(np.sum(gradient * u))"
        ),
        "the products of gradient and direction are averaged; a slope along a direction is their sum": edit(
            "np.sum", "np.mean"
        ),
        "@ is a matrix product as soon as there are two axes; here entries are multiplied with those in the "
        "same place, and all of it is added up": edit(
            "float(abs(measured - np.sum(gradient * u)))", "abs(measured - gradient @ u)"
        ),
        "each entry of x is nudged by itself, which costs two evaluations for each; one step along the "
        "direction, forward and back, is enough": edit(
            "(f(x + h * u) - f(x - h * u)) / (2 * h)", "np.sum(numerical_gradient(f, x, h) * u)"
        ),
    },
    drive=_counting_calls,
)

EXERCISES = [_LINEAR, _EXAMPLES, _NUMERICAL, _DIRECTIONAL]
