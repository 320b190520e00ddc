"""Two characters of context as a linear layer: added up, or as one thing.

Chapter: ngram.
"""

from __future__ import annotations

from torch import Tensor

from nnz.bigram_net import BigramNet
from nnz.ngram import keys_of


class AdditiveTrigramNet(BigramNet):
    """A linear layer on two one-hot vectors laid end to end: logits = W[a] + W[V + b] for the context ab.

    Args:
        generator: the source of the first weights, which are standard normal.
        vocabulary: the alphabet; a to z by default.

    Attributes:
        W: float32 of shape (2V, V).
    """

    block_size = 2

    def rows(self) -> int:
        """Return how many rows W has: V for the character before last, and V for the last."""
        return 2 * len(self.vocabulary)

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the sum of two rows of W for each context, of shape (B, V)."""
        V = len(self.vocabulary)
        return self.W[contexts[:, 0]] + self.W[V + contexts[:, 1]]


class TrigramNet(BigramNet):
    """A linear layer on one one-hot vector for each pair of characters: logits = W[Va + b] for the context ab.

    Args:
        generator: the source of the first weights, which are standard normal.
        vocabulary: the alphabet; a to z by default.

    Attributes:
        W: float32 of shape (V², V).
    """

    block_size = 2

    def rows(self) -> int:
        """Return how many rows W has: one for each pair of characters."""
        return len(self.vocabulary) ** 2

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the row of W that belongs to both characters together, of shape (B, V)."""
        return self.W[keys_of(contexts, len(self.vocabulary))]
