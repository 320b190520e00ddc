"""The exercises of the chapter on a network's vital signs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, groupby, pairwise
from statistics import fmean, geometric_mean, median, median_low
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm as norm

from nnz.exercises.checker.exercise import Exercise, Slip
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts

NAMES = "the names"

Weights = Mapping[str, Tensor]


def update_ratios(before: Weights, after: Weights) -> dict[str, float]:
    """Return log10 of each matrix's change as a share of its size before."""
    ratios = {}
    for name, old in before.items():
        if old.ndim > 1:
            ratio = norm(after[name] - old) / norm(old)  # of as many numbers each
            ratios[name] = ratio.log10().item()
    return ratios


def factor_per_layer(stds: Sequence[float]) -> float:
    """Return the factor by which slopes change from a layer to the one before."""
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


_Ratio = Callable[[Tensor, Tensor], float]


def _ratios_with(
    ratio: _Ratio, chosen: Callable[[Tensor], bool] = lambda old: old.ndim > 1
) -> Callable[[Weights, Weights], dict[str, float]]:
    """Return an answer with another number for the weights before and after, or for other weights."""
    return lambda before, after: {
        name: ratio(old, after[name]) for name, old in before.items() if chosen(old)
    }


def _log10(ratio: Tensor) -> float:
    return ratio.log10().item()


def _right(old: Tensor, new: Tensor) -> float:
    return _log10(norm(new - old) / norm(old))


def _mean_sizes(old: Tensor, new: Tensor) -> float:
    return _log10((new - old).abs().mean() / old.abs().mean())


def _largest(old: Tensor, new: Tensor) -> float:
    return _log10((new - old).abs().max() / old.abs().max())


def _changed_only(before: Weights, after: Weights) -> dict[str, float]:
    ratios = update_ratios(before, after)
    return {name: ratio for name, ratio in ratios.items() if math.isfinite(ratio)}


def _infinite(args: Sequence[Any], parts: Parts) -> str:
    before, after = args
    yours: Any = parts[RESULT]
    for name, old in before.items():
        given = yours.get(name, -math.inf)
        if torch.equal(old, after[name]) and given != -math.inf:
            return f"{name} did not change; its ratio is 0, and the logarithm of that is -inf"
    return ""


