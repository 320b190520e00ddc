"""Longer contexts: tables for any order, and what each smoothing promises."""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nnz.bigram import BigramCounts
from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary, load_names, split_names, windows
from nnz.evaluate import nll
from nnz.ngram import (
    AbsoluteDiscounting,
    Interpolated,
    JelinekMercer,
    KneserNey,
    NGramCounts,
    NGramTable,
    counted,
    grams_of,
    keys_of,
)
from nnz.plumbing.datasets import Source
from nnz.sample import sample_names, seeded
from nnz.trigram_net import AdditiveTrigramNet, TrigramNet

NAMES = st.lists(st.text("abz", min_size=1, max_size=6), min_size=1, max_size=8)
SMOOTHED: dict[str, Callable[[int], NGramCounts | Interpolated]] = {
    "add-k": lambda order: NGramCounts(order, 0.1),
    "Jelinek-Mercer": lambda order: JelinekMercer(order, 0.6),
    "discounting": lambda order: AbsoluteDiscounting(order, 0.8),
    "Kneser-Ney": lambda order: KneserNey(order, 0.85),
}


def table_of(names: list[str], order: int) -> NGramTable:
    return NGramTable(*counted(grams_of(names, order), 27), 27)


def context(text: str, block_size: int) -> Tensor:
    return torch.tensor([LETTERS.encode(text.rjust(block_size, "."))])


def index(char: str) -> int:
    return LETTERS.encode(char)[0]


@given(st.integers(2, 60), st.integers(0, 9), st.data())
def test_keys_are_numbers_in_base_v(V: int, n: int, data: st.DataObject) -> None:
    digits = st.lists(st.integers(0, V - 1), min_size=n, max_size=n)
    rows = data.draw(st.lists(digits, min_size=1, max_size=6))
    keys = keys_of(torch.tensor(rows, dtype=torch.int64).view(len(rows), n), V)
    expected = [sum(d * V**i for i, d in enumerate(row[::-1])) for row in rows]
    assert keys.tolist() == expected


@given(NAMES, st.integers(1, 5))
def test_the_table_holds_what_a_counter_counts(names: list[str], order: int) -> None:
    counter: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        text = "." * (order - 1) + name + "."
        for i in range(len(name) + 1):
            counter[text[i : i + order - 1]][text[i + order - 1]] += 1
    table = table_of(names, order)
    assert len(table.keys) == len(counter)
    assert (table.keys.diff() > 0).all()
    for before, after in counter.items():
        row = table.rows(torch.tensor([LETTERS.encode(before)], dtype=torch.int64))
        assert Counter({LETTERS.chars[i]: int(n) for i, n in enumerate(row[0]) if n}) == after


def test_a_context_that_never_occurred_has_a_row_of_zeros() -> None:
    table = table_of(["ann"], 3)
    for text in ("zz", "aa", "nz"):  # after the last key, and between keys
        assert table.rows(context(text, 2)).sum() == 0
    assert table.rows(torch.zeros(0, 2, dtype=torch.int64)).shape == (0, 27)


def test_order_two_is_the_bigram(sample: list[str]) -> None:
    train = sample[:3000]
    for k in (0, 0.3, 1):
        pair, bigram = NGramCounts(2, k).fit(train), BigramCounts(k).fit(train)
        assert torch.equal(
            pair.log_probs(torch.arange(27)[:, None]), bigram.log_probs(torch.arange(27)[:, None])
        )


def test_the_first_character_is_predicted_from_two_start_tokens() -> None:
    model = NGramCounts(3).fit(["ann", "ben", "amy"])
    row = model.log_probs(context("", 2)).exp()[0]
    assert row[index("a")].item() == pytest.approx(2 / 3)
    assert row[index("b")].item() == pytest.approx(1 / 3)


