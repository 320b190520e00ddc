"""Names that share their beginnings: they can be read back, each beginning stands once, and rounds are fair."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from string import ascii_lowercase
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.bigram import Uniform
from nnz.data import LETTERS, Vocabulary, windows
from nnz.packed import Packed, pack, packed_batches, whole_names
from nnz.sample import seeded

NAME = st.text(ascii_lowercase, min_size=1, max_size=12)
NAMES = st.lists(NAME, min_size=1, max_size=8)
SEVEN = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
FRENCH = Vocabulary(["zoé", "noël"])


def names_of(targets: Tensor, vocabulary: Vocabulary = LETTERS) -> list[str]:
    """Read the names back from what follows."""
    text = vocabulary.decode(targets)
    assert text.endswith(".")
    return text[:-1].split(".")


def same(one: tuple[Packed, Tensor], other: tuple[Packed, Tensor]) -> bool:
    return all(map(torch.equal, (*one[0], one[1]), (*other[0], other[1])))


def alike(one: tuple[Packed, Tensor], other: tuple[Packed, Tensor]) -> bool:
    """Whether two batches are the same but for the order of their rows."""
    (a, targets), (b, others) = one, other
    if not torch.equal(targets, others) or len(a.tokens) != len(b.tokens):
        return False
    there = torch.zeros_like(a.tokens)
    there[a.rows] = b.rows  # every row stands before some target
    return (
        torch.equal(there[a.rows], b.rows)
        and torch.equal(a.tokens, b.tokens[there])
        and torch.equal(there[a.parents], b.parents[there])
    )


# One batch


@given(NAMES)
def test_each_different_beginning_has_one_row(names: list[str]) -> None:
    batch, Y = pack(names)
    spelled = [""]  # what each row is the beginning of, found by its parents
    for token, parent in zip(batch.tokens[1:], batch.parents[1:], strict=True):
        spelled.append(spelled[parent] + LETTERS.decode([token]))
    beginnings = [name[:i] for name in names for i in range(len(name) + 1)]
    assert sorted(spelled) == sorted(set(beginnings))
    assert [spelled[row] for row in batch.rows] == beginnings
    assert LETTERS.decode(Y) == "".join(f"{name}." for name in names)
    assert batch.tokens[0] == batch.parents[0] == 0
    assert {t.dtype for t in (*batch, Y)} == {torch.int64}


@given(NAMES, st.integers(1, 20))
def test_the_windows_can_be_read_back(names: list[str], block_size: int) -> None:
    X, Y = windows(names, block_size)
    batch, targets = pack(names)
    assert torch.equal(targets, Y)
    now = batch.tokens[:, None].float()
    columns = [batch.left(now, k) if k else now for k in range(block_size)]
    before = torch.cat(columns[::-1], dim=1)  # (N, block_size), oldest first
    assert torch.equal(before[batch.rows].long(), X)


@settings(max_examples=60)
@given(NAMES, st.integers(1, 120), st.integers(1, 3))
def test_left_is_a_letter_of_the_same_name_or_else_the_padding(
    names: list[str], dilation: int, C: int
) -> None:
    batch, _ = pack(names)
    x = torch.randn(len(batch.tokens), C, generator=seeded())
    before = x.clone()
    found = batch.left(x, dilation)[batch.rows]
    for rows, left in zip(
        batch.rows.split([len(name) + 1 for name in names]),
        found.split([len(name) + 1 for name in names]),
        strict=True,
    ):
        for i in range(len(rows)):
            assert torch.equal(left[i], x[rows[max(i - dilation, 0)]])
    assert torch.equal(x, before)


def test_slopes_go_where_the_numbers_came_from() -> None:
    batch, _ = pack(["abc", "ade"])  # rows: the padding, a, ab, abc, ad, ade
    x = torch.randn(6, 2, generator=seeded(), requires_grad=True)
    upstream = torch.randn(6, 2, generator=seeded(2))
    batch.left(x, 2).backward(upstream)
    expected = torch.zeros(6, 2)
    expected[0] = upstream[[0, 1, 2, 4]].sum(0)
    expected[1] = upstream[[3, 5]].sum(0)
    assert x.grad is not None
    torch.testing.assert_close(x.grad, expected)


def test_names_that_begin_alike_share_rows(sample: list[str]) -> None:
    names = sample[:500]
    batch, targets = pack(names)
    letters = sum(map(len, names))
    assert len(batch.tokens) < 0.75 * letters
    assert len(targets) == len(batch.rows) == letters + len(names)
    assert (batch.rows == 0).sum() == len(names)


def test_names_in_another_alphabet_are_packed_by_it() -> None:
    batch, targets = pack(["zoé", "noël"], FRENCH)
    assert FRENCH.decode(batch.tokens) == ".zoénoël"
    assert FRENCH.decode(targets) == "zoé.noël."
    assert torch.equal(targets, windows(["zoé", "noël"], 1, FRENCH)[1])


@given(NAMES, st.data())
def test_a_part_is_the_packed_batch_of_its_names(names: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(names))), min_size=1))
    batch, Y = pack(names)
    of_names = torch.arange(len(Y)).split([len(name) + 1 for name in names])
    targets = torch.cat([of_names[i] for i in chosen])
    assert alike((batch.part(targets), Y[targets]), pack([names[i] for i in chosen]))


# Many batches


@settings(max_examples=40)
@given(NAMES, st.integers(1, 12), st.integers(0, 2**31))
def test_each_round_is_all_names_once_and_each_batch_is_packed_alone(
    names: list[str], batch_size: int, seed: int
) -> None:
    source = packed_batches(names, batch_size, generator=seeded(seed))
    full, rest = divmod(len(names), batch_size)
    sizes = [batch_size] * full + [rest] * bool(rest)
    for _ in range(3):
        seen: list[str] = []
        for batch, size in zip(islice(source, len(sizes)), sizes, strict=True):
            chosen = names_of(batch[1])
            assert len(chosen) == size
            assert alike(batch, pack(chosen))
            seen += chosen
        assert Counter(seen) == Counter(names)


def orders(source: Iterator[tuple[Packed, Tensor]], rounds: int) -> list[list[str]]:
    """Return the names in the order of each round, if a batch is a round."""
    return [names_of(targets) for _, targets in islice(source, rounds)]


def test_each_round_has_an_order_of_its_own() -> None:
    source = packed_batches(SEVEN, 7, generator=seeded())
    found = [*orders(source, 4), SEVEN]
    assert all(one != other for one, other in pairwise(found))


def test_every_name_comes_first_about_as_often() -> None:
    source = packed_batches(SEVEN, 7, generator=seeded())
    firsts = Counter(order[0] for order in orders(source, 1400))
    spread = (1400 * 1 / 7 * 6 / 7) ** 0.5
    assert all(abs(firsts[name] - 200) < 4 * spread for name in SEVEN)


def test_the_same_generator_gives_the_same_batches_and_another_gives_others() -> None:
    one, again, other = (list(islice(packed_batches(SEVEN, 3, generator=seeded(s)), 9)) for s in (1, 1, 2))
    assert all(map(same, one, again))
    assert not all(map(same, one, other))


def test_drawing_batches_leaves_the_shared_random_state_alone() -> None:
    before = torch.get_rng_state()
    list(islice(packed_batches(SEVEN, 3, generator=seeded()), 5))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_of_more_names_than_there_are_is_all_of_them() -> None:
    source = packed_batches(SEVEN, 1000, generator=seeded())
    for order in orders(source, 3):
        assert sorted(order) == sorted(SEVEN)


def test_a_name_that_stands_twice_comes_twice() -> None:
    source = packed_batches(["ann", "bo", "ann"], 2, generator=seeded())
    for _ in range(3):
        seen = [name for _, Y in islice(source, 2) for name in names_of(Y)]
        assert sorted(seen) == ["ann", "ann", "bo"]


def test_batches_may_be_in_another_alphabet() -> None:
    names = ["zoé", "noël", "éloé"]
    source = packed_batches(names, 2, generator=seeded(), vocabulary=FRENCH)
    seen = []
    for batch in islice(source, 2):
        chosen = names_of(batch[1], FRENCH)
        assert alike(batch, pack(chosen, FRENCH))
        seen += chosen
    assert sorted(seen) == sorted(names)


# What is refused, at once and not with the first batch


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, 2.0, float("nan"), "2", None])
def test_a_batch_of_no_whole_number_of_names_is_refused(batch_size: Any) -> None:
    said = f"batch_size is {batch_size!r}; it must be a whole number of at least 1."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        packed_batches(SEVEN, batch_size, generator=seeded())


@pytest.mark.parametrize(
    ("names", "error", "says"),
    [
        ([], ValueError, "at least one name, got an empty list"),
        ("emma", TypeError, "expected a list of names, got one string"),
        (["emma", ""], ValueError, "'' cannot be a name"),
        (["em.ma"], ValueError, r"'em\.ma' cannot be a name"),
        (["zoé"], ValueError, "'é' in .* is not in the vocabulary"),
        (["Emma"], ValueError, "'E' in .* is not in the vocabulary"),
    ],
)
def test_what_are_no_names_is_refused(names: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        pack(names)
    with pytest.raises(error, match=says):
        packed_batches(names, 2, generator=seeded())


@pytest.mark.parametrize(("size", "first"), [(2, 2), (None, 3), (0, 3)])
def test_batches_for_a_model_have_its_alphabet_and_are_drawn_by_their_generator(
    size: int | None, first: int
) -> None:
    known, names = Vocabulary(["öde", "aß", "dö"]), ["öde", "aß", "dö"]
    asked = []
    for _ in "ab":
        source = whole_names(Uniform(known), names, size, seeded(3))
        asked.append([known.decode(targets) for _, targets in islice(source, 20)])
    assert asked[0] == asked[1]
    assert asked[0][0].count(".") == first
    assert "".join(sorted("".join(asked[0][:2] if size else asked[0][:1]))) == "...addeßöö"


def test_of_no_names_a_batch_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least one name"):
        whole_names(Uniform(), [], None, seeded())
