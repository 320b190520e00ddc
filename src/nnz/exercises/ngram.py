"""The exercises of the chapter on longer contexts and their smoothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor

from nnz.bigram import BigramCounts
from nnz.evaluate import nll
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, tensors
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.ngram import NGramCounts


def trigram_loss(names: Sequence[str]) -> float:
    """Return the loss of trigrams on their own names, in nats per character."""
    texts = [f"..{name}." for name in names]
    grams = Counter(t[i : i + 3] for t in texts for i in range(len(t) - 2))
    contexts = Counter(gram[:2] for gram in grams.elements())
    surprisals = [n * math.log(contexts[gram[:2]] / n) for gram, n in grams.items()]
    return sum(surprisals) / grams.total()


def best_k(
    train: Sequence[str],
    dev: Sequence[str],
    order: int,
    ks: Sequence[float],
) -> float:
    """Return the k with which n-grams of `train` have the least loss on `dev`."""
    return min(ks, key=lambda k: nll(NGramCounts(order, k).fit(train), dev))


def discounted_row(
    counts: Sequence[int],
    lower: Sequence[float],
    discount: float,
) -> list[float]:
    """Return the probabilities after a context, by absolute discounting."""
    total, kinds = sum(counts), sum(count > 0 for count in counts)
    if total == 0:
        return list(lower)
    return [
        (max(count - discount, 0) + discount * kinds * share) / total
        for count, share in zip(counts, lower, strict=True)
    ]


def continuations(names: Sequence[str]) -> dict[str, int]:
    """Return, for each character, how many different ones stand before it."""
    pairs = {pair for name in names for pair in pairwise(f".{name}.")}
    return dict(Counter(char for _, char in pairs))


def estimated_discount(counts: Tensor) -> float:
    """Return n1 / (n1 + 2 n2) for n1 counts of 1 and n2 counts of 2."""
    once, twice = (int((counts == times).sum()) for times in (1, 2))
    return once / (once + 2 * twice)


def mixed_log_probs(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Return the log-probabilities of a mixture with `weight` as the share of a."""
    return torch.logaddexp(a + math.log(weight), b + math.log(1 - weight))


_TRIGRAM = Exercise(
    label="ngram-ex-trigram",
    reference=trigram_loss,
    task="""
    The lecture's first exercise, in plain Python: write `trigram_loss(names)`, the average negative
    log-likelihood of a trigram model on the names that it counted, in nats per character, with a `Counter`
    and no tensor. Score every character: each name has two start tokens `.` before it and one `.` after it,
    so that its first letter is predicted from `..`, and its end is predicted too and counts as a character.
    """,
    hints=(
        "Write the tokens around each name, and every stretch of three characters is a trigram. A name of four "
        "letters has five of them.",
        "The probability of a trigram's last character is the count of the trigram as a share of all the "
        "trigrams that begin with the same two. A second Counter can hold those sums.",
        "A trigram that occurs n times is predicted n times, so its surprisal enters n times. At the end divide "
        "by the number of predictions.",
    ),
    inputs=(call(["ab", "ac"]), call(["an", "ana", "nan"]), call(["emma", "ava", "eva", "mia", "ave"])),
    more=lambda draw: call(draw.names(5, "aemv")),
    slips={
        "the first letters are not predicted: each name needs two start tokens before it": edit(
            'f"..{name}."', 'f".{name}."'
        ),
        "the ends of the names are not predicted; each is a character like the others": edit(
            'f"..{name}."', 'f"..{name}"'
        ),
        "those are pairs; each character is predicted from the two before it": (
            edit("t[i :", "t[i + 1 :"),
            edit("gram[:2] for", "gram[:1] for"),
            edit("gram[:2]]", "gram[:1]]"),
        ),
        "that is the sum over all characters; the average is asked for": edit(" / grams.total()", ""),
        "the sum is divided by the number of names, not by that of the characters": edit(
            "grams.total()", "len(names)"
        ),
        "the sum is divided by the number of letters, to which the ends have to be added": edit(
            "grams.total()", 'len("".join(names))'
        ),
        "that is the average log-likelihood, which is negative; the loss has the opposite sign": edit(
            "return sum", "return -sum"
        ),
        "that is in bits; nats come from the natural logarithm": edit("math.log", "math.log2"),
        "the counts are shares of all trigrams, where they should be shares of those with the "
        "same context": edit("contexts[gram[:2]]", "grams.total()"),
        "the names are joined, so that some trigrams reach from one into the next; take each by itself": edit(
            '[f"..{name}." for name in names]', '["..".join(["", *names, ""])]'
        ),
        "each different trigram enters the average once, however often it occurs": (
            edit("n * math.log", "math.log"),
            edit("grams.total()", "len(grams)"),
        ),
    },
)


