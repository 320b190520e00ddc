"""The exercises of the chapter in which all models of the book stand side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor

from nnz.bigram import BigramCounts, BigramNet, Uniform
from nnz.contract import LanguageModel
from nnz.data import load_names, split_names, windows
from nnz.evaluate import Estimate, by_name, nll, resample, surprises
from nnz.exercises.checker.calling import exception_text, random_state_kept, reader_lines
from nnz.exercises.checker.compare import describe, is_tensor, kind
from nnz.exercises.checker.exercise import Exercise, Slip, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Outcome, Parts
from nnz.exercises.checker.result import Result
from nnz.layers import BatchNorm1d, Embedding, Flatten, LayeredModel, Sequential
from nnz.ngram import KneserNey, NGramCounts
from nnz.plumbing.datasets import locate
from nnz.plumbing.paths import resource


class ModifiedKneserNey(KneserNey):
    """Kneser-Ney with a discount for counts of 1, one for 2 and one for 3 and more: Chen and Goodman (1999).

    The discounts are those of section 3, estimated from how many counts are 1, 2, 3 and 4; here all orders above
    the first are taken together, where the paper has three discounts for each. Nothing is tuned on the dev set.
    """

    def __init__(self, order: int) -> None:
        super().__init__(order, discount=1)  # until `fit` has three of its own

    def fit(self, names: Sequence[str]) -> Self:
        """Count, and estimate the discounts from the counts of counts."""
        super().fit(names)
        counts = torch.cat([table.counts.flatten() for table in self.tables[1:]])
        n = [max(1, int((counts == times).sum())) for times in range(5)]
        Y = n[1] / (n[1] + 2 * n[2])
        taken = [k - (k + 1) * Y * n[k + 1] / n[k] for k in (1, 2, 3)]
        at_least = [max(0.1, discount) for discount in taken]  # few names
        self.discounts = torch.tensor([0.0, *at_least], dtype=torch.float64)
        return self

    def mix(self, counts: Tensor, lower: Tensor) -> Tensor:
        """Return what is left of the counts, and what was taken by `lower`."""
        taken = self.discounts[counts.long().clamp(max=3)]  # (B, V)
        spread = taken.sum(dim=1, keepdim=True) * lower
        return (counts - taken + spread) / counts.sum(dim=1, keepdim=True)


def beat(names: Sequence[str]) -> LanguageModel:
    """Return a model that was fitted to the names and beats the Kneser-Ney 6-gram of the book."""
    return ModifiedKneserNey(order=6).fit(names)


def gru_step(
    x: Tensor,
    h: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor,
    c: Tensor,
) -> Tensor:
    """Return the state of a gated recurrent unit after it has read x in the state h."""
    ours, past = (x @ W + b).chunk(3, dim=1), (h @ U + c).chunk(3, dim=1)
    reset = torch.sigmoid(ours[0] + past[0])  # (B, n_hidden)
    update = torch.sigmoid(ours[1] + past[1])
    proposed = torch.tanh(ours[2] + reset * past[2])
    return update * h + (1 - update) * proposed


def pareto_front(sizes: Sequence[int], losses: Sequence[float]) -> list[int]:
    """Return the indices of the models that no other model dominates in size and loss."""
    models = list(zip(sizes, losses, strict=True))

    def dominated(size: int, loss: float) -> bool:
        as_good = [m for m in models if m[0] <= size and m[1] <= loss]
        return any(m != (size, loss) for m in as_good)

    return [i for i, model in enumerate(models) if not dominated(*model)]


def paired_error(a: Tensor, b: Tensor, lengths: Tensor) -> float:
    """Return the standard error of a.sum() / lengths.sum() - b.sum() / lengths.sum(), linearised."""
    n, apart = len(lengths), a - b  # (n,), a difference for each name
    difference = apart.sum() / lengths.sum()
    rests = apart - difference * lengths
    return math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())


# The exercise `beat`: any model is asked whether it keeps to the contract, and then judged.

LECTURE = 1.993  # nats per character, on the dev set of names.txt
RESAMPLES = 300  # lists drawn for an error bar
TOO_GOOD = 0.3  # nats below the table, which is more than any model of the book is

BETTER = "better than the Kneser-Ney table"
NO_MODEL = "not a model of the contract"
MISSHAPEN = "not a row of V numbers for each context"
PROBABILITIES = "probabilities and not their logarithms"
UNNORMALISED = "its probabilities do not sum to 1"
RECORDING = "records gradients"
CHANGING = "changes the contexts"
RANDOM = "does not say the same twice"
TRAINING = "answers in training mode"
COUPLED = "looks at the other contexts of the batch"
FORGETFUL = "does not leave its mode as it was"
TRUSTING = "does not refuse wrong contexts"
IMPOSSIBLE = "thinks a name impossible"
SEEN = "too good to be true"
FLAT = "knows nothing"
BY_HEART = "knows its own names by heart"
SAME = "no better and no worse than the table"
BEHIND = "behind the table"


class Breach(Exception):
    """The contract is broken: the verdict, and what shows it."""

    def __init__(self, verdict: str, says: str) -> None:
        super().__init__(says)
        self.verdict, self.says = verdict, says


@dataclass(frozen=True)
class Judged:
    """What came of judging a model. Any two of them agree, as far as comparisons care: the verdict is compared.

    Attributes:
        shown: what was judged, in words.
        verdict: one of the verdicts above.
        lines: what there is to say about it.
    """

    shown: str
    verdict: str
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return self.shown


@cache
def table_of(names: tuple[str, ...]) -> KneserNey:
    """Return the Kneser-Ney 6-gram with the discount of the book, fitted to the names."""
    return KneserNey(6, 0.85).fit(names)


@cache
def table_totals(train: tuple[str, ...], dev: tuple[str, ...]) -> Tensor:
    """Return the surprise of each name of `dev` under the table that was fitted to `train`."""
    totals, _ = by_name(table_of(train), dev)
    return totals


@contextmanager
def modes_kept(model: Any) -> Iterator[None]:
    """Put back the modes of a model that has any, as they were before a `with`."""
    before = _modes(model)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _modes(model: Any) -> list[tuple[Any, Any]]:
    """Return the modules of a model that has any, each with its mode."""
    modules = model.modules() if callable(getattr(model, "modules", None)) else ()
    found = [m for m in [*modules, model] if hasattr(m, "training")]
    return [(module, module.training) for module in found]


def check_contract(model: Any, names: Sequence[str]) -> None:
    """Raise a `Breach` unless the model does what `nnz.contract.LanguageModel` asks, on contexts of these names.

    Whatever the model itself raises gets out.
    """
    _check_attributes(model)
    contexts = windows(names, model.block_size, model.vocabulary)[0][:64]
    with modes_kept(model):
        _check_answer(model, contexts)
        _check_modes(model, contexts)
        _check_rows_apart(model, contexts)
        _check_refusals(model, contexts)


def _check_attributes(model: Any) -> None:
    needed = ("vocabulary", "block_size", "log_probs")
    if missing := [name for name in needed if not hasattr(model, name)]:
        raise Breach(NO_MODEL, f"it has no {' and no '.join(missing)}")
    if isinstance(model, type):
        raise Breach(NO_MODEL, "it is a class; make a model of it")


def _check_answer(model: Any, contexts: Tensor) -> None:
    """See that there is a row of log-probabilities for each context, and nothing else happens."""
    given = contexts.clone()
    answer = model.log_probs(given)
    wanted = (len(contexts), len(model.vocabulary))
    if not is_tensor(answer) or answer.shape != wanted:
        shown = f"shape {tuple(answer.shape)}" if is_tensor(answer) else kind(answer)
        raise Breach(MISSHAPEN, f"log_probs gave {shown}; expected shape {wanted}")
    if not answer.is_floating_point():
        raise Breach(MISSHAPEN, f"log_probs gave {answer.dtype}; expected floats")
    if not torch.equal(given, contexts):
        raise Breach(CHANGING, "after log_probs the contexts were not as before")
    if answer.requires_grad:
        advice = "decorate it with torch.no_grad()"
        raise Breach(RECORDING, f"log_probs recorded gradients; {advice}")
    rows = answer.double()
    sums = rows.exp().sum(dim=1)
    if bool(((sums - 1).abs() < 1e-4).all()):
        return
    if bool(((rows.sum(dim=1) - 1).abs() < 1e-4).all()) and bool((rows >= 0).all()):
        raise Breach(PROBABILITIES, "the answers themselves sum to 1")
    worst = sums[(sums - 1).abs().nan_to_num(torch.inf).argmax()].item()
    raise Breach(UNNORMALISED, f"the probabilities of one context sum to {worst:.4g}")


def _check_modes(model: Any, contexts: Tensor) -> None:
    """See that the answer is the same each time, in whatever mode, and that the mode stays."""
    first = model.log_probs(contexts)
    if not _close(first, model.log_probs(contexts)):
        raise Breach(RANDOM, "the same contexts were answered otherwise a second time")
    if not _modes(model) or not callable(getattr(model, "train", None)):
        return
    answers = []
    for mode in (True, False):
        model.train(mode)
        before = _modes(model)
        answers.append(model.log_probs(contexts))
        if any(module.training != was for module, was in before):
            name = "training" if mode else "evaluation"
            raise Breach(FORGETFUL, f"it was in {name} mode, and after log_probs not")
    if not _close(*answers):
        raise Breach(TRAINING, "in training mode it answers otherwise than in evaluation")


def _check_rows_apart(model: Any, contexts: Tensor) -> None:
    """See that a context is answered alone as it is among others."""
    together = model.log_probs(contexts)
    for i in (0, len(contexts) // 2, len(contexts) - 1):
        if not _close(model.log_probs(contexts[i : i + 1]), together[i : i + 1]):
            raise Breach(COUPLED, f"alone, context {i} of a batch is answered otherwise")


def _check_refusals(model: Any, contexts: Tensor) -> None:
    """See that contexts are refused that are no whole numbers, too long, or outside the vocabulary."""
    longer = torch.zeros(len(contexts), model.block_size + 1, dtype=torch.int64)
    wrong = {"floats": contexts.double(), "contexts of another length": longer}
    if model.block_size:
        wrong["the index -1"] = contexts - 1  # a name begins with zeros
    for what, given in wrong.items():
        try:
            model.log_probs(given)
        except (TypeError, ValueError):
            continue
        advice = "call nnz.contract.check_contexts(self, contexts) first"
        raise Breach(TRUSTING, f"log_probs took {what} without a word; {advice}")


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.exp(), b.exp(), rtol=1e-4, atol=1e-6)


def judge(model: Any, train: Sequence[str], dev: Sequence[str]) -> Judged:
    """Ask a model for its manners and then for its loss, beside that of the table that was fitted to `train`.

    Whatever the model itself raises gets out.
    """
    shown = describe(model)
    if hasattr(model, "log_probs") and not isinstance(model, type):
        shown = f"a {type(model).__name__}"
    try:
        check_contract(model, dev)
    except Breach as breach:
        return Judged(shown, breach.verdict, (breach.says,))
    costs = surprises(model, dev)
    if not bool(costs.isfinite().all()):
        says = "it gives a name of the dev set probability zero, so its loss is infinite"
        return Judged(shown, IMPOSSIBLE, (says,))
    loss, gap = costs.mean().item(), difference(costs, train, dev)
    lines = (
        f"dev loss: {loss:.4f} nats per character, on {len(dev):,} names",
        f"Kneser-Ney 6-gram, fitted to the same {len(train):,} names: {loss - gap.value:.4f}",
        _compared(gap),
    )
    return Judged(shown, _verdict(model, loss, gap, train), lines)


def difference(costs: Tensor, train: Sequence[str], dev: Sequence[str]) -> Estimate:
    """Return the loss that these surprises make, less that of the table, as `paired_difference` would have it.

    Args:
        costs: the surprise of each character of `dev` under the model, float64 of shape (N,).
        train: what the table is fitted to.
        dev: the names, at least 2.
    """
    lengths = torch.tensor([len(name) + 1 for name in dev])
    name = torch.arange(len(dev)).repeat_interleave(lengths)  # (N,)
    totals = name.bincount(weights=costs)
    generator = torch.Generator().manual_seed(1)
    apart = totals - table_totals(tuple(train), tuple(dev))
    return resample(apart, lengths, generator, RESAMPLES)


def _compared(gap: Estimate) -> str:
    """Say by how much a model is better or worse, and how sure that is."""
    better = "better" if gap.value < 0 else "worse"
    sure = abs(gap.value) > 2 * gap.standard_error
    tail = "" if sure else ", which is less than two standard errors"
    return f"{better} by {abs(gap.value):.4f} ± {gap.standard_error:.4f}{tail}"


def _verdict(model: Any, loss: float, gap: Estimate, train: Sequence[str]) -> str:
    few, table = train[:500], table_of(tuple(train))
    cases: dict[str, Callable[[], bool]] = {
        SEEN: lambda: gap.value < -TOO_GOOD,
        BETTER: lambda: gap.value < -1e-9,
        SAME: lambda: gap.value < 1e-9,
        BY_HEART: lambda: nll(model, few) < nll(table, few) - 0.1,
        FLAT: lambda: loss > math.log(len(model.vocabulary)) - 0.05,
        BEHIND: lambda: True,
    }
    return next(verdict for verdict, holds in cases.items() if holds())


class Scoreboard(Exercise):
    """An exercise whose answer is a function that fits a model; or the model itself, fitted to the whole list.

    >>> from nnz import exercises as ex
    >>> train, dev = ["anna", "hanna", "noa", "jo"] * 3, ["ann", "johanna"]
    >>> ex.beat.score(Uniform(), train, dev)
    wrong: Beat the book: knows nothing
    dev loss: 3.2958 nats per character, on 2 names
    Kneser-Ney 6-gram, fitted to the same 12 names: 1.3424
    worse by 1.9535 ± 0.1524
    """

    _latest = Outcome()  # what came of the reader's answer

    def check(self, answer: object) -> Result:
        """Judge an answer, see `Exercise.check`; a model is judged as by `score`, on the whole list of names."""
        if hasattr(answer, "log_probs") and not isinstance(answer, type):
            return self.score(answer)
        result = super().check(answer)
        if not result:
            return result
        outcome = self._latest
        if answer is self.reference:
            outcome = self.observe(self.reference, 0)
        lines = getattr(outcome.parts.get(RESULT), "lines", ())
        return Result("right", "\n".join([result.text, *lines]))

    def observe(self, answer: Answer, index: int) -> Outcome:
        """Try an answer, see `Exercise.observe`; the reference and the slips are tried once and remembered."""
        if answer is self.reference or any(answer is self.wrong(slip) for slip in self.slips):
            return _once(self, answer, index)
        self._latest = super().observe(answer, index)
        return self._latest

    def score(
        self, model: object, train: Sequence[str] | None = None, dev: Sequence[str] | None = None
    ) -> Result:
        """Judge a model by its dev loss; right if it keeps to the contract and beats the Kneser-Ney table.

        Nobody can see from a model what it has learned from. It is up to the reader that these are not the dev
        names, and that nothing was chosen by the test names.

        Args:
            model: any model of the contract, fitted to `train`.
            train: what it was fitted to; by default the first part of `split_names(load_names())`.
            dev: what it is judged by; by default the second part.

        Raises:
            ValueError: one of the lists is given and the other is not.
            KeyboardInterrupt: the reader interrupted it. Nothing else that the model raises gets out.
        """
        if (train is None) != (dev is None):
            raise ValueError("give both train and dev, or neither of them.")
        known = train is None and locate().is_reference
        if train is None or dev is None:
            train, dev, _ = split_names(load_names())
        with random_state_kept():
            try:
                judged = judge(model, train, dev)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                text = [exception_text(error), *reader_lines(error)]
                return Result("error", "\n".join([f"error: {self.title}", *text]))
        lines = list(judged.lines)
        if known and len(lines) > 1:
            lines.append(f"the lecture's network has {LECTURE} on these names")
        if judged.verdict == BETTER:
            return Result("right", "\n".join([f"✓ {self.title}", *lines]))
        head = f"wrong: {self.title}: {judged.verdict}"
        return Result("wrong", "\n".join([head, *lines]))

    def __repr__(self) -> str:
        one = f"ex.{self.name}.check(model) ex.{self.name}.score(model, train, dev)"
        return f"{super().__repr__()}\n{one}"


@cache
def _once(exercise: Exercise, answer: Answer, index: int) -> Outcome:
    return Exercise.observe(exercise, answer, index)


_TRAIN, _DEV, _ = split_names(load_names(resource("data", "names-sample.txt")))
_FEW, _SET_ASIDE = _TRAIN[:2000], _DEV[:500]

VERDICT = "the verdict"


def _with_verdict(answer: Answer, args: Sequence[Any]) -> Parts:
    model = answer(*args)
    if model is None or model is ...:
        return {RESULT: model}
    judged = judge(model, args[0], _SET_ASIDE)
    return {RESULT: judged, VERDICT: judged.verdict}


def _beats(args: Sequence[Any], parts: Parts) -> str:
    judged: Any = parts[RESULT]
    if judged.verdict == BETTER:
        return ""
    return "\n".join([f"the verdict: {judged.verdict}", *judged.lines])


class _Spoiled:
    """A table of pairs with something done to it: to what it is given, or to what it answers."""

    block_size = 1

    def __init__(self, names: Sequence[str], answer: Callable[[BigramCounts, Tensor], Any]) -> None:
        self.table = BigramCounts(k=0.1).fit(names)
        self.vocabulary, self.answer = self.table.vocabulary, answer

    def log_probs(self, contexts: Tensor) -> Any:
        return self.answer(self.table, contexts)


def _spoiled(answer: Callable[[BigramCounts, Tensor], Any]) -> Callable[[list[str]], Any]:
    return lambda names: _Spoiled(names, answer)


def _last_context_gone(table: BigramCounts, contexts: Tensor) -> Tensor:
    return table.log_probs(contexts[:-1])


def _overwritten(table: BigramCounts, contexts: Tensor) -> Tensor:
    answer = table.log_probs(contexts)
    contexts.zero_()
    return answer


class _Unsteady(_Spoiled):
    """Something of it changes from call to call, as with dropout that is not switched off."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, lambda table, contexts: table.log_probs(contexts))
        self.generator = torch.Generator().manual_seed(1)

    def log_probs(self, contexts: Tensor) -> Tensor:
        scores = self.table.log_probs(contexts)
        kept = torch.rand(scores.shape, generator=self.generator) > 0.2
        return (scores * kept).log_softmax(dim=1)


