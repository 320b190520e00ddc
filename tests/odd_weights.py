"""Numbers in 64 bits that are neither zeros nor ones, and models of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnz.layers import TensorModule
from nnz.sample import seeded


def numbers(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def oddly(model: TensorModule, seed: int = 1) -> Any:
    """Give a model weights in 64 bits that are neither zeros nor ones, the start state among them."""
    for i, (_, tensor) in enumerate(model.tensors()):
        tensor.data = 0.1 + 0.6 * numbers(*tensor.shape, seed=seed + i)
    return model


def close(ours: Tensor, theirs: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=10 * atol)


def read_by(model: Any) -> list[Tensor]:
    """Return a list to which a model that looks things up adds the tokens that it reads from now on."""
    read, embed = [], model.embed

    def noted(tokens: Tensor, place: Tensor) -> Tensor:
        read.append(tokens)
        return embed(tokens, place)

    model.embed = noted
    return read
