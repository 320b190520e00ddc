"""The training loop, against a loop by hand; what stops it; what it leaves behind."""

from __future__ import annotations

import math
import signal
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from nnz.bigram_net import BigramNet
from nnz.data import LETTERS, Vocabulary, windows
from nnz.mlp import BengioMLP
from nnz.plumbing import progress
from nnz.sample import seeded
from nnz.schedules import one_cycle, step_decay
from nnz.train import EXPLODED, History, LossError, batches, set_rate, train

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "emma", "zoe", "mia"]


def small(seed: int = 1) -> BengioMLP:
    return BengioMLP(3, 4, 8, generator=seeded(seed)).scale_init()


def copies(model: BengioMLP) -> list[Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def test_it_takes_the_steps_of_a_loop_by_hand() -> None:
    model, by_hand = small(), small()
    history = train(
        model,
        batches(model, NAMES, 5, seeded(7)),
        SGD(model.parameters(), lr=9),
        steps=30,
        schedule=step_decay(0.3, at=[20]),
    )
    X, Y = windows(NAMES, 3)
    g, losses = seeded(7), []
    for step in range(30):
        i = torch.randint(len(Y), (5,), generator=g)
        loss = F.cross_entropy(by_hand.logits(X[i]), Y[i])
        slopes = torch.autograd.grad(loss, by_hand.parameters())
        with torch.no_grad():
            for p, slope in zip(by_hand.parameters(), slopes, strict=True):
                p -= (0.3 if step < 20 else 0.03) * slope
        losses.append(loss.item())
    assert history.losses == pytest.approx(losses, abs=1e-5)
    assert history.rates == pytest.approx([0.3] * 20 + [0.03] * 10)
    for ours, theirs in zip(copies(model), copies(by_hand), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_all_at_once_is_the_loss_over_all_windows() -> None:
    model, by_hand = small(), small()
    history = train(model, batches(model, NAMES), SGD(model.parameters(), lr=0.5), steps=1)
    X, Y = windows(NAMES, 3)
    loss = F.cross_entropy(by_hand.logits(X), Y)
    slopes = torch.autograd.grad(loss, by_hand.parameters())
    assert history.losses[0] == pytest.approx(loss.item(), abs=1e-6)
    for ours, p, slope in zip(copies(model), by_hand.parameters(), slopes, strict=True):
        assert torch.allclose(ours, p - 0.5 * slope, atol=1e-6)


def test_batches_are_windows_drawn_with_replacement() -> None:
    source = batches(small(), ["ab"], 3, seeded())
    X, Y = windows(["ab"], 3)
    rows = {(*x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)}
    seen = set()
    for _, (x, y) in zip(range(20), source, strict=False):
        assert x.shape == (3, 3)
        found = [(*a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        seen |= set(found)
        assert set(found) <= rows
    assert seen == rows


def test_other_models_can_be_trained() -> None:
    net = BigramNet(generator=seeded())
    history = train(net, batches(net, NAMES), SGD(net.parameters(), lr=10), steps=40)
    assert history.losses[-1] < history.losses[0] - 1

    class OfTorch(nn.Module):
        vocabulary, block_size = LETTERS, 1

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(27, 27)
            with torch.no_grad():
                self.table.weight.zero_()

        def logits(self, contexts: Tensor) -> Tensor:
            return self.table(contexts[:, 0])

        def log_probs(self, contexts: Tensor) -> Tensor:
            return self.logits(contexts).detach().log_softmax(1)

    model = OfTorch()
    history = train(model, batches(model, NAMES), AdamW(model.parameters(), lr=0.1), steps=20)
    assert history.losses[0] == pytest.approx(math.log(27), abs=1e-6)
    assert history.losses[-1] < 2.5


def test_a_small_alphabet_can_be_learned() -> None:
    vocabulary = Vocabulary(["ab"])
    model = BengioMLP(2, 2, 3, generator=seeded(), vocabulary=vocabulary)
    optimizer = AdamW(model.parameters(), lr=0.05)
    history = train(model, batches(model, ["ab", "abab"]), optimizer, steps=200)
    assert history.losses[-1] < 0.3


def test_two_halves_are_one_whole() -> None:
    whole, halved = small(), small()
    g = seeded(3)
    once = train(
        whole,
        batches(whole, NAMES, 4, g),
        AdamW(whole.parameters()),
        steps=20,
        schedule=one_cycle(0.05, steps=20),
    )
    g, optimizer, history = seeded(3), AdamW(halved.parameters()), History()
    for steps in (7, 20):
        train(
            halved,
            batches(halved, NAMES, 4, g),
            optimizer,
            steps=steps,
            schedule=one_cycle(0.05, steps=20),
            history=history,
        )
    assert history == once
    for a, b in zip(copies(whole), copies(halved), strict=True):
        assert torch.equal(a, b)


def test_no_steps_change_nothing() -> None:
    model = small()
    before = copies(model)
    assert len(train(model, batches(model, NAMES), SGD(model.parameters(), lr=1), steps=0)) == 0
    assert all(map(torch.equal, before, copies(model)))


def test_it_calls_back_every_so_often_and_at_the_end() -> None:
    model, seen = small(), []
    train(
        model,
        batches(model, NAMES),
        SGD(model.parameters(), lr=0.1),
        steps=10,
        callback=lambda history: seen.append(len(history)),
        every=4,
    )
    assert seen == [4, 8, 10]


def test_notes_stand_with_their_steps() -> None:
    history = History([3.0, 2.0], [0.1, 0.1])
    history.note(dev=2.5)
    assert history.notes == [{"steps": 2, "dev": 2.5}]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_it_after_a_whole_step() -> None:
    model, twin = small(), small()

    def press(history: History) -> None:
        if len(history) == 6:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    optimizer = SGD(model.parameters(), lr=0.1)
    history = History()
    with pytest.raises(KeyboardInterrupt):
        train(model, batches(model, NAMES), optimizer, steps=50, callback=press, every=1, history=history)
    assert len(history) in (6, 7)
    assert signal.getsignal(signal.SIGINT) is before
    steps = len(history)
    train(twin, batches(twin, NAMES), SGD(twin.parameters(), lr=0.1), steps=steps)
    assert all(map(torch.equal, copies(model), copies(twin)))
    again = train(model, batches(model, NAMES), optimizer, steps=9, history=history)
    assert len(again) == 9


@pytest.mark.usefixtures("ctrl_c")
def test_the_last_callback_comes_after_ctrl_c_as_well() -> None:
    model, calls = small(), []

    class Pressing(SGD):
        def step(self, closure: None = None) -> None:
            super().step()
            if not calls:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(
            model,
            batches(model, NAMES),
            Pressing(model.parameters(), lr=0.1),
            steps=50,
            callback=lambda h: calls.append(len(h)),
            every=1000,
        )
    assert calls == [1]


@pytest.mark.usefixtures("ctrl_c")
def test_where_ctrl_c_is_ignored_training_goes_on() -> None:
    model = small()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    history = train(
        model,
        batches(model, NAMES),
        SGD(model.parameters(), lr=0.1),
        steps=5,
        callback=lambda history: signal.raise_signal(signal.SIGINT),
        every=1,
    )
    assert len(history) == 5
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_ends_it_at_once() -> None:
    model = small()

    def press(history: History) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(model, batches(model, NAMES), SGD(model.parameters(), lr=0.1), steps=5, callback=press, every=1)


def test_it_can_run_outside_the_main_thread() -> None:
    model, lengths = small(), []

    def work() -> None:
        optimizer = SGD(model.parameters(), lr=0.1)
        lengths.append(len(train(model, batches(model, NAMES), optimizer, steps=3)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert lengths == [3]


def test_a_loss_that_explodes_stops_it_and_is_said() -> None:
    model = BengioMLP(3, 10, 50, generator=seeded())
    optimizer = SGD(model.parameters(), lr=1e5)
    with pytest.raises(LossError, match=r"step \d+ has loss .* at learning rate 1e\+05") as e:
        train(model, batches(model, NAMES), optimizer, steps=100)
    history = e.value.history
    assert f"step {len(history)} has" in str(e.value)
    assert f"the loss before it was {history.losses[-1]:.4g}" in str(e.value)
    assert all(loss <= EXPLODED * history.losses[0] for loss in history.losses)


def test_the_first_loss_may_be_bad_and_a_small_one_may_rise() -> None:
    model = BengioMLP(3, 10, 200, generator=seeded())  # begins with about 26
    optimizer = SGD(model.parameters(), lr=0.01)
    history = train(model, batches(model, NAMES), optimizer, steps=5)
    assert history.losses[0] > EXPLODED * math.log(27)
    known = History(losses=[0.001], rates=[0.01])
    assert len(train(small(), batches(small(), NAMES), optimizer, steps=2, history=known)) == 2


def test_a_loss_that_is_not_a_number_stops_it_before_the_step() -> None:
    model = small()
    with torch.no_grad():
        model.params["b2"][3] = math.nan
    before = copies(model)
    with pytest.raises(LossError, match=r"step 0 has loss nan .* before it was none"):
        train(model, batches(model, NAMES), SGD(model.parameters(), lr=0.1), steps=100)
    for a, b in zip(before, copies(model), strict=True):
        assert torch.equal(a.nan_to_num(9), b.nan_to_num(9))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    match = f"the learning rate of step 0 is {rate}; it must be above 0"
    with pytest.raises(ValueError, match=match):
        train(model, batches(model, NAMES), optimizer, steps=3, schedule=lambda step: rate)
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ValueError, match=match):
        train(model, batches(model, NAMES), optimizer, steps=3)


@pytest.mark.parametrize("size", [0, -3, 10_000])
def test_a_batch_of_none_or_of_more_than_there_is_is_refused(size: int) -> None:
    n = len(windows(NAMES, 3)[1])
    with pytest.raises(ValueError, match=f"batch_size is {size}; .* have {n} windows"):
        batches(small(), NAMES, size, seeded())
    assert next(batches(small(), NAMES, n, seeded()))[1].shape == (n,)


def test_batches_need_a_generator() -> None:
    with pytest.raises(ValueError, match="pass generator="):
        batches(small(), NAMES, 4)


def test_other_bad_input_is_refused() -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="at least one name"):
        batches(model, [])
    with pytest.raises(ValueError, match="steps is -1, every is 1000"):
        train(model, batches(model, NAMES), optimizer, steps=-1)
    with pytest.raises(ValueError, match="every is 0"):
        train(model, batches(model, NAMES), optimizer, steps=1, every=0)
    with pytest.raises(ValueError, match="not in the vocabulary"):
        batches(model, ["Émile"])


def test_it_is_quiet_here_and_shows_a_bar_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.125)
    train(model, batches(model, NAMES), optimizer, steps=5)
    assert capsys.readouterr().err == ""
    train(model, batches(model, NAMES), optimizer, steps=5, show=True)
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert "loss=" in shown
    assert "rate=0.125" in shown


def test_nobody_watches_a_build_and_somebody_may_watch_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNZ_BUILD", raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert progress.watched()
    monkeypatch.setenv("NNZ_BUILD", "1")
    assert not progress.watched()
    monkeypatch.delenv("NNZ_BUILD")
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert not progress.watched()
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    assert progress.watched()


def test_weights_that_a_last_step_has_ruined_are_found() -> None:
    for steps in (1, 3):
        model, seen = small(), list[int]()
        optimizer = SGD(model.parameters(), lr=1.0, weight_decay=3e38)
        with pytest.raises(LossError, match="loss nan at learning rate 1") as e:
            train(
                model,
                batches(model, NAMES),
                optimizer,
                steps=steps,
                callback=lambda history, seen=seen: seen.append(len(history)),
            )
        assert len(e.value.history) == 1
        assert seen == []  # nothing was saved


def test_a_rate_that_is_refused_is_not_left_in_the_optimizer() -> None:
    optimizer = SGD(small().parameters(), lr=0.25)
    for rate in (math.nan, 0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="learning rate of step 3"):
            set_rate(optimizer, lambda _, rate=rate: rate, 3)
        assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("size", [None, 2])
def test_batches_have_the_indices_of_the_model_s_alphabet(size: int | None) -> None:
    known = Vocabulary(["zy"])
    model = BengioMLP(2, 2, 3, generator=seeded(), vocabulary=known)
    X, _ = next(batches(model, ["zy"], size, seeded()))
    assert set(X.flatten().tolist()) <= set(range(len(known)))
    assert model.logits(X).shape == (len(X), len(known))
