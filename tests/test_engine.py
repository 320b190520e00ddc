"""The engine against torch, against finite differences, against micrograd, and against what breaks it."""

from __future__ import annotations

import copy
import importlib
import itertools
import math
import pickle
import random
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnz.engine import Value, new_node, topological_order
from nnz.nn import MLP

# What may be done, with the numbers for which torch and we must agree: away from overflow, from poles, and from
# where 1 - tanh(x)**2 is a difference of nearly equal numbers.
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "-": lambda a, b: a - b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": lambda a: -a,
    "exp": lambda a: a.exp(),
    "log": lambda a: a.log(),
    "tanh": lambda a: a.tanh(),
    "relu": lambda a: a.relu(),
    "sigmoid": lambda a: a.sigmoid(),
    "2 + a": lambda a: 2 + a,
    "a * 0.3": lambda a: a * 0.3,
    "5 - a": lambda a: 5 - a,
    "a - 1.5": lambda a: a - 1.5,
    "3 / a": lambda a: 3 / a,
    "a / -7": lambda a: a / -7,
    "2 ** a": lambda a: 2**a,
    "a ** 3": lambda a: a**3,
    "a ** -2": lambda a: a**-2,
    "a ** 0.5": lambda a: a**0.5,
    "a ** 0": lambda a: a**0,
}


def allowed(op: str, a: float, b: float = 1.0) -> bool:
    if op in ("log", "a ** 0.5"):
        return a > 0.05
    if op in ("3 / a", "a ** -2"):
        return abs(a) > 0.05
    if op in ("exp", "2 ** a", "tanh", "sigmoid"):
        return abs(a) < 5
    if op == "/":
        return abs(b) > 0.05
    if op == "**":
        return 0.05 < a < 20 and abs(b) < 4
    return True


Step = tuple[str, int, int]


def run(numbers: list[float], steps: list[Step]) -> tuple[Value, list[Value], Any]:
    """Carry out the same steps on Values and on tensors of torch; return the result, the leaves, the tensors."""
    ours: list[Value] = [Value(number) for number in numbers]
    theirs = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    leaves, tensors = list(ours), list(theirs)
    for op, i, j in steps:
        i, j = i % len(ours), j % len(ours)
        if op in BINARY and allowed(op, ours[i].data, ours[j].data):
            new, other = (BINARY[op](ours[i], ours[j]), BINARY[op](theirs[i], theirs[j]))
        elif op in UNARY and allowed(op, ours[i].data):
            new, other = UNARY[op](ours[i]), UNARY[op](theirs[i])
        else:
            continue
        if abs(new.data) < 1e6:
            ours.append(new)
            theirs.append(other)
    theirs[-1].backward()
    ours[-1].backward()
    assert math.isclose(ours[-1].data, theirs[-1].item(), rel_tol=1e-9, abs_tol=1e-9)
    return ours[-1], leaves, tensors


def path_sizes(root: Value) -> dict[Value, float]:
    """Sum the absolute products of slopes over all paths: what a gradient's rounding errors are relative to."""
    sizes = dict.fromkeys(topological_order(root), 0.0)
    sizes[root] = 1.0
    for node in reversed(topological_order(root)):
        for operand, slope in node.operands:
            sizes[operand] += abs(slope) * sizes[node]
    return sizes


def assert_same_gradients(root: Value, leaves: list[Value], tensors: Any) -> None:
    sizes = path_sizes(root)
    for leaf, tensor in zip(leaves, tensors, strict=True):
        expected = 0.0 if tensor.grad is None else tensor.grad.item()
        assert abs(leaf.grad - expected) <= 1e-9 * max(sizes.get(leaf, 0.0), 1e-30)


