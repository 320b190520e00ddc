"""Contexts and targets that are drawn, and a network of the lecture's size."""

from __future__ import annotations

import torch
from torch import Tensor

from nnz.backprop import Values, first_params
from nnz.sample import seeded


def batch(B: int = 300, T: int = 3, V: int = 27, seed: int = 0, few: bool = False) -> tuple[Tensor, Tensor]:
    """Random contexts and targets; with `few`, of two characters only, so that they repeat."""
    g, top = seeded(seed), 2 if few else V
    X = torch.randint(top, (B, T), generator=g)
    return X, torch.randint(top, (B,), generator=g)


def lecture(B: int = 32, seed: int = 0) -> tuple[Values, Tensor, Tensor]:
    """Parameters, and a batch."""
    return first_params(3, 10, 200, 27, generator=seeded(seed)), *batch(B)
