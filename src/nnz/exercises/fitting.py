"""The exercises of the chapter on fit and search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor

from nnz.bigram import UnigramCounts
from nnz.data import load_names, split_names, windows
from nnz.evaluate import nll, surprisals
from nnz.exercises.checker.compare import describe
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.mlp import BengioMLP
from nnz.ngram import NGramCounts
from nnz.plumbing.paths import resource
from nnz.recipe import Recipe
from nnz.sample import seeded

VERDICT = "the verdict"
SOURCE = "the generator"


def stop_early(dev_losses: Sequence[float], patience: int) -> tuple[int, int]:
    """Return which measurement's weights are kept, and how many measurements are made."""
    best = 0
    for i, loss in enumerate(dev_losses):
        if loss < dev_losses[best]:
            best = i
        if i - best >= patience:
            return best, i + 1
    return best, len(dev_losses)


def log_uniform(low: float, high: float, n: int, generator: Generator) -> Tensor:
    """Return n numbers whose logarithms are uniform between those of low and high."""
    shares = torch.rand(n, generator=generator, dtype=torch.float64)
    return (math.log(low) + shares * math.log(high / low)).exp()


def averaged_log_probs(log_probs: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean of the models' probabilities."""
    together = torch.stack(list(log_probs))  # (M, B, V)
    return together.logsumexp(dim=0) - math.log(len(log_probs))


def beat_the_table(names: Sequence[str]) -> BengioMLP:
    """Return a small model that beats every add-k table fitted to the same names."""
    generator = seeded(1)
    model = BengioMLP(3, 10, 40, generator=generator).scale_init()
    recipe = Recipe(rate=0.1, decay=0.5, steps=60)
    return recipe.fit(model, names, generator=generator)


_STOP = Exercise(
    label="fitting-ex-stop",
    reference=stop_early,
    task="""
    Early stopping needs a rule, since a dev loss goes up and down a little on its way. Write
    `stop_early(dev_losses, patience)`: `dev_losses` is a list of one or more losses, in the order in which they
    would be measured. Training ends when `patience` measurements in a row, at least one, have not been lower
    than the lowest before them, or else with the list. Return two whole numbers: the place in the list of the
    lowest loss that was measured, the first if there are several, whose weights are kept; and how many
    measurements were made. What does a patience of 1 do on a noisy loss?
    """,
    hints=(
        "While you go through the list, keep the place of the lowest loss so far. What else is to be known at "
        "each place?",
        "If the best stands at place 3 and you are at place 5, how many since then have not been lower?",
        "What comes later in the list must not be looked at, however low it is: it was never measured.",
    ),
    inputs=(
        call([3.0, 2.5], 2),
        call([3.0, 2.5, 2.6, 2.4, 2.7], 1),
        call([3.0, 2.5, 2.6, 2.4, 2.7, 2.8, 2.0], 2),
        call([2.5, 2.5, 3.0, 2.0], 2),
        call([3.0, 2.5, 2.5, 2.5, 2.0], 2),
        call([2.0, 2.25, 2.125, 2.1, 2.05, 1.5], 3),
        call([3.0, 2.9, 2.95, 2.8, 2.85, 2.7, 2.75, 2.76, 2.77, 2.5], 3),
    ),
    more=lambda draw: call(draw.table(8, low=2, high=4), draw.size(2, 3)),
    slips={
        "the lowest loss of the whole list was taken; what comes after the stop is never measured": edit(
            "return best, i + 1", "return list(dev_losses).index(min(dev_losses)), i + 1"
        ),
        "the place where training ended was returned; the weights that are kept are those of "
        "the lowest loss": (
            edit("return best, i + 1", "return i, i + 1"),
            edit("return best, len(dev_losses)", "return len(dev_losses) - 1, len(dev_losses)"),
        ),
        "it waits for one measurement more than patience says": edit(">= patience", "> patience"),
        "it ends one measurement too early": edit(">= patience", ">= max(patience - 1, 1)"),
        "a loss that is as low as the best counts as lower; then a loss that stands still never ends": edit(
            "loss < dev_losses[best]", "loss <= dev_losses[best]"
        ),
        "each loss is compared with the one before it, and not with the lowest": edit(
            "loss < dev_losses[best]", "loss < dev_losses[max(i - 1, 0)]"
        ),
        "that is the place of the last measurement, counted from 0; how many were made is one more": (
            edit("i + 1", "i"),
            edit("return best, len(dev_losses)", "return best, len(dev_losses) - 1"),
        ),
        "the loss itself was returned; its place in the list is asked for": (
            edit("return best, i + 1", "return dev_losses[best], i + 1"),
            edit("return best, len(dev_losses)", "return dev_losses[best], len(dev_losses)"),
        ),
        "it never ends before the list does": edit("i - best >= patience", "i - best >= len(dev_losses)"),
        "the highest loss was looked for": edit("loss < dev_losses[best]", "loss > dev_losses[best]"),
    },
)


def _with_generator(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer with a generator of its own; it is a part if nothing was drawn with it."""
    low, high, n, seed = args
    generator = Generator().manual_seed(seed)
    before = generator.get_state()
    result = answer(low, high, n, generator)
    if torch.equal(before, generator.get_state()):
        return {RESULT: result, SOURCE: "untouched"}
    return {RESULT: result}


def _between(args: Sequence[Any], parts: Parts) -> str:
    low, high, _, _ = args
    if SOURCE in parts:
        return "nothing was drawn with the generator"
    yours: Any = parts[RESULT]
    outside = yours[(yours < low * (1 - 1e-9)) | (yours > high * (1 + 1e-9))]
    if len(outside):
        return f"{outside[0]:.6g} is not between {low} and {high}"
    return ""


Drawing = Callable[[float, float, int, Generator], Tensor]


def _draw_case(low: float, high: float, n: int, seed: int) -> Input:
    shown = f"log_uniform({low}, {high}, {n}, generator)"
    where = f"generator = Generator().manual_seed({seed})"
    return Input((low, high, n, seed), f"{shown} where {where}")


_LOG = Exercise(
    label="fitting-ex-log",
    reference=log_uniform,
    task="""
    Between a thousandth and one, a rate near a hundredth should be tried as often as one near a tenth. Write
    `log_uniform(low, high, n, generator)`, which draws $n$ numbers from `low` to `high`, both above 0, whose
    logarithms are spread evenly; the result is float64 of shape $(n,)$. So that answers can be compared, all
    chance comes from one call of `torch.rand(n, generator=generator, dtype=torch.float64)`, and a number of 0
    there gives `low`. What share of the numbers would lie below a tenth if they themselves were spread
    evenly?
    """,
    hints=(
        "From 0.001 to 0.01, to 0.1, to 1: how many of the numbers should fall into each of the three parts?",
        "Forget low and high for a moment: draw uniform numbers between their two logarithms.",
        "What was drawn are logarithms. What undoes a logarithm? It has to fit the kind that was taken.",
    ),
    inputs=(
        _draw_case(1.0, 100.0, 1, seed=1),
        _draw_case(0.001, 1.0, 3, seed=2),
        _draw_case(20.0, 50.0, 4, seed=3),
        _draw_case(1e-5, 0.1, 6, seed=4),
    ),
    more=lambda draw: _draw_case(draw.positive(1, 2), draw.number(20, 90), draw.size(), draw.seed()),
    slips={
        "the numbers themselves are uniform, so nearly all have the size of high": edit(
            "(math.log(low) + shares * math.log(high / low)).exp()", "low + shares * (high - low)"
        ),
        "those are still logarithms; the numbers are asked for": edit(".exp()", ""),
        "low and high are exchanged: a share of 0 gives high": (
            edit("log(low)", "log(high)"),
            edit("high / low", "low / high"),
        ),
        "the logarithms are to base 10, and the power that undoes them is one of e": (
            edit("log(low)", "log10(low)"),
            edit("log(high", "log10(high"),
        ),
        "low and high are taken for logarithms already; they are the limits of the numbers themselves": edit(
            "math.log(low) + shares * math.log(high / low)", "low + shares * (high - low)"
        ),
        "those are equal factors from low to high, a grid; the numbers are to be "
        "random": lambda low, high, n, generator: torch.logspace(
            math.log10(low), math.log10(high), n, dtype=torch.float64
        ),
        "that is a grid of equal distances from low to high, neither random nor on a scale of "
        "factors": lambda low, high, n, generator: torch.linspace(low, high, n, dtype=torch.float64),
        "the shares were drawn as float32, which gives other numbers; the task says float64": edit(
            ", dtype=torch.float64", ""
        ),
        "the numbers were sorted; leave them in the order in which they were drawn": edit(
            ".exp()", ".exp().sort().values"
        ),
    },
    drive=_with_generator,
    properties=(_between,),
)


Average = Callable[[Sequence[Tensor]], Tensor]


def _are_distributions(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    for i, total in enumerate(yours.double().exp().sum(dim=1).tolist()):
        if not abs(total - 1) < 1e-4:
            return f"the probabilities of row {i} sum to {total:.4g}; those of every row should sum to 1"
    return ""


def _models_case(*tables: list[list[float]]) -> Input:
    text = f"averaged_log_probs([P.log() for P in torch.tensor({list(tables)})])"
    return Input(([P.log() for P in torch.tensor(tables)],), text)


def _logs_case(*tables: list[list[float]]) -> Input:
    text = f"averaged_log_probs(list(torch.tensor({list(tables)})))"
    return Input((list(torch.tensor(tables)),), text)


_LOG_MEAN = "logsumexp(dim=0) - math.log(len(log_probs))"


_AVERAGE = Exercise(
    label="fitting-ex-average",
    reference=averaged_log_probs,
    task="""
    Several models together often do better than each of them: average what they say. Write
    `averaged_log_probs(log_probs)`: from a list of the log-probabilities of at least one model for the same
    contexts, finite and float of shape $(B, V)$, the logarithm of their average probability, without leaving
    the logarithms, so that it is right where all of them say $-1000$, too. Why is its loss never above the
    average of their losses?
    """,
    hints=(
        "Probabilities are averaged and not their logarithms: what has to be undone before the mean, and done "
        "again after it?",
        "The exponential of -1000 is 0 in a computer, and 0 has no logarithm. Is there a function of torch that "
        "takes exponentials, adds them up and takes the logarithm, all in one and without that loss?",
        "Lay the tensors on one another, the models along the first axis. A mean is a sum over M; what is a "
        "division by M among logarithms?",
    ),
    inputs=(
        _models_case([[0.5, 0.5]], [[0.25, 0.75]]),
        _models_case([[0.5, 0.25, 0.25]], [[0.2, 0.4, 0.4]], [[0.1, 0.1, 0.8]]),
        _models_case([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], [[0.1, 0.8, 0.1], [0.6, 0.3, 0.1]]),
        _logs_case([[0.0, -1000.0]], [[0.0, -1001.0]]),
    ),
    more=lambda draw: _models_case(*([draw.chances(4) for _ in range(5)] for _ in "abc")),
    slips={
        "that is the mean of the logarithms; their exponentials sum to less than 1 wherever "
        "the models differ": edit(_LOG_MEAN, "mean(dim=0)"),
        "the mean of the logarithms was made into a distribution again: that is the product of the models, in "
        "which each can forbid what it likes; the mean of the "
        "probabilities is asked for": edit(_LOG_MEAN, "mean(dim=0).log_softmax(dim=1)"),
        "that is the logarithm of the sum of the probabilities, not of their mean": edit(
            " - math.log(len(log_probs))", ""
        ),
        "the logarithm of the sum was divided by M; the sum itself should be, before its "
        "logarithm is taken": edit("- math.log(len(log_probs))", "/ len(log_probs)"),
        "those are the mean probabilities; their logarithms are asked for": edit(
            _LOG_MEAN, "exp().mean(dim=0)"
        ),
        "the exponential of -1000 was rounded to 0, and the logarithm of that is not finite": edit(
            _LOG_MEAN, "exp().mean(dim=0).log()"
        ),
        "the mean is over the contexts of each model; it should be over the models in each context": (
            edit("dim=0", "dim=1"),
            edit("len(log_probs)", "together.shape[1]"),
        ),
        "that is whichever model gives most, character by character; together these are more than 1": edit(
            _LOG_MEAN, "amax(dim=0)"
        ),
        "that is what one of the models says; the others count as much": edit(
            "together." + _LOG_MEAN, "together[0]"
        ),
    },
    properties=(_are_distributions,),
    tolerance=1e-5,
)


MOST_PARAMETERS, LONGEST_CONTEXT = 5000, 3

_TRAIN, _DEV, _ = split_names(load_names(resource("data", "names-sample.txt")))
_SET_ASIDE = _DEV[:500]

# With the first optimizer torch imports much of itself; it does so here, and no check has to wait for it.
torch.optim.AdamW([torch.zeros(1)])

BETTER = "better than the best table"
NO_MODEL = "not a model with parameters"
TOO_LARGE = "has too many parameters"
TOO_LONG = "reads too many characters"
IMPROPER = "its probabilities do not sum to 1"
SURE = "worse than knowing nothing"
FEW_BY_HEART = "knows single names and nothing else"
FLAT = "knows nothing"
LITTLE = "knows less than how often each letter comes"
BY_HEART = "knows its own names too well"
BEHIND = "behind the best table"


@dataclass(frozen=True)
class _Judged:
    """What came of judging a model. Any two of them agree, as far as comparisons care: the verdict is compared."""

    shown: str
    verdict: str
    says: str = ""

    def __repr__(self) -> str:
        return self.shown


@cache
def _thresholds(names: tuple[str, ...]) -> tuple[float, float]:
    """Return the losses of the best add-k table and of a model without context, fitted to the names."""
    tables = [NGramCounts(order, k) for order in (2, 3, 4) for k in (0.03, 0.1, 0.3, 1)]
    best = min(nll(table.fit(names), _SET_ASIDE) for table in tables)
    return best, nll(UnigramCounts().fit(names), _SET_ASIDE)


def _judged(model: Any, names: Sequence[str]) -> _Judged:
    needed = ("vocabulary", "block_size", "log_probs", "parameters")
    if missing := [name for name in needed if not hasattr(model, name)]:
        return _Judged(describe(model), NO_MODEL, f"it has no {' and no '.join(missing)}")
    count = sum(parameter.numel() for parameter in model.parameters())
    loss = nll(model, _SET_ASIDE)
    table, _ = _thresholds(tuple(names))
    return _Judged(
        f"a {type(model).__name__}",
        _verdict(model, names, count, loss),
        f"its loss on the names set aside is {loss:.4f}, and the best table's is {table:.4f}; its "
        f"block_size is {model.block_size}, and it has {count:,} parameters, of {MOST_PARAMETERS:,} at most",
    )


def _verdict(model: Any, names: Sequence[str], count: int, loss: float) -> str:
    table, unigram = _thresholds(tuple(names))
    nothing = math.log(len(model.vocabulary))
    contexts, _ = windows(_SET_ASIDE, model.block_size, model.vocabulary)
    totals = model.log_probs(contexts).exp().sum(dim=1)
    costs = surprisals(model, names)
    lengths = torch.tensor([len(name) + 1 for name in names])
    by_name = torch.repeat_interleave(lengths).bincount(weights=costs) / lengths
    cases = {
        TOO_LARGE: count > MOST_PARAMETERS,
        TOO_LONG: model.block_size > LONGEST_CONTEXT,
        IMPROPER: not bool(((totals - 1).abs() < 1e-3).all()),
        BETTER: loss < table,
        BY_HEART: costs.mean().item() < table - 0.1,
        FEW_BY_HEART: loss > nothing + 0.05 and by_name.min().item() < 1,
        SURE: not loss <= nothing + 0.05,
        FLAT: loss > nothing - 0.05,
        LITTLE: loss > unigram,
        BEHIND: True,
    }
    return next(verdict for verdict, holds in cases.items() if holds)


def _with_verdict(answer: Answer, args: Sequence[Any]) -> Parts:
    model = answer(*args)
    if model is None or model is ...:
        return {RESULT: model}
    judged = _judged(model, args[0])
    return {RESULT: judged, VERDICT: judged.verdict}


def _beats(args: Sequence[Any], parts: Parts) -> str:
    judged: Any = parts[RESULT]
    return "" if judged.verdict == BETTER else judged.says


_BEAT = Exercise(
    label="fitting-ex-beat",
    reference=beat_the_table,
    task="""
    The lecture's challenge is to tune a network until it beats the lecture's loss; this chapter was an
    answer. Here is the challenge in a size that can be checked while you wait. Write `beat_the_table(names)`:
    given $1500$ names it returns a trained model of the contract with at most $5000$ weights, which
    `parameters()` gives, and a `block_size` of at most 3. On $500$ other names it must have a lower loss than
    the best of the add-k tables of pairs, threes and fours, `NGramCounts(order, k)`, fitted to the same
    names, whose $k$ is chosen from $0.03$, $0.1$, $0.3$ and $1$ to their advantage on those $500$. The names
    are the first of train and dev by `split_names` of those that come with the package,
    `load_names(resource("data", "names-sample.txt"))`, with `resource` from `nnz.plumbing.paths`. A `Recipe`
    from `nnz.recipe` does it in a fraction of a second; give it a generator with a seed.
    """,
    hints=(
        "Count first: with block_size 3, how many hidden units can there be for 5,000 parameters? Most of them "
        "hang on the hidden layer, on both of its sides.",
        "With so few names and no batches, a step costs little and a high rate does no harm: try rates from "
        "0.01 to 0.3, and about a hundred steps.",
        "More steps bring the loss on the given names down, and at some point that on others up again. A "
        "larger decay than usual moves that point; about 0.5 is a good size.",
    ),
    inputs=(
        Input(
            (_TRAIN[:1500],),
            "beat_the_table(train[:1500]) where train, dev, test = "
            "split_names(load_names(resource('data', 'names-sample.txt')))",
        ),
    ),
    slips={
        "every character is about as likely as any other, as with quiet weights before training; was the "
        "network trained, with a rate that is not "
        "next to nothing?": edit("recipe.fit(model, names, generator=generator)", "model"),
        "the network is sure of itself and wrong, as it is with weights that start as standard normal "
        "numbers and too few steps to unlearn them, or with a rate that is far too high": (
            edit("rate=0.1", "rate=0.03"),
            edit("steps=60", "steps=8"),
            edit(".scale_init()", ""),
        ),
        "the network has too many hidden units or too long embeddings; smaller ones are enough here": (
            edit("10, 40", "10, 200"),
            edit("steps=60", "steps=3"),
        ),
        "it has begun to learn and not come far: the rate is far too small, or there are far too few steps": (
            edit("rate=0.1", "rate=0.002"),
            edit("steps=60", "steps=20"),
        ),
        "it has learned what is common, and not enough: it needs more steps, a higher rate, or more to work "
        "with, such as hidden units or characters of context": (
            edit("rate=0.1", "rate=0.03"),
            edit("steps=60", "steps=10"),
        ),
        "it beats the table on the names it was given and not on others: it was trained for too long with "
        "too little decay": (
            edit("10, 40", "10, 60"),
            edit("rate=0.1, decay=0.5, steps=60", "rate=0.15, decay=0, steps=100"),
        ),
        "it was trained on a few of the names only, and knows those by heart; all of them are to be learned "
        "from": (edit("model, names", "model, names[:10]"), edit("decay=0.5", "decay=0.15")),
        "it reads more than three characters; block_size is at most 3": (
            edit("3, 10, 40", "4, 4, 40"),
            edit("steps=60", "steps=3"),
        ),
        "what was returned is no model with parameters, but a table, a recipe or the history "
        "of the training": lambda names: NGramCounts(3, 0.3).fit(names),
    },
    drive=_with_verdict,
    properties=(_beats,),
)

EXERCISES = [_STOP, _LOG, _AVERAGE, _BEAT]