OPS = st.sampled_from([*BINARY, *UNARY])
STEPS = st.lists(st.tuples(OPS, st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=25)
NUMBERS = st.lists(st.floats(-4, 4, allow_subnormal=False), min_size=1, max_size=5)


@settings(max_examples=1000)
@given(NUMBERS, STEPS)
def test_any_expression_has_the_gradients_that_torch_finds(numbers: list[float], steps: list[Step]) -> None:
    assert_same_gradients(*run(numbers, steps))


def test_two_thousand_larger_graphs_have_the_gradients_that_torch_finds() -> None:
    generator = random.Random(1847)
    ops = [*BINARY, *UNARY]
    used: set[str] = set()
    for _ in range(2000):
        numbers = [generator.uniform(-3, 3) for _ in range(4)]
        steps = [(generator.choice(ops), generator.randrange(60), generator.randrange(60)) for _ in range(40)]
        root, leaves, tensors = run(numbers, steps)
        assert_same_gradients(root, leaves, tensors)
        used.update(node.op for node in topological_order(root))
    assert used >= {*BINARY, "neg", "exp", "log", "tanh", "relu", "sigmoid"}


@pytest.mark.parametrize("op", UNARY)
@given(x=st.floats(-4, 4, allow_subnormal=False))
def test_each_operation_has_the_slope_that_a_nudge_finds(op: str, x: float) -> None:
    if not allowed(op, x) or abs(x) < 1e-3 or (op in ("log", "a ** 0.5") and x < 0.1):
        return
    h = 1e-5 * max(1.0, abs(x))
    value = Value(x)
    UNARY[op](value).backward()
    nudged = UNARY[op](Value(x + h)).data - UNARY[op](Value(x - h)).data
    assert value.grad == pytest.approx(nudged / (2 * h), rel=1e-5, abs=1e-6)


def test_a_node_that_is_used_twice_passes_on_the_sum() -> None:
    a = Value(3.7)
    b = a + a
    c = b + (b + a)
    c.backward()
    assert a.grad == 5.0
    assert b.grad == 2.0


def test_the_number_of_paths_does_not_matter() -> None:
    x = top = Value(1.5)
    for _ in range(60):  # 2**60 paths
        top = top + top
    top.backward()
    assert x.grad == 2.0**60


def test_a_second_call_adds_to_leaves_and_starts_inner_nodes_anew() -> None:
    a, b = Value(2.5), Value(-1.5)
    c = a * b
    d = c.tanh() * a
    d.backward()
    first = (a.grad, b.grad, c.grad, d.grad)
    d.backward()
    assert (c.grad, d.grad) == first[2:]
    assert (a.grad, b.grad) == pytest.approx((2 * first[0], 2 * first[1]), rel=1e-15)


def test_gradients_of_two_results_add_up_in_what_they_share() -> None:
    a = Value(2.5)
    inner = a * a
    (inner * 3).backward()
    (inner + a).backward()
    assert a.grad == 3 * 5.0 + 5.0 + 1
    assert inner.grad == 1.0


def test_backward_from_a_leaf_is_one() -> None:
    a = Value(2.5)
    a.backward()
    assert a.grad == 1.0
    a.backward()
    assert a.grad == 2.0


def test_nodes_that_the_result_does_not_need_keep_their_gradient() -> None:
    a = Value(2.5)
    unused = a * 7
    unused.grad = 0.25
    (a + 1).backward()
    assert unused.grad == 0.25


def test_the_order_puts_operands_first_and_names_each_node_once() -> None:
    generator = random.Random(3)
    nodes = [Value(generator.uniform(-1, 1)) for _ in range(5)]
    for _ in range(300):
        nodes.append(generator.choice(nodes) + generator.choice(nodes))
    order = topological_order(nodes[-1])
    place = {node: index for index, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is nodes[-1]
    for node in order:
        assert all(place[operand] < place[node] for operand, _ in node.operands)


def test_a_change_of_data_after_the_forward_pass_does_not_change_its_gradients() -> None:
    a, b = Value(2.5), Value(-1.5)
    c = a * b
    a.data = 100.0
    c.backward()
    assert b.grad == 2.5


DEEP = """
from nnz.engine import Value
x = node = Value(1.0)
for _ in range(1_000_000):
    node = node + x
node.backward()
print(x.grad, node.data)
del node
"""


def test_a_chain_of_a_million_nodes_is_no_problem() -> None:
    """In a process of its own: taking such a chain apart must not crash the interpreter either."""
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1000001.0", "1000001.0"]


def test_wide_sums_work() -> None:
    xs = [Value(i) for i in range(50_000)]
    total = sum(xs)
    assert isinstance(total, Value)
    total.backward()
    assert {x.grad for x in xs} == {1.0}


def test_plain_numbers_stand_on_either_side() -> None:
    x = Value(2)
    results = [5 - x, 2 + x, 3 * x, 1 / x, 2**x, x - 5, x + 2, x * 3, x / 4, x**3]
    assert [r.data for r in results] == [3, 4, 6, 0.5, 4, -3, 4, 6, 0.5, 8]
    for result, slope in zip(results, [-1, 1, 3, -0.25, 4 * math.log(2), 1, 1, 3, 0.25, 12], strict=True):
        x.grad = 0.0
        result.backward()
        assert x.grad == pytest.approx(slope, rel=1e-15)


@pytest.mark.parametrize("number", [2, 2.0, True, Fraction(2), np.float32(2), np.float64(2), np.int64(2)])
def test_every_kind_of_real_number_is_kept_as_a_float(number: Any) -> None:
    factor = 1 if number is True else 2
    value = Value(number)
    assert type(value.data) is float
    assert value.data == factor
    for result in (number * Value(3), Value(3) * number, Value(3) + 2 * number - number):
        assert isinstance(result, Value)
        assert type(result.data) is float
    assert (number * Value(3)).data == 3 * factor


@pytest.mark.parametrize(
    "thing", ["3", b"3", None, 2j, np.complex128(1), [1.0], (1,), {}, object(), Value(1), torch.tensor(1.0)]
)
def test_what_is_no_real_number_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="one real number.*got.*" + type(thing).__name__) as caught:
        Value(thing)
    end = r"\(Value\); of a Value it is \.data\." if isinstance(thing, Value) else r"\(\w+\)\."
    assert re.search(end + "$", str(caught.value))


@pytest.mark.parametrize("thing", ["3", None, 2j, [1.0]])
def test_a_value_is_not_combined_with_what_is_no_number(thing: Any) -> None:
    for combine in (*BINARY.values(), lambda a, b: b + a, lambda a, b: b - a):
        with pytest.raises(TypeError, match="one real number"):
            combine(Value(2), thing)


def test_an_integer_that_is_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(OverflowError):
        Value(10**400)


def test_functions_of_math_do_not_silently_cut_the_graph() -> None:
    with pytest.raises(TypeError):
        math.exp(Value(1))
    with pytest.raises(TypeError):
        float(Value(1))


@pytest.mark.parametrize(
    ("compute", "error", "words"),
    [
        (lambda: Value(0).log(), ValueError, r"log\(0.0\).*positive"),
        (lambda: Value(-2).log(), ValueError, r"log\(-2.0\).*positive"),
        (lambda: Value(0) ** -1, ZeroDivisionError, r"0 \*\* -1"),
        (lambda: Value(0) ** Value(-0.5), ZeroDivisionError, r"0 \*\* -0.5"),
        (lambda: 1 / Value(0), ZeroDivisionError, r"1.0 / 0"),
        (lambda: Value(2) / 0, ZeroDivisionError, r"2.0 / 0"),
        (lambda: Value(-8) ** (1 / 3), ValueError, r"\(-8.0\) \*\* 0.33.*real"),
        (lambda: Value(-2) ** Value(2), ValueError, "plain number"),
        (lambda: (-2) ** Value(2), ValueError, "plain number"),
    ],
)
def test_what_has_no_result_says_so(compute: Callable[[], Value], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compute()


def test_an_error_leaves_the_operands_as_they_were() -> None:
    a = Value(0.0)
    with pytest.raises(ValueError, match="positive"):
        (a * 2).log()
    (a * 3).backward()
    assert a.grad == 3.0


EDGES: list[tuple[Callable[[Any], Any], float]] = [
    (lambda x: x**0.5, 0.0),
    (lambda x: x**1, 0.0),
    (lambda x: x**1.5, 0.0),
    (lambda x: x**0, 0.0),
    (lambda x: x**2, 0.0),
    (lambda x: x**-1, 1e-200),
    (lambda x: x**-3, -1e-90),
    (lambda x: x.relu(), 0.0),
    (lambda x: x.relu(), math.nan),
    (lambda x: x.tanh(), 800.0),
    (lambda x: x.sigmoid(), -800.0),
    (lambda x: x.sigmoid(), 800.0),
    (lambda x: x.exp(), -800.0),
    (lambda x: x * 1e308 * 10, 1.0),
    (lambda x: x + 1, math.inf),
    (lambda x: x.log(), math.nan),
    (lambda x: x.log(), 5e-324),
]


@pytest.mark.parametrize(("f", "x"), EDGES)
def test_at_the_edges_the_outcome_is_that_of_torch(f: Callable[[Any], Any], x: float) -> None:
    value, tensor = (Value(x), torch.tensor(x, dtype=torch.float64, requires_grad=True))
    ours, theirs = f(value), f(tensor)
    ours.backward()
    theirs.backward()
    for mine, yours in ((ours.data, theirs.item()), (value.grad, tensor.grad.item())):
        assert mine == pytest.approx(yours, rel=1e-12, nan_ok=True)


# Where we refuse, torch returns inf, or nan for what is not real; test_what_has_no_result_says_so has the words.
REFUSED = {
    "/": lambda a, b: b == 0,
    "**": lambda a, b: a < 0 or (a == 0 and b < 0),  # a negative base has no slope by its exponent
    "log": lambda a: a <= 0,
    "3 / a": lambda a: a == 0,
    "a ** -2": lambda a: a == 0,
    "a ** 0.5": lambda a: a < 0,
}
# Where torch's own answer depends on the sign of a zero that it takes a root of.
SIGN_OF_A_ZERO = {
    "a ** 0.5": lambda a: a == 0,
    "**": lambda a, b: a == 0 and 0 < b < 1,
}
ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, -5e-324, 3.0, -0.5]


def never(*numbers: float) -> bool:
    return False


def assert_torch_agrees(op: str, *numbers: float) -> None:
    """Compare result and gradients of one operation with torch's, or see it refused where we refuse."""
    f: Callable[..., Any] = BINARY[op] if len(numbers) == 2 else UNARY[op]
    ours = [Value(number) for number in numbers]
    if REFUSED.get(op, never)(*numbers):
        with pytest.raises((ValueError, ZeroDivisionError)):
            f(*ours)
        return
    theirs = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    result, other = f(*ours), f(*theirs)
    result.backward()
    other.backward()
    assert_same_float(result.data, other.item())
    if not SIGN_OF_A_ZERO.get(op, never)(*numbers):
        for mine, yours in zip(ours, theirs, strict=True):
            assert_same_float(mine.grad, yours.grad.item())


def assert_same_float(mine: float, yours: float) -> None:
    """Compare two floats; what torch loses of the slope of tanh, 1 - tanh(x)**2, is allowed for."""
    assert mine == pytest.approx(yours, rel=1e-9, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("op", UNARY)
def test_nan_the_infinities_and_both_zeros_go_through_every_curve_as_in_torch(op: str) -> None:
    for number in ODD:
        assert_torch_agrees(op, number)


@pytest.mark.parametrize("op", BINARY)
def test_nan_the_infinities_and_both_zeros_go_through_every_operation_as_in_torch(op: str) -> None:
    for a, b in itertools.product(ODD, ODD):
        assert_torch_agrees(op, a, b)


EXTREME = st.one_of(
    st.floats(),
    st.sampled_from(ODD),
    st.floats(1e150, 1e308),
    st.floats(-1e308, -1e150),
    st.floats(-800, 800),
)


@settings(max_examples=1000)
@given(st.sampled_from([*BINARY]), EXTREME, EXTREME)
def test_what_is_too_large_is_infinite_in_every_operation_as_in_torch(op: str, a: float, b: float) -> None:
    assert_torch_agrees(op, a, b)


@settings(max_examples=1000)
@given(st.sampled_from([*UNARY]), EXTREME)
def test_what_is_too_large_is_infinite_on_every_curve_as_in_torch(op: str, a: float) -> None:
    assert_torch_agrees(op, a)


def test_relu_passes_nan_on_with_the_derivative_one() -> None:
    x = Value(math.nan)
    passed = x.relu()
    passed.backward()
    assert math.isnan(passed.data)
    assert x.grad == 1.0
    assert not passed > 0


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * x,
        lambda x: x + x,
        lambda x: x - -x,
        lambda x: x / 1e-200,
        lambda x: x**2,
        lambda x: x ** Value(3),
        lambda x: x.exp(),
        lambda x: 10**x,
    ],
)
def test_all_operations_let_what_is_too_large_through_alike(compute: Callable[[Value], Value]) -> None:
    assert compute(Value(1.5e308)).data == math.inf


