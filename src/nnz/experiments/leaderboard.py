"""The networks of the leaderboard that are trained on windows, over seeds."""

from __future__ import annotations

from nnz.experiments.judging import judged, learned

NETWORKS = ("bigram-net", "mlp", "mlp-5", "batchnorm", "wavenet-tree")


def networks(seed: int) -> dict[str, float]:
    """Losses of the leaderboard's networks on windows; `dilated.long` and `dilated.gated` have the other two."""
    found = {}
    for name in NETWORKS:
        for key, loss in judged(learned(name, seed)).items():
            found[f"{name} {key}"] = loss
    return found
