"""Training in parts: after a stop it goes on to the very same weights, or says why it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from held import copied, unchanged
from nnz.app import resumable
from nnz.app.resumable import Rounds, _tensors_of, devices, facts_in, fit_in_parts, moved, to_device
from nnz.checkpoint import CheckpointError
from nnz.data import LETTERS
from nnz.gated import Dropout
from nnz.models import MODELS
from nnz.packed import Packed, pack
from nnz.sample import seeded
from nnz.train import History

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"] * 40
NETWORKS = [name for name, spec in MODELS.items() if spec.recipe]
FACTS = {"model": "m", "names": 3, "data": "1f", "seed": 1, "key": "k"}


def fit(name: str, file: Path | None = None, **more: Any) -> Any:
    how: dict[str, Any] = {"vocabulary": LETTERS, "seed": 3, "effort": 1.0, "show": False}
    return fit_in_parts(MODELS[name], NAMES, FACTS, **(how | {"file": file} | more))[0]


class Stop(Exception):
    """Stands for Ctrl-C."""


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch, small_models: None) -> Iterator[list[int]]:
    """Training stops, after it was kept, when so many steps have been taken as the next number of a list says."""
    at: list[int] = []
    before = resumable.train

    def train(*args: Any, callback: Any, every: int, **how: Any) -> History:
        def kept(history: History) -> None:
            if at and len(history) >= at[0]:
                at.pop(0)
                callback(history)
                raise Stop

        history = before(*args, callback=kept, every=1, **how)
        callback(history)
        return history

    monkeypatch.setattr(resumable, "train", train)
    yield at
    assert not at


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_trained_in_parts_is_what_is_trained_in_one_go(
    tmp_path: Path, stopping: list[int], name: str
) -> None:
    whole = copied(MODELS[name].fit(NAMES, generator=seeded(3), show=False))
    assert unchanged(fit(name), whole)
    file = tmp_path / "run"
    stopping += [1, 2, 3]  # in the middle of a round of whole names, too
    with pytest.raises(Stop):
        fit(name, file)
    for _ in range(2):
        with pytest.raises(Stop):
            fit(name, file, resume=True)
    assert unchanged(fit(name, file, resume=True), whole)
    assert unchanged(fit(name, file, resume=True), whole)  # one that has ended


def test_rounds_go_on_in_the_middle_as_if_never_stopped() -> None:
    def source(g: torch.Generator) -> Iterator[Any]:
        while True:
            yield from torch.randperm(5, generator=g).split(1)

    def drawn(rounds: Rounds, g: torch.Generator, n: int) -> list[int]:
        # what a network draws between two batches, as dropout does, is drawn again, too
        return [int(next(rounds)[0]) * 1000 + int(torch.randint(1000, (), generator=g)) for _ in range(n)]  # type: ignore[call-overload]

    g = seeded(1)
    whole = drawn(Rounds(source(g), g, 5), g, 20)
    for stop in (1, 4, 5, 6, 13):
        g = seeded(1)
        rounds = Rounds(source(g), g, 5)
        assert drawn(rounds, g, stop) == whole[:stop]
        now, begun = g.get_state(), rounds.state
        g = seeded(99)
        g.set_state(now)
        again = Rounds(source(g), g, 5)
        again.go_to(stop, begun)
        assert drawn(again, g, 20 - stop) == whole[stop:]


def test_the_seconds_of_all_parts_are_counted(tmp_path: Path, stopping: list[int]) -> None:
    stopping += [1]
    with pytest.raises(Stop):
        fit("mlp", tmp_path / "run")
    spec = MODELS["mlp"]
    how: dict[str, Any] = {"vocabulary": LETTERS, "seed": 3, "effort": 1.0, "file": tmp_path / "run"}
    assert fit_in_parts(spec, NAMES, FACTS, **how)[1] == 0
    assert fit_in_parts(spec, NAMES, FACTS, **how, resume=True)[1] > 0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"data": "2e", "names": 4}, r"another list, with 4 names to train on, not these 3; give the --data"),
        ({"seed": 2}, r"was begun with --seed 2; here it is 1"),
        ({"model": "n"}, r"was begun with --model n; here it is m"),
        ({"key": "l"}, r"another version of nnz or torch; begin anew"),
    ],
)
def test_a_checkpoint_of_another_run_says_what_differs(
    tmp_path: Path, small_models: None, change: dict[str, Any], part: str
) -> None:
    file = tmp_path / "run"
    fit("mlp", file)
    state = load_file(file)
    text = json.dumps(FACTS | change).encode()
    save_file(state | {"model.facts": torch.tensor(list(text), dtype=torch.uint8)}, file)
    with pytest.raises(CheckpointError, match=part):
        fit("mlp", file, resume=True)


def test_what_is_no_checkpoint_is_said_to_be_so(tmp_path: Path) -> None:
    file = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*; nnz train --checkpoint"):
        facts_in(file)
    for content in (b"", b"emma\n" * 9):
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match="is no checkpoint of nnz train --checkpoint"):
            facts_in(file)
    save_file({"W": torch.ones(2)}, file)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        facts_in(file)
    save_file({"model.facts": torch.tensor([91, 93], dtype=torch.uint8)}, file)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        facts_in(file)


# Devices


def test_the_processor_is_always_there() -> None:
    assert devices()[0] == "cpu"
    assert ("cuda" in devices()) == torch.cuda.is_available()


@pytest.mark.parametrize("name", NETWORKS)
def test_on_another_device_the_same_steps_are_taken(small_models: None, name: str) -> None:
    """The processor by another name, since no machine surely has another device: all is moved there and back."""
    whole = copied(MODELS[name].fit(NAMES, generator=seeded(3), show=False))
    assert unchanged(fit(name, device="cpu:0"), whole)


def test_every_tensor_of_a_batch_is_moved() -> None:
    batch, targets = pack(NAMES)
    there = to_device((batch, (targets, targets)), "meta")
    assert isinstance(there[0], Packed)
    assert {x.device.type for x in (*there[0], *there[1])} == {"meta"}


def test_dropout_draws_where_its_generator_is() -> None:
    dropout = Dropout(0.5, generator=seeded(1))
    dropout.train()
    assert dropout(torch.ones(3, device="meta")).device.type == "meta"


def test_a_model_comes_back_from_its_device_with_the_same_tensors(small_models: None) -> None:
    model: Any = MODELS["batchnorm"].make(LETTERS, seeded(1))
    before, kept = list(model.parameters()), copied(model)
    with moved(model, "cpu:0"):  # another name, so that all is moved
        assert all(x.device.type == "cpu" for x in _tensors_of(model))
    assert [id(x) for x in model.parameters()] == [id(x) for x in before]
    assert unchanged(model, kept)
    assert len(_tensors_of(model)) > len(before)  # running averages, too