def test_a_name_never_seen_is_impossible_without_smoothing() -> None:
    """Probability zero gives an infinite loss; a context never seen gives 1/V, and is not impossible."""
    model = NGramCounts(3).fit(["ann"])
    assert nll(model, ["any"]) == math.inf
    assert nll(model, ["ann"]) == 0
    row = model.log_probs(context("qz", 2))[0]
    assert row.tolist() == [pytest.approx(-math.log(27))] * 27
    for make in SMOOTHED.values():
        assert math.isfinite(nll(make(3).fit(["ann"]), ["any", "zoe", "q"]))


@given(NAMES, st.sampled_from(list(SMOOTHED)), st.integers(1, 5), st.data())
def test_rows_sum_to_one_for_contexts_seen_and_unseen(
    names: list[str], way: str, order: int, data: st.DataObject
) -> None:
    model = SMOOTHED[way](order).fit(names)
    seen, _ = windows(names, order - 1)
    char = st.integers(0, 26)
    row = st.lists(char, min_size=order - 1, max_size=order - 1)
    invented = torch.tensor(data.draw(row), dtype=torch.int64).view(1, order - 1)
    probs = model.log_probs(torch.cat([seen, invented])).exp()
    assert (probs > 0).all()
    assert (probs.sum(1) - 1).abs().max() < 1e-12


@given(NAMES, st.floats(0.01, 1), st.integers(1, 4))
def test_rows_sum_to_one_for_every_discount(names: list[str], discount: float, order: int) -> None:
    contexts, _ = windows(names, order - 1)
    for kind in (AbsoluteDiscounting, KneserNey):
        probs = kind(order, discount).fit(names).log_probs(contexts).exp()
        assert (probs.sum(1) - 1).abs().max() < 1e-12


def by_the_recipe(names: list[str], order: int, D: float, text: str) -> list[float]:
    """Kneser-Ney with dictionaries and strings, as in the recipe: a second implementation."""
    grams = Counter(
        text[i : i + order]
        for name in names
        for text in ["." * (order - 1) + name + "."]
        for i in range(len(name) + 1)
    )
    levels = [dict(grams)]
    for _ in range(order - 1):
        lefts: dict[str, set[str]] = defaultdict(set)
        for gram in levels[0]:
            lefts[gram[1:]].add(gram[0])
        levels.insert(0, {gram: len(chars) for gram, chars in lefts.items()})
    probs = [1 / 27] * 27
    for n, level in enumerate(levels):
        before = text[len(text) - n :]
        found = [level.get(before + char, 0) for char in LETTERS.chars]
        if total := sum(found):
            share = D * sum(count > 0 for count in found) / total
            probs = [max(count - D, 0) / total + share * p for count, p in zip(found, probs, strict=True)]
    return probs


