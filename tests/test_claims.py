"""Claims: each way in which one can fail, fails."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnz.press import claims
from nnz.press.claims import ClaimError, book_claims, check, note, read_claims, show, verdicts

pytestmark = pytest.mark.support

GOOD = """
[[claim]]
id = "a.count"
statement = "s"
exactly = 5438
source = "counted"
data = "any"

[[claim]]
id = "a.loss"
statement = "s"
expected = 2.4540
tolerance = 0.00005
unit = "nats"
source = "a lecture"
data = "names.txt"

[[claim]]
id = "a.ratio"
statement = "s"
at_least = 15
at_most = 40
digits = 1
source = "own run"
data = "any"
"""


def written(folder: Path, text: str) -> dict[str, claims.Claim]:
    path = folder / "claims.toml"
    path.write_text(text, encoding="utf-8")
    return read_claims(path)


@pytest.fixture
def good(tmp_path: Path) -> dict[str, claims.Claim]:
    return written(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("claim_id", "value"),
    [
        ("a.count", 5438),
        ("a.count", torch.tensor(5438)),
        ("a.count", np.int64(5438)),
        ("a.loss", 2.4540144891),
        ("a.loss", torch.tensor(2.45399)),
        ("a.ratio", 15),
        ("a.ratio", 40.0),
    ],
)
def test_a_value_within_its_bounds_holds(good: dict[str, Any], claim_id: str, value: object) -> None:
    assert check(claim_id, value, good, "names.txt")["verdict"] == "holds"


@pytest.mark.parametrize(
    ("claim_id", "value", "message"),
    [
        ("a.count", 5437, r"does not hold: measured 5437, claimed exactly 5,438 \(counted\)"),
        ("a.loss", 2.45406, r"does not hold: measured 2.45406, claimed 2.454 ± 0.00005"),
        ("a.ratio", 14.9, "at least 15 and at most 40"),
        ("a.ratio", math.inf, "does not hold"),
        ("a.loss", math.nan, "was given NaN"),
        ("a.ratio", torch.tensor(float("nan")), "was given NaN"),
        ("a.los", 2.454, r"no claim 'a.los'\. Did you mean 'a.loss'\?"),
        ("zebra", 1, "Add it to book/claims/zebra.toml"),
        ("a.count", "5438", "which is not a number"),
        ("a.count", True, "which is not a number"),
        ("a.count", None, "which is not a number"),
    ],
)
def test_a_wrong_number_a_typo_and_a_nan_each_stop_the_cell(
    good: dict[str, Any], claim_id: str, value: object, message: str
) -> None:
    with pytest.raises(ClaimError, match=message):
        check(claim_id, value, good, "names.txt")


def test_nan_fails_even_where_the_claim_is_not_about_this_data(good: dict[str, Any]) -> None:
    with pytest.raises(ClaimError, match="NaN"):
        check("a.loss", math.nan, good, "sample")


def test_on_another_list_a_claim_about_names_txt_is_not_checked_and_never_passed(
    good: dict[str, Any],
) -> None:
    record = check("a.loss", 9.9, good, "sample")
    assert record["verdict"] == "not checked"
    assert check("a.count", 5438, good, "sample")["verdict"] == "holds"
    with pytest.raises(ClaimError):
        check("a.count", 1, good, "sample")


def test_a_claim_never_recorded_or_recorded_twice_fails_the_build(good: dict[str, Any]) -> None:
    records = [check(name, value, good, "any") for name, value in [("a.count", 5438), ("a.loss", 2.454)]]
    with pytest.raises(ClaimError, match=r"never recorded: a.ratio\."):
        verdicts(records, good)
    records.append(check("a.ratio", 20, good, "any"))
    assert [record["id"] for record in verdicts(reversed(records), good)] == list(good)
    with pytest.raises(ClaimError, match=r"'a\.count' is recorded twice"):
        verdicts([*records, records[0]], good)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "counted"\n', "", "'a.count' lacks source"),
        ('source = "counted"', 'source = ""', "'a.count' lacks source"),
        ("exactly = 5438\n", "", "needs one check"),
        ("exactly = 5438", "exactly = 5438\nat_most = 1", "needs one check"),
        ("exactly = 5438", 'exactly = "5438"', "not a number"),
        ("exactly = 5438", "exactly = nan", "not a number"),
        ("tolerance = 0.00005\n", "", "belong together"),
        ("tolerance = 0.00005", "tolerance = 0", "has no room"),
        ('data = "any"', 'data = "all"', 'expected "names.txt" or "any"'),
        ("exactly = 5438", "exactly = 5438\ntolerence = 1", "unknown keys: tolerence"),
        ('id = "a.loss"', 'id = "a.count"', "stands twice"),
    ],
)
def test_a_claims_file_that_says_too_little_or_too_much_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(ClaimError, match=message):
        written(tmp_path, GOOD.replace(old, new, 1))


def test_values_are_shown_as_the_book_writes_them(good: dict[str, Any]) -> None:
    assert show(check("a.count", 5438, good, "any")) == "5,438"
    assert show(check("a.loss", 2.4540144891, good, "any")) == "2.4540"
    assert show(check("a.ratio", 18.27, good, "any")) == "18.3"


def test_the_book_s_own_claims_can_be_read_and_name_a_chapter(root: Path) -> None:
    pages = {path.stem for path in (root / "book").glob("*.md")}
    assert book_claims()
    for claim_id in book_claims():
        assert claim_id.split(".")[0] in pages


def test_a_note_cannot_stand_in_for_a_claim() -> None:
    with pytest.raises(ClaimError, match="is a claim; record it with claim"):
        note("bigram.nll", 2.4540)


def test_outside_a_notebook_a_claim_is_checked_all_the_same() -> None:
    claims.claim("bigram.uniform", math.log(27))
    with pytest.raises(ClaimError):
        claims.claim("bigram.uniform", 3.3)
