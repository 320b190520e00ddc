"""Figures of the chapter on longer contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from nnz.figures.style import FAINT, INK, MARKERS, NORMAL, PALETTE, new_figure

LINES = ["-", "--", "-.", ":", "-"]


def nets(curves: Mapping[str, Sequence[float]], floors: Sequence[float]) -> Figure:
    """Draw the loss of several networks at each step on a logarithmic axis of steps, each with its floor."""
    figure, axes = new_figure(NORMAL, 3.2)
    colors = list(PALETTE.values())
    rows = zip(curves.items(), floors, colors, LINES, strict=False)
    for (label, losses), floor, color, line in rows:
        steps = range(1, len(losses) + 1)
        axes.plot(steps, losses, line, color=color, label=label)
        axes.axhline(floor, color=color, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(min(floors) - 0.05, max(floors) + 1.2)
    axes.set_xlabel("gradient steps")
    axes.set_ylabel("loss (nats per character)")
    axes.legend()
    return figure


def over_k(
    ks: Sequence[float], train: Mapping[str, Sequence[float]], dev: Mapping[str, Sequence[float]]
) -> Figure:
    """Draw training (dashed) and dev loss over k, a color for each order; the best k on dev is marked."""
    figure, axes = new_figure(NORMAL, 4.0)
    rows = zip(dev, PALETTE.values(), MARKERS, strict=False)
    for label, color, marker in rows:
        axes.plot(ks, train[label], "--", color=color, linewidth=1.4)
        axes.plot(ks, dev[label], color=color)
        best = min(range(len(ks)), key=lambda i: dev[label][i])
        axes.plot(ks[best], dev[label][best], marker, color=color, markersize=8, label=label)
    axes.plot([], [], color=INK, label="dev")
    axes.plot([], [], "--", color=INK, linewidth=1.4, label="training")
    axes.set_xscale("log")
    axes.set_xlabel("k")
    axes.set_ylabel("loss (nats per character)")
    axes.legend(ncols=2)
    return figure


def explosion(
    orders: Sequence[int],
    possible: Sequence[int],
    seen: Sequence[int],
    covered: Sequence[float],
    inner: Sequence[float],
) -> Figure:
    """Draw how many contexts there could be and how many occur, and the share of dev guesses with a known one.

    `inner` is the share among those whose context has no full stop.
    """
    figure, (top, bottom) = new_figure(NORMAL, 4.8, nrows=2, sharex=True)
    top.plot(orders, possible, "s--", color=PALETTE["orange"], label="could occur")
    top.plot(orders, seen, "o-", color=PALETTE["blue"], label="occur")
    top.set_yscale("log")
    top.set_ylabel("contexts")
    top.legend()
    bottom.plot(orders, covered, "o-", color=PALETTE["blue"], label="all")
    bottom.plot(orders, inner, "s--", color=PALETTE["green"], label="letters only")
    bottom.legend()
    bottom.set_ylim(0, 1.02)
    bottom.yaxis.set_major_formatter(PercentFormatter(1.0))
    bottom.set_ylabel("known contexts")
    bottom.set_xlabel("order n")
    bottom.set_xticks(list(orders))
    return figure


def held_out(counts: Sequence[int], lines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how often n-grams occur in other names over how often they did in training, a line for each order."""
    figure, axes = new_figure(NORMAL, 3.2)
    axes.plot(counts, counts, color=FAINT, linewidth=1, label="as often")
    for (label, values), marker, line in zip(lines.items(), MARKERS, LINES, strict=False):
        axes.plot(counts, values, marker + line, markersize=5, linewidth=1.2, label=label)
    axes.set_xlabel("times in the training names")
    axes.set_ylabel("times expected in as many others")
    axes.legend()
    return figure


def orders(orders: Sequence[int], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the dev loss over the order of the n-grams, a line for each way to smooth."""
    figure, axes = new_figure(NORMAL, 3.4)
    for (label, losses), marker, line in zip(curves.items(), MARKERS, LINES, strict=False):
        axes.plot(orders, losses, marker + line, markersize=5, label=label)
    last = list(curves.values())[-1]
    axes.axhline(min(last), color=INK, linewidth=0.8, linestyle=":")
    axes.set_xticks(list(orders))
    axes.set_xlabel("order n (characters, the one guessed included)")
    axes.set_ylabel("dev loss (nats per character)")
    axes.legend()
    return figure
