"""Figures of the chapter on measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import INK, NORMAL, PALETTE, new_figure

MARKERS = ["o-", "s--", "^-."]
HATCHES = ["", "////"]


def positions(curves: Mapping[str, Sequence[float]], counts: Sequence[int]) -> Figure:
    """Draw the average surprisal at each position of a name, and below it how many names have that position."""
    figure, (top, bottom) = new_figure(NORMAL, 4.0, nrows=2, sharex=True, height_ratios=[3, 1])
    for (label, values), style in zip(curves.items(), MARKERS, strict=False):
        top.plot(range(1, len(values) + 1), values, style, markersize=5, label=label)
    top.set_ylabel("surprisal (nats)")
    top.set_ylim(bottom=0)
    top.legend()
    bottom.bar(range(1, len(counts) + 1), counts, color=PALETTE["blue"])
    bottom.set_ylabel("guesses")
    bottom.set_xlabel("position in the name (1 is the first character)")
    return figure


def resamples(values: Tensor, measured: float, interval: tuple[float, float]) -> Figure:
    """Draw how resampled losses are spread, with the measured one and the interval that holds 95 % of them."""
    figure, axes = new_figure(NORMAL, 3.0)
    axes.hist(values.numpy(), bins=40, color=PALETTE["blue"], alpha=0.8)
    axes.axvline(measured, color=INK, linewidth=1.5, label="measured")
    for end in interval:
        axes.axvline(end, color=PALETTE["orange"], linestyle="--", linewidth=1.5)
    axes.plot([], [], color=PALETTE["orange"], linestyle="--", label="95 % between")
    axes.set_xlabel("loss (nats per character)")
    axes.set_ylabel("resampled lists")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def pair(losses: Mapping[str, Tensor], difference: Tensor) -> Figure:
    """Draw how two losses are spread over resampled lists, and below it how their difference is."""
    figure, (top, bottom) = new_figure(NORMAL, 4.8, nrows=2)
    colors = (PALETTE["blue"], PALETTE["orange"])
    for (label, values), color, hatch in zip(losses.items(), colors, HATCHES, strict=True):
        top.hist(values.numpy(), bins=30, color=color, alpha=0.55, hatch=hatch, label=label)
    top.set_xlabel("loss (nats)")
    top.set_ylabel("resampled lists")
    top.legend(fontsize=9)
    bottom.hist(difference.numpy(), bins=30, color=PALETTE["green"], alpha=0.8)
    bottom.axvline(0, color=INK, linewidth=1)
    bottom.set_xlabel("difference (nats)")
    return figure
