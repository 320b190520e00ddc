"""The exercises of the chapter on measuring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.contract import LanguageModel
from nnz.data import Vocabulary, split_names, windows
from nnz.evaluate import by_name, by_position, nll, surprisals
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Parts
from nnz.ngram import NGramCounts


def loss_without_first(model: LanguageModel, names: Sequence[str]) -> float:
    """Return the mean surprisal, in nats, of all but each name's first character."""
    costs = surprisals(model, names)
    places = torch.cat([torch.arange(len(name) + 1) for name in names])
    return costs[places > 0].mean().item()


def bits_for_name(model: LanguageModel, name: str) -> float:
    """Return the total surprisal of a name, its end included, in bits."""
    return surprisals(model, [name]).sum().item() / math.log(2)


def standard_error(totals: Tensor, lengths: Tensor) -> float:
    """Return the standard error of totals.sum() / lengths.sum(), linearized."""
    n = len(totals)
    loss = totals.sum() / lengths.sum()
    rests = totals - loss * lengths  # sum to 0
    squares = n / (n - 1) * (rests**2).sum()
    return (squares.sqrt() / lengths.sum()).item()


def names_needed(error: float, n: int, difference: float) -> int:
    """Return how many names bring two standard errors down to `difference`."""
    return math.ceil(n * (2 * error / difference) ** 2)


