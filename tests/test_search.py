"""Many networks at once are the same as one after another; a study outlives its process."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
import torch.nn.functional as F
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from nnz.data import Vocabulary, windows
from nnz.evaluate import nll
from nnz.mlp import BengioMLP
from nnz.recipe import MOST, Recipe
from nnz.sample import seeded
from nnz.search import open_study, search
from nnz.stacked import batch_loss, stack, train_together, unstack
from nnz.train import History, LossError, take_step

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-3, 1, log=True),
    "size": IntDistribution(1, 9),
}


def models(n: int, n_hidden: int = 6) -> list[BengioMLP]:
    return [BengioMLP(3, 4, n_hidden, generator=seeded(seed)).scale_init() for seed in range(n)]


def bowl(settings: dict[str, float]) -> float:
    return (settings["rate"] - 0.1) ** 2 + abs(settings["size"] - 3)


def test_together_is_one_after_another() -> None:
    together, single = models(3), models(3)
    rates, decays = torch.tensor([0.1, 0.3, 1.0]), torch.tensor([0.0, 0.01, 0.1])
    train_together(together, NAMES, rates=rates, decays=decays, steps=20, batch_size=5, generator=seeded(9))
    X, Y = windows(NAMES, 3)
    for model, rate, decay in zip(single, rates, decays, strict=True):
        optimizer = torch.optim.SGD(model.parameters(), lr=float(rate), weight_decay=float(decay))
        g = seeded(9)
        for _ in range(20):
            i = torch.randint(len(Y), (5,), generator=g)
            optimizer.zero_grad()
            F.cross_entropy(model.logits(X[i]), Y[i]).backward()
            optimizer.step()
    for a, b in zip(together, single, strict=True):
        for name in a.params:
            assert torch.allclose(a.params[name], b.params[name], atol=1e-5)
            assert a.params[name].is_leaf


def test_stacking_and_back() -> None:
    some = models(2)
    stacked = stack(some)
    assert stacked["W1"].shape == (2, 12, 6)
    unstack({name: 2 * p for name, p in stacked.items()}, some)
    assert torch.equal(some[1].params["C"], 2 * stacked["C"][1])


def test_the_loss_of_a_batch_is_that_of_the_model() -> None:
    (model,) = models(1)
    X, Y = windows(NAMES, 3)
    loss = batch_loss(model.params, X, Y).item()
    assert loss == pytest.approx(nll(model, NAMES), abs=1e-5)


def test_models_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape; got 2 models of 2 shapes"):
        stack([*models(1), *models(1, n_hidden=7)])
    with pytest.raises(ValueError, match="got 0 models"):
        stack([])
    with pytest.raises(ValueError, match="a rate and a decay; got 1 and 2 for 2"):
        train_together(
            models(2),
            NAMES,
            rates=torch.ones(1),
            decays=torch.ones(2),
            steps=1,
            batch_size=2,
            generator=seeded(),
        )


@pytest.mark.parametrize("rate", [0.0, -0.1, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused_for_many_too(rate: float) -> None:
    settings = {"decays": torch.zeros(2), "steps": 1, "generator": seeded()}
    with pytest.raises(ValueError, match="rates must be above 0"):
        train_together(models(2), NAMES, rates=torch.tensor([0.1, rate]), batch_size=2, **settings)
    with pytest.raises(ValueError, match="batch_size is 999"):
        train_together(models(2), NAMES, rates=torch.full((2,), 0.1), batch_size=999, **settings)


def network(n_hidden: int, **how: Any) -> BengioMLP:
    return BengioMLP(3, 4, n_hidden, generator=seeded(), **how).scale_init()


def test_a_recipe_takes_any_alphabet() -> None:
    names = ["łódź", "åre", "łåź"]
    recipe, vocabulary = Recipe(rate=0.03, decay=0.0, steps=50), Vocabulary(names)
    model = network(8, vocabulary=vocabulary)
    assert recipe.fit(model, names, generator=seeded()) is model
    assert nll(model, names) < 1.0


def test_all_windows_of_a_large_alphabet_become_batches_that_can_be_held() -> None:
    recipe = Recipe(rate=0.03, decay=0.0, steps=5)
    letters = [chr(0x4E00 + i) for i in range(3000)]
    names = ["".join(letters[i : i + 3]) for i in range(0, 2900)]
    model = network(4, vocabulary=Vocabulary(letters))
    size, steps = recipe.size_and_steps(model, names)
    assert (size, steps) == (MOST // 3001, 5)
    recipe.fit(model, names, generator=seeded())
    assert recipe.size_and_steps(network(4), NAMES) == (None, 5)
    assert recipe.size_and_steps(network(4), ["emma"] * 10**6) == (None, 5)  # of few different windows


def test_a_recipe_is_repeated_exactly_and_its_settings_matter() -> None:
    usual = {"rate": 0.03, "decay": 0.15, "steps": 30, "batch_size": 8}
    recipe = Recipe(**usual)
    first, second = (recipe.fit(network(8), NAMES, generator=seeded()) for _ in range(2))
    for name, p in first.params.items():
        assert torch.equal(p, second.params[name])
    for change in ({"decay": 5.0}, {"steps": 31}, {"batch_size": None}, {"rate": 0.01}):
        other = Recipe(**{**usual, **change})
        model = other.fit(network(8), NAMES, generator=seeded())
        assert not torch.equal(first.params["W2"], model.params["W2"])


def test_a_recipe_learns() -> None:
    model = Recipe(rate=0.03, decay=0.0, steps=400).fit(network(30), NAMES, generator=seeded())
    X, Y = windows(NAMES, 3)
    best = sum(
        -(counts / len(Y) * (counts / counts.sum()).log()).nan_to_num().sum()
        for counts in [torch.bincount(Y[(x == X).all(1)]).double() for x in X.unique(dim=0)]
    )
    assert float(best) < nll(model, NAMES) < float(best) + 0.02


IN_MEMORY = "sqlite://"  # where no test is made of the file


def test_a_search_finds_the_bottom_of_a_bowl() -> None:
    study = open_study(IN_MEMORY, SPACE)
    search(study, SPACE, bowl, trials=40)
    assert len(study.trials) == 40
    assert study.best_params["size"] == 3
    assert study.best_value < 0.01


def values(study: optuna.Study) -> list[tuple[object, ...]]:
    return [
        (trial.params["rate"], trial.params["size"], trial.value)
        for trial in study.get_trials(states=(TrialState.COMPLETE,))
    ]


def test_a_search_that_was_interrupted_goes_on_as_it_would_have_gone(tmp_path: Path) -> None:
    whole = open_study(IN_MEMORY, SPACE)
    search(whole, SPACE, bowl, trials=20)

    calls = 0

    def killed(settings: dict[str, float]) -> float:
        nonlocal calls
        calls += 1
        if calls == 14:
            raise KeyboardInterrupt
        return bowl(settings)

    with pytest.raises(KeyboardInterrupt):
        search(open_study(tmp_path / "cut.db", SPACE), SPACE, killed, trials=20)
    again = open_study(tmp_path / "cut.db", SPACE)
    assert len(values(again)) == 13
    search(again, SPACE, bowl, trials=20)
    assert values(again) == values(whole)


def test_trials_that_explode_are_noted_and_avoided() -> None:
    def explodes(settings: dict[str, float]) -> float:
        if settings["rate"] < 0.02:
            raise LossError(9e9, torch.optim.SGD([torch.zeros(1)]), History())
        return bowl(settings)

    study = open_study(IN_MEMORY, SPACE)
    search(study, SPACE, explodes, trials=40)
    states = [trial.state for trial in study.trials]
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(states) == 40
    early, late = (part.count(TrialState.PRUNED) for part in (states[:10], states[30:]))
    assert late < early


def test_a_loss_that_is_not_a_number_ends_its_trial(tmp_path: Path) -> None:
    study = open_study(tmp_path / "s.db", SPACE)
    search(study, SPACE, lambda settings: math.nan, trials=3)
    assert {trial.state for trial in study.trials} == {TrialState.PRUNED}
    assert len(study.trials) == 3


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_training_ends_the_search_and_leaves_no_half_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def objective(settings: dict[str, float]) -> float:
        recipe = Recipe(rate=settings["rate"], decay=0.0, steps=50)
        return nll(recipe.fit(network(4), NAMES, generator=seeded()), NAMES)

    taken = 0

    def pressing(*arguments: object) -> float:
        nonlocal taken
        taken += 1
        if taken == 60:  # in the middle of the second trial
            signal.raise_signal(signal.SIGINT)
        return take_step(*arguments)

    monkeypatch.setattr("nnz.train.take_step", pressing)
    study = open_study(tmp_path / "s.db", SPACE)
    with pytest.raises(KeyboardInterrupt):
        search(study, SPACE, objective, trials=5)
    assert len(values(study)) == 1


WORKER = """
import sys
from tests_space import SPACE, bowl
from nnz.search import open_study, search
search(open_study(sys.argv[1], SPACE), SPACE, bowl, trials=16, seed=int(sys.argv[2]))
"""
COMMON = """
import time
from optuna.distributions import FloatDistribution, IntDistribution
SPACE = {"rate": FloatDistribution(1e-3, 1, log=True), "size": IntDistribution(1, 9)}
def bowl(settings):
    time.sleep(0.1)
    return (settings["rate"] - 0.1) ** 2 + abs(settings["size"] - 3)
