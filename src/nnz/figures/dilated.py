"""Figures of the chapter on dilated convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from nnz.figures.style import FAINT, INK, NORMAL, PALETTE, WIDE, new_figure


def receptive(text: str, dilations: Sequence[int], at: int) -> Figure:
    """Draw every position of every layer, and in color what the output at one position depends on.

    Args:
        text: the characters that are read, the padding included.
        dilations: of the layers, the lowest first.
        at: the position whose output is asked for.
    """
    figure, axes = new_figure(WIDE, 3.6)
    T, depth = len(text), len(dilations)
    lit = [set[int]() for _ in range(depth + 1)]
    lit[depth] = {at}
    for i in range(depth - 1, -1, -1):
        lit[i] = lit[i + 1] | {t - dilations[i] for t in lit[i + 1]}
    for i, d in enumerate(dilations):
        for t in range(T):
            on = t in lit[i + 1]
            color, width = (PALETTE["blue"], 2.0) if on else (FAINT, 0.6)
            for source in (t - d, t):
                if source >= 0:
                    line = axes.plot([source, t], [i, i + 1], color=color)[0]
                    line.set(linewidth=width, zorder=2 if on else 1)
    for i in range(depth + 1):
        for t in range(T):
            style = {"markersize": 9, "markeredgecolor": INK, "zorder": 3}
            fill = PALETTE["blue"] if t in lit[i] else "#c9ced6"
            axes.plot(t, i, "o", markerfacecolor=fill, **style)
    for t, char in enumerate(text):
        axes.text(t, -0.5, char, ha="center", va="center", family="monospace")
    for i, d in enumerate(dilations):
        axes.text(T - 0.3, i + 0.5, f"dilation {d}", va="center", fontsize=10)
    axes.set_xlim(-0.6, T + 2.2)
    axes.set_ylim(-0.8, depth + 0.3)
    axes.axis("off")
    return figure


def ablation(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the dev losses of the seeds of each variant, the variants from top to bottom."""
    figure, axes = new_figure(NORMAL, 0.9 + 0.42 * len(losses))
    names = list(losses)
    for i, name in enumerate(names):
        values = losses[name]
        axes.plot(values, [i] * len(values), "o", color=PALETTE["blue"], alpha=0.7)
        axes.plot(sum(values) / len(values), i, "|", color=INK, markersize=16)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("dev loss (nats)")
    return figure


def writing(lengths: Sequence[float], plain: Sequence[float], cached: Sequence[float]) -> Figure:
    """Draw the time to write a character over the receptive field, plain and with a cache."""
    figure, axes = new_figure(NORMAL, 3.2)
    axes.plot(lengths, plain, "s--", color=PALETTE["orange"], label="whole context")
    axes.plot(lengths, cached, "o-", color=PALETTE["blue"], label="with a cache")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(lengths, [f"{n:g}" for n in lengths])
    axes.set_xlabel("receptive field (characters)")
    axes.set_ylabel("time a step, relative")
    axes.legend()
    return figure
