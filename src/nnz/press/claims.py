"""Claims: the measured numbers of the book, each checked against a recorded value and its source.

A chapter writes `claim("bigram.nll", value)`, in a cell with the tag `claims` below the one that computed the
value. That looks the claim up in `book/claims/bigram.toml`, checks the value at once, and glues it, so that the
prose can show it. The page shows a mark in place of the cell. After the build, `verdicts` sees that none was left
out.

What is checked, and when:

- A claim that `varies` is a measurement of time, or of something else that is the machine's. It has a goal, and
  a verdict that says whether it holds here; it never fails.
- A claim with `recorded` and no bound of its own is one run of an experiment; it has to lie within four standard
  deviations of the recorded mean of the number that `value` names.
- A claim with `recorded` and a bound is about the recording itself; no cell records it.

Keys of an entry: id (chapter.what); statement; source; data ("names.txt" if it holds for that list alone, else
"any"); one check (exactly | expected with tolerance | at_least and/or at_most), or recorded = "experiment" with
value = "…"; unit and digits (after the decimal point, 4 unless said) for showing it; varies = true.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
import platform
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nnz.plumbing import datasets
from nnz.plumbing.machine import cores, processor
from nnz.plumbing.paths import place
from nnz.press.recordings import ROOM, Recording, RecordingError, recording

CHECKS = ("exactly", "expected", "at_most", "at_least")
KEYS = {
    "id",
    "statement",
    "unit",
    "source",
    "data",
    "tolerance",
    "digits",
    "varies",
    "recorded",
    "value",
    *CHECKS,
}


class ClaimError(AssertionError):
    """A claim that does not hold, was never recorded, or cannot be understood."""


@dataclass(frozen=True)
class Claim:
    """One line of the ledger: what is said, what it was recorded as, where that comes from, for which data."""

    id: str
    statement: str
    source: str
    data: str  # "names.txt": holds for that list alone; "any": holds whatever the book is built on
    unit: str = ""
    digits: int = 4  # after the decimal point, where it is shown
    varies: bool = False  # a measurement of time: another build measures something else
    recorded: str = ""  # the experiment whose recording it is checked against, or is about
    value: str = ""  # which number of the recording
    exactly: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def of_recording(self) -> bool:
        """Whether the claim is about a recording, which no cell of a page runs."""
        return bool(self.recorded) and any(getattr(self, key) is not None for key in CHECKS)

    @property
    def one_run(self) -> tuple[float, float] | None:
        """The recorded mean, and how far from it one run may lie; None unless the claim is about such a run."""
        if not self.recorded or self.of_recording:
            return None
        return _recording(self).room(self.value)

    @property
    def bound(self) -> str:
        """Say what a measured value must be, in words."""
        if run := self.one_run:
            mean, room = (f"{x:,.{self.digits}f}" for x in run)
            return f"{mean} ± {room}, {ROOM} standard deviations of {_recording(self).seeds()} recorded seeds"
        if self.exactly is not None:
            return f"exactly {self.exactly:,}"
        if self.expected is not None:
            return f"{self.expected:,} ± {np.format_float_positional(self.tolerance or 0)}"
        parts = [f"at least {self.at_least:,}"] if self.at_least is not None else []
        return " and ".join(parts + ([f"at most {self.at_most:,}"] if self.at_most is not None else []))

    def holds(self, value: float) -> bool:
        """Whether a measured value is what was claimed. NaN never is."""
        if run := self.one_run:
            return abs(value - run[0]) <= run[1]
        if self.exactly is not None:
            return value == self.exactly
        if self.expected is not None:
            assert self.tolerance is not None
            return abs(value - self.expected) <= self.tolerance
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


def _recording(claim: Claim) -> Recording:
    try:
        return recording(claim.recorded)
    except RecordingError as error:
        raise ClaimError(f"claim {claim.id!r}: {error}") from error


def read_claims(*paths: Path) -> dict[str, Claim]:
    """Read claims files.

    Raises:
        ClaimError: an entry is incomplete, has an unknown key, has no check or two, or stands twice.
    """
    claims: dict[str, Claim] = {}
    for path in paths:
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("claim", []):
            claim = _parse(entry)
            if claim.id in claims:
                raise ClaimError(f"claim {claim.id!r} stands twice, the second time in {path.name}.")
            claims[claim.id] = claim
    return claims


def _parse(entry: dict[str, Any]) -> Claim:
    name = entry.get("id", "(no id)")
    if missing := [key for key in ("id", "statement", "source", "data") if not entry.get(key)]:
        raise ClaimError(f"claim {name!r} lacks {', '.join(missing)}.")
    if unknown := sorted(set(entry) - KEYS):
        raise ClaimError(f"claim {name!r} has unknown keys: {', '.join(unknown)}.")
    if entry["data"] not in ("names.txt", "any"):
        raise ClaimError(f'claim {name!r} has data = {entry["data"]!r}; expected "names.txt" or "any".')
    kinds = {"bounds" if key.startswith("at_") else key for key in CHECKS if key in entry}
    if ("value" in entry) != ("recorded" in entry):
        raise ClaimError(f"claim {name!r}: recorded and value belong together.")
    if entry.get("recorded") and entry.get("varies"):
        raise ClaimError(f"claim {name!r}: what varies with the machine is not compared with a recording.")
    if len(kinds) != 1 and not (entry.get("recorded") and not kinds):
        raise ClaimError(
            f"claim {name!r} needs one check: exactly, expected with tolerance, or at_least / at_most."
        )
    if ("expected" in entry) != ("tolerance" in entry):
        raise ClaimError(f"claim {name!r}: expected and tolerance belong together.")
    if not isinstance(entry.get("varies", False), bool):
        raise ClaimError(f"claim {name!r}: varies is true or false.")
    values = [entry[key] for key in (*CHECKS, "tolerance") if key in entry]
    if not all(isinstance(value, (int, float)) and not math.isnan(value) for value in values):
        raise ClaimError(f"claim {name!r} has a check that is not a number.")
    if entry.get("tolerance", 1) <= 0:
        raise ClaimError(
            f"claim {name!r} has no room: a tolerance is above 0; use exactly for what is deterministic."
        )
    return Claim(**entry)


@cache
def book_claims() -> dict[str, Claim]:
    """Return the claims of this book."""
    return read_claims(*sorted(place("book", "claims").glob("*.toml")))


@cache
def data_kind() -> str:
    """Return the kind of the list that `load_names()` reads here: "names.txt", "sample" or "own"."""
    return datasets.locate().kind


def check(claim_id: str, value: object, claims: Mapping[str, Claim], data: str) -> dict[str, Any]:
    """Compare a measured value with its claim and return the record for the ledger.

    Args:
        claim_id: the claim's id.
        value: what was measured; a real number or a tensor or array that holds one.
        claims: the claims by id.
        data: the kind of list it was measured on.

    Raises:
        ClaimError: there is no such claim, the value is no number or NaN, or the claim does not hold.
    """
    if claim_id not in claims:
        near = difflib.get_close_matches(claim_id, claims, n=1)
        hint = (
            f" Did you mean {near[0]!r}?"
            if near
            else f" Add it to book/claims/{claim_id.partition('.')[0]}.toml."
        )
        raise ClaimError(f"there is no claim {claim_id!r}.{hint}")
    claim = claims[claim_id]
    if callable(item := getattr(value, "item", None)):
        value = item()
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ClaimError(f"claim {claim_id!r} was given {value!r}, which is not a number.")
    number = int(value) if isinstance(value, numbers.Integral) else float(value)
    if math.isnan(number):
        raise ClaimError(f"claim {claim_id!r} was given NaN: the computation before it went wrong.")
    verdict = "not checked"
    if claim.varies:
        verdict = HERE if claim.holds(number) else ELSEWHERE
    elif claim.data in ("any", data):
        if not claim.holds(number):
            raise ClaimError(
                f"claim {claim_id!r} does not hold: measured {number!r}, claimed {claim.bound} ({claim.source}). "
                "Mend what is wrong; loosen the claim only if its source was misread."
            )
        verdict = "holds"
    machine = {"machine": describe_machine()} if claim.varies else {}
    return {
        **asdict(claim),
        "bound": claim.bound,
        "measured": number,
        "verdict": verdict,
        "data_built_on": data,
        **machine,
    }


HERE, ELSEWHERE = "holds here", "not on this machine"


def describe_machine() -> str:
    """Say in a line what measurements of time depend on: processor, cores, threads, Python, torch."""
    threads = os.environ.get("OMP_NUM_THREADS", "any number of")
    count = cores()
    return (
        f"{processor()}, {count} core{'s' * (count != 1)}, {threads} thread{'s' * (threads != '1')}, "
        f"Python {platform.python_version()}, torch {version('torch')}"
    )


def about_recording(claim: Claim, data: str) -> dict[str, Any]:
    """Return the record for the ledger of a claim about a recording.

    Raises:
        ClaimError: there is no such recording or no such number in it, or the claim does not hold.
    """
    try:
        number = _recording(claim).value(claim.value)
    except RecordingError as error:
        raise ClaimError(f"claim {claim.id!r}: {error}") from error
    if not claim.holds(number):
        raise ClaimError(
            f"claim {claim.id!r} does not hold: recorded {number!r}, claimed {claim.bound} ({claim.source})."
        )
    record = {
        **asdict(claim),
        "bound": claim.bound,
        "measured": number,
        "verdict": "holds",
        "data_built_on": data,
    }
    return {**record, "page": f"book/{claim.id.partition('.')[0]}"}


def show(record: Mapping[str, Any]) -> str:
    """Write a measured value as the book shows it: whole numbers with commas, others to the claim's digits."""
    number = record["measured"]
    return f"{number:,}" if isinstance(number, int) else f"{number:,.{record['digits']}f}"


