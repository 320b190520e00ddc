"""The exercises of the chapter on longer contexts and their smoothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor

from nnz.bigram import BigramCounts
from nnz.evaluate import nll
from nnz.exercises.checker.exercise import Exercise, Slip
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.ngram import NGramCounts


def trigram_loss(names: Sequence[str]) -> float:
    """Return the loss of trigrams on their own names, in nats per character."""
    texts = [f"..{name}." for name in names]
    grams = Counter(t[i : i + 3] for t in texts for i in range(len(t) - 2))
    contexts = Counter(gram[:2] for gram in grams.elements())
    surprises = [n * math.log(contexts[gram[:2]] / n) for gram, n in grams.items()]
    return sum(surprises) / grams.total()


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
    """Return n1 / (n1 + 2 n2) for counts of which n1 are 1 and n2 are 2."""
    once, twice = (int((counts == times).sum()) for times in (1, 2))
    return once / (once + 2 * twice)


def mixed_log_probs(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Return the log-probabilities of a mixture with `weight` as the share of a."""
    return torch.logaddexp(a + math.log(weight), b + math.log(1 - weight))


def _grams(names: Sequence[str], before: str, after: str, n: int) -> Counter[str]:
    texts = [before + name + after for name in names]
    return Counter(t[i : i + n] for t in texts for i in range(len(t) - n + 1))


def _surprise(grams: Counter[str]) -> float:
    contexts = Counter(gram[:-1] for gram in grams.elements())
    return sum(n * math.log(contexts[g[:-1]] / n) for g, n in grams.items())


def _loss_with(before: str, after: str, n: int) -> Callable[[list[str]], float]:
    def loss(names: list[str]) -> float:
        grams = _grams(names, before, after, n)
        return _surprise(grams) / grams.total()

    return loss


def _sum_with_ends(names: list[str]) -> float:
    return _surprise(_grams(names, "..", ".", 3))


def _joint_loss(names: list[str]) -> float:
    grams = _grams(names, "..", ".", 3)
    total = grams.total()
    return sum(n * math.log(total / n) for n in grams.values()) / total


def _joined_loss(names: list[str]) -> float:
    grams = _grams(["..".join(["", *names, ""])], "", "", 3)
    return _surprise(grams) / grams.total()


def _mean_of_kinds(names: list[str]) -> float:
    grams = _grams(names, "..", ".", 3)
    contexts = Counter(gram[:-1] for gram in grams.elements())
    logs = [math.log(contexts[gram[:-1]] / n) for gram, n in grams.items()]
    return sum(logs) / len(logs)


_TRIGRAM = Exercise(
    label="ngram-ex-trigram",
    reference=trigram_loss,
    task="Write trigram_loss(names) in plain Python, with a Counter. Each name has two start tokens '.' before "
    "it and one '.' after it, so that its first letter is predicted from '..', and its end is predicted too. "
    "Count the trigrams of the names, and return the average negative log-likelihood of the same names "
    "under the relative frequencies: a number, in nats per character, the ends counting as characters.",
    hints=(
        "Write the tokens around each name, and every stretch of three characters is a trigram. A name of four "
        "letters has five of them.",
        "The probability of a trigram's last character is the count of the trigram as a share of all the "
        "trigrams that begin with the same two. A second Counter can hold those sums.",
        "A trigram that occurs n times is predicted n times, so its surprise enters n times. At the end divide "
        "by the number of predictions.",
    ),
    inputs=(call(["ab", "ac"]), call(["an", "ana", "nan"]), call(["emma", "ava", "eva", "mia", "ave"])),
    slips=(
        Slip(
            "the first letters are not predicted: each name needs two start tokens before it",
            _loss_with(".", ".", 3),
        ),
        Slip(
            "the ends of the names are not predicted; each is a character like the others",
            _loss_with("..", "", 3),
        ),
        Slip("those are pairs; each character is predicted from the two before it", _loss_with(".", ".", 2)),
        Slip("that is the sum over all characters; the average is asked for", _sum_with_ends),
        Slip(
            "the sum is divided by the number of names, not by that of the characters",
            lambda names: _sum_with_ends(names) / len(names),
        ),
        Slip(
            "the sum is divided by the number of letters, to which the ends have to be added",
            lambda names: _sum_with_ends(names) / len("".join(names)),
        ),
        Slip(
            "that is the average log-likelihood, which is negative; the loss has the opposite sign",
            lambda names: -trigram_loss(names),
        ),
        Slip(
            "that is in bits; nats come from the natural logarithm",
            lambda names: trigram_loss(names) / math.log(2),
        ),
        Slip(
            "the counts are shares of all trigrams, where they should be shares of those with the same context",
            _joint_loss,
        ),
        Slip(
            "the names are joined, so that some trigrams reach from one into the next; take each by itself",
            _joined_loss,
        ),
        Slip("each different trigram enters the average once, however often it occurs", _mean_of_kinds),
    ),
)


