"""Figures of the chapter on the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from nnz.figures.style import FAINT, INK, PALETTE, new_figure


def secants(f: Callable[[float], float], x: float, steps: Sequence[float]) -> Figure:
    """Draw a curve and, through its point at `x`, a line for each step to the point that lies so far away."""
    figure, axes = new_figure(height=3.4)
    xs = np.linspace(x - 1.6, x + max(steps) + 0.5, 200)
    axes.plot(xs, [f(float(value)) for value in xs], color=INK)
    for step, color in zip(steps, PALETTE.values(), strict=False):
        slope = (f(x + step) - f(x)) / step
        axes.plot(
            xs[xs >= x - 0.9],
            [f(x) + slope * (value - x) for value in xs[xs >= x - 0.9]],
            color=color,
            linewidth=1.4,
            label=f"h = {step:g}: slope {slope:.3g}",
        )
        axes.plot(x + step, f(x + step), "o", color=color, markersize=5)
    axes.plot(x, f(x), "o", color=INK, markersize=6)
    axes.set_xlabel("x")
    axes.set_ylabel("f(x)")
    axes.legend(loc="upper left")
    return figure


def difference_errors(steps: Sequence[float], forward: Sequence[float], symmetric: Sequence[float]) -> Figure:
    """Draw the error of two ways of nudging over the size of the nudge, both on scales of powers of ten."""
    figure, axes = new_figure(height=3.6)
    for errors, name, style in ((forward, "forward", "-"), (symmetric, "symmetric", "--")):
        axes.loglog(steps, errors, style, label=name)
    axes.axhline(np.finfo(float).eps, color=FAINT, linewidth=1, linestyle=":")
    axes.set_xlabel("step h")
    axes.set_ylabel("relative error of the derivative")
    axes.invert_xaxis()
    axes.legend()
    return figure