def _against_the_batch(table: BigramCounts, contexts: Tensor) -> Tensor:
    scores = table.log_probs(contexts)
    return (scores - scores.mean(dim=0)).log_softmax(dim=1)


def _net() -> LayeredModel:
    generator = torch.Generator().manual_seed(1)
    embedding = Embedding(27, 27, generator=generator)
    return LayeredModel(Sequential(embedding, Flatten(), BatchNorm1d(27)), 1)


class _InTraining(LayeredModel):
    """Batch norm takes the batch's own averages, since nobody set evaluation mode."""

    def __init__(self) -> None:
        net = _net()
        super().__init__(net.net, net.block_size)

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        averages = [m for m in self.modules() if isinstance(m, BatchNorm1d)]
        kept = [(m, m.running_mean.clone(), m.running_var.clone()) for m in averages]
        answer = self.logits(contexts).log_softmax(dim=1)
        for module, mean, var in kept:  # so that it says the same twice
            module.running_mean, module.running_var = mean, var
        return answer


class _LeftInEvaluation(LayeredModel):
    """Evaluation mode is set and never left."""

    def __init__(self) -> None:
        net = _net()
        super().__init__(net.net, net.block_size)

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        self.eval()
        return self.logits(contexts).log_softmax(dim=1)


class _Recording(BigramNet):
    """Gradients are recorded."""

    def log_probs(self, contexts: Tensor) -> Tensor:
        return self.logits(contexts).log_softmax(dim=1)


