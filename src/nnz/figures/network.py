"""Figures of the chapter on networks of neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from nnz.figures.style import FAINT, INK, NORMAL, PALETTE, WIDE, new_figure

Grid = tuple[Sequence[float], Sequence[float], Sequence[Sequence[float]]]
KINDS = {1: ("o", PALETTE["blue"]), -1: ("s", PALETTE["orange"])}


def _points(axes: Axes, points: Sequence[Sequence[float]], labels: Sequence[int]) -> None:
    for label, (marker, color) in KINDS.items():
        chosen = [point for point, of in zip(points, labels, strict=True) if of == label]
        axes.scatter(
            [x for x, _ in chosen],
            [y for _, y in chosen],
            marker=marker,
            color=color,
            edgecolor="white",
            linewidth=0.5,
            s=26,
            label=f"{label:+d}",
            zorder=3,
        )
    axes.set_aspect("equal")
    axes.set_xlabel("x1")


def _boundary(axes: Axes, grid: Grid) -> None:
    """Shade where the score is positive and draw the line where it is 0."""
    xs, ys, scores = grid
    values = np.array(scores)
    axes.contourf(
        xs, ys, values > 0, levels=[-0.5, 0.5, 1.5], colors=[PALETTE["orange"], PALETTE["blue"]], alpha=0.16
    )
    if values.min() < 0 < values.max():
        axes.contour(xs, ys, values, levels=[0], colors=INK, linewidths=1.4)


def regions(points: Sequence[Sequence[float]], labels: Sequence[int], grids: Mapping[str, Grid]) -> Figure:
    """Draw labeled points over what a model says everywhere, a panel for each model.

    A grid is the places x1, the places x2, and the scores, a row for each x2.
    """
    width = WIDE if len(grids) > 1 else NORMAL
    figure, row = new_figure(width, 3.2, ncols=len(grids), squeeze=False, sharey=True)
    for axes, (title, grid) in zip(row[0], grids.items(), strict=True):
        _boundary(axes, grid)
        _points(axes, points, labels)
        axes.set_title(title)
    row[0][0].set_ylabel("x2")
    row[0][0].legend(loc="upper right", handletextpad=0.1)
    return figure


def losses(curves: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw losses over the steps of training, on a scale of powers of ten, a line for each run."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (name, curve), style in zip(curves.items(), ("-", "--", "-.", ":"), strict=False):
        axes.semilogy(range(len(curve)), curve, style, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.legend()
    return figure


def sizes(results: Mapping[object, Sequence[float]]) -> Figure:
    """Draw the accuracy of each run for each number of hidden neurons, and the mean."""
    figure, axes = new_figure(NORMAL, 3.2)
    places = range(len(results))
    for place, accuracies in zip(places, results.values(), strict=True):
        axes.plot(
            [place] * len(accuracies),
            [100 * accuracy for accuracy in accuracies],
            "o",
            color=PALETTE["blue"],
            alpha=0.6,
            markersize=6,
        )
    means = [100 * sum(accuracies) / len(accuracies) for accuracies in results.values()]
    axes.plot(places, means, "_", color=PALETTE["orange"], markersize=22, label="mean")
    axes.set_xticks(places, [str(n) for n in results])
    axes.set_xlabel("hidden neurons")
    axes.set_ylabel("accuracy on new points (%)")
    axes.legend()
    return figure


GAP = 1.3  # between the neurons of a layer
HALO = [withStroke(linewidth=3, foreground="white")]


def through(model: Any, x: Sequence[float]) -> Figure:
    """Draw a small network with the numbers that go through it for one input.

    In each circle stands what it returns, on each arrow its weight, and below a neuron its bias and its sum.
    """
    figure, axes = new_figure(NORMAL, 4.4)
    axes.set_axis_off()
    heights, numbers = _heights(len(x), 1.5 * GAP), list(x)
    for y, number in zip(heights, numbers, strict=True):
        _circle(axes, 0, y, number)
    for column, layer in enumerate(model.layers, start=1):
        places = _heights(len(layer.neurons), GAP)
        for y, neuron in zip(places, layer.neurons, strict=True):
            weights = [w.data for w in neuron.w]
            for y_from, weight in zip(heights, weights, strict=True):
                _arrow(axes, (column - 1, y_from), (column, y), weight)
            total = neuron.b.data + sum(w * number for w, number in zip(weights, numbers, strict=True))
            _circle(axes, column, y, neuron(numbers).data)
            below = f"bias {_short(neuron.b.data)}, sum {_short(total)}"
            axes.text(column, y - 0.36, below, fontsize=8, ha="center", va="top", path_effects=HALO, zorder=5)
        heights, numbers = places, [neuron(numbers).data for neuron in layer.neurons]
    tallest = max(len(x) * 1.5, *(len(layer.neurons) for layer in model.layers))
    axes.set_xlim(-0.2, len(model.layers) + 0.3)
    axes.set_ylim(-GAP * tallest / 2, GAP * tallest / 2 - 0.25)
    return figure


def _heights(n: int, gap: float) -> list[float]:
    """Return the heights of so many circles in a column, from the top down."""
    return [gap * ((n - 1) / 2 - i) for i in range(n)]


def _circle(axes: Axes, column: float, y: float, number: float) -> None:
    axes.plot(column, y, "o", markersize=32, markerfacecolor="white", markeredgecolor=INK, zorder=3)
    axes.text(column, y, _short(number), fontsize=10, ha="center", va="center", zorder=4)


def _arrow(axes: Axes, tail: tuple[float, float], head: tuple[float, float], weight: float) -> None:
    """Draw a line with its weight, where the lines lie apart."""
    color = PALETTE["blue" if weight > 0 else "orange"]
    axes.plot(*zip(tail, head, strict=True), color=color, linewidth=0.6 + 1.2 * abs(weight), zorder=1)
    at = 0.28 if head[0] == 1 else 0.5
    x, y = (a + at * (b - a) for a, b in zip(tail, head, strict=True))
    axes.text(x, y, _short(weight), color=color, fontsize=9, ha="center", va="center", path_effects=HALO)


def _short(number: float) -> str:
    return f"{round(number, 2) + 0.0:g}".replace("-", "−")


def valley(loss: Callable[[float], float], runs: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a loss over its only parameter, and the places that each run of gradient descent came to."""
    figure, row = new_figure(WIDE, 3.2, ncols=len(runs), squeeze=False, sharey=True)
    farthest = 1.1 * max(abs(w) for run in runs.values() for w in run)
    ws = np.linspace(-farthest, farthest, 200)
    for axes, (title, run) in zip(row[0], runs.items(), strict=True):
        axes.plot(ws, [loss(float(w)) for w in ws], color=FAINT)
        axes.plot(run, [loss(w) for w in run], "o-", color=PALETTE["blue"], markersize=5, linewidth=1.2)
        axes.plot(run[0], loss(run[0]), "o", color=PALETTE["orange"], markersize=8)
        axes.set_title(title)
        axes.set_xlabel("w")
    row[0][0].set_ylabel("loss")
    return figure


def folds(
    points: Sequence[Sequence[float]],
    labels: Sequence[int],
    grid: Grid,
    lines: Sequence[tuple[float, float, float]],
) -> Figure:
    """Draw a network's border and, for each neuron (w1, w2, b) of its first layer, the line where it switches."""
    figure, axes = new_figure(NORMAL, 3.6)
    _boundary(axes, grid)
    _points(axes, points, labels)
    low, high = min(grid[0]), max(grid[0])
    for w1, w2, b in lines:
        if w2:
            ends = [-(w1 * x + b) / w2 for x in (low, high)]
            axes.plot((low, high), ends, color=FAINT, linewidth=1, zorder=2)
        else:
            axes.axvline(-b / w1, color=FAINT, linewidth=1, zorder=2)
    axes.set_xlim(low, high)
    axes.set_ylim(min(grid[1]), max(grid[1]))
    axes.set_ylabel("x2")
    return figure
