"""WaveNet itself: gated dilated layers with residual and skip connections, and dropout.

Chapter: dilated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import LETTERS, Vocabulary
from nnz.dilated import CausalStack, join
from nnz.layers import Embedding, Linear, Sequential, TensorModule
from nnz.norms import LayerNorm
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.undo import note


class Dropout(TensorModule):
    """In training, numbers set to 0 at random and the rest divided by 1 - p: Srivastava et al. (2014).

    Args:
        p: the share that is set to 0; at least 0 and below 1.
        generator: the source of randomness.

    Raises:
        ValueError: p is out of range.
    """

    def __init__(self, p: float, *, generator: torch.Generator) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}; it must be at least 0 and below 1.")
        self.p, self.generator = p, generator

    def __call__(self, x: Tensor) -> Tensor:
        """Return x; in training, x with some numbers set to 0 and the others enlarged."""
        if not self.training or self.p == 0:
            return x
        note(self.generator)
        drawn = torch.empty_like(x, device=self.generator.device)
        drawn.uniform_(generator=self.generator)
        kept = drawn.ge_(self.p).div_(1 - self.p)  # 0 or 1 / (1 - p)
        return x * kept.to(x.device)


class GatedBlock(TensorModule):
    """A layer of van den Oord et al. (2016), equation 2 and figure 4: tanh(·) ⊙ σ(·).

    With both inputs under a norm, z = tanh([left, now]·F + f) ⊙ σ([left, now]·G + g). The next layer is given
    now + z·R + r, and the output z·S + s. The norm is layer norm, and the dropout is on z; the paper has neither.

    Args:
        n_channels: C, features in and out.
        gate: whether there is the factor σ.
        residual: whether `now` is added to z·R.
        dropout: the share of z that is dropped in training.
        generator: the source of first weights and of dropout.
    """

    def __init__(
        self,
        n_channels: int,
        *,
        gate: bool = True,
        residual: bool = True,
        dropout: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        C = n_channels
        self.gate, self.residual = gate, residual
        self.norm = LayerNorm(C)
        self.pair = Linear(2 * C, 2 * C if gate else C, generator=generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.out = Linear(C, 2 * C, generator=generator)

    def join(self, left: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        """Return what goes to the next layer, and what goes to the output, both of the shape of `now`."""
        z = join(self.pair, layer_norm(self.norm, left), layer_norm(self.norm, now))
        if self.gate:
            filtered, gate = z.chunk(2, dim=-1)
            z = torch.tanh(filtered) * torch.sigmoid(gate)
        else:
            z = torch.tanh(z)
        onward, skip = self.out(self.dropout(z)).chunk(2, dim=-1)
        return (now + onward if self.residual else onward), skip


class GatedWaveNet(CausalStack):
    """WaveNet on characters: gated dilated layers with residual and skip connections, van den Oord et al. (2016).

    Args:
        n_channels: C, the features of every layer.
        dilations: how far to the left each layer looks; each at least 1.
        skip: whether the output sees every layer, and not the last alone.
        generator: the source of first weights and of dropout.
        vocabulary: the alphabet; a to z by default.
        block: gate, residual and dropout, as for each `GatedBlock`.

    Raises:
        ValueError: a size is below 1, there is no dilation, or dropout is out of range.
    """

    def __init__(
        self,
        n_channels: int,
        dilations: Sequence[int] = (1, 2, 4, 8),
        *,
        skip: bool = True,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
        **block: Any,
    ) -> None:
        super().__init__(dilations, vocabulary)
        check_sizes(n_channels=n_channels)
        _check_block(block)
        C, V = n_channels, len(vocabulary)
        self.skip = skip
        self.embedding = Embedding(V, C, generator=generator)
        blocks = [GatedBlock(C, generator=generator, **block) for _ in dilations]
        self.blocks = Sequential(*blocks)
        self.norm = LayerNorm(C)
        self.hidden = Linear(C, C, generator=generator)
        self.last = Linear(C, V, gain=0.1, generator=generator)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the rows of the embedding."""
        return self.embedding(tokens)

    def level(self, i: int, left: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        """Return what block i gives to the next, and to the output."""
        return cast(GatedBlock, self.blocks.layers[i]).join(left, now)

    def head(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return ReLU, linear, ReLU, linear of the sum of all skips, or of the last one."""
        T, total = x.shape[-2], skips[-1]
        for skip in skips[:-1] if self.skip else []:
            total = total + skip[..., -T:, :]
        x = torch.relu(layer_norm(self.norm, total))
        return self.last(torch.relu(self.hidden(x)))


def layer_norm(norm: LayerNorm, x: Tensor) -> Tensor:
    """Return norm(x), float of shape (..., C), as torch computes it: the same numbers but for rounding, faster."""
    return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)


def _check_block(settings: dict[str, Any]) -> None:
    """Raise what is wrong with the settings of a block before anything is drawn for a network of them."""
    GatedBlock(1, generator=torch.Generator(), **settings)
