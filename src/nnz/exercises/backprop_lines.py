"""The machine of the exercise on every line of the backward pass: it judges one gradient at a time."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from nnz.backprop import EPS, NAMES, PARAMETERS, Values, forward
from nnz.exercises.checker.calling import random_state_kept
from nnz.exercises.checker.compare import describe, kind
from nnz.exercises.checker.exercise import Exercise
from nnz.exercises.checker.named import SHARES, changed_in, is_fine, line_of, told
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.exercises.checker.result import Result

Line = Callable[[SimpleNamespace, SimpleNamespace], Tensor]

# Known slips of any line, from the right gradient and the batch size.
ANY_LINE: tuple[tuple[str, Callable[[Tensor, int], Tensor]], ...] = (
    ("the sign is wrong", lambda right, n: -right),
    (
        "it is as many times too large as there are examples; the loss is their mean, and that share is left out",
        lambda right, n: right * n,
    ),
    (
        "it is divided by the number of examples once too often; the loss is a mean, but gradients of several "
        "uses add up",
        lambda right, n: right / n,
    ),
    (
        "it is transposed; a gradient has the shape of what it belongs to",
        lambda right, n: right.T if right.ndim == 2 else right,
    ),
    (
        "a sum has lost an axis of size 1 that the tensor in the forward pass has; see keepdim",
        lambda right, n: right.squeeze(),
    ),
    (
        "a sum has kept an axis of size 1 that the tensor in the forward pass does not have; see keepdim",
        lambda right, n: right[None],
    ),
)

_EVERY_ROW = "it is used in every row, and the gradients of those uses are still to be added up"
_IN_A_ROW = (
    "each of its numbers is used in a whole row, and the gradients of those uses are still to be added up"
)
_ONE_ROW = "the sum goes down the columns; a number of it is used in one row"
_POWER = "the power has not gone down by one"

# Known slips of one line alone, from the values v, with X, Y and n, the number of examples, and the right
# gradients d. The first of each is a slip of the exercise as well.
LINES: dict[str, tuple[tuple[str, Line], ...]] = {
    "logprobs": (
        (
            "every entry has a gradient; the loss looks at one entry of each row alone",
            lambda v, d: torch.full_like(v.logprobs, -1 / v.n),
        ),
        (
            "the gradient stands in the columns of all targets in every row; each row has a target of its own",
            lambda v, d: torch.zeros_like(v.logprobs).index_fill(1, v.Y, -1 / v.n),
        ),
        (
            "it is divided by the number of all entries; the mean is one over examples",
            lambda v, d: d.logprobs / v.logprobs.shape[1],
        ),
    ),
    "probs": (
        (
            "the slope of the logarithm is left out, so this is still the gradient of logprobs",
            lambda v, d: d.logprobs,
        ),
        (
            "it is multiplied by the probability; that is not the slope of the logarithm",
            lambda v, d: d.logprobs * v.probs,
        ),
        (
            "that is the slope of the logarithm alone, without what comes from the loss",
            lambda v, d: 1 / v.probs,
        ),
    ),
    "counts_sum_inv": (
        (_IN_A_ROW, lambda v, d: d.probs * v.counts),
        (_ONE_ROW, lambda v, d: (d.probs * v.counts).sum(0, keepdim=True)),
        (
            "that is a mean; the gradients of several uses add up",
            lambda v, d: d.counts_sum_inv / v.counts.shape[1],
        ),
        (
            "what it is multiplied by in the forward pass is left out",
            lambda v, d: d.probs.sum(1, keepdim=True),
        ),
    ),
    "counts_sum": (
        (_POWER, lambda v, d: -(v.counts_sum**-1) * d.counts_sum_inv),
        (
            "that is the slope of the power alone, without what comes from counts_sum_inv",
            lambda v, d: -(v.counts_sum**-2),
        ),
    ),
    "counts": (
        (
            "it is used twice, and the way through counts_sum is left out",
            lambda v, d: d.probs * v.counts_sum_inv,
        ),
        (
            "it is used twice, and the way straight to probs is left out, or written over",
            lambda v, d: d.counts_sum.expand_as(v.counts),
        ),
        (
            "the two ways are subtracted; gradients of several uses add up",
            lambda v, d: d.probs * v.counts_sum_inv - d.counts_sum,
        ),
        (
            "the gradient of the sum is shared out among the row; each term of a sum gets all of it",
            lambda v, d: d.probs * v.counts_sum_inv + d.counts_sum / v.counts.shape[1],
        ),
    ),
    "norm_logits": (
        (
            "the slope of the exponential is left out, so this is still the gradient of counts",
            lambda v, d: d.counts,
        ),
        (
            "it is multiplied by norm_logits; that is not the slope of the exponential",
            lambda v, d: d.counts * v.norm_logits,
        ),
    ),
    "logit_maxes": (
        (_IN_A_ROW, lambda v, d: -d.norm_logits),
        (_ONE_ROW, lambda v, d: -d.norm_logits.sum(0, keepdim=True)),
    ),
    "logits": (
        ("those are the probabilities' share alone; nothing pulls at the target", lambda v, d: v.probs / v.n),
    ),
    "b2": (
        (_EVERY_ROW, lambda v, d: d.logits),
        ("the sum goes along the rows; a number of b2 is used in one column", lambda v, d: d.logits.sum(1)),
    ),
    "hpreact": (
        (
            "the slope of tanh is computed from its input where its output belongs",
            lambda v, d: d.h * (1 - v.hpreact**2),
        ),
        ("the slope of tanh is left out, so this is still the gradient of h", lambda v, d: d.h),
        ("in the slope of tanh the square is missing", lambda v, d: d.h * (1 - v.h)),
        ("that is the slope of tanh alone, without what comes from h", lambda v, d: 1 - v.h**2),
    ),
    "bngain": (
        (
            "what it is multiplied by in the forward pass is left out, so this is the gradient of bnbias",
            lambda v, d: d.bnbias,
        ),
        (_EVERY_ROW, lambda v, d: d.hpreact * v.bnraw),
        (
            "it is multiplied by hprebn; in the forward pass the gain meets the standardized numbers",
            lambda v, d: (d.hpreact * v.hprebn).sum(0, keepdim=True),
        ),
    ),
    "bnbias": ((_EVERY_ROW, lambda v, d: d.hpreact),),
    "bnraw": (
        ("the gain, which it is multiplied by in the forward pass, is left out", lambda v, d: d.hpreact),
        ("it is multiplied by bnraw itself; its slope is the other factor", lambda v, d: d.hpreact * v.bnraw),
    ),
    "bnvar_inv": (
        (
            "it is multiplied by bnraw; the other factor in the forward pass is another",
            lambda v, d: (d.bnraw * v.bnraw).sum(0, keepdim=True),
        ),
        (_EVERY_ROW, lambda v, d: d.bnraw * v.bndiff),
    ),
    "bnvar": (
        (_POWER, lambda v, d: -0.5 * v.bnvar_inv * d.bnvar_inv),
        ("the factor one half, from the power, is left out", lambda v, d: 2 * d.bnvar),
        (
            "eps is left out of the sum that the power is taken of",
            lambda v, d: -0.5 * v.bnvar**-1.5 * d.bnvar_inv,
        ),
        (
            "that is the slope of the power alone, without what comes from bnvar_inv",
            lambda v, d: -0.5 * (v.bnvar + EPS) ** -1.5,
        ),
    ),
    "bndiff2": (
        (
            "it is divided by n; this variance divides by one less",
            lambda v, d: d.bnvar.expand_as(v.bndiff2) / v.n,
        ),
        (
            "the variance is a sum that is divided, and the division is left out",
            lambda v, d: d.bnvar.expand_as(v.bndiff2),
        ),
        (
            "every row of it goes into the variance; the gradient is still to be spread over the rows",
            lambda v, d: d.bnvar / (v.n - 1),
        ),
    ),
    "bndiff": (
        ("it is used twice, and the way through its square is left out", lambda v, d: d.bnraw * v.bnvar_inv),
        (
            "it is used twice, and the way straight to bnraw is left out, or written over",
            lambda v, d: 2 * v.bndiff * d.bndiff2,
        ),
        (
            "the factor 2, from the square, is left out",
            lambda v, d: d.bnraw * v.bnvar_inv + v.bndiff * d.bndiff2,
        ),
        (
            "in the slope of the square only the 2 is there",
            lambda v, d: d.bnraw * v.bnvar_inv + 2 * d.bndiff2,
        ),
    ),
    "bnmeani": ((_EVERY_ROW, lambda v, d: -d.bndiff),),
    "hprebn": (
        ("it is used twice, and the way through the mean is left out", lambda v, d: d.bndiff),
        ("of the mean each row has only a share, which is left out", lambda v, d: d.bndiff + d.bnmeani),
        (
            "it is used twice, and the way straight to bndiff is left out, or written over",
            lambda v, d: d.bnmeani.expand_as(v.hprebn) / v.n,
        ),
    ),
    "b1": (
        (_EVERY_ROW, lambda v, d: d.hprebn),
        ("the sum goes along the rows; a number of b1 is used in one column", lambda v, d: d.hprebn.sum(1)),
    ),
    "emb": (
        (
            "the numbers are those of the embeddings, in another order; an example's own are side by side",
            lambda v, d: d.emb.transpose(0, 1).reshape(v.emb.shape),
        ),
        (
            "the embeddings of an example are still in one row; a gradient has the shape of what it "
            "belongs to",
            lambda v, d: d.embcat,
        ),
    ),
    "C": (
        (
            "where a character comes more than once, only its last gradient is there; all of them add up",
            lambda v, d: _last_use(v.C, v.X, d.emb),
        ),
        (
            "the gradients of a character that comes more than once are averaged; they add up",
            lambda v, d: d.C / v.X.flatten().bincount(minlength=len(v.C)).clamp(min=1)[:, None],
        ),
        (
            "only the last position of the contexts is there; every position takes a row of C",
            lambda v, d: torch.zeros_like(v.C).index_add(0, v.X[:, -1], d.emb[:, -1]),
        ),
        (
            "only the first position of the contexts is there; every position takes a row of C",
            lambda v, d: torch.zeros_like(v.C).index_add(0, v.X[:, 0], d.emb[:, 0]),
        ),
    ),
}


def _last_use(C: Tensor, X: Tensor, demb: Tensor) -> Tensor:
    gradient = torch.zeros_like(C)
    for x, row in zip(X.flatten().tolist(), demb.flatten(0, 1), strict=True):
        gradient[x] = row
    return gradient


@dataclass(frozen=True)
class Batch:
    """The values of a batch, with X, Y and n, and the right gradients of all names, by autograd."""

    v: SimpleNamespace
    right: Values

    @classmethod
    def of(cls, values: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Batch:
        """Return those of a batch that `forward` made of X."""
        # The reader may have switched autograd off around the check.
        with torch.inference_mode(False), torch.enable_grad():
            X, Y = X.clone(), Y.clone()
            params = {n: values[n].clone().requires_grad_() for n in PARAMETERS}
            connected = forward(params, X, Y)
            grads = torch.autograd.grad(connected["loss"], [connected[name] for name in NAMES])
        v = {name: value.detach() for name, value in connected.items()}
        right = dict(zip(NAMES, grads, strict=True))
        return cls(SimpleNamespace(**v, X=X, Y=Y, n=len(Y)), right)

    def slip(self, line: Line) -> Tensor:
        """Return the wrong gradient that a slip of one line gives."""
        return line(self.v, SimpleNamespace(**self.right))

    def cause(self, name: str, yours: Tensor, skip: int = 0) -> str:
        """Return the cause of the one slip that gives the same gradient, or nothing.

        Args:
            name: whose gradient it is.
            yours: the wrong gradient.
            skip: how many of the slips of that line alone to leave out.
        """
        made = [(why, self.slip(line)) for why, line in LINES.get(name, ())[skip:]]
        right = self.right[name]
        general = [(why, change(right, self.v.n)) for why, change in ANY_LINE]
        made += [(why, slip) for why, slip in general if not _alike(slip, right)]
        found = [why for why, slip in made if _alike(yours, slip)]
        return found[0] if len(found) == 1 else ""


def _alike(yours: Tensor, slip: Tensor) -> bool:
    if yours.shape != slip.shape or not yours.is_floating_point():
        return False
    gap = (yours.detach().to(slip) - slip).abs().max().item()
    return bool(gap <= SHARES[slip.dtype] * slip.abs().max().item())


def line_by_line(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer; each gradient is compared with that of autograd."""
    batch = Batch.of(*args)
    before = {name: value.clone() for name, value in args[0].items()}
    result = answer(*args)
    changed = changed_in("values", before, args[0])

    def cause(name: str, yours: Tensor) -> str:
        return batch.cause(name, yours, skip=1)

    return told(result, batch.right, changed, cause)


