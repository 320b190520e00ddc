"""The exercises of the chapter on the engine: gradients by hand, measured, and carried back."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from nnz.engine import Value, new_node
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Formula, Input, call
from nnz.exercises.checker.observe import GRADIENTS, RESULT, Parts, with_gradients


def gradient(a: float, b: float, c: float) -> list[float]:
    """Return the gradient of -a**3 + sin(3*b) - 1/c + b**2.5 - a**0.5 as a list of three numbers."""
    return [
        -3 * a**2 - 0.5 / math.sqrt(a),
        3 * math.cos(3 * b) + 2.5 * b**1.5,
        1 / c**2,
    ]


def forward_difference(
    f: Callable[..., float],
    point: Sequence[float],
    h: float,
) -> list[float]:
    """Return the gradient of f at the point, each part measured by one step of h forward."""
    here = f(*point)
    slopes = []
    for i, x in enumerate(point):
        moved = [*point[:i], x + h, *point[i + 1 :]]
        slopes.append((f(*moved) - here) / h)
    return slopes


def symmetric_difference(
    f: Callable[..., float],
    point: Sequence[float],
    h: float,
) -> list[float]:
    """Return the gradient of f at the point, each part measured by a step of h to either side."""
    slopes = []
    for i, x in enumerate(point):
        above = f(*point[:i], x + h, *point[i + 1 :])
        below = f(*point[:i], x - h, *point[i + 1 :])
        slopes.append((above - below) / (2 * h))
    return slopes


def softmax_nll(logits: Sequence[Value], target: int) -> Value:
    """Return the negative log of the probability that softmax gives the target, as one Value."""
    highest = max(logit.data for logit in logits)
    shifted = [logit - highest for logit in logits]
    total = sum((logit.exp() for logit in shifted), Value(0))
    return total.log() - shifted[target]


def maximum(x: Value, y: Value) -> Value:
    """Return a new node that holds the larger of two Values; the gradient goes to that one alone."""
    if x.data > y.data:
        return new_node(x.data, "max", x, 1.0, y, 0.0)
    return new_node(y.data, "max", x, 0.0, y, 1.0)


def second_derivative(f: Callable[[float], float], x: float, h: float) -> float:
    """Return the second derivative of f at x, measured from three of its values, h apart."""
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


def _lecture(a: float, b: float, c: float) -> float:
    return -(a**3) + math.sin(3 * b) - 1 / c + math.pow(b, 2.5) - math.sqrt(a)


def _is_the_slope(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    for i, slope in enumerate(symmetric_difference(_lecture, list(args), 1e-4)):
        if not math.isclose(yours[i], slope, rel_tol=1e-4, abs_tol=1e-4):
            return (
                f"the measured derivative with respect to {'abc'[i]} differs by {abs(yours[i] - slope):.4f}"
            )
    return ""


_GRADIENT = Exercise(
    label="engine-ex-gradient",
    reference=gradient,
    task=r"""
    Find the gradient of

    $$
    f(a, b, c) = -a^3 + \sin 3b - \frac{1}{c} + b^{5/2} - \sqrt{a}
    $$

    on paper, for positive numbers, and write `gradient(a, b, c)`, which returns its three parts as a list.
    The derivative of the sine is the cosine.
    """,
    hints=(
        "Take one letter at a time; every term without it is a constant, and its derivative is 0.",
        "Each term but the sine is a number times a power. A root and a reciprocal are powers too.",
        "For the sine there is the chain rule: what stands inside has a derivative of its own.",
    ),
    inputs=(call(1.0, 1.0, 1.0), call(2.0, 3.0, 4.0), call(0.25, 0.7, 2.5)),
    more=lambda draw: call(*(draw.positive(4) for _ in "abc")),
    slips={
        "the sign of the derivative of -1/c: the reciprocal falls as c grows, and it is subtracted": edit(
            "1 / c**2", "-1 / c**2"
        ),
        "the chain rule in the sine: the derivative of what stands inside it is a factor": edit(
            "3 * math.cos", "math.cos"
        ),
        "the exponent of the square root has to come down as a factor": edit(
            "0.5 / math.sqrt(a)", "1 / math.sqrt(a)"
        ),
        "the exponent 2.5 has to come down as a factor of the power of b": edit("2.5 * b", "b"),
        "the power of b has kept its exponent; it should be less by one": edit("b**1.5", "b**2.5"),
    },
    properties=(_is_the_slope,),
)


_SQUARE = Formula("f(x) = x * x", lambda x: x * x)
_PRODUCT = Formula("f(x, y) = x * y * y", lambda x, y: x * y * y)
_LECTURE = Formula("f(a, b, c) = -a**3 + sin(3*b) - 1/c + b**2.5 - a**0.5", _lecture)
_POINTS = (call(_SQUARE, [3.0], 0.5), call(_PRODUCT, [2.0, -1.5], 0.5), call(_LECTURE, [2.0, 3.0, 4.0], 0.01))


_MOVED = edit("[*point[:i], x + h, *point[i + 1 :]]", "point\n        moved[i] = x + h")
_MOVED_TWICE = (
    edit("above = f(*point[:i], x + h, *point[i + 1 :])", "point[i] = x + h\n        above = f(*point)"),
    edit("below = f(*point[:i], x - h, *point[i + 1 :])", "point[i] = x - h\n        below = f(*point)"),
)


def _drawn_point(draw: Draw) -> Input:
    a, b = draw.table(2)
    f = Formula(f"f(x, y, z) = {a} * x * x * y + {b} * y * z", lambda x, y, z: a * x * x * y + b * y * z)
    return call(f, draw.table(3), draw.positive(0.5, 2))


_FORWARD = Exercise(
    label="engine-ex-forward-difference",
    reference=forward_difference,
    task="""
    Write `forward_difference(f, point, h)`, which measures the gradient of `f` at a point: it nudges each
    coordinate of the list `point` in turn by $h$ and returns the list of ratios, by how much `f(*point)`
    grows per unit of $h$. `f` takes the coordinates as separate arguments, and `point` stays as it is.
    """,
    hints=(
        "The value at the point itself is needed once, the value after a step once for each number.",
        "Make a new list for each step, in which only one number is different.",
    ),
    inputs=_POINTS,
    more=_drawn_point,
    slips={
        "that is how much f grows; a derivative is growth per unit of h": edit(
            "(f(*moved) - here) / h", "f(*moved) - here"
        ),
        "each number keeps its step while the next ones are moved; move one at a time, from the same point": (
            edit("here = f(*point)", "here, point = f(*point), list(point)"),
            _MOVED,
        ),
        "the list point itself is moved and not moved back; work on a copy": _MOVED,
        "that is the symmetric difference, which steps to both sides; here one step forward "
        "is asked for": symmetric_difference,
        "that steps backward; the step should be forward": (
            edit("x + h", "x - h"),
            edit("f(*moved) - here", "here - f(*moved)"),
        ),
        "the sign: it is the value after the step less the value before it": edit(
            "f(*moved) - here", "here - f(*moved)"
        ),
    },
)


_SYMMETRIC = Exercise(
    label="engine-ex-symmetric-difference",
    reference=symmetric_difference,
    task="""
    Write `symmetric_difference(f, point, h)` in the same way, from a step of $h$ forward and a step of $h$
    back along each coordinate. With the function of the first exercise and $h = 10^{-6}$, how much nearer
    does it come to the truth?
    """,
    hints=(
        "The value at the point itself is not needed at all.",
        "How far apart are the two places at which f is looked at?",
    ),
    inputs=_POINTS,
    more=_drawn_point,
    slips={
        "the two places are 2 h apart, so dividing by h gives twice the gradient": edit("(2 * h)", "h"),
        "that is the forward difference; look to both sides of the point": forward_difference,
        "the sign: it is the value at x + h less that at x - h": edit("above - below", "below - above"),
        "each number keeps its step while the next ones are moved; move one at a time, from the same point": (
            edit("slopes = []", "slopes, point = [], list(point)"),
            *_MOVED_TWICE,
        ),
        "the list point itself is moved and not moved back; work on a copy": _MOVED_TWICE,
    },
)


def _logits(*numbers: float) -> list[Value]:
    return [Value(number) for number in numbers]


def _drawn_logits(seed: int, n: int) -> list[Value]:
    rng = random.Random(seed)
    return _logits(*(rng.gauss(0, 2) for _ in range(n)))


def _gradients_cancel(args: Sequence[Any], parts: Parts) -> str:
    gradients: Any = parts[GRADIENTS]
    if abs(total := sum(gradients)) > 1e-6:
        return f"adding one number to all logits must not change the loss, but the gradients add up to {total:.6g}"
    return ""


_SOFTMAX = Exercise(
    label="engine-ex-softmax-nll",
    reference=softmax_nll,
    task=r"""
    The **softmax** of a list of numbers $z_1, \dots, z_n$ is the list of $e^{z_i} / \sum_j e^{z_j}$: positive
    numbers that add up to one. Write `softmax_nll(logits, target)`, which takes a list of Values, here called
    *logits*, and an index, and returns $-\log$ of the softmax at that index, as a Value that `backward()` can
    start from. It is the loss of nearly every network in this book. It should also survive logits of $1000$;
    subtracting the same number from all of them changes nothing.
    """,
    hints=(
        "The probability is a ratio of exponentials; the logarithm of a ratio is a difference.",
        "Stay with Values and their methods from the logits to the result, or no gradient finds its way back.",
        "Probabilities do not change if all logits become smaller by the same plain number. Which number makes "
        "every exponential at most 1?",
    ),
    inputs=(
        call(_logits(0.5, -1.0), 0),
        call(_logits(0.0, 3.0, -2.0, 1.0), 3),
        call(_drawn_logits(1, 6), 2),
        call(_logits(1000.0, 1001.0, -999.0), 2),
    ),
    more=lambda draw: call(_logits(*draw.table(n := draw.size())), draw.whole(high=n - 1)),
    slips={
        "the sign: the logarithm of a probability is negative, and a loss is not": edit(
            "total.log() - shifted[target]", "shifted[target] - total.log()"
        ),
        "the logarithm is to base 10; the natural one is asked for": edit(
            "total.log() - shifted[target]", "(total.log() - shifted[target]) / math.log(10)"
        ),
        "the calculation leaves the graph, as it does where .data is taken: do it with Values": edit(
            "total.log() - shifted[target]", "Value((total.log() - shifted[target]).data)"
        ),
        "that is the probability itself, before the negative logarithm": edit(
            "total.log() - shifted[target]", "shifted[target].exp() / total"
        ),
        "the sum below leaves the target out; it goes over all logits": edit(
            "for logit in shifted", "for i, logit in enumerate(shifted) if i != target"
        ),
        "that is the average over all possible targets; only the target's probability counts": edit(
            "shifted[target]", "sum(shifted, Value(0)) / len(logits)"
        ),
        "exp of a large logit is larger than any float; make the logits smaller first, all by the same "
        "number": edit("max(logit.data for logit in logits)", "0"),
        "exp of a large logit is larger than any float, and a ratio of two such is no number; make the logits "
        "smaller first, all by the same number": (
            edit("max(logit.data for logit in logits)", "0"),
            edit("total.log() - shifted[target]", "-(shifted[target].exp() / total).log()"),
        ),
    },
    drive=with_gradients,
    properties=(_gradients_cancel,),
)


_MAXIMUM = Exercise(
    label="engine-ex-maximum",
    reference=maximum,
    task="""
    With `nnz.engine.new_node`, write `maximum(x, y)`, the larger of two Values as a single operation: a new
    Value that hands its gradient on to the larger one alone. What are its local derivatives? (Where the two
    are equal there is a corner, and you may choose.)
    """,
    hints=(
        "new_node is told the result, a name for the operation, and each operand with its local derivative. The "
        "chapter's tanh is made in the same way, of one operand.",
        "If the larger number grows a little, by how much does the result grow? And if the smaller does?",
    ),
    inputs=(
        call(Value(1.0), Value(3.0)),
        call(Value(2.5), Value(-1.5)),
        call(Value(-0.75), Value(-2.0)),
        call(Value(-4.0), Value(-0.5)),
    ),
    more=lambda draw: call(Value(draw.number()), Value(draw.number())),
    slips={
        "both operands have local derivative 1, but the result does not move with the smaller one": (
            edit("x, 1.0, y, 0.0", "x, 1.0, y, 1.0"),
            edit("x, 0.0, y, 1.0", "x, 1.0, y, 1.0"),
        ),
        "the gradient goes to the smaller of the two; the result moves with the larger": (
            edit("x, 1.0, y, 0.0", "x, 0.0, y, 1.0"),
            edit("x, 0.0, y, 1.0", "x, 1.0, y, 0.0"),
        ),
        "a Value made of a plain number has no operands; new_node is told them": lambda x, y: Value(
            max(x.data, y.data)
        ),
        "that is the smaller of the two": edit("x.data > y.data", "x.data < y.data"),
        "one of the two Values was handed back; the exercise asks for a new node that has "
        "them as operands": lambda x, y: max(x, y),
    },
    drive=with_gradients,
)


def _drawn_curve(draw: Draw) -> Input:
    a, b = draw.table(2)
    f = Formula(f"f(x) = {a} * x**3 + {b} * x * x", lambda x: a * x**3 + b * x * x)
    return call(f, draw.number(), draw.positive(0.5, 2))


_SECOND = Exercise(
    label="engine-ex-second-derivative",
    reference=second_derivative,
    task="""
    The second derivative is the derivative of the derivative. The engine cannot find it, since a gradient is
    a plain number and not a Value. Find it by nudging: write `second_derivative(f, x, h)` from $f(x - h)$,
    $f(x)$ and $f(x + h)$. Which $h$ is good?
    """,
    hints=(
        "Between x and x + h there is one slope, between x - h and x another.",
        "How much does the slope grow from the one to the other, and how far is it from the middle of the first "
        "stretch to the middle of the second?",
    ),
    inputs=(
        call(_SQUARE, 3.0, 0.5),
        call(Formula("f(x) = x**3 - 2 * x", lambda x: x**3 - 2 * x), -1.5, 0.25),
        call(Formula("f(x) = exp(x) * sin(x)", lambda x: math.exp(x) * math.sin(x)), 0.7, 0.01),
    ),
    more=_drawn_curve,
    slips={
        "it is divided by h once; a change of slope per unit of h needs it twice": edit("h**2", "h"),
        "the value in the middle counts for two, once for each slope": edit("2 * f(x)", "f(x)"),
        "it is divided by 2 h, as in the symmetric first derivative": edit("h**2", "(2 * h)"),
        "that is the first derivative: the value in the middle is missing": (
            edit("- 2 * f(x) + ", "- "),
            edit("h**2", "(2 * h)"),
        ),
        "the sign: the value in the middle is what is taken away": edit(
            "f(x + h) - 2 * f(x) + f(x - h)", "2 * f(x) - f(x + h) - f(x - h)"
        ),
    },
)

EXERCISES = [_GRADIENT, _FORWARD, _SYMMETRIC, _SOFTMAX, _MAXIMUM, _SECOND]
