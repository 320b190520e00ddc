"""The models of the leaderboard that no other chapter records, over seeds, and what mixing them gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nnz.data import load_names, split_names
from nnz.experiments import scaled
from nnz.experiments.judging import (
    in_training,
    judged,
    learned,
    losses,
    mixed,
    surprisals,
)
from nnz.models import fit, spec_of
from nnz.sample import seeded

NETWORKS = ("bigram-net", "mlp", "mlp-5", "batchnorm", "wavenet-tree")
# Shares of two GRUs, the gated WaveNet and the counts.
MIXTURES = {
    "gru": (1.0, 0.0, 0.0, 0.0),
    "gated": (0.0, 0.0, 1.0, 0.0),
    "mixture": (0.0, 0.0, 0.5, 0.5),
    "two gru": (0.5, 0.5, 0.0, 0.0),
    "gru + gated": (0.6, 0.0, 0.4, 0.0),
    "gru + kneser-ney": (0.7, 0.0, 0.0, 0.3),
    "gru + gated + kneser-ney": (0.5, 0.0, 0.3, 0.2),
    "mixture-4": (0.3, 0.3, 0.2, 0.2),
}
# Better and worse.
PAIRS = (
    ("gru", "gated"),
    ("gru", "mixture"),
    ("mixture-4", "mixture"),
    ("mixture-4", "gru"),
    ("mixture-4", "gru + gated + kneser-ney"),
)


def networks(seed: int) -> dict[str, float]:
    """Losses of the leaderboard's networks on windows; other chapters have most of the other ones."""
    found = {}
    for name in NETWORKS:
        for key, loss in judged(learned(name, seed)).items():
            found[f"{name} {key}"] = loss
    return found


def rnn(seed: int) -> dict[str, float]:
    """Losses of the recurrent network of one plain cell."""
    return judged(learned("rnn", seed))


def short(seed: int) -> dict[str, float]:
    """Losses of the large GRU after one of its forty epochs, on a schedule of its own."""
    names = split_names(load_names())[0]
    effort = scaled(25, names) / 1000
    return judged(fit("gru", names, generator=seeded(seed), effort=effort))


def members(seed: int) -> list[list[Tensor]]:
    """Return the surprisals of the four parts of `mixture-4` on dev and test; the second GRU has the next seed."""
    counts = spec_of("kneser-ney").fit(
        split_names(load_names())[0], generator=seeded(seed)
    )
    grus = [learned("gru", seed), learned("gru", seed + 1)]
    models = [*grus, learned("gated", seed), counts]
    parts = split_names(load_names())[1:]
    return [[surprisals(model, names) for names in parts] for model in models]


def mixtures(seed: int) -> dict[str, float]:
    """Losses of the `MIXTURES`, on test by how much some are apart, and the errors (names) of that."""
    parts = members(seed)
    found: dict[str, float] = {}
    costs = {
        name: [blend(list(each), shares) for each in zip(*parts, strict=True)]
        for name, shares in MIXTURES.items()
    }
    for name, both in costs.items():
        found |= {f"{name} {key}": x for key, x in losses(*both).items()}
        found[f"{name} ± names"] = error_over_names(both[1])
    for better, worse in PAIRS:
        apart = costs[worse][1] - costs[better][1]
        found[f"{better} below {worse}"] = apart.mean().item()
        found[f"{better} below {worse} ± names"] = error_over_names(apart)
    return found | in_parts_of_dev(costs)


def blend(costs: list[Tensor], shares: tuple[float, ...]) -> Tensor:
    """Return the surprisals of a mixture of those parts whose share is above 0."""
    chosen = [i for i, share in enumerate(shares) if share]
    return mixed([costs[i] for i in chosen], [shares[i] for i in chosen])


def error_over_names(
    costs: Tensor, names: Sequence[str] = (), chosen: Tensor | None = None
) -> float:
    """Return the standard error (names) of the mean of what each character costs, of all or of those chosen.

    Args:
        costs: float (N,), of each character of the names.
        names: those of test by default.
        chosen: bool (N,), the characters whose mean it is; all by default.
    """
    names = names or split_names(load_names())[2]
    lengths = torch.tensor([len(name) + 1 for name in names])
    owner = torch.arange(len(names)).repeat_interleave(lengths)
    counted = torch.ones_like(costs) if chosen is None else chosen.double()
    n = counted.sum().clamp(min=1)
    # Of each name, how far its counted characters together are from as many of the mean.
    off = owner.bincount(weights=(costs - (costs * counted).sum() / n) * counted)
    return (off.square().sum().sqrt() / n).item()


def places() -> dict[str, Tensor]:
    """Return which characters of dev are early in their names, late, in names that training knows, in new ones."""
    dev = split_names(load_names())[1]
    place = torch.cat([torch.arange(len(name) + 1) for name in dev])
    known = in_training(dev)
    return {
        "early": (place >= 1) & (place <= 4),
        "late": place > 4,
        "known": known,
        "new": ~known,
    }


def in_parts_of_dev(costs: dict[str, list[Tensor]]) -> dict[str, float]:
    """Return by how much models are apart in the `places` of dev, and the errors (names) of that."""
    dev, found = split_names(load_names())[1], {}
    for what, chosen in places().items():
        for better, worse in (("gru", "gated"), ("mixture-4", "mixture")):
            apart = costs[worse][0] - costs[better][0]
            gap = (apart * chosen).sum() / chosen.sum().clamp(min=1)
            found[f"{better} below {worse}, {what}"] = gap.item()
            found[f"{better} below {worse}, {what} ± names"] = error_over_names(
                apart, dev, chosen
            )
    return found