def _is_one_of_them(args: Sequence[Any], parts: Parts) -> str:
    k: Any = parts[RESULT]
    if any(math.isclose(k, known, rel_tol=1e-6) for known in args[3]):
        return ""
    return f"it is not one of the ks, which are {args[3]}"


def _losses(train: list[str], dev: list[str], order: int, ks: list[float]) -> list[float]:
    return [nll(NGramCounts(order, k).fit(train), dev) for k in ks]


def _largest(train: list[str], dev: list[str], order: int, ks: list[float]) -> float:
    losses = _losses(train, dev, order, ks)
    return ks[losses.index(max(losses))]


def _index(train: list[str], dev: list[str], order: int, ks: list[float]) -> int:
    losses = _losses(train, dev, order, ks)
    return losses.index(min(losses))


_SMOOTHING = Exercise(
    label="ngram-ex-smoothing",
    reference=best_k,
    task="Write best_k(train, dev, order, ks), which fits an NGramCounts of that order to the names in train "
    "for each k of ks, and returns the k with which nll, in nats per character, is smallest on the names in "
    "dev; if several have the same loss, the first of them in ks.",
    hints=(
        "One model for each k: order and k are given when it is made, and it is fitted to train and to nothing "
        "else.",
        "The losses serve to choose by; what is returned is the k that belongs to the smallest.",
        "The built-in function min takes a key, a function that says by what its entries are compared; of "
        "equal ones it keeps the first.",
    ),
    inputs=(
        call(["ava", "eva", "ada"], ["ade"], 2, [0.01, 0.1, 10]),
        call(["anna", "nan", "hanna"], ["anan"], 3, [1, 0.1, 0.03, 0.01, 0.003]),
        call([ascii_lowercase], ["emma"], 1, [1, 0.5]),
        call(["emma", "ava", "mia", "emmy"], ["mya", "eva"], 4, [2, 0, 0.5, 0.1, 0.01]),
    ),
    slips=(
        Slip(
            "that is the smallest k, which judging a model by the names that it was fitted to will always "
            "choose; fit to train and judge by dev",
            lambda train, dev, order, ks: best_k(train, train, order, ks),
        ),
        Slip(
            "the models are fitted to dev and judged by train; it should be the other way round",
            lambda train, dev, order, ks: best_k(dev, train, order, ks),
        ),
        Slip("that is the k with the largest loss", _largest),
        Slip("that is the smallest loss, not the k that it belongs to", lambda *args: min(_losses(*args))),
        Slip("that is the place of the k in ks, not the k itself", _index),
        Slip(
            "the models are bigrams, whatever order is given",
            lambda train, dev, order, ks: best_k(train, dev, 2, ks),
        ),
        Slip(
            "the n-grams have one character more than order says, which counts the one that is predicted",
            lambda train, dev, order, ks: best_k(train, dev, order + 1, ks),
        ),
        Slip(
            "of several with the same loss, that is not the first",
            lambda train, dev, order, ks: best_k(train, dev, order, ks[::-1]),
        ),
    ),
    properties=(_is_one_of_them,),
)


def _sums_to_one(args: Sequence[Any], parts: Parts) -> str:
    row: Any = parts[RESULT]
    total = sum(row)
    return "" if abs(total - 1) < 1e-9 else f"it sums to {total:.6g}, not to 1"