def _recording(names: list[str]) -> _Recording:
    return _Recording(generator=torch.Generator().manual_seed(1))


def _trusting(table: BigramCounts, contexts: Tensor) -> Tensor:
    return table.log_probs(contexts[:, :1].long().clamp(0, 26))


_BEAT = Scoreboard(
    label="leaderboard-ex-beat",
    reference=beat,
    task="""
    Make a model of your own that beats the Kneser–Ney table: any model, new or mixed from those of the book.
    `ex.beat.check(model)` judges one that was trained on all of `train_names`. It says whether the model
    keeps to the contract, with rows that sum to 1, no gradients, its mode left as it was, wrong contexts
    refused, and an answer to each context that does not depend on the others; then its dev loss, and by how
    much it is better or worse than the table fitted to the same names, with the standard error of that
    difference. It cannot see what the model has learned from: that you kept the dev names out of it, only you
    know. What can be checked while you wait is small: `beat(names)` is given $2000$ names and returns a model
    that has to do better than their Kneser–Ney 6-gram, with a discount of {given}`0.85`, on $500$ others.
    They are the first of train and dev by `split_names` of the names that come with the package,
    `load_names(resource("data", "names-sample.txt"))`, with `resource` from `nnz.plumbing.paths`.
    """,
    hints=(
        "A mixture is rarely worse than the better of its models if the shares are chosen with care, and often "
        "better than both. Choose on names that you set aside from the given ones, not on those that you are "
        "judged by.",
        "Where counts are as few as here, see where the table itself could be better: is one discount right for "
        "what occurred once, and for what occurred ten times?",
        "Chen and Goodman (1999), section 3, take another discount from counts of 1, of 2, and of 3 or more, and "
        "have a formula for each from how many counts are 1, 2, 3 and 4. KneserNey's mix is the only method that "
        "has to be changed, and fit has to estimate them.",
    ),
    inputs=(
        Input(
            (_FEW,),
            "beat(train[:2000]) where train, dev, test = "
            "split_names(load_names(resource('data', 'names-sample.txt')))",
        ),
    ),
    slips=(
        Slip(
            "the class itself was returned, or something that is no model; return a fitted model",
            lambda names: ModifiedKneserNey,
        ),
        Slip(
            "what log_probs returns has not one row of V numbers for each context",
            _spoiled(_last_context_gone),
        ),
        Slip(
            "those are probabilities; the contract asks for their logarithms",
            _spoiled(lambda table, contexts: table.log_probs(contexts).exp()),
        ),
        Slip(
            "those are scores that were not made to probabilities: log_softmax is missing, or logarithms were "
            "averaged",
            _spoiled(lambda table, contexts: table.log_probs(contexts) * 0.9),
        ),
        Slip(
            "log_probs records gradients, which costs memory and time for nothing: torch.no_grad() is missing",
            _recording,
        ),
        Slip("log_probs writes into the contexts; work on a copy", _spoiled(_overwritten)),
        Slip("there is chance in the answers, as with dropout that is not switched off", _Unsteady),
        Slip(
            "log_probs answers in training mode: batch norm or dropout do there what they do in training",
            lambda names: _InTraining(),
        ),
        Slip(
            "the contexts of a batch are compared with one another, and what is answered depends on who else is "
            "asking; each has to be answered by itself",
            _spoiled(_against_the_batch),
        ),
        Slip(
            "log_probs sets evaluation mode and does not set back what was there",
            lambda names: _LeftInEvaluation(),
        ),
        Slip(
            "contexts that cannot be right are answered anyway; check_contexts refuses them",
            _spoiled(_trusting),
        ),
        Slip(
            "what never occurred has probability zero: smooth the model, or mix it with one that thinks nothing "
            "impossible",
            lambda names: NGramCounts(3).fit(names),
        ),
        Slip(
            "it has learned from the names that were set aside, as a model does that is fitted to the whole list",
            lambda names: KneserNey(6, 0.85).fit(_SET_ASIDE),
        ),
        Slip(
            "every character is about as likely as any other; was the model fitted, or trained?",
            lambda names: Uniform(),
        ),
        Slip(
            "it is the table itself, or the same in other words", lambda names: KneserNey(6, 0.85).fit(names)
        ),
        Slip(
            "it knows the names that it was given by heart and others less well than the table: too large, "
            "trained for too long, or too little smoothed",
            lambda names: KneserNey(8, 0.2).fit(names),
        ),
        Slip(
            "it has learned, and not as much as the table: it reads fewer characters, or is smoothed too much, or "
            "not trained for long enough",
            lambda names: BigramCounts(k=0.1).fit(names),
        ),
    ),
    drive=_with_verdict,
    properties=(_beats,),
)