@given(NAMES, st.integers(1, 5), st.floats(0.1, 1), st.text("abz.", max_size=4))
def test_kneser_ney_is_what_the_recipe_says(names: list[str], order: int, discount: float, text: str) -> None:
    text = text.rjust(order - 1, ".")[len(text.rjust(order - 1, ".")) - order + 1 :]
    model = KneserNey(order, discount).fit(names)
    asked = torch.tensor([LETTERS.encode(text)], dtype=torch.int64).view(1, order - 1)
    expected = by_the_recipe(names, order, discount, text)
    assert model.log_probs(asked).exp()[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_shorter_tables_count_contexts_and_not_occurrences() -> None:
    """In san francisco, francisco is frequent and follows one word: here n, always after a, and y after two."""
    names = ["an", "an", "an", "by", "cy"]
    frequent, continued = AbsoluteDiscounting(2, 0.5), KneserNey(2, 0.5)
    row = frequent.fit(names).tables[0].rows(torch.zeros(1, 0, dtype=torch.int64))[0]
    assert row[[index("n"), index("y")]].tolist() == [3, 2]
    row = continued.fit(names).tables[0].rows(torch.zeros(1, 0, dtype=torch.int64))[0]
    assert row[[index("n"), index("y")]].tolist() == [1, 2]
    unseen = context("z", 1)
    assert frequent.log_probs(unseen)[0, index("n")] > frequent.log_probs(unseen)[0, index("y")]
    assert continued.log_probs(unseen)[0, index("n")] < continued.log_probs(unseen)[0, index("y")]


def test_the_continuation_counts_keep_the_marginals(sample: list[str]) -> None:
    """The chapter's derivation: with N1+ unsmoothed below, each character comes as often as it did; else not."""
    names, D = sample[:2000], 0.7
    counts = BigramCounts().fit(names).counts.double()
    totals = counts.sum(1, keepdim=True)
    kinds = (counts > 0).double()
    times = counts.sum(0) / counts.sum()

    def marginals(lower: Tensor) -> Tensor:
        probs = (counts - D).clamp(min=0) + D * kinds.sum(1, keepdim=True) * lower
        joint = torch.where(totals > 0, probs, 0.0)
        return joint.sum(0) / counts.sum()

    right = marginals(kinds.sum(0) / kinds.sum())
    assert (right - times).abs().max() < 1e-12
    assert (marginals(times) - times).abs().max() > 1e-3


@pytest.mark.parametrize("way", SMOOTHED)
def test_more_names_of_the_same_kind_lower_the_loss(way: str, sample: list[str]) -> None:
    train, dev, _ = split_names(sample)
    few, many = SMOOTHED[way](4).fit(train[:1000]), SMOOTHED[way](4).fit(train)
    assert nll(many, dev) < nll(few, dev) < math.log(27)


def test_names_are_drawn_from_every_model(sample: list[str]) -> None:
    models: list[LanguageModel] = [make(5).fit(sample) for make in SMOOTHED.values()]
    models += [TrigramNet(generator=seeded()), AdditiveTrigramNet(generator=seeded())]
    for model in models:
        names = sample_names(model, 20, generator=seeded())
        assert len(names) == 20
        assert names == sample_names(model, 20, generator=seeded())
    copied = sum(name in set(sample) for name in sample_names(models[3], 200, generator=seeded()))
    assert 10 < copied < 190


def test_the_numbers_of_the_chapter(reference: Source) -> None:
    names = load_names()
    train, dev, test = split_names(names)
    model = KneserNey(6, 0.85).fit(train)
    losses = [nll(model, part) for part in (train, dev, test)]
    trigrams = [nll(NGramCounts(3, k).fit(names), names) for k in (0, 1)]
    if reference.is_reference:
        assert [round(loss, 4) for loss in losses] == [1.6188, 1.9835, 1.9864]
        assert [round(loss, 4) for loss in trigrams] == [2.1857, 2.2126]
    for make in list(SMOOTHED.values())[:3]:
        assert losses[1] < nll(make(6).fit(train), dev)


def test_order_eight_is_small(sample: list[str]) -> None:
    train, dev, _ = split_names(load_names())
    model = KneserNey(8, 0.85).fit(train)
    assert math.isfinite(nll(model, dev))
    size = sum(t.keys.nbytes + t.starts.nbytes + t.grams.nbytes + t.times.nbytes for t in model.tables)
    assert size < 200e6


@pytest.mark.parametrize("order", [0, -1])
def test_an_order_out_of_range_is_refused(order: int) -> None:
    for make in SMOOTHED.values():
        with pytest.raises(ValueError, match=rf"order is {order}; it counts .* so 1 or more"):
            make(order)


def test_interpolation_gives_the_longer_context_the_weight() -> None:
    """By hand: after a came n twice and b once; of the nine characters, ends included, two are n."""
    names = ["an", "an", "ab"]
    model = JelinekMercer(2, 0.9).fit(names)
    unigram = 0.9 * 2 / 9 + 0.1 / 27
    row = model.log_probs(context("a", 1)).exp()[0]
    assert row[index("n")].item() == pytest.approx(0.9 * 2 / 3 + 0.1 * unigram)


@pytest.mark.parametrize("make", SMOOTHED.values(), ids=SMOOTHED)
def test_contexts_of_any_length_are_told_apart(make: Callable[[int], Any]) -> None:
    """27^13 is below 2^63, 27^14 is not; the names differ in the first character of a long context."""
    names = ["a" + "z" * 20 + "b", "c" + "z" * 20 + "d"]
    for order in (13, 14, 22, 64, 100):
        model = make(order).fit(names)
        asked = torch.cat([context(name[:21][1 - order :], order - 1) for name in names])
        first, second = model.log_probs(asked)
        if order > 21:  # the context reaches the first character
            assert first[index("b")] > first[index("d")]
            assert second[index("b")] < second[index("d")]
        else:
            assert torch.equal(first, second)


def test_a_hash_stands_for_the_digits_where_these_do_not_fit() -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(5000, (200_000, 6), generator=generator).unique(dim=0)  # 5000^6 is above 2^63
    assert len(keys_of(rows, 5000).unique()) == len(rows)
    even = torch.randint(
        4096, (100_000, 8), generator=generator
    )  # 2^96: a base of 2^12 would forget the first
    even[1::2] = even[::2]
    even[1::2, 0] = (even[1::2, 0] + 1) % 4096
    assert len(keys_of(even, 4096).unique()) == len(even.unique(dim=0))


def test_an_alphabet_of_thousands_is_counted_as_one_of_27_is() -> None:
    """The same names, whose letters have other numbers in a large alphabet: the same losses, but for 1/V."""
    letters = [chr(0x4E00 + i) for i in range(3000)]
    names = ["".join(letters[(7 * i + k * k) % 3000] for k in range(2 + i % 3)) for i in range(200)]
    large = Vocabulary(letters)
    assert len(large) == 3001
    six = KneserNey(6, 0.85, large).fit(names)
    probs = six.log_probs(torch.tensor([large.encode(("." * 5 + names[3][:1])[-5:])])).exp()
    assert probs.sum().item() == pytest.approx(1)
    assert nll(six, names) < 0.5 * math.log(3001)
    held = sum(x.nbytes for table in six.tables for x in table.state_dict().values())
    assert held < 2**18  # and not hundreds of rows of 3001 numbers for each order


@pytest.mark.parametrize("order", [2.0, "3", None, True])
def test_an_order_that_is_no_whole_number_is_refused(order: object) -> None:
    for make in SMOOTHED.values():
        with pytest.raises(TypeError, match="order must be a whole number, got"):
            make(order)


@pytest.mark.parametrize("way", SMOOTHED)
def test_what_was_counted_goes_from_one_model_to_another_by_name_and_is_copied(way: str) -> None:
    one, other = (SMOOTHED[way](3).fit(names) for names in (["eve", "eva", "ada"], ["bob"]))
    contexts, _ = windows(["evada"], 2)
    wanted, state = one.log_probs(contexts), one.state_dict()
    tables = [""] if way.startswith("add") else ["0.", "1.", "2."]
    assert list(state) == [table + name for table in tables for name in ("grams", "times")]
    other.load_state_dict(state)
    for tensor in state.values():
        tensor.zero_()
    assert torch.equal(other.log_probs(contexts), wanted)


@pytest.mark.parametrize(
    ("grams", "times", "says"),
    [
        ([[0, 1], [1, 2], [1, 2]], [1, 1, 1], "not in order, or stand twice"),
        ([[1, 2], [0, 1]], [1, 1], "not in order, or stand twice"),
        ([[0, 1], [1, 27]], [1, 1], "another alphabet"),
        ([[0, 1], [1, 2]], [1, 0], "occur 0 times"),
        ([[0, 1], [1, 2]], [1, -1], "below 0"),
        ([[0, 1], [1, 2]], [1], "times is"),
        ([[0, 1], [1, 2]], [1.0, 1.0], "times is"),
        ([[0, 1, 2]], [1], "grams is"),
        (torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), "are none"),
        (None, [1], "grams"),
        ([[0, 1]], None, "times"),
    ],
)
def test_counts_that_are_none_are_refused_and_nothing_changes(grams: Any, times: Any, says: str) -> None:
    model = NGramCounts(2, 0.1).fit(["eve"])
    before = model.table
    given = {"grams": grams, "times": times}
    state = {name: torch.as_tensor(x) for name, x in given.items() if x is not None}
    with pytest.raises(ValueError, match=says):
        model.load_state_dict(state)
    assert model.table is before