_Row = Callable[[list[int], list[float], float], list[float]]


def _unless_empty(row: _Row) -> _Row:
    return lambda counts, lower, D: row(counts, lower, D) if any(counts) else list(lower)


def _kept(counts: list[int], discount: float) -> list[float]:
    return [max(count - discount, 0) / sum(counts) for count in counts]


def _freed(counts: list[int], discount: float) -> float:
    return discount * sum(count > 0 for count in counts) / sum(counts)


def _plus(row: list[float], freed: float, lower: list[float]) -> list[float]:
    return [p + freed * share for p, share in zip(row, lower, strict=True)]


def _zeros_alone(counts: list[int], lower: list[float]) -> list[float]:
    """Return the entries of lower where the count is 0, and 0 elsewhere."""
    return [0.0 if n else share for n, share in zip(counts, lower, strict=True)]


def _backed_off(counts: list[int], lower: list[float], discount: float) -> list[float]:
    zeros = _zeros_alone(counts, lower)
    shares = [share / (sum(zeros) or 1) for share in zeros]
    return _plus(_kept(counts, discount), _freed(counts, discount), shares)


def _left_rescaled(counts: list[int], lower: list[float], discount: float) -> list[float]:
    left = [max(count - discount, 0) for count in counts]
    shares = [count / (sum(left) or 1) for count in left]
    return _plus(shares, _freed(counts, discount), lower)


def _not_clamped(counts: list[int], lower: list[float], discount: float) -> list[float]:
    row = [(count - discount) / sum(counts) for count in counts]
    return _plus(row, _freed(counts, discount), lower)


def _divides_by_zero(counts: list[int], lower: list[float], discount: float) -> list[float]:
    return _plus(_kept(counts, discount), _freed(counts, discount), lower)


