"""Figures of the chapter on networks of neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnz.figures.style import INK, NORMAL, PALETTE, WIDE, new_figure

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
