"""Checkpoints: a file from which training goes on as if it had never stopped.

Chapter: training.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from nnz.plumbing.files import replaced
from nnz.train import History, Trainable

_TEXTS = ("optimizer", "plain", "groups", "notes")  # what is kept as JSON


class CheckpointError(ValueError):
    """A file is not a checkpoint, or not one of this model and this optimizer."""


class Checkpoint:
    """A file for the state of a training run: weights, optimizer, generator and history.

    The format is safetensors: numbers and text only, so that opening a file from a stranger runs no code.

    Args:
        path: the file; its folder must be there.
        model: what is saved, or filled by `load`.
        optimizer: likewise.
        generator: likewise, if batches are drawn; the same that `nnz.train.batches` draws from.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Trainable,
        optimizer: Optimizer,
        generator: torch.Generator | None = None,
    ) -> None:
        self.path = Path(path)
        self.model, self.optimizer, self.generator = model, optimizer, generator

    def save(self, history: History) -> None:
        """Write the file anew. It is written beside and then renamed: a crash leaves the old one or the new.

        Raises:
            OSError: the disk is full, or the folder is not there or cannot be written to.
        """
        tensors, texts = self.state()
        tensors["losses"] = torch.tensor(history.losses, dtype=torch.float64)
        tensors["rates"] = torch.tensor(history.rates, dtype=torch.float64)
        texts["notes"] = history.notes
        facts = {k: json.dumps(v) for k, v in texts.items()}
        with replaced(self.path) as beside:
            beside.write_bytes(save(tensors, facts))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what must be kept, as numbers and as text, copied and by name."""
        state = self.optimizer.state_dict()
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        plain: dict[str, dict[str, Any]] = {}
        for i, slots in state["state"].items():
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{i}.{name}"] = value
                else:
                    plain.setdefault(str(i), {})[name] = value
        if self.generator is not None:
            tensors["generator"] = self.generator.get_state()
        texts = {"optimizer": type(self.optimizer).__name__, "plain": plain}
        texts |= {"groups": state["param_groups"]}
        return {
            k: v.detach().clone().contiguous() for k, v in tensors.items()
        }, texts

    def load(self) -> History:
        """Fill model, optimizer and generator from the file, and return its history.

        The optimizer's settings become those of the file. The schedule and the data are not in it.

        Raises:
            FileNotFoundError: there is no such file.
            CheckpointError: it is something else, or belongs to another model, optimizer or way to draw. Nothing
                is changed then.
        """
        tensors, texts = self._read()
        self._check(tensors, texts)
        try:
            state, history = _parts(tensors, texts)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{self.path} is damaged: {error}; save another one."
            ) from None
        weights = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(state)
        if self.generator is not None:
            self.generator.set_state(tensors["generator"])
        return history

    def _read(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the numbers and the texts in the file."""
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no checkpoint {self.path}.")
        try:
            with safe_open(self.path, framework="pt") as file:
                keys = file.keys()  # it has them, and is no mapping
                tensors = {key: file.get_tensor(key) for key in keys}
                metadata = file.metadata() or {}
            texts = {key: json.loads(metadata[key]) for key in _TEXTS}
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise CheckpointError(
                f"{self.path} is not a checkpoint: {error}."
            ) from None
        return tensors, texts

    def _check(self, tensors: dict[str, Tensor], texts: dict[str, Any]) -> None:
        """Raise a clear error unless the file belongs to this model, optimizer and way to draw."""
        facts = [_facts(tensors, texts), _facts(*self.state())]
        for what, theirs in facts[0].items():
            mine = facts[1][what]
            if theirs != mine:
                raise CheckpointError(
                    f"{self.path} has {what} {theirs}; here it is {mine}."
                )


def _facts(tensors: dict[str, Tensor], texts: dict[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint and a run must have in common."""
    weights = {k: tuple(v.shape) for k, v in tensors.items() if k[:6] == "model."}
    return {
        "weights": weights,
        "the optimizer": texts["optimizer"],
        "groups of weights": [len(group["params"]) for group in texts["groups"]],
        "a generator:": "generator" in tensors,
    }


def _parts(
    tensors: dict[str, Tensor], texts: dict[str, Any]
) -> tuple[dict[str, Any], History]:
    """Return the optimizer's state and the history, all read before anything is filled from it."""
    slots = {int(i): dict(values) for i, values in texts["plain"].items()}
    for key in filter(lambda key: key.startswith("optimizer."), tensors):
        _, i, name = key.split(".", 2)
        slots.setdefault(int(i), {})[name] = tensors[key]
    if "generator" in tensors:
        torch.Generator().set_state(tensors["generator"])
    losses, rates = tensors["losses"].tolist(), tensors["rates"].tolist()
    state = {"state": slots, "param_groups": texts["groups"]}
    return state, History(losses, rates, texts["notes"])
