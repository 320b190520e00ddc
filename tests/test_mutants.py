"""What is recorded of small changes to taught code: nearly all were noticed, and the others have a reason."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nnz.press.pages import module_files

pytestmark = pytest.mark.house

BAR = 0.97


def problems_of(result: dict[str, Any]) -> list[str]:
    """Return what is wrong with the record of one module."""
    survivors = result["survivors"]
    problems = [f"{s['function']}: {s['change']} has no reason" for s in survivors if not s["reason"].strip()]
    if result["killed"] + len(survivors) != result["mutants"]:
        problems.append("killed and survivors are not all the mutants")
    of_no_matter = sum(s["reason"].startswith(("equivalent", "words")) for s in survivors)
    share = result["killed"] / max(1, result["mutants"] - of_no_matter)
    if share < BAR:
        problems.append(f"{share:.1%} were noticed; the bar is {BAR:.0%}")
    return problems


def test_every_module_that_was_tried_reaches_the_bar(root: Path) -> None:
    taught = module_files(root)
    paths = sorted((root / "tests" / "mutants").glob("*.json"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    assert [result["module"] for result in results] == [path.stem for path in paths]
    assert {"nn", "softmax"} <= {path.stem for path in paths} <= set(taught)
    assert {r["module"]: problems_of(r) for r in results if problems_of(r)} == {}


def test_a_record_that_hides_something_is_found() -> None:
    equal = {"function": "f", "change": "- a\n+ b", "reason": "equivalent: b is a."}
    words = {**equal, "reason": "words of an error."}
    good = {
        "module": "alpha",
        "mutants": 42,
        "killed": 39,
        "survivors": [equal, words, {**equal, "reason": "Slower."}],
    }
    assert problems_of(good) == []
    assert problems_of({**good, "killed": 40}) == ["killed and survivors are not all the mutants"]
    silent = {**equal, "reason": " "}
    assert problems_of({**good, "survivors": [equal, words, silent]}) == ["f: - a\n+ b has no reason"]
    low = {**good, "mutants": 33, "killed": 30}
    assert problems_of(low) == ["96.8% were noticed; the bar is 97%"]


def tool(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, root / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def mutants(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, with a folder of its own for what it writes."""
    module = tool(root, "mutants")
    monkeypatch.setattr(module, "WORK", tmp_path / "work")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


def test_a_sample_is_the_same_each_time_and_a_larger_one_contains_it(mutants: ModuleType) -> None:
    names = [f"nnz.alpha.x_f__mutmut_{i}" for i in range(200)]
    small, large = mutants.drawn(names, 60), mutants.drawn(names, 90)
    assert small == mutants.drawn(names, 60) != mutants.drawn(names[:-1], 60)
    assert len(small) == len(set(small)) == 60
    assert set(small) < set(large) < set(names)
    assert mutants.drawn(names, None) == mutants.drawn(names, 200) == mutants.drawn(names, 500) == names


def test_only_what_was_not_tried_is_tried_again_and_all_of_it_if_the_module_changed(
    mutants: ModuleType,
) -> None:
    work = mutants.WORK / "alpha"
    source, changed = work / "src" / "nnz" / "alpha.py", work / "mutants" / "src" / "nnz" / "alpha.py"
    for path in (source, changed):
        path.parent.mkdir(parents=True)
        path.write_text("pass\n", encoding="utf-8")
    assert mutants.untried("alpha", work, ["a", "b", "c"]) == ["a", "b", "c"]
    codes = {"exit_code_by_key": {"a": 1, "b": 0, "c": None}}
    mutants.record(work, "alpha").write_text(json.dumps(codes), encoding="utf-8")
    os.utime(source, (1, 1))
    assert mutants.untried("alpha", work, ["a", "b", "c", "d"]) == ["c", "d"]
    os.utime(changed, (1, 1))
    assert mutants.untried("alpha", work, ["a", "b", "c"]) == ["a", "b", "c"]


def test_functions_with_a_decorator_are_changed_too_and_do_the_same(mutants: ModuleType) -> None:
    source = """
from functools import cache
from contextlib import contextmanager

@cache
def twice(x):
    return 2 * x

class Pair:
    @property
    def one(self):
        return 1

    @staticmethod
    def two():
        return 2

    @contextmanager
    @cache
    def both(self):
        yield self.one + self.two()
"""
    changed = mutants.undecorated(source)
    assert [line.strip() for line in changed.splitlines() if "@" in line] == ["@staticmethod"]
    found: dict[str, Any] = {}
    exec(changed, found)
    assert found["twice"](4) == 8
    assert found["twice"].cache_info().misses == 1
    assert found["Pair"]().one == 1
    with found["Pair"]().both() as three:
        assert three == 3


def test_a_change_may_take_ten_times_as_long_as_its_tests_and_what_they_share(root: Path) -> None:
    patience = tool(root, "patience")
    taken = {"one": 3.0, "two": 0.5, "other": 6.5}
    assert patience.seconds_for(["one", "two"], taken) == 20 + 35 + 20
    assert patience.seconds_for(["new"], {}) == 20


def test_a_copy_is_made_with_the_modules_tests_and_again_only_where_something_changed(
    mutants: ModuleType,
) -> None:
    work = mutants.prepare("softmax")
    settings = tomllib.loads((work / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    assert settings["only_mutate"] == ["src/nnz/softmax.py"]
    assert settings["pytest_add_cli_args_test_selection"] == [
        "tests/test_softmax.py",
        "tests/test_bigram_net.py",
    ]
    assert (work / "plugins" / "patience.py").is_file()
    (line,) = settings["do_not_mutate_patterns"]
    assert re.search(line, "    raise TypeError(")
    assert not re.search(line, "    return errors[0]")
    changed = work / "mutants" / "src" / "nnz" / "softmax.py"
    assert not changed.exists() or changed.read_bytes() == (work / "src/nnz/softmax.py").read_bytes()
    changed.write_text("changed = True\n", encoding="utf-8")
    record = mutants.record(work, "softmax")
    record.write_text(json.dumps({"exit_code_by_key": {"a": 1, "b": 0, "c": 36}}), encoding="utf-8")
    mutants.prepare("softmax")
    assert changed.read_text(encoding="utf-8") == "changed = True\n"
    assert json.loads(record.read_text(encoding="utf-8")) == {
        "exit_code_by_key": {"a": 1, "b": None, "c": 36}
    }


def test_what_is_known_is_told_in_a_line(mutants: ModuleType) -> None:
    mutants.RESULTS.mkdir()
    assert mutants.line_about("alpha") == "alpha              not tried"
    survivors = [{"function": "f", "change": "", "reason": reason} for reason in ("", "equivalent: so.")]
    result = {"module": "alpha", "commit": "2026-01-02", "mutants": 41, "killed": 39, "survivors": survivors}
    (mutants.RESULTS / "alpha.json").write_text(json.dumps(result), encoding="utf-8")
    said = " ".join(mutants.line_about("alpha").split())
    assert said == "alpha 2026-01-02 39 of 41 noticed, 1 of no matter: 97.5%; 1 without a reason"
    drawn = {**result, "sample": {"of": 300, "seed": 1}}
    (mutants.RESULTS / "alpha.json").write_text(json.dumps(drawn), encoding="utf-8")
    assert "; a sample of 300 (seed 1)" in mutants.line_about("alpha")
    assert mutants.function_of("nnz.engine.xǁValueǁexp__mutmut_3") == "Value.exp"
    assert mutants.function_of("nnz.engine.x_new_node__mutmut_12") == "new_node"
    assert mutants.function_of("nnz.engine.x__node__mutmut_1") == "_node"
