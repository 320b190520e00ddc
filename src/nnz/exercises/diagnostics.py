"""The exercises of the chapter on a network's vital signs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm as norm

from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled, tensors
from nnz.exercises.checker.observe import RESULT, Answer, Parts

NAMES = "the names"

Weights = Mapping[str, Tensor]


def update_ratios(before: Weights, after: Weights) -> dict[str, float]:
    """Return log10 of each matrix's change as a share of its size before."""
    ratios = {}
    for name, old in before.items():
        if old.ndim > 1:
            step = after[name] - old
            ratio = norm(step) / norm(old)  # of as many numbers each
            ratios[name] = ratio.log10().item()
    return ratios


def factor_per_layer(stds: Sequence[float]) -> float:
    """Return the factor by which gradients change from a layer to the one before."""
    transitions = len(stds) - 1
    return math.pow(stds[0] / stds[-1], 1 / transitions)


def twins(W1: Tensor, b1: Tensor, W2: Tensor) -> list[list[int]]:
    """Return the groups of hidden units whose weights are all the same."""
    rows = torch.cat([W1.T, b1[:, None], W2], dim=1)  # (h, n_in + 1 + V)
    groups: dict[tuple[float, ...], list[int]] = {}
    for unit, row in enumerate(rows.tolist()):
        groups.setdefault(tuple(row), []).append(unit)
    return [group for group in groups.values() if len(group) > 1]


def diagnose(stds: Sequence[float], ratios: Sequence[float]) -> str:
    """Return the first finding that fits the activations and the updates."""
    typical = median(ratios)
    findings = {
        "signal vanishes": stds[-1] < stds[0] / 3,
        "saturated": max(stds) > 0.9,
        "rate too small": typical < 1e-4,
        "rate too large": typical > 1e-2,
        "healthy": True,
    }
    return next(finding for finding, fits in findings.items() if fits)


