"""A number that knows its gradient: reverse-mode automatic differentiation on single numbers.

Needs the standard library alone.
"""

from __future__ import annotations

import math
from numbers import Real
from reprlib import repr as shorten
from typing import Any


class Value:
    """A real number that remembers how it was computed, so that it can find its gradient.

    Calculating with Values builds a graph: each result keeps its operands and the two local
    derivatives, those of its data with respect to theirs. `backward` walks that graph and leaves
    in `grad` of each node the derivative of the last result with respect to it.

    Plain numbers may stand on either side of `+ - * / **`. Comparisons are those of the data;
    a Value's hash is its identity, as a tensor's is in torch, so that it can be a key although its
    data may change.

    Args:
        data: a real number; it is kept as a float.
        label: a name for pictures.

    Attributes:
        data: the number.
        grad: the derivative of what `backward` was last called on, with respect to this number. In a
            leaf, which no operation made, it adds up over calls until it is set to 0.
        label: the name.
        op: the operation that made it, such as "+"; empty in a leaf.

    Raises:
        TypeError: `data` is not a real number.

    >>> a, b = Value(2), Value(-3)
    >>> loss = (a * b + 10) ** 2
    >>> loss.backward()
    >>> loss, a.grad, b.grad
    (Value(data=16.0, grad=1.0), -24.0, 16.0)
    """

    __slots__ = ("_a", "_b", "_da", "_db", "data", "grad", "label", "op")

    def __init__(self, data: float, label: str = "") -> None:
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

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data}, grad={self.grad}{label})"

    def __add__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return new_node(self.data + other.data, "+", self, 1.0, other, 1.0)

    def __mul__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        product = self.data * other.data
        return new_node(product, "*", self, other.data, other, self.data)

    def backward(self) -> None:
        """Leave in `grad` of every node the derivative of this Value with respect to it.

        The gradients of inner nodes are of this call; those of leaves are added to what they hold, so that
        the gradients of several results add up. Set them to 0 before a new sum begins.
        Takes time in proportion to the number of nodes, and no recursion.

        Source: Linnainmaa (1976); Rumelhart, Hinton and Williams (1986).
        """
        order = topological_order(self)
        for node in order:
            if node.op:
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
        return new_node(-self.data, "neg", self, -1.0)

    def __sub__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return new_node(self.data - other.data, "-", self, 1.0, other, -1.0)

    def __rsub__(self, other: float) -> Value:
        return Value(other) - self

    def __truediv__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        if other.data == 0:
            raise ZeroDivisionError(f"{self.data} / 0; the divisor must not be 0.")
        ratio = self.data / other.data
        return new_node(
            ratio, "/", self, 1 / other.data, other, -ratio / other.data
        )

    def __rtruediv__(self, other: float) -> Value:
        return Value(other) / self

    def __pow__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            power, slope = _power(self.data, _number(other))
            return new_node(power, f"**{other:g}", self, slope)
        if self.data < 0:
            raise ValueError(
                f"({self.data}) ** Value({other.data}): a negative number has no derivative by its exponent; "
                "write the exponent as a plain number."
            )
        power, slope = _power(self.data, other.data)
        by_exponent = power * math.log(self.data) if self.data else 0.0
        return new_node(power, "**", self, slope, other, by_exponent)

    def __rpow__(self, other: float) -> Value:
        return Value(other) ** self

    def exp(self) -> Value:
        """Return e to the power of this Value.

        Raises:
            OverflowError: the result is larger than any float, which it is from about 709.8 on.
        """
        try:
            power = math.exp(self.data)
        except OverflowError:
            raise OverflowError(
                f"exp({self.data}) is larger than any float; subtract something from the exponent first."
            ) from None
        return new_node(power, "exp", self, power)

    def log(self) -> Value:
        """Return the natural logarithm.

        Raises:
            ValueError: the number is not positive.
        """
        if self.data <= 0:
            raise ValueError(
                f"log({self.data}): only positive numbers have a logarithm."
            )
        return new_node(math.log(self.data), "log", self, 1 / self.data)

    def tanh(self) -> Value:
        """Return the hyperbolic tangent, which lies between -1 and 1."""
        e = math.exp(-2 * abs(self.data))
        slope = 4 * e / (1 + e) ** 2
        return new_node(math.tanh(self.data), "tanh", self, slope)

    def sigmoid(self) -> Value:
        """Return 1 / (1 + exp(-x)), which lies between 0 and 1; it never overflows."""
        e = math.exp(-abs(self.data))
        s = 1 / (1 + e) if self.data >= 0 else e / (1 + e)
        return new_node(s, "sigmoid", self, e / (1 + e) ** 2)

    def relu(self) -> Value:
        """Return the number if it is positive and 0 if not; the derivative at 0 is taken to be 0, as in torch."""
        if self.data <= 0:
            return new_node(0.0, "relu", self, 0.0)
        return new_node(self.data, "relu", self, 1.0)

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


def new_node(
    data: float,
    op: str,
    a: Value,
    da: float,
    b: Value | None = None,
    db: float = 0.0,
) -> Value:
    """Return the Value that an operation made of one or two others.

    Args:
        data: the result.
        op: the name of the operation, not empty.
        a: the first operand.
        da: the local derivative, of `data` with respect to `a.data`.
        b: the second operand, if there is one.
        db: the local derivative with respect to it.

    >>> x = Value(0.0)
    >>> y = new_node(math.sin(x.data), "sin", x, math.cos(x.data))
    >>> y.backward()
    >>> x.grad
    1.0
    """
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
    """
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
    if isinstance(data, Real):
        return float(data)
    raise TypeError(
        f"a Value holds one real number, such as 2 or 0.5; got {shorten(data)} ({type(data).__name__})."
    )


def _data(other: Any) -> float:
    number: float = other.data if isinstance(other, Value) else other
    return number


def _power(base: float, exponent: float) -> tuple[float, float]:
    """Return base ** exponent and its derivative with respect to the base."""
    if base == 0 and exponent < 0:
        raise ZeroDivisionError(f"0 ** {exponent}: 0 has no negative powers.")
    if base < 0 and not exponent.is_integer():
        raise ValueError(f"({base}) ** {exponent} is not a real number.")
    try:
        power = base**exponent
    except OverflowError:
        raise OverflowError(
            f"({base}) ** {exponent} is larger than any float."
        ) from None
    if exponent == 0:
        return power, 0.0
    if base == 0 and exponent < 1:
        return power, math.inf
    try:
        return power, exponent * base ** (exponent - 1)
    except OverflowError:
        return power, exponent * (power / base)
