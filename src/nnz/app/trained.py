"""Trained models from a store of files, so that nothing is trained twice."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnz.app import store
from nnz.app.files import ModelFileError, load_with_facts, save_model
from nnz.app.resumable import facts_in, fit_in_parts
from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary
from nnz.mixture import Mixture
from nnz.model_spec import MixtureSpec, ModelSpec
from nnz.plumbing.dependencies import code_behind
from nnz.sample import seeded


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

    @property
    def kept(self) -> bool:
        """Whether the store has it, as far as its own file says; it may be one that cannot be written to."""
        return self.path is None or self.path.exists()


def trained(
    spec: ModelSpec,
    names: Sequence[str],
    *,
    vocabulary: Vocabulary = LETTERS,
    seed: int = 1,
    effort: float = 1.0,
    show: bool | None = None,
    **parts: Any,
) -> Trained:
    """Return a trained model from the store, or train it and store it. A mixture is made of stored parts.

    Parts of a mixture that are of one kind have seeds that follow one another.

    The store is the folder that `NNZ_MODELS` names, or one in the package's cache. What was trained otherwise, on
    other names, or by another version of the code is not taken. Of two processes that want the same, one waits.

    Args:
        spec: which model; see `nnz.models.spec_of`. Its contexts get room for the longest name.
        names: what to learn from.
        vocabulary: the alphabet; a to z by default.
        seed: of the generator that trains it.
        effort: as for `nnz.models.fit`.
        show: likewise.
        parts: file, resume and device, as for `nnz.app.resumable.fit_in_parts`; a model that counts has none.

    Raises:
        ValueError: as `nnz.models.fit`, whose other errors come through as well. A store that is damaged, or that
            cannot be written to, is no error but gives a notice.
    """
    how: dict[str, Any] = {"vocabulary": vocabulary, "effort": effort, "show": show}
    spec = spec.for_names(names)
    if isinstance(spec, MixtureSpec):
        each = _each(spec, names, seed, how, parts)
        made = [trained(part, names, **how, **own) for part, own in each]
        return _mixed(made, spec.shares())
    about = _about(spec, names, seed, effort, parts.get("device", "cpu"))
    path = _place(spec, about, vocabulary)
    with store.alone(path) as writable:
        if found := _find(path):
            return found
        start, before = time.process_time(), 0.0
        if spec.recipe and parts:
            facts = {"model": spec.name, "device": "cpu", **about, "key": path.stem}
            facts |= parts.pop("asked", {})
            model, before = fit_in_parts(spec, names, facts, seed=seed, **how, **parts)
        else:
            model = spec.fit(names, generator=seeded(seed), **how)
        about["seconds"] = before + time.process_time() - start
        if writable:
            _keep(path, model, spec, about)
    return Trained(model, about["seconds"], False, about, path)


def _place(spec: ModelSpec, about: Mapping[str, Any], vocabulary: Vocabulary) -> Path:
    """Return the file in the store; all that a model depends on is in its name, by way of a key."""
    code = code_behind(spec.build.__module__.removeprefix("nnz."), spec.build.__name__)
    recipe = None
    if spec.recipe:
        source = spec.recipe.source
        code += code_behind("recipe", "Recipe")
        code += code_behind(source.__module__.removeprefix("nnz."), source.__name__)
        recipe = asdict(spec.recipe) | {"source": source.__name__}
    key = store.key([spec.name, spec.settings, recipe, vocabulary.chars, about], code)
    return store.folder() / f"{spec.name}-{key}.safetensors"


def _about(spec: ModelSpec, names: Sequence[str], seed: int, effort: float, device: str) -> dict[str, Any]:
    """Return what a model was trained on and how."""
    data = hashlib.sha256("\n".join(names).encode()).hexdigest()
    about = {"data": data, "names": len(names), "seed": seed, "effort": effort}
    if spec.recipe and device != "cpu":
        about["device"] = device  # which rounds otherwise
    return about


def _each(
    spec: MixtureSpec, names: Sequence[str], seed: int, how: Mapping[str, Any], given: Mapping[str, Any]
) -> list[tuple[ModelSpec, dict[str, Any]]]:
    """Return the parts of a mixture, and for each its seed and how it is trained in parts.

    The first of its kind has the seed that is asked for, the second the next one. All write to one checkpoint
    file, one after another. Who goes on from there takes those before it from the store, if they are in it, and
    lets those after it begin.
    """
    found: list[tuple[ModelSpec, dict[str, Any]]] = []
    for part in spec.parts():
        own = {"seed": seed + [before.name for before, _ in found].count(part.name), **given}
        if given:
            own["asked"] = {"model": spec.name, "seed": seed}
        found.append((part, own))
    if given.get("resume"):
        begun = facts_in(given["file"]).get("key")
        keys = [_key(part, own, names, how) for part, own in found]
        for i, (_, own) in enumerate(found):
            if begun in keys and i != keys.index(begun):
                own |= {"resume": False, "file": given["file"] if i > keys.index(begun) else None}
    return found


def _key(part: ModelSpec, own: Mapping[str, Any], names: Sequence[str], how: Mapping[str, Any]) -> str:
    """Return the key of a part of a mixture, which is in its checkpoints."""
    about = _about(part, names, own["seed"], how["effort"], own.get("device", "cpu"))
    return _place(part, about, how["vocabulary"]).stem


def _find(path: Path) -> Trained | None:
    """Return what is in the store, if something whole is."""
    try:
        if not path.exists():
            return None
        model, about = load_with_facts(path)
        return Trained(model, float(about["seconds"]), True, about, path)
    except (ModelFileError, OSError, KeyError, TypeError) as error:
        store.notice(f"a stored model is damaged and trained anew: {error}")
        return None


def _keep(path: Path, model: LanguageModel, spec: ModelSpec, about: Mapping[str, Any]) -> None:
    """Write a model into the store; or say why not, since the model is there all the same."""
    try:
        save_model(path, model, spec, about=about)
    except OSError as error:
        store.notice(f"the trained model could not be kept in {path}: {error}")


def _mixed(parts: Sequence[Trained], shares: Sequence[float]) -> Trained:
    """Return the mixture of trained models, which took as long as all of them."""
    model = Mixture([part.model for part in parts], shares)
    seconds = sum(part.seconds for part in parts)
    about = {**parts[0].about, "seconds": seconds}
    return Trained(model, seconds, all(p.from_store for p in parts), about, None)
