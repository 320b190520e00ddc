"""The average negative log likelihood, and what can be said of it: units, positions, error bars, novelty."""

from __future__ import annotations

import math

import pytest
import torch

from nnz import evaluate
from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.data import Vocabulary, split_names
from nnz.evaluate import (
    CHUNK,
    Estimate,
    bits_per_character,
    bootstrap,
    by_name,
    by_position,
    nll,
    novelty,
    paired_difference,
    perplexity,
    resample,
    surprisals,
    unseen,
)
from nnz.ngram import KneserNey, NGramCounts
from nnz.sample import seeded


def test_by_hand_on_one_name() -> None:
    """After 'a' come 'b' and the end once each: the name costs log 1 + log 2 + log 1 over three guesses."""
    model = BigramCounts().fit(["ab", "a"])
    assert nll(model, ["ab"]) == pytest.approx(math.log(2) / 3)


def test_the_uniform_model_costs_log_v_whatever_the_names(sample: list[str]) -> None:
    assert nll(Uniform(), sample) == pytest.approx(math.log(27), abs=1e-12)


def test_the_first_character_and_the_end_are_counted() -> None:
    model = UnigramCounts().fit(["a"])
    assert nll(model, ["a"]) == pytest.approx(math.log(2))
    assert nll(model, ["aaa"]) == pytest.approx(math.log(2))


def test_it_is_the_mean_over_characters_and_not_over_names(sample: list[str]) -> None:
    model = BigramCounts(k=1).fit(sample)
    long, short = ["anastasia"], ["bo"]
    together = nll(model, long + short)
    assert together == pytest.approx((10 * nll(model, long) + 3 * nll(model, short)) / 13)