def _within(args: Sequence[Any], parts: Parts) -> str:
    """See that each number lies between the old state and a number that tanh can give."""
    h = args[1]
    yours: Any = parts[RESULT]
    bound = h.abs().clamp(min=1)
    off = (yours.detach().to(h.dtype).abs() > bound + 1e-6).nonzero().tolist()
    if off:
        i, j = off[0]
        return (
            f"entry [{i}, {j}] is {yours[i, j].item():.4g}; it lies between the old state, {h[i, j].item():.4g}, "
            "and a number from -1 to 1"
        )
    return ""


def _gru_case(B: int, n_in: int, n_hidden: int, seed: int, dtype: torch.dtype) -> Input:
    g = torch.Generator().manual_seed(seed)
    H = n_hidden
    shapes = [(B, n_in), (B, H), (n_in, 3 * H), (H, 3 * H), (3 * H,), (3 * H,)]
    args = [torch.randn(shape, generator=g, dtype=dtype) for shape in shapes]
    rounded = tuple((8 * arg).round() / 8 for arg in args)
    if B * H == 1:
        shown = ", ".join(f"torch.tensor({arg.tolist()})" for arg in rounded)
        return Input(rounded, f"gru_step({shown})")
    sizes = f"x {(B, n_in)}, h {(B, H)}, W {shapes[2]}, U {shapes[3]}, b and c {shapes[4]}"
    return Input(rounded, f"gru_step(x, h, W, U, b, c) where the shapes are {sizes}")


