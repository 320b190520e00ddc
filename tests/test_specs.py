"""The models of Parts II to IV, by their specs."""

from __future__ import annotations

import torch

from nnz.data import LETTERS, Vocabulary, windows
from nnz.model_spec import ModelSpec
from nnz.sample import seeded
from nnz.specs import COUNTING, NETWORKS, normed_mlp, quiet_mlp

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]


def test_what_counts_has_no_recipe_and_what_is_trained_has_one() -> None:
    trained = [spec.name for spec in (*COUNTING, *NETWORKS) if spec.recipe]
    assert trained == ["bigram-net", "mlp", "mlp-5", "batchnorm"]


def test_networks_begin_with_nearly_equal_chances() -> None:
    X, Y = windows(NAMES, 3)
    sizes = {"block_size": 3, "n_embd": 4, "n_hidden": 30}
    for build in (quiet_mlp, normed_mlp):
        model = build(**sizes, generator=seeded(), vocabulary=LETTERS)
        loss = -model.log_probs(X).gather(1, Y[:, None]).mean()
        assert abs(loss.item() - torch.tensor(27.0).log().item()) < 0.2, build


def test_a_network_with_batch_norm_is_of_the_sizes_it_is_given() -> None:
    vocabulary = Vocabulary(["zoé"])  # four characters, and the end
    model = normed_mlp(2, 3, 5, generator=seeded(), vocabulary=vocabulary)
    V = len(vocabulary)
    assert sum(w.numel() for w in model.parameters()) == V * 3 + 6 * 5 + 2 * 5 + 5 * V + V


def test_a_spec_of_windows_has_the_same_contexts_for_every_list() -> None:
    for spec in (*COUNTING, *NETWORKS):
        assert spec.for_names(["x" * 50]) is spec
    assert isinstance(COUNTING[0], ModelSpec)
