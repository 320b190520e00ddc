"""The models of Parts II to IV, by their specs."""

from __future__ import annotations

from typing import Any

import torch

from nnz.data import LETTERS, Vocabulary, windows
from nnz.layers import Sequential
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
        assert abs(loss.item() - torch.tensor(27.0).log().item()) < 0.05, build
        assert model.logits(X).std() < 0.15, build


def test_a_network_with_batch_norm_squeezes_what_is_normed() -> None:
    X, _ = windows(NAMES, 3)
    model: Any = normed_mlp(3, 4, 30, generator=seeded(), vocabulary=LETTERS)
    inner = Sequential(*model.net.layers[:-1])
    logits, hidden = model.logits(X), inner(X)
    assert 0.9 < hidden.abs().max() < 1
    assert hidden.std() > 0.5
    torch.testing.assert_close(model.net.layers[-1](hidden), logits)


def test_a_network_with_batch_norm_is_of_the_sizes_it_is_given() -> None:
    vocabulary = Vocabulary(["zoé"])  # four characters, and the end
    model = normed_mlp(2, 3, 5, generator=seeded(), vocabulary=vocabulary)
    V = len(vocabulary)
    assert sum(w.numel() for w in model.parameters()) == V * 3 + 6 * 5 + 2 * 5 + 5 * V + V


def test_a_spec_of_windows_has_the_same_contexts_for_every_list() -> None:
    for spec in (*COUNTING, *NETWORKS):
        assert spec.for_names(["x" * 50]) is spec
    assert isinstance(COUNTING[0], ModelSpec)