_GRU = Exercise(
    label="leaderboard-ex-gru",
    reference=gru_step,
    task=r"""
    A recurrent network reads character by character and has a state $h$, which is all that it knows of the
    past. The gated recurrent unit of Cho and others {cite}`cho2014learning` keeps a share $z$ of its state
    and replaces the rest, and another gate, $r$, says how much of the state counts for what comes in its
    place:

    $$
    r &= \sigma(x W_r + b_r + h U_r + c_r) \\
    z &= \sigma(x W_z + b_z + h U_z + c_z) \\
    n &= \tanh(x W_n + b_n + r \odot (h U_n + c_n)) \\
    h' &= z \odot h + (1 - z) \odot n
    $$

    These are the formulas of `torch.nn.GRUCell`; in the paper $h$ is multiplied by $r$ before $U_n$. Write
    `gru_step(x, h, W, U, b, c)`, with the parts for $r$, $z$ and $n$ side by side in $W$ and $U$, $b$ and
    $c$, in this order. $x$ has shape $(B, n_\text{in})$ and $h$, as what is returned, $(B, H)$; nothing is
    changed in place. Then make it a model of the contract, and see where it stands.
    """,
    hints=(
        "Two matrix products are enough, one with x and one with h. Add their biases and cut both into thirds; "
        "do not add the two together yet.",
        "The gates are made of sums, so there the two go together. For the proposal they do not: the reset gate "
        "multiplies what comes from the state alone, with its bias.",
        "At last the update gate is a share: of the old state that much is kept, and of the proposal the rest is "
        "taken.",
    ),
    inputs=(
        _gru_case(1, 1, 1, 3, torch.float32),
        _gru_case(2, 3, 2, 1, torch.float32),
        _gru_case(4, 2, 5, 2, torch.float64),
        _gru_case(3, 4, 3, 4, torch.float32),
    ),
    slips=(
        Slip(
            "the update gate is used the other way: z is the share of the old state",
            edit("update * h + (1 - update) * proposed", "(1 - update) * h + update * proposed"),
        ),
        Slip(
            "the reset gate was applied to h before U, as in the paper that introduced the unit; here it "
            "multiplies h U + c",
            edit("reset * past[2]", "(reset * h) @ U.chunk(3, dim=1)[2] + c.chunk(3)[2]"),
        ),
        Slip(
            "the bias c of the proposal stands outside of the reset gate; it belongs to what the gate multiplies",
            edit("x @ W + b", "x @ W + b + c"),
            edit("h @ U + c", "h @ U"),
        ),
        Slip("there is no reset gate in the proposal", edit("reset * past", "past")),
        Slip(
            "the reset gate multiplies all of the proposal's sum; it multiplies what comes from the state alone",
            edit("ours[2] + reset * past[2]", "reset * (ours[2] + past[2])"),
        ),
        Slip(
            "the reset gate multiplies what comes from x; it multiplies what comes from the state",
            edit("ours[2] + reset * past[2]", "reset * ours[2] + past[2]"),
        ),
        Slip(
            "the first third is taken for the update gate and the second for the reset gate; it is the other way "
            "round",
            edit("ours[0] + past[0]", "ours[1] + past[1]"),
            edit("ours[1] + past[1]", "ours[0] + past[0]"),
        ),
        Slip(
            "the first third is taken for the proposal; it comes last",
            edit("    reset =", "    ours, past = ours[1:] + ours[:1], past[1:] + past[:1]\n    reset ="),
        ),
        Slip(
            "the gates go through tanh; they are shares, which the logistic function gives",
            edit("torch.sigmoid(ours[0]", "torch.tanh(ours[0]"),
            edit("torch.sigmoid(ours[1]", "torch.tanh(ours[1]"),
        ),
        Slip(
            "the proposal goes through the logistic function; it is a tanh",
            edit("torch.tanh", "torch.sigmoid"),
        ),
        Slip(
            "the old state is not kept at all: what is returned is the proposal",
            edit("update * h + (1 - update) * proposed", "proposed"),
        ),
        Slip(
            "the old state is kept in full, and the proposal added to it; the two share out what there is",
            edit("update * h", "h"),
        ),
        Slip("the biases are left out", edit("x @ W + b", "x @ W"), edit("h @ U + c", "h @ U")),
        Slip("the bias c is left out; there are two", edit("h @ U + c", "h @ U")),
    ),
    properties=(_within,),
    tolerance=1e-5,
)