def test_an_odd_power_of_a_large_negative_number_is_minus_infinity() -> None:
    x = Value(-1e200)
    cube, square = x**3, x**2
    cube.backward()
    assert (cube.data, square.data, x.grad) == (-math.inf, math.inf, math.inf)


def test_comparisons_are_those_of_the_numbers() -> None:
    three = Value(3)
    assert three == 3
    assert three == Value(3)
    assert three != 4
    assert three != "3"
    assert three < 4
    assert not three < 3
    assert not three > 3
    assert not three > Value(3)
    assert three <= 3
    assert three > Value(2)
    assert three >= 3
    assert 2 < three <= 3
    assert max(Value(1), Value(5), Value(2)).data == 5
    assert [v.data for v in sorted([Value(2), Value(-1)])] == [-1, 2]
    nan = Value(math.nan)
    assert not any([nan < 1, nan > 1, nan == nan, nan <= 1, nan >= 1])
    with pytest.raises(TypeError):
        three < "4"  # noqa: B015


def test_a_value_is_a_key_of_its_own_although_its_data_may_change() -> None:
    a, b = Value(3), Value(3)
    seen = {a: "a", b: "b"}
    a.data = 7.0
    assert seen[a] == "a"
    assert seen[b] == "b"


def test_what_is_printed_says_what_it_is() -> None:
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"
    assert repr(Value(-0.5, label="w")) == "Value(data=-0.5, grad=0.0, label='w')"
    assert str([Value(1)]) == "[Value(data=1.0, grad=0.0)]"


