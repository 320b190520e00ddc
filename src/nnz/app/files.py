"""A trained model in a file: its numbers as safetensors, and as text what is needed to make sense of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.data import Vocabulary
from nnz.model_spec import ModelSpec
from nnz.models import spec_of
from nnz.plumbing.files import check_readable, replaced
from nnz.sample import seeded

FORMAT = 2  # of the files


class ModelFileError(ValueError):
    """A file does not hold a model of this book, or not a whole one."""


def save_model(
    path: str | os.PathLike[str], model: Any, spec: ModelSpec, *, about: Mapping[str, Any]
) -> None:
    """Write a trained model to a file: numbers as safetensors, and as JSON what is needed to make sense of them.

    Args:
        path: the file; its folder must be there. It is written beside and then renamed.
        model: one of the contract with a `state_dict`, as the spec makes it, trained.
        spec: what it was made by.
        about: facts on its training, in words and numbers that JSON has.
    """
    facts = {"format": FORMAT, "kind": spec.name, "settings": spec.settings}
    end, *letters = model.vocabulary.chars
    facts |= {"alphabet": "".join(letters), "end": end, "about": about}
    numbers = {k: x.detach().clone() for k, x in model.state_dict().items()}
    with replaced(Path(path)) as beside:
        beside.write_bytes(save(numbers, {"nnz": json.dumps(facts)}))


def load_model(path: str | os.PathLike[str]) -> LanguageModel:
    """Return the model in a file, which is read as numbers and text: nothing in it is run.

    Raises:
        OSError: there is no such file, it is a folder, or it may not be read.
        ModelFileError: it is something else, or damaged, or of a model or format that is not known here.
    """
    return load_with_facts(path)[0]


def load_with_facts(path: str | os.PathLike[str]) -> tuple[LanguageModel, dict[str, Any]]:
    """Return the model in a file, and what `save_model` was told about it. Errors as for `load_model`."""
    state, facts = _read(Path(path))
    try:
        spec = replace(spec_of(facts["kind"]), settings=facts["settings"])
        vocabulary = Vocabulary(facts["alphabet"], facts["end"])
        model: Any = spec.make(vocabulary, seeded(0))
        model.load_state_dict(state)
        return model, dict(facts["about"])
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        RuntimeError,  # torch: shapes that do not fit
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelFileError(f"{path} holds no whole model: {reason}") from None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the numbers and the facts in a file."""
    check_readable(path, f"there is no model file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
            names = file.keys()  # it has them, and is no mapping
            state = {name: file.get_tensor(name) for name in names}
        facts = json.loads(texts["nnz"])
    except SafetensorError as error:
        reason = f"is no safetensors file, or cut short: {error}"
        raise ModelFileError(f"{path} {reason}.") from None
    except (KeyError, RecursionError, ValueError):
        raise ModelFileError(f"{path} is a safetensors file, but not written by nnz.") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ModelFileError(f"{path} has another format than {FORMAT}, which this version of nnz reads.")
    return state, facts
