"""Figures of the chapter in which all models stand side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nnz.figures.style import FAINT, INK, LINES, MARKERS, NORMAL, PALETTE, new_figure

# What a model learns by: a marker and a color.
KINDS = {"counts": ("s", "orange"), "network": ("o", "blue"), "both": ("D", "green")}

# What the picture calls a model; one that is not here has the summary of its registry.
CALLED = {
    "bigram-net": "pairs, by a network",
    "mlp": "a network on three characters",
    "mlp-5": "a larger network on five characters",
    "batchnorm": "a network on three characters, with batch norm",
    "wavenet-tree": "a tree over eight characters",
    "wavenet": "the tree, trained on whole names",
    "gated": "WaveNet, with gates",
    "mixture": "counts of sixes and WaveNet with gates, half of each",
    "gru": "a recurrent network with gates",
    "gpt": "a GPT of four blocks",
    "mixture-4": "two recurrent networks with gates, WaveNet, and counts",
}


@dataclass(frozen=True)
class Entry:
    """A model in the picture of all: what it is, its kind (of `KINDS`), its loss, and a name it wrote, if any."""

    what: str
    kind: str
    loss: float
    interval: tuple[float, float]
    wrote: str


def in_one(entries: Sequence[Entry]) -> Figure:
    """Draw what each model is, its loss with the interval, and a name that it wrote, the highest loss on top."""
    entries = sorted(entries, key=lambda entry: -entry.loss)
    figure, axes = new_figure(NORMAL, 1.4 + 0.5 * len(entries))
    low, high = min(e.interval[0] for e in entries), max(e.interval[1] for e in entries)
    wide = (high - low) or 1.0
    for i, entry in enumerate(entries):
        marker, color = KINDS[entry.kind]
        axes.plot([low, high], [-i, -i], color=FAINT, linewidth=0.3, zorder=0)
        axes.plot(entry.interval, [-i, -i], color=PALETTE[color], linewidth=2)
        axes.plot(entry.loss, -i, marker, color=PALETTE[color])
        axes.text(low - 0.02 * wide, 0.4 - i, entry.what, fontsize=9, va="center")
        axes.text(high + 0.06 * wide, -i, entry.wrote, fontsize=12, va="center", style="italic")
    for kind, (marker, color) in KINDS.items():
        axes.plot(
            [],
            [],
            marker,
            color=PALETTE[color],
            label={"both": "counts and a network"}.get(kind, kind),
            linestyle="none",
        )
    axes.set(xlim=(low - 0.04 * wide, high + 0.5 * wide), ylim=(0.5 - len(entries), 0.7), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_xticks([tick for tick in axes.get_xticks() if low - 0.04 * wide <= tick <= high])
    axes.set_xlabel("test loss (nats per character)", loc="left")
    choices = axes.secondary_xaxis("top", functions=(np.exp, lambda x: np.log(np.maximum(x, 1e-9))))
    choices.set_xticks(range(math.ceil(math.exp(low)), math.floor(math.exp(high)) + 1))
    choices.set_xlabel("as hard to guess as one of so many equally likely letters", loc="left")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def ranking(rows: Mapping[str, tuple[float, float, float]], given: Mapping[str, float]) -> Figure:
    """Draw the test loss of each model with its 95 % interval, the best on top, and numbers of others as crosses.

    Args:
        rows: for each model its loss, and the ends of the interval.
        given: losses of others, by name.
    """
    figure, axes = new_figure(NORMAL, 1.0 + 0.34 * (len(rows) + len(given)))
    both = [(value, name, ends) for name, (value, *ends) in rows.items()]
    both += [(value, name, []) for name, value in given.items()]
    both.sort(reverse=True)
    for i, (value, _, ends) in enumerate(both):
        if ends:
            axes.plot(ends, [i, i], color=PALETTE["blue"], linewidth=2)
            axes.plot(value, i, "o", color=PALETTE["blue"])
        else:
            axes.plot(value, i, "x", color=PALETTE["orange"], markersize=8)
    axes.set_yticks(range(len(both)), [name for _, name, _ in both])
    axes.set_xlabel("test loss (nats)")
    return figure


def costs(points: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Draw dev losses over the number of weights, and over the seconds of training, a marker for each model.

    Args:
        points: weights, seconds and dev loss of each model.
    """
    figure, (top, bottom) = new_figure(NORMAL, 6.4, nrows=2)
    colors = list(PALETTE.values())
    for i, (name, (weights, seconds, loss)) in enumerate(points.items()):
        style: Any = {"marker": MARKERS[i % len(MARKERS)], "color": colors[i % 5]}
        style |= {"linestyle": "none", "markersize": 8}
        top.plot(weights, loss, label=name, **style)
        bottom.plot(seconds, loss, **style)
    for axes, label in ((top, "numbers stored"), (bottom, "seconds of training")):
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("dev loss (nats)")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def by_place(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the loss at each position of a name, a line for each model."""
    figure, axes = new_figure(NORMAL, 3.4)
    for (name, values), (dash, color) in zip(losses.items(), LINES, strict=False):
        axes.plot(values, linestyle=dash, color=PALETTE[color], label=name)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xlabel("place in the name (0 is the first letter)")
    axes.set_ylabel("loss (nats)")
    axes.legend()
    return figure
