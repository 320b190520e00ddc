"""The exercises of the chapter on the engine: slopes by hand, measured, and carried back."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from nnz.engine import Value, new_node
from nnz.exercises._observe import GRADIENTS, RESULT, Parts, with_gradients
from nnz.exercises.exercise import Exercise, Slip
from nnz.exercises.inputs import Formula, call


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
    """Return the slope of f at the point along each number in turn, measured by one step of h forward."""
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
    """Return the slope of f at the point along each number in turn, measured by h to either side."""
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
            return f"the slope measured along {'abc'[i]} differs by {abs(yours[i] - slope):.4f}"
    return ""


def _gradient_slip(
    by_a: Callable[[float], float] = lambda a: gradient(a, 1.0, 1.0)[0],
    by_b: Callable[[float], float] = lambda b: gradient(1.0, b, 1.0)[1],
    by_c: Callable[[float], float] = lambda c: gradient(1.0, 1.0, c)[2],
) -> Callable[[float, float, float], list[float]]:
    return lambda a, b, c: [by_a(a), by_b(b), by_c(c)]


_GRADIENT = Exercise(
    label="engine-ex-gradient",
    reference=gradient,
    task="Differentiate f(a, b, c) = -a**3 + sin(3*b) - 1/c + b**2.5 - a**0.5 on paper, for positive "
    "numbers, and write gradient(a, b, c), which returns the three derivatives as a list.",
    hints=(
        "Take one letter at a time; every term without it is a constant, and its derivative is 0.",
        "Each term but the sine is a number times a power. A root and a reciprocal are powers too.",
        "For the sine there is the chain rule: what stands inside has a derivative of its own.",
    ),
    inputs=(call(1.0, 1.0, 1.0), call(2.0, 3.0, 4.0), call(0.25, 0.7, 2.5)),
    slips=(
        Slip(
            "the sign of the derivative of -1/c: the reciprocal falls as c grows, and it is subtracted",
            _gradient_slip(by_c=lambda c: -1 / c**2),
        ),
        Slip(
            "the chain rule in the sine: the derivative of what stands inside it is a factor",
            _gradient_slip(by_b=lambda b: math.cos(3 * b) + 2.5 * b**1.5),
        ),
        Slip(
            "the exponent of the square root has to come down as a factor",
            _gradient_slip(by_a=lambda a: -3 * a**2 - 1 / math.sqrt(a)),
        ),
        Slip(
            "the exponent 2.5 has to come down as a factor of the power of b",
            _gradient_slip(by_b=lambda b: 3 * math.cos(3 * b) + b**1.5),
        ),
        Slip(
            "the power of b has kept its exponent; it should be less by one",
            _gradient_slip(by_b=lambda b: 3 * math.cos(3 * b) + 2.5 * b**2.5),
        ),
    ),
    properties=(_is_the_slope,),
)


_SQUARE = Formula("f(x) = x * x", lambda x: x * x)
_PRODUCT = Formula("f(x, y) = x * y * y", lambda x, y: x * y * y)
_LECTURE = Formula("f(a, b, c) = -a**3 + sin(3*b) - 1/c + b**2.5 - a**0.5", _lecture)
_POINTS = (call(_SQUARE, [3.0], 0.5), call(_PRODUCT, [2.0, -1.5], 0.5), call(_LECTURE, [2.0, 3.0, 4.0], 0.01))
_Function = Callable[..., float]


def _moved(point: Sequence[float], i: int, step: float) -> list[float]:
    return [x + step if j == i else x for j, x in enumerate(point)]


def _forward_times(
    factor: Callable[[float], float],
) -> Callable[[_Function, Sequence[float], float], list[float]]:
    return lambda f, point, h: [slope * factor(h) for slope in forward_difference(f, point, h)]


def _symmetric_times(factor: float) -> Callable[[_Function, Sequence[float], float], list[float]]:
    return lambda f, point, h: [slope * factor for slope in symmetric_difference(f, point, h)]


def _backward_difference(f: _Function, point: Sequence[float], h: float) -> list[float]:
    return forward_difference(f, point, -h)


def _forward_drifting(f: _Function, point: list[float], h: float) -> list[float]:
    return _forward_in_place(f, list(point), h)


def _forward_in_place(f: _Function, point: list[float], h: float) -> list[float]:
    here = f(*point)
    slopes = []
    for i in range(len(point)):
        point[i] += h
        slopes.append((f(*point) - here) / h)
    return slopes


def _symmetric_drifting(f: _Function, point: list[float], h: float) -> list[float]:
    return _symmetric_in_place(f, list(point), h)


def _symmetric_in_place(f: _Function, point: list[float], h: float) -> list[float]:
    slopes = []
    for i in range(len(point)):
        point[i] += h
        above = f(*point)
        point[i] -= 2 * h
        slopes.append((above - f(*point)) / (2 * h))
    return slopes


_FORWARD = Exercise(
    label="engine-ex-forward-difference",
    reference=forward_difference,
    task="Write forward_difference(f, point, h), which measures the gradient of f at a point: for each "
    "number, how much f(*point) grows when that number alone grows by h, per unit of h. It returns a "
    "list and leaves the point as it is.",
    hints=(
        "The value at the point itself is needed once, the value after a step once for each number.",
        "Make a new list for each step, in which only one number is different.",
    ),
    inputs=_POINTS,
    slips=(
        Slip("that is how much f grows; a slope is growth per unit of h", _forward_times(lambda h: h)),
        Slip(
            "each number keeps its step while the next ones are moved; move one at a time, from the same point",
            _forward_drifting,
        ),
        Slip("the list point itself is moved and not moved back; work on a copy", _forward_in_place),
        Slip(
            "that is the symmetric difference, which steps to both sides; here one step forward is asked for",
            symmetric_difference,
        ),
        Slip("that steps backward; the step should be forward", _backward_difference),
        Slip(
            "the sign: it is the value after the step less the value before it",
            _forward_times(lambda h: -1.0),
        ),
    ),
)


_SYMMETRIC = Exercise(
    label="engine-ex-symmetric-difference",
    reference=symmetric_difference,
    task="Write symmetric_difference(f, point, h), which measures the gradient of f at a point from a step of h "
    "forward and a step of h back along each number. It returns a list and leaves the point as it is.",
    hints=(
        "The value at the point itself is not needed at all.",
        "How far apart are the two places at which f is looked at?",
    ),
    inputs=_POINTS,
    slips=(
        Slip(
            "the two places are further apart than h, so the slopes are twice too large",
            _symmetric_times(2.0),
        ),
        Slip("that is the forward difference; look to both sides of the point", forward_difference),
        Slip("the sign: it is the value ahead less the value behind", _symmetric_times(-1.0)),
        Slip(
            "each number keeps its step while the next ones are moved; move one at a time, from the same point",
            _symmetric_drifting,
        ),
        Slip("the list point itself is moved and not moved back; work on a copy", _symmetric_in_place),
    ),
)


def _logits(*numbers: float) -> list[Value]:
    return [Value(number) for number in numbers]


def _drawn_logits(seed: int, n: int) -> list[Value]:
    rng = random.Random(seed)
    return _logits(*(rng.gauss(0, 2) for _ in range(n)))


def _naive_softmax(logits: Sequence[Value], target: int) -> Value:
    powers = [logit.exp() for logit in logits]
    return powers[target] / sum(powers, Value(0))


def _naive_nll(logits: Sequence[Value], target: int) -> Value:
    return -_naive_softmax(logits, target).log()


def _loss_without_target_below(logits: Sequence[Value], target: int) -> Value:
    others = [logit.exp() for i, logit in enumerate(logits) if i != target]
    return sum(others, Value(0)).log() - logits[target]


def _cut_nll(logits: Sequence[Value], target: int) -> Value:
    return Value(softmax_nll(logits, target).data)


def _mean_nll(logits: Sequence[Value], target: int) -> Value:
    losses = [softmax_nll(logits, i) for i in range(len(logits))]
    return sum(losses, Value(0)) / len(losses)


def _gradients_cancel(args: Sequence[Any], parts: Parts) -> str:
    gradients: Any = parts[GRADIENTS]
    if abs(total := sum(gradients)) > 1e-6:
        return f"adding one number to all logits must not change the loss, but the gradients add up to {total:.6g}"
    return ""


_SOFTMAX = Exercise(
    label="engine-ex-softmax-nll",
    reference=softmax_nll,
    task="Write softmax_nll(logits, target) for a list of Values and an index: make probabilities of the "
    "logits with softmax, and return the negative natural logarithm of the target's, as a Value that "
    "backward() can start from. It should survive logits of 1000.",
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
        call(_logits(1000.0, 1001.0, 999.0), 2),
    ),
    slips=(
        Slip(
            "the sign: the logarithm of a probability is negative, and a loss is not",
            lambda logits, target: -softmax_nll(logits, target),
        ),
        Slip(
            "the logarithm is to base 10; the natural one is asked for",
            lambda logits, target: softmax_nll(logits, target) / math.log(10),
        ),
        Slip(
            "the calculation leaves the graph, as it does where .data is taken: do it with Values", _cut_nll
        ),
        Slip(
            "that is the probability itself, before the negative logarithm",
            lambda logits, target: (-softmax_nll(logits, target)).exp(),
        ),
        Slip("the sum below leaves the target out; it goes over all logits", _loss_without_target_below),
        Slip(
            "that is the average over all possible targets; only the target's probability counts", _mean_nll
        ),
        Slip(
            "exp of a large logit is larger than any float; make the logits smaller first, all by the same "
            "number",
            _naive_nll,
        ),
    ),
    drive=with_gradients,
    properties=(_gradients_cancel,),
)


def _minimum(x: Value, y: Value) -> Value:
    return -maximum(-x, -y)


def _sharing_maximum(x: Value, y: Value) -> Value:
    return new_node(max(x.data, y.data), "max", x, 1.0, y, 1.0)


def _swapped_maximum(x: Value, y: Value) -> Value:
    larger, smaller = max(x.data, y.data), x if x < y else y
    return new_node(larger, "max", smaller, 1.0)


_MAXIMUM = Exercise(
    label="engine-ex-maximum",
    reference=maximum,
    task="Write maximum(x, y) for two Values with nnz.engine.new_node: a new Value that holds the larger of "
    "the two, and hands its gradient on to that one alone. What happens where they are equal is up to "
    "you.",
    hints=(
        "new_node is told the result, a name for the operation, and each operand with its local derivative.",
        "If the larger number grows a little, by how much does the result grow? And if the smaller does?",
    ),
    inputs=(
        call(Value(1.0), Value(3.0)),
        call(Value(2.5), Value(-1.5)),
        call(Value(-0.75), Value(-2.0)),
        call(Value(-4.0), Value(-0.5)),
    ),
    slips=(
        Slip(
            "both operands have local derivative 1, but the result does not move with the smaller one",
            _sharing_maximum,
        ),
        Slip(
            "the gradient goes to the smaller of the two; the result moves with the larger", _swapped_maximum
        ),
        Slip(
            "a Value made of a plain number has no operands; new_node is told them",
            lambda x, y: Value(max(x.data, y.data)),
        ),
        Slip("that is the smaller of the two", _minimum),
        Slip(
            "one of the two Values was handed back; the exercise asks for a new node that has them as operands",
            lambda x, y: max(x, y),
        ),
    ),
    drive=with_gradients,
)


def _second_times(factor: Callable[[float], float]) -> Callable[[_Function, float, float], float]:
    return lambda f, x, h: second_derivative(f, x, h) * factor(h)


_SECOND = Exercise(
    label="engine-ex-second-derivative",
    reference=second_derivative,
    task="Write second_derivative(f, x, h), which measures how fast the slope of f changes at x, from the "
    "values of f at x and at h to either side.",
    hints=(
        "Between x and the place ahead there is one slope, between the place behind and x another.",
        "How much does the slope grow from the one to the other, and how far is it from the middle of the first "
        "stretch to the middle of the second?",
    ),
    inputs=(
        call(_SQUARE, 3.0, 0.5),
        call(Formula("f(x) = x**3 - 2 * x", lambda x: x**3 - 2 * x), -1.5, 0.25),
        call(Formula("f(x) = exp(x) * sin(x)", lambda x: math.exp(x) * math.sin(x)), 0.7, 0.01),
    ),
    slips=(
        Slip(
            "it is divided by h once; a change of slope per unit of h needs it twice",
            _second_times(lambda h: h),
        ),
        Slip(
            "the value in the middle counts for two, once for each slope",
            lambda f, x, h: (f(x + h) - f(x) + f(x - h)) / h**2,
        ),
        Slip("it is divided by 2 h, as in the symmetric first derivative", _second_times(lambda h: h / 2)),
        Slip(
            "that is the first derivative: the value in the middle is missing",
            lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h),
        ),
        Slip("the sign: the value in the middle is what is taken away", _second_times(lambda h: -1.0)),
    ),
)

EXERCISES = [_GRADIENT, _FORWARD, _SYMMETRIC, _SOFTMAX, _MAXIMUM, _SECOND]
