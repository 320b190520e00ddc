"""Figures of the chapter on the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nnz.figures.style import FAINT, new_figure


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