def _is_one_of_them(args: Sequence[Any], parts: Parts) -> str:
    k: Any = parts[RESULT]
    if any(math.isclose(k, known, rel_tol=1e-6) for known in args[3]):
        return ""
    return f"it is not one of the ks, which are {args[3]}"


_SMOOTHING = Exercise(
    label="ngram-ex-smoothing",
    reference=best_k,
    task="""
    Write `best_k(train, dev, order, ks)`, which fits an `NGramCounts` of that order to the names in `train`
    for each $k$ of `ks`, and returns the $k$ that the dev set prefers, with the smallest `nll` on `dev`; of
    several with the same loss, the first. Then find the best $k$ for a 6-gram. Why must the test set not be
    used for this?
    """,
    hints=(
        "One model for each k: order and k are given when it is made, and it is fitted to train and to nothing "
        "else.",
        "Choose by the losses; what is returned is the k that belongs to the smallest.",
        "The built-in function min takes a key, a function that says by what its entries are compared; of "
        "equal ones it keeps the first.",
    ),
    inputs=(
        call(["ava", "eva", "ada"], ["ade"], 2, [0.01, 0.1, 10]),
        call(["anna", "nan", "hanna"], ["anan"], 3, [1, 0.1, 0.03, 0.01, 0.003]),
        call([ascii_lowercase], ["emma"], 1, [1, 0.5]),
        call(["emma", "ava", "mia", "emmy"], ["mya", "eva"], 4, [2, 0, 0.5, 0.1, 0.01]),
    ),
    more=lambda draw: call(
        draw.names(4, "anh"), draw.names(3, "anh"), draw.size(1, 4), draw.table(4, low=0.1)
    ),
    slips={
        "that is the smallest k, which judging a model by the names that it was fitted to will always "
        "choose; fit to train and judge by dev": edit("(train), dev", "(train), train"),
        "the models are fitted to dev and judged by train; it should be the other way around": edit(
            "(train), dev", "(dev), train"
        ),
        "that is the k with the largest loss": edit("min(", "max("),
        "that is the smallest loss, not the k that it belongs to": (
            edit("ks, key=lambda k: nll", "nll"),
            edit("dev)", "dev) for k in ks"),
        ),
        "that is the place of the k in ks, not the k itself": (
            edit("min(", "ks.index(min("),
            edit("dev))", "dev)))"),
        ),
        "the models are bigrams, whatever order is given": edit("order, k)", "2, k)"),
        "the n-grams have one character more than order says, which counts the one that is predicted": edit(
            "order, k)", "order + 1, k)"
        ),
        "of several with the same loss, that is not the first": edit("min(ks", "min(ks[::-1]"),
    },
    properties=(_is_one_of_them,),
)


def _sums_to_one(args: Sequence[Any], parts: Parts) -> str:
    row: Any = parts[RESULT]
    total = sum(row)
    return "" if abs(total - 1) < 1e-9 else f"it sums to {total:.6g}, not to 1"


