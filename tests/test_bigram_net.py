"""The bigram as a network: it descends to the table, weight decay is add-k, and no fit leaves half a step."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nnz import bigram_net, train
from nnz.bigram import BigramCounts
from nnz.bigram_net import BigramNet
from nnz.data import Vocabulary, windows
from nnz.evaluate import nll
from nnz.sample import seeded
from nnz.softmax import cross_entropy, log_softmax
from nnz.trigram_net import AdditiveTrigramNet, TrigramNet


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


def test_first_weights_are_the_generator_s_and_the_state_is_the_weights() -> None:
    one, same = BigramNet(generator=seeded(3)), BigramNet(generator=seeded(3))
    assert torch.equal(one.W, same.W)
    assert {name: tensor.data_ptr() for name, tensor in one.state_dict().items()} == {"W": one.W.data_ptr()}


def test_a_fit_from_weights_too_far_apart_for_a_float_is_undone() -> None:
    net = BigramNet(generator=seeded())
    with torch.no_grad():
        net.W[:, ::2] = 3e38
        net.W[:, 1::2] = -3e38  # the difference is too large for a float
    before = net.W.detach().clone()
    with pytest.raises(ArithmeticError, match="the loss is"):
        net.fit(["ann", "emma"], steps=2, rate=0.1)
    assert torch.equal(net.W, before)
    assert net.losses == []


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
        {"steps": 1, "decay": math.inf},
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
    with pytest.raises(ValueError, match=r"rate 20 times decay 0.05 is 1;.*below 20"):
        net.fit(sample, steps=300, rate=20, decay=0.05)
    assert torch.equal(net.W, before)
    assert net.losses == []
    net.fit(sample, steps=300, rate=19, decay=0.05)
    assert math.isfinite(nll(net, sample))


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("steps", [1, 5])
def test_a_fit_that_ends_in_no_numbers_is_undone(kind: type[BigramNet], steps: int) -> None:
    net = kind(generator=seeded()).fit(["ann"], steps=3)
    before, losses = net.W.detach().clone(), list(net.losses)
    with pytest.raises(ArithmeticError, match=r"the loss is .*smaller rate"):
        net.fit(["ann", "emma"], steps=steps, rate=1e39)
    assert torch.equal(net.W, before)
    assert net.losses == losses


@pytest.mark.parametrize(("steps", "rate", "decay"), [(300, 50.0, 0.0199), (300, 1e6, 0.0), (1, 1e38, 0.0)])
def test_a_fit_whose_loss_explodes_is_undone_though_all_is_finite(
    sample: list[str], steps: int, rate: float, decay: float
) -> None:
    assert bigram_net._EXPLODED == train.EXPLODED  # which a later chapter has
    net = BigramNet(generator=seeded())
    before = net.W.detach().clone()
    with pytest.raises(ArithmeticError, match=r"the loss is \d.*smaller rate"):
        net.fit(sample[:300], steps=steps, rate=rate, decay=decay)
    assert torch.equal(net.W, before)
    assert net.losses == []
