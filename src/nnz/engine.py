"""A number that knows its gradient: reverse-mode automatic differentiation on single numbers.

Needs the standard library alone.

Chapter: engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Never

from nnz.plumbing.checks import given, shorten
from nnz.plumbing.copies import deep_copy, pickled_leaf, shallow_copy


class Value:
    """A real number that remembers how it was computed, so that it can find its gradient.

    Calculating with Values builds a graph: each result keeps its operands and the two local
    derivatives, those of its data with respect to theirs. `backward` walks that graph and leaves
    in `grad` of each node the derivative of the last result with respect to it.

    Plain numbers may stand on either side of `+ - * / **`. Comparisons are those of the data;
    a Value's hash is its identity, as a tensor's is in torch, so that it can be a key although its
    data may change. So a set or a dict finds the very Value, and a list one with the same data: in a
    list, look for `x` by `any(x is v for v in nodes)`, since `in`, `index` and `remove` compare.

    A result that is too large for a float is `inf` or `-inf`, whichever operation makes it, as in IEEE 754 and in
    torch; and `nan`, "not a number", is passed on. What has no result, such as 1 / 0, is refused.

    `copy.deepcopy` copies a whole graph, however long. A leaf can be pickled, and so can a network;
    what was computed cannot.

    Args:
        data: a real number; it is kept as a float.
        label: a name for pictures; text.
        more: nothing; what is given here is refused with advice.
        named: likewise.

    Attributes:
        data: the number.
        grad: the derivative of what `backward` was last called on, with respect to this number. In a
            leaf, which no operation made, it adds up over calls until it is set to 0.
        label: the name.
        op: the operation that made it, such as "+"; empty in a leaf.

    Raises:
        TypeError: `data` is not a real number, `label` is not text, or something else was given, such as
            operands: what an operation makes of others is made by `new_node`.

    >>> a, b = Value(2), Value(-3)
    >>> loss = (a * b + 10) ** 2
    >>> loss.backward()
    >>> loss, a.grad, b.grad
    (Value(data=16.0, grad=1.0), -24.0, 16.0)
    """

    __slots__ = ("_a", "_b", "_da", "_db", "data", "grad", "label", "op")

    def __init__(
        self, data: float, label: str = "", *more: Never, **named: Never
    ) -> None:
        if more or named or not isinstance(label, str):
            raise _no_leaf(label, more, named)
        self.data = _number(data)
        self.grad = 0.0
        self.label = label
        self.op = ""
        self._a: Value | None = None
        self._b: Value | None = None
        self._da = self._db = 0.0

    @property
    def operands(self) -> list[tuple[Value, float]]:
        """The Values that this one was computed from, each with the local derivative with respect to it."""
        sides = ((self._a, self._da), (self._b, self._db))
        return [(node, slope) for node, slope in sides if node is not None]

    @property
    def _prev(self) -> set[Value]:
        """The operands, each once, by the name that programs written for micrograd read."""
        return {node for node, _ in self.operands}

    @property
    def _op(self) -> str:
        """The operation, by micrograd's name for it."""
        return self.op

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data}, grad={self.grad}{label})"

    def __add__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return _node(self.data + other.data, "+", self, 1.0, other, 1.0)

    def __mul__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        product = self.data * other.data
        return _node(product, "*", self, other.data, other, self.data)

    def backward(self) -> None:
        """Leave in `grad` of every node the derivative of this Value with respect to it.

        The gradients of inner nodes are of this call; those of leaves are added to what they hold, so that
        the gradients of several results add up. Set them to 0 before a new sum begins, or to None, as in torch.
        Takes time in proportion to the number of nodes, and no recursion.

        Source: Linnainmaa (1976); Rumelhart, Hinton and Williams (1986).
        """
        order = topological_order(self)
        for node in order:
            if node.op or node.grad is None:
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            if node._a is not None:
                node._a.grad += node._da * node.grad
            if node._b is not None:
                node._b.grad += node._db * node.grad

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __neg__(self) -> Value:
        return _node(-self.data, "neg", self, -1.0)

    def __sub__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return _node(self.data - other.data, "-", self, 1.0, other, -1.0)

    def __rsub__(self, other: float) -> Value:
        return Value(other) - self

    def __truediv__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        if other.data == 0:
            raise ZeroDivisionError(f"{self.data} / 0; the divisor must not be 0.")
        ratio = self.data / other.data
        return _node(ratio, "/", self, 1 / other.data, other, -ratio / other.data)

    def __rtruediv__(self, other: float) -> Value:
        return Value(other) / self

    def __pow__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            exponent = _number(other)
            power, slope = _power(self.data, exponent)
            return _node(power, f"**{exponent:g}", self, slope)
        if self.data < 0:
            raise ValueError(
                f"({self.data}) ** Value({other.data}): a negative number has no derivative with respect to its "
                "exponent; write the exponent as a plain number."
            )
        power, slope = _power(self.data, other.data)
        by_exponent = power * (math.log(self.data) if self.data else 0.0)
        return _node(power, "**", self, slope, other, by_exponent)

    def __rpow__(self, other: float) -> Value:
        return Value(other) ** self

    def exp(self) -> Value:
        """Return e to the power of this Value, which is inf from about 709.8 on."""
        try:
            power = math.exp(self.data)
        except OverflowError:
            power = math.inf
        return _node(power, "exp", self, power)

    def log(self) -> Value:
        """Return the natural logarithm.

        Raises:
            ValueError: the number is not positive.
        """
        if self.data <= 0:
            raise ValueError(
                f"log({self.data}): only positive numbers have a logarithm."
            )
        return _node(math.log(self.data), "log", self, 1 / self.data)

    def tanh(self) -> Value:
        """Return the hyperbolic tangent, which lies between -1 and 1."""
        e = math.exp(-2 * abs(self.data))
        slope = 4 * e / (1 + e) ** 2
        return _node(math.tanh(self.data), "tanh", self, slope)

    def sigmoid(self) -> Value:
        """Return 1 / (1 + exp(-x)), which lies between 0 and 1; it never overflows."""
        e = math.exp(-abs(self.data))
        s = 1 / (1 + e) if self.data >= 0 else e / (1 + e)
        return _node(s, "sigmoid", self, e / (1 + e) ** 2)

    def relu(self) -> Value:
        """Return the number if it is positive and 0 if not.

        As in torch, the derivative at 0 is taken to be 0, and nan stays nan, with the derivative 1.
        """
        if self.data <= 0:
            return _node(0.0, "relu", self, 0.0)
        return _node(self.data, "relu", self, 1.0)

    def __eq__(self, other: object) -> bool:
        return self.data == _data(other)

    def __lt__(self, other: Value | float) -> bool:
        return self.data < _data(other)

    def __le__(self, other: Value | float) -> bool:
        return self.data <= _data(other)

    def __gt__(self, other: Value | float) -> bool:
        return self.data > _data(other)

    def __ge__(self, other: Value | float) -> bool:
        return self.data >= _data(other)

    __hash__ = object.__hash__

    # A chain of a hundred thousand nodes is copied without recursion.
    __copy__, __deepcopy__, __reduce_ex__ = shallow_copy, deep_copy, pickled_leaf

    def __float__(self) -> Never:
        raise TypeError(
            "a plain number would have lost its graph: write x.exp() for math.exp(x), "
            "new_node for a function that Value has not, and x.data for the number alone."
        )


