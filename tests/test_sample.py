"""Drawing from a distribution, and names from a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.data import LETTERS, Vocabulary
from nnz.ngram import NGramCounts
from nnz.sample import MAX_LENGTH, draw, sample_names, sampling_probs

WEIGHTS = st.lists(st.floats(0, 10), min_size=2, max_size=9).filter(lambda row: sum(row) > 1e-6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_outcomes_come_as_often_as_their_probability_says() -> None:
    """Pearson's chi-square over 100,000 draws; 20.5 is passed once in a thousand with five degrees of freedom."""
    probs = torch.tensor([[0.5, 0.2, 0.15, 0.1, 0.04, 0.01]], dtype=torch.float64)
    n = 100_000
    drawn = torch.bincount(draw(probs.expand(n, -1), seeded()), minlength=6)
    expected = n * probs[0]
    assert float(((drawn - expected) ** 2 / expected).sum()) < 20.5


@given(WEIGHTS, st.integers(0, 2**31))
def test_what_has_no_probability_is_never_drawn(row: list[float], seed: int) -> None:
    probs = torch.tensor([row], dtype=torch.float64).expand(50, -1)
    drawn = draw(probs, seeded(seed))
    assert (probs[0, drawn] > 0).all()


@pytest.mark.parametrize("dart", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("row", [[0, 0.5, 0, 0.5, 0], [0, 0, 1, 0, 0], [0.1] * 10, [0, 1e-300, 0]])
def test_darts_at_the_very_ends_land_inside(
    monkeypatch: pytest.MonkeyPatch, dart: float, row: list[float]
) -> None:
    def thrown(*shape: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return torch.full(shape, dart, dtype=dtype)

    monkeypatch.setattr(torch, "rand", thrown)
    outcome = int(draw(torch.tensor([row], dtype=torch.float64), seeded())[0])
    assert row[outcome] > 0


def test_the_darts_do_not_depend_on_the_precision_of_the_model() -> None:
    """Two models with the same probabilities, one of them in 32 bits, draw the same."""
    probs = torch.rand(500, 27, generator=seeded(5))
    assert torch.equal(draw(probs, seeded(6)), draw(probs.double(), seeded(6)))


def test_small_outcomes_behind_a_large_one_are_not_rounded_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums in 32 bits would stay at 2^24, and the last outcome would never be drawn."""
    last = torch.tensor([[0.999_999_99]], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: last)
    probs = torch.tensor([[2.0**24, *[1.0] * 9]])
    assert int(draw(probs, seeded())[0]) == 9


def test_draw_agrees_with_torch_multinomial_in_distribution() -> None:
    generator = seeded(3)
    probs = torch.rand(1, 27, generator=generator, dtype=torch.float64) ** 2
    probs /= probs.sum()
    n = 200_000
    ours = torch.bincount(draw(probs.expand(n, -1), generator), minlength=27) / n
    theirs = torch.multinomial(probs[0], n, replacement=True, generator=generator)
    assert (ours - torch.bincount(theirs, minlength=27) / n).abs().max() < 5 * math.sqrt(0.5 / n)


@given(WEIGHTS, st.floats(0.1, 5), st.integers(1, 9))
def test_adjusting_keeps_the_order_and_the_sum(row: list[float], temperature: float, k: int) -> None:
    probs = torch.tensor([row], dtype=torch.float64)
    probs /= probs.sum()
    k = min(k, len(row))
    changed = sampling_probs(probs.log(), temperature, top_k=k)
    torch.testing.assert_close(changed.sum(1), torch.ones(1, dtype=torch.float64))
    kept = changed[0] > 0
    assert 1 <= int(kept.sum()) <= k
    if not kept.all():
        assert probs[0, kept].min() >= probs[0, ~kept].max()
    order = probs[0, kept].argsort()
    assert (changed[0, kept][order].diff() >= -1e-12).all()


def test_temperature_is_a_power_of_the_probabilities() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    power = probs ** (1 / 0.4)
    torch.testing.assert_close(sampling_probs(probs.log(), 0.4), power / power.sum())
    torch.testing.assert_close(sampling_probs(probs.log()), probs)
    assert sampling_probs(probs.log(), top_k=1).tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("temperature", [1e-320, 1e-9, 1e9])
def test_extreme_temperatures_stay_distributions(temperature: float) -> None:
    probs = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64)
    changed = sampling_probs(probs.log(), temperature)
    assert changed[0].tolist() == pytest.approx([1, 0, 0] if temperature < 1 else [0.5, 0.5, 0], abs=1e-8)


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan])
def test_a_temperature_that_means_nothing_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature is"):
        sampling_probs(torch.zeros(1, 3), temperature)


@pytest.mark.parametrize("top_k", [0, -1, 28])
def test_top_k_must_be_one_to_v(top_k: int, sample: list[str]) -> None:
    with pytest.raises(ValueError, match=f"top_k is {top_k}; with 27 characters it must be 1 to 27"):
        sample_names(BigramCounts().fit(sample), 2, generator=seeded(), top_k=top_k)


def test_the_same_seed_gives_the_same_names_and_another_gives_others(sample: list[str]) -> None:
    model = BigramCounts().fit(sample)
    first = sample_names(model, 20, generator=seeded(1))
    assert first == sample_names(model, 20, generator=seeded(1))
    assert first != sample_names(model, 20, generator=seeded(2))


def test_sampling_leaves_the_shared_random_state_alone(sample: list[str]) -> None:
    before = torch.get_rng_state()
    sample_names(BigramCounts().fit(sample), 5, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_of_one_name_can_only_write_that_name() -> None:
    model = BigramCounts().fit(["cy"])
    assert sample_names(model, 3, generator=seeded()) == ["cy"] * 3
    assert sample_names(model, 0, generator=seeded()) == []


def test_drawn_names_have_the_pairs_of_the_names_counted() -> None:
    names = ["ann", "anna", "nan"]
    model = BigramCounts().fit(names)
    for name in sample_names(model, 200, generator=seeded()):
        word = f".{name}."
        assert all(
            model.counts[LETTERS.encode(word[i : i + 2])[0], LETTERS.encode(word[i + 1])[0]]
            for i in range(len(word) - 1)
        )


class CountsToThree:
    """Writes 'abc' whatever is drawn: each character is certain given the two before it."""

    vocabulary = LETTERS
    block_size = 2

    def log_probs(self, contexts: Tensor) -> Tensor:
        following = {(0, 0): 1, (0, 1): 2, (1, 2): 3, (2, 3): 0}
        rows = torch.full((len(contexts), 27), -torch.inf)
        for row, context in zip(rows, contexts.tolist(), strict=True):
            row[following.get(tuple(context), 0)] = 0
        return rows


def test_sampling_reads_the_model_s_whole_context() -> None:
    assert sample_names(CountsToThree(), 4, generator=seeded()) == ["abc"] * 4


class WritesFaster(CountsToThree):
    """Has a way to write of its own, and is never asked with contexts."""

    def log_probs(self, contexts: Tensor) -> Tensor:
        raise AssertionError("it was asked with contexts")

    def writer(self, n: int) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
        return nullcontext(lambda text: CountsToThree().log_probs(text[:, -2:]))


def test_a_model_with_a_faster_way_to_write_writes_by_it() -> None:
    model: Any = WritesFaster()
    assert sample_names(model, 4, generator=seeded()) == ["abc"] * 4


def test_a_model_that_never_ends_is_cut() -> None:
    model = BigramCounts().fit(["ab"])
    model.counts[:, 0] = 0
    model.counts[2, 1] = 1
    names = sample_names(model, 2, generator=seeded())
    assert [len(name) for name in names] == [MAX_LENGTH] * 2


def test_a_negative_number_of_names_is_refused() -> None:
    with pytest.raises(ValueError, match="n is -1"):
        sample_names(Uniform(), -1, generator=seeded())


# How a name begins


@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=8), st.integers(0, 3), st.integers(1, 2**31))
def test_every_name_begins_with_the_prompt(prompt: str, k: int, seed: int) -> None:
    model = NGramCounts(k + 1, 0.1).fit(["anna", "bob", "zoe"])
    names = sample_names(model, 4, generator=seeded(seed), prompt=prompt)
    assert len(names) == 4
    assert all(name.startswith(prompt) for name in names)


@pytest.mark.parametrize(
    ("prompt", "name"), [("", "abc"), ("a", "abc"), ("ab", "abc"), ("zzab", "zzabc"), ("z", "z")]
)
def test_what_follows_a_prompt_is_what_the_model_says(prompt: str, name: str) -> None:
    """The fourth is longer than a context, and after the last there is only the end."""
    names = sample_names(CountsToThree(), 3, generator=seeded(), prompt=prompt)
    assert names == [name] * 3


def test_the_letter_after_a_prompt_comes_as_often_as_the_model_says(sample: list[str]) -> None:
    model = NGramCounts(3, 0.01).fit(sample)
    names = sample_names(model, 3000, generator=seeded(), prompt="ma")
    third = [LETTERS.encode(f"{name}."[2])[0] for name in names]
    share = torch.bincount(torch.tensor(third), minlength=27) / 3000
    probs = model.log_probs(torch.tensor([LETTERS.encode("ma")])).exp()[0]
    assert (share - probs).abs().max() < 4 * math.sqrt(0.25 / 3000)


@pytest.mark.parametrize("n", [0, 1, 50])
def test_an_empty_prompt_is_the_same_as_none(sample: list[str], n: int) -> None:
    for model in (
        Uniform(),
        UnigramCounts().fit(sample),  # neither reads any context
        BigramCounts().fit(sample),
        NGramCounts(4, 0.1).fit(sample),
    ):
        names = sample_names(model, n, generator=seeded(5), temperature=0.7)
        assert len(names) == n
        assert names == sample_names(model, n, generator=seeded(5), temperature=0.7, prompt="")


def test_a_model_without_context_goes_on_after_a_prompt_too() -> None:
    names = sample_names(Uniform(), 20, generator=seeded(), prompt="ab")
    assert all(name.startswith("ab") for name in names)
    rest = [name[2:] for name in names]
    assert rest == sample_names(Uniform(), 20, generator=seeded())


def test_no_names_with_a_prompt_are_none(sample: list[str]) -> None:
    model = BigramCounts().fit(sample)
    assert sample_names(model, 0, generator=seeded(), prompt="ab") == []


@pytest.mark.parametrize("prompt", [".", "a.", ".a", "a.b"])
def test_a_prompt_that_would_end_the_name_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"has '\.', which ends a name; leave it out"):
        sample_names(Uniform(), 2, generator=seeded(), prompt=prompt)


@pytest.mark.parametrize("prompt", ["é", "Anna", "an na", "a\n"])
def test_a_prompt_of_unknown_characters_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match="is not in the vocabulary"):
        sample_names(Uniform(), 2, generator=seeded(), prompt=prompt)


def test_a_prompt_is_read_in_the_model_s_own_alphabet() -> None:
    model = BigramCounts(vocabulary=Vocabulary(["zoé"])).fit(["zoé"])
    names = sample_names(model, 3, generator=seeded(), prompt="zo")
    assert names == ["zoé"] * 3
    with pytest.raises(ValueError, match="'a' in 'a' is not in the vocabulary"):
        sample_names(model, 3, generator=seeded(), prompt="a")


NO_ROWS = [
    ([0.5, math.nan, 0.5], "row 1 of 2 is no distribution, since it has NaN"),
    ([math.nan] * 3, "has NaN"),
    ([0.0, 0.0, 0.0], "sums to 0"),
    ([1.5, -0.5, 0.0], "has -0.5"),
    ([-1.0, -1.0, -1.0], "has -1"),
    ([0.5, math.inf, 0.5], "sums to inf"),
    ([1e308, 1e308, 1e308], "sums to inf"),
    ([0.0, 5e-324, 0.0], "sums to 4.941e-324"),
]


@pytest.mark.parametrize(("row", "says"), NO_ROWS)
def test_what_is_no_distribution_is_not_drawn_from(row: list[float], says: str) -> None:
    probs = torch.tensor([[0.2, 0.3, 0.5], row], dtype=torch.float64)
    g = seeded(3)
    before = g.get_state()
    with pytest.raises(ValueError, match=f"{says}.*smaller learning rate"):
        draw(probs, g)
    assert torch.equal(g.get_state(), before)


@pytest.mark.parametrize(
    ("probs", "error", "says"),
    [
        ([[0.5, 0.5]], TypeError, "must be a tensor, got list"),
        (torch.tensor([0.5, 0.5]), ValueError, r"\(2,\).*p\[None\]"),
        (torch.ones(2, 0), ValueError, r"got \(2, 0\)"),
        (torch.ones(2, 2, 2), ValueError, r"got \(2, 2, 2\)"),
    ],
)
def test_what_has_no_rows_is_not_drawn_from(probs: Tensor, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        draw(probs, seeded())


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_many_rows_of_any_size_are_drawn_from(size: float) -> None:
    """The product of their sums is no float, or 0."""
    probs = torch.tensor([[0.0, size]], dtype=torch.float64).expand(500, -1)
    assert draw(probs, seeded()).tolist() == [1] * 500


def test_counts_are_drawn_from_and_no_rows_give_no_outcomes() -> None:
    assert draw(torch.tensor([[0, 7, 0]]), seeded()).tolist() == [1]
    assert draw(torch.ones(0, 3), seeded()).shape == (0,)


class Failing:
    """Answers as it should for some characters, and then with what is no distribution."""

    vocabulary, block_size = LETTERS, 3

    def __init__(self, good: int, bad: float) -> None:
        self.left, self.bad = good, bad

    def log_probs(self, contexts: Tensor) -> Tensor:
        self.left -= 1
        answer = torch.full((len(contexts), 27), -math.log(27))
        return answer if self.left >= 0 else torch.full_like(answer, self.bad)


@pytest.mark.parametrize("good", [0, 2])
@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
@pytest.mark.parametrize("top_k", [None, 1])
def test_a_model_whose_answers_are_no_distribution_writes_no_names(
    good: int, bad: float, top_k: int | None
) -> None:
    g = seeded(3)
    before = g.get_state()
    with pytest.raises(ValueError, match=r"no distribution.*train it anew"):
        sample_names(Failing(good, bad), 40, generator=g, top_k=top_k)
    assert torch.equal(g.get_state(), before)
