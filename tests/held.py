"""What a model holds, copied, so that two moments or two models can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def copied(model: Any) -> dict[str, Tensor]:
    """Copy all that a model, or a layer, holds."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether the same is held under the same names, to the last bit."""
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def unchanged(model: Any, before: Mapping[str, Tensor]) -> bool:
    """Whether a model holds what was copied from it."""
    return same(model.state_dict(), before)
