"""The average negative log likelihood."""

from __future__ import annotations

import math

import pytest

from nnz import evaluate
from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.evaluate import CHUNK, nll


def test_by_hand_on_one_name() -> None:
    """After 'a' come 'b' and the end once each: the name costs log 1 + log 2 + log 1 over three guesses."""
    model = BigramCounts().fit(["ab", "a"])
    assert nll(model, ["ab"]) == pytest.approx(math.log(2) / 3)


def test_the_uniform_model_costs_log_v_whatever_the_names(
    sample: list[str],
) -> None:
    assert nll(Uniform(), sample) == pytest.approx(math.log(27), abs=1e-12)


def test_the_first_character_and_the_end_are_counted() -> None:
    model = UnigramCounts().fit(["a"])
    assert nll(model, ["a"]) == pytest.approx(math.log(2))
    assert nll(model, ["aaa"]) == pytest.approx(math.log(2))


def test_it_is_the_mean_over_characters_and_not_over_names(
    sample: list[str],
) -> None:
    model = BigramCounts(k=1).fit(sample)
    long, short = ["anastasia"], ["bo"]
    together = nll(model, long + short)
    assert together == pytest.approx(
        (10 * nll(model, long) + 3 * nll(model, short)) / 13
    )


def test_the_size_of_a_chunk_changes_nothing(
    sample: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
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