def new_node(
    data: float,
    op: str,
    a: Value,
    da: float,
    b: Value | None = None,
    db: float | None = None,
) -> Value:
    """Return the Value that an operation of your own made of one or two others.

    Args:
        data: the result.
        op: the name of the operation, not empty.
        a: the first operand.
        da: the local derivative, of `data` with respect to `a.data`.
        b: the second operand, if there is one.
        db: the local derivative with respect to it; given if `b` is.

    Raises:
        TypeError: an operand is not a Value, or the result or a derivative is one, `op` is not text, or one of `b`
            and `db` came without the other.
        ValueError: `op` is empty.

    >>> x = Value(0.0)
    >>> y = new_node(math.sin(x.data), "sin", x, math.cos(x.data))
    >>> y.backward()
    >>> x.grad
    1.0
    """
    _check_operation(op, a, b, db)
    return _node(_number(data), op, a, _number(da), b, _number(db or 0.0))


def _node(
    data: float,
    op: str,
    a: Value,
    da: float,
    b: Value | None = None,
    db: float = 0.0,
) -> Value:
    """Return the same without a check, since every operation of a Value ends here."""
    node = _bare(Value)
    node.data = data
    node.grad = 0.0
    node.label = ""
    node.op = op
    node._a = a
    node._da = da
    node._b = b
    node._db = db
    return node


