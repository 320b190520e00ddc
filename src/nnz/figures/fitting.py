"""Figures of the chapter on fit and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nnz.figures.style import HEAT, INK, NORMAL, PALETTE, new_figure

MARKERS = ["o-", "s--"]


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
