"""Every model of the book: trained by name, mixed, kept in a file, and never trained twice."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nnz import recipe
from nnz.app import store
from nnz.app import trained as kept
from nnz.app.files import ModelFileError, load_model, load_with_facts, save_model
from nnz.data import LETTERS, Vocabulary, windows
from nnz.evaluate import nll
from nnz.model_spec import ModelSpec
from nnz.models import MODELS, fit, size_of, spec_of
from nnz.sample import seeded

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]
WORDS = ["Ёлка", "анна лена", "7up", "Zoë", "o'neil", "ü", "ёж", "00"]


def quick(name: str, names: list[str] = NAMES, **how: Any) -> Any:
    """Fit a model with hardly any steps."""
    how = {"generator": seeded(), "effort": 0.1} | how
    return fit(name, names, **how)


def same(a: Any, b: Any) -> bool:
    """Whether two models answer alike, bit for bit."""
    X, _ = windows(NAMES, a.block_size, a.vocabulary)
    return a.block_size == b.block_size and torch.equal(a.log_probs(X), b.log_probs(X))


def trained(name: str, *names: Any, **how: Any) -> kept.Trained:
    return kept.trained(spec_of(name), *names, **how)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_models: None) -> Path:
    """A store of their own for these tests, and what is told to people."""
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "store"))
    monkeypatch.delenv("NNZ_BUILD", raising=False)
    return tmp_path / "store"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [6, 50])
def test_every_kind_learns_from_a_short_list_in_any_alphabet(name: str, count: int) -> None:
    names = (WORDS * 7)[:count]
    vocabulary = Vocabulary(WORDS)
    model = quick(name, names, vocabulary=vocabulary)
    assert model.vocabulary is vocabulary
    assert math.isfinite(nll(model, WORDS))
    contexts, _ = windows(WORDS, model.block_size, vocabulary)
    sums = model.log_probs(contexts).exp().sum(dim=1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize("name", MODELS)
def test_all_chance_is_the_generator_s(name: str) -> None:
    before = torch.get_rng_state()
    one, again = (quick(name, generator=seeded(3)) for _ in range(2))
    assert same(one, again)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_out_of_its_file_as_it_went_in(name: str, tmp_path: Path) -> None:
    model = quick(name)
    save_model(tmp_path / "m", model, MODELS[name], about={"seed": 1})
    loaded, about = load_with_facts(tmp_path / "m")
    assert type(loaded) is type(model)
    assert same(loaded, model)
    assert size_of(loaded) == size_of(model)
    assert about == {"seed": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["m"]  # nothing beside


def test_a_file_of_an_own_alphabet_brings_it_along(tmp_path: Path) -> None:
    vocabulary = Vocabulary(WORDS)
    model = quick("kneser-ney", WORDS, vocabulary=vocabulary)
    save_model(tmp_path / "m", model, MODELS["kneser-ney"], about={})
    loaded = load_model(tmp_path / "m")
    assert loaded.vocabulary.chars == vocabulary.chars
    assert nll(loaded, WORDS) == nll(model, WORDS)


def test_a_file_can_be_read_after_the_settings_of_its_kind_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quick("gated")
    save_model(tmp_path / "m", model, MODELS["gated"], about={})
    changed = {"n_channels": 8, "dilations": [1], "dropout": 0.0}
    monkeypatch.setitem(MODELS, "gated", replace(MODELS["gated"], settings=changed))
    assert same(load_model(tmp_path / "m"), model)


def test_a_name_that_is_no_model_brings_names_like_it() -> None:
    with pytest.raises(ValueError, match="'knesr-ney'; is it kneser-ney that"):
        spec_of("knesr-ney")
    with pytest.raises(ValueError, match="bigram or bigram-net or trigram or"):
        spec_of("???")


def test_the_size_of_a_model_is_how_many_weights_or_different_n_grams_it_has() -> None:
    texts = ["." * 5 + name + "." for name in NAMES]
    grams = [{t[i - n : i] for t in texts for i in range(6, len(t) + 1)} for n in range(1, 7)]
    kinds = [len(found) for found in grams]
    assert size_of(quick("bigram")) == kinds[1]
    assert size_of(quick("trigram")) == kinds[2]
    assert size_of(quick("kneser-ney")) == sum(kinds)
    gated = quick("gated")
    assert size_of(gated) == sum(weight.numel() for weight in gated.parameters())
    assert size_of(quick("mixture")) == size_of(gated) + sum(kinds)


def test_a_letter_that_the_alphabet_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in the vocabulary"):
        quick("trigram", ["Emma"])


# Files that are none


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file of a trigram."""
    save_model(tmp_path / "good", quick("trigram"), MODELS["trigram"], about={})
    return tmp_path / "good"


