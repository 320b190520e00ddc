"""Training that can be stopped and gone on with, or done on another device; else it is that of `Recipe.fit`."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nnz.checkpoint import Checkpoint, CheckpointError
from nnz.model_spec import ModelSpec
from nnz.plumbing.files import check_readable
from nnz.sample import seeded
from nnz.train import Batch, History, train

EVERY = 50  # steps from one checkpoint to the next


class Rounds:
    """A source of batches that can be put where another one was.

    A source of whole names draws the order of a whole round at its beginning. So what is kept is the state that
    the generator had then; to go on in the middle of a round, its first batches are drawn again and thrown away.

    Args:
        source: of batches, which has drawn nothing yet.
        generator: which it draws from.
        length: how many batches are a round.
    """

    def __init__(self, source: Iterator[Batch], generator: torch.Generator, length: int) -> None:
        self.source, self.generator, self.length = source, generator, length
        self.done, self.state = 0, generator.get_state()

    def __iter__(self) -> Rounds:
        return self

    def __next__(self) -> Batch:
        if self.done % self.length == 0:
            self.state = self.generator.get_state()
        self.done += 1
        return next(self.source)

    def go_to(self, done: int, state: Tensor) -> None:
        """Go on after so many batches, the generator having had that state as their last round began."""
        now = self.generator.get_state()
        self.generator.set_state(state)
        self.done = done - done % self.length
        for _ in range(done % self.length):
            next(self)
        self.generator.set_state(now)


class Run:
    """A model whose state is all that a checkpoint keeps beside the optimizer: weights, round of batches, facts.

    Args:
        model: what is trained.
        rounds: its batches.
        facts: which model on which list, and how.
    """

    def __init__(self, model: Any, rounds: Rounds, facts: Mapping[str, Any]) -> None:
        self.model, self.rounds, self.text = model, rounds, _as_tensor(facts)
        self.vocabulary, self.block_size = model.vocabulary, model.block_size
        self.log_probs, self.logits, self.parameters = model.log_probs, model.logits, model.parameters
        self.round = rounds.state

    def state_dict(self) -> dict[str, Tensor]:
        """Return all of it as tensors."""
        weights = {f"weights.{name}": value for name, value in self.model.state_dict().items()}
        return weights | {"round": self.rounds.state, "facts": self.text}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the weights, and keep the state in which the round began for `Rounds.go_to`."""
        try:
            torch.Generator().set_state(state["round"])
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(f"the checkpoint is damaged: {error}; begin anew.") from None
        weights = {k.removeprefix("weights."): v for k, v in state.items() if k.startswith("weights.")}
        self.model.load_state_dict(weights)
        self.round = state["round"]


def fit_in_parts(
    spec: ModelSpec,
    names: Sequence[str],
    facts: Mapping[str, Any],
    *,
    vocabulary: Any,
    seed: int,
    effort: float,
    show: bool | None = None,
    file: Path | None = None,
    resume: bool = False,
    device: str = "cpu",
) -> tuple[Any, float]:
    """Return a trained model, as `spec.fit` does, with a checkpoint now and then; and the seconds before this run.

    Args:
        spec: of a network.
        names: what to learn from.
        facts: which model on which list, and how; they are kept in the checkpoint.
        vocabulary: the alphabet.
        seed: of the generator.
        effort: as for `nnz.models.fit`.
        show: likewise.
        file: where checkpoints are written; a last one at the end, or at Ctrl-C.
        resume: whether to go on from the one that is there.
        device: where the steps are computed. The model comes back to the processor.

    Raises:
        CheckpointError: the file is of another run, or of none.
        KeyboardInterrupt: Ctrl-C, after a whole step and a checkpoint.
    """
    recipe = spec.recipe
    assert recipe
    generator = seeded(seed)
    model: Any = spec.make(vocabulary, generator)
    size, steps = recipe.size_and_steps(model, names, effort)
    length = math.ceil(len(names) / (size or len(names))) if recipe.epochs else 1
    with moved(model, device):
        rounds = Rounds(recipe.source(model, names, size, generator), generator, length)
        source = rounds if device == "cpu" else (to_device(batch, device) for batch in rounds)
        adam = recipe.optimizer(model)
        history = History()
        run = Run(model, rounds, facts)
        checkpoint = Checkpoint(file, run, adam, generator) if file else None
        if checkpoint and resume:
            check_facts(checkpoint.path, facts)
            history = checkpoint.load()
            rounds.go_to(len(history), run.round)
        before = sum(note["seconds"] for note in history.notes)
        start = time.process_time()

        def keep(history: History) -> None:
            history.notes[:] = [{"steps": len(history), "seconds": before + time.process_time() - start}]
            if checkpoint:
                checkpoint.save(history)

        how: dict[str, Any] = {"steps": steps, "schedule": recipe.schedule(steps), "show": show}
        train(model, source, adam, **how, history=history, callback=keep, every=EVERY)
    return model, before


def facts_in(path: Path) -> dict[str, Any]:
    """Return which model a checkpoint is of, on which list, and how it is trained.

    Raises:
        OSError: there is no such file, it is a folder, or it may not be read.
        CheckpointError: it is something else.
    """
    check_readable(path, f"there is no checkpoint {path}; nnz train --checkpoint {path} begins one.")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(bytes(file.get_tensor("model.facts").tolist()))
    except (SafetensorError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is no checkpoint of nnz train --checkpoint: {error}.") from None
    if not isinstance(facts, dict):
        raise CheckpointError(f"{path} is no checkpoint of nnz train --checkpoint.")
    return facts


def check_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise a clear error unless a checkpoint is of this very run.

    Raises:
        FileNotFoundError, CheckpointError: as `facts_in`; or it is of another run, and what differs is said.
    """
    theirs = facts_in(path)
    differ = [what for what, mine in facts.items() if theirs.get(what) != mine]
    if "data" in differ:
        lists = f"another list, with {theirs.get('names')} names to train on, not these {facts.get('names')}"
        raise CheckpointError(f"{path} was begun on {lists}; give the --data and --column of then.")
    if differ == ["key"]:
        raise CheckpointError(f"{path} was begun by another version of nnz or torch; begin anew.")
    if differ:
        what = differ[0]
        raise CheckpointError(f"{path} was begun with --{what} {theirs.get(what)}; here it is {facts[what]}.")


def _as_tensor(facts: Mapping[str, Any]) -> Tensor:
    """Return facts as the bytes of JSON."""
    return torch.tensor(list(json.dumps(facts, sort_keys=True).encode()), dtype=torch.uint8)


def devices() -> list[str]:
    """Return the devices of this machine that networks can be trained on; the processor is the first."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


@contextmanager
def moved(model: Any, device: str) -> Iterator[None]:
    """Have the tensors of a model on a device within the block."""
    if device == "cpu":
        yield
        return
    tensors = _tensors_of(model)
    for tensor in tensors:
        tensor.data = tensor.data.to(device)
    try:
        yield
    finally:
        for tensor in tensors:
            tensor.data = tensor.data.to("cpu")


def _tensors_of(model: Any) -> list[Tensor]:
    """Return the weights of a model, and what else its layers keep, such as running averages."""
    kept = list(model.parameters())
    if hasattr(model, "tensors"):
        kept += [tensor for _, tensor in model.tensors()]
    return list({id(tensor): tensor for tensor in kept}.values())


def to_device(batch: Any, device: str) -> Any:
    """Return a batch with its tensors on a device; packed names stay packed, and rows stay rows."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    parts = [to_device(part, device) for part in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
