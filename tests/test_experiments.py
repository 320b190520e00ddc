"""The experiments of the chapters initialization, batchnorm and diagnostics."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nnz.backprop import first_params
from nnz.experiments import batchnorm, diagnostics, initialization
from nnz.experiments.backprop import soften
from nnz.experiments.batchnorm import model_of, scaled_starts
from nnz.experiments.diagnostics import at_best
from nnz.experiments.initialization import begin
from nnz.norms import BatchNorm1d
from nnz.side_by_side import EPS, NORMS

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia"] * 50


@pytest.fixture
def few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (initialization, batchnorm, diagnostics):
        monkeypatch.setattr(module, "load_names", lambda: NAMES)


def test_batch_norm_is_trained_on_the_batches_and_from_the_weights_of_gain_1(
    few_names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def note(params: dict[str, Tensor], X: Tensor, Y: Tensor, **settings: Any) -> None:
        g = settings["generator"].initial_seed()
        first = {k: v[-1].clone() for k, v in params.items() if k != "g"}
        seen.append({**settings, "generator": g, "norm": settings.get("norm", "none"), **first})

    for module in (initialization, batchnorm):
        monkeypatch.setattr(module, "descend", note)
    initialization.train_starts(seed=4)
    batchnorm.train_normed(seed=4)
    starts, normed = seen
    assert (starts.pop("norm"), normed.pop("norm")) == ("none", "batch")
    assert starts.keys() == normed.keys()
    for key, value in starts.items():
        same = torch.equal(value, normed[key]) if isinstance(value, Tensor) else value == normed[key]
        assert same, key


def test_seeds_have_other_weights() -> None:
    assert not torch.equal(begin("gain 1", 1).params["W1"], begin("gain 1", 2).params["W1"])


@pytest.mark.parametrize("norm", list(NORMS))
def test_a_stacked_network_becomes_a_model_that_says_the_same(norm: str) -> None:
    g = torch.Generator().manual_seed(1)
    params = {
        k: v + 0.1 * torch.randn(v.shape, generator=g) for k, v in scaled_starts([0.5, 2.0], seed=3).items()
    }
    X = torch.randint(27, (50, 3), generator=g)
    model = model_of(params, 1, norm, X)
    p = {k: v[1] for k, v in params.items()}
    a = p["C"][X].flatten(1) @ p["W1"]
    if norm == "batch":
        a = (a - a.mean(0)) / (a.var(0) + EPS).sqrt() * p["g"]
    if norm == "layer":
        a = torch.nn.functional.layer_norm(a, (200,), p["g"], torch.zeros(200), EPS)
    wanted = (torch.tanh(a + p["b1"]) @ p["W2"] + p["b2"]).log_softmax(1)
    torch.testing.assert_close(model.log_probs(X), wanted, rtol=1e-4, atol=1e-4)


def test_the_best_rate_is_that_of_the_lowest_loss_and_a_norm_does_not_count_for_the_rule() -> None:
    found = at_best(
        {
            "SGD": {0.1: (0.01, 2.5), 0.2: (0.002, 2.4)},
            "SGD with batch norm": {0.1: (0.1, 2.3), 0.2: (0.01, 2.4)},
            "AdamW": {0.1: (0.00025, 2.1), 0.2: (0.5, 2.4)},
        }
    )
    assert found["SGD"] == math.log10(0.002)
    assert found["loss SGD with batch norm"] == 2.3
    assert found["factor"] == pytest.approx(4)


def test_of_the_rates_that_counts_which_is_best_on_training_names(
    few_names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that exploded never counts, and the dev set chooses nothing."""
    on = {"train": [math.nan, 2.3, 2.2, 2.4], "dev": [1.0, 2.0, 3.0, 4.0]}
    order: dict[int, int] = {}

    def run(models: list[Any], *rest: Any) -> None:
        order.clear()
        order.update({id(model): place for place, model in enumerate(models)})

    def nll(model: Any, names: list[str]) -> float:
        return on["train" if len(names) > 200 else "dev"][order[id(model)] % len(diagnostics.RATES)]

    monkeypatch.setattr(diagnostics, "run", run)
    monkeypatch.setattr(diagnostics, "nll", nll)
    found = diagnostics.by_gain(seed=1)
    assert {found[f"plain {gain}"] for gain in diagnostics.GAINS} == {3.0}
    assert {found[f"rate norm {gain}"] for gain in diagnostics.GAINS} == {0.3}
    assert len(order) == len(diagnostics.GAINS) * len(diagnostics.RATES)
    # Where the best rates are known, a network is trained at its own alone.
    known = {f"{kind} {gain}": 0.9 for kind in ("plain", "norm") for gain in diagnostics.GAINS}
    again = diagnostics.by_gain(seed=1, known=known)
    assert len(order) == len(diagnostics.GAINS)
    assert {again[f"rate norm {gain}"] for gain in diagnostics.GAINS} == {0.9}


def test_a_deep_network_has_its_norms_before_its_activations() -> None:
    kinds = [
        type(layer).__name__
        for layer in diagnostics.deep(norm=True, hidden=2).net.layers  # type: ignore[attr-defined]
    ]
    block = ["Linear", BatchNorm1d.__name__, "Tanh"]
    assert kinds == ["Embedding", "Flatten", *block, *block, "Linear"]


def test_softened_first_weights_are_of_the_sizes_of_part_iv() -> None:
    there = begin("gain 1", seed=3).params
    for start, alike in {"lecture": (), "W1": ("W1",), "all": ("W1", "W2", "b1", "b2")}.items():
        here = first_params(3, 10, 200, 27, generator=torch.Generator().manual_seed(3))
        soften(here, start)
        close = [
            n for n in ("W1", "W2", "b1", "b2") if abs(here[n].std() - there[n].std()) <= 0.05 * here[n].std()
        ]
        assert close == list(alike)
        assert bool((here["bngain"] == 1).all() and (here["bnbias"] == 0).all()) == (start == "all")
