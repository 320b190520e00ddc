"""Figures of the chapter on first weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import FAINT, INK, LINES, MARKERS, NORMAL, PALETTE, new_figure


def stick(losses: Mapping[str, Sequence[float]], blind: float) -> Figure:
    """Draw the loss of each step, a line for each start, and that of a blind guess."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (name, values), (dash, color) in zip(losses.items(), LINES, strict=False):
        axes.plot(values, linestyle=dash, color=PALETTE[color], linewidth=1.2, label=name)
    axes.axhline(blind, color=INK, linewidth=1, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("step")
    axes.set_ylabel("loss of a batch (nats)")
    axes.legend()
    return figure


def first_loss(
    spreads: Sequence[float],
    measured: Sequence[float],
    bound: Sequence[float],
    dots: Mapping[str, tuple[float, float]],
) -> Figure:
    """Draw the expected first loss over the spread of the logits, its bound, and networks as dots."""
    figure, axes = new_figure(NORMAL, 3.2)
    axes.plot(spreads, measured, color=PALETTE["blue"], label="random logits")
    axes.plot(spreads, bound, "--", color=PALETTE["orange"], label="bound")
    for (name, (x, y)), marker in zip(dots.items(), MARKERS, strict=False):
        axes.plot(x, y, marker, color=INK, markersize=7, label=name)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.3 * max(measured))
    axes.set_xlabel("standard deviation of the logits")
    axes.set_ylabel("first loss (nats)")
    axes.legend(loc="upper left")
    return figure


def saturated(activations: Mapping[str, Tensor], beyond: float) -> Figure:
    """Draw a map for each network: examples down, units across, filled where |h| is beyond a bound."""
    figure, rows = new_figure(NORMAL, 3.6, nrows=len(activations), sharex=True)
    for axes, (name, h) in zip(rows, activations.items(), strict=True):
        axes.imshow(h.abs() > beyond, cmap="Blues", aspect="auto", vmin=0, vmax=1.3)
        axes.set_title(name)
        axes.set_ylabel("example")
        axes.spines[["top", "right"]].set_visible(True)
    rows[-1].set_xlabel("hidden unit")
    return figure


def folds(units: Sequence[tuple[float, float, float]], data: Sequence[float]) -> Figure:
    """Draw ReLU units over one input, the sum of what they pass on, its folds, and where the examples lie.

    Args:
        units: each with its weight w, its bias b and the weight v by which its output is multiplied; w is not 0.
        data: the inputs of the examples, drawn as ticks.
    """
    figure, axes = new_figure(NORMAL, 3.2)
    at = [-b / w for w, b, _ in units]
    x = sorted({min([*data, *at]) - 0.5, max([*data, *at]) + 0.5, *at})  # straight between these
    parts = [[v * max(0.0, w * place + b) for place in x] for w, b, v in units]
    total = [sum(values) for values in zip(*parts, strict=True)]
    for number, (values, (dash, color)) in enumerate(zip(parts, LINES, strict=False), start=1):
        axes.plot(x, values, linestyle=dash, color=PALETTE[color], linewidth=1.3, label=f"unit {number}")
    axes.plot(x, total, color=INK, linewidth=2.5, label="their sum")
    axes.plot(at, [total[x.index(place)] for place in at], "o", color=INK, markersize=6)
    bottom = min(min(values) for values in (*parts, total)) - 0.3
    axes.plot(list(data), [bottom] * len(data), "|", color=INK, markersize=8, label="examples")
    axes.set_xlabel("input x")
    axes.set_ylabel("output")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def fixed_point(
    q: Sequence[float], curves: Mapping[str, Sequence[float]], walks: Sequence[Sequence[float]]
) -> Figure:
    """Draw the variance of the next layer over that of a layer, a curve for each gain, and walks to the diagonal.

    Args:
        q: variances of a layer's pre-activations.
        curves: for each gain the variances of the next layer.
        walks: the variances of one layer after another, drawn as stairs between a curve and the diagonal.
    """
    figure, axes = new_figure(NORMAL, 4.2)
    axes.plot(q, q, color=FAINT, linewidth=1, label="no change")
    for (name, values), (dash, color) in zip(curves.items(), LINES, strict=False):
        axes.plot(q, values, linestyle=dash, color=PALETTE[color], label=f"gain {name}")
    for walk in walks:
        corners = [corner for a, b in pairwise(walk) for corner in ((a, b), (b, b))]
        axes.plot(*zip((walk[0], walk[0]), *corners, strict=True), color=INK, linewidth=1)
        axes.plot(walk[0], walk[0], "o", color=INK, markersize=5)
    axes.set_xlabel("variance q of a layer")
    axes.set_ylabel("variance of the next layer")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def stack(runs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Draw the sizes of activations and, below, of gradients over the layers, a line for each gain."""
    figure, (top, bottom) = new_figure(NORMAL, 5.4, nrows=2, sharex=True)
    for (name, both), (dash, color), marker in zip(runs.items(), LINES, MARKERS, strict=False):
        for axes, values in zip((top, bottom), both, strict=True):
            layers = range(1, len(values) + 1)
            style = {"linestyle": dash, "marker": marker, "markersize": 4}
            axes.plot(layers, values, color=PALETTE[color], label=name, **style)
    for axes, what in ((top, "activations"), (bottom, "gradients")):
        axes.set_yscale("log")
        axes.set_ylabel(f"root mean square\nof the {what}")
    bottom.set_xlabel("layer")
    bottom.set_xticks(list(layers))
    top.legend(title="gain", ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def log(
    starts: Sequence[str],
    recorded: Sequence[Sequence[float]],
    here: Sequence[float],
    theirs: Mapping[str, float],
) -> Figure:
    """Draw recorded losses for each start as circles, this page's shorter run filled, the lecture's as a cross."""
    figure, axes = new_figure(NORMAL, 3.4)
    blue, orange = PALETTE["blue"], PALETTE["orange"]
    for i, (values, own) in enumerate(zip(recorded, here, strict=True)):
        axes.plot([i - 0.1] * len(values), values, "o", color=blue, mfc="none")
        axes.plot(i + 0.1, own, "o", color=blue)
    marked = [i for i, start in enumerate(starts) if start in theirs]
    lectures = [theirs[starts[i]] for i in marked]
    axes.plot([i + 0.3 for i in marked], lectures, "x", color=orange, mew=2)
    axes.legend(
        [axes.lines[0], axes.lines[1], axes.lines[-1]],
        [f"{len(recorded[0])} seeds, recorded", "seed 1, a quarter of it", "the lecture"],
    )
    axes.set_xticks(range(len(starts)), [s.replace(" ", "\n") for s in starts])
    axes.set_xlim(-0.5, len(starts) - 0.3)
    axes.set_ylabel("dev loss (nats)")
    return figure