def test_grams_are_rows_of_characters() -> None:
    assert grams_of(["ab"], 3).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 0]]
    assert grams_of(["emma"], 14).shape == (5, 14)
    with pytest.raises(TypeError, match=r"order must be a whole number, got 2\.5"):
        grams_of(["emma"], 2.5)


@given(NAMES, st.integers(1, 5), st.sampled_from([27, 10**6]))
def test_grams_are_counted_and_those_of_a_context_stand_together(
    names: list[str], order: int, V: int
) -> None:
    """With 27 characters by their digits; as if of a million, from order 4 on by their hash."""
    grams = grams_of(names, order)
    found, times = counted(grams, V)
    assert Counter(map(tuple, grams.tolist())) == dict(
        zip(map(tuple, found.tolist()), times.tolist(), strict=True)
    )
    runs = [key for key, _ in itertools.groupby(found[:, :-1].tolist())]
    assert len(runs) == len({tuple(run) for run in runs})


@pytest.mark.parametrize("k", [-1, -1e-9, math.inf, math.nan])
def test_k_must_be_finite_and_not_negative(k: float) -> None:
    with pytest.raises(ValueError, match=r"k is .*; it is added to counts"):
        NGramCounts(3, k)


@pytest.mark.parametrize("discount", [0, -0.5, 1.01, math.nan, math.inf])
def test_a_discount_out_of_range_is_refused(discount: float) -> None:
    for kind in (AbsoluteDiscounting, KneserNey):
        with pytest.raises(ValueError, match=r"discount is .*; it is taken from counts"):
            kind(3, discount)


