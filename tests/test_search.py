"""A study outlives its process, and what explodes or is interrupted leaves no half result."""

from __future__ import annotations

import itertools
import math
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from nnz.evaluate import nll
from nnz.mlp import BengioMLP
from nnz.recipe import Recipe
from nnz.sample import seeded
from nnz.search import open_study, search
from nnz.train import History, LossError, take_step

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-3, 1, log=True),
    "size": IntDistribution(1, 9),
}


def bowl(settings: dict[str, float]) -> float:
    return (settings["rate"] - 0.1) ** 2 + abs(settings["size"] - 3)


IN_MEMORY = "sqlite://"  # where no test is made of the file


def test_a_search_finds_the_bottom_of_a_bowl() -> None:
    study = open_study(IN_MEMORY, SPACE)
    search(study, SPACE, bowl, trials=40)
    assert len(study.trials) == 40
    assert study.best_params["size"] == 3
    assert study.best_value < 0.01


def test_settings_are_seen_together_and_not_each_by_itself() -> None:
    """Of four corners two are good: a setting of 0.1 or of 0.9 is good or bad by the other one alone."""
    space: dict[str, BaseDistribution] = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}

    def apart(settings: dict[str, float]) -> float:
        return abs(settings["a"] - settings["b"])

    found = []
    for seed in (1, 2, 3):
        study = optuna.create_study()
        for a, b in itertools.product((0.1, 0.9), repeat=2):
            for i in range(15):
                settings = {"a": a + 0.001 * i, "b": b - 0.001 * i}
                study.add_trial(
                    optuna.create_trial(params=settings, distributions=space, value=apart(settings))
                )
        search(study, space, apart, trials=70, seed=seed)
        found += [trial.value for trial in study.trials[60:]]
    assert len(found) == 30
    assert sum(found) / 30 < 0.2  # each by itself: 0.3


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
        model = BengioMLP(3, 4, 4, generator=seeded()).scale_init()
        return nll(recipe.fit(model, NAMES, generator=seeded()), NAMES)

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
