"""A mixture of models is the mean of their probabilities."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nnz.bigram import BigramCounts, Uniform
from nnz.data import Vocabulary, windows
from nnz.gpt import GPT
from nnz.mixture import Mixture
from nnz.ngram import KneserNey
from nnz.recurrent import Recurrent
from nnz.sample import sample_names, seeded

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]


def test_a_mixture_gives_the_mean_of_the_probabilities() -> None:
    long, short = KneserNey(4, 0.8).fit(NAMES), BigramCounts(k=1).fit(NAMES)
    mixture = Mixture([short, long, Uniform()], [0.3, 0.6, 0.1])
    X, _ = windows(NAMES, 3)
    assert mixture.block_size == 3
    wanted = 0.3 * short.log_probs(X[:, 2:]).exp() + 0.6 * long.log_probs(X).exp()
    got = mixture.log_probs(X).exp()
    torch.testing.assert_close(got, wanted + 0.1 / 27)


def test_a_mixture_of_impossible_and_possible_is_possible() -> None:
    never = BigramCounts().fit(["a"])
    X = torch.tensor([[1]])
    mixture = Mixture([never, Uniform()], [0.5, 0.5])
    assert torch.isfinite(mixture.log_probs(X)).all()


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ([0.5, 0.4], "sum to 1"),
        ([1.5, -0.5], "above 0"),
        ([1.0, 0.0], "above 0"),
        ([math.nan, 1.0], "above 0"),
        ([1.0], "got 2 models and 1 shares"),
    ],
)
def test_shares_that_are_none_are_refused(shares: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Mixture([Uniform(), Uniform()], shares)


def test_models_of_two_alphabets_are_not_mixed() -> None:
    few, many = Vocabulary(["ab"]), Vocabulary(["abc"])
    with pytest.raises(ValueError, match=r"share an alphabet; got '\.ab' and '\.abc'\.$"):
        Mixture([Uniform(few), Uniform(few), Uniform(many)], [0.5, 0.25, 0.25])
    with pytest.raises(ValueError, match="got 0 models"):
        Mixture([], [])


def test_a_mixture_of_one_is_that_one() -> None:
    model = BigramCounts(k=1, vocabulary=Vocabulary(NAMES)).fit(NAMES)
    mixture = Mixture([model], [1.0])
    assert mixture.vocabulary is model.vocabulary
    X, _ = windows(NAMES, 1, model.vocabulary)
    torch.testing.assert_close(mixture.log_probs(X), model.log_probs(X).double())


def test_what_all_parts_have_learned_goes_from_one_mixture_to_another() -> None:
    learned = Mixture([BigramCounts(k=1).fit(NAMES), GPT(4, 2, 1, generator=seeded(1))], [0.3, 0.7])
    other = Mixture([BigramCounts(k=1), GPT(4, 2, 1, generator=seeded(2))], [0.3, 0.7])
    other.load_state_dict(learned.state_dict())
    X, _ = windows(NAMES, learned.block_size)
    torch.testing.assert_close(other.log_probs(X), learned.log_probs(X), rtol=0, atol=0)
    before = other.log_probs(X)
    for state in (Mixture([learned.models[0]], [1.0]).state_dict(), {}):
        with pytest.raises(ValueError, match="missing"):
            other.load_state_dict(state)
    torch.testing.assert_close(other.log_probs(X), before, rtol=0, atol=0)


@pytest.mark.parametrize("prompt", ["", "em"])
def test_it_writes_with_the_memories_of_its_parts_what_it_writes_with_whole_contexts(
    prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = {"block_size": 110}  # for the longest name that is drawn
    networks = [Recurrent(3, 5, generator=seeded(1), **room), GPT(4, 2, generator=seeded(2), **room)]
    for network in networks:
        for i, weights in enumerate(network.parameters()):
            weights.data += torch.randn(weights.shape, generator=seeded(i))
    mixture = Mixture([*networks, KneserNey(4, 0.8).fit(NAMES)], [0.4, 0.4, 0.2])
    with_memories = sample_names(mixture, 50, generator=seeded(3), prompt=prompt)
    asked = [0, 0]
    for i, network in enumerate(networks):

        def counted(contexts: torch.Tensor, i: int = i, plain: Any = network.log_probs) -> torch.Tensor:
            asked[i] += 1
            found: torch.Tensor = plain(contexts)
            return found

        monkeypatch.setattr(network, "log_probs", counted)
    assert sample_names(mixture, 50, generator=seeded(3), prompt=prompt) == with_memories
    assert asked == [0, 0]  # states, keys and values are enough
    monkeypatch.delattr(Mixture, "writer")
    assert sample_names(mixture, 50, generator=seeded(3), prompt=prompt) == with_memories
    assert min(asked) > 3