def test_a_result_knows_its_operation_operands_and_local_derivatives() -> None:
    a, b = Value(2.5), Value(-1.5)
    c = a * b
    assert c.op == "*"
    assert [
        (operand is expected, slope) for (operand, slope), expected in zip(c.operands, (a, b), strict=True)
    ] == [(True, -1.5), (True, 2.5)]
    assert (a.op, a.operands) == ("", [])
    assert [slope for _, slope in (c**2).operands] == [2 * c.data]


def test_an_operation_of_ones_own_takes_part() -> None:
    x = Value(0.7)
    sine = new_node(math.sin(x.data), "sin", x, math.cos(x.data))
    (sine * sine).backward()
    assert x.grad == pytest.approx(math.sin(1.4), rel=1e-15)


def test_an_operation_of_ones_own_keeps_its_name_and_both_operands() -> None:
    x, y = Value(3.0), Value(4.0)
    longest = new_node(4.0, "longest", x, 0.0, y, 1.0)
    assert longest.op == "longest"
    assert [
        (operand is expected, slope)
        for (operand, slope), expected in zip(longest.operands, (x, y), strict=True)
    ] == [
        (True, 0.0),
        (True, 1.0),
    ]
    (unmoved,) = (slope for operand, slope in new_node(3.0, "first", x, 1.0, y, 0.0).operands if operand is y)
    assert unmoved == 0.0


