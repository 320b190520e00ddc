"""Recordings: what is kept, what is refused, and that a stopped one goes on where it stopped."""

from __future__ import annotations

import ast
import json
import math
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnz.plumbing import datasets, dependencies
from nnz.press import claims, recordings
from nnz.press.claims import ClaimError, check, read_claims, verdicts
from nnz.press.recordings import RecordingError, record, recording, stale, verify

pytestmark = pytest.mark.support

TOSS = '''"""Experiments of a test."""

import random

from nnz.alpha import double

UNUSED = 1


def helper(seed):
    return random.Random(seed).random()


def toss(seed: int) -> dict[str, float]:
    """A number between 0 and 1, and its double."""
    once = helper(seed)
    return {"once": once, "twice": double(once)}


def not_one(seed: int) -> float:
    return 0.0
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package with one experiment, whose recordings go to a folder of their own."""
    here = tmp_path / "src" / "nnz"
    (here / "experiments").mkdir(parents=True)
    (here / "experiments" / "small.py").write_text(TOSS, encoding="utf-8")
    (here / "alpha.py").write_text(
        "from nnz.beta import TWO\n\ndef double(x):\n    return TWO * x\n", encoding="utf-8"
    )
    (here / "beta.py").write_text("TWO = 2\n", encoding="utf-8")
    (here / "gamma.py").write_text("THREE = 3\n", encoding="utf-8")
    fingerprint = recordings.fingerprint
    monkeypatch.setattr(recordings, "experiments", lambda: ["small.toss"])
    monkeypatch.setattr(recordings, "fingerprint", lambda name: fingerprint(name, here))
    monkeypatch.setattr(recordings, "folder", lambda: tmp_path / "recorded")
    monkeypatch.setattr(datasets, "locate", lambda: datasets.Source(tmp_path, "names.txt"))
    return here


def once(name: str, seed: int) -> tuple[dict[str, float], float]:
    drawn = random.Random(seed).random()
    return {"once": drawn, "twice": 2 * drawn}, 0.5


def test_a_recording_says_what_its_seeds_gave(package: Path) -> None:
    made = record("small.toss", one=once)
    values = [random.Random(seed).random() for seed in range(1, 11)]
    assert made.values("once") == values
    assert made.seeds() == made.value("seeds") == 10
    mean = sum(values) / 10
    assert made.value("mean once") == pytest.approx(mean)
    std = math.sqrt(sum((x - mean) ** 2 for x in values) / 9)
    assert made.value("std once") == pytest.approx(std)
    assert made.value("error once") == pytest.approx(std / math.sqrt(10))
    assert made.value("difference twice,once") == pytest.approx(mean)
    assert made.value("difference_error twice, once") == pytest.approx(std / math.sqrt(10))
    assert made.value("errors_apart twice,once") == pytest.approx(mean / (std / math.sqrt(10)))
    assert made.value("wins once,twice") == 10
    assert made.seconds["3"] == 0.5
    assert recording("small.toss") == made


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("median once", "cannot be taken from a recording"),
        ("mean", "cannot be taken"),
        ("difference once", "cannot be taken"),
        ("name", "cannot be taken"),
        ("mean thrice", "has no 'thrice'; it has once, twice"),
    ],
)
def test_what_a_recording_does_not_have_is_refused(package: Path, expression: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        record("small.toss", one=once).value(expression)


def test_a_stopped_recording_keeps_what_was_done_and_goes_on(package: Path, tmp_path: Path) -> None:
    asked = []

    def stops(name: str, seed: int) -> tuple[dict[str, float], float]:
        asked.append(seed)
        if len(asked) >= 4:
            raise KeyboardInterrupt
        return once(name, seed)

    with pytest.raises(KeyboardInterrupt):
        record("small.toss", jobs=1, one=stops)
    assert not (tmp_path / "recorded" / "small.toss.json").exists()
    assert (
        len(
            json.loads((tmp_path / "recorded" / "small.toss.part.json").read_text(encoding="utf-8"))[
                "results"
            ]
        )
        == 3
    )
    again = []

    def goes(name: str, seed: int) -> tuple[dict[str, float], float]:
        again.append(seed)
        return once(name, seed)

    assert record("small.toss", jobs=1, one=goes) == recording("small.toss")
    assert again == list(range(4, 11))
    assert not (tmp_path / "recorded" / "small.toss.part.json").exists()


def test_what_was_done_with_other_code_is_not_gone_on_with(package: Path, tmp_path: Path) -> None:
    record("small.toss", one=once)
    shutil.move(tmp_path / "recorded" / "small.toss.json", tmp_path / "recorded" / "small.toss.part.json")
    (package / "beta.py").write_text("TWO = 2.0\n", encoding="utf-8")
    asked = []
    record("small.toss", jobs=1, one=lambda name, seed: (asked.append(seed), once(name, seed))[1])
    assert len(asked) == 10


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("experiments/small.py", "once = helper(seed)", "once = helper(seed + 0)", True),
        ("experiments/small.py", "random.Random(seed).random()", "random.Random(seed + 0).random()", True),
        ("alpha.py", "TWO * x", "x * TWO", True),
        ("beta.py", "TWO = 2", "TWO = 2.0", True),
        ("gamma.py", "THREE = 3", "THREE = 4", False),
        ("experiments/small.py", "UNUSED = 1", "UNUSED = 2", False),
        ("experiments/small.py", "A number between", "A real number between", False),
        ("beta.py", "TWO = 2", "# a comment\nTWO = 2", False),
    ],
    ids=[
        "itself",
        "its helper",
        "what it imports",
        "what that imports",
        "another",
        "unused",
        "docstring",
        "comment",
    ],
)
def test_the_fingerprint_changes_with_the_code_that_it_depends_on_and_no_other(
    package: Path, file: str, old: str, new: str, changes: bool
) -> None:
    before = recordings.fingerprint("small.toss")
    text = (package / file).read_text(encoding="utf-8")
    assert old in text
    (package / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert (recordings.fingerprint("small.toss") != before) is changes


ODD = """
match 1:
    case 1:
        import nnz.a
try:
    pass
except ValueError:
    import nnz.b
else:
    async def later(): import nnz.c
finally:
    while True: import nnz.d
with open("x") as x:
    for y in x:
        import nnz.e
    else:
        class Inner:
            f = lambda: 1
            import nnz.f
"""


def test_every_statement_of_every_module_is_looked_at_in_the_order_of_the_tree(package: Path) -> None:
    trees = [ast.parse(ODD), *map(dependencies.parsed, sorted(dependencies.PACKAGE.rglob("*.py")))]
    for tree in trees:
        kinds = ast.Import | ast.ImportFrom
        walked = [node for node in ast.walk(tree) if isinstance(node, kinds)]
        assert [node for node in dependencies.statements(tree) if isinstance(node, kinds)] == walked
    assert sorted(dependencies.imported(trees[0], package)) == list("abcdef")


def test_changed_code_is_found_and_renewed_if_a_seed_comes_out_the_same(package: Path) -> None:
    assert "make record NAME=small.toss" in stale()["small.toss"]
    record("small.toss", one=once)
    assert stale() == {}
    (package / "beta.py").write_text("TWO = 2.0\n", encoding="utf-8")
    assert "VERIFY=1" in stale()["small.toss"]
    assert not verify("small.toss", one=lambda name, seed: ({"once": 0.5, "twice": 1.0}, 0.1))
    assert "VERIFY=1" in stale()["small.toss"]
    assert verify("small.toss", one=once)
    assert stale() == {}


def test_an_experiment_that_takes_minutes_is_run_for_as_few_seeds_as_its_recording_needs(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recordings.FEWER, "small.toss", 2)
    assert record("small.toss", one=once).seeds() == 2
    assert stale() == {}


def test_too_few_seeds_and_a_recording_of_nothing_are_found(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("small.toss", seeds=range(3), one=once)
    assert "has 3 seeds, not 10" in stale()["small.toss"]
    monkeypatch.setitem(recordings.FEWER, "small.toss", 4)  # where each takes minutes
    assert "has 3 seeds, not 4" in stale()["small.toss"]
    monkeypatch.setitem(recordings.FEWER, "small.toss", 3)
    assert "small.toss" not in stale()
    shutil.copy(tmp_path / "recorded" / "small.toss.json", tmp_path / "recorded" / "small.gone.json")
    assert "belongs to no experiment" in stale()["small.gone"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": 1}', "null"])
def test_a_damaged_recording_says_what_to_do(package: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "small.toss.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError, match=r"is damaged .*make record NAME=small.toss"):
        recording("small.toss")


def test_a_missing_recording_an_unknown_experiment_and_another_list_are_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        RecordingError, match=r"nothing is recorded of small.toss. Run `make record NAME=small.toss`"
    ):
        recording("small.toss")
    with pytest.raises(RecordingError, match=r"no experiment 'small.tos'"):
        record("small.tos", one=once)
    monkeypatch.setattr(datasets, "locate", lambda: datasets.Source(tmp_path, "own"))
    with pytest.raises(RecordingError, match=r"are made on names.txt"):
        record("small.toss", one=once)


def test_code_that_changes_while_it_runs_is_not_recorded(package: Path, tmp_path: Path) -> None:
    def changing(name: str, seed: int) -> tuple[dict[str, float], float]:
        (package / "beta.py").write_text("TWO = 2.5\n", encoding="utf-8")
        return once(name, seed)

    with pytest.raises(RecordingError, match=r"was changed while it ran"):
        record("small.toss", one=changing)
    assert not (tmp_path / "recorded" / "small.toss.json").exists()


CLAIMS = """
[[claim]]
id = "small.once"
statement = "s"
recorded = "small.toss"
value = "once"
source = "own run"
data = "names.txt"

[[claim]]
id = "small.gain"
statement = "s"
recorded = "small.toss"
value = "wins once,twice"
at_least = 9
source = "recorded"
data = "names.txt"
"""


@pytest.fixture
def claimed(package: Path, tmp_path: Path) -> dict[str, claims.Claim]:
    record("small.toss", one=once)
    path = tmp_path / "small.toml"
    path.write_text(CLAIMS, encoding="utf-8")
    return read_claims(path)


def test_a_build_s_own_run_lies_within_four_standard_deviations(claimed: dict[str, claims.Claim]) -> None:
    mean, std = (recording("small.toss").mean("once"), recording("small.toss").std("once"))
    for inside in (mean, mean + 3.99 * std, mean - 3.99 * std):
        assert check("small.once", inside, claimed, "names.txt")["verdict"] == "holds"
    for outside in (mean + 4.01 * std, mean - 4.01 * std):
        with pytest.raises(ClaimError, match=r"4 standard deviations of 10 recorded seeds"):
            check("small.once", outside, claimed, "names.txt")
    assert check("small.once", 99, claimed, "sample")["verdict"] == "not checked"


def test_a_claim_about_a_recording_needs_no_cell_and_can_fail(
    claimed: dict[str, claims.Claim], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = check("small.once", 0.5, claimed, "names.txt")
    assert [record["verdict"] for record in verdicts([own], claimed)] == ["holds", "holds"]
    path = tmp_path / "small.toml"
    path.write_text(CLAIMS.replace("at_least = 9", "at_least = 11"), encoding="utf-8")
    with pytest.raises(ClaimError, match=r"'small.gain' does not hold: recorded 10"):
        verdicts([own], read_claims(path))
    path.write_text(CLAIMS.replace("wins once,twice", "wins once,thrice"), encoding="utf-8")
    with pytest.raises(ClaimError, match=r"has no 'thrice'"):
        verdicts([own], read_claims(path))


def test_the_recordings_of_the_book_are_of_the_code_that_is_there() -> None:
    assert stale() == {}


def test_every_recording_is_used_by_a_page(root: Path) -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (root / "book").glob("*.md"))
    used = {claim.recorded for claim in claims.book_claims().values()}
    unused = [name for name in recordings.experiments() if name not in used and name not in pages]
    assert unused == []


def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    child = "import sys, time; from nnz.plumbing.machine import end_with_parent; end_with_parent(); "
    child += f"open({str(tmp_path / 'began')!r}, 'w').close(); time.sleep(600)"
    parent = (
        "import pathlib, subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"began = pathlib.Path({str(tmp_path / 'began')!r})\n"
        "while not began.exists() and p.poll() is None: time.sleep(0.05)\n"
        "assert began.exists(), 'the child did not begin'\n"
        "print(p.pid, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    pid = int(done.stdout)
    while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
        time.sleep(0.1)  # for as long as it takes; a child that stays on would never end this


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_only_code_counts_in_what_a_definition_is() -> None:
    def bare(code: str) -> str:
        return dependencies.bare(ast.parse(code))

    one = 'def f(x):\n    """Say."""\n    import math  # why\n    return (x\n      + 1)\n'
    assert bare(one) == bare('import os\n\ndef f(x):\n    """Say more."""\n    return x + 1\n')
    assert bare(one) != bare(one.replace("+ 1", "+ 2"))
    assert bare("if a:\n    b()\n") != bare("if a:\n    c()\n")
    assert bare("try:\n    a()\nfinally:\n    b()\n") != bare("try:\n    a()\nfinally:\n    c()\n")


def test_a_module_that_only_moves_changes_no_fingerprint(package: Path) -> None:
    before = recordings.fingerprint("small.toss")
    (package / "below").mkdir()
    (package / "beta.py").rename(package / "below" / "beta.py")
    text = (package / "alpha.py").read_text(encoding="utf-8")
    (package / "alpha.py").write_text(text.replace("nnz.beta", "nnz.below.beta"), encoding="utf-8")
    assert recordings.fingerprint("small.toss") == before