def forge(file: Path, change: Any = None, **facts: Any) -> Path:
    """Write the file anew with other tensors or other facts."""
    with safe_open(file, framework="pt") as opened:
        keys = opened.keys()
        tensors = {key: opened.get_tensor(key) for key in keys}
        told = json.loads(opened.metadata()["nnz"])
    if change:
        change(tensors)
    save_file(tensors, file, {"nnz": json.dumps({**told, **facts})})
    return file


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        load_model(tmp_path / "nothing")


@pytest.mark.parametrize("kept_bytes", [0, 5, 100, -1])
def test_a_file_that_was_cut_short_is_refused(file: Path, kept_bytes: int) -> None:
    file.write_bytes(file.read_bytes()[:kept_bytes])
    with pytest.raises(ModelFileError, match="no safetensors file, or cut short"):
        load_model(file)


@pytest.mark.parametrize("texts", [None, {"format": "pt"}, {"nnz": "{"}])
def test_a_file_of_somebody_else_is_refused(file: Path, texts: Any) -> None:
    save_file({"W": torch.ones(2, 2)}, file, texts)
    with pytest.raises(ModelFileError, match="not written by nnz"):
        load_model(file)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"format": 1}, "another format than 2"),
        ({"kind": "transformer"}, "there is no model 'transformer'"),
        ({"kind": ["mlp"]}, "TypeError"),
        ({"kind": "mlp"}, "order"),
        ({"settings": {"order": "3", "k": 0.2}}, "order must be a whole number"),
        ({"settings": {"order": 3, "k": -1}}, "k is -1"),
        ({"settings": {"order": 3, "k": 1, "os": "rm"}}, "unexpected keyword"),
        ({"settings": None}, "TypeError"),
        ({"alphabet": "abc"}, "of another alphabet"),
        ({"settings": {"order": 2}}, "grams is torch.int64 of shape"),
        ({"alphabet": "a.c"}, "marks the ends"),
        ({"alphabet": 3}, "TypeError"),
        ({"about": 3}, "TypeError"),
    ],
)
def test_facts_that_make_no_sense_are_refused(file: Path, facts: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelFileError, match=says):
        load_model(forge(file, **facts))


def drop(key: str) -> Any:
    return lambda tensors: tensors.pop(key)


def put(key: str, make: Any) -> Any:
    return lambda tensors: tensors.update({key: make(tensors.get(key))})


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("trigram", drop("times"), "times"),
        ("trigram", put("more", lambda _: torch.ones(1)), "missing or too many"),
        ("trigram", put("times", lambda x: x[1:]), "holds no whole model"),
        ("trigram", put("times", lambda x: -x), "a count below 0"),
        ("trigram", put("times", lambda x: x.double()), "float64|dtype"),
        ("trigram", put("grams", lambda x: x.flip(0)), "not in order"),
        ("trigram", put("grams", lambda x: x[:0]), "holds no whole model"),
        ("bigram", put("counts", lambda x: x[1:]), "holds no whole model"),
        ("bigram", put("counts", lambda x: x.float()), "float32"),
        ("bigram", put("counts", lambda x: x[:1]), "shape"),
        ("bigram", put("counts", lambda x: -x), "a count below 0"),
        ("kneser-ney", drop("3.grams"), "grams"),
        ("mlp", put("W2", lambda x: x.T.contiguous()), "holds no whole model"),
        ("mlp", put("W2", lambda x: x.double()), "float64"),
        ("mlp", put("b1", lambda x: x[:1]), "shape"),
        ("mlp", put("b1", lambda x: x / 0), "not finite"),
        ("wavenet", drop("tree.net.3.running_var"), "running_var"),
        ("mixture", drop("1.0.grams"), "grams"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, name: str, change: Any, says: str) -> None:
    save_model(tmp_path / "m", quick(name), MODELS[name], about={})
    with pytest.raises(ModelFileError, match=says):
        load_model(forge(tmp_path / "m", change))


