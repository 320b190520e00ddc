"""Softmax and cross-entropy, written out: probabilities of logits, and the loss of what followed.

Chapter: bigram-network.
"""

from __future__ import annotations

from torch import Tensor


def log_softmax(logits: Tensor) -> Tensor:
    """Return log P for P = exp(z) / Σ exp(z): z - log Σ exp(z), without overflow.

    The largest logit of each row is subtracted first: P is the same, and no exponential is above 1.

    Args:
        logits: float of shape (B, V), finite.

    Returns:
        float of shape (B, V); the exponentials of each row sum to 1.

    Example:
        >>> import torch
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
        A scalar through which a gradient flows; that with respect to the logits is (P - onehot(Y)) / B.
    """
    return -log_softmax(logits).gather(1, Y[:, None]).mean()