def _steps_case(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> Input:
    shown, args = [], []
    for numbers in (before, after):
        args.append({name: torch.tensor(given) for name, given in numbers.items()})
        pairs = [f"{name!r}: torch.tensor({x})" for name, x in numbers.items()]
        shown.append(f"{{{', '.join(pairs)}}}")
    return Input(tuple(args), f"update_ratios({', '.join(shown)})")


_RATIOS = Exercise(
    label="diagnostics-ex-ratio",
    reference=update_ratios,
    task="A step should change the weights a little: by about a thousandth of their size, the lecture says. Write "
    "update_ratios(before, after). Both are dicts with the same names, of float tensors of the same shapes: the "
    "weights before and after one step of an optimiser, whichever it was. Return a dict with an entry for every "
    "name whose tensor has two axes or more; vectors, such as biases, are left out. The entry is a float: the "
    "logarithm to base 10 of the root mean square of the change over the root mean square of the weights before. "
    "For a tensor that did not change it is -inf. None of those before is zero everywhere.",
    hints=(
        "The change is a difference of two tensors, and it does not matter here what made it.",
        "Each size is one number for the whole tensor. In a ratio of two root mean squares of as many numbers, by "
        "what may both be multiplied?",
        "torch gives -inf for the logarithm of 0, and math.log10 an error: take the logarithm before you make a "
        "float of it.",
    ),
    inputs=(
        _steps_case({"W1": [[1.0, 2.0]]}, {"W1": [[1.5, 2.5]]}),
        _steps_case(
            {"W1": [[3.0, -1.0], [0.5, 2.0]], "b1": [1.0, -2.0]},
            {"W1": [[3.5, -1.0], [1.0, 1.5]], "b1": [1.25, -1.0]},
        ),
        _steps_case(
            {"C": [[1.0, 2.0]], "W1": [[0.5, 0.0], [1.0, 1.5]], "b1": [0.0, 0.0]},
            {"C": [[1.0, 2.0]], "W1": [[0.5, 0.01], [1.0, 1.48]], "b1": [0.1, 0.0]},
        ),
        _steps_case(
            {"kernel": [[[1.0, 4.0]], [[-2.0, 3.0]]], "W": [[8.0], [-8.0], [4.0]]},
            {"kernel": [[[2.0, 9.0]], [[0.0, 1.0]]], "W": [[8.1], [-7.9], [4.1]]},
        ),
    ),
    slips=(
        Slip(
            "those are natural logarithms; the base is 10",
            _ratios_with(lambda old, new: (norm(new - old) / norm(old)).log().item()),
        ),
        Slip(
            "those are the ratios themselves; their logarithms are asked for",
            _ratios_with(lambda old, new: (norm(new - old) / norm(old)).item()),
        ),
        Slip(
            "the change is compared with the weights after the step; those before are asked for",
            _ratios_with(lambda old, new: _log10(norm(new - old) / norm(new))),
        ),
        Slip(
            "each number was divided by its own weight and then averaged, so that weights near 0 count for most; "
            "divide one size of the whole by the other",
            _ratios_with(lambda old, new: _log10(((new - old) / old).abs().mean())),
        ),
        Slip(
            "each number was divided by its own weight, and the root mean square taken of that; divide one size "
            "of the whole by the other",
            _ratios_with(lambda old, new: _log10(((new - old) / old).square().mean().sqrt())),
        ),
        Slip("the vectors are there too; they are left out", _ratios_with(_right, lambda old: True)),
        Slip(
            "a tensor with more than two axes is left out; it counts as a matrix does",
            _ratios_with(_right, lambda old: old.ndim == 2),
        ),
        Slip(
            "those are standard deviations, with the means taken off; a change of all weights by the same amount "
            "would not be seen",
            _ratios_with(lambda old, new: _log10((new - old).std(correction=0) / old.std(correction=0))),
        ),
        Slip(
            "those are standard deviations of the change, over root mean squares of the weights; the mean of the "
            "change belongs to it",
            _ratios_with(lambda old, new: _log10((new - old).std(correction=0) / old.square().mean().sqrt())),
        ),
        Slip(
            "those are root mean squares of the change over standard deviations of the weights, which leave out "
            "their mean",
            _ratios_with(lambda old, new: _log10((new - old).square().mean().sqrt() / old.std(correction=0))),
        ),
        Slip(
            "the largest change is divided by the largest weight; all of them count", _ratios_with(_largest)
        ),
        Slip(
            "those are means of absolute values; square, average and take the root", _ratios_with(_mean_sizes)
        ),
        Slip(
            "those are mean squares, without the root, which makes the logarithms twice as large",
            _ratios_with(lambda old, new: 2 * _right(old, new)),
        ),
        Slip(
            "the ratio is upside down: the change comes over the weights",
            _ratios_with(lambda old, new: -_right(old, new)),
        ),
        Slip(
            "that is the change itself, which is not yet compared with anything",
            _ratios_with(lambda old, new: _log10((new - old).square().mean().sqrt())),
        ),
        Slip(
            "the difference of the sizes was taken for the size of the difference: weights can turn without "
            "growing",
            _ratios_with(lambda old, new: _log10((norm(new) - norm(old)).abs() / norm(old))),
        ),
        Slip(
            "a matrix that did not change has a ratio of 0, and math.log10 refuses it; the answer there is -inf",
            _ratios_with(lambda old, new: math.log10((norm(new - old) / norm(old)).item())),
        ),
        Slip(
            "a small number was added so that a change of 0 has a logarithm; what is asked for there is -inf",
            _ratios_with(lambda old, new: max(_right(old, new), -12.0)),
        ),
        Slip("a matrix that did not change is left out; its entry is -inf", _changed_only),
    ),
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
        return f"on the way back, from {stds[-1]} to {stds[0]}, slopes {way}, and this factor says otherwise"
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
    task="Write factor_per_layer(stds). stds is a list of two or more floats above 0: the standard deviation of "
    "the slopes at the activations of each layer, that of the first layer first. Slopes are handed back from the "
    "last layer to the first. Return the factor by which they change from one layer to the one before it, as a "
    "float: the geometric mean over all these transitions. Below 1 slopes vanish on their way back, above 1 they "
    "explode.",
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
    slips=(
        Slip(
            "that is the factor on the way forward; slopes come from the last layer",
            lambda stds: 1 / factor_per_layer(stds),
        ),
        Slip(
            "the root is that of the number of layers; between them there is one transition fewer",
            lambda stds: (stds[0] / stds[-1]) ** (1 / len(stds)),
        ),
        Slip(
            "that is the arithmetic mean of the ratios, which is too large where they differ; multiply them and "
            "take a root",
            lambda stds: fmean(a / b for a, b in pairwise(stds)),
        ),
        Slip(
            "that is one over the arithmetic mean of the ratios on the way forward; multiply the ratios and take "
            "a root",
            lambda stds: 1 / fmean(b / a for a, b in pairwise(stds)),
        ),
        Slip(
            "that is the mean of the differences; a factor comes from ratios",
            lambda stds: (stds[0] - stds[-1]) / (len(stds) - 1),
        ),
        Slip(
            "that is the factor for all layers together; for each it is a root of that",
            lambda stds: stds[0] / stds[-1],
        ),
        Slip(
            "the factor for all layers is divided by their transitions, where a root should be taken",
            lambda stds: stds[0] / stds[-1] / (len(stds) - 1),
        ),
        Slip("that is the logarithm of the factor", lambda stds: math.log(factor_per_layer(stds))),
        Slip(
            "a square root is taken, however many layers there are",
            lambda stds: math.sqrt(stds[0] / stds[-1]),
        ),
        Slip(
            "that is the last transition alone; take the mean over all of them",
            lambda stds: stds[-2] / stds[-1],
        ),
        Slip(
            "that is the first layer's transition alone; take the mean over all of them",
            lambda stds: stds[0] / stds[1],
        ),
        Slip(
            "that is the geometric mean of the sizes themselves; the one of their ratios is asked for",
            geometric_mean,
        ),
        Slip(
            "a straight line was laid through the logarithms; that is another mean, in which the layers in the "
            "middle count as well",
            _on_a_line,
        ),
    ),
    properties=(_positive,),
)


_Groups = list[list[int]]


def _grouped(keys: Sequence[object]) -> _Groups:
    """Return all groups of equal keys, those of one too."""
    groups: dict[object, list[int]] = {}
    for unit, key in enumerate(keys):
        groups.setdefault(key, []).append(unit)
    return list(groups.values())


def _tuples(rows: Tensor) -> list[tuple[float, ...]]:
    return [tuple(row) for row in rows.tolist()]


def _twins_by(key: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], _Groups]:
    """Return an answer that compares other numbers, given in a row for each unit."""

    def groups(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
        found = _grouped(_tuples(key(W1, b1, W2)))
        return [group for group in found if len(group) > 1]

    return groups


def _all_weights(W1: Tensor, b1: Tensor, W2: Tensor) -> Tensor:
    return torch.cat([W1.T, b1[:, None], W2], dim=1)


def _with_single_ones(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    return _grouped(_tuples(_all_weights(W1, b1, W2)))


def _pairs(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    groups = twins(W1, b1, W2)
    return sorted(list(pair) for group in groups for pair in combinations(group, 2))


def _from_each(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    return sorted(group[i:] for group in twins(W1, b1, W2) for i in range(len(group) - 1))


def _neighbours(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    rows = _tuples(_all_weights(W1, b1, W2))
    found = groupby(range(len(rows)), key=lambda unit: rows[unit])
    groups = [list(units) for _, units in found]
    return [group for group in groups if len(group) > 1]


def _by_weights(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    rows = _tuples(_all_weights(W1, b1, W2))
    return sorted(twins(W1, b1, W2), key=lambda group: rows[group[0]])


def _other_axis(W1: Tensor, b1: Tensor, W2: Tensor) -> _Groups:
    rows = [(*W1[i].tolist(), *W2[:, i].tolist()) for i in range(len(b1))]
    biased = [(*row, b) for row, b in zip(rows, b1.tolist(), strict=True)]
    return [group for group in _grouped(biased) if len(group) > 1]


def _twins_case(W1: list[list[float]], b1: list[float], W2: list[Any]) -> Input:
    text = f"twins(torch.tensor({W1}), torch.tensor({b1}), torch.tensor({W2}))"
    return Input((torch.tensor(W1), torch.tensor(b1), torch.tensor(W2)), text)


_TWINS = Exercise(
    label="diagnostics-ex-twins",
    reference=twins,
    task="Two hidden units that begin with the same weights get the same slopes in every step, and stay the same "
    "for ever. Write twins(W1, b1, W2) for the network tanh(x @ W1 + b1) @ W2. W1 is float of shape (n_in, h), "
    "b1 (h,) and W2 (h, V). Units belong together if their incoming weights, their biases and their outgoing "
    "weights are all exactly equal. Return a list of lists of whole numbers, the groups of two units or more: "
    "each as large as possible, the units in each in rising order, and the groups in the order of their first "
    "units. Without twins return an empty list.",
    hints=(
        "Where in W1 are the weights that come into one unit, and where in W2 those that leave it?",
        "Put all numbers of a unit into one row: then units are twins if their rows are equal.",
        "A dict finds what is equal, if its keys are something that cannot change, such as tuples; go through the "
        "units in order, and groups and units are sorted on their own.",
    ),
    inputs=(
        _twins_case([[1.0, 2.0, 1.0]], [0.5, 0.0, 0.5], [[3.0], [2.0], [3.0]]),
        _twins_case(
            [[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]],
            [0.5, 0.5, 0.5, -0.5],
            [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]],
        ),
        _twins_case(
            [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            [0.0, 0.0, 0.0],
            [[1.0, 1.0, 2.0], [2.0, 2.0, 1.0], [3.0, 3.0, 0.0]],
        ),
        _twins_case(
            [[1.0, 0.5, 2.0, 0.5, 1.0, 0.5], [2.0, 2.0, 1.0, 2.0, 2.0, 2.0]],
            [0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
            [[1.0], [2.0], [1.0], [2.0], [1.0], [2.0]],
        ),
        _twins_case(
            [[0.5, 0.5, 0.500001, 0.5], [0.25, 0.25, 0.25, 0.25]],
            [1.0, 1.0, 1.0, 1.0],
            [[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.000001]],
        ),
        _twins_case([[0.0, 0.0, 0.0]], [0.0, 0.0, 0.0], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
    ),
    slips=(
        Slip(
            "outgoing weights are not looked at; units that differ in these get different slopes, and part",
            _twins_by(lambda W1, b1, W2: torch.cat([W1.T, b1[:, None]], dim=1)),
        ),
        Slip("the biases are not looked at", _twins_by(lambda W1, b1, W2: torch.cat([W1.T, W2], dim=1))),
        Slip(
            "only the weights that come in are looked at, without biases and outgoing weights",
            _twins_by(lambda W1, b1, W2: W1.T),
        ),
        Slip("only the weights that go out are looked at", _twins_by(lambda W1, b1, W2: W2)),
        Slip(
            "rows and columns are exchanged: what comes into a unit is a column of W1, and what leaves it a row "
            "of W2",
            _other_axis,
        ),
        Slip(
            "rows of W1 are compared; those belong to its inputs, and its columns to the units",
            _twins_by(lambda W1, b1, W2: W1),
        ),
        Slip("units without a twin are there as well, in groups of one", _with_single_ones),
        Slip("those are pairs; three units that are equal make one group", _pairs),
        Slip(
            "a group comes once for each of its units; once is enough",
            lambda W1, b1, W2: sorted(group for group in twins(W1, b1, W2) for _ in group),
        ),
        Slip(
            "a group comes again without its first unit; each unit belongs to one group at most", _from_each
        ),
        Slip("only neighbours are compared; twins may have others between them", _neighbours),
        Slip(
            "units that are nearly equal are taken for twins; their slopes differ, and they will part",
            _twins_by(lambda W1, b1, W2: _all_weights(W1, b1, W2).mul(1e4).round()),
        ),
        Slip(
            "the sums of the weights are compared; different weights can have the same sum",
            _twins_by(lambda W1, b1, W2: _all_weights(W1, b1, W2).sum(1, keepdim=True)),
        ),
        Slip(
            "the groups are in the order of their weights; the one with the first unit comes first",
            _by_weights,
        ),
        Slip(
            "the units stand in one list; those of each group belong in a list of their own",
            lambda W1, b1, W2: [unit for g in twins(W1, b1, W2) for unit in g],
        ),
    ),
)


_Rule = Callable[[Sequence[float]], bool]
_RULES = ("signal vanishes", "saturated", "rate too small", "rate too large")


def _doctor(
    order: Sequence[int] = (0, 1, 2, 3),
    vanishes: _Rule = lambda stds: stds[-1] < stds[0] / 3,
    saturated: _Rule = lambda stds: max(stds) > 0.9,
    small: _Rule = lambda ratios: median(ratios) < 1e-4,
    large: _Rule = lambda ratios: median(ratios) > 1e-2,
) -> Callable[[list[float], list[float]], str]:
    """Return an answer with other rules, or in another order."""

    def answer(stds: list[float], ratios: list[float]) -> str:
        fits = vanishes(stds), saturated(stds), small(ratios), large(ratios)
        return next((_RULES[i] for i in order if fits[i]), "healthy")

    return answer


def _typical(of: Callable[[Sequence[float]], float]) -> Callable[..., str]:
    """Return an answer that judges the ratios by another number than the median."""
    return _doctor(small=lambda ratios: of(ratios) < 1e-4, large=lambda ratios: of(ratios) > 1e-2)


def _known(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    if yours in (*_RULES, "healthy"):
        return ""
    return f"that is none of the five findings: {', '.join(_RULES)}, healthy"


_WELL, _GOOD = [0.65, 0.6, 0.55], [1e-3, 2e-3, 8e-4]

_DIAGNOSE = Exercise(
    label="diagnostics-ex-doctor",
    reference=diagnose,
    task="Write diagnose(stds, ratios), which sums up a network's vital signs in one string. stds is a list of "
    "floats above 0: the standard deviation of the tanh activations in each layer of a new network, that of the "
    "first layer first. ratios is a list of floats, as typical in training: for each weight matrix the size of "
    "an update over the size of the weights, as plain numbers and not as logarithms. Neither is empty. Return "
    'the first of these that fits. "signal vanishes": the last of the stds is below a third of the first. '
    '"saturated": any of the stds is above 0.9. "rate too small": the median of the ratios is below 1e-4. "rate '
    'too large": the median of the ratios is above 1e-2. "healthy": nothing else fits. The median of an even '
    "number of ratios is the mean of the two in the middle.",
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
    slips=(
        Slip(
            "saturation was asked about before the vanishing signal, which comes first", _doctor((1, 0, 2, 3))
        ),
        Slip("the rate was asked about before the activations, which come first", _doctor((2, 3, 0, 1))),
        Slip("that is the last finding that fits; the first one is asked for", _doctor((3, 2, 1, 0))),
        Slip(
            "the mean of the ratios was taken, which one large ratio can move far; take the median",
            _typical(fmean),
        ),
        Slip(
            "of two ratios in the middle the lower was taken for the median, as torch does; take their mean",
            _typical(median_low),
        ),
        Slip(
            "the ratios were not sorted: the median is in the middle of their sizes, not of the list",
            _typical(lambda ratios: ratios[len(ratios) // 2]),
        ),
        Slip(
            "a single ratio that is out of bounds was taken for a finding; the median is what counts",
            _doctor(small=lambda ratios: min(ratios) < 1e-4, large=lambda ratios: max(ratios) > 1e-2),
        ),
        Slip(
            "the logarithm of the median was compared with bounds that are plain numbers",
            _typical(lambda ratios: math.log10(median(ratios))),
        ),
        Slip(
            "the bounds are those of logarithms, and the ratios are plain numbers",
            _doctor(small=lambda ratios: median(ratios) < -4, large=lambda ratios: median(ratios) > -2),
        ),
        Slip(
            "a ratio below a thousandth was called too small; the bound is a tenth of that, 1e-4",
            _doctor(small=lambda ratios: median(ratios) < 1e-3),
        ),
        Slip(
            "a ratio above a thousandth was called too large; the bound is ten times that, 1e-2",
            _doctor(large=lambda ratios: median(ratios) > 1e-3),
        ),
        Slip("the vanishing signal is not asked about", _doctor((1, 2, 3))),
        Slip("saturation is not asked about", _doctor((0, 2, 3))),
        Slip(
            "saturation was looked for in the last layer alone; it may be in any of them",
            _doctor(saturated=lambda stds: stds[-1] > 0.9),
        ),
        Slip(
            "saturation was looked for in the first layer alone; it may be in any of them",
            _doctor(saturated=lambda stds: stds[0] > 0.9),
        ),
        Slip(
            "saturation was called only where every layer is beyond 0.9; one is enough",
            _doctor(saturated=lambda stds: min(stds) > 0.9),
        ),
        Slip(
            "the mean of the layers was compared with 0.9; one layer is enough for saturation",
            _doctor(saturated=lambda stds: fmean(stds) > 0.9),
        ),
        Slip(
            "any layer below a third of the first was taken for a vanishing signal; look at the last one",
            _doctor(vanishes=lambda stds: min(stds) < stds[0] / 3),
        ),
        Slip(
            "the last layer was compared with the largest; compare it with the first",
            _doctor(vanishes=lambda stds: stds[-1] < max(stds) / 3),
        ),
        Slip(
            "the first layer and the last are exchanged: the signal vanishes if the last is much the smaller",
            _doctor(vanishes=lambda stds: stds[0] < stds[-1] / 3),
        ),
        Slip(
            "the last layer was compared with the number a third; the bound is a third of the first layer",
            _doctor(vanishes=lambda stds: stds[-1] < 1 / 3),
        ),
        Slip(
            "a number exactly at its bound was counted as beyond it",
            _doctor(
                vanishes=lambda stds: stds[-1] <= stds[0] / 3,
                saturated=lambda stds: max(stds) >= 0.9,
                small=lambda ratios: median(ratios) <= 1e-4,
                large=lambda ratios: median(ratios) >= 1e-2,
            ),
        ),
    ),
    properties=(_known,),
)

EXERCISES = [_RATIOS, _FACTOR, _TWINS, _DIAGNOSE]