def _who_dominates(args: Sequence[Any], parts: Parts) -> str:
    sizes, losses = args
    yours: Any = parts[RESULT]
    n = len(sizes)
    models = list(zip(sizes, losses, strict=True))
    if bad := [i for i in yours if i not in range(n)]:
        return f"{describe(bad[0])} is not the index of a model; they go from 0 to {n - 1}"
    for i in yours:
        for j, (size, loss) in enumerate(models):
            if size <= sizes[i] and loss <= losses[i] and models[j] != models[i]:
                return (
                    f"model {i}, {sizes[i]:,} weights and loss {losses[i]}, is in the list; model {j}, {size:,} "
                    f"weights and loss {loss}, dominates it"
                )
    if missing := [i for i in pareto_front(sizes, losses) if i not in yours]:
        return f"model {missing[0]} is not in the list, and none dominates it"
    return ""


_LECTURES = ([729, 11897, 22097, 76579, 76579, 0], [2.46, 2.17, 2.06, 1.99, 2.02, 3.3])

_FRONT = Exercise(
    label="leaderboard-ex-front",
    reference=pareto_front,
    task="""
    One model dominates another if it has no more weights and no higher loss, and is better in at least one of
    the two. Write `pareto_front(sizes, losses)`, which returns the indices of the models that none dominates,
    a list in ascending order. Two models with the same size and the same loss do not dominate one another.
    Which of the models of this chapter are they?
    """,
    hints=(
        "For one model, go through all others: is there one that is at least as good in both respects, and not "
        "the same in both?",
        "There are few models, so compare each with each. Nothing has to be sorted.",
        "Mind the equals: of two with the same size the one with the lower loss dominates, and if the losses are "
        "the same, too, neither does.",
    ),
    inputs=(
        call([100], [2.5]),
        call([100, 50, 200], [2.5, 2.75, 2.25]),
        call([100, 50, 200], [2.0, 2.75, 2.25]),
        call([50, 200, 100], [2.25, 2.5, 2.0]),
        call([100, 100, 50, 400], [2.5, 2.25, 2.75, 2.25]),
        call([100, 50, 100, 200], [2.5, 2.5, 2.25, 2.25]),
        call([100, 300, 100, 50], [2.0, 1.75, 2.0, 2.0625]),
        call(*_LECTURES),
    ),
    slips=(
        Slip(
            "a model was left out only if another is better in both respects; better in one and no worse in the "
            "other is enough",
            edit("m[0] <= size and m[1] <= loss", "m[0] < size and m[1] < loss"),
        ),
        Slip(
            "two equal models drove each other out; neither dominates the other",
            edit("any(m != (size, loss) for m in as_good)", "len(as_good) > 1"),
        ),
        Slip(
            "of two equal models the second is missing; neither dominates the other",
            edit("(*model)]", "(*model) and model not in models[:i]]"),
        ),
        Slip(
            "a model was left out if another is better in one respect, whatever the other respect",
            edit("m[0] <= size and m[1] <= loss", "m[0] < size or m[1] < loss"),
        ),
        Slip(
            "that is the best model of all; a smaller one may be the best of its size",
            edit("m[0] <= size and m[1] <= loss", "m[1] < loss"),
        ),
        Slip(
            "that is the smallest model; a larger one may be better",
            edit("m[0] <= size and m[1] <= loss", "m[0] < size"),
        ),
        Slip(
            "only models of the same size were compared; a smaller one dominates, too, if it is no worse",
            edit("m[0] <= size and m[1] <= loss", "m[0] == size and m[1] < loss"),
        ),
        Slip(
            "more weights were taken for better; a model dominates others that are larger",
            edit("<= size", ">= size"),
        ),
        Slip("a higher loss was taken for better", edit("<= loss", ">= loss")),
        Slip(
            "each model was compared with those before it in the list alone, as if they stood in the order of "
            "their sizes",
            edit("not dominated(*model)", "model[1] < min([math.inf, *losses[:i]])"),
        ),
        Slip(
            "those are the models that are dominated; the others are asked for",
            edit("if not dominated", "if dominated"),
        ),
        Slip("those are sizes and losses; the indices are asked for", edit("[i for i", "[model for i")),
        Slip(
            "there is a truth value for each model; the indices of those that are True are asked for",
            edit(
                "[i for i, model in enumerate(models) if not dominated(*model)]",
                "[not dominated(*model) for model in models]",
            ),
        ),
        Slip(
            "the indices are in the order of the sizes; put them in ascending order",
            edit("return [i", "return sorted([i"),
            edit("(*model)]", "(*model)], key=lambda i: sizes[i])"),
        ),
    ),
    properties=(_who_dominates,),
    tolerance=1e-12,
)


