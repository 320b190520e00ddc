"""Copies of graphs, which `copy` and `pickle` of the standard library follow until Python's limit of recursion.

The standard library alone. What is copied has its operands in `_a` and `_b`, as a `nnz.engine.Value` has.
"""

from __future__ import annotations

from typing import Any, SupportsIndex


def shallow_copy(node: Any) -> Any:
    """Return a second node with all that the first one has, the very operands among it."""
    reduced: Any = object.__reduce_ex__(node, 2)
    new, args, state = reduced[:3]
    twin = new(*args)
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, thing in {**(attributes or {}), **(slots or {})}.items():
        setattr(twin, name, thing)
    return twin


def deep_copy(node: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of a node and of all that it depends on, each node copied once: operands first, on a stack.

    Args:
        node: the result.
        memo: what has been copied so far, by id, as `copy.deepcopy` hands it over; so what several results share,
            their copies share.
    """
    stack = [node]
    while stack:
        top = stack[-1]
        waiting = [part for part in (top._a, top._b) if part is not None and id(part) not in memo]
        if waiting:
            stack.append(waiting[0])
            continue
        stack.pop()
        if id(top) not in memo:
            twin = shallow_copy(top)
            twin._a, twin._b = memo.get(id(top._a)), memo.get(id(top._b))
            memo[id(top)] = twin
    return memo[id(node)]


def pickled_leaf(node: Any, protocol: SupportsIndex) -> Any:
    """Return what makes a leaf again.

    `pickle` does not tell what it has written already. So a graph written in one piece would come back without
    what it shares with another, and gradients would go astray; one written node by node is too deep for Python.

    Raises:
        TypeError: an operation made the node.
    """
    if node._a is not None:
        raise TypeError(
            "a number that was computed is not pickled, since its whole graph would go with it: keep x.data, or "
            "pickle the leaves, such as the parameters of a network, and compute again. "
            "copy.deepcopy copies a graph."
        )
    return object.__reduce_ex__(node, protocol)