def _by_name(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer; its names count, and each ratio, because dicts are not compared."""
    result = answer(*args)
    if not isinstance(result, Mapping):
        return {RESULT: result}
    found = {str(name): result[name] for name in result}
    missing = {name: 0.0 for name, old in args[0].items() if old.ndim > 1}
    ratios = {f"the ratio of {k}": v for k, v in (missing | found).items()}
    return {RESULT: found, NAMES: ", ".join(sorted(found)), **ratios}


def _infinite(args: Sequence[Any], parts: Parts) -> str:
    before, after = args
    yours: Any = parts[RESULT]
    for name, old in before.items():
        given = yours.get(name, -math.inf)
        if torch.equal(old, after[name]) and given != -math.inf:
            return f"{name} did not change; its ratio is 0, and the logarithm of that is -inf"
    return ""


def _drawn_weights(draw: Draw) -> Input:
    a, b, c = draw.sizes(3, 2)
    shapes = {"W": (a, b), "b": (b,), "U": (b, c)}
    dicts = [", ".join(f"'{k}': torch.tensor({draw.table(*shapes[k])})" for k in shapes) for _ in "ab"]
    return spelled(", ".join(f"{{{weights}}}" for weights in dicts))


_RATIOS = Exercise(
    label="diagnostics-ex-ratio",
    reference=update_ratios,
    task="""
    A step should change the weights a little: by about a thousandth of their size, the lecture says. Write
    `update_ratios(before, after)`: from the weights by name before and after one step of any optimizer, a
    dict with the logarithm to base ten of the size of the change over the size of the weights before,
    as root mean squares and as a float, for all that have at least two axes. For a tensor that did not change
    it is `-inf`; none of those before is zero everywhere. What does the first step of AdamW look like?
    """,
    hints=(
        "The change is a difference of two tensors, and it does not matter here what made it.",
        "Each size is one number for the whole tensor. In a ratio of two root mean squares of as many numbers, by "
        "what may both be multiplied?",
        "torch gives -inf for the logarithm of 0, and math.log10 an error: take the logarithm before you make a "
        "float of it.",
    ),
    inputs=(
        spelled("{'W1': torch.tensor([[1.0, 2.0]])}, {'W1': torch.tensor([[1.5, 2.5]])}"),
        spelled(
            "{'C': torch.tensor([[1.0, 2.0]]), 'W1': torch.tensor([[0.5, 0.0], [1.0, 1.5]])}, "
            "{'C': torch.tensor([[1.0, 2.0]]), 'W1': torch.tensor([[0.5, 0.01], [1.0, 1.48]])}"
        ),
        spelled(
            "{'K': torch.tensor([[[1.0, 4.0]], [[-2.0, 3.0]]])}, {'K': torch.tensor([[[2.0, 9.0]], [[0.0, 1.0]]])}"
        ),
    ),
    more=_drawn_weights,
    slips={
        "those are natural logarithms; the base is 10": edit("log10()", "log()"),
        "those are the ratios themselves; their logarithms are asked for": edit(
            "ratio.log10().item()", "ratio.item()"
        ),
        "the change is compared with the weights after the step; those before are asked for": edit(
            "/ norm(old)", "/ norm(after[name])"
        ),
        "each number was divided by its own weight and then averaged, so that weights near 0 count for most; "
        "divide one size of the whole by the other": edit(
            "norm(step) / norm(old)", "(step / old).abs().mean()"
        ),
        "each number was divided by its own weight, and the root mean square taken of that; divide one size "
        "of the whole by the other": edit("norm(step) / norm(old)", "(step / old).square().mean().sqrt()"),
        "the vectors are there too; they are left out": edit("old.ndim > 1", "True"),
        "a tensor with more than two axes is left out; it counts as a matrix does": edit(
            "old.ndim > 1", "old.ndim == 2"
        ),
        "those are standard deviations, with the means taken off; a change of all weights by the same amount "
        "would not be seen": edit("norm(step) / norm(old)", "step.std(correction=0) / old.std(correction=0)"),
        "those are standard deviations of the change, over root mean squares of the weights; the mean of the "
        "change belongs to it": edit(
            "norm(step) / norm(old)", "step.std(correction=0) / old.square().mean().sqrt()"
        ),
        "those are root mean squares of the change over standard deviations of the weights, which leave out "
        "their mean": edit("norm(step) / norm(old)", "step.square().mean().sqrt() / old.std(correction=0)"),
        "the largest change is divided by the largest weight; all of them count": edit(
            "norm(step) / norm(old)", "step.abs().max() / old.abs().max()"
        ),
        "those are means of absolute values; square, average and take the root": edit(
            "norm(step) / norm(old)", "step.abs().mean() / old.abs().mean()"
        ),
        "those are mean squares, without the root, which makes the logarithms twice as large": edit(
            "norm(step) / norm(old)", "(norm(step) / norm(old)) ** 2"
        ),
        "the ratio is upside down: the change comes over the weights": edit(
            "norm(step) / norm(old)", "norm(old) / norm(step)"
        ),
        "that is the change itself, which is not yet compared with anything": edit(
            "norm(step) / norm(old)", "step.square().mean().sqrt()"
        ),
        "the difference of the sizes was taken for the size of the difference: weights can turn without "
        "growing": edit("norm(step) /", "(norm(after[name]) - norm(old)).abs() /"),
        "a matrix that did not change has a ratio of 0, and math.log10 refuses it; the answer "
        "there is -inf": edit("ratio.log10().item()", "math.log10(ratio.item())"),
        "a small number was added so that a change of 0 has a logarithm; what is asked for "
        "there is -inf": edit("norm(step) / norm(old)", "norm(step) / norm(old) + 1e-12"),
        "a matrix that did not change is left out; its entry is -inf": edit(
            "old.ndim > 1", "old.ndim > 1 and not torch.equal(old, after[name])"
        ),
    },
    drive=_by_name,
    properties=(_infinite,),
    tolerance=1e-5,
)


def _positive(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    stds = args[0]
    if yours <= 0:
        return "a factor from one size to another is above 0"
    if (yours > 1) != (stds[0] > stds[-1]):
        way = "grow" if stds[0] > stds[-1] else "shrink"
        return (
            f"on the way back, from {stds[-1]} to {stds[0]}, gradients {way}, and this factor says otherwise"
        )
    return ""


def _on_a_line(stds: Sequence[float]) -> float:
    """Return the factor of the straight line that is nearest to the logarithms."""
    logs = [math.log(std) for std in stds]
    middle = (len(stds) - 1) / 2
    rise = sum((i - middle) * x for i, x in enumerate(logs))
    return math.exp(-rise / sum((i - middle) ** 2 for i in range(len(stds))))


_FACTOR = Exercise(
    label="diagnostics-ex-factor",
    reference=factor_per_layer,
    task="""
    Write `factor_per_layer(stds)`: given the standard deviations of the gradients at the activations of two
    or more layers, first layer first, the factor by which they are multiplied in going *back* by one layer, a
    float, as a geometric mean. Below 1 they vanish, above 1 they explode. If the gradients at the last layer
    have a size of 1, after how many layers would those at a gain of one half fall below the smallest 32-bit
    number, about $10^{-45}$?
    """,
    hints=(
        "Write down the ratio for each transition, from the last layer back to the first. How many are there?",
        "The geometric mean of n numbers is the n-th root of their product. What is left of the product, if each "
        "denominator is the numerator of the next ratio?",
    ),
    inputs=(
        call([0.25, 0.5]),
        call([0.1, 0.5, 0.4]),
        call([8.0, 1.0, 4.0, 1.0]),
        call([1e-9, 2e-8, 3e-7, 1e-6, 5e-5, 1e-4]),
    ),
    more=lambda draw: call(draw.table(draw.size(), low=0.2, high=4)),
    slips={
        "that is the factor on the way forward; gradients come from the last layer": edit(
            "stds[0] / stds[-1]", "stds[-1] / stds[0]"
        ),
        "the root is that of the number of layers; between them there is one transition fewer": edit(
            "len(stds) - 1", "len(stds)"
        ),
        "that is the arithmetic mean of the ratios, which is too large where they differ; multiply them and "
        "take a root": edit(
            "math.pow(stds[0] / stds[-1], 1 / transitions)",
            "sum(a / b for a, b in zip(stds, stds[1:])) / transitions",
        ),
        "that is one over the arithmetic mean of the ratios on the way forward; multiply the ratios and take "
        "a root": edit(
            "math.pow(stds[0] / stds[-1], 1 / transitions)",
            "transitions / sum(b / a for a, b in zip(stds, stds[1:]))",
        ),
        "that is the mean of the differences; a factor comes from ratios": edit(
            "math.pow(stds[0] / stds[-1], 1 / transitions)", "(stds[0] - stds[-1]) / transitions"
        ),
        "that is the factor for all layers together; for each it is a root of that": edit(
            "1 / transitions", "1"
        ),
        "the factor for all layers is divided by their transitions, where a root should be taken": edit(
            "math.pow(stds[0] / stds[-1], 1 / transitions)", "stds[0] / stds[-1] / transitions"
        ),
        "that is the logarithm of the factor": edit(
            "math.pow(stds[0] / stds[-1], 1 / transitions)", "math.log(stds[0] / stds[-1]) / transitions"
        ),
        "a square root is taken, however many layers there are": edit("1 / transitions", "1 / 2"),
        "that is the last transition alone; take the mean over all of them": edit(
            "stds[0] / stds[-1], 1 / transitions", "stds[-2] / stds[-1], 1"
        ),
        "that is the first layer's transition alone; take the mean over all of them": edit(
            "stds[0] / stds[-1], 1 / transitions", "stds[0] / stds[1], 1"
        ),
        "that is the geometric mean of the sizes themselves; the one of their ratios is asked for": edit(
            "stds[0] / stds[-1], 1 / transitions", "math.prod(stds), 1 / len(stds)"
        ),
        "a straight line was laid through the logarithms; that is another mean, in which the layers in the "
        "middle count as well": _on_a_line,
    },
    properties=(_positive,),
)


def _drawn_twins(draw: Draw) -> Input:
    units = draw.pick(draw.size(5, 7), *draw.table(3, 6))  # each with two weights in, a bias, three out
    *W1, b1 = zip(*(unit[:3] for unit in units), strict=True)
    return tensors([list(row) for row in W1], list(b1), [unit[3:] for unit in units])


_TWINS = Exercise(
    label="diagnostics-ex-twins",
    reference=twins,
    task=r"""
    Two hidden units that begin with the same weights get the same gradients in every step, and stay the same
    for ever. Write `twins(W1, b1, W2)` for a layer and the one after it, of shapes $(n_\text{in}, h)$, $(h,)$
    and $(h, V)$: a list of the groups of two or more hidden units that have exactly the same weights on the
    way in, the same bias, and the same weights on the way out, each group a sorted list, groups by their
    first unit. Why does it not suffice that the weights on the way in are the same?
    """,
    hints=(
        "Where in W1 are the weights that come into one unit, and where in W2 those that leave it?",
        "Put all numbers of a unit into one row: then units are twins if their rows are equal.",
        "A dict finds what is equal, if its keys are something that cannot change, such as tuples; go through the "
        "units in order, and groups and units are sorted on their own.",
    ),
    inputs=(
        tensors([[1.0, 2.0, 1.0]], [0.5, 0.0, 0.5], [[3.0], [2.0], [3.0]]),
        tensors(
            [[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]],
            [0.5, 0.5, 0.5, -0.5],
            [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]],
        ),
        tensors(
            [[0.5, 0.5, 0.500001, 0.5], [0.25, 0.25, 0.25, 0.25]],
            [1.0, 1.0, 1.0, 1.0],
            [[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.000001]],
        ),
        tensors([[0.0, 0.0, 0.0]], [0.0, 0.0, 0.0], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
    ),
    more=_drawn_twins,
    slips={
        "outgoing weights are not looked at; units that differ in these get different "
        "gradients, and part": edit(", W2]", "]"),
        "the biases are not looked at": edit("b1[:, None], ", ""),
        "only the weights that come in are looked at, without biases and outgoing weights": edit(
            "[W1.T, b1[:, None], W2]", "[W1.T]"
        ),
        "only the weights that go out are looked at": edit("[W1.T, b1[:, None], W2]", "[W2]"),
        "rows and columns are exchanged: what comes into a unit is a column of W1, and what leaves it a row "
        "of W2": edit(
            "torch.cat([W1.T, b1[:, None], W2], dim=1)",
            "torch.stack([torch.cat([W1[i], W2[:, i], b1[i : i + 1]]) for i in range(len(b1))])",
        ),
        "rows of W1 are compared; those belong to its inputs, and its columns to the units": edit(
            "[W1.T, b1[:, None], W2]", "[W1]"
        ),
        "units without a twin are there as well, in groups of one": edit(" if len(group) > 1", ""),
        "those are pairs; three units that are equal make one group": edit(
            "[group for group in groups.values() if len(group) > 1]",
            "sorted([a, b] for group in groups.values() for a in group for b in group if a < b)",
        ),
        "a group comes once for each of its units; once is enough": edit("> 1]", "> 1 for _ in group]"),
        "a group comes again without its first unit; each unit belongs to one group at most": edit(
            "[group for group in groups.values() if len(group) > 1]",
            "sorted(group[i:] for group in groups.values() for i in range(len(group) - 1))",
        ),
        "only neighbors are compared; twins may have others between them": edit(
            "tuple(row)", "next(i for i in range(unit + 1) if (rows[i : unit + 1] == rows[unit]).all())"
        ),
        "units that are nearly equal are taken for twins; their gradients differ, and they will part": edit(
            "dim=1)", "dim=1).mul(1e4).round()"
        ),
        "the sums of the weights are compared; different weights can have the same sum": edit(
            "dim=1)", "dim=1).sum(1, keepdim=True)"
        ),
        "the groups are in the order of their weights; the one with the first unit comes first": edit(
            "groups.values()", "[groups[row] for row in sorted(groups)]"
        ),
        "the units stand in one list; those of each group belong in a list of their own": (
            edit("[group for", "[unit for"),
            edit("> 1]", "> 1 for unit in group]"),
        ),
    },
)


_RULES = ("signal vanishes", "saturated", "rate too small", "rate too large")


def _known(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    if yours in (*_RULES, "healthy"):
        return ""
    return f"that is none of the five findings: {', '.join(_RULES)}, healthy"


_WELL, _GOOD = [0.65, 0.6, 0.55], [1e-3, 2e-3, 8e-4]

_DIAGNOSE = Exercise(
    label="diagnostics-ex-doctor",
    reference=diagnose,
    task="""
    Write `diagnose(stds, ratios)`, which is given the standard deviation of the activations of each layer of
    a tanh network, first layer first, and the ratio of update to weights of each weight matrix, a plain
    number and not a logarithm, and returns the first of these that fits, as a string. "signal vanishes": the
    last deviation is less than a third of the first. "saturated": any of them is above $0.9$. "rate too
    small": the median of the ratios, of an even number of them the mean of the two in the middle, is below
    $10^{-4}$. "rate too large": it is above $10^{-2}$. Otherwise, "healthy". Let it see the last readings of
    the four patients. Whom does it not help, and why?
    """,
    hints=(
        "The order of the questions is the order of the task: as soon as one of them is answered with yes, you "
        "are done.",
        "Each question has a number of its own to look at: the last layer and the first, the largest of all "
        "layers, the median of the ratios.",
        "Python's statistics has a median that does as the task says. That of torch takes the lower of two in the "
        "middle.",
    ),
    inputs=(
        call(_WELL, _GOOD),
        call([0.6, 0.4, 0.15], _GOOD),
        call([0.5, 0.93, 0.6], _GOOD),
        call(_WELL, [3e-4, 5e-4, 2e-4]),
        call(_WELL, [4e-3, 6e-3, 5e-3]),
        call(_WELL, [5e-5, 1e-3, 2e-5]),
        call(_WELL, [0.02, 0.001, 0.03]),
        call([0.95, 0.6, 0.3], _GOOD),
        call([0.6, 0.4, 0.15], [1e-5, 2e-5, 1e-5]),
        call([0.97, 0.98, 0.98], [0.05, 0.04, 0.02]),
        call([0.6, 0.1, 0.5], _GOOD),
        call([0.25, 0.8, 0.2], _GOOD),
        call([0.5, 0.45, 0.3], _GOOD),
        call([0.7, 0.8, 0.94], _GOOD),
        call([0.95, 0.6, 0.5], _GOOD),
        call([0.97, 0.98, 0.85], _GOOD),
        call([0.2, 0.5, 0.7], _GOOD),
        call(_WELL, [0.001, 0.2, 0.001]),
        call(_WELL, [5e-5, 4e-4]),
        call(_WELL, [0.016, 0.008]),
        call([0.75, 0.9, 0.25], [1e-4]),
        call([0.75, 0.9, 0.25], [0.01, 0.01]),
    ),
    more=lambda draw: call(
        draw.table(4, low=0.2, high=0.95, digits=3), draw.pick(3, 3e-5, 2e-4, 0.006, 0.04)
    ),
    slips={
        "saturation was asked about before the vanishing signal, which comes first": edit(
            '"signal vanishes":', '"saturated": max(stds) > 0.9,\n        "signal vanishes":'
        ),
        "the rate was asked about before the activations, which come first": edit(
            '"signal vanishes":',
            '"rate too small": typical < 1e-4,\n'
            '        "rate too large": typical > 1e-2,\n'
            '        "signal vanishes":',
        ),
        "that is the last finding that fits; the first one is asked for": edit(
            "next(finding for finding, fits in findings.items() if fits)",
            'next((finding for finding, fits in [*findings.items()][3::-1] if fits), "healthy")',
        ),
        "the mean of the ratios was taken, which one large ratio can move far; take the median": edit(
            "median(ratios)", "sum(ratios) / len(ratios)"
        ),
        "of two ratios in the middle the lower was taken for the median, as torch does; take "
        "their mean": edit("median(ratios)", "sorted(ratios)[(len(ratios) - 1) // 2]"),
        "the ratios were not sorted: the median is in the middle of their sizes, not of the list": edit(
            "median(ratios)", "ratios[len(ratios) // 2]"
        ),
        "a single ratio that is out of bounds was taken for a finding; the median is what counts": (
            edit("typical <", "min(ratios) <"),
            edit("typical >", "max(ratios) >"),
        ),
        "the logarithm of the median was compared with bounds that are plain numbers": edit(
            "median(ratios)", "math.log10(median(ratios))"
        ),
        "the bounds are those of logarithms, and the ratios are plain numbers": (
            edit("1e-4", "-4"),
            edit("1e-2", "-2"),
        ),
        "a ratio below a thousandth was called too small; the bound is a tenth of that, 1e-4": edit(
            "1e-4", "1e-3"
        ),
        "a ratio above a thousandth was called too large; the bound is ten times that, 1e-2": edit(
            "1e-2", "1e-3"
        ),
        "the vanishing signal is not asked about": edit("stds[-1] < stds[0] / 3", "False"),
        "saturation is not asked about": edit("max(stds) > 0.9", "False"),
        "saturation was looked for in the last layer alone; it may be in any of them": edit(
            "max(stds)", "stds[-1]"
        ),
        "saturation was looked for in the first layer alone; it may be in any of them": edit(
            "max(stds)", "stds[0]"
        ),
        "saturation was called only where every layer is beyond 0.9; one is enough": edit(
            "max(stds)", "min(stds)"
        ),
        "the mean of the layers was compared with 0.9; one layer is enough for saturation": edit(
            "max(stds)", "sum(stds) / len(stds)"
        ),
        "any layer below a third of the first was taken for a vanishing signal; look at the last one": edit(
            "stds[-1] <", "min(stds) <"
        ),
        "the last layer was compared with the largest; compare it with the first": edit(
            "stds[0] / 3", "max(stds) / 3"
        ),
        "the first layer and the last are exchanged: the signal vanishes if the last is much "
        "the smaller": edit("stds[-1] < stds[0] / 3", "stds[0] < stds[-1] / 3"),
        "the last layer was compared with the number a third; the bound is a third of the first layer": edit(
            "stds[0] / 3", "1 / 3"
        ),
        "a number exactly at its bound was counted as beyond it": (
            edit("stds[-1] <", "stds[-1] <="),
            edit("> 0.9", ">= 0.9"),
            edit("< 1e-4", "<= 1e-4"),
            edit("> 1e-2", ">= 1e-2"),
        ),
    },
    properties=(_known,),
)

EXERCISES = [_RATIOS, _FACTOR, _TWINS, _DIAGNOSE]
