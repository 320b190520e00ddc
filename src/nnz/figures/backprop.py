"""Figures of the chapter that differentiates every line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from nnz.figures.style import FAINT, INK, NORMAL, PALETTE, new_figure

# Where each tensor stands: column and row. What enters is on the left, what branches off on the right.
PLACES = {
    "C": (0, 0.0),
    "emb": (1, 0.0),
    "embcat": (1, 1.0),
    "W1": (0, 1.6),
    "b1": (0, 2.4),
    "hprebn": (1, 2.0),
    "bnmeani": (2, 2.5),
    "bndiff": (1, 3.0),
    "bndiff2": (2, 3.5),
    "bnvar": (2, 4.3),
    "bnvar_inv": (2, 5.1),
    "bnraw": (1, 5.6),
    "bngain": (0, 6.2),
    "bnbias": (0, 7.0),
    "hpreact": (1, 6.6),
    "h": (1, 7.6),
    "W2": (0, 8.2),
    "b2": (0, 9.0),
    "logits": (1, 8.6),
    "logit_maxes": (2, 9.1),
    "norm_logits": (1, 9.6),
    "counts": (1, 10.6),
    "counts_sum": (2, 11.1),
    "counts_sum_inv": (2, 11.9),
    "probs": (1, 12.4),
    "logprobs": (1, 13.4),
    "loss": (1, 14.4),
}
MADE_OF = {
    "emb": ["C"],
    "embcat": ["emb"],
    "hprebn": ["embcat", "W1", "b1"],
    "bnmeani": ["hprebn"],
    "bndiff": ["hprebn", "bnmeani"],
    "bndiff2": ["bndiff"],
    "bnvar": ["bndiff2"],
    "bnvar_inv": ["bnvar"],
    "bnraw": ["bndiff", "bnvar_inv"],
    "hpreact": ["bnraw", "bngain", "bnbias"],
    "h": ["hpreact"],
    "logits": ["h", "W2", "b2"],
    "logit_maxes": ["logits"],
    "norm_logits": ["logits", "logit_maxes"],
    "counts": ["norm_logits"],
    "counts_sum": ["counts"],
    "counts_sum_inv": ["counts_sum"],
    "probs": ["counts", "counts_sum_inv"],
    "logprobs": ["probs"],
    "loss": ["logprobs"],
}
ACROSS = 2.3  # units of a column, where a row is 1
WIDTH = 1.9


def progress(done: Collection[str]) -> Figure:
    """Draw the graph of the forward pass, with the tensors whose gradient is done lit."""
    figure, axes = new_figure(NORMAL, 6.6)
    lit = {"loss", *done}
    boxes = {}
    for name, (column, row) in PLACES.items():
        shown = name in lit
        boxes[name] = axes.text(
            ACROSS * column,
            row,
            name,
            ha="center",
            va="center",
            fontsize=11,
            fontweight="bold" if shown else "normal",
            color=INK,
            bbox={
                "boxstyle": "round,pad=0.28",
                "facecolor": "#bcd9ee" if shown else "#ffffff",
                "edgecolor": PALETTE["blue"] if shown else FAINT,
                "linewidth": 1.8 if shown else 0.8,
            },
        )
    for result, operands in MADE_OF.items():
        for operand in operands:
            _arrow(axes, boxes[operand], boxes[result], operand in lit)
    axes.set_xlim(-WIDTH * 0.6, 2 * ACROSS + WIDTH * 0.75)
    axes.set_ylim(15.0, -0.6)
    axes.axis("off")
    return figure


def _arrow(axes: Any, tail: Any, head: Any, came_back: bool) -> None:
    """Draw what is used where; it is lit if a gradient has come back along it."""
    axes.annotate(
        "",
        xy=head.get_position(),
        xytext=tail.get_position(),
        zorder=0,
        arrowprops={
            "arrowstyle": "-|>",
            "color": PALETTE["blue"] if came_back else FAINT,
            "linewidth": 1.8 if came_back else 0.8,
            "patchA": tail.get_bbox_patch(),
            "patchB": head.get_bbox_patch(),
            "shrinkA": 1,
            "shrinkB": 2,
        },
    )


def forces(dlogits: Tensor, letters: Sequence[str], target: int) -> Figure:
    """Draw the gradient of one example's logits as bars: what is pushed down, and what is pulled up."""
    figure, axes = new_figure(NORMAL, 3.2)
    values = dlogits.tolist()
    colors = [PALETTE["orange"] if i == target else PALETTE["blue"] for i in range(len(values))]
    axes.bar(range(len(values)), values, color=colors)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(range(len(values)), letters)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("next character")
    axes.set_ylabel("gradient of its logit")
    return figure


def field(dlogits: Tensor, letters: Sequence[str]) -> Figure:
    """Draw the gradients of a batch's logits: a row for each example, a column for each character."""
    figure, axes = new_figure(NORMAL, 4.6)
    most = dlogits.abs().max().item()
    image = axes.imshow(dlogits.numpy(), cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    axes.set_xticks(range(len(letters)), letters)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("next character")
    axes.set_ylabel("example")
    figure.colorbar(image, ax=axes, label="gradient of the logit")
    return figure


def paces(parts: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the microseconds of a step, a bar for each way to take it, made of its parts."""
    figure, axes = new_figure(NORMAL, 3.4)
    names = list(dict.fromkeys(part for of in parts.values() for part in of))
    left = [0.0] * len(parts)
    hatches = ("", "//", "..", "xx", "--")
    for name, color, hatch in zip(names, PALETTE.values(), hatches, strict=False):
        widths = [1e6 * of.get(name, 0.0) for of in parts.values()]
        axes.barh(
            range(len(parts)), widths, left=left, color=color, hatch=hatch, edgecolor="white", label=name
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(parts)), [name.replace(", ", ",\n") for name in parts])
    axes.invert_yaxis()
    axes.set_xlabel("time for a step (µs)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.3), ncols=3)
    return figure


def curves(losses: Mapping[str, Sequence[float]], window: int) -> Figure:
    """Draw two training curves, smoothed over a window, above; and their distance, where there is one, below."""
    figure, (top, bottom) = new_figure(NORMAL, 5.2, nrows=2, sharex=True)
    pair = list(losses.values())
    for (name, values), style in zip(losses.items(), ("-", "--"), strict=True):
        smooth = [sum(values[i : i + window]) / window for i in range(0, len(values) - window + 1, window)]
        steps = [window * (i + 0.5) for i in range(len(smooth))]
        top.plot(steps, smooth, style, label=name)
    gaps = [abs(a - b) for a, b in zip(*pair, strict=True)]
    apart = [(step, gap) for step, gap in enumerate(gaps) if gap > 0]
    bottom.semilogy([s for s, _ in apart], [g for _, g in apart], ".", markersize=2)
    top.set_ylabel("loss (nats)")
    top.legend()
    bottom.set_ylabel("difference (nats)")
    bottom.set_xlabel("step")
    return figure
