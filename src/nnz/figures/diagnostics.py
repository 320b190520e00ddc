"""Figures of the chapter on a network's vital signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nnz.figures.style import FAINT, INK, MARKERS, NORMAL, PALETTE, new_figure
from nnz.probe import Probe

COLORS = [PALETTE[name] for name in ("blue", "orange", "green", "purple", "gold")]
STYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]

Tensors = Mapping[str, Tensor]


def _hidden(tensors: Tensors) -> list[Tensor]:
    """Return what belongs to activations: names such as "tanh 2"."""
    return [tensor for name, tensor in tensors.items() if " " in name]


def _density(axes: Any, values: Tensor, edges: Any, number: int, label: str) -> None:
    """Draw how numbers are distributed, as a line."""
    heights, _ = np.histogram(values.flatten().numpy(), edges, density=True)
    middles = (edges[1:] + edges[:-1]) / 2
    dash = STYLES[(number + number // 5) % 5]
    style = {"linestyle": dash, "linewidth": 1.5, "label": label}
    seen = np.where(heights > 0, heights, np.nan)  # no line down to zero
    axes.plot(middles, seen, color=COLORS[number % 5], **style)


def _by_layer(plots: Mapping[str, list[Tensor]], edges: Any, xlabel: str, most: float) -> Figure:
    """Draw distributions, a plot for each network and a line for each layer."""
    figure, rows = new_figure(NORMAL, 1.6 * len(plots) + 0.8, nrows=len(plots), sharex=True)
    for axes, (name, layers) in zip(rows, plots.items(), strict=True):
        for number, values in enumerate(layers):
            _density(axes, values, edges, number, f"layer {number + 1}")
        axes.set_title(name)
        axes.set_ylim(0, most)
        axes.set_yticks([])
    rows[-1].xaxis.set_major_locator(MaxNLocator(5))
    rows[-1].ticklabel_format(axis="x", style="sci", scilimits=(-2, 2))
    rows[-1].set_xlabel(xlabel)
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def activations(networks: Mapping[str, Tensors]) -> Figure:
    """Draw how the activations of each layer are distributed, a plot for each network."""
    plots = {name: _hidden(values) for name, values in networks.items()}
    return _by_layer(plots, np.linspace(-1, 1, 61), "activation", 3)


def gradients(networks: Mapping[str, Tensors]) -> Figure:
    """Draw how the gradients at the activations are distributed, a plot for each network."""
    plots = {name: _hidden(values) for name, values in networks.items()}
    width = 3 * max(float(layers[-1].std()) for layers in plots.values())
    edges = np.linspace(-width, width, 61)
    return _by_layer(plots, edges, "gradient at an activation", 1.2 / width * 3)


def by_depth(lines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the size of the gradients over the layers, relative to the last layer, a line for each network."""
    figure, axes = new_figure(NORMAL, 3.4)
    for number, (name, sizes) in enumerate(lines.items()):
        style = {"linestyle": STYLES[number], "marker": MARKERS[number], "markersize": 4}
        layers = range(1, len(sizes) + 1)
        relative = [size / sizes[-1] for size in sizes]
        axes.plot(layers, relative, color=COLORS[number], label=name, **style)
    axes.set_yscale("log")
    axes.set_xlabel("layer")
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.set_ylabel("size of the gradients,\nover that of the last layer")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def weight_gradients(tensors: Tensors) -> Figure:
    """Draw how the gradients of each weight matrix are distributed."""
    figure, axes = new_figure(NORMAL, 3.4)
    width = 2 * max(float(values.std()) for values in tensors.values())
    edges = np.linspace(-width, width, 81)
    for number, (name, values) in enumerate(tensors.items()):
        _density(axes, values, edges, number, name.removeprefix("net."))
    axes.set_yscale("log")
    axes.set_xlabel("gradient")
    axes.set_ylabel("density")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def _updates(axes: Any, every: int, lines: Mapping[str, Sequence[float]]) -> None:
    """Draw update over weights, and the line at -3: the first matrix is the embedding, the last the last layer."""
    rows = list(lines.values())
    for number, values in enumerate(rows):
        kind = {0: 0, len(rows) - 1: 2}.get(number, 1)
        steps = [every * i for i in range(len(values))]
        style = {"linestyle": STYLES[kind], "color": COLORS[kind], "linewidth": 1.5}
        named = {"label": ("embedding", "hidden layers", "last layer")[kind]}
        axes.plot(steps, values, **style, **(named if number in (0, 1, len(rows) - 1) else {}))
    axes.axhline(-3, color=INK, linewidth=1, linestyle=":")
    axes.set_ylim(-6.5, 0)
    axes.set_ylabel("log10 of update\nover weights")


