"""How the models of the book are judged: by all their surprisals, computed once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz import evaluate
from nnz.contract import LanguageModel
from nnz.data import load_names, split_names
from nnz.dilated import CausalStack
from nnz.experiments import scaled
from nnz.layers import evaluating
from nnz.mixture import Mixture
from nnz.models import fit
from nnz.packed import pack

AT_ONCE = 4_000  # names


def learned(name: str, seed: int) -> LanguageModel:
    """Return a model of the book, trained here; on a short list for a share of its steps."""
    names = split_names(load_names())[0]
    g = torch.Generator().manual_seed(seed)
    return fit(name, names, generator=g, effort=scaled(1000, names) / 1000)


def surprisals(model: LanguageModel, names: Sequence[str]) -> Tensor:
    """Return what `nnz.evaluate.surprisals` does, from whole names where a model can read them."""
    if isinstance(model, Mixture):
        return mixed(
            [surprisals(part, names) for part in model.models], model.shares
        )
    if isinstance(model, CausalStack):
        parts = [names[i : i + AT_ONCE] for i in range(0, len(names), AT_ONCE)]
        return torch.cat([along(model, part) for part in parts])
    return evaluate.surprisals(model, names)


@torch.no_grad()
def along(model: CausalStack, names: Sequence[str]) -> Tensor:
    """Return the surprisals of a stack at each character of packed names, float64."""
    batch, targets = pack(names, model.vocabulary)
    with evaluating(model):
        return F.cross_entropy(
            model.logits(batch), targets, reduction="none"
        ).double()


def mixed(costs: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the surprisals of a mixture from those of its parts: -log Σ share · exp(-cost)."""
    logs = [
        math.log(share) - cost for share, cost in zip(shares, costs, strict=True)
    ]
    return -torch.stack(logs).logsumexp(dim=0)


def in_training(names: Sequence[str]) -> Tensor:
    """Return for each character whether its name stands in the training set as well, bool (N,)."""
    known = set(split_names(load_names())[0])
    lengths = torch.tensor([len(name) + 1 for name in names])
    return torch.tensor([name in known for name in names]).repeat_interleave(
        lengths
    )


def losses(on_dev: Tensor, on_test: Tensor) -> dict[str, float]:
    """Return the losses on dev and test, and on those dev names that training knows, and that are new."""
    known = in_training(split_names(load_names())[1])
    return {
        "dev": on_dev.mean().item(),
        "test": on_test.mean().item(),
        "known": on_dev[known].mean().item() if known.any() else 0.0,
        "new": on_dev[~known].mean().item(),
    }


def judged(model: LanguageModel) -> dict[str, float]:
    """Return the losses of a model."""
    _, dev, test = split_names(load_names())
    return losses(surprisals(model, dev), surprisals(model, test))