def distinct_split(names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Split the names, kept where they first occur, into train, dev and test."""
    return split_names(list(dict.fromkeys(names)))


_READ = ["anna", "noah", "jo"]
_OWN = ["chloë", "léo"]
_UNIFORM = "Uniform()", Uniform()
_UNIGRAM = f"UnigramCounts().fit({_READ})", UnigramCounts().fit(_READ)
_BIGRAM = f"BigramCounts(k=0.1).fit({_READ})", BigramCounts(k=0.1).fit(_READ)
_TRIGRAM = f"NGramCounts(3, 0.1).fit({_READ})", NGramCounts(3, 0.1).fit(_READ)
_ACCENTED = (
    f"BigramCounts(k=1, vocabulary=Vocabulary(seen)).fit(seen) and seen = {_OWN}",
    BigramCounts(k=1, vocabulary=Vocabulary(_OWN)).fit(_OWN),
)


def _judging(name: str, model: tuple[str, LanguageModel], given: str | list[str]) -> Input:
    shown, fitted = model
    return Input((fitted, given), f"{name}(model, {given!r}) where model = {shown}")


def _where_context(told: Callable[[Tensor], Tensor]) -> Callable[[LanguageModel, list[str]], float]:
    """Average the surprisals of the characters whose contexts are told not to be a beginning."""

    def loss(model: LanguageModel, names: list[str]) -> float:
        X, _ = windows(names, model.block_size, model.vocabulary)
        return surprisals(model, names)[told(X)].mean().item()

    return loss


def _drawn_model(draw: Draw) -> tuple[str, LanguageModel]:
    order, k, read = draw.size(2, 4), draw.positive(0.9), draw.names(3)
    return f"NGramCounts({order}, {k}).fit({read})", NGramCounts(order, k).fit(read)


_FIRST = Exercise(
    label="evaluation-ex-first",
    reference=loss_without_first,
    task="""
    Some programs never score the first character of a name. Write `loss_without_first(model, names)` for any
    model of the contract: the average surprisal, in nats and as a float, of all characters, the end tokens
    included, but the first of each name. `surprisals(model, names)` from `nnz.evaluate` gives the surprisals of
    all $N$ characters, float64 of shape $(N,)$, name after name. Whose loss falls more by it, the bigram's or
    the 6-gram's?
    """,
    hints=(
        "A name of l letters has l + 1 surprisals, and the first of them is left out. At which index does the "
        "next name begin?",
        "Number the characters of each name from 0, its end included, and lay these numbers end to end in a "
        "tensor of shape (N,).",
        "Pick the surprisals whose number is not 0, of all names together, and average those.",
    ),
    inputs=(
        _judging("loss_without_first", _BIGRAM, ["jo"]),
        _judging("loss_without_first", _UNIGRAM, ["jo", "a", "hanna"]),
        _judging("loss_without_first", _ACCENTED, ["cléo", "hé", "léë"]),
    ),
    more=lambda draw: _judging("loss_without_first", _drawn_model(draw), draw.names(4)),
    slips={
        "nothing was left out: that is nll": edit("costs[places > 0]", "costs"),
        "only the first character of the whole list was left out; each name has a first one": edit(
            "places > 0", "1:"
        ),
        "the end tokens were left out; they count, and the first characters do not": edit(
            "len(name) + 1)", "len(name) + 1).flip(0)"
        ),
        "the sum was divided by the number of all characters; divide by the number of those "
        "that are in it": edit("mean().item()", "sum().item() / len(costs)"),
        "the first characters are not in the number that was divided by, but they are still in the sum": edit(
            "costs[places > 0].mean().item()", "costs.sum().item() / int((places > 0).sum())"
        ),
        "that is the average over names of each name's average, in which the characters of short names "
        "weigh more": lambda model, names: (
            sum(loss_without_first(model, [name]) for name in names) / len(names)
        ),
        "that is the average over positions of each position's average, in which the characters of long "
        "names weigh more": lambda model, names: by_position(model, names)[0][1:].mean().item(),
        "the names were shortened before the model read them, so it guessed their second characters as if "
        "they stood first": lambda model, names: nll(model, [name[1:] for name in names]),
        "the last character of each context was looked at, and this model reads no context; the names "
        "tell which characters are first": _where_context(lambda X: X[:, -1] != 0),
        "empty contexts were taken for the beginning of a name, and this model reads no context, so nothing "
        "was left; the names tell which characters are first": _where_context(lambda X: (X != 0).any(dim=1)),
    },
)


_BITS = Exercise(
    label="evaluation-ex-bits",
    reference=bits_for_name,
    task="""
    Write `bits_for_name(model, name)`, the bits that an ideal code made from the model needs for one name:
    its total surprisal, the end token included, in bits, as a float and not rounded. Which of the first
    hundred dev names is the dearest?
    """,
    hints=(
        "surprisals from nnz.evaluate takes a list of names and gives nats. The list may have one name.",
        "A code has to send every character of the name and that it ends there, so the surprisals are added.",
        "A bit is the surprisal of one of two equally likely outcomes. How many nats is that?",
    ),
    inputs=(
        _judging("bits_for_name", _UNIFORM, "noa"),
        _judging("bits_for_name", _BIGRAM, "hanna"),
        _judging("bits_for_name", _ACCENTED, "cléo"),
    ),
    more=lambda draw: _judging("bits_for_name", _drawn_model(draw), draw.names(1)[0]),
    slips={
        "that is in nats; a bit is log 2 nats": edit(" / math.log(2)", ""),
        "the nats were multiplied by what they should be divided by": edit("/ math.log(2)", "* math.log(2)"),
        "that is the average over the characters; the whole name is sent, so add them up": edit(
            "sum()", "mean()"
        ),
        "that is nll, the average over the characters in nats; the sum is asked for, in bits": edit(
            "sum().item() / math.log(2)", "mean().item()"
        ),
        "the end token was left out; without it nobody knows that the name is over": edit(
            ".sum()", "[:-1].sum()"
        ),
        "the first character was left out; it has to be sent too": edit(".sum()", "[1:].sum()"),
        "that is rounded up to whole bits; leave the fraction, which an ideal code does not waste": (
            edit("surprisals(", "math.ceil(surprisals("),
            edit("math.log(2)", "math.log(2))"),
        ),
        "the average was multiplied by the number of letters; it is an average over one character more, "
        "the end token": (edit("sum()", "mean()"), edit("/ math.log(2)", "/ math.log(2) * len(name)")),
        "each letter was taken for a name of its own; the list has one name": edit("[name]", "list(name)"),
    },
)


def _by_name_case(*names: str) -> Input:
    shown, model = _BIGRAM
    text = f"standard_error(*by_name(model, {list(names)})) where model = {shown}"
    return Input(by_name(model, names), text)


_ERROR = Exercise(
    label="evaluation-ex-error",
    reference=standard_error,
    task=r"""
    The loss is a ratio, $r = \sum_i t_i / \sum_i \ell_i$, of the surprisals in nats and the lengths of $n$
    names, ends included. Let $\rho$ be the true loss. Then
    $r - \rho = \sum_i (t_i - \rho \ell_i) / \sum_i \ell_i$, as multiplying out shows, and the terms above the
    line are independent with mean zero. The standard deviation of such a sum is that of one term times
    $\sqrt{n}$. Write `standard_error(totals, lengths)` from this, without drawing, putting the measured $r$
    in the place of $\rho$ and dividing by $n - 1$ in the variance of a term. `totals`, float64, and
    `lengths`, int64, have shape $(n,)$ with $n$ at least 2; the result is a float. Compare it with the
    bootstrap.
    """,
    hints=(
        "Not only the totals vary with the names, their lengths do too. The rest of a name is by how much it "
        "costs more than r for each of its characters.",
        "The rests sum to 0, so their variance is the sum of their squares over n - 1. What is the standard "
        "error of the mean of n numbers?",
        "A mean length is a sum of lengths over n. Bring the factors n together: one remains, beside n - 1 "
        "under the root.",
    ),
    inputs=(
        call(torch.tensor([9.0, 14.5], dtype=torch.float64), torch.tensor([3, 7])),
        call(torch.tensor([8.5, 21.0, 12.0], dtype=torch.float64), torch.tensor([4, 8, 5])),
        _by_name_case("jo", "hanna", "noa", "johanna", "max", "ann"),
    ),
    more=lambda draw: call(torch.tensor(draw.table(4, low=0.3)).double(), torch.tensor(draw.whole(4, low=2))),
    slips={
        "that is the standard error of the mean of the names' own averages; the loss is a ratio of two "
        "sums, in which long names weigh more": lambda totals, lengths: (
            (totals / lengths).std().item() / math.sqrt(len(totals))
        ),
        "r was taken for the mean of the names' own averages; it is the sum of the totals divided by that "
        "of the lengths": (
            edit("loss = totals.sum() / lengths.sum()", "loss = (totals / lengths).mean()"),
            edit("rests**2", "(rests - rests.mean()) ** 2"),
        ),
        "the lengths were ignored above the line: that is how the totals vary around their mean": edit(
            "loss * lengths", "totals.mean()"
        ),
        "the square root was not taken": edit("squares.sqrt()", "squares"),
        "that is the square of the standard error, its variance": edit(
            "squares.sqrt() / lengths.sum()", "squares / lengths.sum() ** 2"
        ),
        "that is in nats per name: the standard error of the mean rest, not yet divided by "
        "the mean length": edit("sqrt() / lengths.sum()", "sqrt() / n"),
        "that is n times too much: the root of the sum was divided by the mean length, not by the sum of "
        "lengths": edit("sqrt() / lengths.sum()", "sqrt() / lengths.double().mean()"),
        "that is n times too little: the error of the mean rest was divided by the sum of lengths, not by "
        "their mean": edit("sqrt() / lengths.sum()", "sqrt() / lengths.sum() / n"),
        "that is how much a single name varies; the mean of n names varies less, by the root of n": edit(
            "n / (n - 1)", "n * n / (n - 1)"
        ),
        "that is too little by the root of n: the standard deviation of the rests was divided by the sum "
        "of lengths": edit("n / (n - 1)", "1 / (n - 1)"),
        "the variance was taken with the divisor n; it is n - 1, since r was found from the same names": edit(
            "n / (n - 1) * ", ""
        ),
        "the rests were added before they were squared, and they sum to 0": edit(
            "(rests**2).sum()", "rests.sum() ** 2"
        ),
    },
)


def _just_enough(args: Sequence[Any], parts: Parts) -> str:
    needed: Any = parts[RESULT]
    error, n, difference = args
    if needed % 1 != 0:
        return "it is not a whole number"
    if needed < 1:
        return "it is below 1; the names at hand count too"
    if (two := 2 * error * math.sqrt(n / needed)) > difference * (1 + 1e-9):
        return f"two standard errors are then {two:.6g}, more than {difference}"
    if needed > 1 and 2 * error * math.sqrt(n / (needed - 1)) <= difference:
        return f"with one name fewer, two standard errors are not more than {difference} either"
    return ""


_NEEDED = Exercise(
    label="evaluation-ex-needed",
    reference=names_needed,
    task="""
    A list of $n$ names gives a standard error, `error`, which falls as one over the square root of their
    number. Write `names_needed(error, n, difference)`: the smallest number of names, a whole number, at which
    two standard errors are not more than `difference`; both are in nats per character. All names count, the
    $n$ at hand among them; fewer may be enough. How many for a difference of one thousandth, from what we
    measured on the dev set, with pairing and without?
    """,
    hints=(
        "How many times as many names does it take to halve a standard error?",
        "If two standard errors are c times the difference now, they have to become c times smaller.",
        "The number grows as the square of that c, and is seldom whole: the next whole number is the first "
        "that is enough.",
    ),
    inputs=(call(0.1, 10, 0.07), call(0.02, 50, 0.13), call(0.011, 30, 0.01), call(0.5, 16, 0.125)),
    more=lambda draw: call(draw.positive(0.5, 3), draw.size(10, 60), draw.positive(0.3, 3)),
    slips={
        "not squared: the error falls as the root of the number, so to halve it takes four "
        "times as many": edit(" ** 2", ""),
        "that is where one standard error is not more than the difference; two are asked for": edit(
            "2 * error", "error"
        ),
        "the 2 was not squared: two standard errors are squared together": edit(
            "n * (2 * error", "2 * n * (error"
        ),
        "that is how many times as many names; it was not multiplied by n": edit("n * (2", "(2"),
        "upside down: a smaller difference takes more names, not fewer": edit("** 2", "** -2"),
        "rounded down, and that is one name too few": edit("ceil", "floor"),
        "rounded to the nearest whole number, which may be one name too few": edit("math.ceil", "round"),
        "one name is added even where the number is whole already": edit("math.ceil(", "math.floor(1 + "),
        "those are only the names to be added; the n at hand count too": edit("** 2)", "** 2) - n"),
    },
    properties=(_just_enough,),
)


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _train_taken_out(names: list[str]) -> tuple[list[str], ...]:
    train, dev, test = split_names(names)
    known = {*train}
    rest = [[name for name in part if name not in known] for part in (dev, test)]
    return train, *rest


def _from_one_part_to_the_next(names: list[str]) -> tuple[list[str], ...]:
    train, dev, test = (_distinct(part) for part in split_names(names))
    dev = [name for name in dev if name not in train]
    return train, dev, [name for name in test if name not in {*train, *dev}]


def _each_in_place(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    there = {name for part in yours for name in part}
    if lost := [name for name in args[0] if name not in there]:
        return f"{lost[0]!r} stands in no part"
    if list(map(list, yours)) != list(map(list, distinct_split(args[0]))):
        return "each name stands once, but not where split_names puts it if the list keeps its order"
    return ""


def _words_case(words: str) -> Input:
    return Input((words.split(),), f"distinct_split({words!r}.split())")


_LEAK = Exercise(
    label="evaluation-ex-leak",
    reference=distinct_split,
    task="""
    A name that stands twice in a list may fall into train and into test. Write `distinct_split(names)`, which
    splits such that no name stands in two parts, nor twice in one: keep the first occurrence of each name in
    the order of the list, which has at least 6 different ones, and return train, dev and test, the three
    lists that `split_names` from `nnz.data` makes of what remains. Does the 6-gram get better or worse? Is it
    fair to compare?
    """,
    hints=(
        "Once the list is split, it is too late: take the repetitions out first.",
        "A set has no order that can be relied on, and the split depends on the order of the list.",
        "The keys of a dict are distinct, and stay in the order in which they first came.",
    ),
    inputs=(
        _words_case("ava eva mia ava noa ida lea"),
        _words_case("noa ida noa lea ada ida eli ava eva zoe mia ian"),
    ),
    more=lambda draw: _words_case(" ".join(draw.names(16, "ai"))),
    slips={
        "nothing was removed": split_names,
        "the list was split first, and the repetitions removed within each part: a name can still stand "
        "in two parts": lambda names: tuple(_distinct(part) for part in split_names(names)),
        "the list was split first, and what train has was taken out of dev and test: they are no longer a "
        "tenth each, and names still stand twice": _train_taken_out,
        "the list was split first, and each part cleared of what it or an earlier one has: no name stands "
        "twice, but the parts are no longer 80, 10 and 10 %": _from_one_part_to_the_next,
        "names that occur more than once were dropped altogether; their first occurrence stays": edit(
            "list(dict.fromkeys(names))", "[name for name in names if names.count(name) == 1]"
        ),
        "the distinct names were sorted, and another order gives another split": edit(
            "list(dict.fromkeys(names))", "sorted({*names})"
        ),
        "the last occurrence of each name was kept; the first one stays": edit(
            "list(dict.fromkeys(names))", "list(dict.fromkeys(names[::-1]))[::-1]"
        ),
        "those are the right names, but the parts are in another order: train, dev, test": lambda names: (
            distinct_split(names)[::2] + distinct_split(names)[1:2]
        ),
    },
    properties=(_each_in_place,),
)

EXERCISES = [_FIRST, _BITS, _ERROR, _NEEDED, _LEAK]
