"""Checkpoints: the run that was stopped ends as the one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from held import copied, unchanged
from nnz.checkpoint import Checkpoint, CheckpointError
from nnz.mlp import BengioMLP
from nnz.sample import seeded
from nnz.schedules import one_cycle
from nnz.train import History, batches, train

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


OPTIMIZERS = {
    "SGD": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.1, momentum=0.9),
    "AdamW": lambda ps: AdamW(ps, lr=0.1, betas=(0.8, 0.95), weight_decay=0.1),
    "RMSprop": lambda ps: RMSprop(ps, lr=0.01),
}


class Run:
    """A model with all that a checkpoint keeps."""

    def __init__(self, optimizer: str = "AdamW", seed: int = 1) -> None:
        self.model = BengioMLP(3, 4, 8, generator=seeded(seed)).scale_init()
        self.optimizer: Optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.generator = seeded(seed + 100)

    def keep(self, path: Path) -> Checkpoint:
        return Checkpoint(path, self.model, self.optimizer, self.generator)

    def train(self, steps: int, history: History | None = None) -> History:
        return train(
            self.model,
            batches(self.model, NAMES, 5, self.generator),
            self.optimizer,
            steps=steps,
            schedule=one_cycle(0.05, steps=30),
            history=history,
        )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_was_stopped_ends_as_the_one_that_was_not(optimizer: str, tmp_path: Path) -> None:
    whole = Run(optimizer)
    once = whole.train(30)

    first = Run(optimizer)
    history = first.train(13)
    history.note(dev=2.5)
    first.keep(tmp_path / "run").save(history)
    second = Run(optimizer, seed=99)  # nothing alike but shapes
    restored = second.keep(tmp_path / "run").load()
    assert restored == history
    second.train(30, restored)

    assert restored.losses == once.losses
    assert restored.rates == once.rates
    assert restored.notes == [{"steps": 13, "dev": 2.5}]
    for name, p in whole.model.params.items():
        assert torch.equal(p, second.model.params[name])


class Alternating(SGD):
    """Keeps numbers beside its tensors, by names that have dots."""

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                kept = self.state[p]
                kept["steps"] = kept.get("steps", 0) + 1
                kept["mean.of.slopes"] = p.grad.clone()
        super().step(closure)


def test_all_that_an_optimizer_holds_is_kept_whether_tensor_or_number_and_losses_in_64_bits(
    tmp_path: Path,
) -> None:
    first, second = Run(), Run(seed=99)
    for run in (first, second):
        run.optimizer = Alternating(run.model.parameters(), lr=0.1)
    first.train(3)
    history = History([1 / 3], [2 / 3])
    first.keep(tmp_path / "run").save(history)
    assert second.keep(tmp_path / "run").load() == history
    ours, theirs = (run.optimizer.state_dict()["state"] for run in (first, second))
    assert theirs.keys() == ours.keys()
    for i, kept in ours.items():
        assert theirs[i].keys() == kept.keys() == {"steps", "mean.of.slopes"}
        assert theirs[i]["steps"] == 3
        assert torch.equal(theirs[i]["mean.of.slopes"], kept["mean.of.slopes"])


def test_the_file_is_safetensors_with_names_that_say_what_is_what(tmp_path: Path) -> None:
    run = Run()
    run.keep(tmp_path / "run").save(run.train(2))
    with safe_open(tmp_path / "run", framework="pt") as file:
        keys = set(file.keys())
        assert {"model.C", "model.W1", "optimizer.0.exp_avg", "generator"} <= keys
        assert torch.equal(file.get_tensor("model.C"), run.model.params["C"])
        assert json.loads(file.metadata()["optimizer"]) == "AdamW"


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk_for: Callable[[int], AbstractContextManager[None]]
) -> None:
    run = Run()
    keeper = run.keep(tmp_path / "run")
    history = run.train(2)
    keeper.save(history)
    before = keeper.path.read_bytes()

    def fail(path: Path, data: bytes) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError("No space left on device")

    history = run.train(4, history)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(OSError, match="No space"):
            keeper.save(history)
    with disk_for(1000), pytest.raises(OSError, match="too large"):
        keeper.save(history)
    assert keeper.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def refused(keeper: Checkpoint, match: str) -> None:
    before = copied(keeper.model)
    with pytest.raises(CheckpointError, match=match):
        keeper.load()
    assert unchanged(keeper.model, before)


def test_what_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    run = Run()
    keeper = run.keep(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        keeper.load()
    for content in (b"", b"not at all", b"\0" * 100):
        keeper.path.write_bytes(content)
        refused(keeper, "is not a checkpoint")
    save_file({"model.C": torch.zeros(27, 4)}, keeper.path)
    refused(keeper, "is not a checkpoint")
    keeper.save(run.train(3))
    keeper.path.write_bytes(keeper.path.read_bytes()[:-10])
    refused(keeper, "is not a checkpoint")


def test_another_model_s_checkpoint_is_refused(tmp_path: Path) -> None:
    run = Run()
    run.keep(tmp_path / "run").save(run.train(3))
    other = BengioMLP(3, 4, 9, generator=seeded())
    optimizer = AdamW(other.parameters())
    keeper = Checkpoint(tmp_path / "run", other, optimizer, seeded())
    refused(keeper, r"weights .*'model.W1': \(12, 8\).*here it is.*'model.W1': \(12, 9\)")


def test_another_optimizer_s_checkpoint_is_refused(tmp_path: Path) -> None:
    run = Run()
    run.keep(tmp_path / "run").save(run.train(3))
    refused(Run("SGD").keep(tmp_path / "run"), r"the optimizer AdamW; here it is SGD\.")
    other = Run()
    other.optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    refused(other.keep(tmp_path / "run"), r"groups of weights \[5\]; here it is \[5, 1\]")


def test_a_checkpoint_with_another_way_to_draw_is_refused(tmp_path: Path) -> None:
    run = Run()
    run.keep(tmp_path / "run").save(run.train(3))
    keeper = Checkpoint(tmp_path / "run", run.model, run.optimizer)
    refused(keeper, r"a generator: True; here it is False\.")