def claim(claim_id: str, value: object) -> None:
    """Check a measured value against its claim and glue it under the claim's id for the prose.

    Raises:
        ClaimError: see `check`.
    """
    record = check(claim_id, value, book_claims(), data_kind())
    if book_claims()[claim_id].of_recording:
        raise ClaimError(
            f"claim {claim_id!r} is about a recording; no cell records it. Show it with {{recorded}}."
        )
    _glue(claim_id, show(record), {"nnz_claim": record})


def note(name: str, value: int | float | str, digits: int = 4) -> None:
    """Glue a value for the prose that is no claim, with so many digits: it varies and nothing rests on it.

    Raises:
        ClaimError: the name is that of a claim, which would hide it.
    """
    if name in book_claims():
        raise ClaimError(f"{name!r} is a claim; record it with claim({name!r}, value).")
    shown = (
        value
        if isinstance(value, str)
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.{digits}f}"
    )
    _glue(name, shown, {})


def _glue(name: str, text: str, extra: Mapping[str, Any]) -> None:
    """Store a text in the notebook's output, as myst_nb.glue does; outside a notebook do nothing."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    prefix = "application/papermill.record/"
    metadata = {"scrapbook": {"name": name, "mime_prefix": prefix}, **extra}
    display({prefix + "text/plain": repr(text)}, raw=True, metadata=metadata)


def verdicts(records: Iterable[Mapping[str, Any]], claims: Mapping[str, Claim]) -> list[dict[str, Any]]:
    """Return one record per claim, in the order of the claims: those of the pages, and those about recordings.

    Raises:
        ClaimError: a claim was never recorded, or was recorded twice.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["id"] in by_id:
            raise ClaimError(f"claim {record['id']!r} is recorded twice; one place says it.")
        by_id[record["id"]] = dict(record)
    for claim in claims.values():
        if claim.of_recording:
            by_id[claim.id] = about_recording(claim, data_kind())
    if missing := [claim_id for claim_id in claims if claim_id not in by_id]:
        raise ClaimError(
            f"never recorded: {', '.join(missing)}. "
            "Each claim in book/claims needs a cell with claim(id, value)."
        )
    return [by_id[claim_id] for claim_id in claims]
