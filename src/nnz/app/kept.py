"""How a trained model is kept: its numbers in a file, and a store of files so that nothing is trained twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nnz.app import store
from nnz.bigram import BigramCounts
from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary
from nnz.models import MixedKind, Mixture, fit, kind_of
from nnz.ngram import Interpolated, NGramCounts, NGramTable
from nnz.plumbing.dependencies import code_behind
from nnz.plumbing.files import replaced

FORMAT = 1  # of the files


class ModelFileError(ValueError):
    """A file does not hold a model of this book, or not a whole one."""


def state_of(model: Any) -> dict[str, Tensor]:
    """Return all that a model has learned, by name: weights; or the n-grams that occurred, and how often each."""
    if isinstance(model, BigramCounts):
        return {"counts": model.counts}
    if isinstance(model, NGramCounts):
        return grams_in(model.table)
    if isinstance(model, Interpolated):
        return _numbered(map(grams_in, model.tables))
    if isinstance(model, Mixture):
        return _numbered(map(state_of, model.models))
    state: dict[str, Tensor] = model.state_dict()
    return state


def fill(model: Any, state: Mapping[str, Tensor]) -> None:
    """Give a model that has learned nothing what `state_of` returned."""
    V = len(model.vocabulary)
    if isinstance(model, BigramCounts):
        model.counts = torch.zeros(V, V, dtype=torch.int64).copy_(state["counts"])
    elif isinstance(model, NGramCounts):
        model.table = table_of(state, V, model.order)
    elif isinstance(model, Interpolated):
        model.tables = [table_of(_below(state, i), V, i + 1) for i in range(model.order)]
    elif isinstance(model, Mixture):
        for i, part in enumerate(model.models):
            fill(part, _below(state, i))
    else:
        for name, tensor in model.state_dict().items():
            tensor.copy_(state[name])


def grams_in(table: NGramTable) -> dict[str, Tensor]:
    """Return the keys of the n-grams in a table, in order, and how often each occurred."""
    grams = table.keys[:, None] * table.V + torch.arange(table.V)  # (U, V)
    seen = table.counts > 0
    return {"grams": grams[seen], "times": table.counts[seen]}


def table_of(state: Mapping[str, Tensor], V: int, order: int) -> NGramTable:
    """Return the table of n-grams of that order from which `grams_in` took them.

    Raises:
        ValueError: they are longer.
    """
    if (state["grams"] >= V**order).any():
        raise ValueError(f"some of the grams have more than {order} characters.")
    table = NGramTable(state["grams"], V)  # counts each once
    table.counts[table.counts > 0] = state["times"]
    return table


def _numbered(states: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of several parts under one roof, those of part 0 as "0.name"."""
    return {f"{i}.{key}": x for i, part in enumerate(states) for key, x in part.items()}


def _below(state: Mapping[str, Tensor], i: int) -> dict[str, Tensor]:
    """Return the tensors of part i."""
    start = f"{i}."
    return {k.removeprefix(start): x for k, x in state.items() if k.startswith(start)}


def save_model(
    path: str | os.PathLike[str], model: LanguageModel, name: str, *, about: Mapping[str, Any]
) -> None:
    """Write a trained model to a file: numbers as safetensors, and as JSON what is needed to make sense of them.

    Args:
        path: the file; its folder must be there. It is written beside and then renamed.
        model: as its kind makes it.
        name: of its kind.
        about: facts on its training, in words and numbers that JSON has.
    """
    facts = {"format": FORMAT, "kind": name, "settings": kind_of(name).settings}
    facts |= {"alphabet": "".join(model.vocabulary.chars[1:]), "about": about}
    numbers = {k: x.detach().clone() for k, x in state_of(model).items()}
    with replaced(Path(path)) as beside:
        beside.write_bytes(save(numbers, {"nnz": json.dumps(facts)}))


def load_model(path: str | os.PathLike[str]) -> LanguageModel:
    """Return the model in a file, which is read as numbers and text: nothing in it is run.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is something else, or damaged, or of a kind or format that is not known here.
    """
    return load_with_facts(path)[0]


def load_with_facts(path: str | os.PathLike[str]) -> tuple[LanguageModel, dict[str, Any]]:
    """Return the model in a file, and what `save_model` was told about it. Errors as for `load_model`."""
    state, facts = _read(Path(path))
    try:
        kind = replace(kind_of(facts["kind"]), settings=facts["settings"])
        vocabulary = Vocabulary(facts["alphabet"])
        model = kind.make(vocabulary, torch.Generator().manual_seed(0))
        fill(model, state)
        _check_same(state, state_of(model))
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
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {path}.")
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


