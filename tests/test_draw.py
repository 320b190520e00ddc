"""The pictures of graphs: what they show, where things stand, and what is too large."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnz.draw import MOST_NODES, columns, draw, steps
from nnz.engine import Value, topological_order
from nnz.plumbing.graphs import BOX_HEIGHT, LANE, MOST_STEPS, Arrow, Box, layout, spread

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def example() -> tuple[Value, Value, Value]:
    a = Value(3, label="a")
    b = a + a
    b.label = "b"
    c = b + (b + a)
    c.label = "c"
    return a, b, c


def any_graph(seed: int, operations: int) -> Value:
    generator = random.Random(seed)
    nodes = [Value(generator.uniform(-2, 2)) for _ in range(3)]
    for _ in range(operations):
        nodes.append(generator.choice(nodes) * generator.choice(nodes))
    return nodes[-1]


def texts(svg: str, kind: str) -> list[str]:
    tree = ElementTree.fromstring(svg)
    return [
        "".join(node.itertext())
        for node in tree.iterfind(".//svg:text", NAMESPACE)
        if kind in node.get("class", "").split()
    ]


@given(st.integers(0, 10_000), st.integers(1, 15))
def test_every_operand_stands_left_of_its_results_and_one_of_them_is_near(seed: int, operations: int) -> None:
    root = any_graph(seed, operations)
    place = columns(root)
    users: dict[Value, list[int]] = {}
    for node in topological_order(root):
        for operand, _ in node.operands:
            users.setdefault(operand, []).append(place[node])
    assert place[root] == max(place.values())
    assert min(place.values()) == 0
    for operand, of in users.items():
        assert place[operand] == min(of) - 1


def test_a_picture_shows_every_number_with_its_data_and_gradient() -> None:
    a, _, c = example()
    c.backward()
    svg = draw(c, slopes=True).svg
    assert sorted(texts(svg, "head")) == ["a", "b + a", "b = a + a", "c = b + ·"]
    assert sorted(texts(svg, "grad")) == sorted(["grad"] * 4 + ["5", "2", "1", "1"])
    assert "1 + 1" in texts(svg, "slope")
    assert len(texts(svg, "slope")) == 5
    assert a.grad == 5.0


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (lambda x: x**2, "x**2"),
        (lambda x: -x, "−x"),
        (lambda x: x.tanh(), "tanh(x)"),
        (lambda x: x / 4, "x ÷ 4"),
        (lambda x: 2 - x, "2 − x"),
        (lambda x: x ** Value(0.5), "x ** 0.5"),
        (lambda x: x * 1e-7, "x × 1e−07"),
    ],
)
def test_a_box_says_how_it_was_made(make: object, head: str) -> None:
    assert callable(make)
    assert texts(draw(make(Value(3, label="x"))).svg, "head")[-1] == head


def test_a_label_that_would_break_the_markup_is_escaped_and_a_long_one_cut() -> None:
    node = Value(1, label="<b>&") * Value(2, label="an extremely long label")
    drawing = draw(node)
    heads = texts(drawing.svg, "head")
    assert "<b>&" in heads
    assert all(len(head) <= 15 for head in heads)
    assert "an extremely long label" in drawing.text
    ElementTree.fromstring(f"<root>{drawing.html}</root>")


def test_a_picture_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    _, _, c = example()
    drawing = draw(c)
    assert drawing.text.startswith("Graph of 4 nodes. a: data 3, grad 0.")
    assert ElementTree.fromstring(drawing.svg).get("aria-label") == drawing.text


def test_a_picture_is_what_a_notebook_shows() -> None:
    _, _, c = example()
    drawing = draw(c)
    assert drawing._repr_html_() == drawing.html
    assert drawing.svg in drawing.html


def test_drawing_changes_nothing() -> None:
    a, b, c = example()
    a.grad = 0.25
    steps(c)
    draw(c)
    assert (a.grad, b.grad, c.grad) == (0.25, 0.0, 0.0)


def test_the_steps_are_those_of_the_backward_pass() -> None:
    a, b, c = example()
    drawing = steps(c)
    moments = len(re.findall(r'type="radio"', drawing.html))
    assert moments == 2 + 3
    readings = {}
    for box in re.findall(r'class="grad number at((?: at-\d+)+)"[^>]*>([^<]*)<', drawing.html):
        for moment in re.findall(r"at-(\d+)", box[0]):
            readings.setdefault(int(moment), []).append(box[1])
    assert readings[0] == ["0", "0", "0", "0"]
    assert readings[1] == ["0", "0", "0", "1"]
    assert readings[2] == ["0", "1", "1", "1"]
    assert readings[3] == ["1", "2", "1", "1"]
    assert readings[4] == ["5", "2", "1", "1"]
    assert "b gets 1 × 1, b + a gets 1 × 1" in drawing.html
    c.backward()
    assert (a.grad, b.grad) == (5.0, 2.0)


def test_at_each_step_the_node_that_passes_on_and_its_arrows_stand_out_and_it_is_said() -> None:
    a = Value(3, label="a")
    b = a * 2
    b.label = "b"
    html = steps(b + a).html
    boxes = re.findall(r'<rect class="box((?: lit-\d+)*)".*?class="head"[^>]*>([^<]*)<', html)
    assert {head: lit.split() for lit, head in boxes} == {
        "a": [],
        "number": [],
        "b = a × 2": ["lit-3"],
        "b + a": ["lit-1", "lit-2"],
    }
    assert sorted(re.findall(r'<path class="line( lit-\d)*"', html)) == [" lit-2"] * 2 + [" lit-3"] * 2
    assert re.findall(r'<span class="at at-(\d)">([^<]*)<', html) == [
        ("0", "The forward pass is done: every node knows its data. All gradients are 0."),
        ("1", "The derivative of b + a with respect to itself is 1."),
        ("2", "b + a passes on its gradient: b gets 1 × 1, a gets 1 × 1."),
        ("3", "b passes on its gradient: a gets 2 × 1, 2 gets 3 × 1."),
    ]


def test_the_last_step_holds_the_gradients_of_backward() -> None:
    root = any_graph(7, 8)
    shown = texts(steps(root).svg, "number")
    root.backward()
    nodes = topological_order(root)
    expected = [f"{x:.4g}".replace("-", "−") for node in nodes for x in (node.data, node.grad)]
    assert sorted(shown) == sorted(expected)


def test_two_drawings_on_a_page_do_not_share_their_buttons() -> None:
    _, _, c = example()
    names = [re.findall(r'name="([^"]*)"', steps(c).html) for _ in range(2)]
    assert not set(names[0]) & set(names[1])


def test_too_large_a_graph_is_refused_with_advice() -> None:
    node = Value(1)
    for _ in range(MOST_NODES):
        node = -node
    with pytest.raises(ValueError, match=r"61 nodes.*smaller example"):
        draw(node)


def test_too_many_steps_are_refused_with_advice() -> None:
    node = Value(1)
    for _ in range(MOST_STEPS - 2):
        node = -node
    steps(node)
    with pytest.raises(ValueError, match=r"23 operations; at most 22"):
        steps(-node)


def test_a_million_nodes_are_refused_in_no_time() -> None:
    node = x = Value(1)
    for _ in range(100_000):
        node = node + x
    with pytest.raises(ValueError, match="100,001 nodes"):
        draw(node)


def test_a_single_number_can_be_drawn() -> None:
    assert texts(draw(Value(2, label="x")).svg, "head") == ["x"]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12).map(sorted), st.floats(0.5, 20))
def test_spreading_keeps_order_and_distances_and_moves_no_more_than_it_must(
    wanted: list[float], gap: float
) -> None:
    places = spread(wanted, [gap] * (len(wanted) - 1))
    for left, right in itertools.pairwise(places):
        assert right - left >= gap - 1e-9
    assert sum(places) == pytest.approx(sum(wanted), abs=1e-6)
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 14))
def test_no_two_boxes_overlap_and_no_arrow_passes_a_box(seed: int, operations: int) -> None:
    root = any_graph(seed, operations)
    place = columns(root)
    boxes = {node: Box(column, "", "", [""]) for node, column in place.items()}
    arrows = [Arrow(operand, node) for node in place for operand in {o for o, _ in node.operands}]
    y, routes = layout(boxes, arrows)
    columned: dict[int, list[tuple[float, float]]] = {}
    for key, box in boxes.items():
        columned.setdefault(box.column, []).append((y[key], BOX_HEIGHT))
    for route in routes:
        for lane in route[1:-1]:
            assert isinstance(lane, tuple)
            columned[lane[2]].append((y[lane], LANE))
    for items in columned.values():
        ordered = sorted(items)
        for (upper, tall), (lower, other) in itertools.pairwise(ordered):
            assert lower - upper >= (tall + other) / 2


@pytest.mark.parametrize("show", [draw, steps, columns])
@pytest.mark.parametrize("root", [3, None, "x", [Value(1)]])
def test_what_is_no_graph_is_not_drawn(show: Callable[[Any], Any], root: Any) -> None:
    with pytest.raises(TypeError, match=r"one Value.*got"):
        show(root)


@pytest.mark.parametrize("slopes", [Value(2), Value(1), "LR", None])
def test_a_second_result_or_a_direction_is_not_taken_for_slopes(slopes: Any) -> None:
    with pytest.raises(TypeError, match=r"True or False.*one result; got"):
        draw(Value(1), slopes)


@pytest.mark.parametrize("show", [draw, steps])
def test_a_label_that_is_no_text_is_found_when_it_is_drawn(show: Callable[[Any], Any]) -> None:
    a = Value(3.0)
    a.label = 7  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"label is text.*data 3.0 has 7 \(int\)"):
        show(a * 2)
