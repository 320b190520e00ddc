"""Counting models: the table, its rows, smoothing, and the lecture's numbers."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.bigram_net import BigramNet
from nnz.data import LETTERS, Vocabulary, load_names, tally, windows
from nnz.evaluate import nll
from nnz.ngram import NGramCounts
from nnz.plumbing.datasets import Source
from nnz.sample import seeded
from nnz.softmax import cross_entropy, log_softmax
from nnz.trigram_net import AdditiveTrigramNet, TrigramNet

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


LOGITS = st.lists(st.floats(-2000, 2000), min_size=1, max_size=9)


@given(LOGITS)
def test_log_softmax_agrees_with_torch_for_any_logits(row: list[float]) -> None:
    logits = torch.tensor([row, row[::-1]], dtype=torch.float64)
    ours = log_softmax(logits)
    assert ours.isfinite().all()
    torch.testing.assert_close(ours, logits.log_softmax(1), rtol=1e-12, atol=1e-9)


@given(LOGITS, st.floats(-2000, 2000))
def test_adding_a_number_to_a_row_changes_no_probability(row: list[float], more: float) -> None:
    logits = torch.tensor([row], dtype=torch.float64)
    torch.testing.assert_close(log_softmax(logits + more), log_softmax(logits), rtol=0, atol=1e-9)


def test_the_plain_softmax_fails_at_a_thousand() -> None:
    """The chapter's tempting wrong line stays wrong: inf divided by inf."""
    logits = torch.tensor([[1000.0, 999.0, 0.0]])
    assert (logits.exp() / logits.exp().sum(1, keepdim=True)).isnan().any()
    shifted = (logits - logits.max()).exp()
    assert (shifted / shifted.sum()).log()[0, 2] == -math.inf
    assert log_softmax(logits)[0, 2].item() == pytest.approx(-1000.313, abs=1e-3)


def test_cross_entropy_and_its_gradient_agree_with_torch_and_the_formula() -> None:
    logits = 5 * torch.randn(40, 27, generator=seeded(), dtype=torch.float64)
    Y = torch.randint(27, (40,), generator=seeded())
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss, expected = cross_entropy(ours, Y), F.cross_entropy(theirs, Y)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    loss.backward()
    expected.backward()
    assert ours.grad is not None
    formula = (logits.softmax(1) - F.one_hot(Y, 27)) / len(Y)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-15)
    torch.testing.assert_close(ours.grad, formula, rtol=0, atol=1e-15)


def test_the_gradient_of_cross_entropy_is_that_of_finite_differences() -> None:
    logits = torch.randn(3, 5, generator=seeded(), dtype=torch.float64)
    Y = torch.tensor([4, 0, 0])
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, Y), logits.requires_grad_())


@given(NAMES, st.integers(1, 3))
def test_a_tally_holds_every_window(names: list[str], block_size: int) -> None:
    X, Y = windows(names, block_size)
    contexts, counts = tally(X, Y, 27)
    pairs = Counter(zip(map(tuple, X.tolist()), Y.tolist(), strict=True))
    assert int(counts.sum()) == len(Y)
    assert contexts.shape == (len({tuple(x) for x in X.tolist()}), block_size)
    for context, row in zip(contexts.tolist(), counts.tolist(), strict=True):
        for char, times in enumerate(row):
            assert pairs[tuple(context), char] == times


def test_a_step_on_the_tally_is_a_step_on_every_window(sample: list[str]) -> None:
    """One gradient step of `fit` against the plain one: one-hots, torch's loss, torch's gradient."""
    names, decay = sample[:300], 0.01
    net = BigramNet(generator=seeded())
    W = net.W.detach().clone().requires_grad_()
    X, Y = windows(names, 1)
    loss = F.cross_entropy(F.one_hot(X[:, 0], 27).float() @ W, Y)
    (loss + decay * W.square().sum()).backward()
    assert W.grad is not None
    net.fit(names, steps=1, rate=7.0, decay=decay)
    assert net.losses == [pytest.approx(loss.item(), abs=1e-6)]
    torch.testing.assert_close(net.W, W - 7.0 * W.grad, rtol=0, atol=1e-6)


def test_the_network_descends_to_the_table_and_not_below(sample: list[str]) -> None:
    names = sample
    floor = nll(BigramCounts().fit(names), names)
    net = BigramNet(generator=seeded()).fit(names, steps=3000)
    assert floor - 1e-6 < nll(net, names) < floor + 0.002
    assert net.losses[-1] == min(net.losses)
    before = len(net.losses)
    net.fit(names, steps=5)  # goes on, and does not begin again
    assert len(net.losses) == before + 5
    assert net.losses[-1] < net.losses[before - 1]


