"""What is recorded of small changes to taught code: nearly all were noticed, and the others have a reason."""

from __future__ import annotations

import json
from pathlib import Path
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
    equivalent = sum(s["reason"].startswith("equivalent") for s in survivors)
    share = result["killed"] / max(1, result["mutants"] - equivalent)
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
    good = {
        "module": "alpha",
        "mutants": 41,
        "killed": 39,
        "survivors": [equal, {**equal, "reason": "Slower."}],
    }
    assert problems_of(good) == []
    assert problems_of({**good, "killed": 40}) == ["killed and survivors are not all the mutants"]
    silent = {**equal, "reason": " "}
    assert problems_of({**good, "survivors": [equal, silent]}) == ["f: - a\n+ b has no reason"]
    low = {**good, "mutants": 32, "killed": 30}
    assert problems_of(low) == ["96.8% were noticed; the bar is 97%"]
