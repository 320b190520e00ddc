"""Trained models as scripts, from which a browser computes the probabilities that torch gives, to 1e-5 and better.

A page that is opened from a folder may not fetch data, so each model is a script that assigns to one global.
Weights are float32 in base64. Batch norm is folded into the layer below it. Counts are a tree of n-grams, exact;
of Kneser and Ney's the longest n-grams alone, since the shorter ones follow from them. All of this is read by
`book/_static/nnz-play-models.js`, and `book/_ext/nnz_play.py` writes the files when the book is built.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import singledispatch
from itertools import count
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from nnz.app.trained import trained
from nnz.bigram import BigramCounts
from nnz.bigram_net import BigramNet
from nnz.cells import CELLS
from nnz.contract import LanguageModel
from nnz.data import load_names, split_names
from nnz.dilated import DilatedWaveNet
from nnz.experiments import scaled
from nnz.gated import GatedBlock, GatedWaveNet
from nnz.gpt import GPT, Block
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, Tanh
from nnz.microgpt import EPS
from nnz.mixture import Mixture
from nnz.mlp import BengioMLP
from nnz.model_spec import MixtureSpec, ModelSpec
from nnz.models import MODELS, size_of
from nnz.ngram import KneserNey, NGramCounts
from nnz.norms import BatchNorm1d
from nnz.plumbing.files import replaced
from nnz.recurrent import Recurrent
from nnz.wavenet import WaveNet

# What takes minutes to train is trained for a share of its steps here; a mixture of such is left out.
SHARES = {"gru": 1 / 40, "gpt": 1 / 15, "mixture-4": 0.0}
CHARS = 64  # that a node of a tree has room for
EXACT = 2**53  # below it a browser's numbers are exact
TYPES = {torch.float32: "f4", torch.uint8: "u1"}
ASSIGN = "((globalThis.nnzPlay ??= {{}}).{where} ??= {{}})[{name}] = {value};\n"


@dataclass(frozen=True)
class Exported:
    """What the playground is given of a model.

    Attributes:
        kind: which of the functions in nnz-play-models.js runs it.
        settings: numbers and words that it needs.
        arrays: weights as float32, counts as bytes, by name.
    """

    kind: str
    settings: Mapping[str, Any]
    arrays: Mapping[str, Tensor] = field(default_factory=dict)


@singledispatch
def export(model: object) -> Exported:
    """Return what the playground needs of a model.

    Raises:
        TypeError: the playground cannot run such a model.
        ValueError: an alphabet, or n-grams, are too large for it.
    """
    raise TypeError(
        f"the playground cannot run a {type(model).__name__}; teach nnz-play-models.js to, first."
    )


@export.register
def _(model: BigramCounts) -> Exported:
    grams = model.counts.nonzero()
    tree = gram_tree(grams, model.counts[grams[:, 0], grams[:, 1]], len(model.vocabulary))
    return Exported("ngram", {"order": 2, "k": model.k}, tree)


@export.register
def _(model: NGramCounts) -> Exported:
    table = model.table
    tree = gram_tree(table.grams, table.times, table.V)
    return Exported("ngram", {"order": model.order, "k": model.k}, tree)


@export.register
def _(model: KneserNey) -> Exported:
    longest = model.tables[-1]
    tree = gram_tree(longest.grams, longest.times, longest.V)
    return Exported("kneser-ney", {"order": model.order, "discount": model.discount}, tree)


@export.register
def _(model: BigramNet) -> Exported:
    return Exported("rows", {}, model.state_dict())


@export.register
def _(model: BengioMLP) -> Exported:
    return Exported("mlp", {"block_size": model.block_size}, model.state_dict())


@export.register
def _(model: LayeredModel) -> Exported:
    layers = getattr(model.net, "layers", [])
    if [type(layer) for layer in layers] != [Embedding, Flatten, Linear, BatchNorm1d, Tanh, Linear]:
        raise TypeError("the playground knows networks of layers with one hidden layer and batch norm alone.")
    W1, b1 = folded(layers[2], layers[3])
    arrays = {"C": layers[0].weight, "W1": W1, "b1": b1, "W2": layers[5].weight, "b2": layers[5].bias}
    return Exported("mlp", {"block_size": model.block_size}, arrays)


@export.register
def _(model: WaveNet) -> Exported:
    layers = cast(list[Any], model.net.layers)
    arrays = {"C": layers[0].weight, "W": layers[-1].weight, "b": layers[-1].bias}
    for i in range(model.depth):
        arrays[f"W{i}"], arrays[f"b{i}"] = folded(*layers[4 * i + 2 : 4 * i + 4])
    return Exported("tree", {"dilations": [2**i for i in range(model.depth)]}, arrays)


@export.register
def _(model: DilatedWaveNet) -> Exported:
    return export(model.tree)


@export.register
def _(model: GatedWaveNet) -> Exported:
    block = cast(GatedBlock, model.blocks.layers[0])
    how = {"gate": block.gate, "residual": block.residual, "skip": model.skip, "eps": model.norm.eps}
    return Exported("gated", {"dilations": list(model.dilations), **how}, model.state_dict())


@export.register
def _(model: Recurrent) -> Exported:
    cell = next(name for name, kind in CELLS.items() if type(model.cell(0)) is kind)
    return Exported("recurrent", {"cell": cell, "n_layers": len(model.start)}, model.state_dict())


@export.register
def _(model: GPT) -> Exported:
    n_head = cast(Block, model.blocks.layers[0]).attention.n_head
    sizes = {"n_head": n_head, "n_layer": model.n_layer, "block_size": model.block_size}
    return Exported("gpt", {**sizes, "eps": EPS}, model.state_dict())


def folded(linear: Linear, norm: BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the one layer that does what both of these do in evaluation mode."""
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    before = 0 if linear.bias is None else linear.bias
    return linear.weight * scale, (before - norm.running_mean) * scale + norm.bias


