"""Dilated causal convolutions: the tree at every position of a name at once.

Chapter: dilated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import Vocabulary
from nnz.layers import Linear, TensorModule, evaluating
from nnz.norms import BatchNorm1d
from nnz.packed import Packed
from nnz.plumbing.undo import note, unmoved
from nnz.softmax import log_softmax
from nnz.wavenet import WaveNet

CHUNK = 1024  # contexts run at once: each has block_size rows

Pair = Callable[[int, Tensor], tuple[Tensor, Tensor]]


class CausalStack(TensorModule):
    """A stack of dilated causal layers with a kernel of 2, whatever its layers are, as a language model.

    Each layer makes the features of a position from its inputs at that position and at one further left. So the
    same layers run over contexts, over packed names, or along a name one character after another.

    Args:
        dilations: how far to the left each layer looks; each at least 1.
        vocabulary: the alphabet.

    Attributes:
        block_size: the receptive field, how many characters an output depends on: 1 + Σ dilations.

    Raises:
        ValueError: there is no dilation, or one is not a whole number of at least 1.
    """

    def __init__(self, dilations: Sequence[int], vocabulary: Vocabulary) -> None:
        check_dilations(dilations)
        self.dilations, self.vocabulary = tuple(dilations), vocabulary
        self.block_size = 1 + sum(dilations)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the features of tokens, int64 of shape (...), as float of shape (..., C)."""
        raise NotImplementedError

    def level(self, i: int, left: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        """Return what layer i gives to the next one, and what it gives to the output."""
        raise NotImplementedError

    def head(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return logits (..., V) from what the last layer, and what each layer, gave to the output."""
        raise NotImplementedError

    def run(self, tokens: Tensor, pair: Pair) -> Tensor:
        """Return logits; `pair` returns the left neighbors and the positions themselves for each layer."""
        x, skips = self.embed(tokens), []
        for i in range(len(self.dilations)):
            x, skip = self.level(i, *pair(i, x))
            skips.append(skip)
        return self.head(x, skips)

    def logits(self, batch: Tensor | Packed) -> Tensor:
        """Return the scores of the next character, in the mode that the model is in.

        Args:
            batch: contexts, int64 of shape (B, block_size); or packed names.

        Returns:
            float of shape (B, V) for contexts; for packed names (M, V), a row for each target.
        """
        with unmoved():
            if isinstance(batch, Packed):
                return self.along_names(batch)[batch.rows]
            check_contexts(self, batch)
            return self.over_contexts(batch)[:, 0]

    def along_names(self, batch: Packed) -> Tensor:
        """Return logits (N, V) for every row of packed names."""
        return self.run(
            batch.tokens, lambda i, x: (batch.left(x, self.dilations[i]), x)
        )

    def over_contexts(self, contexts: Tensor) -> Tensor:
        """Return logits (B, T - block_size + 1, V) for every position that has all its characters to the left.

        Args:
            contexts: int64 of shape (B, T), T at least block_size.
        """
        return self.run(
            contexts,
            lambda i, x: (x[:, : -self.dilations[i]], x[:, self.dilations[i] :]),
        )

    @contextmanager
    def writer(self, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function that answers `nnz.sample.sample_names`, and reads each character once."""
        with evaluating(self), torch.no_grad():
            cache, read = Cache(self, n), self.block_size - 1  # padding is in it

            def answer(text: Tensor) -> Tensor:
                nonlocal read
                for column in text[:, read:].T:
                    found = cache.step(column)
                read = text.shape[1]
                return found

            yield answer

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log-probabilities in evaluation mode; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        with evaluating(self):
            parts = [self.logits(part) for part in contexts.split(CHUNK)]
        return log_softmax(torch.cat(parts))


class DilatedWaveNet(CausalStack):
    """The tree of `nnz.wavenet.WaveNet`, with the same weights, as a convolution: dilations 1, 2, 4 and so on.

    In evaluation mode it is the same function. In training mode batch norm sees other rows: each beginning of a
    name once, and the padding once, where the tree sees the positions that its contexts need.

    Args:
        tree: whose layers it uses; what changes one changes the other.

    Example:
        >>> tree = WaveNet(24, 128, generator=torch.Generator().manual_seed(1))
        >>> DilatedWaveNet(tree).dilations
        (1, 2, 4)
    """

    def __init__(self, tree: WaveNet) -> None:
        super().__init__([2**level for level in range(tree.depth)], tree.vocabulary)
        self.tree = tree

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the rows of the embedding."""
        return self.tree.net.layers[0](tokens)

    def level(self, i: int, left: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        """Return what level i of the tree makes of two neighbors, twice."""
        linear, norm, tanh = self.tree.net.layers[4 * i + 2 : 4 * i + 5]
        x = join(cast(Linear, linear), left, now)
        x = tanh(batch_norm(cast(BatchNorm1d, norm), x))
        return x, x

    def head(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return what the tree's last layer makes of the top."""
        return self.tree.net.layers[-1](x)


def join(linear: Linear, left: Tensor, now: Tensor) -> Tensor:
    """Return linear([left, now]), each (..., C), by the two halves of its weight, so that nothing is copied."""
    C = left.shape[-1]
    x = left @ linear.weight[:C] + now @ linear.weight[C:]
    return x if linear.bias is None else x + linear.bias


def batch_norm(norm: BatchNorm1d, x: Tensor) -> Tensor:
    """Return norm(x), float of shape (..., C), as torch computes it: the same numbers but for rounding, faster."""
    norm.check(x)
    if norm.training:
        note(norm.running_mean, norm.running_var)
    return F.batch_norm(
        x.flatten(0, -2),
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        norm.momentum,
        norm.eps,
    ).view_as(x)


class Cache:
    """The memory of a stack that writes n names: the last `dilation` inputs of each layer.

    Paine et al. (2016), section 2. A step costs one run of each layer for one position.

    Args:
        model: whose layers are run, in the mode they are in.
        n: how many names.
    """

    @torch.no_grad()
    def __init__(self, model: CausalStack, n: int) -> None:
        self.model, self.n, self.length = model, n, 0
        self.rings: list[Tensor] = []
        padding = torch.zeros(n, dtype=torch.int64)
        model.run(padding, self.remember)

    def remember(self, i: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Fill the memory of layer i as if its inputs had been x (n, C) for ever."""
        self.rings.append(x.repeat(self.model.dilations[i], 1, 1))
        return x, x

    def exchange(self, i: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the oldest remembered input of layer i, and x, which takes its place."""
        slot = self.length % self.model.dilations[i]
        oldest = self.rings[i][slot].clone()
        self.rings[i][slot] = x
        return oldest, x

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities (n, V) of what follows tokens, int64 (n,), and remember them.

        Raises:
            ValueError: tokens are not one for each name, or not in the alphabet.
        """
        _check_tokens(tokens, self.n, len(self.model.vocabulary))
        logits = self.model.run(tokens, self.exchange)
        self.length += 1
        return log_softmax(logits)


def _check_tokens(tokens: Tensor, n: int, V: int) -> None:
    """Raise a clear error unless there is a token for each of n names."""
    if tokens.shape != (n,) or tokens.dtype != torch.int64:
        given = f"{tokens.dtype} of shape {tuple(tokens.shape)}"
        raise ValueError(f"tokens must be int64 of shape ({n},); got {given}.")
    if n and not 0 <= int(tokens.min()) <= int(tokens.max()) < V:
        raise ValueError(f"tokens must be in 0 to {V - 1}; got {tokens.tolist()}.")


def check_dilations(dilations: Sequence[int]) -> None:
    """Raise a clear error unless there is a dilation, and each is a whole number of at least 1."""
    if not dilations or any(not isinstance(d, int) or d < 1 for d in dilations):
        raise ValueError(
            f"dilations are {dilations!r}; give one or more whole numbers of at least 1."
        )