@pytest.mark.parametrize("op", ["exp", "tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("data", [1.5, -0.5])
def test_a_curve_is_known_by_its_name_on_either_side_of_zero(op: str, data: float) -> None:
    x = Value(data)
    result = getattr(x, op)()
    assert (result.op, result._prev) == (op, {x})


def test_a_leaf_can_be_copied() -> None:
    a = Value(2.5, label="a")
    a.grad = 1.0
    twin = copy.copy(a)
    assert twin is not a
    assert (twin.data, twin.grad, twin.label) == (2.5, 1.0, "a")


def test_a_chain_of_a_hundred_thousand_nodes_is_copied() -> None:
    x = node = Value(1.5, label="x")
    for _ in range(100_000):
        node = node + x
    node.label = "sum"
    node.backward()
    twin = copy.deepcopy(node)
    order, copied = topological_order(node), topological_order(twin)
    assert len(copied) == len(order) == 100_001
    assert not set(order) & set(copied)
    for one, other in zip(order, copied, strict=True):
        assert (other.data, other.grad, other.op, other.label) == (one.data, one.grad, one.op, one.label)
    twin.backward()
    assert (copied[0].grad, x.grad) == (2 * 100_001.0, 100_001.0)


def test_what_a_graph_shares_its_copy_shares() -> None:
    x, y = Value(2.5), Value(-1.5)
    inner = x * y
    results = [inner.tanh() + x, inner / y, y, inner * inner]
    twins = copy.deepcopy({"results": results, "leaves": [x, y]})
    x_twin, y_twin = twins["leaves"]
    assert twins["results"][2] is y_twin
    for result, twin in zip(results, twins["results"], strict=True):
        x.grad = y.grad = x_twin.grad = y_twin.grad = 0.0
        result.backward()
        assert (x_twin.grad, y_twin.grad) == (0.0, 0.0)
        twin.backward()
        assert (x_twin.grad, y_twin.grad) == (x.grad, y.grad)
    square = twins["results"][3]
    assert {node.op for node in square._prev} == {"*"}
    assert square._prev == twins["results"][1]._prev - {y_twin}


def test_every_node_of_a_long_chain_is_copied_once_though_all_are_listed() -> None:
    nodes = [Value(1.0)]
    for _ in range(5000):
        nodes.append(-nodes[-1])
    for twins in (copy.deepcopy(nodes), copy.deepcopy(nodes[::-1])[::-1]):
        for one, other in itertools.pairwise(twins):
            assert other._prev == {one}


class Named(Value):
    """A leaf with an attribute of its own."""

    def __init__(self, data: float, note: str) -> None:
        super().__init__(data)
        self.note = note


def test_a_leaf_of_ones_own_kind_is_copied_as_one() -> None:
    double = Named(3.0, "mine") * 2
    for twin in (copy.deepcopy(double), copy.copy(double)):
        leaf = topological_order(twin)[0]
        assert isinstance(leaf, Named)
        assert leaf.note == "mine"
    shallow = copy.copy(double)
    assert shallow is not double
    assert shallow._prev == double._prev


def test_a_leaf_is_pickled_and_what_was_computed_says_what_to_keep() -> None:
    x = Value(2.5, label="x")
    x.grad = 3.0
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(x, protocol))
        assert (twin.data, twin.grad, twin.label, twin.operands) == (2.5, 3.0, "x", [])
    model = MLP(2, [3, 1], generator=random.Random(5))
    twins = pickle.loads(pickle.dumps([model, model.parameters()]))
    assert twins[0].parameters()[0] is twins[1][0]
    assert [p.data for p in twins[1]] == [p.data for p in model.parameters()]
    node = x
    for _ in range(100_000):
        node = node + x
    for dump in (pickle.dumps, pickle._dumps):  # type: ignore[attr-defined]
        with pytest.raises(TypeError, match=r"keep x\.data.*leaves.*copy\.deepcopy"):
            dump([node])


def test_tanh_of_exponentials_is_tanh() -> None:
    for x in (-2.3, -0.1, 0.4, 1.9):
        long, short = Value(x), Value(x)
        e = (2 * long).exp()
        composed, one = (e - 1) / (e + 1), short.tanh()
        composed.backward()
        one.backward()
        assert composed.data == pytest.approx(one.data, rel=1e-14)
        assert long.grad == pytest.approx(short.grad, rel=1e-13)


@pytest.mark.parametrize("x", [0.3, -2.0, 9.0, -19.0, 40.0, 300.0])
def test_slopes_of_tanh_and_sigmoid_keep_their_digits_where_the_curves_are_flat(x: float) -> None:
    """1 - tanh(x)**2 would be a difference of nearly equal numbers: wrong by 77 % at 19."""
    u = (-2 * abs(Decimal(x))).exp()
    for curve, slope in (("tanh", 4 * u / (1 + u) ** 2), ("sigmoid", u.sqrt() / (1 + u.sqrt()) ** 2)):
        value = Value(x)
        getattr(value, curve)().backward()
        assert value.grad == pytest.approx(float(slope), rel=1e-13, abs=0)


def test_the_lectures_softmax_has_the_lectures_loss_and_gradients() -> None:
    logits = [Value(x) for x in (0.0, 3.0, -2.0, 1.0)]
    exps = [logit.exp() for logit in logits]
    loss = -(exps[3] / sum(exps)).log()
    loss.backward()
    assert loss.data == pytest.approx(2.1755153626167147, rel=1e-14)
    assert [logit.grad for logit in logits] == pytest.approx(
        [0.041772570515350445, 0.8390245074625319, 0.005653302662216329, -0.8864503806400986], rel=1e-13
    )


IMPORTS = """
import sys
import __future__, math, numbers, reprlib, typing
before = set(sys.modules)
import nnz.engine
print(sorted(set(sys.modules) - before))
"""


def test_the_engine_needs_little_of_the_standard_library_and_nothing_else() -> None:
    """Five modules that load in a few milliseconds; torch takes seconds."""
    out = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, encoding="utf-8")
    assert (
        out.stdout.strip()
        == "['nnz', 'nnz.engine', 'nnz.plumbing', 'nnz.plumbing.checks', 'nnz.plumbing.copies']"
    )


