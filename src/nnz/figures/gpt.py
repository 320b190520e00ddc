"""Figures of the chapter on a GPT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from nnz.figures.style import FAINT, INK, NORMAL, PALETTE, new_figure

AVERAGED = 100  # steps


def block(channels: int) -> Figure:
    """Draw a block: attention and a small network, each of which adds to what goes straight up.

    Args:
        channels: how many numbers a place has.
    """
    figure, axes = new_figure(NORMAL, 4.2)
    shape, inner = f"({channels},)", f"({4 * channels},)"
    places = {
        "x": (0.0, 0.0), "norm": (1.7, 0.7), "attention": (1.7, 1.7), "+": (0.0, 2.4),
        "norm ": (1.7, 3.1), "fc1, ReLU": (1.7, 4.0), "fc2": (1.7, 4.9), "+ ": (0.0, 5.6),
        "to the next block": (0.0, 6.6), "keys and values of earlier places": (3.1, 1.7),
    }  # fmt: skip
    arrows = [
        ("x", "norm"), ("norm", "attention"), ("attention", "+"), ("+", "norm "), ("norm ", "fc1, ReLU"),
        ("fc1, ReLU", "fc2"), ("fc2", "+ "), ("keys and values of earlier places", "attention"),
        ("x", "+"), ("+", "+ "), ("+ ", "to the next block"),
    ]  # fmt: skip
    for start, end in arrows:
        (x, y), (to_x, to_y) = places[start], places[end]
        past = x == to_x == 0
        bend = "arc3" if past or x == to_x or y == to_y else "angle3,angleA=0,angleB=90"
        if to_x == 0 and x > 0:
            bend = "angle3,angleA=90,angleB=0"
        color = PALETTE["orange"] if past else INK
        style = {"arrowstyle": "-|>", "color": color, "shrinkA": 11, "shrinkB": 11, "connectionstyle": bend}
        if start.startswith("keys"):
            style["shrinkA"], style["shrinkB"] = 0, 34
        axes.annotate("", (to_x, to_y), (x, y), arrowprops=style)
    for name, (x, y) in places.items():
        if name.startswith("keys"):
            axes.text(x, y, "keys and values\nof earlier places", ha="left", va="center", fontsize=10)
            continue
        edge = "none" if name in ("x", "to the next block") else INK
        box = {"boxstyle": "round,pad=0.3", "facecolor": "none", "edgecolor": edge}
        axes.text(x, y, name.strip(), ha="center", va="center", bbox=box)
    for x, y, text in [(-0.9, 0.0, shape), (0.3, 2.6, shape), (2.6, 4.0, inner), (2.2, 4.9, shape)]:
        axes.text(x, y, text, va="center", fontsize=9)
    axes.set_xlim(-1.2, 4.6)
    axes.set_ylim(-0.4, 6.9)
    axes.axis("off")
    return figure


def run(losses: Sequence[float], dev: float) -> Figure:
    """Draw the loss of each step, the mean of a hundred, the last in a circle, and the dev loss at the end."""
    figure, axes = new_figure(NORMAL, 3.4)
    n, steps = len(losses), range(1, len(losses) + 1)
    axes.plot(steps, losses, ".", color=FAINT, markersize=3, alpha=0.6, label="one name")
    means = [sum(losses[i : i + AVERAGED]) / AVERAGED for i in range(n - AVERAGED + 1)]
    middle = [i + (1 + AVERAGED) / 2 for i in range(len(means))]
    axes.plot(middle, means, color=PALETTE["blue"], label=f"mean of {AVERAGED}")
    axes.axhline(dev, color=PALETTE["orange"], linestyle="--", label="dev loss at the end")
    axes.plot(n, losses[-1], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)")
    axes.legend(markerscale=3)
    return figure


def beside(gaps: Mapping[str, tuple[float, float]]) -> Figure:
    """Draw differences with two standard errors on either side, and a line at zero."""
    figure, axes = new_figure(NORMAL, 0.9 + 0.45 * len(gaps))
    for i, (gap, error) in enumerate(gaps.values()):
        axes.errorbar(gap, i, xerr=2 * error, fmt="o", color=PALETTE["blue"], capsize=4)
    axes.axvline(0, color=FAINT, linewidth=1)
    axes.set_yticks(range(len(gaps)), list(gaps))
    axes.set_ylim(len(gaps) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("dev loss of the GPT minus that of the table (nats)")
    return figure


def by_part(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw for each network the losses of its seeds on the last part of lines of the return list."""
    figure, axes = new_figure(NORMAL, 0.9 + 0.45 * len(losses))
    for i, values in enumerate(losses.values()):
        axes.plot(values, [i] * len(values), "o", color=PALETTE["blue"], alpha=0.7)
    axes.set_yticks(range(len(losses)), list(losses))
    axes.set_ylim(len(losses) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("loss of the last name of a line (nats a character)")
    return figure
