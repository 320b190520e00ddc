"""The exercises of the chapter on training."""

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
from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, Slip, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.mlp import BengioMLP
from nnz.ngram import NGramCounts
from nnz.plumbing.paths import resource
from nnz.recipe import Recipe
from nnz.sample import seeded

VERDICT = "the verdict"
SOURCE = "the generator"


def warm_cosine(step: int, steps: int, highest: float, warmup: int) -> float:
    """Return a step's rate: up a straight line, then down half a cosine wave."""
    if step < warmup:
        return highest * (step + 1) / warmup
    share = (step - warmup) / (steps - warmup)  # from 0 to nearly 1
    return highest * (1 + math.cos(math.pi * share)) / 2


def adamw_step(
    p: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return p, m and v after step number t of AdamW, counted from 1."""
    m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2
    mean, square = m / (1 - 0.9**t), v / (1 - 0.99**t)  # as if not begun at 0
    direction = mean / (square.sqrt() + 1e-8)
    return p * (1 - rate * decay) - rate * direction, m, v


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


Rate = Callable[[int, int, float, int], float]


def _above_zero(args: Sequence[Any], parts: Parts) -> str:
    rate: Any = parts[RESULT]
    if rate <= 0:
        return "every rate is above 0, the first one and the last one too"
    if rate > args[2] * (1 + 1e-9):
        return f"no rate is above {args[2]}, the highest"
    return ""


_WAVE = "(1 + math.cos(math.pi * share)) / 2"

_WARM = Exercise(
    label="training-ex-warm",
    reference=warm_cosine,
    task="""
    Write `warm_cosine(step, steps, highest, warmup)`, the rate of a step, a float, for steps from 0 to
    `steps - 1`: it climbs along a straight line for `warmup` steps, and then falls along half a cosine wave
    toward zero. Step 0 has the highest rate divided by `warmup`, step 1 twice that, and so on; step
    `warmup - 1` has the highest rate itself, and so has step `warmup`, where the wave begins, which would be
    at 0 at step `steps`. `warmup` is less than `steps`, and may be zero: then there is no climb. Large
    language models are trained with this schedule.
    """,
    hints=(
        "There are two cases, and each has its own share: how much of the climb is done, or how much of the "
        "fall.",
        "Half a wave falls from 1 to -1 as its angle goes from 0 to pi. What has to be added, and what divided "
        "by, for it to go from 1 to 0?",
        "The fall begins at step warmup and not at step 0, and lasts steps - warmup steps: count from its "
        "beginning, and divide by its length.",
    ),
    inputs=(
        call(0, 6, 1.0, 2),
        call(1, 6, 1.0, 2),
        call(2, 6, 1.0, 2),
        call(0, 5, 0.5, 0),
        call(999, 1000, 0.1, 100),
    ),
    more=lambda draw: call(draw.whole(high=7), draw.size(8, 30), draw.positive(0.9), draw.size(2, 6)),
    slips=(
        Slip(
            "the climb begins at 0, and a step with a rate of 0 is lost; step 0 has one share already",
            edit("(step + 1) / warmup", "step / warmup"),
        ),
        Slip(
            "the climb goes on for one step too many, to above highest; step warmup is the first of the fall",
            edit("step < warmup", "step <= warmup"),
        ),
        Slip(
            "the wave begins at step 0, so the rate jumps down where the climb ends; the wave begins there",
            edit("(step - warmup) / (steps - warmup)", "step / steps"),
        ),
        Slip(
            "the fall is one step ahead: at step warmup the wave is still at highest",
            edit("(step - warmup)", "(step + 1 - warmup)"),
        ),
        Slip("highest plays no part in the fall; the wave is a share of it", edit("highest * (1", "(1")),
        Slip(
            "the climb and a wave over all steps are multiplied; the fall begins only where the climb ends",
            edit("return highest * (step + 1) / warmup", "highest *= (step + 1) / warmup"),
            edit("(step - warmup) / (steps - warmup)", "step / steps"),
        ),
        Slip(
            "the wave begins where it should but is too long, so it ends above 0: the steps of the climb are not "
            "part of it",
            edit("(steps - warmup)", "steps"),
        ),
        Slip(
            "that is a whole wave, which comes up again; half of one has an angle from 0 to pi",
            edit("math.pi", "2 * math.pi"),
        ),
        Slip(
            "the angle is in degrees, and math.cos takes radians: half a turn is pi", edit("math.pi", "180")
        ),
        Slip(
            "a cosine falls to -1, and no rate is below 0; it has to be raised and made half as high",
            edit(_WAVE, "math.cos(math.pi * share)"),
        ),
        Slip(
            "a cosine that was raised by 1 falls from 2, so the rate is twice as high as it should be",
            edit(" / 2", ""),
        ),
        Slip(
            "that is a quarter of a wave, steep at its end; half a wave is flat at both ends",
            edit(_WAVE, "math.cos(math.pi / 2 * share)"),
        ),
        Slip(
            "the rate falls in a straight line; a cosine wave is flat at both ends",
            edit(_WAVE, "(1 - share)"),
        ),
        Slip(
            "the last step has 0, and is lost; the wave would be at 0 one step later, at step steps",
            edit("(steps - warmup)", "(steps - 1 - warmup)"),
        ),
        Slip(
            "warmup may be 0, and was divided by",
            edit("    if step < warmup:\n", "    climb = (step + 1) / warmup\n    if climb <= 1:\n"),
        ),
    ),
    properties=(_above_zero,),
    tolerance=1e-9,
)


Step = tuple[Tensor, Tensor, Tensor]


def _in_a_tuple(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; a tensor alone counts as a tuple of one, so that it is said how many there should be."""
    result = answer(*args)
    return {RESULT: (result,) if isinstance(result, Tensor) else result}


def _which_are_wrong(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    pairs = zip("pmv", yours, adamw_step(*args), strict=True)
    wrong = {
        name: f"{name} by up to {(left - right).abs().max():.4g}"
        for name, left, right in pairs
        if not torch.allclose(left.double(), right, rtol=1e-6, atol=1e-9)
    }
    if not wrong:
        return ""
    right = [name for name in "pmv" if name not in wrong]
    agreed = f"; right: {' and '.join(right)}" if right else ""
    return f"off after the step: {', '.join(wrong.values())}{agreed}"


def _step_case(*rows: list[float], t: int, rate: float, decay: float) -> Input:
    tensors = [torch.tensor(row, dtype=torch.float64) for row in rows]
    tensors += [torch.zeros_like(tensors[0]) for _ in range(4 - len(rows))]
    numbers = f"t={t}, rate={rate}, decay={decay}"
    shown = f"torch.tensor({list(rows)}, dtype=torch.float64)"
    where = f"p, grad, m, v = {shown}"
    if len(rows) == 2:
        where = f"p, grad = {shown} and m = v = torch.zeros({len(rows[0])}, dtype=torch.float64)"
    text = f"adamw_step(p, grad, m, v, {numbers}) where {where}"
    return Input((*tensors, t, rate, decay), text)


def _drawn_step(draw: Draw) -> Input:
    p, grad, m = draw.table(3, n := draw.size())
    rows = p, grad, m, draw.table(n, low=0.3)
    return _step_case(*rows, t=draw.size(2, 20), rate=draw.positive(0.3, 2), decay=draw.positive(0.9))


_ADAMW = Exercise(
    label="training-ex-adamw",
    reference=adamw_step,
    task=r"""
    Write `adamw_step(p, grad, m, v, t, rate, decay)`, one step of AdamW: it shrinks $p$ by the factor 1 less
    `rate` times `decay`, and then takes the step of Adam {eq}`eq-adam`: `rate` times the corrected mean of
    the gradient, divided by the sum of $\varepsilon$ and the root of the corrected mean of its square, with
    $\beta_1 = 0.9$, $\beta_2 = 0.99$, and $\varepsilon = 10^{-8}$. `grad` is the gradient with respect to
    $p$, and $m$ and $v$ are the running means of it and of its square, zeros at first; all four are float64
    of one shape, and the first step has $t = 1$. It returns the new $p$, $m$ and $v$ as a tuple, $m$ and $v$
    not corrected, and changes nothing in place. How far does a weight move in that first step?
    """,
    hints=(
        "First the two running means: each keeps its beta of what it was and takes the rest from what is new.",
        "They began at 0, so they are too small at first. After one step only 1 - beta of the gradient is in "
        "the first; after t steps a weight of 1 less beta to the power t.",
        "Only the step that p takes is made with the corrected means; what is returned for the next step is "
        "not corrected. The decay takes a share off p as it was and never meets m and v.",
    ),
    inputs=(
        _step_case([1.0, -2.0], [0.5, 4.0], t=1, rate=0.1, decay=0.0),
        _step_case([1.0, -2.0], [0.5, 4.0], t=1, rate=0.1, decay=0.5),
        _step_case([1.0, 0.0, 2.0], [1e-6, -1e-7, 0.0], t=1, rate=0.1, decay=0.5),
        _step_case([4.0, -3.0], [0.25, 2.0], [-0.5, 1.5], [1.0, 3.0], t=100, rate=0.02, decay=2.0),
    ),
    more=_drawn_step,
    slips=(
        Slip(
            "the means are used as they are; they began at 0, and are too small at first unless corrected",
            edit("m / (1 - 0.9**t), v / (1 - 0.99**t)", "m, v"),
        ),
        Slip(
            "the decay is added to the gradient, so it goes through m and v, as in Adam with a penalty on large "
            "weights; here it goes straight to p",
            edit("    m, v =", "    grad = grad + decay * p\n    m, v ="),
            edit(" * (1 - rate * decay)", ""),
        ),
        Slip(
            "the share that the decay takes off p is decay alone; it is rate times decay",
            edit("rate * decay", "decay"),
        ),
        Slip(
            "the decay is taken off p after the step; it is a share of p as it was before",
            edit("p * (1 - rate * decay) - rate * direction", "(p - rate * direction) * (1 - rate * decay)"),
        ),
        Slip(
            "eps is added under the root, where 1e-8 is as much as a gradient of 1e-4; it is added to the root",
            edit("square.sqrt() + 1e-8", "(square + 1e-8).sqrt()"),
        ),
        Slip("there is no eps; where every gradient so far was 0, 0 is divided by 0", edit(" + 1e-8", "")),
        Slip(
            "there is no root: the direction is divided by the mean square, not by its root",
            edit("square.sqrt()", "square"),
        ),
        Slip(
            "v is given the square of the mean; it is a mean of squares of the gradient itself",
            edit(
                "m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2",
                "m = 0.9 * m + 0.1 * grad\n    v = 0.99 * v + 0.01 * m**2",
            ),
        ),
        Slip(
            "the corrections count steps from 0; the first one has t = 1, and with 0 they divide by 0",
            edit("0.9**t", "0.9 ** (t - 1)"),
            edit("0.99**t", "0.99 ** (t - 1)"),
        ),
        Slip(
            "eps is added to the root of the mean square before that is corrected, which makes it larger; it is "
            "added to the root of the corrected one",
            edit("mean / (square.sqrt() + 1e-8)", "mean / (v.sqrt() + 1e-8) * math.sqrt(1 - 0.99**t)"),
        ),
        Slip("only p is returned; the next step needs the new m and v", edit("direction, m, v", "direction")),
        Slip(
            "m and v are returned as they were; the next step begins from the new ones",
            edit("    m, v =", "    was = m, v\n    m, v ="),
            edit("direction, m, v", "direction, *was"),
        ),
        Slip(
            "the corrected means are returned; those are for this step alone, and the next one begins from the "
            "others",
            edit("direction, m, v", "direction, mean, square"),
        ),
        Slip(
            "beta for the squares is 0.999, which is usual elsewhere; it is 0.99 here",
            edit("0.99 * v + 0.01", "0.999 * v + 0.001"),
            edit("0.99**t", "0.999**t"),
        ),
    ),
    drive=_in_a_tuple,
    properties=(_which_are_wrong,),
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
    label="training-ex-log",
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
    slips=(
        Slip(
            "the numbers themselves are uniform, so nearly all have the size of high",
            edit("(math.log(low) + shares * math.log(high / low)).exp()", "low + shares * (high - low)"),
        ),
        Slip("those are still logarithms; the numbers are asked for", edit(".exp()", "")),
        Slip(
            "low and high are exchanged: a share of 0 gives high",
            edit("log(low)", "log(high)"),
            edit("high / low", "low / high"),
        ),
        Slip(
            "the logarithms are to base 10, and the power that undoes them is one of e",
            edit("log(low)", "log10(low)"),
            edit("log(high", "log10(high"),
        ),
        Slip(
            "low and high are taken for logarithms already; they are the limits of the numbers themselves",
            edit("math.log(low) + shares * math.log(high / low)", "low + shares * (high - low)"),
        ),
        Slip(
            "those are equal factors from low to high, a grid; the numbers are to be random",
            lambda low, high, n, generator: torch.logspace(
                math.log10(low), math.log10(high), n, dtype=torch.float64
            ),
        ),
        Slip(
            "that is a grid of equal distances from low to high, neither random nor on a scale of factors",
            lambda low, high, n, generator: torch.linspace(low, high, n, dtype=torch.float64),
        ),
        Slip(
            "the shares were drawn as float32, which gives other numbers; the task says float64",
            edit(", dtype=torch.float64", ""),
        ),
        Slip(
            "the numbers were sorted; leave them in the order in which they were drawn",
            edit(".exp()", ".exp().sort().values"),
        ),
    ),
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
    label="training-ex-average",
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
    slips=(
        Slip(
            "that is the mean of the logarithms; their exponentials sum to less than 1 wherever the models differ",
            edit(_LOG_MEAN, "mean(dim=0)"),
        ),
        Slip(
            "the mean of the logarithms was made into a distribution again: that is the product of the models, in "
            "which each can forbid what it likes; the mean of the probabilities is asked for",
            edit(_LOG_MEAN, "mean(dim=0).log_softmax(dim=1)"),
        ),
        Slip(
            "that is the logarithm of the sum of the probabilities, not of their mean",
            edit(" - math.log(len(log_probs))", ""),
        ),
        Slip(
            "the logarithm of the sum was divided by M; the sum itself should be, before its logarithm is taken",
            edit("- math.log(len(log_probs))", "/ len(log_probs)"),
        ),
        Slip(
            "those are the mean probabilities; their logarithms are asked for",
            edit(_LOG_MEAN, "exp().mean(dim=0)"),
        ),
        Slip(
            "the exponential of -1000 was rounded to 0, and the logarithm of that is not finite",
            edit(_LOG_MEAN, "exp().mean(dim=0).log()"),
        ),
        Slip(
            "the mean is over the contexts of each model; it should be over the models in each context",
            edit("dim=0", "dim=1"),
            edit("len(log_probs)", "together.shape[1]"),
        ),
        Slip(
            "that is whichever model gives most, character by character; together these are more than 1",
            edit(_LOG_MEAN, "amax(dim=0)"),
        ),
        Slip(
            "that is what one of the models says; the others count as much",
            edit("together." + _LOG_MEAN, "together[0]"),
        ),
    ),
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
    label="training-ex-beat",
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
    slips=(
        Slip(
            "every character is about as likely as any other, as with quiet weights before training; was the "
            "network trained, with a rate that is not next to nothing?",
            edit("recipe.fit(model, names, generator=generator)", "model"),
        ),
        Slip(
            "the network is sure of itself and wrong, as it is with weights that start as standard normal "
            "numbers and too few steps to unlearn them, or with a rate that is far too high",
            edit("rate=0.1", "rate=0.03"),
            edit("steps=60", "steps=8"),
            edit(".scale_init()", ""),
        ),
        Slip(
            "the network has too many hidden units or too long embeddings; smaller ones are enough here",
            edit("10, 40", "10, 200"),
            edit("steps=60", "steps=3"),
        ),
        Slip(
            "it has begun to learn and not come far: the rate is far too small, or there are far too few steps",
            edit("rate=0.1", "rate=0.002"),
            edit("steps=60", "steps=20"),
        ),
        Slip(
            "it has learned what is common, and not enough: it needs more steps, a higher rate, or more to work "
            "with, such as hidden units or characters of context",
            edit("rate=0.1", "rate=0.03"),
            edit("steps=60", "steps=10"),
        ),
        Slip(
            "it beats the table on the names it was given and not on others: it was trained for too long with "
            "too little decay",
            edit("10, 40", "10, 60"),
            edit("rate=0.1, decay=0.5, steps=60", "rate=0.15, decay=0, steps=100"),
        ),
        Slip(
            "it was trained on a few of the names only, and knows those by heart; all of them are to be learned "
            "from",
            edit("model, names", "model, names[:10]"),
            edit("decay=0.5", "decay=0.15"),
        ),
        Slip(
            "it reads more than three characters; block_size is at most 3",
            edit("3, 10, 40", "4, 4, 40"),
            edit("steps=60", "steps=3"),
        ),
        Slip(
            "what was returned is no model with parameters, but a table, a recipe or the history of the training",
            lambda names: NGramCounts(3, 0.3).fit(names),
        ),
    ),
    drive=_with_verdict,
    properties=(_beats,),
)

EXERCISES = [_WARM, _ADAMW, _LOG, _AVERAGE, _BEAT]
