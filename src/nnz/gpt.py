"""A GPT of tensors: the function of `nnz.microgpt`, of any depth and width, for many names at once.

Chapter: gpt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.attention import Attention, Memory
from nnz.data import LETTERS, Vocabulary
from nnz.gated import Dropout
from nnz.layers import Embedding, Linear, Sequential, TensorModule
from nnz.lookup import LookupModel
from nnz.microgpt import EPS, SPREAD, MicroGPT


def rms_norm(x: Tensor) -> Tensor:
    """Return x / sqrt(mean of x² + ε) over the last axis: Zhang and Sennrich (2019), equation 4, without a gain.

    Example:
        >>> rms_norm(torch.tensor([3.0, -4.0])).square().mean()
        tensor(1.0000)
    """
    return F.rms_norm(x, x.shape[-1:], eps=EPS)


class Block(TensorModule):
    """A block of a transformer: x + attention(norm(x)), and then x + fc2(relu(fc1(norm(x)))).

    Vaswani et al. (2017), section 3.1, with the norms before the parts, as in GPT-2, and without biases: 12 C²
    weights.

    Args:
        n_embd: C, features in and out.
        n_head: how many heads its attention has.
        dropout: the share of what is added to x that is dropped in training.
        generator: the source of first weights and of dropout.

    Raises:
        ValueError: a size is below 1, n_embd is no multiple of n_head, or dropout is out of range.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        dropout: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        C, g = n_embd, generator
        self.dropout = Dropout(dropout, generator=g)
        self.attention = Attention(C, n_head, generator=g)
        self.fc1 = Linear(C, 4 * C, bias=False, generator=g)
        self.fc2 = Linear(4 * C, C, bias=False, generator=g)

    def add_to(self, x: Tensor, seen: Tensor, memory: Memory | None) -> Tensor:
        """Return x (B, T, C) with what was looked up and what was made of it added; as `Attention.look`."""
        found = self.attention.look(rms_norm(x), seen, memory)
        x = x + self.dropout(found)
        hidden = torch.relu(self.fc1(rms_norm(x)))
        return x + self.dropout(self.fc2(hidden))


class GPT(LookupModel):
    """A GPT: embeddings of characters and places, blocks, and a linear layer; `MicroGPT` of any size.

    Args:
        n_embd: C, the features of every place.
        n_head: how many heads each block has.
        n_layer: how many blocks.
        block_size: how many places; for the names 16, since the longest has fifteen letters.
        dropout: see `Block`; also of what enters the first one.
        spread: standard deviation of all first weights, as in `MicroGPT`; None gives each that of its fan-in.
        generator: the source of first weights and of dropout.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: a size is below 1, n_embd is no multiple of n_head, dropout is out of range, or spread is not
            above 0.

    Example:
        >>> model = GPT(16, 4, generator=torch.Generator().manual_seed(1))
        >>> sum(p.numel() for p in model.parameters())
        4192
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        n_layer: int = 1,
        block_size: int = 16,
        *,
        dropout: float = 0.0,
        spread: float | None = SPREAD,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        super().__init__(block_size, n_layer, vocabulary)
        _check_spread(spread)
        C, V, g = n_embd, len(vocabulary), generator
        blocks = [
            Block(C, n_head, dropout=dropout, generator=g) for _ in range(n_layer)
        ]
        self.dropout = Dropout(dropout, generator=g)
        self.wte = Embedding(V, C, generator=g)
        self.wpe = Embedding(block_size, C, generator=g)
        self.blocks = Sequential(*blocks)
        self.lm_head = Linear(C, V, bias=False, gain=0.1, generator=g)
        _draw_anew(self.parameters(), spread, g)

    def embed(self, tokens: Tensor, place: Tensor) -> Tensor:
        """Return the norm of the sum of the embeddings of character and place."""
        return self.dropout(rms_norm(self.wte(tokens) + self.wpe(place)))

    def through(
        self, x: Tensor, seen: Tensor, memories: Sequence[Memory | None]
    ) -> Tensor:
        """Return what the blocks make of x, one after another."""
        for block, memory in zip(self.blocks.layers, memories, strict=True):
            x = cast(Block, block).add_to(x, seen, memory)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Return the last linear layer."""
        return self.lm_head(x)


def of_values(model: MicroGPT, vocabulary: Vocabulary = LETTERS) -> GPT:
    """Return the same GPT in tensors: float64, with the weights that the Values have now.

    Raises:
        ValueError: the vocabulary has not as many characters as the model has tokens.

    Example:
        >>> import random
        >>> of_values(MicroGPT(27, generator=random.Random(1))).wte.weight.dtype
        torch.float64
    """
    w = as_tensors(model)
    V, C = w["wte"].shape
    _check_vocabulary(vocabulary, V)
    twin = GPT(
        C,
        model.n_head,
        block_size=model.block_size,
        generator=torch.Generator(),
        vocabulary=vocabulary,
    )
    for (_, mine), theirs in zip(twin.tensors(), in_order(w), strict=True):
        mine.data = theirs
    return twin


def in_order(w: dict[str, Tensor]) -> list[Tensor]:
    """Return matrices of Values, (n_out, n_in), as a GPT of one block names its tensors one after another.

    Linear layers here have their transposes, and queries, keys and values lie side by side.
    """
    qkv = torch.cat([w["wq"], w["wk"], w["wv"]])  # (3C, C)
    turned = [qkv, w["wo"], w["fc1"], w["fc2"], w["lm_head"]]
    return [w["wte"], w["wpe"], *(x.T.contiguous() for x in turned)]


def as_tensors(model: MicroGPT, what: str = "data") -> dict[str, Tensor]:
    """Return the weights of a GPT of Values, or with "grad" their gradients, as float64 tensors by name."""
    return {
        name: torch.tensor(
            [[getattr(w, what) for w in row] for row in rows],
            dtype=torch.float64,
        )
        for name, rows in model.weights.items()
    }


def _draw_anew(
    weights: Sequence[Tensor], spread: float | None, generator: torch.Generator
) -> None:
    """Give all weights the same spread, if there is one."""
    if spread is not None:
        for weight in weights:
            weight.data.normal_(0, spread, generator=generator)


def _check_spread(spread: float | None) -> None:
    """Raise a clear error unless there is no spread, or one above 0."""
    if spread is not None and not 0 < spread < math.inf:
        raise ValueError(
            f"spread is {spread}; it must be above 0, or None for that of each fan-in."
        )


def _check_vocabulary(vocabulary: Vocabulary, V: int) -> None:
    if len(vocabulary) != V:
        raise ValueError(
            f"the vocabulary has {len(vocabulary)} characters, and the model {V} tokens; pass the vocabulary that"
            " its names were encoded with."
        )
