"""Figures of the chapter on batch normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import HEAT, INK, LINES, MARKERS, NORMAL, PALETTE, new_figure

_Losses = Mapping[str, Sequence[float]]


def coupling(maps: Mapping[str, Tensor]) -> Figure:
    """Draw how much each example's output depends on each example's input, a map for each layer."""
    figure, places = new_figure(NORMAL, 3.0, ncols=len(maps), sharey=True)
    for axes, (name, sizes) in zip(places, maps.items(), strict=True):
        axes.imshow(sizes / sizes.max(), cmap=HEAT, vmin=0, vmax=0.5)
        axes.set_title(name)
        axes.set_xlabel("input of example")
        axes.set_xticks([0, 7], ["1", "8"])
        axes.spines[["top", "right"]].set_visible(True)
    places[0].set_yticks([0, 7], ["1", "8"])
    places[0].set_ylabel("output of example")
    return figure


def noise(sizes: Sequence[int], spreads: Sequence[float]) -> Figure:
    """Draw the spread of one context's logits over the size of the batch it is in."""
    figure, axes = new_figure(NORMAL, 3.0)
    axes.plot(sizes, spreads, "o-", color=PALETTE["blue"])
    middle = len(sizes) // 2
    line = [spreads[middle] * math.sqrt(sizes[middle] / size) for size in sizes]
    axes.plot(sizes, line, ":", color=INK, linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel("examples in the batch")
    axes.set_ylabel("spread of the logits (nats)")
    return figure


def running(logs: Mapping[str, Sequence[tuple[float, float]]], every: int) -> Figure:
    """Draw running and exact means of a unit over the steps, a plot for each momentum."""
    figure, rows = new_figure(NORMAL, 4.6, nrows=len(logs), sharex=True, sharey=True)
    for axes, (name, log) in zip(rows, logs.items(), strict=True):
        steps = [every * (i + 1) for i in range(len(log))]
        axes.plot(steps, [r for r, _ in log], color=PALETTE["blue"], linewidth=1.2, label="running")
        axes.plot(steps, [e for _, e in log], "--", color=PALETTE["orange"], label="exact")
        axes.set_title(name)
        axes.set_ylabel("mean of the unit")
    rows[0].legend(loc="lower left", ncols=2)
    rows[-1].set_xlabel("step")
    return figure


def robust(*plots: tuple[Sequence[float], _Losses, _Losses]) -> Figure:
    """Draw dev losses over the learning rate and, below, over the scale of the first weights.

    Args:
        plots: each with its places, and for each norm the means there, drawn as lines, and single runs, as marks.
    """
    figure, both = new_figure(NORMAL, 5.6, nrows=2)
    for axes, (x, means, single) in zip(both, plots, strict=True):
        for (name, losses), (dash, color), marker in zip(means.items(), LINES, MARKERS, strict=False):
            style = {"color": PALETTE[color], "label": name}
            axes.plot(x, losses, linestyle=dash, **style)
            axes.plot(x, single[name], marker, color=PALETTE[color], mfc="none")
        axes.set_xscale("log")
        axes.set_ylabel("dev loss (nats)")
    low = min(min(losses) for losses in plots[0][1].values())
    both[0].set_ylim(low - 0.02, low + 0.35)  # what is worse than that leaves the plot
    both[0].set_xlabel("learning rate")
    both[1].set_xlabel("factor on the first weights")
    both[0].legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.25))
    return figure
