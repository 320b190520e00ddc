"""Bengio's network with a batch norm, trained by gradients written by hand, in arrays that every step uses again.

Chapter: backprop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nnz.backprop import EPS, Values, check_batch
from nnz.plumbing.checks import check_sizes

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class HandStep:
    """A step of gradient descent on rows of a data set, without autograd and without new large arrays.

    What it computes is `nnz.backprop.forward` and `backward` in their short forms; b1 stays as it is, since the
    batch norm takes off again what it adds, and its gradient is 0.

    Args:
        params: of a model, float32; they are changed in place, which autograd does not notice.
        X: contexts, int64 of shape (N, block_size); a copy is kept.
        Y: what follows them, int64 of shape (N,); a copy is kept.
        batch_size: how many rows a step takes; at least 2.

    Raises:
        TypeError: the parameters are not float32, or X or Y not int64.
        ValueError: see `nnz.backprop.forward`; or batch_size is not a whole number of at least 2, or a parameter
            wants a gradient, or does not lie in memory as it is read.
    """

    def __init__(
        self, params: Values, X: Tensor, Y: Tensor, batch_size: int
    ) -> None:
        self._check(params, X, Y, batch_size)
        self.X, self.Y, self.B = X.numpy().copy(), Y.numpy().copy(), batch_size
        self.params = params
        self.places = self._places()
        # The same memory as the model's: to change one is to change the other.
        arrays = {name: p.numpy() for name, p in params.items()}
        for name in ("bngain", "bnbias"):
            arrays[name] = arrays[name][0]  # (n_hidden,)
        self.p = SimpleNamespace(**arrays)
        self._make_room()

    def _check(self, params: Values, X: Tensor, Y: Tensor, batch_size: int) -> None:
        check_batch(params, X, Y)
        if params["C"].dtype != torch.float32:
            raise TypeError(f"params must be float32; got {params['C'].dtype}.")
        check_sizes(least=2, batch_size=batch_size)
        for name, p in params.items():
            if p.requires_grad or not p.is_contiguous():
                raise ValueError(
                    f"{name} must want no gradient and be contiguous; pass p.detach().contiguous()."
                )

    def _places(self) -> list[int]:
        """Return where the parameters are in memory."""
        return [p.data_ptr() for p in self.params.values()]

    def _make_room(self) -> None:
        """Make the arrays that every step writes into again."""
        p, B, V = self.p, self.B, len(self.p.C)
        n_in, n_hidden = p.W1.shape

        def empty(*shape: int) -> Floats:
            return np.empty(shape, np.float32)

        self.raw, self.h = empty(B, n_hidden), empty(B, n_hidden)
        self.dh, self.spare = empty(B, n_hidden), empty(B, n_hidden)
        self.probs, self.dembcat = empty(B, V), empty(B, n_in)
        self.dW1, self.dW2 = np.empty_like(p.W1), np.empty_like(p.W2)
        places = B * self.X.shape[1]  # of characters in a batch
        self.which = np.zeros((V, places), np.float32)
        self.columns, self.rows = np.arange(places), np.arange(B)
        self.share = np.full(B, 1 / B, np.float32)  # for means

    def __call__(self, rows: Rows, rate: float) -> float:
        """Take a step on these rows of the data, and return the loss before it, in nats.

        Args:
            rows: int64 of shape (batch_size,), each from 0 to N - 1.
            rate: the learning rate; finite, and not below 0.

        Raises:
            ValueError: rows or the rate are not as they should be.
            RuntimeError: the model has other tensors now than those that this step was made for.
            ArithmeticError: the loss is not finite; the step is not taken.
        """
        self._check_step(rows, rate)
        contexts, targets = self.X.take(rows, axis=0), self.Y.take(rows)
        loss = self.forward(contexts, targets)
        if not math.isfinite(loss):
            raise ArithmeticError(
                f"the loss is {loss}; this step was not taken. Try a smaller rate."
            )
        self.backward()
        self.update(contexts, np.float32(rate))
        return loss

    def _check_step(self, rows: Rows, rate: float) -> None:
        if rows.shape != (self.B,) or rows.dtype != np.int64:
            given = f"{rows.dtype} of shape {rows.shape}"
            raise ValueError(
                f"rows must be int64 of shape ({self.B},); got {given}."
            )
        if rows.min() < 0 or rows.max() >= len(self.Y):
            raise ValueError(
                f"rows must be in 0 to {len(self.Y) - 1}; got {rows.min()} to {rows.max()}."
            )
        if not 0 <= rate < math.inf:
            raise ValueError(
                f"the rate is {rate}; it must be finite, and not below 0."
            )
        if self._places() != self.places:
            raise RuntimeError(
                "the model's tensors were replaced since this step was made; make a new HandStep."
            )

    def forward(self, contexts: Rows, targets: Rows) -> float:
        """Compute the loss, and keep what the way back needs; probs end as the gradient of the logits."""
        p, h, probs = self.p, self.h, self.probs
        self.embcat = p.C.take(contexts, axis=0).reshape(self.B, -1)
        np.dot(self.embcat, p.W1, out=self.raw)
        self.standardize(self.raw)
        np.multiply(self.raw, p.bngain, out=h)
        h += p.bnbias
        np.tanh(h, out=h)
        np.dot(h, p.W2, out=probs)
        probs += p.b2
        return self.judge(probs, targets)

    def standardize(self, raw: Floats) -> None:
        """Subtract the mean from each column, and divide it by the root of its variance, in place."""
        raw -= np.dot(self.share, raw)
        var = np.einsum("ij,ij->j", raw, raw) / np.float32(self.B - 1)
        self.inv = 1 / np.sqrt(var + np.float32(EPS))
        raw *= self.inv

    def judge(self, probs: Floats, targets: Rows) -> float:
        """Return the loss of logits, and make them the gradient of the loss: (softmax - one-hot) / n."""
        probs -= probs.max(axis=1, keepdims=True)
        scores = probs[self.rows, targets]
        np.exp(probs, out=probs)
        total = probs.sum(axis=1, keepdims=True)
        probs /= total
        probs[self.rows, targets] -= 1
        probs *= np.float32(1 / self.B)
        return float(np.log(total).mean() - scores.mean())

    def backward(self) -> None:
        """Compute all gradients but that of C; dh ends as the gradient of what enters the batch norm."""
        p, dh, spare = self.p, self.dh, self.spare
        np.dot(self.probs, p.W2.T, out=dh)
        np.dot(self.h.T, self.probs, out=self.dW2)
        np.multiply(self.h, self.h, out=spare)
        np.subtract(1, spare, out=spare)
        dh *= spare
        self.norm_backward(dh, spare)
        np.dot(self.embcat.T, dh, out=self.dW1)
        np.dot(dh, p.W1.T, out=self.dembcat)

    def norm_backward(self, dh: Floats, spare: Floats) -> None:
        """Turn the gradient of what leaves the batch norm into that of what enters it, in place."""
        self.dgain = np.einsum("ij,ij->j", dh, self.raw)
        self.dbias = dh.sum(axis=0)
        np.multiply(self.raw, self.dgain / np.float32(self.B - 1), out=spare)
        dh -= spare
        dh -= self.dbias * np.float32(1 / self.B)
        dh *= self.p.bngain * self.inv

    def update(self, contexts: Rows, rate: np.float32) -> None:
        """Move the parameters against their gradients."""
        p = self.p
        self.which.fill(0)
        self.which[contexts.ravel(), self.columns] = rate  # one-hot, in columns
        p.C -= np.dot(self.which, self.dembcat.reshape(-1, p.C.shape[1]))
        self.dW1 *= rate
        p.W1 -= self.dW1
        self.dW2 *= rate
        p.W2 -= self.dW2
        p.b2 -= rate * np.add.reduce(self.probs)
        p.bngain -= rate * self.dgain
        p.bnbias -= rate * self.dbias


def rows_at_random(
    n: int, batch_size: int, steps: int, generator: torch.Generator
) -> Iterator[Rows]:
    """Yield rows of a batch for each step, int64 of shape (batch_size,), drawn with replacement from n."""
    while steps > 0:
        now = min(steps, 1000)  # so many are drawn in one call
        draws = torch.randint(n, (now, batch_size), generator=generator)
        yield from draws.numpy()
        steps -= now
