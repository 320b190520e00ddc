"""Figures of the chapter in which all models stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from nnz.figures.style import INK, LINES, MARKERS, NORMAL, PALETTE, new_figure


def ranking(rows: Mapping[str, tuple[float, float, float]], given: Mapping[str, float]) -> Figure:
    """Draw the test loss of each model with its 95 % interval, the best on top, and numbers of others as crosses.

    Args:
        rows: for each model its loss, and the ends of the interval.
        given: losses of others, by name.
    """
    figure, axes = new_figure(NORMAL, 1.0 + 0.34 * (len(rows) + len(given)))
    both = [(value, name, ends) for name, (value, *ends) in rows.items()]
    both += [(value, name, []) for name, value in given.items()]
    both.sort(reverse=True)
    for i, (value, _, ends) in enumerate(both):
        if ends:
            axes.plot(ends, [i, i], color=PALETTE["blue"], linewidth=2)
            axes.plot(value, i, "o", color=PALETTE["blue"])
        else:
            axes.plot(value, i, "x", color=PALETTE["orange"], markersize=8)
    axes.set_yticks(range(len(both)), [name for _, name, _ in both])
    axes.set_xlabel("test loss (nats)")
    return figure


def costs(points: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Draw dev losses over the number of weights, and over the seconds of training, a marker for each model.

    Args:
        points: weights, seconds and dev loss of each model.
    """
    figure, (top, bottom) = new_figure(NORMAL, 6.4, nrows=2)
    colors = list(PALETTE.values())
    for i, (name, (weights, seconds, loss)) in enumerate(points.items()):
        style: Any = {"marker": MARKERS[i % len(MARKERS)], "color": colors[i % 5]}
        style |= {"linestyle": "none", "markersize": 8}
        top.plot(weights, loss, label=name, **style)
        bottom.plot(seconds, loss, **style)
    for axes, label in ((top, "numbers stored"), (bottom, "seconds of training")):
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("dev loss (nats)")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def by_place(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the loss at each position of a name, a line for each model."""
    figure, axes = new_figure(NORMAL, 3.4)
    for (name, values), (dash, color) in zip(losses.items(), LINES, strict=False):
        axes.plot(values, linestyle=dash, color=PALETTE[color], label=name)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xlabel("place in the name (0 is the first letter)")
    axes.set_ylabel("loss (nats)")
    axes.legend()
    return figure