# The store


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_what_was_trained_is_not_trained_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trained("mlp", NAMES, effort=0.01)
    monkeypatch.setattr(ModelSpec, "fit", None)
    second = trained("mlp", NAMES, effort=0.01)
    assert (first.from_store, second.from_store) == (False, True)
    assert same(first.model, second.model)
    assert first.seconds == second.seconds > 0
    assert first.about == second.about
    assert first.path == second.path
    assert files(folder) == [first.path.name] if first.path else False


def test_anything_else_is_trained_anew(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trained("trigram", NAMES)
    others: list[dict[str, Any]] = [
        {"names": NAMES[1:]},
        {"names": NAMES[::-1]},
        {"seed": 2},
        {"effort": 0.5},
        {"vocabulary": Vocabulary(NAMES)},
        {"name": "bigram"},
    ]
    for other in others:
        given = {"name": "trigram", "names": NAMES} | other
        assert not trained(**given).from_store, other
    changed = replace(MODELS["trigram"], settings={"order": 3, "k": 0.3})
    monkeypatch.setitem(MODELS, "trigram", changed)
    assert not trained("trigram", NAMES).from_store
    assert len(files(folder)) == len(others) + 2


def test_the_key_changes_with_the_code_and_with_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = store.key(["a"], ["x = 1"])
    assert before == store.key(["a"], ["x = 1"])
    assert len(before) == 16
    others = {store.key(["b"], ["x = 1"]), store.key(["a"], ["x = 2"])}
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert len({before, *others, store.key(["a"], ["x = 1"])}) == 4


def test_the_key_of_a_model_changes_with_its_own_code_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"names": 1}
    places = {
        name: kept._place(MODELS[name], about, LETTERS) for name in MODELS if not name.startswith("mixture")
    }
    whole = kept.code_behind

    def changed(module: str, name: str) -> list[str]:
        return [*whole(module, name), "changed"] if module == "gated" else whole(module, name)

    monkeypatch.setattr(kept, "code_behind", changed)
    moved = [name for name, place in places.items() if kept._place(MODELS[name], about, LETTERS) != place]
    assert moved == ["gated"]


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 100])
def test_a_damaged_file_is_replaced_with_a_notice(damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    first = trained("trigram", NAMES)
    assert first.path
    first.path.write_bytes(damage)
    second = trained("trigram", NAMES)
    assert not second.from_store
    assert "damaged and trained anew" in capsys.readouterr().err
    assert trained("trigram", NAMES).from_store
    assert same(first.model, second.model)


def test_where_nothing_can_be_written_a_model_is_trained_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "file" / "store"))
    assert not trained("trigram", NAMES).from_store
    assert "no model can be kept in" in capsys.readouterr().err


def test_a_folder_that_can_only_be_read_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**given: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    trained("trigram", NAMES)
    monkeypatch.setattr(store, "TemporaryFile", refuse)
    assert trained("trigram", NAMES).from_store
    assert not trained("trigram", NAMES, seed=2).from_store
    assert capsys.readouterr().err.count("Permission denied") == 2


