"""The bigram once more, found by gradient descent instead of counting.

Chapter: bigram-network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary, tally, windows
from nnz.plumbing.tensors import TakesState
from nnz.softmax import log_softmax

# Times the first loss, or times that of a blind guess: no descent that works ends there.
_EXPLODED = 4.0


class BigramNet(TakesState):
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
        """Return the weights, for an optimizer to change."""
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
            decay: the charge for large weights: decay · ΣW² is added to what is minimized.

        Raises:
            ValueError: names is empty, steps or decay is negative, rate is not above 0, or rate times decay is
                1 or more, with which every step makes the weights larger than they were.
            ArithmeticError: a loss was not finite, or that at the end was four times the first one and that of
                a blind guess; all is as it was before.
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
            (gradient,) = torch.autograd.grad(charged, self.W)
            with torch.no_grad():
                self.W -= rate * gradient
        with torch.no_grad():
            end = -(shares * log_softmax(self.logits(contexts))).sum().item()
            self._check_end(before, steps, rate, end)
        return self

    def _check_end(
        self, before: Tensor, steps: int, rate: float, end: float
    ) -> None:
        """Go back to the weights of before, and say so, if the loss at the end is no number or far too large."""
        blind = math.log(len(self.vocabulary))
        losses = [*self.losses[len(self.losses) - steps :], end]
        if all(map(math.isfinite, losses)) and end < _EXPLODED * max(
            losses[0], blind
        ):
            return
        self.W.copy_(before)
        del self.losses[len(self.losses) - steps :]
        raise ArithmeticError(
            f"after {steps} steps at rate {rate} the loss is {end:.4g}; the weights are again those of before."
            " Try a smaller rate."
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
