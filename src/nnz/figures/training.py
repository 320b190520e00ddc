"""Figures of the chapter on training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from nnz.figures.style import LINES, NORMAL, PALETTE, new_figure


def range_test(rates: Sequence[float], losses: Sequence[float], width: int = 20) -> Figure:
    """Draw the loss of each step over its learning rate, and the mean of `width` steps around it."""
    figure, axes = new_figure(NORMAL, 3.4)
    axes.plot(rates, losses, ".", color=PALETTE["blue"], alpha=0.3, markersize=4)
    half = width // 2
    middle = range(half, len(losses) - half)
    means = [sum(losses[i - half : i + half]) / width for i in middle]
    axes.plot([rates[i] for i in middle], means, color=PALETTE["orange"])
    axes.set_xscale("log")
    axes.set_ylim(min(losses) - 0.1, losses[0] + 1.2)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss of a batch (nats)")
    return figure


def walks(distances: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how far from the bottom of a valley each step is, a line for each learning rate."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (label, values), (dash, color) in zip(distances.items(), LINES, strict=False):
        steps = range(1, len(values) + 1)
        axes.plot(steps, values, linestyle=dash, color=PALETTE[color], label=label)
    axes.set_yscale("log")
    axes.set_xlabel("steps taken")
    axes.set_ylabel("distance from the bottom")
    axes.legend(title="learning rate", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def rates(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the learning rate of each step, a line for each schedule."""
    figure, axes = new_figure(NORMAL, 3.0)
    for (label, values), (dash, color) in zip(curves.items(), LINES, strict=False):
        axes.plot(values, linestyle=dash, color=PALETTE[color], label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def batch_sizes(sizes: Sequence[int], losses: Sequence[float], seconds: Sequence[float]) -> Figure:
    """Draw the dev loss after equally many windows over the batch size, and below it the time that took."""
    figure, (top, bottom) = new_figure(NORMAL, 4.4, nrows=2, sharex=True)
    top.plot(sizes, losses, "o-", color=PALETTE["blue"], markersize=5)
    top.set_ylabel("dev loss (nats)")
    bottom.plot(sizes, seconds, "s--", color=PALETTE["orange"], markersize=5)
    bottom.set_ylabel("time, as a share\nof the longest")
    bottom.set_ylim(bottom=0)
    bottom.set_xscale("log", base=2)
    bottom.set_xticks(sizes, [str(size) for size in sizes])
    bottom.set_xlabel("windows in a batch")
    return figure
