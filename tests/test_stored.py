"""Models as pages take them: once from the store, and the same that an experiment trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nnz.app.stored import stored
from nnz.experiments import judging
from nnz.plumbing.paths import resource


def test_a_page_and_an_experiment_train_the_same_model_and_the_page_only_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_models: None
) -> None:
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path))
    monkeypatch.setenv("NNZ_NAMES", str(resource("data", "names-sample.txt")))
    first, again = stored("mlp", seed=3), stored("mlp", seed=3)
    assert (first.from_store, again.from_store) == (False, True)
    learned: Any = judging.learned("mlp", seed=3)
    wanted, kept = learned.state_dict(), again.model.state_dict()  # type: ignore[attr-defined]
    for name, tensor in kept.items():
        assert torch.equal(tensor, wanted[name]), name
