"""Figures of the chapter on attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import FAINT, HEAT, INK, NORMAL, WIDE, new_figure

MARKS = ("o-", "s--", "^:")


def _letters(axes: Axes, across: str, down: str) -> None:
    """Write a character beside each column and each row."""
    axes.set_xticks(range(len(across)), list(across), family="monospace")
    axes.set_yticks(range(len(down)), list(down), family="monospace")
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    for x in range(len(across) + 1):
        axes.axvline(x - 0.5, color=FAINT, linewidth=0.4)
    for y in range(len(down) + 1):
        axes.axhline(y - 0.5, color=FAINT, linewidth=0.4)


def mask(text: str, seen: Tensor) -> Figure:
    """Draw which places of a text see which, a row for each that asks.

    Args:
        text: the characters.
        seen: bool (T, T).
    """
    figure, axes = new_figure(NORMAL, 3.6)
    axes.imshow(seen.float().numpy(), cmap=HEAT, vmin=0, vmax=1.4)
    _letters(axes, text, text)
    axes.set_ylabel("the place that asks")
    axes.set_title("the place that is asked")
    return figure


def looks(text: str, weights: Tensor, begin: int) -> Figure:
    """Draw the attention weights of the last places of a text, a row for each.

    Args:
        text: the characters.
        weights: float (T, T).
        begin: the first place that has a row.
    """
    figure, axes = new_figure(WIDE, 3.0)
    axes.imshow(weights[begin:].numpy(), cmap=HEAT, vmin=0, vmax=1, aspect="auto")
    _letters(axes, text, text[begin:])
    axes.set_ylabel("the place that asks")
    return figure


def distance(edges: Sequence[int], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how much less surprising last parts are than first ones, over the distance between them.

    Args:
        edges: curve i has its points between two of these.
        curves: for each model a number for each stretch between two edges.
    """
    figure, axes = new_figure(NORMAL, 3.2)
    labels = [f"{a}–{b - 1}" for a, b in pairwise(edges)]
    for mark, (name, losses) in zip(MARKS, curves.items(), strict=False):
        axes.plot(range(len(losses)), losses, mark, label=name)
    axes.set_xticks(range(len(labels)), labels)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    axes.set_xlabel("distance to the first name (characters)")
    axes.set_ylabel("saved (nats a character)")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def cost(lengths: Sequence[int], times: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the time to read a text over its length."""
    figure, axes = new_figure(NORMAL, 3.2)
    for mark, (name, row) in zip(MARKS, times.items(), strict=False):
        axes.plot(lengths, [1000 * t for t in row], mark, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(lengths, [str(n) for n in lengths])
    axes.set_xlabel("length of the text (characters)")
    axes.set_ylabel("time (milliseconds)")
    axes.legend()
    return figure


def against(weights: Sequence[float], moved: Sequence[float]) -> Figure:
    """Draw how far each earlier character moves a prediction over the weight that its place has."""
    figure, axes = new_figure(NORMAL, 3.2)
    axes.plot(weights, moved, "o", markerfacecolor="none", markeredgecolor=INK, alpha=0.6)
    axes.set_xlabel("attention weight, mean over heads of the last layer")
    axes.set_ylabel("how far the prediction moves")
    return figure