ONE, TWO = Value(1.0), Value(2.0)


@pytest.mark.parametrize(
    ("call", "got"),
    [
        (lambda V: V(math.tanh(1.0), (ONE,)), "(Value(data=1.0, grad=0.0),)"),
        (lambda V: V(3.0, (ONE, TWO), "+"), "(Value(data=1.0"),
        (lambda V: V(3.0, [ONE, TWO]), "[Value(data=1.0"),
        (lambda V: V(3.0, {ONE, TWO}), "{Value(data="),
        (lambda V: V(3.0, ONE), "Value(data=1.0, grad=0.0)"),
        (lambda V: V(3.0, ()), "()"),
        (lambda V: V(3.0, 7), "7"),
        (lambda V: V(3.0, label=None), "None"),
        (lambda V: V(3.0, b"x"), "b'x'"),
        (lambda V: V(3.0, "x", "+"), "'x', '+'"),
        (lambda V: V(3.0, _op="+"), "_op='+'"),
        (lambda V: V(3.0, _children=(ONE,), _op="+", label="c"), "'c', _children="),
        (lambda V: V(3.0, grad=0), "grad=0"),
    ],
)
def test_what_a_leaf_cannot_hold_is_refused_with_the_way_to_write_it(
    call: Callable[[Any], Value], got: str
) -> None:
    with pytest.raises(TypeError, match=r"new_node\(math.sin\(x.data\)") as caught:
        call(Value)
    assert f"after data it got {got}" in str(caught.value)
    assert "label is text" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda N: N(3.0, "", ONE, 1.0), ValueError, "op is empty"),
        (lambda N: N(3.0, 5, ONE, 1.0), TypeError, r"names.*got 5 \(int\)"),
        (lambda N: N(3.0, (ONE, TWO), "+", 1.0), TypeError, "op names"),
        (lambda N: N(3.0, ONE, "+", 1.0), TypeError, "op names"),
        (lambda N: N(3.0, "+", (ONE, TWO), 1.0), TypeError, "operands are Values"),
        (lambda N: N(3.0, "+", 1.0, 1.0), TypeError, r"got 1.0 \(float\)"),
        (lambda N: N(3.0, "+", None, 1.0), TypeError, "got None"),
        (lambda N: N(3.0, "+", ONE, 1.0, 2.0, 1.0), TypeError, r"got 2.0 \(float\)"),
        (lambda N: N(3.0, "+", ONE, TWO, 1.0, 1.0), TypeError, r"got 1.0 \(float\)"),
        (lambda N: N(3.0, "+", ONE, 1.0, TWO), TypeError, "b and db come together"),
        (lambda N: N(3.0, "+", ONE, 1.0, db=1.0), TypeError, "come together"),
        (lambda N: N(ONE, "+", ONE, 1.0), TypeError, "real number.*of a Value"),
        (lambda N: N(3.0, "+", ONE, TWO), TypeError, "real number.*of a Value"),
        (lambda N: N(3.0, "+", ONE, 1.0, TWO, ONE), TypeError, "real number"),
        (lambda N: N("3", "+", ONE, 1.0), TypeError, "real number.*'3'"),
    ],
)
def test_an_operation_of_ones_own_that_would_have_wrong_gradients_is_refused(
    call: Callable[[Any], Value], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        call(new_node)
    assert "real number" in words or " new_node(data, op, a, da, b, db), as in new_node(" in str(caught.value)


@pytest.mark.parametrize("root", [3.0, [ONE, TWO], "x", None])
def test_a_graph_begins_with_a_value(root: Any) -> None:
    with pytest.raises(TypeError, match="one Value.*got.*" + type(root).__name__):
        topological_order(root)


@pytest.mark.parametrize("function", [math.exp, math.tanh, math.sqrt, float])
def test_functions_of_math_say_what_to_write(function: Callable[[Any], float]) -> None:
    with pytest.raises(TypeError, match=r"x\.exp\(\).*new_node.*x\.data"):
        function(Value(1))


def walk(root: Any) -> tuple[set[Any], set[tuple[Any, Any]]]:
    """Collect nodes and edges as notebooks for micrograd do: by `_prev`, in sets, by recursion."""
    nodes: set[Any] = set()
    edges: set[tuple[Any, Any]] = set()

    def visit(node: Any) -> None:
        if node in nodes:
            return
        nodes.add(node)
        for operand in node._prev:
            edges.add((operand, node))
            visit(operand)

    visit(root)
    return nodes, edges


def in_dot(root: Any) -> str:
    """Write a graph as such notebooks hand it to graphviz: a box for each number, a circle for each operation."""
    nodes, edges = walk(root)
    lines = []
    for node in nodes:
        box = f"n{id(node)}"
        lines.append(f'{box} [shape=record, label="{node.data:.4f} | {node.grad:.4f}"]')
        if node._op:
            lines.append(f'"{box}{node._op}" [label="{node._op}"]')
            lines.append(f'"{box}{node._op}" -> {box}')
    lines += [f'n{id(a)} -> "n{id(b)}{b._op}"' for a, b in edges]
    return "\n".join(lines)


def mixed(value: Any) -> Any:
    """Compute something in which two leaves have the same data and one node is used twice."""
    a, b, c = value(2.0), value(2.0), value(-3.0)
    d = a * b + c
    return (d * d + a**3).relu() + a


@pytest.mark.parametrize("engine", ["nnz.engine", "micrograd.engine"])
def test_functions_that_draw_micrograds_graphs_run(engine: str) -> None:
    root = mixed(importlib.import_module(engine).Value)
    root.backward()
    nodes, edges = walk(root)
    assert (len(nodes), len(edges)) == (10, 11)
    dot = in_dot(root).splitlines()
    assert len(dot) == 10 + 2 * 7 + 11
    assert sorted(re.findall(r'label="([^|"]*)"', "\n".join(dot))) == sorted(
        ["*", "+", "*", "**3", "+", node_of(nodes, 9.0), "+"]
    )
    assert sum('"2.0000 | ' in line for line in dot) == 2


def node_of(nodes: set[Any], data: float) -> str:
    """Return how an engine calls the ReLU, which made the one node with this data that has one operand."""
    (found,) = [n for n in nodes if n.data == data and n._op and len(n._prev) == 1]
    return str(found._op)


def test_what_micrograd_calls_prev_and_op_is_read_and_not_written() -> None:
    a = Value(2.0)
    square = a * a
    assert square._prev == {a}
    assert (square._op, a._op, a._prev) == ("*", "", set())
    assert (a + square)._prev == {a, square}
    for name in ("_prev", "_op"):
        with pytest.raises(AttributeError):
            setattr(square, name, None)


def test_a_set_finds_the_very_value_and_a_list_one_with_the_same_data() -> None:
    one, two, nan = Value(3.0), Value(3.0), Value(math.nan)
    assert two in [one]
    assert not any(two is v for v in [one])
    assert two not in {one}
    assert {one: 1}.get(two) is None
    assert len({one, two, Value(3.0), nan, nan}) == 4
    assert nan in {nan}
    many = [Value(1.0) for _ in range(5000)]
    assert len(set(many)) == len(set(itertools.pairwise(many))) + 1


def test_a_gradient_that_was_set_to_none_counts_as_zero() -> None:
    a: Any = Value(2.0)
    b: Any = Value(3.0)
    (a * b).backward()
    a.grad = b.grad = None  # as the lectures do with tensors
    (a * b + a).backward()
    assert (a.grad, b.grad) == (4.0, 2.0)


def test_any_real_number_is_an_exponent() -> None:
    x = Value(4.0)
    root = x ** Fraction(1, 2)
    root.backward()
    assert (root.data, root.op, x.grad) == (2.0, "**0.5", 0.25)
    assert math.isnan((Value(-2.0) ** math.nan).data)


@pytest.mark.parametrize("wrong", [10**400, -(10**400), Fraction(10**400)])
def test_a_number_too_large_for_a_float_is_named_as_such(wrong: Any) -> None:
    for attempt in (lambda: Value(wrong), lambda: Value(2.0) * wrong, lambda: Value(2.0) ** wrong):
        with pytest.raises(OverflowError, match=r"about 1\.8e308"):
            attempt()
