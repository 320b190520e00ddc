"""Pictures with sliders: each computes all positions from the package's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from nnz.engine import Value, topological_order
from nnz.figures.positions import Positions, positions
from nnz.figures.style import FAINT, INK, PALETTE, new_figure
from nnz.init import kaiming_normal
from nnz.sample import sampling_probs

TABLE = "border-collapse: collapse; margin: 0.5rem 0; width: auto"
CELL = "border: 1px solid currentColor; padding: 0.25rem 0.6rem; text-align: right"


def nudges(f: Callable[[float], float], x: float, steps: Sequence[float]) -> Positions:
    """Slide through nudges: the line through where we are and where each of them leads, and its slope."""
    figures, says = [], []
    for h in steps:
        slope = (f(x + h) - f(x)) / h
        figure, axes = new_figure(height=3.2)
        xs = np.linspace(x - 2, x + max(steps) + 0.3, 200)
        axes.plot(xs, [f(float(value)) for value in xs], color=INK)
        axes.plot(xs, f(x) + slope * (xs - x), color=PALETTE["blue"], linewidth=1.4)
        axes.plot([x, x + h], [f(x), f(x + h)], "o", color=PALETTE["blue"])
        axes.set(xlabel="x", ylabel="f(x)", ylim=(f(x - 2) - 3, f(x + max(steps)) + 2))
        figures.append(figure)
        says.append(f"From f({x:g}) = {f(x):g} to f({x + h:g}) = {f(x + h):g}: a ratio of {slope:g}.")
    return positions("nudge h", [f"{h:g}" for h in steps], figures, says)


def valley(rates: Sequence[float], start: float = 2.0, steps: int = 12) -> Positions:
    """Slide through learning rates of gradient descent on w², whose gradient is 2w."""
    figures, says = [], []
    for rate in rates:
        path = [start]
        for _ in range(steps):
            path.append(path[-1] - rate * 2 * path[-1])
        figure, axes = new_figure(height=3.2)
        ws = np.linspace(-4, 4, 200)
        axes.plot(ws, ws**2, color=INK)
        inside = [w for w in path if abs(w) <= 4]
        axes.plot(inside, np.square(inside), "o-", color=PALETTE["orange"], linewidth=1, markersize=5)
        axes.set(xlabel="knob w", ylabel="loss w²", xlim=(-4.2, 4.2), ylim=(-0.6, 16.5))
        figures.append(figure)
        says.append(
            f"After {steps} steps from w = {start:g}: w = {path[-1]:.3g}, a loss of {path[-1] ** 2:.3g}."
        )
    return positions("learning rate", [f"{rate:g}" for rate in rates], figures, says)


Gradients = dict[str, float]


def eager_calls(root: Value, of_all: bool) -> Iterator[Gradients]:
    """Yield all gradients after each call of a pass in which a node hands something on as soon as it gets some.

    That is all that it has by then, which is wrong; or else what has just arrived, a call for each path.
    """
    grads = dict.fromkeys((node.label for node in topological_order(root)), 0.0)

    def call(node: Value, grad: float) -> Iterator[Gradients]:
        grads[node.label] += grad
        yield dict(grads)
        for operand, slope in node.operands:
            yield from call(operand, slope * (grads[node.label] if of_all else grad))

    yield from call(root, 1.0)


def ordered_calls(root: Value) -> Iterator[Gradients]:
    """Yield all gradients after the start, and after each node that hands on what it has when it has all of it."""
    order = topological_order(root)
    grads = dict.fromkeys((node.label for node in order), 0.0) | {root.label: 1.0}
    yield dict(grads)
    for node in reversed(order):
        for operand, slope in node.operands:
            grads[operand.label] += slope * grads[node.label]
        if node.op:
            yield dict(grads)


def backward_orders(root: Value) -> Positions:
    """Slide through the calls of three backward passes over one graph, whose nodes all have labels.

    Raises:
        ValueError: a node has no label, or two have the same.
    """
    labels = [node.label for node in topological_order(root)]
    if "" in labels or len(set(labels)) < len(labels):
        raise ValueError(f"each node of this graph needs a label of its own; they have {labels}.")
    ways = {
        "naive": list(eager_calls(root, of_all=True)),
        "by paths": list(eager_calls(root, of_all=False)),
        "in order": list(ordered_calls(root)),
    }
    most = max(map(len, ways.values()))
    frames, says = [], []
    for call in range(1, most + 1):
        now = {name: calls[min(call, len(calls)) - 1] for name, calls in ways.items()}
        rows = [[label, *(f"{grads[label]:g}" for grads in now.values())] for label in labels]
        frames.append(table(["gradient of", *ways], rows))
        done = [f"{name} after {len(calls)}" for name, calls in ways.items() if len(calls) <= call]
        said = ", ".join(f"{name} {grads[labels[0]]:g}" for name, grads in now.items())
        says.append(
            f"After call {call} the gradient of {labels[0]} is: {said}."
            + f" Done: {', '.join(done)} calls." * bool(done)
        )
    return positions("call", [str(call) for call in range(1, most + 1)], frames, says)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML, whose first column names the rows."""
    first = "".join(f'<th scope="col" style="{CELL}">{escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row" style="{CELL}">{escape(name)}</th>'
        + "".join(f'<td style="{CELL}">{escape(text)}</td>' for text in texts)
        + "</tr>"
        for name, *texts in rows
    )
    return f'<table style="{TABLE}"><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>'