"""


def test_two_processes_share_a_study(tmp_path: Path) -> None:
    (tmp_path / "tests_space.py").write_text(COMMON, encoding="utf-8")
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    study = open_study(tmp_path / "s.db", SPACE)
    workers = [
        subprocess.Popen([sys.executable, tmp_path / "worker.py", tmp_path / "s.db", str(seed)])
        for seed in (1, 2)
    ]
    assert [worker.wait() for worker in workers] == [0, 0]
    found = values(study)
    assert len(found) in (16, 17)  # the last two may end together
    assert len(set(found)) == len(found)


def test_a_study_of_another_space_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path / "s.db", SPACE)
    open_study(tmp_path / "s.db", dict(reversed(SPACE.items())))
    wider = {**SPACE, "rate": FloatDistribution(1e-3, 2, log=True)}
    fewer = {"rate": SPACE["rate"]}
    more = {**SPACE, "kind": CategoricalDistribution(["a", "b"])}
    for other in (wider, fewer, more):
        with pytest.raises(ValueError, match=r"searches \{'rate'.*not \{'rate'.*Give"):
            open_study(tmp_path / "s.db", other)
    assert open_study(tmp_path / "s.db", wider, name="wider").study_name == "wider"


def test_a_study_that_does_not_say_its_space_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    study = optuna.create_study(storage=url, study_name="nnz")
    study.tell(study.ask({"x": FloatDistribution(0, 1)}), 1.0)
    with pytest.raises(ValueError, match="searches nobody knows what, not"):
        open_study(tmp_path / "s.db", SPACE)


def test_a_file_that_cannot_hold_a_study_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 500, encoding="utf-8")
    for place in (tmp_path / "text", tmp_path / "no" / "folder.db", tmp_path):
        with pytest.raises(ValueError, match="cannot hold a study"):
            open_study(place, SPACE)
    assert (tmp_path / "text").read_text(encoding="utf-8") == "hello" * 500


def test_opening_and_searching_say_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    search(open_study(tmp_path / "s.db", SPACE), SPACE, bowl, trials=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("steps", [1, 4])
def test_of_many_models_those_without_numbers_are_named_and_none_is_changed(steps: int) -> None:
    many, g = models(3), seeded(9)
    before = [{k: v.clone() for k, v in m.params.items()} for m in many]
    state = g.get_state()
    with pytest.raises(ArithmeticError, match=r"1 of 3 models.*at rate 1e\+39; none was changed"):
        train_together(
            many,
            NAMES,
            rates=torch.tensor([0.1, 1e39, 0.2], dtype=torch.float64),
            decays=torch.zeros(3),
            steps=steps,
            batch_size=5,
            generator=g,
        )
    for model, kept in zip(many, before, strict=True):
        assert all(torch.equal(model.params[k], v) for k, v in kept.items())
    assert torch.equal(g.get_state(), state)


@pytest.mark.parametrize("changed", [{"steps": -1}, {"decays": [0.0, -0.1]}, {"decays": [0.0, math.nan]}])
def test_decays_and_steps_below_0_are_refused(changed: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"steps": 1, "decays": [0.0, 0.0]} | changed
    with pytest.raises(ValueError, match="steps and decays are 0 or more"):
        train_together(
            models(2),
            NAMES,
            rates=torch.ones(2),
            decays=torch.tensor(settings["decays"]),
            steps=settings["steps"],
            batch_size=2,
            generator=seeded(),
        )