def test_a_full_disk_costs_the_file_and_not_the_model(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert not trained("trigram", NAMES).from_store
    assert "No space left" in capsys.readouterr().err
    assert [path.suffix for path in folder.iterdir()] in ([".lock"], [])


def test_a_disk_that_is_really_full_leaves_no_half_file(
    folder: Path, disk_for: Callable[[int], AbstractContextManager[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    with disk_for(500):
        assert not trained("trigram", NAMES).from_store
    assert "could not be kept" in capsys.readouterr().err
    assert files(folder) == []
    assert not list(folder.glob("*.part"))


def test_notices_are_not_given_on_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNZ_BUILD", "1")
    store.notice("something")
    assert capsys.readouterr().err == ""


def test_ctrl_c_leaves_nothing_in_the_store(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def stopped(*args: Any, **how: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        trained("mlp", NAMES, effort=0.01)
    assert files(folder) == []


def test_a_mixture_takes_its_parts_from_the_store(folder: Path) -> None:
    part = trained("gated", NAMES, effort=0.01)
    first = trained("mixture", NAMES, effort=0.01)
    again = trained("mixture", NAMES, effort=0.01)
    assert (first.from_store, again.from_store) == (False, True)
    assert len(files(folder)) == 2
    assert same(first.model, again.model)
    alone = fit("mixture", NAMES, generator=seeded(), effort=0.01)
    assert same(first.model, alone)
    assert first.seconds > part.seconds
    assert first.path is None


def test_parts_of_one_kind_have_seeds_that_follow_one_another(folder: Path) -> None:
    four = trained("mixture-4", NAMES, seed=3, effort=0.01)
    one, other, network, table = four.model.models  # type: ignore[attr-defined]
    assert len(files(folder)) == 4
    for model, name, seed in (
        (one, "gru", 3),
        (other, "gru", 4),
        (network, "gated", 3),
        (table, "kneser-ney", 3),
    ):
        alone = trained(name, NAMES, seed=seed, effort=0.01)
        assert alone.from_store
        assert same(alone.model, model)
    assert not same(one, other)
    assert four.model.shares == [0.3, 0.3, 0.2, 0.2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("lost", [False, True])
def test_a_mixture_goes_on_in_the_part_in_which_it_was_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """Also where the store has lost what was done before it, and nothing of the checkpoint is written over."""
    whole = trained("mixture-4", NAMES, effort=0.1).model
    for path in folder.iterdir():
        path.unlink()
    plain, file, stop = kept.fit_in_parts, tmp_path / "run", [True]
    calls: list[tuple[int, bool, bool]] = []

    def noted(spec: ModelSpec, *args: Any, **how: Any) -> Any:
        found = plain(spec, *args, **how)
        calls.append((how["seed"], how["file"] is not None, how.get("resume", False)))
        if len(calls) == 2 and stop.pop():
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(kept, "fit_in_parts", noted)
    with pytest.raises(KeyboardInterrupt):
        trained("mixture-4", NAMES, effort=0.1, file=file)
    assert calls == [(1, True, False), (2, True, False)]
    stop.append(False)
    if lost:
        for path in folder.iterdir():
            path.unlink()
    calls.clear()
    again = trained("mixture-4", NAMES, effort=0.1, file=file, resume=True).model
    assert calls == [(1, False, False)] * lost + [(2, True, True), (1, True, False)]
    assert same(again, whole)


TWICE = """
import sys
from pathlib import Path
from nnz.app.trained import trained
from nnz.model_spec import ModelSpec
from nnz.models import spec_of
fit = ModelSpec.fit
def held(*args, **how):
    print("trained", flush=True)
    sys.stdin.readline()
    return fit(*args, **how)
ModelSpec.fit = held
print(trained(spec_of("trigram"), ["ava", "eve"]).from_store)
"""


def test_two_processes_train_once() -> None:
    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", TWICE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    with start() as first:
        assert first.stdout
        assert first.stdout.readline() == "trained\n"  # and holds the lock
        with start() as second:
            assert second.stderr
            assert "waiting for another process" in second.stderr.readline()
            said = [first.communicate("go on\n"), second.communicate()]
    assert [out for out, _ in said] == ["False\n", "True\n"]