# Makes a Value without its __init__, which checks what needs no check here.
_bare = object.__new__


def topological_order(root: Value) -> list[Value]:
    """Return every node that `root` depends on, each once and after its operands; `root` is the last.

    A depth-first walk that keeps its own stack, so that long chains do not run into Python's limit of recursion.

    Raises:
        TypeError: `root` is not a Value.
    """
    _check_node(root)
    order: list[Value] = []
    done: set[Value] = set()
    stack = [root]
    while stack:
        node = stack[-1]
        if node._a is not None and node._a not in done:
            stack.append(node._a)
        elif node._b is not None and node._b not in done:
            stack.append(node._b)
        else:
            done.add(stack.pop())
            order.append(node)
    return order


def _number(data: object) -> float:
    # Real would do alone, but to ask it takes longer than all else in making a leaf.
    if isinstance(data, (float, int, Real)):
        try:
            return float(data)
        except OverflowError:
            raise OverflowError(
                "a Value holds a float, and the largest is about 1.8e308; got a larger number. Give math.inf if"
                " that is meant."
            ) from None
    advice = "; of a Value it is .data" if isinstance(data, Value) else ""
    raise TypeError(
        f"a Value holds one real number, such as 2 or 0.5; got {given(data)}{advice}."
    )


def _no_leaf(
    label: object, more: tuple[object, ...], named: Mapping[str, object]
) -> TypeError:
    """Return what is wrong with a call of Value that gave more than a number and a text."""
    texts = (label, *more) if more or label != "" else ()
    words = [shorten(thing) for thing in texts]
    words += [f"{name}={shorten(thing)}" for name, thing in named.items()]
    return TypeError(
        f"Value(data, label) makes a leaf, and a label is text, such as 'x'; after data it got {', '.join(words)}."
        " What an operation makes of others is made by new_node, with each operand and its local derivative:"
        " new_node(math.sin(x.data), 'sin', x, math.cos(x.data))."
    )


def _check_operation(op: object, a: object, b: object, db: object) -> None:
    """Raise a clear error unless an operation has a name, and its operands are Values with derivatives."""
    usage = "new_node(data, op, a, da, b, db), as in new_node(math.sin(x.data), 'sin', x, math.cos(x.data))"
    if not isinstance(op, str):
        raise TypeError(
            f"op names an operation in text; got {given(op)}. It is {usage}."
        )
    if not op:
        raise ValueError(
            f"op is empty, as it is in a leaf; name the operation: {usage}."
        )
    for operand in (a, a if b is None else b):
        if not isinstance(operand, Value):
            raise TypeError(
                f"operands are Values; got {given(operand)}, which Value(...) turns into one. It is {usage}."
            )
    if (b is None) != (db is None):
        raise TypeError(
            f"b and db come together; got b={shorten(b)}, db={shorten(db)}. It is {usage}."
        )


def _check_node(root: object) -> None:
    """Raise a clear error unless a graph begins with a Value."""
    if not isinstance(root, Value):
        raise TypeError(
            f"a graph is that of one Value, the result; got {given(root)}."
        )


def _data(other: Any) -> float:
    number: float = other.data if isinstance(other, Value) else other
    return number


def _power(base: float, exponent: float) -> tuple[float, float]:
    """Return base ** exponent and its derivative with respect to the base."""
    if base == 0 and exponent < 0:
        raise ZeroDivisionError(f"0 ** {exponent}: 0 has no negative powers.")
    if base < 0 and not (exponent.is_integer() or math.isnan(exponent)):
        raise ValueError(f"({base}) ** {exponent} is not a real number.")
    try:
        power = base**exponent
    except OverflowError:
        power = -math.inf if base < 0 and exponent % 2 else math.inf
    if exponent == 0:
        return power, 0.0
    if base == 0 and exponent < 1:
        return power, math.inf
    try:
        return power, exponent * base ** (exponent - 1)
    except OverflowError:
        return power, exponent * (power / base)
