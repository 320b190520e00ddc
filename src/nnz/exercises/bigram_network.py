"""The exercises of the chapter on the bigram as a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.exercises.checker.drawn import shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.softmax import log_softmax

VERDICT = "the verdict"
GRADIENT = "the gradient of W"


def logits_gradient(logits: Tensor, Y: Tensor) -> Tensor:
    """Return the gradient of the average cross-entropy with respect to the logits, without autograd."""
    gradients = log_softmax(logits).exp()  # (B, V)
    gradients[torch.arange(len(Y)), Y] -= 1
    return gradients / len(Y)


def rows_gradient(X: Tensor, gradients: Tensor, V: int) -> Tensor:
    """Return the gradient of a loss with respect to W, given its gradient with respect to W[X]."""
    nothing = gradients.new_zeros(V, gradients.shape[1])  # (V, C)
    return nothing.index_add(0, X, gradients)


def safe_cross_entropy(logits: Sequence[float], y: int) -> float:
    """Return -log softmax(logits)[y] in nats, however large or small the logits."""
    largest = max(logits)
    total = sum(math.exp(logit - largest) for logit in logits)
    return math.log(total) + (largest - logits[y])


def same_model(W: Tensor, U: Tensor) -> bool:
    """Return whether the rows of both tables of logits give the same probabilities, within 1e-6."""
    P, Q = log_softmax(W).exp(), log_softmax(U).exp()
    return torch.allclose(P, Q, rtol=0, atol=1e-6)


def exact_charge(W: Tensor, k: float, n: int) -> Tensor:
    """Return the charge that makes add-k smoothing of n pairs the exact minimum, as a scalar tensor."""
    return -(k / n) * log_softmax(W).sum()


def _rows_sum_to_zero(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    for i, total in enumerate(yours.sum(dim=1).tolist()):
        if abs(total) > 1e-4:
            why = "a constant added to a row of logits changes no loss"
            return f"row {i} sums to {total:.4g}, where every row should sum to 0: {why}"
    return ""


_GRADIENT = Exercise(
    label="bigram-network-ex-gradient",
    reference=logits_gradient,
    task="""
    Write `logits_gradient(logits, Y)` without autograd: the gradient of the average cross-entropy, in nats,
    with respect to the logits, float of shape $(B, V)$. `Y`, int64 of shape $(B,)$, holds the character that
    came in each row. The result is a new tensor of the same shape; the logits stay as they are, and may be
    numbers such as $1000$.
    """,
    hints=(
        "Begin with one row. Its loss is the logarithm of a sum of exponentials, less the logit of the "
        "character that came. What is the gradient of each of the two?",
        "The first has the probabilities as its gradient. The second is one logit, with a gradient of 1 at one "
        "place of the row.",
        "A row has only its share in the mean over B rows. And the exponential of 1000 is infinite, but "
        "that of a log-probability never is.",
    ),
    inputs=(
        call(torch.tensor([[0.0, 0.0]]), torch.tensor([1])),
        call(torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]]), torch.tensor([0, 2])),
        call(torch.tensor([[0.5, 0.0, 3.0], [0.0, -1.0, 1.5], [2.0, 0.25, 0.0]]), torch.tensor([2, 2, 0])),
        call(torch.tensor([[1000.0, 999.0], [-1000.0, -1000.0], [0.0, 1000.0]]), torch.tensor([1, 0, 1])),
    ),
    more=shaped("B V, B<V"),
    slips={
        "that is the gradient of the sum over the rows; the loss is their mean": edit(
            "gradients / len(Y)", "gradients"
        ),
        "the sign is turned around: a higher logit for the character that came lowers the loss": edit(
            "return gradients", "return -gradients"
        ),
        "nothing is subtracted at the character that came; Y plays no part": edit(
            "    gradients[torch.arange(len(Y)), Y] -= 1\n", ""
        ),
        "it is divided by all B V entries; the loss is a mean over the B rows alone": edit(
            "gradients / len(Y)", "gradients / logits.numel()"
        ),
        "the softmax goes down the columns; each row is a distribution of its own": edit(
            "log_softmax(logits)", "logits.log_softmax(0)"
        ),
        "those are log-probabilities where the probabilities belong": edit("(logits).exp()", "(logits)"),
        "the 1 is subtracted in every row at all the characters of Y; each row has one of its own": edit(
            "torch.arange(len(Y))", ":"
        ),
        "the exponential of a large logit overflows, and that of a very negative one is 0": edit(
            "log_softmax(logits).exp()", "logits.exp() / logits.exp().sum(1, keepdim=True)"
        ),
        "the largest logit of all is subtracted everywhere; a row far below it is left with zeros alone": (
            edit("log_softmax(logits)", "(logits - logits.max())"),
            edit(
                "    gradients[torch", "    gradients /= gradients.sum(1, keepdim=True)\n    gradients[torch"
            ),
        ),
    },
    properties=(_rows_sum_to_zero,),
    tolerance=1e-5,
)


def _no_gradient_is_lost(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    if torch.allclose(yours.sum(dim=0).float(), args[1].sum(dim=0), atol=1e-4):
        return ""
    return (
        "its columns do not add up to what those of gradients add up to, as they "
        "would if each gradient were counted once"
    )


_ROWS = Exercise(
    label="bigram-network-ex-rows",
    reference=rows_gradient,
    task="""
    This is an exercise of the lecture: index rows of $W$, of shape $(V, C)$, instead of multiplying by
    one-hots. The forward pass is `W[X]`, row `X[i]` for example `i`. Write the way back, without autograd:
    `rows_gradient(X, gradients, V)`, where `X` is int64 of shape $(B,)$, and `gradients`, float of shape $(B, C)$,
    holds the gradient of the loss with respect to each row that was taken. Return the gradient with respect
    to $W$. Try the tempting `dW[X] += gradients` first, on a list in which an index occurs twice.
    """,
    hints=(
        "A row that nobody took has no influence on the loss. What if one example took it, and what if two "
        "did?",
        "Where a number is used several times, its gradients add up. So start from zeros, and add each "
        "example's gradients to the row that it took.",
        "A loop over the examples does it; tensors have a method that adds rows at given indices, and "
        "counts an index as often as it occurs.",
    ),
    inputs=(
        call(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), 2),
        call(torch.tensor([1, 1]), torch.tensor([[0.5], [2.0]]), 2),
    ),
    more=shaped("B<V, B C, #V"),
    slips={
        "where several examples took one row, only the last one counts: writing to rows by index, with = "
        "or with +=, writes each row once": edit(
            "return nothing.index_add(0, X, gradients)",
            "for x, gradient in zip(X, gradients):\n        nothing[x] = gradient\n    return nothing",
        ),
        "the gradients of the examples that took one row are averaged; they add up": edit(
            "(0, X, gradients)", "(0, X, gradients) / X.bincount(minlength=V).clamp(min=1)[:, None]"
        ),
        "it is divided by the number of examples; the gradients are already those of the whole loss": edit(
            "(0, X, gradients)", "(0, X, gradients) / len(X)"
        ),
        "the result lies on its side: its rows are the rows of W": edit(
            "(0, X, gradients)", "(0, X, gradients).T"
        ),
        "the rows that nobody took are missing; they are rows of zeros": edit(
            "(0, X, gradients)", "(0, X, gradients)[X.unique()]"
        ),
        "rows of gradients are taken at X, as rows of W were on the way forward; on the way back row i goes "
        "to X[i], and a matrix of one-hot rows has "
        "to be transposed": edit("nothing.index_add(0, X, gradients)", "torch.eye(V)[X] @ gradients"),
    },
    properties=(_no_gradient_is_lost,),
    tolerance=1e-5,
)


def _is_large_enough(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    logits, y = args
    if yours == math.inf:
        return "the loss is infinite only if a probability is 0, and no softmax of finite logits is"
    if yours < max(logits) - logits[y] - 1e-6:
        return "the loss cannot be less than the gap from the logit of y up to the largest one"
    return ""


_SAFE = Exercise(
    label="bigram-network-ex-safe",
    reference=safe_cross_entropy,
    task=r"""
    Write `safe_cross_entropy(logits, y)` in plain Python, for a list of floats and the index of the character
    that came: the loss $-\log \text{softmax}(\text{logits})_y$, in nats, as a float. It should be right for
    logits of a thousand and of minus a thousand as well. What is the loss of the logits $(1000, 0)$ if the
    second character came?
    """,
    hints=(
        "A constant added to all logits changes no probability. Which constant leaves no exponential above 1?",
        "Then one of the exponentials is 1, so their sum has a logarithm. A single probability may still be "
        "rounded to 0, which has none.",
        "Write the logarithm of the quotient as a difference first: the logarithm of an exponential needs "
        "no exponential.",
    ),
    inputs=(
        call([0.0, 0.0], 1),
        call([1.0, 0.5], 1),
        call([1000.0, 0.0], 1),
        call([-1000.0, -1001.0, -1000.0], 1),
    ),
    more=lambda draw: call(draw.table(n := draw.size()), draw.whole(high=n - 1)),
    slips={
        "the exponential is taken of the logits as they are, and that of 1000 is larger than any float": edit(
            "max(logits)", "0"
        ),
        "the largest is subtracted, but then a probability that was rounded to 0 is given to "
        "the logarithm": edit(
            "math.log(total) + (largest - logits[y])", "-math.log(math.exp(logits[y] - largest) / total)"
        ),
        "the logarithm is to base 10; nats come from the natural one": edit("math.log(", "math.log10("),
        "the logarithm is to base 2, which gives bits; nats come from the natural one": edit(
            "math.log(", "math.log2("
        ),
        "the sign: that is the log-probability, and the loss is its negative": edit(
            "return math.log(total) + (largest - logits[y])",
            "return -math.log(total) - (largest - logits[y])",
        ),
        "the largest is subtracted within the sum, and not from the logit of y": edit(
            "(largest - logits[y])", "-logits[y]"
        ),
        "the largest is subtracted once more where it should be added back": edit(
            "(largest - logits[y])", "(-largest - logits[y])"
        ),
        "the logit of y is missing: that is the loss of the likeliest character, whatever y is": edit(
            " + (largest - logits[y])", ""
        ),
    },
    properties=(_is_large_enough,),
)


def _said(answer: Answer, args: Sequence[object]) -> Parts:
    result = answer(*args)
    verdict = str(result) if isinstance(result, bool) else "not looked at"
    return {VERDICT: verdict, RESULT: result}


def _beside(rows: list[list[float]], change: list[list[float]]) -> Input:
    W = torch.tensor(rows)
    call_text = f"same_model(W, W + torch.tensor({change}))"
    text = f"{call_text} where W = torch.tensor({rows})"
    return Input((W, W + torch.tensor(change)), text)


_BOTH = "log_softmax(W).exp(), log_softmax(U).exp()"
_CLOSE = "torch.allclose(P, Q, rtol=0, atol=1e-6)"

_SAME = Exercise(
    label="bigram-network-ex-shift",
    reference=same_model,
    task="""
    Two networks were trained from different starts, and their weights differ. Write `same_model(W, U)` for
    two tables of logits, float of shape $(V, V)$: True if the softmax of each row of $W$ gives the same
    probabilities as that of the same row of $U$, within $10^{-6}$, so that they are the same model all the
    same, and False otherwise.
    """,
    hints=(
        "Which changes to a row of logits leave its probabilities as they are? Tables that differ may still "
        "be the same model.",
        "There is no need to look for the constants: compare what the tables are for.",
        "Take the softmax of the rows of both, safely, and ask whether any two entries are further apart "
        "than rounding explains. The answer is one bool of Python's, not a tensor.",
    ),
    inputs=(
        call(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])),
        _beside([[1.0, 0.0], [0.0, 2.0]], [[5.0]]),
        _beside([[1.0, 0.0], [0.0, 2.0]], [[0.5, 0.0]]),
        _beside([[1.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.001]]),
        _beside([[1.0, 0.0], [0.0, 2.0]], [[0.0, 0.000008], [0.0, 0.0]]),  # probabilities 1.6e-6 apart
        _beside([[1.0, 0.0], [0.0, 2.0]], [[-1.0, 1.0], [0.0, 0.0]]),
        _beside([[0.5, 1.0, 0.0], [0.0, 2.5, 0.5], [1.0, 0.0, 0.5]], [[1000.0], [0.0], [-1000.0]]),
    ),
    more=lambda draw: _beside(draw.table(n := draw.size(), n), draw.table(*draw.pick(1, (n, 1), (1, n))[0])),
    slips={
        "the logits themselves are compared; different logits can give the same probabilities": edit(
            _BOTH, "W, U"
        ),
        "one constant is allowed for the whole table; each row may have its own": edit(
            _BOTH, "W - U, (W - U)[0, 0]"
        ),
        "a constant is allowed for each column, as by a softmax down the columns; the rows are the "
        "distributions": edit(_BOTH, "W - U, (W - U)[:1]"),
        "only the likeliest next character of each row is compared; all probabilities count": edit(
            _BOTH, "W.argmax(dim=1), U.argmax(dim=1)"
        ),
        "one row that agrees is taken for enough; every row has to": edit(
            _CLOSE, "bool(((P - Q).abs() < 1e-6).all(dim=1).any())"
        ),
        "that holds for any two tables: the probabilities of a row sum to 1 in both, so their differences "
        "cancel where they are added up": edit(_CLOSE, "(P - Q).sum().abs().item() < 1e-4"),
        "too much is put down to rounding: these probabilities differ by more than 1e-6": edit(
            "atol=1e-6", "atol=1e-2"
        ),
        "the probabilities are compared to the last digit, and rounding alone makes a difference there": (
            edit(_BOTH, "W.softmax(dim=1), U.softmax(dim=1)"),
            edit(_CLOSE, "torch.equal(P, Q)"),
        ),
        "the exponential of a large logit overflows; what comes of it is nan, which equals nothing": edit(
            _BOTH, "(T.exp() / T.exp().sum(dim=1, keepdim=True) for T in (W, U))"
        ),
    },
    drive=_said,
)


def _charge_and_gradient(answer: Answer, args: Sequence[Any]) -> Parts:
    result = answer(*args)
    W = args[0]
    if not (isinstance(result, Tensor) and W.requires_grad):
        return {RESULT: result}
    gradient = None
    if result.requires_grad:
        (gradient,) = torch.autograd.grad(result.sum(), W, allow_unused=True)
    return {RESULT: result.detach(), GRADIENT: torch.zeros_like(W) if gradient is None else gradient}


def _connected(args: Sequence[Any], parts: Parts) -> str:
    gradient: Any = parts.get(GRADIENT)
    if gradient is None or gradient.any():
        return ""
    return "the result is not connected to W: after backward() its gradient is 0"


def _charge_case(rows: list[list[float]], k: float, n: int) -> Input:
    text = f"exact_charge(W, {k}, {n}) where W = torch.tensor({rows}, requires_grad=True)"
    return Input((torch.tensor(rows, requires_grad=True), k, n), text)


_CHARGE = Exercise(
    label="bigram-network-ex-charge",
    reference=exact_charge,
    task="""
    Weight decay is only nearly add-k smoothing. Write `exact_charge(W, k, n)`: what has to be added to the
    average cross-entropy over $n$ pairs, in nats, such that the table of add-k smoothing is exactly the
    minimum, whatever the names. It has no constant part. $W$ is float of shape $(V, V)$, a row of logits for
    each character; the result is a scalar tensor through which a gradient flows to $W$.
    """,
    hints=(
        "Add-k smoothing is counting, on a list in which each pair stands k more times than in the names. "
        "What would the pairs that were put in add to the loss?",
        "The average cross-entropy is a sum over all pairs of characters: the count of the pair times its "
        "surprisal, over n. Raise each count by k, but leave n as it is.",
        "What was added is one term for each entry of the table, all with the same factor; the surprisal "
        "is that of the entry in its row.",
    ),
    inputs=(
        call(torch.tensor([[1.0, 0.0], [0.5, -1.0]]), 1, 5),
        _charge_case([[1.0, 0.0], [2.0, -1.0]], 0.5, 8),
        _charge_case([[0.5, 2.0, 0.0], [-1.0, 0.0, 1.5], [3.0, 0.25, 0.0]], 2, 10),
    ),
    more=lambda draw: _charge_case(draw.table(n := draw.size(), n), draw.positive(), draw.size(5, 20)),
    slips={
        "that is weight decay, which is add-k smoothing only nearly": edit(
            "-(k / n) * log_softmax(W).sum()", "k / (2 * n) * W.square().sum()"
        ),
        "the 2 in the divisor belongs to weight decay, which has half the square of each weight": edit(
            "(k / n)", "(k / n / 2)"
        ),
        "it is not divided by n; the loss that it is added to is an average over n pairs": edit(
            "(k / n)", "k"
        ),
        "that is the mean over the table; each of its pairs is counted k times, so their "
        "charges add up": edit("sum()", "mean()"),
        "that is the mean over the rows, as if each row were one example; all of them add up": edit(
            "sum()", "sum() / len(W)"
        ),
        "the sign: surprisals are positive, and so is the charge": edit("-(k / n)", "(k / n)"),
        "the softmax goes down the columns; each row is a distribution of its own": edit(
            "log_softmax(W)", "log_softmax(W.T)"
        ),
        "it is divided by the n pairs and those that were put in; the loss is divided by n alone": edit(
            "(k / n)", "k / (n + k * W.numel())"
        ),
        "the calculation leaves the graph, as it does with item(), detach() or no_grad()": edit(
            "log_softmax(W)", "log_softmax(W.detach())"
        ),
    },
    drive=_charge_and_gradient,
    properties=(_connected,),
    tolerance=1e-5,
)

EXERCISES = [_GRADIENT, _ROWS, _SAFE, _SAME, _CHARGE]
