"""How the models of the book are judged: by all their surprisals, computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz import evaluate
from nnz.contract import LanguageModel
from nnz.data import load_names, split_names
from nnz.dilated import CausalStack
from nnz.experiments import scaled
from nnz.layers import evaluating
from nnz.lookup import LookupModel
from nnz.mixture import Mixture
from nnz.models import fit
from nnz.packed import pack
from nnz.recurrent import Recurrent
from nnz.rows import in_rows

AT_ONCE = 4_000  # names
ROWS_AT_ONCE = 2_000  # of them, where each has a row of a table


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
    room = model.block_size > max(map(len, names), default=0)
    if isinstance(model, CausalStack) or (isinstance(model, Recurrent) and room):
        return in_parts(lambda part: along(model, part), names, AT_ONCE)
    if isinstance(model, LookupModel) and room:
        return in_parts(lambda part: in_table(model, part), names, ROWS_AT_ONCE)
    return evaluate.surprisals(model, names)


def in_parts(
    costs: Callable[[Sequence[str]], Tensor], names: Sequence[str], size: int
) -> Tensor:
    """Return the surprisals of names, so many at once."""
    starts = range(0, len(names), size)
    return torch.cat([costs(names[i : i + size]) for i in starts])


@torch.no_grad()
def along(model: CausalStack | Recurrent, names: Sequence[str]) -> Tensor:
    """Return the surprisals of a network at each character of packed names, float64."""
    batch, targets = pack(names, model.vocabulary)
    with evaluating(model):
        return F.cross_entropy(
            model.logits(batch), targets, reduction="none"
        ).double()


@torch.no_grad()
def in_table(model: LookupModel, names: Sequence[str]) -> Tensor:
    """Return the surprisals of a network at each character of names in rows, float64."""
    batch, targets = in_rows(names, model.vocabulary)
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
