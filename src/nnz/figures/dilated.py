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


def beginnings(texts: Sequence[str], parents: Sequence[int], at: int) -> Figure:
    """Draw the beginnings of names as a tree, each with the number of its row, and the way back from one of them.

    Args:
        texts: the beginnings, the empty one first.
        parents: for each the row of the one that is a letter shorter; 0 for the empty one.
        at: the row whose left neighbors are in color.
    """
    figure, axes = new_figure(NORMAL, 2.6)
    children = {row: [c for c in range(1, len(texts)) if parents[c] == row] for row in range(len(texts))}
    height: dict[int, float] = {}
    for row in sorted(range(len(texts)), key=lambda row: (-len(texts[row]), row)):
        below = [height[c] for c in children[row]]
        height[row] = sum(below) / len(below) if below else float(_leaves_before(row, children))
    lit = {at}
    while at:
        lit.add(at := parents[at])
    for row, text in enumerate(texts):
        here = (len(text), -height[row])
        if row:
            above = (len(text) - 1, -height[parents[row]])
            color, width = (PALETTE["blue"], 2.4) if row in lit else (FAINT, 1.0)
            axes.plot([above[0], here[0]], [above[1], here[1]], color=color, linewidth=width, zorder=1)
            middle = ((above[0] + here[0]) / 2, (above[1] + here[1]) / 2 + 0.16)
            axes.text(*middle, text[-1], ha="center", va="bottom", family="monospace")
        fill = PALETTE["blue"] if row in lit else "#c9ced6"
        axes.plot(*here, "o", markersize=19, markerfacecolor=fill, markeredgecolor=INK, zorder=2)
        ink = "white" if row in lit else INK
        axes.text(*here, str(row), ha="center", va="center", color=ink, fontsize=10, zorder=3)
        if not children[row]:
            axes.text(here[0] + 0.3, here[1], text, va="center", family="monospace")
    axes.set_xlim(-0.4, max(map(len, texts)) + 0.9)
    axes.set_ylim(-max(height.values()) - 0.5, 0.6)
    axes.axis("off")
    return figure


def _leaves_before(row: int, children: Mapping[int, Sequence[int]]) -> int:
    """Return how many leaves stand above this one, from top to bottom."""

    def leaves(top: int) -> list[int]:
        return [leaf for child in children[top] for leaf in leaves(child)] or [top]

    return leaves(0).index(row)


def block(channels: int) -> Figure:
    """Draw a gated block: two inputs, filter and gate, what goes on to the next block, and what to the output.

    Args:
        channels: how many numbers each input has.
    """
    figure, axes = new_figure(NORMAL, 3.6)
    shape, both = f"({channels},)", f"({2 * channels},)"
    places = {
        "left": (0.0, 0.0), "now": (2.0, 0.0), "side by side": (1.0, 1.0), "tanh": (0.3, 2.0), "σ": (1.7, 2.0),
        "⊙": (1.0, 3.0), "R": (2.0, 4.0), "S": (0.0, 4.0), "+": (3.3, 4.0), "to the output": (0.0, 5.0),
        "to the next block": (3.3, 5.0),
    }  # fmt: skip
    arrows = [
        ("left", "side by side", ""), ("now", "side by side", ""), ("side by side", "tanh", "a"),
        ("side by side", "σ", "b"), ("tanh", "⊙", ""), ("σ", "⊙", ""), ("⊙", "R", ""), ("⊙", "S", ""),
        ("R", "+", ""), ("now", "+", ""), ("S", "to the output", ""), ("+", "to the next block", ""),
    ]  # fmt: skip
    for start, end, label in arrows:
        (x, y), (to_x, to_y) = places[start], places[end]
        past = (start, end) == ("now", "+")
        style = {
            "arrowstyle": "-|>",
            "color": PALETTE["orange"] if past else INK,
            "shrinkA": 12,
            "shrinkB": 12,
        }
        bend = "angle3,angleA=0,angleB=90" if past else "arc3"
        axes.annotate("", (to_x, to_y), (x, y), arrowprops={**style, "connectionstyle": bend})
        if label:
            axes.text((x + to_x) / 2 + 0.12, (y + to_y) / 2, label, va="center", fontsize=10)
    for name, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.3", "facecolor": "none", "edgecolor": INK}
        plain = name in ("left", "now", "to the output", "to the next block")
        axes.text(x, y, name, ha="center", va="center", bbox={**box, "edgecolor": "none"} if plain else box)
    for x, y, text in [(0.45, -0.35, shape), (2.45, -0.35, shape), (1.85, 1.0, both), (1.45, 3.0, shape)]:
        axes.text(x, y, text, va="center", fontsize=9)
    axes.set_xlim(-0.9, 4.4)
    axes.set_ylim(-0.7, 5.4)
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