_DISCOUNT = Exercise(
    label="ngram-ex-discount",
    reference=discounted_row,
    task="""
    Write `discounted_row(counts, lower, discount)`, which is absolute discounting {eq}`eq-absolute` for one
    context, in plain lists. `counts` holds $V$ whole numbers, how often each character followed the context;
    their sum is `total`, and `kinds` of them are above 0. `lower` holds $V$ probabilities with sum 1, what
    the next shorter context says. $D$, the discount, is above 0 and at most 1. Return a new list of $V$
    probabilities. Each has two parts: the larger of 0 and the character's count less $D$, divided by
    `total`; and $D$ times `kinds` over `total`, times the character's probability in `lower`. What should it
    return for a context that was never seen, where all counts are 0? Nothing but `lower` is known about it.
    """,
    hints=(
        "Every count above 0 gives up D; together they give up a certain share of the total. Who gets it?",
        "Find total and kinds first, and look at total before you divide by it.",
        "Every character gets a part of what was given up, in proportion to lower, also those that gave. So the "
        "row sums to 1 again.",
    ),
    inputs=(
        call([2, 0, 0], [0.6, 0.3, 0.1], 0.5),
        call([3, 1, 0], [0.5, 0.375, 0.125], 0.5),
        call([0, 0, 0], [0.5, 0.3, 0.2], 0.5),
    ),
    more=lambda draw: call(draw.whole(n := draw.size(), high=4), draw.chances(n), draw.positive(0.9)),
    slips={
        "what was taken from the counts is not handed on": edit(" + discount * kinds * share", ""),
        "what was taken is handed on in equal parts, where lower should say which character "
        "gets how much": edit("kinds * share", "kinds / len(lower)"),
        "only one D is handed on, and each character with a count above 0 gave one up": edit(
            "kinds * share", "share"
        ),
        "the counts of 0 are among the kinds, and those gave nothing up": edit(
            "sum(count > 0 for count in counts)", "len(counts)"
        ),
        "only the characters with count 0 get their part of what was taken, and the rest of it is lost": edit(
            "kinds * share", "kinds * share * (count == 0)"
        ),
        "all that was taken goes to the characters with count 0, which is backing off; here every character "
        "gets its part": (
            edit("kinds * share", "kinds * share * (count == 0) / spare"),
            edit(
                "    return [\n",
                "    spare = sum(share for n, share in zip(counts, lower) if n == 0) or 1\n    return [\n",
            ),
        ),
        "what is left of the counts is divided by its own sum; divide by the sum of the "
        "counts as they were": (
            edit("(max(count - discount, 0) + ", "max(count - discount, 0) / left + ("),
            edit(
                "    return [\n",
                "    left = sum(max(count - discount, 0) for count in counts) or 1\n    return [\n",
            ),
        ),
        "a count of 0 cannot give anything, and yet it is lowered below 0": edit(
            "max(count - discount, 0)", "count - discount"
        ),
        "a context that never occurred has total 0; nothing but lower is known about it": edit(
            "    if total == 0:\n        return list(lower)\n", ""
        ),
        "a context that never occurred gets zeros, which are no probabilities; lower is what is known": edit(
            "list(lower)", "[0.0] * len(lower)"
        ),
    },
    properties=(_sums_to_one,),
)


def _entry_by_entry(answer: Answer, args: Sequence[Any]) -> Parts:
    """Compare the characters, and the number of each; a Counter is as good as a dict."""
    asked = sorted(continuations(args[0]))
    result = answer(*args)
    if not isinstance(result, dict):
        return {RESULT: result}
    numbers = {f"the entry for {char!r}": result.get(char, 0) for char in asked}
    found = str(sorted(result, key=str))
    return {RESULT: dict(result), "the characters with an entry": found, **numbers}


