"""Figures of the chapter on the neural language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from nnz.figures.style import FAINT, INK, NORMAL, PALETTE, new_figure


def sliding(rows: Sequence[tuple[str, str]]) -> Figure:
    """Draw contexts as boxes, one row below the other, each with the character that followed it on the right."""
    width = len(rows[0][0])
    figure, axes = new_figure(NORMAL, 0.55 * len(rows) + 0.3)
    for down, (context, following) in enumerate(rows):
        start = down  # the window moves on by one place
        for place, char in enumerate(context + following):
            last = place == width
            x = start + place + (0.35 if last else 0)
            color = PALETTE["orange"] if last else PALETTE["blue"]
            box = Rectangle(
                (x - 0.45, -down - 0.42),
                0.9,
                0.84,
                facecolor=color,
                alpha=0.9 if last else 0.22,
                edgecolor="none",
            )
            axes.add_patch(box)
            axes.text(x, -down, char, ha="center", va="center", fontsize=13, color="white" if last else INK)
    axes.set_xlim(-0.6, len(rows) + width + 0.2)
    axes.set_ylim(-len(rows) + 0.45, 0.55)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure


def through(context: str, rows: Tensor, hidden: Tensor, probs: Tensor, chars: Sequence[str]) -> Figure:
    """Draw one context on its way through a network: characters, their rows, hidden units, likeliest characters.

    Args:
        context: the characters, T of them.
        rows: their embeddings, float of shape (T, m).
        hidden: what the hidden units return, float of shape (h,).
        probs: float of shape (V,), of which the five largest are drawn.
        chars: the alphabet, V characters.
    """
    figure, axes = new_figure(NORMAL, 3.9)
    best = probs.argsort(descending=True)[:5].tolist()
    inputs = [(2.1, -i, f"{value:.1f}", value / 2) for i, value in enumerate(rows.flatten().tolist())]
    middle = (len(inputs) - 1) / 2
    units = [
        (4.3, -1.25 * i - middle + 0.625 * (len(hidden) - 1), f"{value:.2f}", value)
        for i, value in enumerate(hidden.tolist())
    ]
    outputs = [(6.5, -1.1 * i - middle + 2.2, f"{probs[j]:.2f}", probs[j].item()) for i, j in enumerate(best)]
    for left, right in ((inputs, units), (units, outputs)):
        for x, y, *_ in left:
            for to_x, to_y, *_ in right:
                axes.plot([x + 0.28, to_x - 0.28], [y, to_y], color=FAINT, linewidth=0.5, alpha=0.6)
    for x, y, text, value in [*inputs, *units, *outputs]:
        color = PALETTE["orange" if value < 0 else "blue"]
        axes.plot(x, y, "o", markersize=25, color=color, alpha=0.12 + 0.5 * min(abs(value), 1))
        axes.text(x, y, text, ha="center", va="center", fontsize=9)
    width = rows.shape[1]
    for place, char in enumerate(context):
        y = -width * place - (width - 1) / 2
        axes.text(0, y, char, ha="center", va="center", fontsize=14)
        for _, to_y, *_ in inputs[width * place : width * (place + 1)]:
            axes.plot([0.3, 1.82], [y, to_y], color=FAINT, linewidth=1)
    for (_, y, *_), j in zip(outputs, best, strict=True):
        axes.text(7.15, y, chars[j], ha="left", va="center", fontsize=13)
    named = {0: ("context", f"({len(context)})"), 2.1: ("x", f"({len(inputs)})")}
    named |= {4.3: ("hidden", f"({len(hidden)})"), 6.5: ("probs", f"({len(probs)})")}
    for x, (name, shape) in named.items():
        axes.text(x, 1.6, name, ha="center", va="center", fontsize=11)
        axes.text(x, 0.95, shape, ha="center", va="center", fontsize=9, color=FAINT)
    axes.set_xlim(-0.5, 7.6)
    axes.set_ylim(-len(inputs) + 0.2, 2.1)
    axes.axis("off")
    return figure


def noise(sizes: Sequence[int], spread: Sequence[float], sigma: float, cosines: Sequence[float]) -> Figure:
    """Draw how far batch losses spread, and below it how well batch gradients point, over the batch size.

    Args:
        sizes: numbers of windows in a batch.
        spread: the standard deviation of the losses of batches of each size.
        sigma: the standard deviation of the loss of one window.
        cosines: the mean cosine of batch gradients to the whole gradient, for each size.
    """
    figure, (top, bottom) = new_figure(NORMAL, 4.6, nrows=2, sharex=True)
    top.loglog(sizes, spread, "o", color=PALETTE["blue"], label="measured")
    line = [sigma / size**0.5 for size in sizes]
    top.loglog(sizes, line, color=INK, linewidth=1, label="σ / √B")
    ticks = [0.03, 0.1, 0.3]
    top.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    top.minorticks_off()
    top.set_ylabel("spread of the\nloss (nats)")
    top.legend()
    bottom.semilogx(sizes, cosines, "s-", color=PALETTE["orange"], markersize=5)
    bottom.set_ylim(0, 1.05)
    bottom.set_xticks(sizes, [str(size) for size in sizes])
    bottom.minorticks_off()
    bottom.set_ylabel("cosine to the\nwhole gradient")
    bottom.set_xlabel("windows in a batch")
    return figure


def long_run(losses: Tensor, window: int, lines: Mapping[str, float]) -> Figure:
    """Draw every hundredth batch's loss, the mean of each `window` of them, and the losses of other models."""
    figure, axes = new_figure(NORMAL, 3.6)
    axes.plot(
        range(0, len(losses), 100),
        losses[::100].tolist(),
        ".",
        color=PALETTE["blue"],
        alpha=0.25,
        markersize=3,
        label="one batch",
    )
    means = losses[: len(losses) // window * window].view(-1, window).mean(dim=1)
    places = [window * (i + 0.5) for i in range(len(means))]
    axes.plot(places, means.tolist(), color=PALETTE["blue"], label=f"mean of {window:,}")
    styles = zip(("--", ":", "-."), ("orange", "green", "purple"), strict=True)
    for (label, value), (dash, color) in zip(lines.items(), styles, strict=False):
        axes.axhline(value, linestyle=dash, color=PALETTE[color], label=label)
    axes.set_ylim(1.5, 3.2)
    axes.set_xlabel("steps")
    axes.set_ylabel("loss (nats per character)")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:.0f}k" if x else "0")
    axes.legend(fontsize=9, ncols=2, loc="upper right")
    return figure


