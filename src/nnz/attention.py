"""Attention: each place asks all places before it, and takes a weighted mean of what they have to give.

Chapter: attention.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nnz.layers import Linear, TensorModule


def mean_before(x: Tensor) -> Tensor:
    """Return for each place the mean of all rows up to it, itself among them: the sum so far over their number.

    Args:
        x: float of shape (..., T, C).

    Returns:
        float of shape (..., T, C); row t depends on the rows 0 to t alone.

    Example:
        >>> mean_before(torch.tensor([[2.0], [4.0], [9.0]])).tolist()
        [[2.0], [3.0], [5.0]]
    """
    n = torch.arange(1, x.shape[-2] + 1, dtype=x.dtype, device=x.device)  # (T,)
    return x.cumsum(dim=-2) / n[:, None]


def attend_one(
    q: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor]
) -> Tensor:
    """Return what one place takes from those that it sees: Σ p_s v_s, p the softmax of q · k_s / √d.

    Args:
        q: the query of this place, float of shape (d,).
        keys: of each place that it sees, each of shape (d,).
        values: of the same places, each of shape (C,).

    Returns:
        float of shape (C,).

    Raises:
        ValueError: there is nothing to see, or there are not as many values as keys.
    """
    if not keys or len(keys) != len(values):
        counts = f"{len(keys)} keys and {len(values)} values"
        raise ValueError(f"got {counts}; give one of each for every place seen.")
    scores = torch.stack([q @ k for k in keys]) / math.sqrt(len(q))  # (S,)
    weights = torch.softmax(scores, dim=0)
    return torch.stack([p * v for p, v in zip(weights, values, strict=True)]).sum(0)


def attention_weights(q: Tensor, k: Tensor, seen: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √d), with 0 where nothing may be seen: Vaswani et al. (2017), equation 1.

    Args:
        q: queries, float of shape (..., T, d).
        k: keys, float of shape (..., S, d).
        seen: bool, to be broadcast to (..., T, S): whether place t may look at place s.

    Returns:
        float of shape (..., T, S); each row sums to 1.

    Raises:
        TypeError: seen is not bool.
        ValueError: a place may see nothing at all.
    """
    _check_seen(seen)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    return torch.softmax(scores.masked_fill(~seen, -math.inf), dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """Return for all places at once what `attend_one` returns for one: attention_weights(q, k, seen) @ v.

    Args:
        q: queries, float of shape (..., T, d).
        k: keys, float of shape (..., S, d).
        v: values, float of shape (..., S, C).
        seen: bool, to be broadcast to (..., T, S): whether place t may look at place s.

    Returns:
        float of shape (..., T, C).

    Raises:
        TypeError, ValueError: as `attention_weights`.
    """
    return attention_weights(q, k, seen) @ v


def attend_backward(
    dout: Tensor, q: Tensor, k: Tensor, v: Tensor, seen: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the loss with respect to q, k and v, given that of what `attend` returns.

    Args:
        dout: float of shape (..., T, C).
        q: queries, float of shape (..., T, d).
        k: keys, float of shape (..., S, d).
        v: values, float of shape (..., S, C).
        seen: bool, to be broadcast to (..., T, S).

    Returns:
        dq, dk and dv, of the shapes of q, k and v, which must have the same leading axes.

    Raises:
        TypeError, ValueError: as `attention_weights`.
    """
    weights = attention_weights(q, k, seen)  # (..., T, S)
    dv = weights.transpose(-2, -1) @ dout
    dweights = dout @ v.transpose(-2, -1)
    # The softmax: each row of the gradient, less its weighted mean, times the weights.
    mean = (weights * dweights).sum(dim=-1, keepdim=True)
    dscores = weights * (dweights - mean) / math.sqrt(q.shape[-1])
    return dscores @ k, dscores.transpose(-2, -1) @ q, dv


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Return the features of each place cut into heads: float (..., T, C) to (..., n_head, T, C / n_head).

    Raises:
        ValueError: C is no multiple of n_head.
    """
    _check_heads(x.shape[-1], n_head)
    heads: Tensor = x.unflatten(-1, (n_head, -1))  # (..., T, n_head, d)
    return heads.transpose(-3, -2)


def merge_heads(x: Tensor) -> Tensor:
    """Return heads side by side again: float (..., n_head, T, d) to (..., T, n_head · d)."""
    return x.transpose(-3, -2).flatten(-2)


class Memory:
    """The keys and values of all places that an `Attention` has read: it grows by what is read.

    Attributes:
        keys: float of shape (B, n_head, S, d), or None as long as nothing was read.
        values: of the same shape.
    """

    keys: Tensor | None = None
    values: Tensor | None = None

    def add(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Remember the keys and values of more places, and return those of all, the oldest first."""
        if self.keys is not None and self.values is not None:
            keys = torch.cat([self.keys, keys], dim=-2)
            values = torch.cat([self.values, values], dim=-2)
        self.keys, self.values = keys, values
        return keys, values


class Attention(TensorModule):
    """A layer of attention with several heads: Vaswani et al. (2017), section 3.2.2. It has 4 C² weights.

    Args:
        n_embd: C, features in and out.
        n_head: how many heads share them; C is a multiple of it.
        generator: the source of first weights.

    Attributes:
        qkv: the linear layer (C, 3C) that makes queries, keys and values, side by side.
        out: the linear layer (C, C) that mixes the heads.

    Raises:
        ValueError: n_head is below 1, or C no multiple of it.
    """

    def __init__(
        self, n_embd: int, n_head: int, *, generator: torch.Generator
    ) -> None:
        _check_heads(n_embd, n_head)
        self.n_head = n_head
        self.qkv = Linear(n_embd, 3 * n_embd, bias=False, generator=generator)
        self.out = Linear(n_embd, n_embd, bias=False, generator=generator)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of x (B, T, C), each of shape (B, n_head, T, C / n_head)."""
        q, k, v = (
            split_heads(part, self.n_head) for part in self.qkv(x).chunk(3, -1)
        )
        return q, k, v

    def look(self, x: Tensor, seen: Tensor, memory: Memory | None = None) -> Tensor:
        """Return for each place what it takes from those that it sees, mixed by `out`.

        Args:
            x: float of shape (B, T, C).
            seen: bool of shape (B, T, S) or (T, S): whether place t may look at place s. Without a memory S is T;
                with one, the places of x are the last T of S.
            memory: of the places before; those of x are added to it.

        Returns:
            float of shape (B, T, C).

        Raises:
            TypeError, ValueError: as `attention_weights`; the memory is then as it was.
        """
        _check_seen(seen)
        q, k, v = self.heads(x)
        if memory is not None:
            k, v = memory.add(k, v)
        return self.out(merge_heads(attend(q, k, v, seen.unsqueeze(-3))))


def _check_seen(seen: Tensor) -> None:
    """Raise a clear error unless every place may see at least one."""
    if seen.dtype != torch.bool:
        raise TypeError(
            f"seen is {seen.dtype}; it must be bool, true where a place may be seen."
        )
    blind = ~seen.any(dim=-1)
    if blind.any():
        where = tuple(blind.nonzero()[0].tolist())
        raise ValueError(
            f"the place at index {where} may see nothing, so it has no weights that"
            " sum to 1; let it see itself."
        )


def _check_heads(n_embd: int, n_head: int) -> None:
    """Raise a clear error unless so many features can be shared out to so many heads."""
    if not isinstance(n_head, int) or n_head < 1 or n_embd % n_head or n_embd < 1:
        raise ValueError(
            f"{n_embd} features cannot be shared out to {n_head!r} heads;"
            " n_head is a whole number that divides n_embd."
        )