_CONTINUATION = Exercise(
    label="ngram-ex-continuation",
    reference=continuations,
    task="""
    Write `continuations(names)`: a dict that says for each character after how many different characters it
    comes, directly and anywhere in the names. Each name has one `.` before it and one after it, which is a
    character too: with `["ann", "nan"]` the entry for `n` is 3, since `a`, `n` and the `.` of the start come
    directly before it. Which letter's share falls most when these counts replace those of occurrences?
    """,
    hints=(
        "Which pairs of neighbors are there? How often each of them occurs does not matter here.",
        "A set keeps every pair once, even if it occurs in several names.",
        "In the set of all different pairs, count how many have a certain character in second place.",
    ),
    inputs=(
        call(["a"]),
        call(["ann", "nan"]),
        call(["nana", "anna", "han"]),
        call(["emma", "ava", "eva", "mia", "ave"]),
    ),
    more=lambda draw: call(draw.names(4, "anhi")),
    slips={
        "that is how often each character occurs; a neighbor that returns counts only once": (
            edit("{pair", "[pair"),
            edit('.")}', '.")]'),
        ),
        "those are the neighbors after each character; count the ones before it": edit("_, char", "char, _"),
        "the ends are left out: the '.' before the first letter and the one after the last "
        "are neighbors too": edit('f".{name}."', "name"),
        "the '.' before each name is left out; a first letter follows it": edit('f".{name}."', 'f"{name}."'),
        "the '.' after each name is left out; it follows the last letter and has an entry of its own": edit(
            'f".{name}."', 'f".{name}"'
        ),
        "a neighbor counts once for each name in which it is one; count it once in all the names": (
            edit("{pair for", "[pair for"),
            edit('pairwise(f".{name}.")}', 'set(pairwise(f".{name}."))]'),
        ),
        "the names run into one another, so that the '.' after a name stands before that of the next; take "
        "each name by itself": edit(
            '{pair for name in names for pair in pairwise(f".{name}.")}',
            'set(pairwise("".join(f".{name}." for name in names)))',
        ),
        "a letter that stands before itself, as in 'nn', is one of its own neighbors": edit(
            "_, char in pairs", "other, char in pairs if other != char"
        ),
    },
    drive=_entry_by_entry,
)


_ESTIMATE = Exercise(
    label="ngram-ex-estimate",
    reference=estimated_discount,
    task="""
    Ney, Essen and Kneser estimate the discount from the counts alone: with $n_1$ n-grams that occur once and
    $n_2$ that occur twice, $D = n_1/(n_1 + 2 n_2)$. Write `estimated_discount(counts)` for an int64 tensor of
    any shape, in which at least one of the two occurs; it returns a float. Compare with what the dev set
    chose.
    """,
    hints=(
        "n1 and n2 count entries, wherever they stand; the shape does not matter.",
        "Comparing a tensor with a number gives a tensor of the same shape that is true where they are equal, "
        "and the sum of that is how many there are.",
    ),
    inputs=(
        call(torch.tensor([0, 1, 2, 1, 1])),
        call(torch.tensor([[3, 1, 0], [2, 2, 1]])),
        call(torch.tensor([[4, 1], [1, 0]])),
    ),
    more=lambda draw: tensors(draw.whole(*draw.sizes(2), high=3)),
    slips={
        "n2 is not doubled": edit("2 * twice", "twice"),
        "2 n2 stands above the line, where n1 belongs": edit("once / (", "2 * twice / ("),
        "those are the numbers of 0s and of 1s; n1 is how many entries are 1, and n2 how many are 2": edit(
            "(1, 2)", "(0, 1)"
        ),
        "n1 and n2 have larger counts in them; n1 is for entries of exactly 1, and n2 for exactly 2": edit(
            "counts == times", "counts >= times"
        ),
        "n2 has larger counts in it; it is for entries of exactly 2": edit(
            "(counts == times)", "(counts.clamp(max=2) == times)"
        ),
        "the entries equal to 2 are added up, where they should be counted": edit(
            "2 * twice", "2 * (2 * twice)"
        ),
    },
)


def _rows_sum_to_one(args: Sequence[Any], parts: Parts) -> str:
    result: Any = parts[RESULT]
    for row, total in enumerate(result.double().exp().sum(dim=1).tolist()):
        if abs(total - 1) > 1e-5:
            return f"the exponentials of row {row} sum to {total:.6g}, not to 1"
    return ""


def _impossible_in_both(args: Sequence[Any], parts: Parts) -> str:
    result: Any = parts[RESULT]
    both = (args[0] == -math.inf) & (args[1] == -math.inf)
    wrong = (both & (result != -math.inf)).nonzero().tolist()
    if not wrong:
        return ""
    return f"at index {tuple(wrong[0])} both models have -inf, and the mixture has not"


