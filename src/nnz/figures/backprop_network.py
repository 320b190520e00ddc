"""Figures of the chapter on a network in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from nnz.figures.style import NORMAL, new_figure

STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


def speeds(sizes: Sequence[int], seconds: Mapping[str, Sequence[float]]) -> Figure:
    """Draw milliseconds a step over the number of points, a line for each way; one may end earlier."""
    figure, axes = new_figure(NORMAL, 3.2)
    for (name, times), style in zip(seconds.items(), ("o--", "s-"), strict=True):
        axes.loglog(sizes[: len(times)], [1000 * t for t in times], style, markersize=5, label=name)
    axes.set_xlabel("points")
    axes.set_ylabel("time for a step (ms)")
    axes.legend()
    return figure


def step_errors(steps: Sequence[float], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the relative error of gradient checks over their step, a line for each network."""
    figure, axes = new_figure(NORMAL, 3.6)
    for (name, errors), style in zip(curves.items(), STYLES, strict=False):
        axes.loglog(steps, errors, linestyle=style, label=name)
    axes.invert_xaxis()
    axes.set_xlabel("step h")
    axes.set_ylabel("relative error of the check")
    axes.legend(loc="lower left")
    return figure


def losses(curves: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw losses over the steps of training, on a scale of powers of ten, a line for each run."""
    figure, axes = new_figure(NORMAL, 4.2)
    for (name, curve), style in zip(curves.items(), STYLES, strict=False):
        axes.semilogy(range(len(curve)), curve, linestyle=style, label=name, linewidth=1.6)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.36), ncols=2)
    return figure
