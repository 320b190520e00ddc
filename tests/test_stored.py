"""Models as pages take them: once from the store, and the same that an experiment trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nnz.app.kept import state_of
from nnz.experiments import judging
from nnz.experiments.stored import stored
from nnz.plumbing.paths import resource


def test_a_page_and_an_experiment_train_the_same_model_and_the_page_only_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_models: None
) -> None:
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path))
    monkeypatch.setenv("NNZ_NAMES", str(resource("data", "names-sample.txt")))
    first, again = stored("mlp", seed=3), stored("mlp", seed=3)
    assert (first.from_store, again.from_store) == (False, True)
    wanted = state_of(judging.learned("mlp", seed=3))
    for name, tensor in state_of(again.model).items():
        assert torch.equal(tensor, wanted[name]), name