def _check_same(given: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    """Raise a clear error unless a model kept just what it was given, and it makes sense."""
    if odd := sorted(given.keys() ^ kept.keys()):
        raise ValueError(f"tensors are missing or too many: {', '.join(odd[:3])}.")
    for name, x in given.items():
        y = kept[name]
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            theirs = f"{name} is {x.dtype} of shape {tuple(x.shape)}"
            raise ValueError(f"{theirs}, not {y.dtype} of shape {tuple(y.shape)}.")
        sensible = x.isfinite().all() and (x.is_floating_point() or (x >= 0).all())
        if not (sensible and torch.equal(x, y)):
            raise ValueError(f"{name} has numbers that it cannot have.")


@dataclass(frozen=True)
class Trained:
    """A trained model, and how we came by it.

    Attributes:
        model: the model.
        seconds: of the processor, which its training took, whenever that was.
        from_store: whether it was trained before.
        about: the facts for `save_model`.
        path: its file in the store; a mixture has none, for its parts are there.
    """

    model: LanguageModel
    seconds: float
    from_store: bool
    about: Mapping[str, Any]
    path: Path | None


def trained(
    name: str,
    names: Sequence[str],
    *,
    vocabulary: Vocabulary = LETTERS,
    seed: int = 1,
    effort: float = 1.0,
    show: bool | None = None,
) -> Trained:
    """Return a trained model from the store, or train it and store it. A mixture is made of stored parts.

    The store is the folder that `NNZ_MODELS` names, or one in the package's cache. What was trained otherwise, on
    other names, or by another version of the code is not taken. Of two processes that want the same, one waits.

    Args:
        name: of its kind.
        names: what to learn from.
        vocabulary: the alphabet; a to z by default.
        seed: of the generator that `nnz.models.fit` is given.
        effort: as for `nnz.models.fit`.
        show: likewise.

    Raises:
        ValueError: as `nnz.models.fit`, whose other errors come through as well. A store that is damaged, or that
            cannot be written to, is no error but gives a notice.
    """
    if isinstance(kind := kind_of(name), MixedKind):
        of = partial(trained, vocabulary=vocabulary, seed=seed, effort=effort)
        parts = [of(part, names, show=show) for part in kind.settings]
        return _mixed(parts, [share for share, _ in kind.settings.values()])
    about = _about(names, seed, effort)
    path = _place(name, about, vocabulary)
    with store.alone(path) as writable:
        if found := _find(path):
            return found
        start, g = time.process_time(), torch.Generator().manual_seed(seed)
        learn = partial(fit, vocabulary=vocabulary, effort=effort, show=show)
        model = learn(name, names, generator=g)
        about["seconds"] = time.process_time() - start
        if writable:
            _keep(path, model, name, about)
    return Trained(model, about["seconds"], False, about, path)


def _place(name: str, about: Mapping[str, Any], vocabulary: Vocabulary) -> Path:
    """Return the file in the store; all that a model depends on is in its name, by way of a key."""
    kind = kind_of(name)
    descent = asdict(kind.descent) if kind.descent else None
    maker = kind.build
    code = code_behind(maker.__module__.removeprefix("nnz."), maker.__name__)
    code += code_behind("models", "Descent") if descent else []
    key = store.key([name, kind.settings, descent, vocabulary.chars, about], code)
    return store.folder() / f"{name}-{key}.safetensors"


def _about(names: Sequence[str], seed: int, effort: float) -> dict[str, Any]:
    """Return what a model was trained on and how."""
    data = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return {"data": data, "names": len(names), "seed": seed, "effort": effort}


def _find(path: Path) -> Trained | None:
    """Return what is in the store, if something whole is."""
    if not path.exists():
        return None
    try:
        model, about = load_with_facts(path)
        return Trained(model, float(about["seconds"]), True, about, path)
    except (ModelFileError, OSError, KeyError, TypeError) as error:
        store.notice(f"a stored model is damaged and trained anew: {error}")
        return None


def _keep(path: Path, model: LanguageModel, name: str, about: Mapping[str, Any]) -> None:
    """Write a model into the store; or say why not, since the model is there all the same."""
    try:
        save_model(path, model, name, about=about)
    except OSError as error:
        store.notice(f"the trained model could not be kept in {path}: {error}")


def _mixed(parts: Sequence[Trained], shares: Sequence[float]) -> Trained:
    """Return the mixture of trained models, which took as long as all of them."""
    model = Mixture([part.model for part in parts], shares)
    seconds = sum(part.seconds for part in parts)
    about = {**parts[0].about, "seconds": seconds}
    return Trained(model, seconds, all(p.from_store for p in parts), about, None)
