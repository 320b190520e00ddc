"""The network of `nnz.backprop` as a model of the book, and its loss for autograd.

Chapter: backprop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.backprop import EPS, Values, first_params
from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.plumbing.tensors import copy_into
from nnz.softmax import log_softmax


class HandMLP:
    """The network of `nnz.backprop` as a model of the book: it answers `nnz.contract.LanguageModel`.

    It does without autograd: `HandStep` trains it, and `calibrate` gives its batch norm the mean and variance
    that it needs outside of training.

    Args:
        block_size: how many characters of context.
        n_embd: the size of an embedding.
        n_hidden: how many hidden units.
        generator: the source of the first weights.
        vocabulary: the alphabet; a to z by default.

    Attributes:
        params: the weights by name; see `nnz.backprop.first_params`.
        statistics: "mean" and "var" of what enters the batch norm, each (1, n_hidden); empty before `calibrate`.
    """

    def __init__(
        self,
        block_size: int,
        n_embd: int,
        n_hidden: int,
        *,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        self.block_size, self.vocabulary = block_size, vocabulary
        sizes = block_size, n_embd, n_hidden, len(vocabulary)
        self.params = first_params(*sizes, generator=generator)
        self.statistics: Values = {}
        self._calibrated: Values = {}

    def state_dict(self) -> Values:
        """Return weights and statistics by name, in the memory they are in."""
        return self.params | self.statistics

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the tensors of another `state_dict`, with the statistics that belong to them, if it has any.

        Raises:
            ValueError: they differ in names, types or shapes, or are not finite. Nothing is changed then.
        """
        wide = 1, self.params["b1"].numel()
        there = [name for name in ("mean", "var") if name in state]
        found = {name: self.params["b1"].new_empty(wide) for name in there}
        copy_into(self.params | found, state)
        self.statistics = found
        self._calibrated = self._weights_before() if found else {}

    def before_norm(self, contexts: Tensor) -> Tensor:
        """Return what enters the batch norm, of shape (B, n_hidden)."""
        p = self.params
        return p["C"][contexts].flatten(1) @ p["W1"] + p["b1"]

    @torch.no_grad()
    def calibrate(self, contexts: Tensor) -> None:
        """Take mean and variance of these contexts, those of the training set, for use from now on.

        Ioffe and Szegedy (2015), algorithm 2, with the whole set in one batch. After more training, do it again.

        Raises:
            ValueError: contexts have another shape or unknown characters, or are fewer than two.
            ArithmeticError: weights, mean or variance are not finite; the mean and variance of before are kept.
        """
        check_contexts(self, contexts)
        if len(contexts) < 2:
            raise ValueError(
                f"{len(contexts)} contexts have no spread; give those of the training set."
            )
        a = self.before_norm(contexts)  # (B, n_hidden)
        found = {"mean": a.mean(0, keepdim=True), "var": a.var(0, keepdim=True)}
        self._check_end(found)
        self._calibrated, self.statistics = self._weights_before(), found

    def _check_end(self, found: Values) -> None:
        """Raise a clear error unless statistics and weights are finite after training."""
        for name, tensor in (found | self.params).items():
            if not tensor.isfinite().all():
                raise ArithmeticError(
                    f"{name} is not finite, so training has diverged; train again, with a smaller rate."
                )

    def _weights_before(self) -> Values:
        """Return copies of what the statistics depend on."""
        return {name: self.params[name].clone() for name in ("C", "W1", "b1")}

    def check_calibrated(self) -> None:
        """Raise a RuntimeError if there are no statistics, or if they are those of other weights."""
        if not self.statistics:
            state = "has no mean and variance yet"
        elif any(
            not torch.equal(self.params[n], w) for n, w in self._calibrated.items()
        ):
            state = "has mean and variance of weights that have changed since"
        else:
            return
        raise RuntimeError(
            f"the batch norm {state}: call model.calibrate(contexts) with the contexts of the training set."
        )

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log-probabilities; see `nnz.contract.LanguageModel`.

        Raises:
            RuntimeError: `calibrate` was not called since the weights last changed.
        """
        check_contexts(self, contexts)
        self.check_calibrated()
        p, s = self.params, self.statistics
        raw = (self.before_norm(contexts) - s["mean"]) / torch.sqrt(s["var"] + EPS)
        h = torch.tanh(p["bngain"] * raw + p["bnbias"])
        return log_softmax(h @ p["W2"] + p["b2"])


def autograd_loss(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Tensor:
    """Return the loss of `nnz.backprop.forward`, computed with torch's own batch norm and cross-entropy.

    Torch's batch norm divides by n, so gain and eps are changed to make up for it.
    """
    p, bessel = params, (len(X) - 1) / len(X)
    x = F.embedding(X, p["C"]).flatten(1)
    a = torch.addmm(p["b1"], x, p["W1"])
    gain, bias = p["bngain"][0] * math.sqrt(bessel), p["bnbias"][0]
    a = F.batch_norm(a, None, None, gain, bias, training=True, eps=EPS * bessel)
    return F.cross_entropy(torch.addmm(p["b2"], torch.tanh(a), p["W2"]), Y)
