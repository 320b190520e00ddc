"""The exercises of the page `live`: the heart of the engine, written again on the chapter's small Number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnz.exercises.checker.compare import kind
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input
from nnz.exercises.checker.observe import RESULT, Answer, Parts

DATA = "the data of the result"
OPERANDS = "the operands of the result"
SLOPE = "the slope that the result keeps"
_UNKNOWN = "a number that was not given"


class Number:
    """The small number of the chapter on the engine: data, a gradient, and operands, each with its slope.

    >>> total = Number(5, [(Number(2), 1.0), (Number(3), 1.0)])
    >>> total.data, total.grad, total.operands
    (5, 0.0, [(Number(2), 1.0), (Number(3), 1.0)])
    """

    def __init__(self, data: float, operands: Sequence[tuple[Number, float]] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.operands = operands

    def __repr__(self) -> str:
        return f"Number({self.data!r})"


def __add__(self: Number, other: Number) -> Number:
    """Return the sum of two Numbers as a new one, which keeps both with their slopes."""
    pairs = [(self, 1.0), (other, 1.0)]
    return Number(self.data + other.data, pairs)


def __mul__(self: Number, other: Number) -> Number:
    """Return the product of two Numbers as a new one, which keeps both with their slopes."""
    pairs = [(self, other.data), (other, self.data)]
    return Number(self.data * other.data, pairs)


def backward(root: Number) -> None:
    """Leave in the grad of each Number that root was computed from the derivative of root with respect to it."""
    order: list[Number] = []

    def visit(node: Number) -> None:
        if node not in order:
            for operand, _ in node.operands:
                visit(operand)
            order.append(node)

    visit(root)
    root.grad = 1.0
    for node in reversed(order):
        for operand, slope in node.operands:
            operand.grad += slope * node.grad


def _kept(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call an answer that makes a Number of two; what counts is its data, and what it keeps of which operand."""
    result: Any = answer(*args)
    if result is None or result is ...:
        return {RESULT: result}
    is_number = hasattr(result, "data") and hasattr(result, "operands")
    what = "a Number" if is_number else "a plain number" if kind(result) == "a number" else kind(result)
    slopes = {"self": 0.0, "other": 0.0}
    found = set()
    for node, slope in result.operands if is_number else ():
        which = "self" if node is args[0] else "other" if node is args[1] else _UNKNOWN
        found.add(which)
        slopes[which] = slopes.get(which, 0.0) + slope
    known = [which for which in ("self", "other", _UNKNOWN) if which in found]
    kept = {f"{SLOPE} for {which}": slopes[which] for which in ("self", "other")}
    data = result.data if is_number else 0.0
    return {RESULT: what, DATA: data, OPERANDS: " and ".join(known) or "none", **kept}


def _pair(a: float, b: float, name: str) -> Input:
    return Input((Number(a), Number(b)), f"{name}(Number({a}), Number({b}))")


def _twice(a: float, name: str) -> Input:
    both = Number(a)
    return Input((both, both), f"{name}(a, a) where a = Number({a})")


def _inputs(name: str) -> tuple[Input, ...]:
    return _pair(2.0, 3.0, name), _pair(-1.5, 0.5, name), _twice(4.0, name), _pair(0.0, -2.5, name)


_FORGETS = "the result has forgotten what it was made of: Number takes the pairs as its second argument"
_PLAIN = "that is a plain number, which keeps nothing: make a Number of it"

_ADD = Exercise(
    label="live-ex-add",
    reference=__add__,
    task="""
    Write `__add__(self, other)`, which Python calls for `self + other`: a new `Number` that holds the sum, and
    keeps both operands, each in a pair with its slope. `Number(data, operands)` makes one, `data` is its number.
    """,
    hints=(
        "Nudge one of the two a little. By how much does the sum grow, per unit of the nudge?",
        "A pair is an operand and its slope; Number takes a list of two of them after the data.",
    ),
    inputs=_inputs("__add__"),
    more=lambda draw: _pair(draw.number(), draw.number(), "__add__"),
    slips={
        _FORGETS: edit("other.data, pairs", "other.data"),
        "those are the slopes of a product; a sum grows by as much as either operand is nudged": edit(
            "(self, 1.0), (other, 1.0)", "(self, other.data), (other, self.data)"
        ),
        "only self is kept; the sum was made of both": edit("(self, 1.0), (other, 1.0)", "(self, 1.0)"),
        _PLAIN: edit("Number(self.data + other.data, pairs)", "self.data + other.data"),
        "the operands are kept as new Numbers; keep the very ones, or no gradient finds its "
        "way to them": edit(
            "(self, 1.0), (other, 1.0)", "(Number(self.data), 1.0), (Number(other.data), 1.0)"
        ),
        "self is changed, and is now the sum; later uses of it would be wrong": edit(
            "    return Number(self.data + other.data, pairs)",
            "    self.data += other.data\n    return self",
        ),
    },
    drive=_kept,
)