_DISCOUNT = Exercise(
    label="ngram-ex-discount",
    reference=discounted_row,
    task="Write discounted_row(counts, lower, discount) in plain Python. counts is a list of V whole numbers, "
    "how often each character followed a context; lower is a list of V probabilities with sum 1, what the next "
    "shorter context says; and D, the discount, is above 0 and at most 1. Return a new list of V "
    "probabilities, max(count - D, 0) / total + (D * kinds / total) * lower for each character, total being "
    "the sum of the counts and kinds how many of them are above 0. After a context that never occurred, "
    "where all counts are 0, return the numbers of lower.",
    hints=(
        "Every count above 0 gives up D; together they give up a certain share of the total. Who gets it?",
        "Find total and kinds first, and look at total before you divide by it.",
        "Everyone gets a part of what was given up, in proportion to lower, those who gave among them. So the "
        "row sums to 1 again.",
    ),
    inputs=(
        call([2, 0, 0], [0.6, 0.3, 0.1], 0.5),
        call([3, 1, 0], [0.5, 0.375, 0.125], 0.5),
        call([0, 0, 0], [0.5, 0.3, 0.2], 0.5),
        call([1, 1, 0, 1], [0.2, 0.3, 0.1, 0.4], 1.0),
        call([5, 1, 0, 2, 0], [0.1, 0.2, 0.4, 0.25, 0.05], 0.75),
    ),
    slips=(
        Slip(
            "what was taken from the counts is not handed on",
            _unless_empty(lambda counts, lower, D: _kept(counts, D)),
        ),
        Slip(
            "what was taken is handed on in equal parts, where lower should say who gets how much",
            _unless_empty(
                lambda counts, lower, D: _plus(
                    _kept(counts, D), _freed(counts, D), [1 / len(lower)] * len(lower)
                )
            ),
        ),
        Slip(
            "only one D is handed on, and each character with a count above 0 gave one up",
            _unless_empty(lambda counts, lower, D: _plus(_kept(counts, D), D / sum(counts), lower)),
        ),
        Slip(
            "the counts of 0 are among the kinds, and those gave nothing up",
            _unless_empty(
                lambda counts, lower, D: _plus(_kept(counts, D), D * len(counts) / sum(counts), lower)
            ),
        ),
        Slip(
            "only the characters with count 0 get their part of what was taken, and the rest of it is lost",
            _unless_empty(
                lambda counts, lower, D: _plus(
                    _kept(counts, D), _freed(counts, D), _zeros_alone(counts, lower)
                )
            ),
        ),
        Slip(
            "all that was taken goes to the characters with count 0, which is backing off; here every character "
            "gets its part",
            _unless_empty(_backed_off),
        ),
        Slip(
            "what is left of the counts is divided by its own sum; divide by the sum of the counts as they were",
            _unless_empty(_left_rescaled),
        ),
        Slip("a count of 0 cannot give anything, and yet it is lowered below 0", _unless_empty(_not_clamped)),
        Slip(
            "a context that never occurred has total 0; nothing but lower is known about it", _divides_by_zero
        ),
        Slip(
            "a context that never occurred gets zeros, which are no probabilities; lower is what is known",
            lambda counts, lower, D: discounted_row(counts, lower, D) if any(counts) else [0.0] * len(lower),
        ),
    ),
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


def _neighbours(
    before: str = ".", after: str = ".", counts: Callable[[str, str], bool] = lambda a, b: True
) -> Callable[[list[str]], dict[str, int]]:
    def neighbours(names: list[str]) -> dict[str, int]:
        pairs = {p for name in names for p in pairwise(before + name + after)}
        return dict(Counter(b for a, b in pairs if counts(a, b)))

    return neighbours


def _occurrences(names: list[str]) -> dict[str, int]:
    return dict(Counter("".join(f"{name}." for name in names)))


def _characters_after(names: list[str]) -> dict[str, int]:
    pairs = {pair for name in names for pair in pairwise(f".{name}.")}
    return dict(Counter(char for char, _ in pairs))


def _name_by_name(names: list[str]) -> dict[str, int]:
    every = [pair for name in names for pair in set(pairwise(f".{name}."))]
    return dict(Counter(char for _, char in every))


def _run_together(names: list[str]) -> dict[str, int]:
    text = "".join(f".{name}." for name in names)
    return dict(Counter(char for _, char in set(pairwise(text))))


_CONTINUATION = Exercise(
    label="ngram-ex-continuation",
    reference=continuations,
    task="Write continuations(names). Each name has one '.' before it and one after it. Return a dict with an "
    "entry for each character that follows another, the '.' at the end included: how many different "
    "characters stand directly before it, anywhere in the names. With ['ann', 'nan'] the entry for 'n' is 3: "
    "before it stand 'a', 'n' and the '.' of the start.",
    hints=(
        "Which pairs of neighbours are there? How often each of them occurs is of no matter here.",
        "A set keeps every pair once, even if it occurs in several names.",
        "In the set of all different pairs, count how many have a certain character in second place.",
    ),
    inputs=(
        call(["a"]),
        call(["ann", "nan"]),
        call(["nana", "anna", "han"]),
        call(["emma", "ava", "eva", "mia", "ave"]),
    ),
    slips=(
        Slip(
            "that is how often each character occurs; a neighbour that returns counts only once", _occurrences
        ),
        Slip("those are the neighbours after each character; count the ones before it", _characters_after),
        Slip(
            "the ends are left out: the '.' before the first letter and the one after the last are neighbours too",
            _neighbours("", ""),
        ),
        Slip("the '.' before each name is left out; a first letter follows it", _neighbours(before="")),
        Slip(
            "the '.' after each name is left out; it follows the last letter and has an entry of its own",
            _neighbours(after=""),
        ),
        Slip(
            "a neighbour counts once for each name in which it is one; count it once in all the names",
            _name_by_name,
        ),
        Slip(
            "the names run into one another, so that the '.' after a name stands before that of the next; take "
            "each name by itself",
            _run_together,
        ),
        Slip(
            "a letter that stands before itself, as in 'nn', is one of its own neighbours",
            _neighbours(counts=lambda a, b: a != b),
        ),
    ),
    drive=_entry_by_entry,
)


def _ratio_of(once: Tensor, twice: Tensor) -> float:
    n1, n2 = int(once.sum()), int(twice.sum())
    return n1 / (n1 + 2 * n2)


def _half_weighted(counts: Tensor) -> float:
    n1, n2 = int((counts == 1).sum()), int((counts == 2).sum())
    return n1 / (n1 + n2)


_ESTIMATE = Exercise(
    label="ngram-ex-estimate",
    reference=estimated_discount,
    task="Write estimated_discount(counts). counts is an int64 tensor of any shape, the counts of n-grams. With "
    "n1 of its entries equal to 1 and n2 equal to 2, return n1 / (n1 + 2 n2) as a float: the discount that Ney, "
    "Essen and Kneser (1994) suggest. At least one of n1 and n2 is above 0.",
    hints=(
        "n1 and n2 count entries, wherever they stand; the shape does not matter.",
        "Comparing a tensor with a number gives a tensor of the same shape that is true where they are equal, "
        "and the sum of that is how many there are.",
    ),
    inputs=(
        call(torch.tensor([0, 1, 2, 1, 1])),
        call(torch.tensor([[3, 1, 0], [2, 2, 1]])),
        call(torch.tensor([[4, 1], [1, 0]])),
        Input(
            (BigramCounts().fit(["emma", "ava", "eva", "mia"]).counts,),
            "estimated_discount(BigramCounts().fit(['emma', 'ava', 'eva', 'mia']).counts)",
        ),
    ),
    slips=(
        Slip("n2 is not doubled", _half_weighted),
        Slip("2 n2 stands above the line, where n1 belongs", lambda counts: 1 - estimated_discount(counts)),
        Slip(
            "those are the numbers of 0s and of 1s; n1 is how many entries are 1, and n2 how many are 2",
            lambda counts: _ratio_of(counts == 0, counts == 1),
        ),
        Slip(
            "n1 and n2 have larger counts in them; n1 is for entries of exactly 1, and n2 for exactly 2",
            lambda counts: _ratio_of(counts >= 1, counts >= 2),
        ),
        Slip(
            "n2 has larger counts in it; it is for entries of exactly 2",
            lambda counts: _ratio_of(counts == 1, counts >= 2),
        ),
        Slip(
            "the entries equal to 2 are added up, where they should be counted",
            lambda counts: _ratio_of(counts == 1, counts * (counts == 2)),
        ),
    ),
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


def _average(a: Tensor, b: Tensor, weight: float) -> Tensor:
    return weight * a + (1 - weight) * b


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
    task="Write mixed_log_probs(a, b, weight). a and b are what two models answer to the same B contexts, "
    "natural logarithms of probabilities, each a float tensor of shape (B, V); weight, above 0 and below 1, is "
    "the share of the first model. Return the logarithm of weight * P_a + (1 - weight) * P_b, of shape (B, V). "
    "Entries may be -inf, for a probability of zero, in one of the two or in both.",
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
    slips=(
        Slip("the logarithms are averaged, where the probabilities should be", _average),
        Slip(
            "the logarithms are averaged and the rows then made to sum to 1, which is another mixture: what one "
            "model thinks impossible stays so",
            lambda a, b, weight: _average(a, b, weight).log_softmax(dim=1),
        ),
        Slip("those are the probabilities; return their logarithms", _mixture),
        Slip(
            "the weight is given to the second model; it is the share of the first",
            lambda a, b, weight: _mixture(b, a, weight).log(),
        ),
        Slip(
            "the probabilities are added without their weights",
            lambda a, b, weight: (a.exp() + b.exp()).log(),
        ),
        Slip(
            "both models count the same, whatever the weight", lambda a, b, weight: _mixture(a, b, 0.5).log()
        ),
        Slip(
            "the logarithms are multiplied by the weights, which belong to the probabilities",
            lambda a, b, weight: torch.logaddexp(weight * a, (1 - weight) * b),
        ),
        Slip(
            "where both entries are -inf, the larger of them was subtracted: -inf less -inf is nan",
            _largest_taken_out,
        ),
    ),
    properties=(_rows_sum_to_one, _impossible_in_both),
    tolerance=1e-5,
)

EXERCISES = [_TRIGRAM, _SMOOTHING, _DISCOUNT, _CONTINUATION, _ESTIMATE, _MIX]
