"""Figures of the chapter on recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from nnz.figures.style import INK, NORMAL, PALETTE, WIDE, new_figure

MARKERS = ("o-", "s--", "^-.", "D:", "v-")


def unrolled(name: str) -> Figure:
    """Draw the cell once for each character of a name: what it reads, its state, and what it is asked.

    Args:
        name: without dots.
    """
    figure, axes = new_figure(WIDE, 2.9)
    read, asked = "." + name, name + "."
    axes.text(-1.15, 0, "start", ha="center", va="center")
    for t, (below, above) in enumerate(zip(read, asked, strict=True)):
        box = {"boxstyle": "round,pad=0.6", "facecolor": "none", "edgecolor": INK}
        axes.text(t, 0, "cell", ha="center", va="center", bbox=box)
        for char, y in ((below, -1.25), (above, 1.25)):
            axes.text(t, y, char, ha="center", va="center", family="monospace", fontsize=14)
        for start, end, color in (
            ((t, -1.05), (t, -0.35), INK),
            ((t, 0.35), (t, 1.05), INK),
            ((t - (0.9 if t == 0 else 0.68), 0), (t - 0.32, 0), PALETTE["orange"]),
        ):
            style = {"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", end, start, arrowprops=style)
        axes.text(t - 0.5, 0.16, f"$h_{{{t}}}$", ha="center", color=PALETTE["orange"])
    axes.text(-1.15, -1.25, "reads", ha="center", va="center", fontsize=10)
    axes.text(-1.15, 1.25, "is asked", ha="center", va="center", fontsize=10)
    axes.set_xlim(-1.6, len(name) + 0.5)
    axes.set_ylim(-1.6, 1.6)
    axes.axis("off")
    return figure


def gradients(norms: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how long gradients are, relative to the first of each list, over the number of steps back."""
    figure, axes = new_figure(NORMAL, 3.4)
    for (label, values), marker in zip(norms.items(), MARKERS, strict=False):
        relative = [value / values[0] for value in values]
        axes.plot(range(len(values)), relative, marker, markevery=5, markersize=5, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("steps back")
    axes.set_ylabel("length of the gradient, relative")
    axes.legend()
    return figure


def times(lengths: Sequence[float], seconds: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the time of a forward and a backward pass, relative to the least, over the length of the texts."""
    figure, axes = new_figure(NORMAL, 3.2)
    least = min(min(values) for values in seconds.values())
    for (label, values), marker in zip(seconds.items(), MARKERS, strict=False):
        axes.plot(lengths, [value / least for value in values], marker, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(lengths, [f"{n:g}" for n in lengths])
    axes.set_xlabel("characters of a text")
    axes.set_ylabel("time, relative")
    axes.legend()
    return figure