@cache
def batch_of(exercise: LineByLine) -> Batch:
    """Return the batch of `given()`, with its right gradients."""
    return Batch.of(*exercise.given())


@dataclass(eq=False, repr=False)
class LineByLine(Exercise):
    """An exercise whose answer is a dict of gradients, each of which is judged by itself.

    In a notebook the lines can be written and compared one at a time:

    >>> from nnz import exercises as ex
    >>> values, X, Y = ex.all_gradients.given()
    >>> dlogprobs = torch.zeros(5, 8)
    >>> dlogprobs[range(5), Y] = 0.2
    >>> ex.all_gradients.compare("logprobs", dlogprobs)
    logprobs: WRONG by up to 0.4
    probable cause: the sign is wrong
    >>> ex.all_gradients.compare("logprobs", -dlogprobs)
    logprobs: exact
    """

    def check(self, answer: object) -> Result:
        """Judge an answer, see `Exercise.check`; the text has a line for each name that was come to."""
        result = super().check(answer)
        if not result:
            return result
        right: Any = answer
        with random_state_kept():
            report = self.observe(right, 0).parts.get(RESULT)
        count = f"{len(self.tried)} batches, {len(NAMES)} gradients of each"
        lines = getattr(report, "lines", ())
        return Result("right", "\n".join([f"✓ {self.title}: {count}", *lines]))

    def given(self, batch: int = 0) -> tuple[Values, Tensor, Tensor]:
        """Return copies of values, X and Y of one of the batches that answers are tried on.

        Args:
            batch: which one, from 0; `compare` is about the first.

        Raises:
            ValueError: there is no batch of that number.
        """
        if batch not in range(len(self.inputs)):
            raise ValueError(f"{self.name} has batches 0 to {len(self.inputs) - 1}; got {batch!r}.")
        args: Any = self.inputs[batch].fresh()
        values, X, Y = args
        return values, X, Y

    def compare(self, name: str, yours: object) -> Result:
        """Judge one gradient, that of the tensor of this name in the batch of `given()`.

        Raises:
            ValueError: no gradient of that name is asked for.
        """
        if not isinstance(name, str) or name not in NAMES:
            raise ValueError(_unknown(name))
        if not isinstance(yours, Tensor):
            got = f"got {describe(yours)}, {kind(yours)}"
            return Result("error", f"{name}: expected a tensor; {got}")
        batch = batch_of(self)
        try:
            line = line_of(name, yours, batch.right)
            if is_fine(line):
                return Result("right", line)
            cause = batch.cause(name, yours)
        except Exception as error:  # a tensor without numbers, for example
            problem = f"cannot be compared: {type(error).__name__}"
            return Result("error", f"{name}: {problem}")
        text = f"{line}\nprobable cause: {cause}" if cause else line
        return Result("wrong", text)

    def __repr__(self) -> str:
        one = f"ex.{self.name}.given() ex.{self.name}.compare(name, yours)"
        return f"{super().__repr__()}\n{one}"


def _unknown(name: object) -> str:
    """Say that no gradient is asked for by that name, and which names are near."""
    if not isinstance(name, str):
        return f'expected a name such as "probs" first; got {kind(name)}.'
    near = difflib.get_close_matches(name, NAMES, n=3)
    hint = f"the nearest: {', '.join(near)}" if near else f"known: {', '.join(NAMES)}"
    return f"no gradient is named {name!r}; {hint}."


def one_line(name: str, line: Line) -> Answer:
    """Return an answer that is right but for this one line."""

    def answer(values: Values, X: Tensor, Y: Tensor) -> Values:
        batch = Batch.of(values, X, Y)
        return batch.right | {name: batch.slip(line)}

    return answer
