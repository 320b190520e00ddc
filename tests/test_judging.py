"""Surprises from whole names, of mixtures from their parts, and the losses that come of them."""

from __future__ import annotations

import pytest
import torch

from nnz import evaluate
from nnz.contract import LanguageModel
from nnz.experiments import judging, leaderboard
from nnz.gated import GatedWaveNet
from nnz.gpt import GPT
from nnz.lookup import AttentionNet
from nnz.mixture import Mixture
from nnz.ngram import KneserNey
from nnz.recurrent import Recurrent
from nnz.sample import seeded

NAMES = ["emma", "ava", "olivia", "al", "zoe", "maximiliana", "eve", "av"]


def network() -> GatedWaveNet:
    model = GatedWaveNet(5, (1, 2, 4), dropout=0.5, generator=seeded())
    for i, weights in enumerate(model.parameters()):
        weights.data += 0.3 * torch.randn(weights.shape, generator=seeded(7 + i))
    return model


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_surprises_from_whole_names_are_those_from_contexts(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(judging, name, at_once)
    table = KneserNey(order=4, discount=0.7).fit(["emma", "ava", "ann"])
    models: list[LanguageModel] = [network(), table]
    models += [Recurrent(3, 5, 2, dropout=0.5, generator=seeded()), AttentionNet(4, 2, generator=seeded())]
    models += [GPT(4, 2, 2, dropout=0.5, generator=seeded()), GPT(4, 2, 1, 9, generator=seeded())]
    models.append(Mixture(models[:3], [0.3, 0.5, 0.2]))
    for model in models:
        wanted = evaluate.surprisals(model, NAMES)
        torch.testing.assert_close(judging.surprisals(model, NAMES), wanted, rtol=0, atol=1e-5)


def test_judging_records_no_gradient_and_leaves_the_mode_as_it_was() -> None:
    model = network()
    model.train()
    found = judging.surprisals(model, NAMES)
    assert not found.requires_grad
    assert model.training


def test_the_error_over_names_is_that_of_many_draws_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["".join("ab"[: 1 + i % 2]) * (1 + i % 5) for i in range(400)]
    n = sum(len(name) + 1 for name in names)
    costs = torch.rand(n, generator=seeded(1), dtype=torch.float64)
    chosen = torch.rand(n, generator=seeded(2)) < 0.4
    owner = torch.arange(len(names)).repeat_interleave(torch.tensor([len(name) + 1 for name in names]))
    drawn = torch.randint(len(names), (4000, len(names)), generator=seeded(3))
    for which in (None, chosen):
        counted = torch.ones(n, dtype=torch.float64) if which is None else which.double()
        sums, sizes = (owner.bincount(weights=x) for x in (costs * counted, counted))
        wanted = (sums[drawn].sum(dim=1) / sizes[drawn].sum(dim=1)).std().item()
        assert leaderboard.error_over_names(costs, names, which) == pytest.approx(wanted, rel=0.1)


def test_models_are_compared_in_the_parts_of_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (judging, leaderboard):
        monkeypatch.setattr(module, "load_names", lambda: None)
        monkeypatch.setattr(module, "split_names", lambda _: (["ava", "eve"], ["eve", "michael"], []))
    zero = torch.zeros(12, dtype=torch.float64)
    behind = torch.tensor([1.0, 2, 2, 2, 3, 4, 4, 4, 4, 6, 6, 6]).double()
    costs = {name: [zero] for name in ("gru", "mixture-4")} | {
        name: [behind] for name in ("gated", "mixture")
    }
    found = leaderboard.in_parts_of_dev(costs)
    parts = ("known", "new", "early", "late")
    assert [found[f"gru below gated, {what}"] for what in parts] == [7 / 4, 37 / 8, 22 / 7, 6.0]
    assert found["gru below gated, late ± names"] == 0  # it is the same everywhere
    assert found["mixture-4 below mixture, early ± names"] > 0


def test_losses_of_known_and_new_names_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "load_names", lambda: None)
    monkeypatch.setattr(judging, "split_names", lambda _: (["ava", "eve"], ["eve", "mia", "al"], []))
    costs = torch.tensor([1.0, 1, 1, 1, 2, 2, 2, 2, 5, 5, 5]).double()
    found = judging.losses(costs, torch.tensor([3.0, 4.0]))
    assert found == {"dev": 27 / 11, "test": 3.5, "known": 1.0, "new": 23 / 7}


def test_where_no_name_is_known_their_loss_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "load_names", lambda: None)
    monkeypatch.setattr(judging, "split_names", lambda _: (["ava"], ["al"], []))
    costs = torch.tensor([1.0, 2, 3])
    assert judging.losses(costs, costs)["known"] == 0.0