def _bound(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    return "" if yours >= 0 else f"an error is never negative; yours is {yours:.6g}"


def _pair_case(a: list[float], b: list[float], lengths: list[int]) -> Input:
    totals = [torch.tensor(t, dtype=torch.float64) for t in (a, b)]
    first, second = (f"torch.tensor({t}, dtype=torch.float64)" for t in (a, b))
    text = f"paired_error({first}, {second}, torch.tensor({lengths}))"
    return Input((*totals, torch.tensor(lengths)), text)


_PAIRED = Exercise(
    label="leaderboard-ex-paired",
    reference=paired_error,
    task=r"""
    In [](evaluation.md) an exercise found the standard error of a loss without drawing. Write
    `paired_error(a, b, lengths)`, the same for the difference of two models on the same names, from the
    surprise of each whole name under the one and the other: $a$ and $b$ are float64 of shape $(n,)$, in nats,
    and `lengths`, int64, has the characters of each name, its end included. The difference per character is
    $r = \sum_i (a_i - b_i) / \sum_i \ell_i$, and the variance of its rests, $a_i - b_i - r \ell_i$, has the
    divisor $n - 1$; the result is a float. Compare it with the bootstrap, and with what comes out if the two
    models had been judged by different names.
    """,
    hints=(
        "What is hard for one model is mostly hard for the other. If you take the difference of each name first, "
        "what both have in common is gone.",
        "From there on it is the error of one ratio, as in the chapter on evaluation: of the sum of the "
        "differences to the sum of the lengths.",
        "The rests sum to 0. The standard error of their mean is their standard deviation over the root of n; "
        "divide it by the mean length.",
    ),
    inputs=(
        _pair_case([10.0, 14.0], [9.0, 14.5], [5, 6]),
        _pair_case([12.0, 7.5, 20.0], [11.0, 8.0, 18.5], [6, 4, 8]),
        _pair_case([13.0, 9.25, 17.5, 8.0, 21.5], [13.5, 8.0, 17.0, 8.25, 18.0], [6, 5, 8, 4, 10]),
        _pair_case(
            [13.0, 9.25, 17.5, 8.0, 21.5, 12.0], [15.5, 12.0, 20.0, 9.25, 27.0, 14.25], [6, 5, 8, 4, 10, 7]
        ),
    ),
    slips=(
        Slip(
            "the errors of the two losses were put together as if the models had been judged by different names; "
            "take the difference name by name first",
            lambda a, b, lengths: math.hypot(
                paired_error(a, 0 * a, lengths), paired_error(0 * b, b, lengths)
            ),
        ),
        Slip(
            "one error was taken from the other; that of a difference comes from the differences of the names",
            lambda a, b, lengths: abs(paired_error(a, 0 * a, lengths) - paired_error(0 * b, b, lengths)),
        ),
        Slip(
            "every character was taken to be drawn by itself; names are drawn, and the characters of one belong "
            "together",
            edit(
                "math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
                "math.sqrt((rests**2 / lengths).sum() / (lengths.sum() - 1) / lengths.sum())",
            ),
        ),
        Slip(
            "that is the error of the mean of the names' own differences per character, in which short names "
            "weigh as much as long ones",
            edit(
                "math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
                "(apart / lengths).std().item() / math.sqrt(n)",
            ),
        ),
        Slip(
            "that is the error of the difference of whole names; divide by the mean length",
            edit("int(lengths.sum())", "n"),
        ),
        Slip(
            "the lengths were taken to be all the same: the rest of a name is its difference less r for each of "
            "its characters",
            edit("difference * lengths", "apart.mean()"),
        ),
        Slip(
            "nothing was taken off the differences before they were squared",
            edit(" - difference * lengths", ""),
        ),
        Slip("the variance of the rests has the divisor n; n - 1 is asked for", edit("n / (n - 1) * ", "")),
        Slip(
            "that is the standard deviation of one name's rest; the error of a mean is smaller by the root of n",
            edit("n / (n - 1)", "n**2 / (n - 1)"),
        ),
        Slip(
            "that is the error of the first model's loss; the second does not count in it", edit("a - b", "a")
        ),
        Slip(
            "that is the difference itself; its standard error is asked for",
            edit("math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())", "difference.item()"),
        ),
        Slip(
            "that is the variance; the standard error is its root",
            edit(
                "return math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
                "error = math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())\n    return error**2",
            ),
        ),
        Slip("those are two standard errors; one is asked for", edit("math.sqrt", "2 * math.sqrt")),
    ),
    properties=(_bound,),
)

EXERCISES = [_BEAT, _GRU, _FRONT, _PAIRED]