def direct(sizes: Sequence[int], losses: Mapping[str, Tensor], difference: Tensor) -> Figure:
    """Draw mean dev losses with standard errors over seeds, and below it the mean difference with its own.

    Args:
        sizes: numbers of hidden units, S of them.
        losses: for each kind of network, float of shape (S, seeds).
        difference: float of shape (S, seeds).
    """
    figure, (top, bottom) = new_figure(NORMAL, 4.6, nrows=2, sharex=True)
    styles = zip(("o-", "s--"), ("blue", "orange"), strict=True)
    for (label, values), (style, color) in zip(losses.items(), styles, strict=True):
        top.errorbar(
            sizes,
            values.mean(dim=1),
            yerr=values.std(dim=1) / values.shape[1] ** 0.5,
            fmt=style,
            color=PALETTE[color],
            markersize=5,
            capsize=3,
            label=label,
        )
    top.set_ylabel("dev loss (nats)")
    top.legend()
    bottom.axhline(0, color=INK, linewidth=1)
    bottom.errorbar(
        sizes,
        difference.mean(dim=1),
        yerr=difference.std(dim=1) / difference.shape[1] ** 0.5,
        fmt="^",
        color=PALETTE["green"],
        capsize=3,
    )
    bottom.set_xscale("log")
    bottom.set_xticks(sizes, [str(size) for size in sizes])
    bottom.minorticks_off()
    bottom.set_ylabel("with minus\nwithout (nats)")
    bottom.set_xlabel("hidden units")
    return figure


def points(places: Tensor, chars: Sequence[str], marked: str, labels: tuple[str, str]) -> Figure:
    """Draw characters where their two coordinates say, those in `marked` on a disk of another color.

    Args:
        places: float of shape (len(chars), 2).
        chars: what to draw there.
        marked: characters that stand out.
        labels: of the axes.
    """
    figure, axes = new_figure(NORMAL, 4.8)
    for (x, y), char in zip(places.tolist(), chars, strict=True):
        stands_out = char in marked
        axes.plot(
            x,
            y,
            "o",
            markersize=17,
            color=PALETTE["orange"] if stands_out else FAINT,
            alpha=0.95 if stands_out else 0.28,
        )
        axes.text(
            x, y, char, ha="center", va="center_baseline", fontsize=12, color="white" if stands_out else INK
        )
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_aspect("equal", adjustable="datalim")
    return figure
