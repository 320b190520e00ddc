"""What the playground is given of each model; what a browser makes of it is seen in tests/browser/test_play.py."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nnz.app.stored import stored
from nnz.app.trained import trained
from nnz.layers import LayeredModel, Linear, Sequential, evaluating
from nnz.mixture import Mixture
from nnz.model_spec import MixtureSpec
from nnz.models import MODELS, fit
from nnz.ngram import counted, grams_of
from nnz.norms import BatchNorm1d
from nnz.plumbing.paths import resource
from nnz.press import playground
from nnz.sample import seeded
from odd_weights import numbers
from rendered import built_by_sphinx

pytestmark = pytest.mark.support

NAMES = ["emma", "ava", "eva", "emmanuel", "mia", "maia", "noel", "leo"]
V = 27


def unfolded(tree: dict[str, Tensor], order: int) -> tuple[list[list[int]], list[int]]:
    """Return the n-grams of a tree and how often each occurs: the reading end, once more in Python."""
    nodes, sevens = tree["nodes"].tolist(), iter(tree["times"].tolist())
    grams: list[list[int]] = [[]]
    times: list[int] = []
    for level in range(order):
        longer = []
        for gram in grams:
            while True:
                node = nodes.pop(0)
                longer.append([*gram, node & 63])
                if level == order - 1:
                    times.append(1)
                    if node & 64:
                        parts = [next(sevens)]
                        while parts[-1] & 128:
                            parts.append(next(sevens))
                        times[-1] = sum((part & 127) * 128**i for i, part in enumerate(parts))
                if node & 128:
                    break
        grams = longer
    assert not nodes
    assert next(sevens, None) is None
    return grams, times


@pytest.mark.parametrize("order", [1, 2, 6])
def test_a_tree_of_n_grams_has_each_of_them_and_how_often_it_occurs(order: int) -> None:
    grams, times = counted(grams_of([*NAMES, *["ab"] * 300, *["b"] * 20_000], order), V)
    assert times.max() > 128**2
    assert (times == 1).any()
    tree = playground.gram_tree(grams, times, V)
    assert unfolded(tree, order) == (grams.tolist(), times.tolist())


def test_a_tree_refuses_what_its_bytes_have_no_room_for() -> None:
    grams, times = counted(grams_of(NAMES, 6), V)
    with pytest.raises(ValueError, match="6 out of 65 characters are too many"):
        playground.gram_tree(grams, times, 65)
    with pytest.raises(ValueError, match="12 out of 27 characters are too many"):
        playground.gram_tree(*counted(grams_of(NAMES, 12), V), V)


@pytest.mark.parametrize("bias", [False, True])
def test_a_norm_is_folded_into_the_layer_below_it(bias: bool) -> None:
    linear, norm = Linear(3, 4, bias=bias, generator=seeded()), BatchNorm1d(4)
    for i, tensor in enumerate([*linear.parameters(), norm.weight, norm.bias, norm.running_mean]):
        tensor.data = numbers(*tensor.shape, seed=i).float()
    norm.running_var = numbers(4, seed=9).square().float()
    x = numbers(5, 3, seed=20).float()
    weight, added = playground.folded(linear, norm)
    net = Sequential(linear, norm)
    with evaluating(net):
        torch.testing.assert_close((x.double() @ weight + added).float(), net(x), rtol=1e-5, atol=1e-5)


def test_every_model_of_the_book_is_known_to_the_exporter_and_to_the_script(
    small_models: None, root: Path
) -> None:
    code = (root / "book" / "_static" / "nnz-play-models.js").read_text(encoding="utf-8")
    found = re.search(r"const KINDS = \{(.*?)\};", code)
    assert found
    kinds = {name.partition(":")[0].strip(' "') for name in found[1].split(",")}
    for spec in MODELS.values():
        model = spec.make(fit("bigram", NAMES, generator=seeded()).vocabulary, seeded())
        if isinstance(spec, MixtureSpec):
            assert "mixture" in kinds
        elif spec.recipe:
            assert playground.export(model).kind in kinds
        else:
            spec.learn(model, NAMES)
            assert playground.export(model).kind in kinds


def test_what_the_playground_cannot_run_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot run a int"):
        playground.export(3)
    net = LayeredModel(Sequential(Linear(2, 3, generator=seeded())), 3)
    with pytest.raises(TypeError, match="one hidden layer and batch norm alone"):
        playground.export(net)


def value_of(script: str) -> Any:
    """Return what a script assigns."""
    found = re.fullmatch(
        r'\(\(globalThis\.nnzPlay \?\?= \{\}\)\.\w+ \?\?= \{\}\)\["([\w-]+)"\] = (.*);\n', script
    )
    assert found, script[:200]
    return json.loads(found[2])


def test_a_script_is_ascii_and_has_every_bit_of_the_weights(small_models: None) -> None:
    model: Any = fit("mlp", NAMES, generator=seeded(), effort=0.01)
    text = playground.script("mlp", playground.export(model), model.vocabulary.chars)
    assert text.isascii()
    there = value_of(text)
    assert there["chars"] == list(model.vocabulary.chars)
    assert there["settings"] == {"block_size": 3}
    for name, weights in model.state_dict().items():
        array = there["arrays"][name]
        raw = torch.frombuffer(bytearray(base64.b64decode(array["data"])), dtype=torch.float32)
        assert torch.equal(raw.view(array["shape"]), weights), name


def test_the_folder_has_a_script_for_each_model_and_none_of_another_build(
    small_models: None, tmp_path: Path
) -> None:
    folder = tmp_path / "play"
    models: dict[str, Any] = {
        name: fit(name, NAMES, generator=seeded(), effort=0.01) for name in ("bigram", "kneser-ney", "gated")
    }
    models["mixture"] = Mixture([models["gated"], models["kneser-ney"]], [0.5, 0.5])
    about = playground.write(folder, models | {"mlp": object()})
    assert [entry["name"] for entry in about["models"]] == [*models]
    assert sorted(path.stem for path in folder.iterdir()) == sorted([*models, "models"])
    for name, facts in about["files"].items():
        assert facts["bytes"] == (folder / f"{name}.js").stat().st_size
    for entry in about["models"]:
        assert entry["summary"] == MODELS[entry["name"]].summary
    assert about["models"][-1]["files"] == ["mixture", "gated", "kneser-ney"]
    lines = (folder / "models.js").read_text(encoding="utf-8").splitlines(keepends=True)
    assert [value_of(line) for line in lines] == [about["models"], about["files"], list(about["chars"])]
    other = {"gated": fit("gated", NAMES, generator=seeded(2), effort=0.01)}
    again = playground.write(folder, other)
    assert again["files"]["gated"]["version"] != about["files"]["gated"]["version"]
    assert sorted(path.name for path in folder.iterdir()) == ["gated.js", "models.js"]
    assert playground.write(folder, {})["models"] == []


def test_two_parts_of_one_kind_have_two_scripts_and_a_part_that_is_there_has_no_second(
    small_models: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = (fit("gated", NAMES, generator=seeded(seed), effort=0.01) for seed in (1, 2))
    spec = MODELS["gated"]
    monkeypatch.setitem(MODELS, "mixture", MixtureSpec("mixture", "", Mixture, {}, of=(spec, spec, spec)))
    models: dict[str, Any] = {"gated": first, "mixture": Mixture([first, second, first], [0.5, 0.3, 0.2])}
    about = playground.write(tmp_path, models)
    assert about["models"][1]["files"] == ["mixture", "gated", "gated-2"]
    assert sorted(about["files"]) == ["gated", "gated-2", "mixture"]
    settings = value_of((tmp_path / "mixture.js").read_text(encoding="utf-8"))["settings"]
    assert settings == {"parts": ["gated", "gated-2", "gated"], "shares": [0.5, 0.3, 0.2]}


def test_what_is_in_the_store_is_found_and_nothing_is_trained(
    monkeypatch: pytest.MonkeyPatch, small_models: None, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path))
    how: dict[str, Any] = {"seed": 2, "effort": 0.01}
    gated, mixture = MODELS["gated"], MODELS["mixture"]
    assert playground.find(gated, NAMES, **how) is None
    assert list(tmp_path.glob("*.safetensors")) == []
    kept: Any = trained(gated, NAMES, **how).model
    there: Any = playground.find(gated, NAMES, **how)
    assert torch.equal(there.last.weight, kept.last.weight)
    assert playground.find(gated, NAMES, seed=3, effort=0.01) is None
    assert playground.find(mixture, NAMES, **how) is None
    trained(MODELS["kneser-ney"], NAMES, **how)
    assert isinstance(playground.find(mixture, NAMES, **how), Mixture)


CONF = 'extensions = ["myst_parser", "nnz_play"]\nhtml_static_path = ["{static}"]'
PAGE = "# Play\n\n```{playground}\n```\n"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, small_models: None, tmp_path: Path) -> Path:
    """A store of models, of the sample of names."""
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NNZ_NAMES", str(resource("data", "names-sample.txt")))
    return tmp_path / "models"


def test_the_scripts_are_on_the_page_of_the_playground_alone(store: Path, tmp_path: Path, root: Path) -> None:
    """Of a build that has trained one model, that one is there; nothing is trained for the playground."""
    stored("bigram")
    (source := tmp_path / "source").mkdir()
    conf = CONF.format(static=root / "book" / "_static")
    out, warned = built_by_sphinx(source, conf, {"art": "# Art\n", "play": PAGE, "zoo": "# Zoo\n"})
    assert warned == ""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in out.glob("*.html")}
    assert {"art", "play", "zoo"} < set(pages)
    assert [name for name, text in pages.items() if "nnz-play" in text] == ["play"]
    assert pages["play"].count("<script defer") == 3
    assert sorted(path.name for path in (out / "_static" / "play").iterdir()) == ["bigram.js", "models.js"]
    assert [path.stem.partition("-")[0] for path in store.glob("*.safetensors")] == ["bigram"]


def test_a_build_without_a_playground_exports_nothing(store: Path, tmp_path: Path, root: Path) -> None:
    (source := tmp_path / "source").mkdir()
    out, _ = built_by_sphinx(source, CONF.format(static=root / "book" / "_static"), {"zoo": "# Zoo\n"})
    assert not (out / "_static" / "play").exists()


def test_what_takes_minutes_is_trained_for_a_share_of_its_steps_and_says_so(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(playground, "MODELS", {name: MODELS[name] for name in ("bigram", "mlp", "gated")})
    monkeypatch.setattr(playground, "SHARES", {"mlp": 0.5, "gated": 0.0, "unknown": 0.1})
    monkeypatch.setattr(playground, "scaled", lambda steps, names: steps)
    assert playground.models(only_stored=True) == {}
    made = playground.models()
    assert [*made] == ["bigram", "mlp"]
    assert [*playground.models(only_stored=True)] == ["bigram", "mlp"]
    summaries = [entry["summary"] for entry in playground.write(tmp_path / "play", made)["models"]]
    assert summaries == [
        MODELS["bigram"].summary,
        MODELS["mlp"].summary + "; here after 50 percent of its training",
    ]
    monkeypatch.setattr(playground, "SHARES", {})
    whole = playground.models()
    assert not torch.equal(made["mlp"].state_dict()["W1"], whole["mlp"].state_dict()["W1"])
