"""Claims: the measured numbers of the book, each checked against a recorded value and its source.

A chapter writes `claim("bigram.nll", value)`. That looks the claim up in `book/claims.toml`, checks the value at
once, and glues it, so that the prose can show it. After the build, `verdicts` sees that none was left out.
"""

from __future__ import annotations

import difflib
import math
import numbers
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nnz.support import datasets
from nnz.support.paths import resource

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
    varies: bool = (
        False  # a measurement of time: another build measures something else
    )
    exactly: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> str:
        """Say what a measured value must be, in words."""
        if self.exactly is not None:
            return f"exactly {self.exactly:,}"
        if self.expected is not None:
            return f"{self.expected:,} ± {np.format_float_positional(self.tolerance or 0)}"
        parts = [f"at least {self.at_least:,}"] if self.at_least is not None else []
        return " and ".join(
            parts
            + ([f"at most {self.at_most:,}"] if self.at_most is not None else [])
        )

    def holds(self, value: float) -> bool:
        """Whether a measured value is what was claimed. NaN never is."""
        if self.exactly is not None:
            return value == self.exactly
        if self.expected is not None:
            assert self.tolerance is not None
            return abs(value - self.expected) <= self.tolerance
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


def read_claims(path: Path) -> dict[str, Claim]:
    """Read a claims file.

    Raises:
        ClaimError: an entry is incomplete, has an unknown key, has no check or two, or stands twice.
    """
    claims: dict[str, Claim] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("claim", []):
        claim = _parse(entry)
        if claim.id in claims:
            raise ClaimError(f"claim {claim.id!r} stands twice in {path.name}.")
        claims[claim.id] = claim
    return claims


def _parse(entry: dict[str, Any]) -> Claim:
    name = entry.get("id", "(no id)")
    if missing := [
        key for key in ("id", "statement", "source", "data") if not entry.get(key)
    ]:
        raise ClaimError(f"claim {name!r} lacks {', '.join(missing)}.")
    if unknown := sorted(set(entry) - KEYS):
        raise ClaimError(f"claim {name!r} has unknown keys: {', '.join(unknown)}.")
    if entry["data"] not in ("names.txt", "any"):
        raise ClaimError(
            f'claim {name!r} has data = {entry["data"]!r}; expected "names.txt" or "any".'
        )
    kinds = {
        "bounds" if key.startswith("at_") else key for key in CHECKS if key in entry
    }
    if len(kinds) != 1:
        raise ClaimError(
            f"claim {name!r} needs one check: exactly, expected with tolerance, or at_least / at_most."
        )
    if ("expected" in entry) != ("tolerance" in entry):
        raise ClaimError(f"claim {name!r}: expected and tolerance belong together.")
    if not isinstance(entry.get("varies", False), bool):
        raise ClaimError(f"claim {name!r}: varies is true or false.")
    values = [entry[key] for key in (*CHECKS, "tolerance") if key in entry]
    if not all(
        isinstance(value, (int, float)) and not math.isnan(value)
        for value in values
    ):
        raise ClaimError(f"claim {name!r} has a check that is not a number.")
    if entry.get("tolerance", 1) <= 0:
        raise ClaimError(
            f"claim {name!r} has no room: a tolerance is above 0; use exactly for what is deterministic."
        )
    return Claim(**entry)


@cache
def book_claims() -> dict[str, Claim]:
    """Return the claims of this book."""
    return read_claims(resource("book", "claims.toml"))


@cache
def data_kind() -> str:
    """Return the kind of the list that `load_names()` reads here: "names.txt", "sample" or "own"."""
    return datasets.locate().kind


def check(
    claim_id: str, value: object, claims: Mapping[str, Claim], data: str
) -> dict[str, Any]:
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
            else " Add it to book/claims.toml."
        )
        raise ClaimError(f"there is no claim {claim_id!r}.{hint}")
    claim = claims[claim_id]
    if callable(item := getattr(value, "item", None)):
        value = item()
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ClaimError(
            f"claim {claim_id!r} was given {value!r}, which is not a number."
        )
    number = int(value) if isinstance(value, numbers.Integral) else float(value)
    if math.isnan(number):
        raise ClaimError(
            f"claim {claim_id!r} was given NaN: the computation before it went wrong."
        )
    verdict = "not checked"
    if claim.data in ("any", data):
        if not claim.holds(number):
            raise ClaimError(
                f"claim {claim_id!r} does not hold: measured {number!r}, claimed {claim.bound} ({claim.source}). "
                "Mend what is wrong; loosen the claim only if its source was misread."
            )
        verdict = "holds"
    return {
        **asdict(claim),
        "bound": claim.bound,
        "measured": number,
        "verdict": verdict,
        "data_built_on": data,
    }


def show(record: Mapping[str, Any]) -> str:
    """Write a measured value as the book shows it: whole numbers with commas, others to the claim's digits."""
    number = record["measured"]
    return (
        f"{number:,}"
        if isinstance(number, int)
        else f"{number:,.{record['digits']}f}"
    )


def claim(claim_id: str, value: object) -> None:
    """Check a measured value against its claim and glue it under the claim's id for the prose.

    Raises:
        ClaimError: see `check`.
    """
    record = check(claim_id, value, book_claims(), data_kind())
    _glue(claim_id, show(record), {"nnz_claim": record})


def note(name: str, value: int | float | str, digits: int = 4) -> None:
    """Glue a value for the prose that is no claim, with so many digits: it varies and nothing rests on it.

    Raises:
        ClaimError: the name is that of a claim, which would hide it.
    """
    if name in book_claims():
        raise ClaimError(
            f"{name!r} is a claim; record it with claim({name!r}, value)."
        )
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


def verdicts(
    records: Iterable[Mapping[str, Any]], claims: Mapping[str, Claim]
) -> list[dict[str, Any]]:
    """Return one record per claim, in the order of the claims file.

    Raises:
        ClaimError: a claim was never recorded, or was recorded twice.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["id"] in by_id:
            raise ClaimError(
                f"claim {record['id']!r} is recorded twice; one place says it."
            )
        by_id[record["id"]] = dict(record)
    if missing := [claim_id for claim_id in claims if claim_id not in by_id]:
        raise ClaimError(
            f"never recorded: {', '.join(missing)}. "
            "Each claim in book/claims.toml needs a cell with claim(id, value)."
        )
    return [by_id[claim_id] for claim_id in claims]