def updates(plots: Mapping[str, tuple[int, Mapping[str, Sequence[float]]]]) -> Figure:
    """Draw update over weights through the steps, a plot for each network and a line for each matrix."""
    figure, rows = new_figure(NORMAL, 6.6, nrows=len(plots), sharex=True)
    for axes, (name, (every, lines)) in zip(rows, plots.items(), strict=True):
        _updates(axes, every, lines)
        axes.set_title(name)
    rows[-1].set_xlabel("step")
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def rule(found: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Draw dev losses over the ratio of update to weights, a line for each kind of network."""
    figure, axes = new_figure(NORMAL, 3.2)
    for number, (name, pairs) in enumerate(found.items()):
        x, y = zip(*pairs, strict=True)
        style = {"linestyle": STYLES[number], "marker": MARKERS[number]}
        axes.plot(x, y, color=COLORS[number], label=name, **style)
    axes.axvline(1e-3, color=INK, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel("update over weights (median of the hidden layers)")
    axes.set_ylabel("dev loss (nats)")
    axes.set_ylim(2.28, 2.7)  # what is worse leaves the plot
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def dead(lines: Mapping[str, Sequence[float]], every: int) -> Figure:
    """Draw the share of dead units over the steps, a line for each training."""
    figure, axes = new_figure(NORMAL, 3.0)
    for number, (name, shares) in enumerate(lines.items()):
        steps = [every * i for i in range(len(shares))]
        axes.plot(steps, shares, color=COLORS[number], linestyle=STYLES[number], label=name)
    axes.set_ylim(0, 1)
    axes.set_xlabel("step")
    axes.set_ylabel("share of dead units")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def vitals(probe: Probe, lines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw vital signs: activations and gradients by layer at the last reading, updates over the steps."""
    figure, (top, middle, bottom) = new_figure(NORMAL, 6.8, nrows=3)
    first, last = ([*r.signals.values()] for r in (probe.readings[0], probe.readings[-1]))
    layers = range(1, len(last) + 1)
    blue, green = PALETTE["blue"], PALETTE["green"]
    top.plot(layers, [s.std for s in first], "o:", color=blue, mfc="none", label="first")
    top.plot(layers, [s.std for s in last], "o-", color=blue, label="last")
    shares = [s.saturated for s in last]
    top.plot(layers, shares, "s--", color=PALETTE["orange"], label="saturated, last")
    top.set_ylim(0, 1.05)
    top.set_ylabel("activations")
    middle.plot(layers, [s.gradient for s in first], "^:", color=green, mfc="none", label="first")
    middle.plot(layers, [s.gradient for s in last], "^-", color=green, label="last")
    middle.set_yscale("log")
    middle.set_ylim(1e-6, 2e-2)
    middle.set_ylabel("spread of\nthe gradients")
    for axes in (top, middle):
        axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for axes in (top, middle):
        axes.set_xticks(list(layers))
        axes.set_xlabel("layer")
    _updates(bottom, probe.every, lines)
    bottom.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    bottom.set_xlabel("step")
    return figure


def outcome(gains: Sequence[str], kinds: Mapping[str, Sequence[tuple[Sequence[float], float]]]) -> Figure:
    """Draw dev losses over the gain for each kind of network: recorded seeds open, this page's filled."""
    figure, axes = new_figure(NORMAL, 3.2)
    for number, (name, found) in enumerate(kinds.items()):
        x = [i + 0.2 * (2 * number - 1) for i in range(len(gains))]
        style = {"marker": MARKERS[number], "color": COLORS[number]}
        means = [sum(values) / len(values) for values, _ in found]
        axes.plot(x, means, color=FAINT, linewidth=1)
        for place, (values, _) in zip(x, found, strict=True):
            axes.plot([place] * len(values), values, **style, ls="", mfc="none")
        axes.plot([p + 0.1 for p in x], [own for _, own in found], **style, ls="", label=name)
    axes.set_xticks(range(len(gains)), gains)
    axes.set_xlabel("gain")
    axes.set_ylabel("dev loss (nats)")
    axes.legend()
    return figure