def gram_tree(grams: Tensor, times: Tensor, V: int) -> dict[str, Tensor]:
    """Return n-grams as a tree, a byte for each node; nnz-play-models.js says what is in the byte.

    Args:
        grams: int64 (G, n), each once, in order.
        times: int64 (G,), how often each occurs, 1 at least.
        V: the number of characters.

    Raises:
        ValueError: there are too many characters, or n-grams so long that their numbers would not be exact.
    """
    n = grams.shape[1]
    if V > CHARS or V**n >= EXACT:
        raise ValueError(f"n-grams of {n} out of {V} characters are too many for the playground's form.")
    parent, levels = torch.zeros(len(grams), dtype=torch.bool), []
    parent[:1] = True
    for level in range(n):
        new = parent.clone()  # whether a node begins at this n-gram
        new[1:] |= grams[1:, level] != grams[:-1, level]
        last = torch.cat([parent[new][1:], torch.tensor([True])])
        levels.append(grams[new, level] + 128 * last)
        parent = new
    levels[-1] = levels[-1] + 64 * (times > 1)
    return {"nodes": torch.cat(levels).to(torch.uint8), "times": _in_sevens(times[times > 1].tolist())}


def _in_sevens(numbers: list[int]) -> Tensor:
    """Return numbers as bytes with seven bits each, the lowest first; the highest bit says that more follow."""
    out = bytearray()
    for number in numbers:
        while number >= 128:
            out.append(number % 128 + 128)
            number //= 128
        out.append(number)
    return torch.tensor(list(out), dtype=torch.uint8)


def script(name: str, exported: Exported, chars: tuple[str, ...]) -> str:
    """Return the script that hands a model of that name to the playground."""
    arrays = {key: _packed(array) for key, array in exported.arrays.items()}
    about = {"kind": exported.kind, "chars": chars, "settings": exported.settings, "arrays": arrays}
    return assigned("data", name, about)


def assigned(where: str, name: str, value: object) -> str:
    """Return a script that puts a value, as JSON has it, under a name below the playground's one global."""
    return ASSIGN.format(where=where, name=json.dumps(name), value=json.dumps(value, separators=(",", ":")))


def _packed(array: Tensor) -> dict[str, Any]:
    """Return an array as JSON can have it: bytes as they are, all else as float32."""
    plain = array.detach() if array.dtype == torch.uint8 else array.detach().float()
    numbers = plain.contiguous().numpy()
    data = base64.b64encode(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).decode()
    return {"type": TYPES[plain.dtype], "shape": list(plain.shape), "data": data}


class NotStored(Exception):
    """A model would have to be trained."""


class OnlyStored(ModelSpec):
    """A model of the book that is not trained if the store has it not."""

    def fit(self, *args: Any, **how: Any) -> Any:
        """Refuse to."""
        raise NotStored(self.name)


