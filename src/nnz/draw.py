"""The graph behind a Value, as a picture, and its backward pass, step by step.

Chapter: engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from nnz.engine import Value, topological_order
from nnz.plumbing.checks import given
from nnz.plumbing.graphs import MOST_STEPS, Arrow, Box, Drawing, drawing

MOST_NODES = 60
_INFIX = {"+": "+", "-": "−", "*": "×", "/": "÷", "**": "**"}


def columns(root: Value) -> dict[Value, int]:
    """Return the column of each node: every operand left of its results, as near to them as possible.

    The root has the last column; a node that is n operations away from it by its longest path stands n before it.
    """
    order = topological_order(root)
    away = dict.fromkeys(order, 0)
    for node in reversed(order):
        for operand, _ in node.operands:
            away[operand] = max(away[operand], away[node] + 1)
    last = max(away.values())
    return {node: last - away[node] for node in order}


def draw(root: Value, slopes: bool = False) -> Drawing:
    """Return a picture of the graph that `root` was computed by, with data and gradients.

    Args:
        root: the result.
        slopes: whether to write each local derivative on its arrow.

    Raises:
        ValueError: the graph has more than 60 nodes.
        TypeError: `root` is no Value, `slopes` is not True or False, or a node was given a label that is no text.

    >>> a = Value(2, label="a")
    >>> draw(a * a).text
    'Graph of 2 nodes. a: data 2, grad 0. a × a: data 4, grad 0.'
    """
    boxes, arrows = _parts(root, slopes)
    return drawing(boxes, arrows, _text(boxes))


def steps(root: Value) -> Drawing:
    """Return a picture in which one can step through what `root.backward()` does, with gradients that start at 0.

    Nothing of the graph is changed. It takes one step for each operation, and two before them.

    Raises:
        ValueError: the graph has more than 60 nodes or 22 operations.
        TypeError: as `draw`.
    """
    boxes, arrows = _parts(root, slopes=True)
    order = [node for node in reversed(topological_order(root)) if node.op]
    if len(order) + 2 > MOST_STEPS:
        raise ValueError(
            f"this graph has {len(order)} operations; at most {MOST_STEPS - 2} can be stepped through. "
            "Take a smaller example, or one of its inner nodes as the root."
        )
    moments = [dict.fromkeys(boxes, 0.0), dict.fromkeys(boxes, 0.0) | {root: 1.0}]
    says = [
        "The forward pass is done: every node knows its data. All gradients are 0.",
        f"The derivative of {_name(root)} with respect to itself is 1.",
    ]
    for node in order:
        grads = dict(moments[-1])
        says.append(_pass_on(node, grads))
        moments.append(grads)
    _light(boxes, arrows, [root, *order])
    for node, box in boxes.items():
        box.grad = [_number(grads[node]) for grads in moments]
    return drawing(boxes, arrows, _text(boxes), says)


def _pass_on(node: Value, grads: dict[Value, float]) -> str:
    """Do for one node what backward does, and say it."""
    gets = []
    for operand, slope in node.operands:
        gets.append(
            f"{_name(operand)} gets {_number(slope)} × {_number(grads[node])}"
        )
        grads[operand] += slope * grads[node]
    return f"{_name(node)} passes on its gradient: {', '.join(gets)}."


def _light(
    boxes: dict[Value, Box], arrows: list[Arrow], active: list[Value]
) -> None:
    """Mark which boxes and arrows stand out at which moment, from the second on."""
    for moment, node in enumerate(active, start=1):
        boxes[node].lit.append(moment)
        for arrow in arrows:
            if arrow.head is node and moment > 1:
                arrow.lit.append(moment)


def _parts(root: Value, slopes: bool) -> tuple[dict[Value, Box], list[Arrow]]:
    """Return the boxes and arrows of a graph."""
    if slopes not in (True, False) or isinstance(slopes, Value):
        raise TypeError(
            f"slopes is True or False, and a picture is that of one result; got {given(slopes)}."
        )
    place = columns(root)
    if len(place) > MOST_NODES:
        raise ValueError(
            f"this graph has {len(place):,} nodes, and a picture of more than {MOST_NODES} cannot be read. "
            "Draw a smaller example, or an inner node that lies nearer to the leaves."
        )
    _check_labels(place)
    boxes = {
        node: Box(column, _head(node), _number(node.data), [_number(node.grad)])
        for node, column in place.items()
    }
    between: dict[tuple[Value, Value], list[str]] = {}
    for node in place:
        for operand, slope in node.operands:
            between.setdefault((operand, node), []).append(_number(slope))
    arrows = [
        Arrow(operand, node, " + ".join(found) if slopes else "")
        for (operand, node), found in between.items()
    ]
    return boxes, arrows


def _check_labels(nodes: Iterable[Value]) -> None:
    """Raise a clear error unless the label of every node, which anybody may change, is text."""
    for node in nodes:
        if not isinstance(node.label, str):
            raise TypeError(
                f"a label is text, such as 'x'; a node with data {node.data} has {given(node.label)}."
            )


def _number(x: float) -> str:
    return f"{x:.4g}".replace("-", "−")


def _name(node: Value) -> str:
    return node.label or (_made(node) if node.op else _number(node.data))


def _made(node: Value) -> str:
    """Write the operation that made a node, with the names of what it took."""
    names = [
        operand.label or ("·" if operand.op else _number(operand.data))
        for operand, _ in node.operands
    ]
    if node.op in _INFIX:
        return f" {_INFIX[node.op]} ".join(names)
    if node.op.startswith("**"):
        return names[0] + node.op
    return f"−{names[0]}" if node.op == "neg" else f"{node.op}({', '.join(names)})"


def _head(node: Value) -> str:
    if not node.op:
        return node.label or "number"
    return f"{node.label} = {_made(node)}" if node.label else _made(node)


def _text(boxes: dict[Value, Box]) -> str:
    """Say what a picture shows."""
    nodes = [
        f"{box.head}: data {box.data}, grad {box.grad[-1]}."
        for box in boxes.values()
    ]
    return f"Graph of {len(boxes)} nodes. {' '.join(nodes)}"
