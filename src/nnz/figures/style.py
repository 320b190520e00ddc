"""Font, palette and widths of every figure in the book."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

INK = "#1f2328"
FAINT = "#8a919a"
# After Okabe and Ito (2008): colors that stay apart for common kinds of color blindness.
PALETTE = {"blue": "#0072b2", "orange": "#d55e00", "green": "#009e73", "purple": "#cc79a7", "gold": "#b8860b"}
# Lines and points that stay apart without their colors, too.
LINES = [("-", "blue"), ("--", "orange"), ("-.", "green"), (":", "purple")]
MARKERS = "os^DvPX<>*ph"
# Widths in inches: the column, and what scrolls sideways on a phone.
NORMAL, WIDE = 5.4, 9.4
HEAT = "Blues"

SETTINGS: Any = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.04,
    "svg.hashsalt": "nnz",  # the same figure is the same file in every build
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 11,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=list(PALETTE.values())),
    "axes.grid": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2,
    "legend.frameon": False,
}


def use_style() -> None:
    """Make the book's style the one that matplotlib and the notebook draw in."""
    mpl.rcParams.update(SETTINGS)
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})


def new_figure(width: float = NORMAL, height: float = 3.2, **subplots: Any) -> tuple[Figure, Any]:
    """Return a figure of the book's style with its axes (an array of them, if `subplots` asks for more)."""
    use_style()
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**subplots)