def broadcasting(counts: Tensor) -> Positions:
    """Slide through what a table of counts is divided by, with and without `keepdim`.

    Args:
        counts: (n, n); rows are to become distributions.
    """
    N = counts.double()
    cases = {
        "N": N,
        "N.sum(1, keepdim=True)": N.sum(1, keepdim=True).expand_as(N),
        "N / N.sum(1, keepdim=True)": N / N.sum(1, keepdim=True),
        "N.sum(1)": N.sum(1).expand_as(N),
        "N / N.sum(1)": N / N.sum(1),
    }
    of_rows, of_columns = N.sum(1).tolist(), N.sum(0).tolist()
    shares, wrong = (cases[name].sum(1).tolist() for name in ("N / N.sum(1, keepdim=True)", "N / N.sum(1)"))
    says = [
        f"The counts; their rows sum to {_listed(of_rows)} and their columns to {_listed(of_columns)}.",
        "A column of sums, stretched to the right: each number stands in the row that it is the sum of.",
        f"Each count over the sum of its own row; the rows sum to {_listed(shares)}.",
        "A row of sums, stretched downward: the sum of row 0 stands in column 0, and so on.",
        f"Each count over the sum of the row that has its column's number; the rows sum to {_listed(wrong)}.",
    ]
    frames = []
    for case in cases.values():
        rows = [[str(i), *(f"{x:.3g}" for x in row)] for i, row in enumerate(case.tolist())]
        frames.append(table(["row", *map(str, range(len(N)))], rows))
    return positions("expression", list(cases), frames, says)


def _listed(numbers: Sequence[float]) -> str:
    texts = [f"{number:.3g}" for number in numbers]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def darts(probs: Sequence[float], chars: Sequence[str], throws: Sequence[float]) -> Positions:
    """Slide through darts on a row of length 1, a part of it for each character, as long as its probability."""
    edges = np.concatenate([[0.0], np.cumsum(probs)])
    figures, says = [], []
    for throw in throws:
        hit = min(int(np.searchsorted(edges, throw, side="right")) - 1, len(chars) - 1)
        figure, axes = new_figure(height=1.7)
        for i, (char, left, share) in enumerate(zip(chars, edges[:-1], probs, strict=True)):
            color = PALETTE["blue"] if i == hit else "none"
            axes.barh(0, share, left=left, color=color, edgecolor=INK, height=0.8)
            axes.text(left + share / 2, 0, char, ha="center", va="center", color="white" if i == hit else INK)
        axes.plot([throw], [0.62], "v", color=PALETTE["orange"], markersize=9)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.5, 0.8), yticks=[], xlabel="a number drawn evenly from 0 to 1")
        axes.spines["left"].set_visible(False)
        figures.append(figure)
        part = f"from {edges[hit]:.3g} to {edges[hit + 1]:.3g}"
        says.append(f"The number {throw:.3g} falls into the part of {chars[hit]}, which goes {part}.")
    return positions("dart", [str(n) for n in range(1, len(throws) + 1)], figures, says)


