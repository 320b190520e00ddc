"""Layered pictures of directed graphs: where the boxes go, and the SVG and HTML that show them.

`nnz.draw` says what stands in the boxes. Nothing outside the standard library is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

BOX_WIDTH, BOX_HEIGHT = 110, 60
GAP_X, GAP_Y, LANE = (42, 16, 14)  # between boxes; and the height that a passing arrow takes
MARGIN = 6
SMALLEST = 0.78  # of its size, to which a picture shrinks before it scrolls
LONGEST_HEAD = 15  # characters that fit into a box
MOST_STEPS = 24  # for which the style below has rules

STYLE = """
.nnz-graph { --nnz-ink: #22262b; --nnz-grad: #a5320a; --nnz-line: #8a919a; --nnz-lit: #1f5f9e; --nnz-box: #f6f5f1;
  --nnz-page: #fffefb;
  color: var(--nnz-ink); font: 13px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
html[data-theme="dark"] .nnz-graph, [data-jp-theme-light="false"] .nnz-graph {
  --nnz-ink: #dcdfe3; --nnz-grad: #f2a977; --nnz-line: #7d8793; --nnz-lit: #84b6ea; --nnz-box: #1f242b;
  --nnz-page: #15191e; }
.nnz-graph .picture { overflow-x: auto; }
.nnz-graph .picture svg { display: block; max-width: 100%; height: auto; }
.nnz-graph rect { fill: var(--nnz-box); stroke: var(--nnz-line); }
.nnz-graph path { fill: none; stroke: var(--nnz-line); stroke-width: 1.4; }
.nnz-graph .tip { fill: var(--nnz-line); stroke: none; }
.nnz-graph text { fill: var(--nnz-ink); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.nnz-graph .head { font-weight: 600; }
.nnz-graph .grad, .nnz-graph .slope { fill: var(--nnz-grad); }
.nnz-graph .slope { font-size: 11.5px; text-anchor: middle; paint-order: stroke; stroke: var(--nnz-page);
  stroke-width: 4px; }
.nnz-graph .number { text-anchor: end; }
.nnz-graph fieldset { border: 0; margin: 0 0 0.6rem; padding: 0; display: flex; flex-wrap: wrap;
  gap: 0.3rem 0.1rem; }
.nnz-graph legend { float: left; padding: 0 0.6rem 0 0; font-size: 1em; width: auto; margin: 0; }
.nnz-graph label { padding: 0 0.5rem 0 0.15rem; cursor: pointer; }
.nnz-graph .say { text-align: left; margin: 0.6rem 0 0; min-height: 3.2em; font-size: 1em; line-height: 1.5; }
.nnz-graph .at { display: none; }
"""
STEP_STYLE = "".join(
    f".nnz-graph:has(.step-{i}:checked) .at-{i} {{ display: inline; }}\n"
    f".nnz-graph:has(.step-{i}:checked) .lit-{i} {{ stroke: var(--nnz-lit); stroke-width: 2.6; }}\n"
    for i in range(MOST_STEPS)
)

_serial = itertools.count(1)


@dataclass(frozen=True)
class Drawing:
    """A picture that notebooks show.

    Attributes:
        svg: the picture as the text of an SVG file.
        html: the same with its style and, where there are steps, the means to step through them.
        text: what it shows, for those who cannot see it.
    """

    svg: str = field(repr=False)
    html: str = field(repr=False)
    text: str

    def _repr_html_(self) -> str:
        return self.html


@dataclass
class Box:
    """One node of a picture: its column, its first line, and lines of a word and a number.

    A number is a list of what it reads at each moment; a list of one reads the same always.
    """

    column: int
    head: str
    data: str
    grad: list[str]
    lit: list[int] = field(default_factory=list)  # the moments at which it stands out


@dataclass
class Arrow:
    """A line from one box to another, with what stands on it."""

    tail: Hashable
    head: Hashable
    slope: str = ""
    lit: list[int] = field(default_factory=list)


def spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return positions in the given order, as near to the wanted ones as the least distances allow.

    Pools adjacent violators, which gives the least sum of squares (Ayer et al., 1955).

    >>> spread([0.0, 0.0, 10.0], [2.0, 2.0])
    [-1.0, 1.0, 10.0]
    """
    offsets = [0.0, *itertools.accumulate(gaps)]
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while pools and pools[-1][0] >= mean:
            other, count = pools.pop()
            mean = (mean * size + other * count) / (size + count)
            size += count
        pools.append((mean, size))
    flat = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]


def layout(
    boxes: Mapping[Any, Box], arrows: Sequence[Arrow]
) -> tuple[dict[Hashable, float], list[list[Hashable]]]:
    """Return the height of each box's middle, and for each arrow the places that it passes through.

    An arrow over several columns is given a lane in each column between, so that it passes no box. Then columns
    are swept to and fro: each is put in the order of its neighbors' means, and spread (Sugiyama et al., 1981).
    """
    columns: dict[int, list[Hashable]] = {}
    for key, box in boxes.items():
        columns.setdefault(box.column, []).append(key)
    near: dict[Hashable, list[Hashable]] = {key: [] for key in boxes}
    routes: list[list[Hashable]] = []
    for number, arrow in enumerate(arrows):
        between = range(boxes[arrow.tail].column + 1, boxes[arrow.head].column)
        lanes: list[Hashable] = [("lane", number, column) for column in between]
        for lane, column in zip(lanes, between, strict=True):
            columns[column].append(lane)
            near[lane] = []
        route = [arrow.tail, *lanes, arrow.head]
        for one, other in itertools.pairwise(route):
            near[one].append(other)
            near[other].append(one)
        routes.append(route)
    y = {key: float(index) for keys in columns.values() for index, key in enumerate(keys)}
    order = sorted(columns)
    for sweep in range(16):
        for column in order if sweep % 2 else reversed(order):
            _settle(columns[column], near, y, boxes)
    return y, routes


def _settle(
    keys: list[Hashable],
    near: dict[Hashable, list[Hashable]],
    y: dict[Hashable, float],
    boxes: Mapping[Any, Box],
) -> None:
    """Put one column in order and at its distances."""
    wanted = {
        key: sum(y[other] for other in near[key]) / len(near[key]) if near[key] else y[key] for key in keys
    }
    keys.sort(key=lambda key: wanted[key])
    sizes = [BOX_HEIGHT if key in boxes else LANE for key in keys]
    gaps = [(a + b) / 2 + GAP_Y for a, b in itertools.pairwise(sizes)]
    places = spread([wanted[key] for key in keys], gaps)
    y.update(zip(keys, places, strict=True))


def picture(boxes: Mapping[Any, Box], arrows: Sequence[Arrow], text: str, style: str = STYLE) -> str:
    """Return the SVG of a graph, with its style in it."""
    y, routes = layout(boxes, arrows)
    edges = [y[key] - BOX_HEIGHT / 2 for key in boxes]
    top = min([*edges, *(place - LANE / 2 for place in y.values())])
    bottom = max([*(edge + BOX_HEIGHT for edge in edges), *y.values()])
    last = max(box.column for box in boxes.values())
    width = (last + 1) * BOX_WIDTH + last * GAP_X + 2 * MARGIN
    height = round(bottom - top + 2 * MARGIN)
    middle = {key: place - top + MARGIN for key, place in y.items()}
    shapes = [_arrow(arrow, route, boxes, middle) for arrow, route in zip(arrows, routes, strict=True)]
    shapes += [_box(box, middle[key]) for key, box in boxes.items()]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" class="nnz-graph" '
        f'style="min-width: {width * SMALLEST:.0f}px" role="img" aria-label="{escape(text)}">'
        f"<style>{style}</style>"
    )
    return head + "".join(shapes) + "</svg>"


def _left(column: int) -> int:
    return MARGIN + column * (BOX_WIDTH + GAP_X)


def _lit(moments: Sequence[int]) -> str:
    return "".join(f" lit-{moment}" for moment in moments)


def _arrow(arrow: Arrow, route: list[Hashable], boxes: Mapping[Any, Box], y: dict[Hashable, float]) -> str:
    start = boxes[arrow.tail].column
    x = float(_left(start) + BOX_WIDTH)
    line = f"M{x:.0f},{y[arrow.tail]:.1f}"
    for step, key in enumerate(route[1:], start=1):
        end = float(_left(start + step)) - (7 if step == len(route) - 1 else 0)
        half = (end - x) / 2
        line += (
            f" C{x + half:.0f},{y[route[step - 1]]:.1f} {x + half:.0f},{y[key]:.1f} {end:.0f},{y[key]:.1f}"
        )
        if step < len(route) - 1:
            end += BOX_WIDTH
            line += f" H{end:.0f}"
        x = end
    tip = f"M{x:.0f},{y[arrow.head] - 4:.1f} l7,4 l-7,4 z"
    shapes = f'<path class="line{_lit(arrow.lit)}" d="{line}"/><path class="tip" d="{tip}"/>'
    if arrow.slope:
        at = x - GAP_X / 2 + 3
        above = (y[route[-2]] + y[arrow.head]) / 2 - 5
        shapes += f'<text class="slope" x="{at:.0f}" y="{above:.1f}">{escape(arrow.slope)}</text>'
    return shapes


def _box(box: Box, y: float) -> str:
    x, top = _left(box.column), y - BOX_HEIGHT / 2
    right = x + BOX_WIDTH - 8
    shapes = (
        f'<rect class="box{_lit(box.lit)}" x="{x}" y="{top:.1f}" '
        f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
        f'<text class="head" x="{x + 8}" y="{top + 17:.1f}">{escape(_short(box.head))}</text>'
        f'<text x="{x + 8}" y="{top + 35:.1f}">data</text>'
        f'<text class="number" x="{right}" y="{top + 35:.1f}">{escape(box.data)}</text>'
        f'<text class="grad" x="{x + 8}" y="{top + 52:.1f}">grad</text>'
    )
    for reading, moments in _readings(box.grad):
        when = "" if len(box.grad) == 1 else " at" + "".join(f" at-{moment}" for moment in moments)
        shapes += f'<text class="grad number{when}" x="{right}" y="{top + 52:.1f}">{escape(reading)}</text>'
    return shapes


def _short(head: str) -> str:
    return head if len(head) <= LONGEST_HEAD else head[: LONGEST_HEAD - 1] + "…"


def _readings(states: list[str]) -> list[tuple[str, list[int]]]:
    """Put together the moments that follow each other and read the same."""
    readings: list[tuple[str, list[int]]] = []
    for moment, reading in enumerate(states):
        if readings and readings[-1][0] == reading:
            readings[-1][1].append(moment)
        else:
            readings.append((reading, [moment]))
    return readings


def drawing(
    boxes: Mapping[Any, Box], arrows: Sequence[Arrow], text: str, says: Sequence[str] = ()
) -> Drawing:
    """Return a picture; with what is to be said at each moment, one that can be stepped through.

    The steps are radio buttons and a style sheet: no script, and the arrow keys work.
    """
    svg = picture(boxes, arrows, text, STYLE + STEP_STYLE if says else STYLE)
    shown = f'<div class="picture" tabindex="0" role="group" aria-label="graph">{svg}</div>'
    if not says:
        return Drawing(svg, f'<div class="nnz-graph">{shown}</div>', text)
    name = f"nnz-graph-{next(_serial)}"
    buttons = "".join(
        f'<span><input type="radio" name="{name}" id="{name}-{i}" class="step-{i}"{" checked" * (i == 0)}>'
        f'<label for="{name}-{i}">{i}</label></span>'
        for i in range(len(says))
    )
    said = "".join(f'<span class="at at-{i}">{escape(say)}</span>' for i, say in enumerate(says))
    html = (
        f'<div class="nnz-graph"><fieldset><legend>Step</legend>{buttons}</fieldset>'
        f'{shown}<p class="say" aria-live="polite">{said}</p></div>'
    )
    last = {key: replace(box, grad=box.grad[-1:], lit=[]) for key, box in boxes.items()}
    still = [replace(arrow, lit=[]) for arrow in arrows]
    return Drawing(picture(last, still, text), html, text)