def test_the_size_of_a_chunk_changes_nothing(sample: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = BigramCounts(k=1).fit(sample)
    whole = nll(model, sample)
    assert sum(map(len, sample)) > CHUNK
    monkeypatch.setattr(evaluate, "CHUNK", 1000)
    assert nll(model, sample) == pytest.approx(whole, abs=1e-12)


def test_an_impossible_character_makes_it_infinite() -> None:
    assert nll(BigramCounts().fit(["ann"]), ["ann", "bo"]) == math.inf


def test_names_that_cannot_be_judged_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one name"):
        nll(Uniform(), [])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        nll(Uniform(), ["zoé"])
    with pytest.raises(TypeError, match="got one string"):
        nll(Uniform(), "emma")


def test_the_surprisals_are_those_of_the_windows_in_order() -> None:
    model = BigramCounts().fit(["ab", "a"])
    log2 = math.log(2)
    assert surprisals(model, ["a", "ab"]).tolist() == pytest.approx([0, log2, 0, log2, 0])
    assert surprisals(model, ["ab"]).dtype == torch.float64


def test_the_units_are_conversions_of_the_nll(sample: list[str]) -> None:
    model = BigramCounts(k=1).fit(sample)
    loss = nll(model, sample)
    assert bits_per_character(model, sample) == pytest.approx(loss / math.log(2))
    assert perplexity(model, sample) == pytest.approx(math.exp(loss))
    assert perplexity(Uniform(), sample) == pytest.approx(27)
    assert bits_per_character(Uniform(), sample) == pytest.approx(math.log2(27))
    impossible = BigramCounts().fit(["ann"])
    assert perplexity(impossible, ["bo"]) == math.inf


def test_positions_are_averages_over_the_names_that_have_them() -> None:
    model = UnigramCounts().fit(["a", "ab", "abb"])
    means, counts = by_position(model, ["a", "ab", "abb"])
    assert counts.tolist() == [3, 3, 2, 1]
    a, b, end = (-math.log(n / 9) for n in (3, 3, 3))
    expected = [a, (end + b + b) / 3, (end + b) / 2, end]
    assert means.tolist() == pytest.approx(expected)


def test_positions_add_up_to_the_loss(sample: list[str]) -> None:
    model = KneserNey(4, 0.8).fit(sample)
    means, counts = by_position(model, sample)
    assert (counts > 0).all()
    total = (means * counts).sum() / counts.sum()
    assert total.item() == pytest.approx(nll(model, sample), abs=1e-12)


def test_without_the_first_character_a_model_looks_better(sample: list[str]) -> None:
    train, dev, _ = split_names(sample)
    model = KneserNey(6, 0.85).fit(train)
    means, counts = by_position(model, dev)
    rest = ((means * counts)[1:].sum() / counts[1:].sum()).item()
    assert rest < nll(model, dev) - 0.1


def test_unseen_keeps_order_and_repetitions() -> None:
    assert unseen(["b", "a", "b", "c"], ["c", "c"]) == ["b", "a", "b"]
    assert unseen([], ["a"]) == []
    assert unseen(iter(["a"]), iter([])) == ["a"]


def test_by_name_adds_up_each_name() -> None:
    model = BigramCounts(k=1).fit(["ab", "b"])
    totals, lengths = by_name(model, ["ab", "b", "ab"])
    assert lengths.tolist() == [3, 2, 3]
    expected = [3 * nll(model, ["ab"]), 2 * nll(model, ["b"]), 3 * nll(model, ["ab"])]
    assert totals.tolist() == pytest.approx(expected)


def test_the_error_of_the_bootstrap_is_that_of_the_formula(sample: list[str]) -> None:
    """Linearization is a second way to the same number; 4,000 resamples know it to about one percent."""
    train, dev, _ = split_names(sample)
    model = NGramCounts(3, 0.2).fit(train)
    totals, lengths = by_name(model, dev)
    rest = totals - nll(model, dev) * lengths
    formula = rest.square().sum().sqrt().item() / int(lengths.sum())
    estimate = bootstrap(model, dev, generator=seeded(), resamples=4000)
    assert estimate.value == pytest.approx(nll(model, dev), abs=1e-12)
    assert estimate.standard_error == pytest.approx(formula, rel=0.05)
    low, high = estimate.interval
    assert (high - low) / (2 * 1.96) == pytest.approx(formula, rel=0.08)


def test_the_bootstrap_says_how_far_other_lists_are(sample: list[str]) -> None:
    """What one list says of its error holds for lists that were never used: the coverage of the interval."""
    model = BigramCounts(k=1).fit(sample[:5000])
    rest = sample[5000:]
    truth = nll(model, rest)
    order = torch.randperm(len(rest), generator=seeded())
    inside = 0
    for i in range(40):
        part = [rest[j] for j in order[i * 200 : (i + 1) * 200]]
        low, high = bootstrap(model, part, generator=seeded(i), resamples=200).interval
        inside += low <= truth <= high
    assert 33 <= inside <= 40  # 38 expected


def test_pairing_takes_out_what_both_models_share(sample: list[str]) -> None:
    train, dev, _ = split_names(sample)
    a, b = KneserNey(5, 0.8).fit(train), KneserNey(6, 0.85).fit(train)
    gap = paired_difference(a, b, dev, generator=seeded())
    assert gap.value == pytest.approx(nll(a, dev) - nll(b, dev), abs=1e-12)
    alone = bootstrap(a, dev, generator=seeded()).standard_error
    assert gap.standard_error < alone / 3
    back = paired_difference(b, a, dev, generator=seeded())
    torch.testing.assert_close(back.resampled, -gap.resampled, rtol=0, atol=1e-12)


def test_a_model_differs_from_itself_by_nothing(sample: list[str]) -> None:
    model = BigramCounts(k=1).fit(sample)
    gap = paired_difference(model, model, sample[:100], generator=seeded())
    assert gap.value == 0
    assert gap.standard_error == 0


def test_pairs_are_drawn_on_the_same_names(sample: list[str]) -> None:
    """With the same generator, the difference of the resampled losses is the resampled difference."""
    a, b = BigramCounts(k=1).fit(sample), UnigramCounts().fit(sample)
    few = sample[:300]
    first, second = (bootstrap(m, few, generator=seeded()).resampled for m in (a, b))
    gap = paired_difference(a, b, few, generator=seeded()).resampled
    torch.testing.assert_close(gap, first - second, rtol=0, atol=1e-12)


def test_the_same_generator_gives_the_same_estimate(sample: list[str]) -> None:
    model = BigramCounts(k=1).fit(sample)
    first, second = (bootstrap(model, sample[:50], generator=seeded(3)) for _ in range(2))
    assert torch.equal(first.resampled, second.resampled)
    assert str(first) == str(second)
    other = bootstrap(model, sample[:50], generator=seeded(4))
    assert not torch.equal(first.resampled, other.resampled)


def test_an_estimate_says_value_error_and_interval() -> None:
    values = torch.arange(0, 101, dtype=torch.float64)
    estimate = Estimate(50.0, values)
    assert estimate.standard_error == pytest.approx(values.std().item())
    assert estimate.interval == pytest.approx((2.5, 97.5))
    assert estimate != Estimate(50.0, values)  # two measurements, not one
    assert str(estimate) == "50.0000 ± 29.3002 (95 %: 2.5000 to 97.5000)"


def test_two_names_and_two_resamples_are_enough_and_the_alphabet_is_the_model_s() -> None:
    vocabulary = Vocabulary(["zoé", "éz"])
    model = BigramCounts(k=1, vocabulary=vocabulary).fit(["zoé", "éz"])
    estimate = bootstrap(model, ["zoé", "éz"], generator=seeded(), resamples=2)
    assert estimate.value == pytest.approx(nll(model, ["zoé", "éz"]))
    assert len(surprisals(model, ["zoé"])) == 4


def test_errors_need_names_and_resamples() -> None:
    model = Uniform()
    with pytest.raises(ValueError, match="got 1 names and 1000 resamples"):
        bootstrap(model, ["ann"], generator=seeded())
    with pytest.raises(ValueError, match="got 2 names and 1 resamples"):
        bootstrap(model, ["ann", "bo"], generator=seeded(), resamples=1)
    with pytest.raises(ValueError, match="at least one name"):
        bootstrap(model, [], generator=seeded())
    with pytest.raises(ValueError, match="got 0 names"):
        resample(torch.zeros(0), torch.zeros(0), seeded(), 10)


def test_a_model_that_calls_a_name_impossible_has_no_error_bar() -> None:
    strict = BigramCounts().fit(["ann"])
    message = "the model gives 'bo' probability zero: its loss is infinite. Smooth"
    with pytest.raises(ValueError, match=message):
        bootstrap(strict, ["ann", "bo"], generator=seeded())
    with pytest.raises(ValueError, match=message):
        paired_difference(Uniform(), strict, ["ann", "bo"], generator=seeded())


def test_novelty_is_the_share_of_samples_not_in_training() -> None:
    model = NGramCounts(4).fit(["ann"])  # can only say ann
    assert novelty(model, ["ann"], generator=seeded(), n=50) == 0
    assert novelty(model, ["bo"], generator=seeded(), n=50) == 1
    coin = NGramCounts(4).fit(["ann", "bo"])
    half = novelty(coin, ["bo"], generator=seeded(), n=2000)
    assert half == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="n is 0; draw at least one name"):
        novelty(model, ["ann"], generator=seeded(), n=0)


def test_more_context_copies_more(sample: list[str]) -> None:
    train, _, _ = split_names(sample)
    shares = [novelty(KneserNey(order, 0.85).fit(train), train, generator=seeded()) for order in (2, 4, 6)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[2] > 0.1
