"""The three ways to take a step do the same, and are timed as they should be."""

from __future__ import annotations

import json
import runpy
import subprocess
from typing import Any

import pytest
import torch

from nnz.backprop import PARAMETERS, Values, first_params
from nnz.bench import pace

pytestmark = pytest.mark.support


def after(way: pace.Way) -> Values:
    g = torch.Generator().manual_seed(1)
    X = torch.randint(27, (500, 3), generator=g)
    Y = torch.randint(27, (500,), generator=g)
    rows = torch.randint(500, (20, 32), generator=g)
    params = first_params(3, 4, 30, 27, generator=g)
    way(params, X, Y, rows, pace.Clock())
    return {name: p.detach() for name, p in params.items()}


def test_all_ways_lead_to_the_same_weights() -> None:
    start = first_params(3, 4, 30, 27, generator=torch.Generator().manual_seed(2))
    ends = [after(way) for way, _ in pace.WAYS.values()]
    for end in ends[1:]:
        for name in PARAMETERS:
            torch.testing.assert_close(end[name], ends[0][name], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(ends[0]["W1"], start["W1"], atol=0.01)


class Ticks:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "time", Ticks())


@pytest.mark.usefixtures("ticks")
def test_a_clock_charges_time_to_parts() -> None:
    clock = pace.Clock()
    clock.lap("one")
    clock.lap("two")
    clock.lap("one")
    assert clock.parts == {"one": 2, "two": 1}


@pytest.mark.usefixtures("ticks")
def test_every_step_of_every_way_is_timed_in_its_parts() -> None:
    found = pace._measure(rounds=2, n_hidden=8000)  # so wide that few steps do
    assert list(found) == list(pace.WAYS)
    for way, parts in found.items():
        own = {"embeddings"} if "loops" in way else set()
        assert parts == dict.fromkeys({"forward", "backward", "update"} | own, 1)


def test_what_is_measured_is_measured_in_a_process_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[1:])
        assert {how["env"][name] for name in pace.THREADS} == {"1"}
        said = json.dumps({"arithmetic": {"all": 0.25}})
        return subprocess.CompletedProcess(command, 0, said, "")

    monkeypatch.setattr(subprocess, "run", run)
    assert pace.compare(rounds=3, n_hidden=50) == {"arithmetic": {"all": 0.25}}
    assert pace.arithmetic(rounds=4) == 0.25
    module = ["-m", "nnz.bench.pace"]
    assert asked == [[*module, "steps", "3", "50"], [*module, "arithmetic", "4", "200"]]


@pytest.mark.parametrize(("what", "found"), [("steps", set(pace.WAYS)), ("arithmetic", {"arithmetic"})])
def test_what_the_process_says_is_what_was_measured(
    what: str, found: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["pace", what, "1", "8000"])
    runpy.run_path(str(pace.__file__), run_name="__main__")
    said = json.loads(capsys.readouterr().out)
    assert set(said) == found
    assert all(seconds > 0 for parts in said.values() for seconds in parts.values())


def test_without_rounds_there_is_nothing_to_time() -> None:
    with pytest.raises(ValueError, match="rounds is 0"):
        pace.compare(rounds=0)


def test_a_failure_says_what_the_process_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(RuntimeError, match="measuring failed"):
        pace.compare(rounds=1)


@pytest.mark.usefixtures("ticks")
def test_the_arithmetic_of_a_step_is_a_share_of_its_round() -> None:
    assert pace._bare(rounds=2, n=8) == {"arithmetic": {"all": 1 / 400}}