def test_with_the_exact_charge_the_table_of_add_k_is_the_minimum(sample: list[str]) -> None:
    """The exercise 'The charge that is add-k', with k = 2: the gradient is zero there and nowhere beside it."""
    X, Y = windows(sample, 1)
    counts = BigramCounts().fit(sample).counts.double() + 2
    for shift, zero in ((0.0, True), (0.1, False)):
        W = counts.log()
        W[1, 2] += shift
        W.requires_grad_()
        charge = -(2 / len(Y)) * log_softmax(W).sum()
        (cross_entropy(W[X[:, 0]], Y) + charge).backward()
        assert W.grad is not None
        assert bool(W.grad.abs().max() < 1e-12) == zero


def test_weight_decay_is_add_k_while_logits_are_small(sample: list[str]) -> None:
    """With strong smoothing the two models meet, and k = 2 N decay is what makes them."""
    k = 1e5
    N = len(windows(sample, 1)[1])
    table = BigramCounts(k=k).fit(sample).probs()

    def distance(decay: float) -> float:
        net = BigramNet(generator=seeded())
        net.fit(sample, steps=1000, rate=0.1, decay=decay)
        probs = log_softmax(net.W.detach()).exp().double()
        return (probs - table).abs().max().item()

    right = distance(k / (2 * N))
    assert right < 2e-4
    assert distance(k / N) > 5 * right
    assert distance(k / (4 * N)) > 5 * right


def test_the_network_speaks_any_alphabet() -> None:
    vocabulary = Vocabulary(["zoé"])
    net = BigramNet(generator=seeded(), vocabulary=vocabulary)
    net.fit(["zoé", "éz"], steps=200, rate=5.0)
    assert net.W.shape == (4, 4)
    assert nll(net, ["zoé"]) < math.log(4)


def test_a_network_s_answer_records_no_gradient_and_changes_nothing() -> None:
    net = BigramNet(generator=seeded())
    before = net.W.detach().clone()
    assert not net.log_probs(torch.tensor([[3]])).requires_grad
    assert net.W.requires_grad
    assert torch.equal(net.W, before)


@pytest.mark.parametrize(
    "setting",
    [
        {"steps": -1},
        {"steps": 1, "rate": 0},
        {"steps": 1, "rate": -5},
        {"steps": 1, "rate": math.inf},
        {"steps": 1, "rate": math.nan},
        {"steps": 1, "decay": -0.1},
        {"steps": 1, "decay": math.nan},
    ],
    ids=str,
)
def test_settings_of_the_descent_are_checked(setting: dict[str, float]) -> None:
    net = BigramNet(generator=seeded())
    before = net.W.detach().clone()
    with pytest.raises(ValueError, match="steps and decay are 0 or more, rate above"):
        net.fit(["ann"], **setting)
    assert torch.equal(net.W, before)
    assert net.losses == []


def test_the_network_refuses_what_it_cannot_learn_from() -> None:
    net = BigramNet(generator=seeded())
    with pytest.raises(ValueError, match="at least one name"):
        net.fit([], steps=1)
    with pytest.raises(TypeError, match="got one string"):
        net.fit("emma", steps=1)
    with pytest.raises(ValueError, match="not in the vocabulary"):
        net.fit(["zoé"], steps=1)


NETS = [BigramNet, TrigramNet, AdditiveTrigramNet]


@pytest.mark.parametrize("kind", NETS)
def test_a_rate_at_which_weights_grow_is_refused_with_one_that_is_not(
    kind: type[BigramNet], sample: list[str]
) -> None:
    net = kind(generator=seeded())
    before = net.W.detach().clone()
    with pytest.raises(ValueError, match=r"rate 50.0 times decay 0.05 is 2.5.*below 20"):
        net.fit(sample, steps=300, decay=0.05)
    assert torch.equal(net.W, before)
    assert net.losses == []
    net.fit(sample, steps=300, rate=19, decay=0.05)
    assert math.isfinite(nll(net, sample))


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("steps", [1, 5])
def test_a_fit_that_ends_in_no_numbers_is_undone(kind: type[BigramNet], steps: int) -> None:
    net = kind(generator=seeded()).fit(["ann"], steps=3)
    before, losses = net.W.detach().clone(), list(net.losses)
    with pytest.raises(ArithmeticError, match=r"not finite.*smaller rate"):
        net.fit(["ann", "emma"], steps=steps, rate=1e39)
    assert torch.equal(net.W, before)
    assert net.losses == losses


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