_MUL = Exercise(
    label="live-ex-mul",
    reference=__mul__,
    task="""
    Write `__mul__(self, other)`, which Python calls for `self * other`: a new `Number` that holds the product,
    and keeps both operands, each in a pair with its slope.
    """,
    hints=(
        "Let the one be 2 and the other 3. If the 2 becomes 2.001, by how much does the product grow?",
        "The slope with respect to one operand is found at the other.",
    ),
    inputs=_inputs("__mul__"),
    more=lambda draw: _pair(draw.number(), draw.number(), "__mul__"),
    slips={
        "each slope is the operand itself; the product grows by the other one per unit of the nudge": edit(
            "(self, other.data), (other, self.data)", "(self, self.data), (other, other.data)"
        ),
        "those are the slopes of a sum; nudging one factor counts as often as the other factor says": edit(
            "(self, other.data), (other, self.data)", "(self, 1.0), (other, 1.0)"
        ),
        _FORGETS: edit("other.data, pairs", "other.data"),
        "that is the sum": edit("self.data * other.data", "self.data + other.data"),
        _PLAIN: edit("Number(self.data * other.data, pairs)", "self.data * other.data"),
        "each slope is the whole product; it is the factor that stands beside the operand": edit(
            "(self, other.data), (other, self.data)",
            "(self, self.data * other.data), (other, self.data * other.data)",
        ),
    },
    drive=_kept,
)


def _graph(text: str) -> Input:
    """Return the input that is the last of some Numbers, made by lines such as "a = 3; L = a * a"."""
    nodes: dict[str, Number] = {}
    shown = []
    for line in text.split("; "):
        name, formula = line.split(" = ")
        one, *rest = formula.split(" ")
        if rest:
            sign, other = rest
            nodes[name] = (__add__ if sign == "+" else __mul__)(nodes[one], nodes[other])
        else:
            nodes[name] = Number(float(one))
        shown.append(line if rest else f"{name} = Number({one})")
    return Input((nodes[name], nodes), f"backward({name}) where {', '.join(shown)}")


def _gradients(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call an answer that goes back from a Number; what counts is the gradient of each."""
    root, nodes = args
    result = answer(root)
    found = {name: node.grad for name, node in nodes.items()}
    if not any(found.values()) and (result is None or result is ...):
        raise NotImplementedError
    return {f"the gradient of {name}": grad for name, grad in reversed(found.items())}


def _drawn_graph(draw: Draw) -> Input:
    names = ["a", "b"]
    lines = [f"{name} = {draw.number()}" for name in names]
    for name in "pqL":
        one, other = names[-1], names[draw.rng.randrange(len(names))]
        lines.append(f"{name} = {one} {draw.rng.choice('+*')} {other}")
        names.append(name)
    return _graph("; ".join(lines))


def _at_once(root: Number) -> None:
    def pass_on(node: Number, grad: float) -> None:
        node.grad += grad
        for operand, slope in node.operands:
            pass_on(operand, slope * node.grad)

    pass_on(root, 1.0)


_BACKWARD = Exercise(
    label="live-ex-backward",
    reference=backward,
    task="""
    Write `backward(root)`, which leaves in `grad` of every `Number` that `root` was computed from the derivative
    of `root` with respect to it, and returns nothing. All gradients are 0 when it begins. A Number that is used
    twice gets what both uses pass on, and none passes on its gradient before that is complete.
    """,
    hints=(
        "The derivative of root with respect to itself is known; begin with it.",
        "First put the Numbers in an order in which each stands after its operands. A function that calls itself "
        "for the operands does it.",
        "In which direction has that order to be walked, and is a gradient put in its place or added to it?",
    ),
    inputs=(
        _graph("a = 2; b = 3; L = a + b"),
        _graph("a = 2; b = -3; p = a * b; c = 10; L = p + c"),
        _graph("a = 3; L = a * a"),
        _graph("a = 3; b = a + a; d = b + a; L = b + d"),
        _graph("a = 0.5; b = -2; p = a * b; q = p * a; r = q + p; L = r * q"),
    ),
    more=_drawn_graph,
    slips={
        "the gradient is put in the place of what was there; a Number that is used twice needs the sum": edit(
            "operand.grad += ", "operand.grad = "
        ),
        "a Number passes on all that it has each time something arrives, and so the same twice; wait until "
        "all who used it have passed on theirs": _at_once,
        "the order is walked from the leaves; begin at root and walk it backward": edit(
            "reversed(order)", "order"
        ),
        "the gradient arrives unchanged: it has to be multiplied by the slope": edit(
            "slope * node.grad", "node.grad"
        ),
        "the slope alone is passed on, without the gradient of the Number that passes it on": edit(
            "slope * node.grad", "slope"
        ),
        "each Number passes on its data in place of its gradient": edit(
            "slope * node.grad", "slope * node.data"
        ),
    },
    drive=_gradients,
    changes=("root",),
)

EXERCISES = [_ADD, _MUL, _BACKWARD]
