"""The exercises of the chapter on counting pairs of characters."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor

from nnz.bigram import BigramCounts
from nnz.data import Vocabulary
from nnz.evaluate import nll
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, tensors
from nnz.exercises.checker.observe import RESULT, Answer, Parts


def column_sums(counts: Tensor) -> Tensor:
    """Return the sums of the columns of `counts / counts.sum(dim=1)`, without dividing the table."""
    return counts.sum(dim=0) / counts.sum(dim=1)


def backwards_loss(names: Sequence[str], model: BigramCounts) -> float:
    """Fit the model to the names written backwards, and return its loss on the names written backwards."""
    backwards = [name[::-1] for name in names]
    return nll(model.fit(backwards), backwards)


def likeliest(model: BigramCounts, n: int) -> list[tuple[str, float]]:
    """Return the n most probable names under the model with their probabilities, the first one first."""
    costs = (-model.probs().log()).tolist()
    queue, found = [(0.0, ".")], list[tuple[str, float]]()
    while queue and len(found) < n:
        cost, word = heapq.heappop(queue)
        if word.endswith(".") and word != ".":
            found.append((word[1:-1], math.exp(-cost)))
            continue
        row = costs[model.vocabulary.encode(word[-1])[0]]
        for char, more in zip(model.vocabulary.chars, row, strict=True):
            if math.isfinite(more) and word + char != "..":
                heapq.heappush(queue, (cost + more, word + char))
    return found


def my_draw(row: Sequence[float], u: float) -> int:
    """Return the index that a uniform number u from 0 to 1 (1 excluded) draws from a row of probabilities."""
    end = 0.0
    for index, probability in enumerate(row):
        end += probability
        if u < end:
            return index
    return max(index for index, probability in enumerate(row) if probability > 0)


def relative_loss(names: Sequence[str]) -> float:
    """Return the loss of a bigram model with k = 1 on its own names, as a share of knowing nothing."""
    vocabulary = Vocabulary(names)
    model = BigramCounts(k=1, vocabulary=vocabulary).fit(names)
    return nll(model, names) / math.log(len(vocabulary))


def losses_by_k(names: Sequence[str], ks: Sequence[float]) -> list[float]:
    """Return, for each k, the loss of an add-k bigram model on the names that it was fitted to."""
    return [nll(BigramCounts(k=k).fit(names), names) for k in ks]


_COLUMNS = Exercise(
    label="bigram-ex-axis",
    reference=column_sums,
    task="""
    The tempting line `counts / counts.sum(dim=1)` divides the columns of a square table where the rows were
    meant. Which sums of that wrong table, if any, equal one when the counts are those of names, and why could
    you have known without running it? Write `column_sums(counts)`, which returns the sums of its columns, of
    shape $(V,)$, from sums of `counts` alone: the table itself is never divided.
    """,
    hints=(
        "A sum over dim=1 has shape (V,), and lines up with the columns. By what is each entry of column j "
        "divided?",
        "All entries of one column have the same divisor, so it can be taken out of the sum.",
    ),
    inputs=(
        call(torch.tensor([[1, 2], [4, 3]])),
        call(torch.tensor([[2, 0, 5], [1, 1, 2], [4, 3, 0]])),
        call(torch.arange(1, 26).view(5, 5) ** 2 % 17),
        call(BigramCounts(vocabulary=Vocabulary(["ab"])).fit(["ab", "ba", "aa"]).counts),
    ),
    more=lambda draw: tensors(draw.whole(n := draw.size(), n, low=1)),
    slips={
        "that is the ratio upside down": lambda counts: counts.sum(dim=1) / counts.sum(dim=0),
        "that is 1 everywhere, which holds for counts of names, whose rows and columns have equal sums, "
        "and not for every table": lambda counts: torch.ones(len(counts)),
        "those are the sums of the wrong table's rows; sum its columns": lambda counts: (
            counts / counts.sum(dim=1)
        ).sum(dim=1),
        "those are the columns of the right table, whose rows were divided": lambda counts: (
            counts / counts.sum(dim=1, keepdim=True)
        ).sum(dim=0),
    },
    tolerance=1e-5,
)


def _fitted_and_judged(answer: Answer, args: Sequence[Any]) -> Parts:
    result = answer(*args)
    return {RESULT: result, "the counts of the model": getattr(args[1], "counts", None)}


def _backwards_case(*names: str) -> Input:
    model = BigramCounts(vocabulary=Vocabulary(names))
    shown = f"backwards_loss({list(names)}, model)"
    where = "where model = BigramCounts(vocabulary=Vocabulary(names))"
    return Input((list(names), model), f"{shown} {where}")


_BACKWARDS = Exercise(
    label="bigram-ex-backwards",
    reference=backwards_loss,
    task="""
    Reverse every name and fit a bigram model to the result. Will its loss be smaller or larger? Decide first,
    then measure, with `backwards_loss(names, model)`, which fits the model, a `BigramCounts` that has read
    nothing yet, to the reversed names and returns its `nll` on the same reversed names; then prove what you
    see.
    """,
    hints=(
        "A string can be read from its end with a slice whose step is negative.",
        "Make the list of reversed names once, and use it for both: to fit the model and to judge it.",
    ),
    inputs=(
        _backwards_case("aab", "ab", "ba"),
        _backwards_case("emma", "eva", "ava", "meeva"),
        _backwards_case("noa", "ona", "anno", "oona", "nona"),
    ),
    more=lambda draw: _backwards_case(*draw.names(4, "aben")),
    slips={
        "the model was fitted to the names as they are, and judged by the reversed ones": edit(
            "fit(backwards)", "fit(names)"
        ),
        "the model was fitted to the reversed names, and judged by the names as they are": edit(
            "), backwards)", "), names)"
        ),
        "the names were not written backwards: the order of the list is no matter, that of "
        "the letters is": edit("name[::-1] for name in names", "*names"),
        "that is the sum over all characters; nll is the mean": edit(
            "), backwards)", "), backwards) * sum(len(name) + 1 for name in names)"
        ),
    },
    drive=_fitted_and_judged,
    changes=("model",),
)


def _greedy(model: BigramCounts, n: int) -> list[tuple[str, float]]:
    probs = model.probs()
    found = []
    for first in probs[0, 1:].argsort(descending=True)[:n].tolist():
        word, chance = [first + 1], float(probs[0, first + 1])
        while word[-1] != 0 and len(word) < 20:
            word.append(int(probs[word[-1]].argmax()))
            chance *= float(probs[word[-2], word[-1]])
        found.append((model.vocabulary.decode(word[:-1]), chance))
    return found


def _falling(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    chances = [chance for _, chance in yours]
    if chances != sorted(chances, reverse=True):
        return "the probabilities do not fall from each name to the next"
    return ""


def _likeliest_case(names: str, n: int, k: float = 0) -> Input:
    words = names.split()
    vocabulary = Vocabulary(words)
    model = BigramCounts(k=k, vocabulary=vocabulary).fit(words)
    shown = f"BigramCounts(k={k}, vocabulary=Vocabulary(names)).fit(names)"
    text = f"likeliest(model, {n}) where model = {shown} and names = {words}"
    return Input((model, n), text)


def _drawn_words(draw: Draw) -> Input:
    while True:
        given = _likeliest_case(" ".join(draw.names(4, "abn")), draw.size(2, 5), draw.positive(0.5, 2))
        model, n = cast("tuple[BigramCounts, int]", given.args)
        if all(a > 1.01 * b for (_, a), (_, b) in pairwise(likeliest(model, n + 1))):
            return given  # no two as likely, whose order would be anyone's choice


_LIKELIEST = Exercise(
    label="bigram-ex-greedy",
    reference=likeliest,
    task="""
    With `top_k=1` the sampler takes the likeliest character each time. Is what it writes the most probable
    word of all? Answer by a search: write `likeliest(model, n)` for a fitted `BigramCounts`, which returns
    the `n` most probable words of at least one letter, not only those in the list, as pairs of word and
    probability, the most probable first. If there are fewer than `n`, return those. Surprisals are never
    negative, so this is a shortest path from `.` to `.`.
    """,
    hints=(
        "The surprisal of a name is a sum of surprisals, one for each character and one for the end, and none "
        "of them is negative. So this is a search for the shortest paths from the start to the end.",
        "Keep unfinished names in a queue from heapq, ordered by their surprisal so far, and always go on "
        "with the least surprising.",
        "A name is found when it comes out of the queue with its end, not when it goes in: something less "
        "surprising may still be waiting.",
    ),
    inputs=(
        _likeliest_case("ac ad ae b b", 1),
        _likeliest_case("ab ab a", 5),
        _likeliest_case("ac ad ae ae b b dae", 4),
        _likeliest_case("anna nan an ann a hana", 6, k=0.5),
    ),
    more=_drawn_words,
    slips={
        "that is the greedy choice: the likeliest next character each time need not lead to the "
        "likeliest name": _greedy,
        "the end is a character too: its probability after the last letter is a factor": edit(
            "cost + more", 'cost + more * (char != ".")'
        ),
        "the empty name is among them; one letter is the least": edit(' and word + char != ".."', ""),
        "those are surprisals, not probabilities": edit("math.exp(-cost)", "cost"),
        "shorter names come first, whatever their probability": (
            edit("cost + more", "cost + more + 99"),
            edit("math.exp(-cost)", "math.exp(99 * (len(word) - 1) - cost)"),
        ),
    },
    properties=(_falling,),
)


def _possible(args: Sequence[Any], parts: Parts) -> str:
    index: Any = parts[RESULT]
    row = args[0]
    if not (index == int(index) and 0 <= index < len(row)):
        return f"it is not an index of the row, which has {len(row)} entries"
    return "" if row[int(index)] > 0 else "the outcome drawn has probability 0"


_DRAW = Exercise(
    label="bigram-ex-draw",
    reference=my_draw,
    task="""
    Write `my_draw(row, u)`, which takes a list of probabilities and one uniform number `u` from 0 to 1 (1
    excluded), and returns the index drawn, in plain Python. Outcomes of probability 0 are never drawn. Then
    use it with darts from `random.Random(0)` to check that the shares of a hundred thousand draws come near
    the probabilities.
    """,
    hints=(
        "Lay the probabilities end to end on the stretch from 0 to 1; u is a dart that lands on one of them.",
        "Add the probabilities up as you go along, and stop at the first end that lies beyond the dart.",
        "Sums of floating-point numbers may end a little below 1. Which outcome is drawn if the dart lands "
        "there?",
    ),
    inputs=(
        call([1.0], 0.5),
        call([0.5, 0.5], 0.5),
        call([0.0, 1.0], 0.0),
        call([0.5, 0.25, 0.0, 0.25], 0.6),
        call([*[0.1] * 10, 0.0], 0.9999999999999999),
    ),
    more=lambda draw: call(draw.chances(draw.size()), draw.whole(high=49) / 50),
    slips={
        "a dart exactly at an end belongs to the next outcome: u is smaller than what it draws reaches": edit(
            "u < end", "u <= end"
        ),
        "the dart fell beyond the last sum, which rounding left below 1, and nothing was returned": edit(
            "\n    return max(index for index, probability in enumerate(row) if probability > 0)", ""
        ),
        "the dart fell beyond the last sum, and the last outcome was taken although it is impossible": edit(
            "max(index for index, probability in enumerate(row) if probability > 0)", "len(row) - 1"
        ),
        "u is compared with each probability alone; compare it with their sum so far": edit(
            "u < end", "u < probability"
        ),
        "that is the likeliest outcome, wherever the dart lands": edit("u < end", "probability == max(row)"),
    },
    properties=(_possible,),
)


_RELATIVE = Exercise(
    label="bigram-ex-own",
    reference=relative_loss,
    task=r"""
    Put words of another kind into a text file, one on each line: towns, dinosaurs, mountains. Read it with
    `load_names(path)`; if it has other characters than a to z, say which with `alphabet=`, and give the model
    a `Vocabulary` made from your list. Draw some words. Can a loss on your list be compared with the losses
    of this chapter? Something that can be compared more fairly is the share of $\log V$ that is left: write
    `relative_loss(names)`, the `nll` of a `BigramCounts` with $k = 1$ and the list's own `Vocabulary` on the
    names that it is fitted to, divided by the loss of a model that knows nothing.
    """,
    hints=(
        "BigramCounts takes the alphabet as vocabulary=; without it, the alphabet is a to z.",
        "A model that knows nothing gives every character, the end among them, the same probability.",
    ),
    inputs=(
        call(["a"]),
        call(["ab", "ba", "abba"]),
        call(["emma", "ava", "eva", "mae"]),
        call(["ätna", "säntis", "öræfajökull", "piz-buin"]),
    ),
    more=lambda draw: call(draw.names(4)),
    slips={
        "the alphabet is a to z; these names have their own": (
            edit("k=1, vocabulary=vocabulary", "k=1"),
            edit("len(vocabulary)", "27"),
        ),
        "the divisor belongs to a to z; the alphabet of these names has another size": edit(
            "len(vocabulary)", "27"
        ),
        "the logarithm is to base 2, and the loss is in nats": edit("math.log(", "math.log2("),
        "that is the loss itself; it is not divided yet": edit(" / math.log(len(vocabulary))", ""),
        "the divisor leaves out the end token, which is a character of the vocabulary too": edit(
            "math.log(len(vocabulary))", "(math.log(len(vocabulary) - 1) or 1)"
        ),
        "the counts are not smoothed: k is 1": edit("k=1", "k=0"),
    },
)


def _losses_rise(args: Sequence[Any], parts: Parts) -> str:
    losses: Any = parts[RESULT]
    pairs = sorted(zip(args[1], losses, strict=True))
    for (k, loss), (larger, other) in pairwise(pairs):
        if other < loss - 1e-9:
            return f"the loss with k = {larger} is below that with k = {k}, which cannot be"
    return ""


_MONOTONE = Exercise(
    label="bigram-ex-monotone",
    reference=losses_by_k,
    task="""
    Write `losses_by_k(names, ks)`, which fits a `BigramCounts` to the names for each $k$ and returns the list
    of its `nll` on the same names, in the order of `ks`. Then show that it cannot fall as $k$ grows. What
    does the table with add-k smoothing maximize?
    """,
    hints=(
        "One model for each k: k is given to the model when it is made.",
        "The loss is on the names that the model was fitted to.",
    ),
    inputs=(
        call(["ava"], [1]),
        call(["ava", "eva"], [0, 1]),
        call(["emma", "ava", "eva", "mia"], [10, 0, 0.5, 100]),
    ),
    more=lambda draw: call(draw.names(4), [draw.positive(9), draw.positive(0.9, 2), draw.positive()]),
    slips={
        "k is 1 in every model": edit("k=k", "k=1"),
        "the models are not smoothed: k is 0 in every one": edit("k=k", "k=0"),
        "the losses are sorted; leave them in the order of ks": (
            edit("return [", "return sorted(["),
            edit("in ks]", "in ks])"),
        ),
        "the losses are in the opposite order to ks": edit("in ks]", "in ks][::-1]"),
    },
    properties=(_losses_rise,),
)

EXERCISES = [_COLUMNS, _BACKWARDS, _LIKELIEST, _DRAW, _RELATIVE, _MONOTONE]
