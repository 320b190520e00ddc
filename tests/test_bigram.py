"""Counting models: the table, its rows, smoothing, and the lecture's numbers."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.data import LETTERS, Vocabulary, load_names
from nnz.evaluate import nll
from nnz.ngram import NGramCounts
from nnz.plumbing.datasets import Source

NAMES = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=9), min_size=1, max_size=8)


def index(char: str) -> int:
    return LETTERS.encode(char)[0]


@given(NAMES)
def test_the_table_holds_what_a_counter_counts(names: list[str]) -> None:
    pairs = Counter(pair for name in names for pair in zip("." + name, name + ".", strict=True))
    counts = BigramCounts().fit(names).counts
    assert int(counts.sum()) == pairs.total()
    for (a, b), times in pairs.items():
        assert counts[index(a), index(b)] == times


@given(NAMES, st.floats(0, 1000))
def test_rows_follow_the_formula(names: list[str], k: float) -> None:
    model = BigramCounts(k=k).fit(names)
    probs = model.probs()
    torch.testing.assert_close(probs.sum(1), torch.ones(27, dtype=torch.float64))
    a, b = index(names[0][0]), index("z")
    n, total = int(model.counts[a, b]), int(model.counts[a].sum())
    assert float(probs[a, b]) == pytest.approx((n + k) / (total + 27 * k), rel=1e-12)


def test_dividing_without_keepdim_does_not_give_rows_that_sum_to_one(sample: list[str]) -> None:
    """The chapter's tempting wrong line stays wrong: it is the columns that sum to one."""
    counts = BigramCounts().fit(sample).counts
    wrong = counts / counts.sum(1)
    assert (wrong.sum(1) - 1).abs().max() > 0.5
    torch.testing.assert_close(wrong.sum(0), torch.ones(27))


def test_a_context_never_seen_gives_every_character_the_same_chance() -> None:
    model = BigramCounts().fit(["ann"])
    row = model.log_probs(torch.tensor([[index("q")]]))[0]
    torch.testing.assert_close(row, torch.full((27,), -math.log(27), dtype=torch.float64))


def test_a_pair_never_seen_has_probability_zero_unless_smoothed() -> None:
    assert nll(BigramCounts().fit(["ann"]), ["nan"]) == math.inf
    assert math.isfinite(nll(BigramCounts(k=1).fit(["ann"]), ["nan"]))


def test_much_smoothing_leads_to_the_uniform_model(sample: list[str]) -> None:
    assert nll(BigramCounts(k=1e12).fit(sample), sample) == pytest.approx(nll(Uniform(), sample), abs=1e-6)


def test_no_other_table_is_likelier_on_the_data_that_was_counted(sample: list[str]) -> None:
    """The theorem of the chapter, against tables in random directions and smoothed ones."""
    names = sample[:500]
    model = BigramCounts().fit(names)
    best = nll(model, names)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = BigramCounts().fit(names)
        noise = torch.rand(27, 27, generator=generator, dtype=torch.float64)
        other.counts = other.counts * (0.9 + 0.2 * noise)
        assert nll(other, names) > best
    losses = [nll(BigramCounts(k=k).fit(names), names) for k in (0, 0.1, 1, 10, 100)]
    assert losses == sorted(losses)


def test_the_unigram_model_counts_every_character_and_every_end() -> None:
    model = UnigramCounts().fit(["aab", "b"])
    assert model.counts[[0, 1, 2]].tolist() == [2, 2, 2]
    assert nll(model, ["ab"]) == pytest.approx(math.log(3))


@given(NAMES)
def test_names_reversed_are_as_predictable(names: list[str]) -> None:
    """The exercise 'Backwards'."""
    backwards = [name[::-1] for name in names]
    forward, reverse = BigramCounts().fit(names), BigramCounts().fit(backwards)
    assert nll(reverse, backwards) == pytest.approx(nll(forward, names), abs=1e-12)


@pytest.mark.parametrize("k", [-1, -1e-9, math.inf, math.nan])
def test_k_must_be_finite_and_not_negative(k: float) -> None:
    with pytest.raises(ValueError, match=r"k is .*; it is added to counts"):
        BigramCounts(k=k)


def test_a_model_asked_before_it_counted_says_so() -> None:
    for model in (BigramCounts(), UnigramCounts()):
        with pytest.raises(AttributeError, match="counts"):
            model.log_probs(torch.zeros(1, model.block_size, dtype=torch.int64))


def test_fitting_an_empty_list_or_one_string_is_refused() -> None:
    for model in (BigramCounts(), UnigramCounts()):
        with pytest.raises(ValueError, match="at least one name"):
            model.fit([])
        with pytest.raises(TypeError, match="got one string"):
            model.fit("emma")


def test_the_lecture_s_numbers(reference: Source) -> None:
    names = load_names()
    model = BigramCounts().fit(names)
    assert model.counts[0, 0] == 0
    if reference.is_reference:
        assert int(model.counts.sum()) == 228146
        assert model.counts[index("a"), index("n")] == 5438
        assert round(nll(model, names), 4) == 2.4540
        assert round(nll(UnigramCounts().fit(names), names), 4) == 2.8227
    assert nll(model, names) < nll(UnigramCounts().fit(names), names) < math.log(27)


@pytest.mark.parametrize("make", [BigramCounts, lambda k: NGramCounts(3, k)])
def test_a_k_with_which_the_sums_overflow_is_refused(make: Callable[[float], Any]) -> None:
    with pytest.raises(ValueError, match=r"k is 1e\+308; .*kV finite"):
        make(1e308)
    model = make(1e306).fit(["ann"])
    contexts = torch.zeros(1, model.block_size, dtype=torch.int64)
    assert model.log_probs(contexts).exp().sum().item() == pytest.approx(1)


def test_single_characters_are_counted_in_the_alphabet_of_the_model() -> None:
    greek = Vocabulary(["αβγδ"])
    model = UnigramCounts(greek).fit(["αβ", "β"])
    assert model.counts.tolist() == [2, 1, 2, 0, 0]
    assert UnigramCounts().fit(["ab"]).counts.shape == (27,)


def test_counts_are_taken_over_by_name_and_are_ones_own_then() -> None:
    model, other = BigramCounts().fit(["ava", "eva"]), BigramCounts().fit(["bob"])
    state = model.state_dict()
    assert list(state) == ["counts"]
    other.load_state_dict(state)
    torch.testing.assert_close(other.counts, model.counts, rtol=0, atol=0)
    state["counts"][0, 0] += 7
    assert int(other.counts[0, 0]) == 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "missing.*counts"),
        ({"counts": torch.ones(27, 27, dtype=torch.int64), "more": torch.ones(1)}, "too many.*more"),
        ({"counts": torch.ones(27, 27)}, "counts is torch.float32.*not torch.int64"),
        ({"counts": torch.ones(27, 26, dtype=torch.int64)}, r"\(27, 26\), not.*\(27, 27\)"),
        ({"counts": -torch.ones(27, 27, dtype=torch.int64)}, "counts"),
    ],
)
def test_counts_that_are_none_of_this_alphabet_are_refused(
    state: dict[str, torch.Tensor], words: str
) -> None:
    model = BigramCounts().fit(["ava", "eva"])
    before = model.counts.clone()
    with pytest.raises(ValueError, match=words):
        model.load_state_dict(state)
    torch.testing.assert_close(model.counts, before, rtol=0, atol=0)
