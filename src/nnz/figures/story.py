"""Pictures for those who read no formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from nnz.figures.style import FAINT, INK, LINES, NORMAL, PALETTE, new_figure

LETTERS_TO_CHOOSE_FROM = "as one of so many letters"


def guesses(rows: Sequence[tuple[str, str, Mapping[str, float]]]) -> Figure:
    """Draw which letters follow each beginning, as stretches of a bar; the one that comes is marked.

    Args:
        rows: a beginning, the character that comes next ("." is the end), and the share of each that follows.
    """
    figure, axes = new_figure(NORMAL, 0.75 * len(rows) + 0.2)
    for i, (beginning, comes, shares) in enumerate(rows):
        left = 0.0
        for letter, share in shares.items():
            color, alpha = ("orange", 0.9) if letter == comes else ("blue", 0.25)
            axes.add_patch(
                Rectangle((left, -i), share, 0.5, facecolor=PALETTE[color], alpha=alpha, edgecolor="white")
            )
            if share > 0.035:
                ink = "white" if letter == comes else INK
                said, size = ("end", 8) if letter == "." else (letter, 11)
                axes.text(
                    left + share / 2, 0.25 - i, said, ha="center", va="center", fontsize=size, color=ink
                )
            left += share
        said = f"after {beginning}" if beginning else "at the start"
        axes.text(0, 0.62 - i, said, fontsize=10, va="center")
    axes.set(xlim=(-0.01, 1.01), ylim=(0.9 - len(rows), 0.85))
    axes.axis("off")
    return figure


def surprise(names: Mapping[str, Sequence[float]], blind: float) -> Figure:
    """Draw how surprising each letter of some names is, and its end, as a number of equally likely letters."""
    figure, row = new_figure(NORMAL, 2.8, ncols=len(names), sharey=True, squeeze=False)
    for axes, (name, costs) in zip(row[0], names.items(), strict=True):
        axes.bar(range(len(costs)), costs, color=PALETTE["blue"], width=0.75)
        axes.axhline(blind, color=PALETTE["orange"], linewidth=1.5, linestyle="--")
        axes.set_xticks(range(len(costs)), [*name, "end"])
        axes.tick_params(length=0)
    row[0][0].set_ylabel(LETTERS_TO_CHOOSE_FROM)
    return figure


def learning(curve: Sequence[float], stages: Sequence[tuple[int, float, str]], counted: float) -> Figure:
    """Draw how surprised a network is after each step, with what it writes now and then, above a counted table.

    Args:
        curve: the surprise before each step.
        stages: a step, the surprise after it, and what was written.
        counted: the surprise of the table.
    """
    figure, axes = new_figure(NORMAL, 3.4)
    axes.plot(range(1, len(curve) + 1), curve, color=PALETTE["blue"])
    for step, height, wrote in stages:
        short = wrote if len(wrote) <= 12 else wrote[:11] + "…"
        axes.plot(step + 1, height, "o", color=PALETTE["blue"])
        axes.annotate(
            short,
            (step + 1, height),
            xytext=(4, 8),
            textcoords="offset points",
            fontsize=11,
            style="italic",
        )
    axes.axhline(
        counted, color=PALETTE["orange"], linestyle="--", linewidth=1.5, label="the table that was counted"
    )
    axes.set_xscale("log")
    axes.set_xticks([step + 1 for step, *_ in stages], [str(step) for step, *_ in stages])
    axes.minorticks_off()
    axes.set(xlim=(0.8, 4 * len(curve)), ylim=(0, max(curve) * 1.15))
    axes.set_xlabel("steps")
    axes.set_ylabel(LETTERS_TO_CHOOSE_FROM)
    axes.legend(loc="lower left")
    return figure


def context(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how surprised tables are over the number of letters that they see, a line for each label."""
    figure, axes = new_figure(NORMAL, 3.6)
    for (label, heights), (dash, color), marker in zip(curves.items(), LINES, "os^D", strict=False):
        axes.plot(heights, linestyle=dash, marker=marker, markersize=5, color=PALETTE[color], label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("letters that the table sees")
    axes.set_ylabel(LETTERS_TO_CHOOSE_FROM)
    figure.legend(loc="outside lower center", ncols=1, fontsize=10)
    return figure


def _letters(axes: Axes, name: str, marked: int, above: float) -> None:
    """Write a name in boxes, of which the last ones are marked."""
    for i, letter in enumerate(name):
        alpha = 0.3 if i >= len(name) - marked else 0.06
        axes.add_patch(Rectangle((i - 0.42, -0.42), 0.84, 0.84, facecolor=PALETTE["blue"], alpha=alpha))
        axes.text(i, 0, letter, ha="center", va="center", fontsize=12)
    axes.text(
        len(name), 0, "?", ha="center", va="center", fontsize=13, color=PALETTE["orange"], weight="bold"
    )
    axes.set(xlim=(-0.7, len(name) + 0.7), ylim=(-0.6, above))
    axes.axis("off")


def _arrow(axes: Axes, begin: float, end: float, bend: float, width: float) -> None:
    axes.add_patch(
        FancyArrowPatch(
            (begin, 0.5),
            (end, 0.5),
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=9,
            linewidth=width,
            color=PALETTE["orange"],
        )
    )


def ways(name: str) -> Figure:
    """Draw three ways to read what stands before the next letter: a window, a state, and looking back."""
    heights = (0.6, 1.0, 1.9)
    figure, rows = new_figure(NORMAL, 3.9, nrows=3, height_ratios=[0.6 + height for height in heights])
    n = len(name)
    titles = (
        "a window: the last three letters",
        "a state: notes that are carried along",
        "looking back at every letter",
    )
    for axes, title, marked, above in zip(rows, titles, (3, 0, n), heights, strict=True):
        _letters(axes, name, marked, above)
        axes.set_title(title, loc="left", fontsize=11)
    for i in range(n):
        _arrow(rows[1], i, i + 1, -0.5, 1.6)
        _arrow(rows[2], n, i, 0.22, 0.5 + 2.2 * (i % 3 == 0))
    rows[0].plot([n - 3.42, n - 0.58], [-0.52, -0.52], color=FAINT, linewidth=1.5)
    return figure
