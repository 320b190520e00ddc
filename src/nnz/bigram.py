"""Language models of none, one, and two characters: made by counting, and the last also by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary, windows


class Uniform:
    """The model that knows nothing: P(c) = 1/V for each character, whatever came before."""

    block_size = 0

    def __init__(self, vocabulary: Vocabulary = LETTERS) -> None:
        self.vocabulary = vocabulary

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log(1/V) for every character; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        V = len(self.vocabulary)
        return torch.full((len(contexts), V), -math.log(V), dtype=torch.float64)


class UnigramCounts:
    """How often each character occurs: P(c) = N(c) / N, with no context.

    Args:
        vocabulary: the alphabet; a to z by default.
    """

    block_size = 0

    def __init__(self, vocabulary: Vocabulary = LETTERS) -> None:
        self.vocabulary = vocabulary

    def fit(self, names: Sequence[str]) -> UnigramCounts:
        """Count the characters of `names`, end tokens included, into `counts` of shape (V,)."""
        _, Y = windows(names, self.block_size, self.vocabulary)
        self.counts = torch.bincount(Y, minlength=len(self.vocabulary))
        return self

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the same V log-probabilities for each context; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        probs = self.counts.double() / self.counts.sum()
        return probs.log().expand(len(contexts), -1)


class BigramCounts:
    """How often each character follows each other: P(b | a) = (N(ab) + k) / (N(a·) + kV).

    Add-k smoothing is due to Laplace (k = 1) and Lidstone; see Chen and Goodman (1999), section 2.1. With k = 0
    and a context that was never seen, nothing is known and every character gets 1/V.

    Args:
        k: how many times each pair is counted before any name is read; not negative, and kV is finite.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: k is negative, too large or NaN.

    Example:
        >>> model = BigramCounts(k=0).fit(["ava", "eva"])
        >>> int(model.counts[model.vocabulary.encode("v")[0], model.vocabulary.encode("a")[0]])
        2
    """

    block_size = 1

    def __init__(self, k: float = 0, vocabulary: Vocabulary = LETTERS) -> None:
        if not 0 <= k * len(vocabulary) < math.inf:
            raise ValueError(
                f"k is {k}; it is added to counts, so it must be 0 or more, and kV finite."
            )
        self.k = k
        self.vocabulary = vocabulary

    def fit(self, names: Sequence[str]) -> BigramCounts:
        """Count the pairs of `names` into `counts`, int64 of shape (V, V): row first, column next."""
        V = len(self.vocabulary)
        X, Y = windows(names, self.block_size, self.vocabulary)  # (N, 1), (N,)
        self.counts = torch.bincount(X[:, 0] * V + Y, minlength=V * V).view(V, V)
        return self

    def probs(self) -> Tensor:
        """Return P(next | previous) as float64 of shape (V, V); each row sums to 1."""
        counts = self.counts.double() + self.k  # (V, V)
        totals = counts.sum(dim=1, keepdim=True)  # (V, 1)
        return torch.where(totals > 0, counts / totals, 1 / len(self.vocabulary))

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Look the rows of `probs` up and return their logarithms; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        return self.probs().log()[contexts[:, 0]]


def log_softmax(logits: Tensor) -> Tensor:
    """Return log P for P = exp(z) / Σ exp(z): z - log Σ exp(z), without overflow.

    The largest logit of each row is subtracted first: P is the same, and no exponential is above 1.

    Args:
        logits: float of shape (B, V), finite.

    Returns:
        float of shape (B, V); the exponentials of each row sum to 1.

    Example:
        >>> log_softmax(torch.tensor([[1000.0, 1000.0]])).exp()
        tensor([[0.5000, 0.5000]])
    """
    shifted = logits - logits.max(dim=1, keepdim=True).values  # (B, V), 0 at most
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def cross_entropy(logits: Tensor, Y: Tensor) -> Tensor:
    """Return the average negative log-likelihood of the characters Y under softmax(logits), in nats.

    Args:
        logits: float of shape (B, V), finite.
        Y: int64 of shape (B,), the character that followed each context.

    Returns:
        A scalar through which gradients flow; those of the logits are (P - onehot(Y)) / B.
    """
    return -log_softmax(logits).gather(1, Y[:, None]).mean()


def tally(X: Tensor, Y: Tensor, V: int) -> tuple[Tensor, Tensor]:
    """Return each distinct context once, and how often each character follows it.

    Args:
        X: int64 of shape (N, block_size), the contexts; block_size at least 1.
        Y: int64 of shape (N,), what follows them.
        V: the number of characters.

    Returns:
        The contexts, int64 of shape (U, block_size), sorted; and counts, int64 of shape (U, V), with sum N.
    """
    contexts, row = X.unique(dim=0, return_inverse=True)  # (U, block_size), (N,)
    counts = torch.bincount(row * V + Y, minlength=len(contexts) * V)
    return contexts, counts.view(-1, V)


class BigramNet:
    """The bigram as one linear layer: P(b | a) = softmax(W[a])_b, with W found by gradient descent.

    A one-hot vector times W is a row of W, so the row is taken and nothing is multiplied.

    Args:
        generator: the source of the first weights, which are standard normal.
        vocabulary: the alphabet; a to z by default.

    Attributes:
        W: float32 of shape (V, V), the logits; row first, column next.
        losses: the training loss before each step so far, without the charge for large weights.
    """

    block_size = 1

    def __init__(
        self, *, generator: torch.Generator, vocabulary: Vocabulary = LETTERS
    ) -> None:
        self.vocabulary = vocabulary
        self.losses: list[float] = []
        size = (self.rows(), len(vocabulary))
        self.W = torch.randn(size, generator=generator, requires_grad=True)

    def rows(self) -> int:
        """Return how many rows W has: one for each character that may stand before."""
        return len(self.vocabulary)

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the rows of W that the contexts ask for, of shape (B, V)."""
        return self.W[contexts[:, 0]]

    def parameters(self) -> list[Tensor]:
        """Return the weights, for an optimiser to change."""
        return [self.W]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights by name, without gradients, in the memory they are in."""
        return {"W": self.W.detach()}

    def fit(
        self,
        names: Sequence[str],
        *,
        steps: int,
        rate: float = 50.0,
        decay: float = 0.0,
    ) -> Self:
        """Take gradient steps on the loss over all of `names` at once, from the weights as they are.

        Equal windows have equal logits and are computed once, weighted by how often they occur: `tally`.

        Args:
            names: what to learn from.
            steps: how many gradient steps.
            rate: the learning rate.
            decay: the charge for large weights: decay · ΣW² is added to what is minimised.

        Raises:
            ValueError: names is empty, steps or decay is negative, rate is not above 0, or rate times decay is
                1 or more, with which every step makes the weights larger than they were.
            ArithmeticError: in the end the weights or a loss were not finite; all is as it was before.
        """
        _check_descent(steps, rate, decay)
        before = self.W.detach().clone()
        X, Y = windows(names, self.block_size, self.vocabulary)
        contexts, counts = tally(X, Y, len(self.vocabulary))
        shares = counts / len(Y)  # (U, V), sums to 1
        for _ in range(steps):
            loss = -(shares * log_softmax(self.logits(contexts))).sum()
            self.losses.append(loss.item())
            charged = loss + decay * self.W.square().sum()
            (slopes,) = torch.autograd.grad(charged, self.W)
            with torch.no_grad():
                self.W -= rate * slopes
        self._check_end(before, steps, rate)
        return self

    @torch.no_grad()
    def _check_end(self, before: Tensor, steps: int, rate: float) -> None:
        """Go back to the weights of before, and say so, if these and the losses are no numbers."""
        losses = self.losses[len(self.losses) - steps :]
        if self.W.isfinite().all() and all(map(math.isfinite, losses)):
            return
        self.W.copy_(before)
        del self.losses[len(self.losses) - steps :]
        raise ArithmeticError(
            f"after {steps} steps at rate {rate} the weights or the loss are not finite; the weights are again"
            " those of before. Try a smaller rate."
        )

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log softmax of the rows asked for; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        return log_softmax(self.logits(contexts))


def _check_descent(steps: int, rate: float, decay: float) -> None:
    """Raise a clear error unless descent with these can lead down."""
    if steps < 0 or not 0 < rate < math.inf or not 0 <= decay < math.inf:
        given = f"steps {steps}, rate {rate}, decay {decay}"
        raise ValueError(f"steps and decay are 0 or more, rate above 0: {given}.")
    if rate * decay >= 1:
        raise ValueError(
            f"rate {rate} times decay {decay} is {rate * decay:.4g}; from 1 on each step makes weights larger than"
            f" they were. Take a rate below {1 / decay:.4g}, or a smaller decay."
        )
