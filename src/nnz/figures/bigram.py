"""Figures of the chapter on counting pairs."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import FAINT, HEAT, INK, NORMAL, PALETTE, WIDE, new_figure


def _alphabet_axes(axes: Axes, chars: Sequence[str], size: float) -> None:
    ticks = range(len(chars))
    axes.set_xticks(ticks, chars, fontsize=size)
    axes.set_yticks(ticks, chars, fontsize=size)
    axes.set_xlabel("next character", fontsize=size)
    axes.set_ylabel("previous character", fontsize=size)
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=True)
    axes.spines[:].set_visible(False)


def count_table(counts: Tensor, chars: Sequence[str]) -> Figure:
    """Draw every pair with its count: rows are the previous character, columns the next."""
    figure, axes = new_figure(WIDE, WIDE)
    norm = PowerNorm(
        0.5, vmin=0, vmax=float(counts.max())
    )  # a square root, or the rare pairs would all be white
    axes.imshow(counts.numpy(), cmap=HEAT, norm=norm)
    colors = mpl.colormaps[HEAT]
    for i, row in enumerate(counts.tolist()):
        for j, count in enumerate(row):
            red, green, blue, _ = colors(norm(count))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            ink = "white" if dark else FAINT if count == 0 else INK
            axes.text(j, i - 0.2, chars[i] + chars[j], ha="center", va="center", color=ink, fontsize=7)
            axes.text(j, i + 0.22, str(count), ha="center", va="center", color=ink, fontsize=7)
    _alphabet_axes(axes, chars, 11)
    return figure


def probability_heat(probs: Tensor, chars: Sequence[str]) -> Figure:
    """Draw the probability of each next character, a row for each previous one; every row sums to 1."""
    figure, axes = new_figure(NORMAL, NORMAL)
    image = axes.imshow(probs.numpy(), cmap=HEAT, norm=PowerNorm(0.5, vmin=0, vmax=float(probs.max())))
    _alphabet_axes(axes, chars, 10)
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.7, aspect=40, pad=0.02)
    bar.set_label("probability of the next character, given the previous one")
    bar.outline.set_visible(False)
    return figure


def surprise_steps(names: Sequence[str], surprisals: Sequence[Sequence[float]], uniform: float) -> Figure:
    """Draw, for each name, what each of its characters cost in nats; the last bar is the end token."""
    figure, row = new_figure(NORMAL, 2.7, ncols=len(names), sharey=True, squeeze=False)
    for axes, name, surprisal in zip(row[0], names, surprisals, strict=True):
        labels = [*name, "."]
        axes.bar(range(len(labels)), surprisal, color=PALETTE["blue"], width=0.75)
        axes.axhline(uniform, color=PALETTE["orange"], linewidth=1.5, linestyle="--")
        axes.set_xticks(range(len(labels)), labels, fontsize=10)
        axes.set_title(name)
        axes.tick_params(length=0)
    row[0][0].set_ylabel("surprisal (nats)")
    return figure


def lengths(groups: dict[str, Sequence[str]]) -> Figure:
    """Draw how long names are: the share of each length, a line for each group of names."""
    figure, axes = new_figure(NORMAL, 3.0)
    for (label, names), marker in zip(groups.items(), "os^D", strict=False):
        longest = min(max(map(len, names)), 24)
        shares = [sum(len(name) == n for name in names) / len(names) for n in range(longest + 1)]
        axes.plot(range(longest + 1), shares, marker=marker, markersize=5, label=label)
    axes.set_xlabel("length of the name (characters)")
    axes.set_ylabel("share of names")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
