"""Lines of three names and the first again: what they are made of, and what their last part is."""

from __future__ import annotations

import random
from string import ascii_lowercase
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.data import windows
from nnz.packed import pack
from nnz.returns import WITH_HYPHEN, distances, in_last_part, return_lines

SEVEN = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
NAMES = st.lists(st.text(ascii_lowercase, min_size=1, max_size=9), min_size=3, max_size=9, unique=True)


@given(NAMES, st.integers(0, 20), st.integers(0, 2**31))
def test_a_line_is_three_different_names_and_the_first_again(names: list[str], n: int, seed: int) -> None:
    lines = return_lines(names, n, generator=random.Random(seed))
    assert len(lines) == n
    for line in lines:
        parts = line.split("-")
        assert len(parts) == 4
        assert len(set(parts[:3])) == 3
        assert parts[3] == parts[0]
        assert set(parts) <= set(names)
    assert lines == return_lines(names, n, generator=random.Random(seed))


def test_every_name_comes_first_about_as_often_even_if_it_stands_twice() -> None:
    lines = return_lines([*SEVEN, "emma"], 7000, generator=random.Random(1))
    firsts = [line.split("-")[0] for line in lines]
    assert all(abs(firsts.count(name) - 1000) < 4 * (7000 * 6 / 49) ** 0.5 for name in SEVEN)


@given(NAMES, st.integers(1, 6))
def test_the_last_part_is_the_name_that_returns_and_the_end(names: list[str], n: int) -> None:
    lines = return_lines(names, n, generator=random.Random(n))
    last, back = in_last_part(lines), distances(lines)
    (X, Y), (batch, targets) = windows(lines, 64, WITH_HYPHEN), pack(lines, WITH_HYPHEN)
    assert len(last) == len(Y) == len(targets)
    assert WITH_HYPHEN.decode(Y[last]) == "".join(line.split("-")[3] + "." for line in lines)
    assert len(back) == last.sum()
    for context, char, distance in zip(X[last], Y[last], back, strict=True):
        found = context[-int(distance)]
        if char:  # a letter stands there, and at the end the hyphen after the name
            assert found == char
        else:
            assert WITH_HYPHEN.decode([int(found)]) == "-"
    assert batch.tokens[0] == 0


@pytest.mark.parametrize(
    ("names", "n", "error", "says"),
    [
        (["al", "bo"], 1, ValueError, "a line needs 3 different names; got 2"),
        (["al", "bo", "al"], 1, ValueError, "a line needs 3 different names; got 2"),
        (["al", "b-o", "cy"], 1, ValueError, "'b-o' cannot be a part of a line"),
        (["al", "", "cy"], 1, ValueError, "'' cannot be a part of a line"),
        ("emma", 1, TypeError, "expected a list of names"),
        (SEVEN, -1, ValueError, "^n counts lines"),
        (SEVEN, 1.5, TypeError, "^n counts lines"),
    ],
)
def test_what_gives_no_lines_is_refused(names: Any, n: Any, error: type[Exception], says: str) -> None:
    generator = random.Random(1)
    before = generator.getstate()
    with pytest.raises(error, match=says):
        return_lines(names, n, generator=generator)
    assert generator.getstate() == before


def test_a_generator_of_torch_is_refused() -> None:
    with pytest.raises(TypeError, match="source of random numbers"):
        return_lines(SEVEN, 1, generator=torch.Generator())  # type: ignore[arg-type]


@pytest.mark.parametrize("judge", [in_last_part, distances])
def test_what_has_no_last_part_is_refused(judge: Any) -> None:
    with pytest.raises(ValueError, match="'emma' has no hyphen"):
        judge(["al-bo-cy-al", "emma"])
    with pytest.raises(ValueError, match="at least one line"):
        judge([])
