"""Figures of the chapter on the tree of WaveNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nnz.figures.style import FAINT, INK, LINES, MARKERS, NORMAL, PALETTE, new_figure


def tree(context: str, widths: Sequence[int]) -> Figure:
    """Draw a context of characters and the levels of the tree above it, with how many numbers each node holds.

    Beside each level stands its shape, and between two levels, smaller, that of the pairs put side by side.

    Args:
        context: its characters, the oldest first; as many as the tree has leaves.
        widths: how many numbers each node holds, from the embedding to the top.
    """
    figure, axes = new_figure(NORMAL, 4.2)
    T = len(context)
    places = [float(i) for i in range(T)]
    for level, width in enumerate(widths):
        for i, x in enumerate(places):
            corner = (x - 0.38, level - 0.16)
            axes.add_patch(Rectangle(corner, 0.76, 0.32, facecolor="none", edgecolor=INK))
            axes.text(x, level, str(width), ha="center", va="center", fontsize=10)
            if level + 1 < len(widths):
                above = (places[i - i % 2] + places[i - i % 2 + 1]) / 2
                color = PALETTE["blue"]
                axes.plot([x, above], [level + 0.16, level + 0.84], color=color)
        shape = f"({len(places)}, {width})" if len(places) > 1 else f"({width},)"
        axes.text(T - 0.3, level, shape, va="center", fontsize=10)
        if level + 1 < len(widths):
            half = len(places) // 2
            joined = f"({half}, {2 * width})" if half > 1 else f"({2 * width},)"
            axes.text(T - 0.3, level + 0.5, joined, va="center", fontsize=8)
        places = [sum(pair) / 2 for pair in zip(places[::2], places[1::2], strict=False)]
    for x, char in enumerate(context):
        axes.text(x, -0.55, char, ha="center", va="center", family="monospace")
    axes.set_xlim(-0.6, T + 1.0)
    axes.set_ylim(-0.9, len(widths) - 0.6)
    axes.axis("off")
    return figure


def log(losses: Mapping[str, Sequence[float]], theirs: Mapping[str, float]) -> Figure:
    """Draw the dev losses of the seeds of each network as dots, and those of the lecture as crosses."""
    figure, axes = new_figure(NORMAL, 3.6)
    for i, (name, values) in enumerate(losses.items()):
        style = {"color": PALETTE["blue"], "markersize": 6}
        axes.plot([i] * len(values), values, "o", alpha=0.7, **style)
        if name in theirs:
            axes.plot(i, theirs[name], "x", color=PALETTE["orange"], markersize=9)
    axes.set_xticks(range(len(losses)), [n.replace(" ", "\n") for n in losses])
    axes.set_xlim(-0.5, len(losses) - 0.5)
    axes.set_ylabel("dev loss (nats)")
    return figure


def smoothing(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Draw the same losses as they are and averaged: steps and losses for each."""
    figure, axes = new_figure(NORMAL, 3.4)
    styles = [
        {"color": FAINT, "linewidth": 0.3, "alpha": 0.6},
        {"color": PALETTE["blue"], "linewidth": 1.6},
        {"color": PALETTE["orange"], "linewidth": 1.6, "linestyle": "--"},
    ]
    for (name, (steps, losses)), style in zip(curves.items(), styles, strict=False):
        axes.plot(steps, losses, label=name, **style)
    axes.set_xlabel("step")
    axes.set_ylabel("loss of a batch (nats)")
    for line in axes.legend(loc="upper right").get_lines():
        line.set(linewidth=2, alpha=1)
    return figure


def positions(shares: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how much the prediction changes when one character of the context is another, over its place."""
    figure, axes = new_figure(NORMAL, 3.3)
    for (name, values), (dash, color), marker in zip(shares.items(), LINES, MARKERS, strict=False):
        places = range(-len(values), 0)
        style = {"color": PALETTE[color], "linestyle": dash, "marker": marker}
        axes.plot(places, values, label=name, markersize=5, **style)
    axes.set_yscale("log")
    axes.set_xlabel("place in the context (-1 is the last character)")
    axes.set_ylabel("change of the prediction (nats)")
    axes.legend(loc="upper left")
    return figure
