"""The tree of WaveNet on characters: neighbors are joined two at a time, level by level.

Chapter: wavenet.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nnz.data import LETTERS, Vocabulary
from nnz.layers import (
    Embedding,
    FlattenConsecutive,
    LayeredModel,
    Linear,
    Sequential,
    Tanh,
    TensorModule,
)
from nnz.norms import BatchNorm1d
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.undo import unmoved


class WaveNet(LayeredModel):
    """A binary tree over the context: each level joins two neighbors by a linear layer, batch norm and tanh.

    The fusion of neighbors is that of van den Oord et al. (2016), section 2.1, with one output for each context,
    as in the sixth lecture of Zero to Hero; gates, residual and skip connections are left out.

    Args:
        n_embd: the size of an embedding.
        n_hidden: how many features each level has.
        block_size: how many characters of context; a power of two, at least 2. It has log2(block_size) levels.
        generator: the source of the first weights.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: block_size is not a power of two, or a size is below 1.

    Example:
        >>> model = WaveNet(24, 128, generator=torch.Generator().manual_seed(1))
        >>> sum(p.numel() for p in model.parameters())
        76579
    """

    net: Sequential

    def __init__(
        self,
        n_embd: int,
        n_hidden: int,
        block_size: int = 8,
        *,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        check_sizes(n_embd=n_embd, n_hidden=n_hidden)
        self.depth, V = depth_of(block_size), len(vocabulary)
        layers: list[TensorModule] = [Embedding(V, n_embd, generator=generator)]
        for level in range(self.depth):
            n_in = 2 * (n_hidden if level else n_embd)
            linear = Linear(n_in, n_hidden, bias=False, generator=generator)
            layers += [FlattenConsecutive(2), linear, BatchNorm1d(n_hidden), Tanh()]
        layers.append(Linear(n_hidden, V, gain=0.1, generator=generator))
        super().__init__(Sequential(*layers), block_size, vocabulary)


def depth_of(block_size: int) -> int:
    """Return log2(block_size), how often the positions of a context can be halved.

    Raises:
        ValueError: block_size is not a power of two, or below 2.
    """
    if (
        not isinstance(block_size, int)
        or block_size < 2
        or block_size.bit_count() > 1
    ):
        raise ValueError(
            f"block_size is {block_size!r}; a tree that joins two at a time needs a power of two: 2, 4, 8, 16."
        )
    return block_size.bit_length() - 1


def trace(net: Sequential, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the input and then the output of each layer, with the name of the layer's class.

    Args:
        net: layers, in the mode they are in.
        x: what goes in, such as contexts, int64 of shape (B, block_size).
    """
    seen = [("input", x)]
    with unmoved():
        for layer in net.layers:
            x = layer(x)
            seen.append((type(layer).__name__, x))
    yield from seen