def _mixture(a: Tensor, b: Tensor, weight: float) -> Tensor:
    return weight * a.exp() + (1 - weight) * b.exp()


def _largest_taken_out(a: Tensor, b: Tensor, weight: float) -> Tensor:
    largest = torch.maximum(a, b)
    return largest + _mixture(a - largest, b - largest, weight).log()


def _mix_case(a: list[list[float]], b: list[list[float]], weight: float) -> Input:
    text = f"mixed_log_probs(tensor({a}).log(), tensor({b}).log(), {weight})"
    return Input((torch.tensor(a).log(), torch.tensor(b).log(), weight), text)


def _bigram_case(first: str, second: str, weight: float) -> Input:
    a, b = (f"BigramCounts().fit([{name!r}]).probs().log()" for name in (first, second))
    probs = [BigramCounts().fit([name]).probs().log() for name in (first, second)]
    return Input((*probs, weight), f"mixed_log_probs({a}, {b}, {weight})")


_MIX = Exercise(
    label="ngram-ex-mix",
    reference=mixed_log_probs,
    task=r"""
    The lecture's last exercise is to think of one yourself. Ours: two models that err differently may be
    better together. Write `mixed_log_probs(a, b, weight)`. `a` and `b` are what two models answered to the
    same $B$ contexts, natural logarithms of probabilities, each float of shape $(B, V)$; `weight`, above 0
    and below 1, is the share of the first. Return the logarithms of the mixed probabilities,
    $\text{weight}\, P_a + (1 - \text{weight})\, P_b$, of shape $(B, V)$. Entries may be `-inf`, for a
    probability of zero, in one of the two or in both. Is averaging the logarithms the same?
    """,
    hints=(
        "It is the probabilities that are mixed, not their logarithms. One model may have -inf where the other "
        "has not; is such a character impossible for both together?",
        "Go back to probabilities, take the weighted sum, and return to logarithms; the exponential of -inf is 0, "
        "and the logarithm of 0 is -inf, as it should be.",
        "A factor on a probability is a term added to its logarithm, and torch has one function for the "
        "logarithm of a sum of two exponentials.",
    ),
    inputs=(
        _mix_case([[0.5, 0.5]], [[0.9, 0.1]], 0.25),
        _mix_case([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]], [[1.0, 0.0, 0.0], [0.6, 0.4, 0.0]], 0.75),
        _bigram_case("ava", "eva", 0.6),
    ),
    more=lambda draw: _mix_case([draw.chances(4), draw.chances(4)], [draw.chances(4), draw.chances(4)], 0.3),
    slips={
        "the logarithms are averaged, where the probabilities should be": lambda a, b, weight: (
            weight * a + (1 - weight) * b
        ),
        "the logarithms are averaged and the rows then made to sum to 1, which is another mixture: what one "
        "model thinks impossible stays so": lambda a, b, weight: (weight * a + (1 - weight) * b).log_softmax(
            dim=1
        ),
        "those are the probabilities; return their logarithms": lambda a, b, weight: (
            weight * a.exp() + (1 - weight) * b.exp()
        ),
        "the weight is given to the second model; it is the share of the first": edit(
            "a + math.log(weight), b", "b + math.log(weight), a"
        ),
        "the probabilities are added without their weights": edit(
            "a + math.log(weight), b + math.log(1 - weight)", "a, b"
        ),
        "both models count the same, whatever the weight": (
            edit("math.log(weight)", "math.log(0.5)"),
            edit("math.log(1 - weight)", "math.log(0.5)"),
        ),
        "the logarithms are multiplied by the weights, which belong to the probabilities": edit(
            "a + math.log(weight), b + math.log(1 - weight)", "weight * a, (1 - weight) * b"
        ),
        "where both entries are -inf, the larger of them was subtracted: -inf less -inf is "
        "nan": _largest_taken_out,
    },
    properties=(_rows_sum_to_one, _impossible_in_both),
    tolerance=1e-5,
)

EXERCISES = [_TRIGRAM, _SMOOTHING, _DISCOUNT, _CONTINUATION, _ESTIMATE, _MIX]