def find(spec: ModelSpec, names: Sequence[str], **how: Any) -> LanguageModel | None:
    """Return what `nnz.app.trained.trained` would take from its store, or None where it would train.

    Args:
        spec: which model.
        names: what it was trained on.
        how: seed and effort.
    """
    try:
        return trained(_only_stored(spec), names, **how).model
    except NotStored:
        return None


def _only_stored(spec: ModelSpec) -> ModelSpec:
    """Return the spec as one that is not trained; a mixture is not itself, but its parts are."""
    if isinstance(spec, MixtureSpec):
        return replace(spec, of=tuple(map(_only_stored, spec.of)))
    return OnlyStored(**{one.name: getattr(spec, one.name) for one in fields(spec)})


def models(only_stored: bool = False) -> dict[str, Any]:
    """Return the models of the playground by name, from the store of this build, as `nnz.app.stored` does.

    Args:
        only_stored: leave out those that the store has not, rather than train them.
    """
    names, take = split_names(load_names())[0], find if only_stored else _take
    full = scaled(1000, names) / 1000
    efforts = {name: full * SHARES.get(name, 1.0) for name in MODELS}
    made = {name: take(MODELS[name], names, effort=effort) for name, effort in efforts.items() if effort}
    return {name: model for name, model in made.items() if model}


def _take(spec: ModelSpec, names: Sequence[str], **how: Any) -> LanguageModel | None:
    """Return a model from the store, or train it."""
    return trained(spec, names, **how).model


def _summary(name: str) -> str:
    """Return what a model is, in a line, and how much of its training it has had if that is not all."""
    share = SHARES.get(name, 1.0)
    trained_for = f"; here after {100 * share:.2g} percent of its training" if share < 1 else ""
    return MODELS[name].summary + trained_for


def write(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Write a script for each model of the book that the playground can run, and `models.js`, a list of them.

    Args:
        folder: where to; scripts of another build are removed from it.
        given: trained models, by the names of `nnz.models.MODELS`.

    Returns:
        What is in that list, which is chars, the alphabet; name, summary, how many numbers it has and the files of
        each of the models; and bytes and version of each of the files.
    """
    scripts: dict[str, str] = {}
    listed = [
        {"name": name, "summary": _summary(name), "numbers": size_of(model), "files": files}
        for name, model in given.items()
        if (files := _add(scripts, name, model))
    ]
    facts = {name: {"bytes": len(text), "version": _version(text)} for name, text in scripts.items()}
    chars = next(iter(given.values())).vocabulary.chars if listed else ()
    about = {"models": listed, "files": facts, "chars": chars}
    scripts["models"] = "".join(assigned("list", key, value) for key, value in about.items())
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.js"):
        if path.stem not in scripts:
            path.unlink()
    for name, text in scripts.items():
        with replaced(folder / f"{name}.js") as beside:
            beside.write_text(text, encoding="utf-8")
    return about


def _version(text: str) -> str:
    """Return what changes with a script, so that no browser keeps an old one."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _add(scripts: dict[str, str], name: str, model: Any) -> list[str]:
    """Add the script of a model, and those of its parts, unless it is there; return their names, its own first.

    Two parts of a kind have scripts of their own, such as `gru` and `gru-2`. Of what the playground cannot run
    nothing is added, and the list is empty.
    """
    if not isinstance(model, Mixture):
        known = export.dispatch(type(model)) is not export.dispatch(object)
        return [_place(scripts, name, export(model), model.vocabulary.chars)] if known else []
    spec = cast(MixtureSpec, MODELS[name])
    parts = [_add(scripts, part.name, one) for part, one in zip(spec.of, model.models, strict=True)]
    if not all(parts):
        return []
    exported = Exported("mixture", {"parts": [files[0] for files in parts], "shares": model.shares})
    own = _place(scripts, name, exported, model.vocabulary.chars)
    return list(dict.fromkeys([own, *(file for files in parts for file in files)]))


def _place(scripts: dict[str, str], name: str, exported: Exported, chars: tuple[str, ...]) -> str:
    """Put a script under the first name that is free, or that has it already, and return that name."""
    for number in count(1):
        free = name if number == 1 else f"{name}-{number}"
        text = script(free, exported, chars)
        if scripts.setdefault(free, text) == text:
            return free
    raise AssertionError
