"""Figures of the chapter that gives the bigram to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import HEAT, INK, NORMAL, PALETTE, WIDE, new_figure

DASHES = ["-", "--", "-.", ":"]


def descent(curves: Mapping[str, Sequence[float]], floor: float, highest: float) -> Figure:
    """Draw the loss at each step, a line for each run, and the floor that none can go below."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (label, losses), dashes in zip(curves.items(), DASHES, strict=False):
        axes.plot(range(len(losses)), losses, label=label, linestyle=dashes)
    axes.axhline(floor, color=INK, linewidth=1, label="counting")
    axes.set_ylim(floor - 0.05, highest)
    axes.set_xlabel("gradient steps")
    axes.set_ylabel("loss (nats per character)")
    axes.legend()
    return figure


def two_tables(tables: Mapping[str, Tensor], chars: Sequence[str]) -> Figure:
    """Draw tables side by side on one scale, rows the previous character; what is not finite stays white."""
    figure, row = new_figure(WIDE, 5.0, ncols=len(tables), sharey=True, squeeze=False)
    finite = [table[table.isfinite()] for table in tables.values()]
    low = min(float(values.min()) for values in finite)
    high = max(float(values.max()) for values in finite)
    ticks = range(len(chars))
    for axes, (label, table) in zip(row[0], tables.items(), strict=True):
        shown = table.masked_fill(~table.isfinite(), float("nan")).numpy()
        image = axes.imshow(shown, cmap=HEAT, norm=Normalize(low, high))
        axes.set_title(label)
        axes.set_xticks(ticks, chars, fontsize=9)
        axes.set_yticks(ticks, chars, fontsize=9)
        axes.set_xlabel("next character")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    row[0][0].set_ylabel("previous character")
    bar = figure.colorbar(image, ax=list(row[0]), shrink=0.8, aspect=30, pad=0.01)
    bar.set_label("logarithm of a count")
    bar.outline.set_visible(False)
    return figure


def smoothing(ks: Sequence[float], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the dev loss over the strength of smoothing, a line for each way to smooth."""
    figure, axes = new_figure(NORMAL, 3.2)
    styles = zip(("o-", "s--"), ("blue", "orange"), strict=True)
    for (label, losses), (style, color) in zip(curves.items(), styles, strict=True):
        axes.plot(ks, losses, style, color=PALETTE[color], markersize=5, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("k, or the weight decay in units of 1 / 2N")
    axes.set_ylabel("dev loss (nats per character)")
    axes.legend()
    return figure
