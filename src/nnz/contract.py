"""The one question that every language model in the book answers.

Chapter: bigram.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nnz.data import Vocabulary


class LanguageModel(Protocol):
    """What a model must have for the rest of the book to use it: to judge it, to sample from it, to rank it."""

    vocabulary: Vocabulary
    block_size: int

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the natural logarithm of the probability of each next character.

        Args:
            contexts: int64 of shape (B, block_size), index 0 being the start and end token.

        Returns:
            float of shape (B, V); each row sums to 1 in probability. No gradient is recorded, and a model with
            a training mode answers in evaluation mode and leaves its mode as it found it.

        Raises:
            TypeError: contexts is not an integer tensor.
            ValueError: contexts has the wrong shape or an index outside the vocabulary.
        """
        ...


def check_contexts(model: LanguageModel, contexts: Tensor) -> None:
    """Raise a clear error unless `contexts` is int64 of shape (B, block_size) with indices below V."""
    if not isinstance(contexts, Tensor) or contexts.dtype != torch.int64:
        given = getattr(contexts, "dtype", type(contexts).__name__)
        raise TypeError(f"contexts must be an int64 tensor, got {given}.")
    if contexts.ndim != 2 or contexts.shape[1] != model.block_size:
        wanted, given = f"(B, {model.block_size})", tuple(contexts.shape)
        raise ValueError(f"contexts must have shape {wanted} here, got {given}.")
    last = len(model.vocabulary) - 1
    outside = contexts[(contexts < 0) | (contexts > last)]
    if len(outside):
        raise ValueError(
            f"contexts has index {int(outside[0])}, not in 0 to {last}."
        )
