"""What the volume wears: the picture of its cover, the colors of its code, the font of its formulas."""

from __future__ import annotations

import io
import logging

import matplotlib as mpl
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pygments.formatters import HtmlFormatter

from nnz.figures.style import FAINT, INK, PALETTE
from nnz.press.volume import packaged

# Letters, their mathematical forms, arrows, operators and brackets: what MathML asks a font for.
GLYPHS = "U+0020-017F,U+0300-0338,U+0370-03FF,U+2010-2070,U+20D0-20E1,U+2102-214F,U+2190-21FF,U+2200-22FF"
GLYPHS += ",U+2308-230B,U+23B0-23B7,U+23DC-23E1,U+27E6-27EF,U+27F5-27FC,U+2A00-2AFF,U+1D400-1D7FF"
FONT = "STIXTwoMath-Regular.ttf"
LEAVES = 8  # of the tree on the cover
PAPER = "#fffefb"
WAY = "From a number that knows its gradient\nto a trained WaveNet and a GPT"


def math_font() -> bytes:
    """Return STIX Two Math with the characters that formulas need. It comes with ziamath, under the OFL."""
    font = TTFont(packaged("ziamath", FONT), recalcTimestamp=False)
    logging.getLogger("fontTools.subset").setLevel(logging.WARNING)
    options = subset.Options(
        layout_features=["*"], name_IDs=["*"], notdef_outline=True, recalc_timestamp=False
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=subset.parse_unicodes(GLYPHS.replace("U+", "")))
    cutter.subset(font)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def code_style(name: str = "a11y-high-contrast-light") -> str:
    """Return the colors of highlighted code."""
    return str(HtmlFormatter(style=name).get_style_defs(".highlight"))


def cover(title: str, author: str, edition: str) -> Figure:
    """Draw the cover: the tree of a WaveNet, whose eight leaves are the letters of a beginning name."""
    figure = Figure(figsize=(6, 9), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 6), ylim=(0, 9))
    axes.axis("off")
    headed(axes, title, 7.7)
    tree(axes)
    axes.text(0.6, 0.55, f"{author}\nEdition {edition}", fontsize=11, color=INK, va="bottom")
    return figure


def card(title: str, author: str) -> Figure:
    """Draw the same on a card that lies: what is shown with a link to the book, 12 by 6.3 inches."""
    figure = Figure(figsize=(12, 6.3), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    headed(axes, title, 4.6)
    axes.text(0.6, 0.55, author, fontsize=14, color=INK, va="bottom")
    beside = figure.add_axes((0.5, 0, 0.5, 1))
    beside.set(xlim=(0, 6), ylim=(0.4, 6.7))
    beside.axis("off")
    tree(beside)
    return figure


def headed(axes: Axes, title: str, top: float) -> None:
    """Write the title, in two lines if it is long, and below it what the book is about."""
    words = title.split()
    lines = [" ".join(words[:2]), " ".join(words[2:])] if len(words) > 3 else [title]
    for n, line in enumerate(lines):
        axes.text(0.6, top - 0.72 * n, line, fontsize=30, color=INK, family="DejaVu Serif", va="baseline")
    axes.text(0.6, top - 1.35, WAY, fontsize=14, color=FAINT, va="top")


def tree(axes: Axes) -> None:
    """Draw eight letters that are joined two at a time, and the letter that comes out."""
    row = [(0.85 + 0.614 * n, 1.75) for n in range(LEAVES)]
    for (x, y), letter in zip(row, "....isab", strict=True):
        axes.text(x, y - 0.38, letter, fontsize=18, color=INK, ha="center", family="DejaVu Sans Mono")
    while row:
        axes.plot(*zip(*row, strict=True), "o", color=PALETTE["blue"], markersize=9, zorder=2)
        above = [((a[0] + b[0]) / 2, a[1] + 0.95) for a, b in zip(row[::2], row[1::2], strict=False)]
        for n, (x, y) in enumerate(row if above else []):
            axes.plot([x, above[n // 2][0]], [y, above[n // 2][1]], color=FAINT, linewidth=2, zorder=1)
        if not above:
            axes.text(
                row[0][0] + 0.25,
                row[0][1],
                "e",
                fontsize=22,
                color=PALETTE["orange"],
                va="center",
                family="DejaVu Sans Mono",
            )
        row = above


def picture(figure: Figure, dpi: int = 200) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    with mpl.rc_context({"savefig.bbox": None}):  # what somebody set for figures is not for this one
        figure.savefig(
            out, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None}
        )
    return out.getvalue()


def vector(figure: Figure) -> str:
    """Return a figure as SVG to be written into a page."""
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "nnz", "savefig.bbox": None}):
        figure.savefig(out, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None})
    return out.getvalue().partition("?>")[2].partition('svg11.dtd">')[2]
