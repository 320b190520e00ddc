"""Figures of the chapter on training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nnz.figures.style import HEAT, INK, NORMAL, PALETTE, new_figure

STYLES = [("-", "blue"), ("--", "orange"), ("-.", "green"), (":", "purple")]
MARKERS = ["o-", "s--"]


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


def rates(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the learning rate of each step, a line for each schedule."""
    figure, axes = new_figure(NORMAL, 3.0)
    for (label, values), (dash, color) in zip(curves.items(), STYLES, strict=False):
        axes.plot(values, linestyle=dash, color=PALETTE[color], label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def curves(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, *, log: bool = True
) -> Figure:
    """Draw losses over something, a line with markers for each kind."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (label, values), style, color in zip(lines.items(), MARKERS, ("blue", "orange"), strict=False):
        axes.plot(x, values, style, color=PALETTE[color], markersize=5, label=label)
    if log:
        axes.set_xscale("log")
    axes.set_xlabel(xlabel)
    axes.set_ylabel("loss (nats per character)")
    axes.legend()
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


def searched(tried: Mapping[str, tuple[Tensor, Tensor, Tensor]], most: float) -> Figure:
    """Draw rates and decays that were tried, one plot for each way to choose them, shaded by their loss.

    Args:
        tried: for each way its rates, decays and dev losses, float of shape (M,).
        most: a loss from which on all are shaded alike.
    """
    figure, rows = new_figure(NORMAL, 6.6, nrows=len(tried), sharex=True)
    low = min(float(losses.min()) for *_, losses in tried.values())
    for axes, (label, (x, y, losses)) in zip(rows, tried.items(), strict=True):
        image = axes.scatter(
            x,
            y,
            c=losses.clamp(max=most),
            cmap=f"{HEAT}_r",
            vmin=low,
            vmax=most,
            s=60,
            edgecolor=INK,
            linewidth=0.6,
        )
        best = losses.argmin()
        axes.plot(x[best], y[best], "*", color=PALETTE["orange"], markersize=15)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(label)
        axes.set_ylabel("weight decay")
    rows[-1].set_xlabel("learning rate")
    bar = figure.colorbar(image, ax=list(rows), location="right", shrink=0.8)
    bar.set_label(f"dev loss (nats), cut off at {most:g}")
    return figure


def study(values: Sequence[float], guided_from: int) -> Figure:
    """Draw the loss of each trial, the best so far, and where the sampler stops trying at random."""
    figure, axes = new_figure(NORMAL, 3.2)
    numbers = range(1, len(values) + 1)
    axes.plot(numbers, values, "o", color=PALETTE["blue"], label="trial")
    best = [min(values[:i]) for i in numbers]
    axes.step(numbers, best, where="post", color=PALETTE["orange"], label="best so far")
    axes.axvline(guided_from + 0.5, color=INK, linewidth=1, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial (at random to the left of the dotted line)")
    axes.set_ylabel("dev loss (nats)")
    axes.legend()
    return figure
