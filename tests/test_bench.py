"""What `make bench` makes of its measurements: verdicts, table, file and exit code. Nothing is measured here."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nnz.bench import measured, pace, peer, race
from nnz.bench import table as bench
from nnz.bench.table import CannotMeasureError, Measurement, Row
from nnz.press.claims import ELSEWHERE, HERE, Claim, book_claims

pytestmark = pytest.mark.support


def claim_of(name: str, data: str = "any", **goal: Any) -> Claim:
    return Claim(name, f"What {name} says", "measured", data, varies=True, **goal)


CLAIMS = {
    claim.id: claim
    for claim in (
        claim_of("a.fast", at_least=2.0),
        claim_of("a.small", at_most=0.5),
        claim_of("b.names", data="names.txt", at_least=1.0),
    )
}


def measuring(found: Mapping[str, float], what: str = "something") -> Measurement:
    return Measurement(what, tuple(found), lambda: found)


def failing(error: BaseException, *names: str) -> Measurement:
    def take() -> dict[str, float]:
        raise error

    return Measurement("what fails", names, take)


def all_of(*measurements: Measurement, data: str = "names.txt") -> dict[str, Row]:
    rows = bench.take_all(measurements, CLAIMS, data, lambda text: None)
    return {row.name: row for row in rows}


def test_each_number_stands_beside_its_goal_with_a_verdict() -> None:
    rows = all_of(measuring({"a.fast": 3.0, "a.small": 0.7, "b.names": 1.5}))
    assert [row.verdict for row in rows.values()] == [HERE, ELSEWHERE, HERE]
    assert rows["a.small"] == Row("a.small", "What a.small says", "at most 0.5", 0.7, ELSEWHERE)


def test_a_claim_about_names_txt_is_not_judged_on_another_list() -> None:
    row = all_of(measuring({"b.names": 0.1}), data="sample")["b.names"]
    assert (row.measured, row.verdict) == (0.1, bench.NOT_CHECKED)


def test_a_number_without_a_claim_has_no_goal() -> None:
    row = all_of(measuring({"bench.lean": 3.0}, "a lean engine"))["bench.lean"]
    assert row == Row("bench.lean", "a lean engine", "", 3.0, bench.NO_GOAL)


def test_what_cannot_be_measured_says_what_to_do_and_the_rest_is_measured() -> None:
    missing = CannotMeasureError("it is not installed; `make venv` installs it.")
    rows = all_of(failing(missing, "a.fast", "bench.own"), measuring({"a.small": 0.1}))
    assert rows["a.fast"].measured is None
    assert rows["a.fast"].verdict == bench.NOT_MEASURED
    assert rows["a.fast"].why == str(missing)
    assert rows["bench.own"].why == str(missing)
    assert rows["a.small"].verdict == HERE


def test_an_error_stands_in_the_table_by_its_last_line() -> None:
    error = RuntimeError("measuring failed:\nTraceback\nZeroDivisionError: no")
    why = all_of(failing(error, "a.fast"))["a.fast"].why
    assert why == "RuntimeError: ZeroDivisionError: no"
    with pytest.raises(KeyboardInterrupt):
        all_of(failing(KeyboardInterrupt(), "a.fast"))


def test_a_claim_that_nothing_measures_is_in_the_table() -> None:
    rows = all_of(measuring({"a.fast": 3.0, "a.small": 0.1}))
    assert rows["b.names"].verdict == bench.NOT_MEASURED
    assert "no measurement" in rows["b.names"].why


def test_a_measurement_that_finds_too_little_is_not_measured() -> None:
    rows = all_of(Measurement("half", ("a.fast", "a.small"), lambda: {"a.fast": 3.0}))
    assert {rows[name].verdict for name in ("a.fast", "a.small")} == {bench.NOT_MEASURED}


def test_a_person_sees_which_measurement_runs_and_how_long_it_took() -> None:
    said: list[str] = []
    ticks = iter([10.0, 14.0, 20.0, 27.0])
    two = [measuring({"a.fast": 3.0}, "one"), measuring({"a.small": 0.1}, "two")]
    bench.take_all(two, CLAIMS, "any", said.append, lambda: next(ticks))
    assert said == ["[1/2] one ... ", "4 s\n", "[2/2] two ... ", "7 s\n"]


def test_the_table_has_number_goal_and_verdict_of_each() -> None:
    rows = all_of(measuring({"a.fast": 3.14159, "a.small": 0.7, "bench.x": 2.0}))
    shown = [" ".join(line.split()) for line in bench.table(rows.values()).split("\n")]
    assert "a.fast 3.14 at least 2.0 holds here" in shown
    assert "a.small 0.7 at most 0.5 not on this machine" in shown
    assert "bench.x 2 none no goal" in shown
    assert any(line.startswith("What b.names says: no measurement") for line in shown)


def run_with(monkeypatch: pytest.MonkeyPatch, path: Path, found: Mapping[str, float], strict: bool) -> int:
    monkeypatch.setattr(bench, "MEASUREMENTS", (measuring(found),))
    monkeypatch.setattr(bench, "book_claims", lambda: CLAIMS)
    monkeypatch.setattr(bench, "data_kind", lambda: "names.txt")
    monkeypatch.setattr(bench, "describe_machine", lambda: "an abacus, 2 cores")
    return bench.run(path, lambda text: None, strict=strict)


GOOD = {"a.fast": 3.0, "a.small": 0.1, "b.names": 2.0}


@pytest.mark.parametrize(
    ("change", "strict", "code"),
    [
        ({}, False, 0),
        ({}, True, 0),
        ({"a.small": 0.7}, False, 0),
        ({"a.small": 0.7}, True, 1),
        ({"bench.lean": 0.1}, True, 0),
    ],
)
def test_a_missed_goal_counts_only_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, float], strict: bool, code: int
) -> None:
    path = tmp_path / "_build" / "bench.json"
    assert run_with(monkeypatch, path, GOOD | change, strict) == code
    assert path.is_file()


def test_what_was_not_measured_counts_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"a.fast": 3.0, "a.small": 0.1}
    assert run_with(monkeypatch, tmp_path / "b.json", found, strict=False) == 0
    assert run_with(monkeypatch, tmp_path / "b.json", found, strict=True) == 1


def test_the_file_holds_machine_data_and_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.json"
    path.write_text("what was there before", encoding="utf-8")
    run_with(monkeypatch, path, GOOD, strict=False)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["machine"], kept["data"]) == ("an abacus, 2 cores", "names.txt")
    assert [Row(**row) for row in kept["rows"]] == list(all_of(measuring(GOOD)).values())
    assert "an abacus, 2 cores; 3 of 3" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_survives_its_way_through_json() -> None:
    row = Row("a", "what", "", None, bench.NOT_MEASURED, "why")
    assert Row(**json.loads(json.dumps(asdict(row)))) == row


# What the book measures


def test_every_time_of_the_book_is_measured_once_and_nothing_else_is() -> None:
    names = [name for one in bench.MEASUREMENTS for name in one.names]
    assert len(names) == len(set(names))
    claims = {claim.id for claim in book_claims().values() if claim.varies}
    own = {name for name in names if name.startswith("bench.")}
    assert set(names) - own == claims


def run_of(engine: str, seconds: float, size: float = 1.0) -> peer.Run:
    return peer.Run(
        engine,
        [9.0, seconds, seconds],
        [0.0, seconds / 2, seconds / 2],
        [1.0, 0.5],
        [0, 0],
        [0, 0],
        10,
        size,
        size,
    )


def test_engines_are_compared_the_right_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*settings: object, engines: Any = peer.ENGINES) -> dict[str, peer.Run]:
        slow = 20.0 if "uncollected" not in settings else 3.0
        return {"nnz": run_of("nnz", 1.0, 2.0), engines[1]: run_of(engines[1], slow, 8.0)}

    def measure(engine: str, steps: int, *switches: str) -> peer.Run:
        return run_of(engine, 6.0 if "uncircled" in switches else 10.0)

    monkeypatch.setattr(peer, "compare", compare)
    monkeypatch.setattr(peer, "measure", measure)
    assert bench.engines() == {
        "engine.same": 0.0,
        "engine.speed": 20.0,
        "engine.memory": 0.25,
        "engine.collector": 0.5,
        "engine.uncircled": 0.6,
        "engine.watched": 8.0,
        "engine.watched_ours": 2.0,
        "engine.speed_uncollected": 3.0,
    }
    assert bench.lean_engines() == {
        "bench.lean_moons": 20.0,
        "bench.lean_gpt": 20.0,
        "bench.lean_memory": 0.25,
    }


def test_without_micrograd_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CannotMeasureError, match=r"`make venv` installs it\.$"):
        bench.engines()


def test_a_step_by_hand_is_compared_the_right_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"by hand": 1.0, "autograd": 3.0, "by hand, with loops": 9.0}
    parts = {way: {"forward": s / 2, "update": s / 2} for way, s in seconds.items()}
    monkeypatch.setattr(pace, "compare", lambda: parts)
    assert bench.by_hand() == {"backprop.faster_than_autograd": 3.0, "backprop.faster_than_loops": 9.0}


def shortest(*runs: Any, rounds: int = 1) -> list[float]:
    """Stand for `least_seconds`: run each once, and say that the n-th took n seconds."""
    for run in runs:
        run()
    return [float(i + 1) for i in range(len(runs))]


def test_measurements_of_the_chapters_find_what_they_are_said_to(
    monkeypatch: pytest.MonkeyPatch, sample: list[str]
) -> None:
    few = sample[:60]
    for module in (measured, bench):
        monkeypatch.setattr(module, "load_names", lambda: few)
    monkeypatch.setattr(measured, "least_seconds", shortest)
    monkeypatch.setattr(race, "least_seconds", shortest)
    monkeypatch.setattr(race.Loop, "seconds", lambda loop: 1.0)
    monkeypatch.setattr(measured, "MANY", 2)
    slow = {"recipes", "shared", "engines", "lean_engines", "by_hand"}
    for one in bench.MEASUREMENTS:
        if getattr(one.take, "__name__", "") not in slow:
            assert set(one.take()) == set(one.names), one.what


def test_recipes_are_shares_of_two_hundred_thousand_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([2.0] + [100.0, 1.0] * len(measured.RUN) + [50.0])
    monkeypatch.setattr(measured, "seconds", lambda work: next(times))
    monkeypatch.setattr(measured, "load_names", lambda: ["emma", "olivia", "ava"] * 9)
    found = measured.recipes()
    assert found.pop("fitting.time_study") == 0.25
    assert set(found.values()) == {0.5}


@pytest.mark.parametrize(("arguments", "strict"), [([], False), (["--strict"], True)], ids=str)
def test_the_command_asks_for_what_it_was_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], strict: bool
) -> None:
    asked: dict[str, Any] = {}

    def run(path: Path, say: Any, *, strict: bool) -> int:
        asked.update(path=path, strict=strict)
        return 7

    monkeypatch.setattr(bench, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    space = runpy.run_path(str(root / "tools" / "bench.py"))
    assert space["main"](arguments) == 7
    assert asked == {"path": root / "_build" / "bench.json", "strict": strict}
