"""Names in rows: a dot begins a name, and each row is read for itself."""

from __future__ import annotations

from itertools import islice
from string import ascii_lowercase
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.bigram import Uniform
from nnz.data import LETTERS, Vocabulary, windows
from nnz.rows import begins, in_rows, places, row_batches, visible, whole_rows
from nnz.sample import seeded

NAMES = st.lists(st.text(ascii_lowercase, min_size=1, max_size=9), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**31)
TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


@given(TOKENS)
def test_a_place_sees_its_name_up_to_itself(tokens: list[int]) -> None:
    row = torch.tensor(tokens)
    for t in range(len(tokens)):
        dots = [s for s in range(t + 1) if tokens[s] == 0]
        first = dots[-1] if dots else 0
        assert begins(row)[t] == first
        assert places(row)[t] == t - first
        seen = visible(row)[t].nonzero()[:, 0].tolist()
        assert seen == list(range(first, t + 1))
        assert torch.equal(visible(row, since=t), visible(row)[t:])


@given(st.lists(TOKENS.map(lambda row: (row * 12)[:12]), min_size=1, max_size=4))
def test_rows_do_not_depend_on_each_other(tokens: list[list[int]]) -> None:
    table = torch.tensor(tokens)
    for function in (begins, places, visible):
        assert torch.equal(function(table), torch.stack([function(row) for row in table]))


@given(NAMES)
def test_a_table_of_names_asks_what_windows_ask(names: list[str]) -> None:
    batch, targets = in_rows(names)
    X, Y = windows(names, 1)
    assert torch.equal(targets, Y)
    assert torch.equal(batch.tokens.flatten()[batch.asked], X[:, 0])
    for row, name in zip(batch.tokens.tolist(), names, strict=True):
        assert row == LETTERS.encode("." + name) + [0] * (len(row) - 1 - len(name))


@given(NAMES, st.integers(1, 3), SEEDS)
def test_each_round_has_every_name_once(names: list[str], size: int, seed: int) -> None:
    n = -(-len(names) // size)
    source = row_batches(names, size, generator=seeded(seed))
    for _ in range(2):
        found = []
        for batch, targets in islice(source, n):
            text = LETTERS.decode(targets)
            found += text.split(".")[:-1]
            wanted = in_rows(text.split(".")[:-1])
            assert torch.equal(batch.tokens, wanted[0].tokens)
            assert torch.equal(batch.asked, wanted[0].asked)
        assert sorted(found) == sorted(names)


def test_names_of_one_length_are_put_together() -> None:
    names = [letter * n for n in (1, 5) for letter in "abcd"]
    source = row_batches(names, 4, generator=seeded(1))
    assert {batch.tokens.shape for batch, _ in islice(source, 4)} == {(4, 2), (4, 6)}


@pytest.mark.parametrize("size", [0, 1.0])
def test_a_batch_of_no_names_is_refused_at_once(size: Any) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        row_batches(["eve"], size, generator=seeded(1))


def test_where_tokens_are_nothing_is_made_elsewhere() -> None:
    tokens = torch.zeros(2, 4, dtype=torch.int64, device="meta")
    assert [f(tokens).device.type for f in (begins, places, visible)] == ["meta"] * 3


def test_batches_depend_on_their_generator_alone() -> None:
    names = [letter * n for letter in "abcdefgh" for n in range(1, 9)]
    drawn = []
    for seed in (5, 5, 6):
        source = row_batches(names, 3, generator=seeded(seed))
        drawn.append([batch.tokens.tolist() for batch, _ in islice(source, 30)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_names_of_another_alphabet_have_its_indices() -> None:
    known = Vocabulary(["öde", "aß"])
    rows, targets = in_rows(["öde", "aß"], known)
    assert rows.tokens.tolist() == [[0, *known.encode("öde")], [0, *known.encode("aß"), 0]]
    assert known.decode(targets) == "öde.aß."
    for source in (
        row_batches(["aß"], 2, generator=seeded(), vocabulary=known),
        whole_rows(Uniform(known), ["aß"], 2, seeded()),
    ):
        assert known.decode(next(source)[1]) == "aß."


@pytest.mark.parametrize(("size", "first"), [(2, 2), (None, 5), (0, 5)])
def test_without_a_size_a_batch_has_all_names(size: int | None, first: int) -> None:
    names = ["ava", "eve", "mia", "zoe", "joe"]
    batch, targets = next(whole_rows(Uniform(), names, size, seeded()))
    assert batch.tokens.shape == (first, 4)
    assert len(targets) == 4 * first
