"""The machine of the exercise that asks for a better model: is the contract kept, and is the table beaten?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from nnz.data import load_names, split_names, windows
from nnz.evaluate import Estimate, by_name, nll, resample, surprisals
from nnz.exercises.checker.calling import exception_text, random_state_kept, reader_lines
from nnz.exercises.checker.compare import describe, is_tensor, kind
from nnz.exercises.checker.exercise import Exercise
from nnz.exercises.checker.observe import RESULT, Answer, Outcome, Parts
from nnz.exercises.checker.result import Result
from nnz.ngram import KneserNey
from nnz.plumbing.datasets import locate
from nnz.plumbing.paths import resource

_TRAIN, _DEV, _ = split_names(load_names(resource("data", "names-sample.txt")))
FEW, SET_ASIDE = _TRAIN[:2000], _DEV[:500]

LECTURE = 1.993  # nats per character, on the dev set of names.txt
RESAMPLES = 300  # lists drawn for an error bar
TOO_GOOD = 0.3  # nats below the table, which is more than any model of the book is

BETTER = "better than the Kneser-Ney table"
NO_MODEL = "not a model of the contract"
MISSHAPEN = "not a row of V numbers for each context"
PROBABILITIES = "probabilities and not their logarithms"
UNNORMALIZED = "its probabilities do not sum to 1"
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

VERDICT = "the verdict"


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
    """Return the surprisal of each name of `dev` under the table that was fitted to `train`."""
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
    raise Breach(UNNORMALIZED, f"the probabilities of one context sum to {worst:.4g}")


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
    costs = surprisals(model, dev)
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
    """Return the loss of these surprisals minus that of the table, as `paired_difference` would return it.

    Args:
        costs: the surprisal of each character of `dev` under the model, float64 of shape (N,).
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
    return f"{better} by {abs(gap.value):.4f} ± {gap.standard_error:.4f} (names){tail}"


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
    >>> from nnz.bigram import Uniform
    >>> train, dev = ["anna", "hanna", "noa", "jo"] * 3, ["ann", "johanna"]
    >>> ex.beat.score(Uniform(), train, dev)
    wrong: Beat the book: knows nothing
    dev loss: 3.2958 nats per character, on 2 names
    Kneser-Ney 6-gram, fitted to the same 12 names: 1.3424
    worse by 1.9535 ± 0.1524 (names)
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
        if answer is self.reference or any(answer is self.wrong(slip) for slip in self.known_slips):
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


def with_verdict(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer and judge the model that it returns by the names that were set aside."""
    model = answer(*args)
    if model is None or model is ...:
        return {RESULT: model}
    judged = judge(model, args[0], SET_ASIDE)
    return {RESULT: judged, VERDICT: judged.verdict}


def beats(args: Sequence[Any], parts: Parts) -> str:
    """Say, as a property, what the verdict rests on, unless the model is better than the table."""
    judged: Any = parts[RESULT]
    if judged.verdict == BETTER:
        return ""
    return "\n".join([f"the verdict: {judged.verdict}", *judged.lines])