def bars(chars: Sequence[str], probs: Sequence[float], highest: float) -> Figure:
    """Draw a distribution over characters."""
    figure, axes = new_figure(height=2.6)
    axes.bar(range(len(chars)), probs, color=PALETTE["blue"], width=0.75)
    axes.set_xticks(range(len(chars)), chars, fontsize=9)
    axes.set(ylabel="probability", ylim=(0, 1.05 * highest))
    axes.tick_params(axis="x", length=0)
    return figure


def add_k(counts: Sequence[float], chars: Sequence[str], ks: Sequence[float]) -> Positions:
    """Slide through what is added to every count of one row."""
    row = np.asarray(counts, dtype=float)
    rows = [(row + k) / (row + k).sum() for k in ks]
    highest = max(float(probs.max()) for probs in rows)
    says = [
        f"Of the {len(chars)} characters {int((probs == 0).sum())} cannot follow; "
        f"the likeliest has {probs.max():.3g}, the least likely {probs.min():.2g}."
        for probs in rows
    ]
    figures = [bars(chars, probs.tolist(), highest) for probs in rows]
    return positions("added to each count", [f"{k:g}" for k in ks], figures, says)


def temperatures(probs: Tensor, chars: Sequence[str], values: Sequence[float]) -> Positions:
    """Slide through temperatures: what `sampling_probs` makes of one distribution."""
    rows = [sampling_probs(probs.log()[None], temperature=value)[0] for value in values]
    return _bent("temperature", [f"{value:g}" for value in values], rows, chars)


def top_ks(probs: Tensor, chars: Sequence[str], values: Sequence[int]) -> Positions:
    """Slide through how many of the likeliest characters are kept."""
    rows = [sampling_probs(probs.log()[None], top_k=value)[0] for value in values]
    return _bent("top_k", [str(value) for value in values], rows, chars)


def _bent(what: str, choices: Sequence[str], rows: Sequence[Tensor], chars: Sequence[str]) -> Positions:
    highest = max(float(row.max()) for row in rows)
    says = []
    for row in rows:
        first = int(row.argmax())
        left = int((row > 0).sum())
        likely = int((row >= 0.01).sum())
        says.append(
            f"The likeliest is {chars[first]}, with {float(row[first]):.3g}. "
            f"Characters that are possible: {left}; with at least one in a hundred: {likely}."
        )
    return positions(what, choices, [bars(chars, row.tolist(), highest) for row in rows], says)


def gains(
    values: Sequence[float], *, generator: torch.Generator, layers: int = 10, width: int = 200
) -> Positions:
    """Slide through gains of first weights: the size of what passes through layers of tanh."""
    x = torch.randn(500, width, generator=generator)
    figures, says = [], []
    for value in values:
        h, sizes, shares = x, [], []
        for _ in range(layers):
            h = torch.tanh(h @ kaiming_normal(width, width, gain=value, generator=generator))
            sizes.append(float(h.std()))
            shares.append(float((h.abs() > 0.97).float().mean()))
        figure, axes = new_figure(height=2.8)
        axes.plot(range(1, layers + 1), sizes, "o-", label="standard deviation")
        axes.plot(range(1, layers + 1), shares, "s--", label="share above 0.97 in size")
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.set(xlabel="layer", ylim=(-0.03, 1.03), xticks=range(1, layers + 1))
        axes.legend()
        figures.append(figure)
        says.append(
            f"After {layers} layers the activations have a standard deviation of {sizes[-1]:.2g}, "
            f"and {100 * shares[-1]:.0f} percent of them are above 0.97 in size."
        )
    return positions("gain", [f"{value:g}" for value in values], figures, says)