@pytest.mark.parametrize("weight", [0, 1, -0.5, math.nan])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=r"weight is .*; it must be above 0"):
        JelinekMercer(3, weight)


@pytest.mark.parametrize("way", SMOOTHED)
def test_names_that_cannot_be_counted_are_refused(way: str) -> None:
    with pytest.raises(ValueError, match="at least one name"):
        SMOOTHED[way](3).fit([])
    with pytest.raises(TypeError, match="got one string"):
        SMOOTHED[way](3).fit("emma")
    with pytest.raises(ValueError, match="not in the vocabulary"):
        SMOOTHED[way](3).fit(["zoé"])


@pytest.mark.parametrize("way", SMOOTHED)
def test_a_model_asked_before_it_counted_says_so(way: str) -> None:
    with pytest.raises(AttributeError, match="table"):
        SMOOTHED[way](3).log_probs(torch.zeros(1, 2, dtype=torch.int64))


def test_how_to_mix_is_left_to_the_kinds() -> None:
    with pytest.raises(NotImplementedError):
        Interpolated(2).fit(["ann"]).log_probs(context("a", 1))


def test_every_letter_can_be_in_an_alphabet_of_one_s_own() -> None:
    vocabulary = Vocabulary(["säntis", "öräfi"])
    for model in (
        KneserNey(4, 0.8, vocabulary),
        JelinekMercer(4, 0.5, vocabulary),
        NGramCounts(4, 0.1, vocabulary),
    ):
        assert nll(model.fit(["säntis", "öräfi"]), ["säntis"]) < math.log(10)
    assert set(string.ascii_lowercase) - set(vocabulary.chars)


@pytest.mark.parametrize("make", [NGramCounts, JelinekMercer, AbsoluteDiscounting, KneserNey])
def test_over_its_setting_the_loss_has_one_valley(make: Any, sample: list[str]) -> None:
    """So a search through the values in their order may stop where the loss rises."""
    train, dev = sample[:3000], sample[3000:3500]
    settings = {
        NGramCounts: ("k", [0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1]),
        JelinekMercer: ("weight", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]),
    }
    name, values = settings.get(make, ("discount", [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]))
    for order in range(2, 7):
        model, losses = make(order, values[0]).fit(train), []
        for value in values:
            setattr(model, name, value)
            losses.append(nll(model, dev))
        rises = [later > before for before, later in itertools.pairwise(losses)]
        assert rises == sorted(rises), f"order {order}: {losses}"
