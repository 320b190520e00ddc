"""The probe: training does not notice it, what it reads is what was there, and it leaves nothing behind."""

from __future__ import annotations

import gc
import math
import operator
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from held import copied, same
from nnz.bigram_net import BigramNet
from nnz.checkpoint import Checkpoint
from nnz.data import LETTERS, windows
from nnz.evaluate import nll
from nnz.layers import Embedding, Flatten, LayeredModel, Linear, ReLU, Sequential, Tanh, TensorModule
from nnz.mlp import BengioMLP
from nnz.norms import BatchNorm1d
from nnz.probe import LEAST_SLOPE, Flow, Probe, Reading, Recorder, flat
from nnz.sample import seeded
from nnz.train import History, LossError, Trainable, batches, train

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


class Apply(TensorModule):
    """Any function as a layer."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        self.f = f

    def __call__(self, x: Tensor) -> Tensor:
        return self.f(x)


def layered(*activations: TensorModule, norm: bool = False, n: int = 8, gain: float = 5 / 3) -> LayeredModel:
    """Make a model with a hidden layer before each activation."""
    g, n_in = seeded(), 12
    layers: list[TensorModule] = [Embedding(27, 4, generator=g), Flatten()]
    for activation in activations:
        layers.append(Linear(n_in, n, not norm, gain=gain, generator=g))
        layers += [BatchNorm1d(n)] if norm else []
        layers.append(activation)
        n_in = n
    layers.append(Linear(n_in, 27, gain=0.3, generator=g))
    return LayeredModel(Sequential(*layers), 3)


MODELS: dict[str, Callable[[], BengioMLP | LayeredModel]] = {
    "BengioMLP": lambda: BengioMLP(3, 4, 8, generator=seeded()).scale_init(),
    "batch norm": lambda: layered(Tanh(), Tanh(), norm=True),
}
OPTIMIZERS: dict[str, Callable[[Trainable], Optimizer]] = {
    "SGD": lambda model: SGD(model.parameters(), lr=0.1, momentum=0.9),
    "AdamW": lambda model: AdamW(model.parameters(), lr=0.01),
}


def drawn(model: Trainable, optimizer: Optimizer, steps: int) -> History:
    return train(model, batches(model, NAMES, 8, seeded(3)), optimizer, steps=steps)


def read(model: Trainable, steps: int = 1, every: int = 1, lr: float = 0.1) -> Probe:
    """Train with a probe, all windows at once."""
    optimizer = SGD(model.parameters(), lr=lr)
    with Probe(model, optimizer, every=every) as probe:
        train(probe, batches(probe, NAMES), optimizer, steps=steps)
    return probe


def rms(x: Tensor) -> float:
    return x.detach().double().square().mean().sqrt().item()


def is_clean(model: Trainable, optimizer: Optimizer) -> bool:
    """Say whether a model and an optimizer are as if there had been no probe."""
    hooks = [*optimizer._optimizer_step_pre_hooks, *optimizer._optimizer_step_post_hooks]
    with torch.enable_grad():
        h = torch.tanh(torch.ones(2, requires_grad=True))
    return not ("logits" in vars(model) or hooks or h.retains_grad)


# It changes nothing


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_same_to_the_last_bit(name: str, optimizer: str, every: int) -> None:
    model, twin = MODELS[name](), MODELS[name]()
    ours, theirs = OPTIMIZERS[optimizer](model), OPTIMIZERS[optimizer](twin)
    state = torch.get_rng_state()
    with Probe(model, ours, every=every) as probe:
        history = drawn(probe, ours, 20)
    assert len(probe.readings) == math.ceil(20 / every)
    assert history == drawn(twin, theirs, 20)
    assert same(copied(model), copied(twin))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        slots, others = ours.state[p], theirs.state[q]
        assert slots.keys() == others.keys()
        assert all(torch.equal(slots[key], others[key]) for key in slots)
        assert p.grad is not None
        assert q.grad is not None
        assert torch.equal(p.grad, q.grad)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_left_after_the_block(name: str) -> None:
    model = MODELS[name]()
    optimizer = OPTIMIZERS["AdamW"](model)
    with Probe(model, optimizer, every=2) as probe:
        assert not is_clean(model, optimizer)
        assert "logits" not in vars(model)  # in the block either
        drawn(probe, optimizer, 5)
    assert is_clean(model, optimizer)
    kept = [*probe.values.values(), *probe.gradients.values()]
    assert kept
    assert not any(tensor.requires_grad or tensor.grad_fn for tensor in kept)
    values = dict(probe.values)
    drawn(model, optimizer, 5)
    drawn(probe, optimizer, 5)
    assert len(probe.readings) == 3
    assert same(values, probe.values)


@pytest.fixture
def little_to_collect() -> Iterator[None]:
    """What is there already is no garbage, and the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_to_collect")
def test_no_graph_outlives_its_step_or_the_block_and_none_is_kept_if_none_is_due() -> None:
    refs: list[weakref.ref[Tensor]] = []

    class Watched(BengioMLP):
        def logits(self, contexts: Tensor) -> Tensor:
            out = super().logits(contexts)
            refs.append(weakref.ref(out))
            return out

    def alive() -> list[int]:
        gc.collect()
        return [i for i, ref in enumerate(refs) if ref() is not None]

    def none_is_alive(history: History) -> None:
        assert alive() == []

    model = Watched(3, 4, 8, generator=seeded()).scale_init()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer, every=2) as probe:
        source = batches(probe, NAMES)
        train(probe, source, optimizer, steps=4, callback=none_is_alive, every=1)
        probe.logits(next(source)[0])  # due to be read, and no step is taken
        probe.logits(next(source)[0])
        assert alive() == [4, 5]
        train(probe, source, optimizer, steps=1, callback=none_is_alive, every=1)
        probe.logits(next(source)[0])  # not due
        assert alive() == []
        train(probe, source, optimizer, steps=1, callback=none_is_alive, every=1)
        probe.logits(next(source)[0])  # due again
        assert alive() == [9]
    assert len(refs) == 10
    assert alive() == []
    probe.logits(next(source)[0])  # due, but outside the block
    assert len(refs) == 11
    assert alive() == []
    assert [r.step for r in probe.readings] == [0, 2, 4]  # it is there still


def test_nothing_is_left_if_the_loss_explodes() -> None:
    model = BengioMLP(3, 10, 50, generator=seeded())
    optimizer = SGD(model.parameters(), lr=1e5)
    probe = Probe(model, optimizer, every=1)
    with pytest.raises(LossError) as e, probe:
        train(probe, batches(probe, NAMES), optimizer, steps=100)
    assert is_clean(model, optimizer)
    taken = len(e.value.history)
    assert [r.step for r in probe.readings] == list(range(taken))
    assert not any(tensor.requires_grad for tensor in probe.values.values())


def test_nothing_is_left_if_the_model_raises() -> None:
    def fail(x: Tensor) -> Tensor:
        raise OSError("no power")

    model = layered(Tanh(), Apply(fail))
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(OSError, match="no power"), Probe(model, optimizer, every=1) as probe:
        drawn(probe, optimizer, 3)
    assert is_clean(model, optimizer)
    assert probe.readings == []


def test_nothing_is_left_if_entering_fails() -> None:
    model = MODELS["batch norm"]()
    nothing: Any = None  # in place of an optimizer
    with pytest.raises(AttributeError), Probe(model, nothing):
        pass
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:  # it takes another
        drawn(probe, optimizer, 1)
    assert len(probe.readings) == 1
    assert is_clean(model, optimizer)


def test_what_is_no_model_is_refused_and_no_hooks_are_left() -> None:
    model: Any = Linear(3, 3, generator=seeded())
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(AttributeError, match="vocabulary"), Probe(model, optimizer):
        pass
    assert is_clean(model, optimizer)


def test_a_model_without_logits_cannot_be_trained_and_no_hooks_are_left() -> None:
    class Counts(LayeredModel):
        @property
        def logits(self) -> Any:
            raise AttributeError("no logits")

    model = Counts(layered(Tanh()).net, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(AttributeError, match="no logits"), Probe(model, optimizer) as probe:
        drawn(probe, optimizer, 1)
    assert is_clean(model, optimizer)
    assert probe.readings == []


def test_a_probe_is_a_model_whose_weights_are_those_of_the_model() -> None:
    model, other = (layered(Tanh(), norm=True, gain=gain) for gain in (1.0, 2.0))
    probe = Probe(model, SGD(model.parameters(), lr=0.1))
    X, _ = windows(NAMES, 3)
    assert probe.vocabulary is model.vocabulary
    assert probe.block_size == model.block_size
    assert all(map(operator.is_, probe.parameters(), model.parameters()))
    state, own = probe.state_dict(), model.state_dict()
    assert {k: v.data_ptr() for k, v in state.items()} == {k: v.data_ptr() for k, v in own.items()}
    assert torch.equal(probe.log_probs(X), model.log_probs(X))
    assert nll(probe, NAMES) == nll(model, NAMES) != nll(other, NAMES)
    model.eval()
    assert torch.equal(probe.logits(X), model.logits(X))
    probe.load_state_dict(other.state_dict())
    assert same(copied(model), copied(other))


def test_a_probe_is_saved_and_loaded_as_the_model_would_be(tmp_path: Path) -> None:
    model, twin = MODELS["batch norm"](), MODELS["batch norm"]()
    ours, theirs = (OPTIMIZERS["AdamW"](m) for m in (model, twin))
    with Probe(model, ours) as probe:
        history = drawn(probe, ours, 3)
        Checkpoint(tmp_path / "kept", probe, ours).save(history)
    assert Checkpoint(tmp_path / "kept", twin, theirs).load() == history
    assert same(copied(twin), copied(model))


# Whoever trains the model, and not the probe, is told so


@pytest.mark.parametrize("asks", [False, True])
def test_leaving_raises_if_steps_were_taken_past_the_probe(asks: bool) -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)
    probe = Probe(model, optimizer, every=2)

    def past_it() -> None:
        drawn(model, optimizer, 1)
        if asks:  # which is no training
            nll(probe, NAMES)
            with torch.no_grad():
                probe.logits(windows(NAMES, 3)[0])

    with pytest.raises(RuntimeError, match="train the probe, not the model"), probe:
        past_it()
    assert is_clean(model, optimizer)
    assert probe.readings == []
    with probe:  # steps and forward passes count by the block
        drawn(probe, optimizer, 2)
    with pytest.raises(RuntimeError, match="train the probe"), probe:
        drawn(model, optimizer, 1)
    assert [r.step for r in probe.readings] == [2]


def test_leaving_does_not_hide_an_exception_that_is_on_its_way() -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)

    def stop(history: History) -> None:
        raise error

    for error in (OSError("no power"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as e, Probe(model, optimizer):
            train(model, batches(model, NAMES), optimizer, steps=1, callback=stop)
        assert e.value is error
        assert is_clean(model, optimizer)


def test_leaving_raises_nothing_if_no_steps_were_taken_or_none_was_due() -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer, every=2) as probe:
        pass
    with probe:
        nll(model, NAMES)
    with probe:
        drawn(probe, optimizer, 1)
        with torch.no_grad():
            probe.logits(windows(NAMES, 3)[0])  # a question after the last step
    with probe:
        drawn(probe, optimizer, 1)
    with probe:  # those steps were taken before
        pass
    assert [r.step for r in probe.readings] == [0]


# Two probes


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_of_two_probes_that_wrap_each_other_both_read(name: str, every: int) -> None:
    model, twin, plain = (MODELS[name]() for _ in range(3))
    ours, theirs, others = (OPTIMIZERS["AdamW"](m) for m in (model, twin, plain))
    with Probe(model, ours, every=2) as inner, Probe(inner, ours, every=every) as outer:
        history = drawn(outer, ours, 5)
    assert is_clean(model, ours)
    with Probe(twin, theirs, every=2) as alone:
        drawn(alone, theirs, 5)
    assert [r.step for r in inner.readings] == [0, 2, 4]
    assert inner.readings == alone.readings == outer.readings[:: 2 // every]
    assert same(inner.values, alone.values)
    assert same(outer.values, alone.values)
    assert same(inner.gradients, alone.gradients)
    assert same(outer.gradients, alone.gradients)
    assert history == drawn(plain, others, 5)  # and training is the same to the last bit
    assert same(copied(model), copied(plain))


def test_a_probe_around_another_is_passed_by_if_that_one_is_trained() -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as inner:
        with pytest.raises(RuntimeError, match="train the probe"), Probe(inner, optimizer) as outer:
            drawn(inner, optimizer, 1)
        drawn(inner, optimizer, 1)
    assert len(inner.readings) == 1
    assert outer.readings == []
    assert is_clean(model, optimizer)


def test_two_probes_side_by_side_count_all_steps_and_read_their_own() -> None:
    model, twin = MODELS["BengioMLP"](), MODELS["BengioMLP"]()
    ours, theirs = (SGD(m.parameters(), lr=0.1) for m in (model, twin))
    with Probe(model, ours, every=2) as one, Probe(model, ours, every=1) as other:
        drawn(one, ours, 3)
        drawn(other, ours, 2)
    assert is_clean(model, ours)
    assert [r.step for r in one.readings] == [0, 2]
    assert [r.step for r in other.readings] == [3, 4]
    with Probe(twin, theirs, every=1) as alone:
        drawn(alone, theirs, 3)
        drawn(alone, theirs, 2)
    assert one.readings + other.readings == [alone.readings[i] for i in (0, 2, 3, 4)]


def test_two_probes_side_by_side_read_the_weights_of_their_own_optimizers() -> None:
    model = MODELS["BengioMLP"]()
    assert isinstance(model, BengioMLP)
    early, late = (SGD([model.params[name]], lr=0.1) for name in ("C", "W2"))
    with Probe(model, early, every=2) as one, Probe(model, late, every=1) as other:
        drawn(one, early, 3)
        drawn(other, late, 2)
    assert [r.step for r in one.readings] == [0, 2]
    assert [r.step for r in other.readings] == [0, 1]
    assert [list(r.flows) for r in one.readings] == [["C"]] * 2
    assert [list(r.flows) for r in other.readings] == [["W2"]] * 2


def test_a_probe_in_its_block_cannot_be_entered_again_and_goes_on() -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer, every=2) as probe:
        drawn(probe, optimizer, 1)
        with pytest.raises(ValueError, match="the probe is in its block already"), probe:
            pass
        drawn(probe, optimizer, 4)
    assert [r.step for r in probe.readings] == [0, 2, 4]
    assert is_clean(model, optimizer)
    with Probe(model, optimizer) as second:
        drawn(second, optimizer, 1)
    assert len(second.readings) == 1


@pytest.mark.parametrize("every", [0, -1])
def test_a_probe_that_is_never_due_is_refused(every: int) -> None:
    model = MODELS["BengioMLP"]()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=f"every is {every}; it must be at least"):
        Probe(model, optimizer, every=every)
    assert is_clean(model, optimizer)


# When it reads


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [(10, 3, [0, 3, 6, 9]), (9, 3, [0, 3, 6]), (4, 1, [0, 1, 2, 3]), (10, 50, [0]), (0, 1, [])],
)
def test_there_is_a_reading_at_every_so_many_steps(steps: int, every: int, expected: list[int]) -> None:
    probe = read(MODELS["BengioMLP"](), steps, every)
    assert [r.step for r in probe.readings] == expected


def test_by_default_every_hundredth_step_is_read() -> None:
    model = BigramNet(generator=seeded())
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:
        drawn(probe, optimizer, 199)
        drawn(probe, optimizer, 2)  # steps are counted through the block
    assert [r.step for r in probe.readings] == [0, 100, 200]


def test_questions_between_the_steps_are_not_read() -> None:
    def run(asked: list[float] | None) -> Probe:
        model = layered(Tanh(), Tanh(), norm=True)
        optimizer = SGD(model.parameters(), lr=0.1)

        def ask(history: History) -> None:
            if asked is not None:
                asked.append(nll(probe, NAMES))

        with Probe(model, optimizer, every=3) as probe:
            ask(History())
            source = batches(probe, NAMES, 8, seeded(3))
            train(probe, source, optimizer, steps=8, callback=ask, every=1)
        return probe

    asked: list[float] = []
    noisy, quiet = run(asked), run(None)
    assert len(asked) == 9
    assert [r.step for r in quiet.readings] == [0, 3, 6]
    assert noisy.readings == quiet.readings
    assert same(noisy.values, quiet.values)
    assert same(noisy.gradients, quiet.gradients)


def test_a_loop_by_hand_is_read_as_well() -> None:
    model, twin = MODELS["batch norm"](), MODELS["batch norm"]()
    X, Y = windows(NAMES, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer, every=1) as probe:
        loss = F.cross_entropy(probe.logits(X), Y)
        loss.backward()
        probe.log_probs(X[:2])  # a question just before the step
        optimizer.step()
    loss = F.cross_entropy(twin.logits(X), Y)
    loss.backward()
    assert len(probe.readings) == 1
    assert torch.equal(probe.values["logits"], twin.logits(X))
    slopes = [p.grad for p in twin.parameters()]
    optimizer.zero_grad(set_to_none=False)  # in the memory they are in
    for name, slope in zip(probe.readings[0].flows, slopes, strict=True):
        assert slope is not None
        assert torch.equal(probe.gradients[name], slope)


@pytest.mark.parametrize("when", ["first", "before backward", "before the step"])
@pytest.mark.parametrize("name", MODELS)
def test_questions_with_gradients_in_a_step_are_not_read(name: str, when: str) -> None:
    X, Y = windows(NAMES, 3)

    def run(asks: str) -> Probe:
        model = MODELS[name]()
        optimizer = SGD(model.parameters(), lr=0.1)

        def ask(now: str) -> None:
            if now == asks:
                assert probe.logits(X[:2]).requires_grad

        with Probe(model, optimizer, every=1) as probe:
            for _ in range(2):
                ask("first")
                loss = F.cross_entropy(probe.logits(X), Y)
                ask("before backward")
                optimizer.zero_grad()
                loss.backward()
                ask("before the step")
                optimizer.step()
        return probe

    asked, quiet = run(when), run("never")
    assert asked.readings == quiet.readings
    assert [r.step for r in asked.readings] == [0, 1]
    assert all(s.gradient > 0 for r in asked.readings for s in r.signals.values())
    assert len(asked.values["logits"]) == len(X)
    assert same(asked.values, quiet.values)
    assert same(asked.gradients, quiet.gradients)


def test_of_several_batches_in_a_step_the_last_is_read() -> None:
    model, twin = MODELS["BengioMLP"](), MODELS["BengioMLP"]()
    X, Y = windows(NAMES, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:
        for part in (slice(0, 5), slice(5, 12)):
            F.cross_entropy(probe.logits(X[part]), Y[part]).backward()
        optimizer.step()
    assert len(probe.readings) == 1
    logits = twin.logits(X[5:12])
    assert torch.equal(probe.values["logits"], logits)
    (slopes,) = torch.autograd.grad(F.cross_entropy(logits, Y[5:12]), logits)
    torch.testing.assert_close(probe.gradients["logits"], slopes)


def test_there_is_no_reading_if_no_logits_received_a_gradient() -> None:
    model = layered(Tanh())
    X, Y = windows(NAMES, 3)
    optimizer = SGD(model.parameters(), lr=0.1)

    def step(net: Callable[[Tensor], Tensor]) -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X), Y)
        probe.logits(X[:2])
        loss.backward()
        optimizer.step()

    with Probe(model, optimizer, every=2) as probe:
        step(model.net)  # past the probe
        assert probe.readings == []
        assert probe.values == probe.gradients == {}
        for _ in range(2):  # that step was counted
            step(probe.logits)
        values, slopes = dict(probe.values), dict(probe.gradients)
        step(model.net)
        step(model.net)
    assert [r.step for r in probe.readings] == [2]
    assert same(values, probe.values)
    assert same(slopes, probe.gradients)


def test_logits_without_gradients_are_returned_as_they_are() -> None:
    given: list[Tensor] = []

    class Kept(BengioMLP):
        def logits(self, contexts: Tensor) -> Tensor:
            given.append(super().logits(contexts))
            return given[-1]

    model = Kept(3, 4, 8, generator=seeded())
    X, Y = windows(NAMES, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.requires_grad_(False)
    with Probe(model, optimizer, every=1) as probe:
        out = probe.logits(X)
        assert out is given[-1]
        assert not out.requires_grad
        optimizer.step()
        assert probe.readings == []
        model.params["W2"].requires_grad_()
        F.cross_entropy(probe.logits(X), Y).backward()
        model.params["W2"].requires_grad_(False)
        assert probe.logits(X) is given[-1]  # no obstacle to the reading
        optimizer.step()
    assert [r.step for r in probe.readings] == [1]
    assert list(probe.readings[0].flows) == ["W2"]


# What it reads


class Hidden:
    """One hidden layer, and all there is to know of it before the first step, by hand."""

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        self.model = layered(Apply(activation), n=12, gain=3.0)
        weights = self.model.state_dict()
        weights["net.2.bias"].copy_(torch.linspace(-14, 14, 12))
        E, W1, b1 = (weights[f"net.{k}"] for k in ("0.weight", "2.weight", "2.bias"))
        W2, b2 = weights["net.4.weight"], weights["net.4.bias"]
        self.X, self.Y = windows(NAMES, 3)
        z = (E[self.X].flatten(1) @ W1 + b1).requires_grad_()
        self.h = activation(z)
        self.logits = self.h @ W2 + b2
        loss = F.cross_entropy(self.logits, self.Y)
        self.gradients = torch.autograd.grad(loss, [self.h, self.logits, z])
        source = iter([(self.X, self.Y)])
        optimizer = SGD(self.model.parameters(), lr=0.1)
        with Probe(self.model, optimizer) as self.probe:
            train(self.probe, source, optimizer, steps=1)


@pytest.mark.parametrize(
    ("kind", "activation", "is_flat"),
    [
        ("tanh", torch.tanh, lambda h: h.abs() > 0.99),
        ("sigmoid", torch.sigmoid, lambda h: (2 * h - 1).abs() > 0.99),
        ("relu", torch.relu, lambda h: h == 0),
    ],
)
def test_a_signal_is_what_can_be_computed_by_hand(
    kind: str, activation: Callable[[Tensor], Tensor], is_flat: Callable[[Tensor], Tensor]
) -> None:
    known = Hidden(activation)
    h, still = known.h, is_flat(known.h)
    (reading,) = known.probe.readings
    assert list(reading.signals) == [f"{kind} 1"]
    signal = reading.signals[f"{kind} 1"]
    assert signal.mean == pytest.approx(h.mean().item(), abs=1e-6)
    assert signal.std == pytest.approx(h.std(correction=0).item(), abs=1e-6)
    assert signal.saturated == pytest.approx(still.double().mean().item(), abs=1e-6)
    units = [unit for unit in range(12) if still[:, unit].all()]
    assert signal.stuck == pytest.approx(len(units) / 12, abs=1e-6)
    assert 0 < signal.stuck < signal.saturated < 1
    slope = known.gradients[0].std(correction=0).item()
    assert signal.gradient == pytest.approx(slope, rel=1e-4)
    assert slope > 1e-4


@pytest.mark.parametrize("activation", [torch.tanh, torch.sigmoid, torch.relu])
def test_the_spread_is_what_tells_examples_apart_unit_by_unit(activation: Callable[[Tensor], Tensor]) -> None:
    known = Hidden(activation)
    h = known.h.detach().double()
    each = [math.sqrt(((u - u.mean()) ** 2).sum() / len(u)) for u in h.unbind(1)]
    (signal,) = known.probe.readings[0].signals.values()
    assert signal.spread == pytest.approx(sum(each) / 12, abs=1e-6)
    assert 0 < signal.spread < 0.9 * signal.std  # units differ from each other


def test_units_that_only_differ_from_each_other_have_std_but_no_spread() -> None:
    def constant(x: Tensor) -> Tensor:
        return torch.tanh(0 * x + torch.linspace(-1, 1, 8))

    (signal,) = read(layered(Apply(constant))).readings[0].signals.values()
    assert signal.std > 0.4
    assert signal.spread == pytest.approx(0, abs=1e-6)


def test_one_unit_and_one_example_have_no_spread() -> None:
    model = layered(Tanh(), n=1)
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:
        train(probe, batches(probe, NAMES, 1, seeded()), optimizer, steps=1)
    assert probe.values["tanh 1"].shape == (1, 1)
    signal = probe.readings[0].signals["tanh 1"]
    assert signal.mean == probe.values["tanh 1"].item()
    assert signal.std == signal.spread == signal.gradient == 0  # and torch has nothing to warn of
    assert probe.gradients["tanh 1"].item() != 0


@pytest.mark.parametrize("activation", [torch.tanh, torch.relu])
def test_values_and_slopes_are_those_of_autograd(activation: Callable[[Tensor], Tensor]) -> None:
    known = Hidden(activation)
    values, slopes = known.probe.values, known.probe.gradients
    hidden = f"{activation.__name__} 1"
    assert list(values) == [hidden, "logits"]
    torch.testing.assert_close(values[hidden], known.h.detach())
    torch.testing.assert_close(values["logits"], known.logits.detach())
    torch.testing.assert_close(slopes[hidden], known.gradients[0])
    torch.testing.assert_close(slopes["logits"], known.gradients[1])
    torch.testing.assert_close(slopes["net.2.bias"], known.gradients[2].sum(0))
    P = known.logits.detach().softmax(1)
    onehot = F.one_hot(known.Y, len(LETTERS))
    torch.testing.assert_close(slopes["logits"], (P - onehot) / len(known.Y))


def test_a_unit_is_stuck_if_it_is_flat_at_every_position_of_every_example() -> None:
    g = seeded()
    table, hidden = Embedding(27, 4, generator=g), Linear(4, 8, generator=g)
    hidden.weight.detach()[:, :2] = 0
    assert hidden.bias is not None
    hidden.bias.detach()[:2] = torch.tensor([-1.0, 1.0])  # never on, always on
    out = Linear(24, 27, generator=g)
    net = Sequential(table, hidden, ReLU(), Flatten(), out)
    model = LayeredModel(net, 3)
    X, Y = windows(["jo", "ty", "al", "ed", "mo", "bo"], 3)
    assert not X[:, 0].any()  # the first position has but the start token
    h = torch.relu(hidden(table(X)))  # (B, T, 8)
    off, each = h == 0, h.flatten(0, 1).std(0, correction=0)
    assert [unit for unit in range(8) if off[:, :, unit].all()] == [0]
    assert off.all(0).sum() > 3  # at one position more units seem stuck
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:
        train(probe, iter([(X, Y)]), optimizer, steps=1)
    signal = probe.readings[0].signals["relu 1"]
    assert signal.stuck == pytest.approx(1 / 8)
    assert signal.saturated == pytest.approx(off.double().mean().item())
    assert signal.spread == pytest.approx(each.mean().item(), abs=1e-6)


def test_the_last_reading_is_the_one_whose_values_are_kept() -> None:
    model, twin = MODELS["BengioMLP"](), MODELS["BengioMLP"]()
    probe = read(model, steps=6, every=2)
    read(twin, steps=4)
    contexts = next(batches(twin, NAMES))[0]
    assert torch.equal(probe.values["logits"], twin.logits(contexts))
    before = twin.state_dict()
    for name, flow in probe.readings[-1].flows.items():
        assert flow.data == pytest.approx(rms(before[name]), rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_flow_is_what_can_be_computed_by_hand(optimizer: str, name: str) -> None:
    model = MODELS[name]()
    steps = OPTIMIZERS[optimizer](model)
    drawn(model, steps, 3)
    before = copied(model)
    with Probe(model, steps, every=1) as probe:
        drawn(probe, steps, 1)
    flows = probe.readings[0].flows
    learned = [k for k, v in before.items() if "running" not in k]
    assert list(flows) == learned
    for (key, flow), p in zip(flows.items(), model.parameters(), strict=True):
        assert p.grad is not None
        change = rms(p.detach() - before[key])
        assert change > 0
        assert flow.data == pytest.approx(rms(before[key]), rel=1e-5)
        assert flow.grad == pytest.approx(rms(p.grad), rel=1e-5)
        assert flow.update == pytest.approx(change, rel=1e-5)
        assert flow.grad_to_data == pytest.approx(flow.grad / flow.data)
        assert flow.update_to_data == pytest.approx(change / flow.data, rel=1e-5)


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_the_update_of_sgd_is_the_rate_times_the_slopes(rate: float) -> None:
    model = BengioMLP(3, 4, 8, direct=True, generator=seeded())
    flows = read(model, lr=rate).readings[0].flows
    for flow in flows.values():
        expected = rate * flow.grad_to_data
        assert flow.update_to_data == pytest.approx(expected, rel=1e-4)
        assert flow.update_to_data > 0


def test_a_weight_of_zero_has_infinite_ratios() -> None:
    model = MODELS["BengioMLP"]()  # whose biases begin at zero
    flow = read(model).readings[0].flows["b2"]
    assert flow.data == 0
    assert flow.grad > 0
    assert flow.grad_to_data == flow.update_to_data == math.inf
    assert Flow(0.0, 0.0, 0.0).update_to_data == math.inf
    assert Flow(4.0, 2.0, 1.0).grad_to_data == 0.5
    assert Flow(4.0, 2.0, 1.0).update_to_data == 0.25


def test_what_is_frozen_is_left_out() -> None:
    model = MODELS["BengioMLP"]()
    assert isinstance(model, BengioMLP)
    model.params["C"].requires_grad_(False)
    assert list(read(model).readings[0].flows) == ["W1", "b1", "W2", "b2"]
    other = layered(Tanh(), norm=True)
    other.parameters()[0].requires_grad_(False)
    flows = read(other).readings[0].flows
    assert "net.0.weight" in other.state_dict()
    assert list(flows) == list(read(layered(Tanh(), norm=True)).readings[0].flows)[1:]


def test_what_the_optimizer_does_not_own_is_left_out() -> None:
    model, twin = MODELS["BengioMLP"](), MODELS["BengioMLP"]()
    assert isinstance(model, BengioMLP)
    optimizer = SGD([model.params["W2"]], lr=0.1)
    with Probe(model, optimizer) as probe:
        drawn(probe, optimizer, 1)
    assert list(probe.readings[0].flows) == ["W2"]
    assert list(probe.readings[0].signals) == ["tanh 1"]
    assert set(probe.gradients) == {"tanh 1", "logits", "W2"}
    whole = SGD(twin.parameters(), lr=0.1)
    with Probe(twin, whole) as other:
        drawn(other, whole, 1)
    assert probe.readings[0].flows["W2"] == other.readings[0].flows["W2"]
    assert probe.readings[0].signals == other.readings[0].signals


def test_slopes_that_nobody_sets_to_zero_do_not_pile_up_in_the_readings() -> None:
    model = layered(Tanh())
    out = model.parameters()[-1]
    optimizer = SGD([out], lr=1e-9)  # the others keep the slopes of all steps
    with Probe(model, optimizer, every=1) as probe:
        train(probe, batches(probe, NAMES), optimizer, steps=4)
    assert [list(r.flows) for r in probe.readings] == [["net.4.bias"]] * 4
    first = probe.readings[0]
    for reading in probe.readings:
        flow, signal = reading.flows["net.4.bias"], reading.signals["tanh 1"]
        grad = first.flows["net.4.bias"].grad
        assert flow.grad == pytest.approx(grad, rel=1e-3)
        slope = first.signals["tanh 1"].gradient
        assert signal.gradient == pytest.approx(slope, rel=1e-3)
    assert first.flows["net.4.bias"].grad > 0


def test_weights_of_all_groups_of_the_optimizer_are_read() -> None:
    model = MODELS["BengioMLP"]()
    assert isinstance(model, BengioMLP)
    params = model.params
    second: dict[str, Any] = {"params": [params["C"]], "lr": 0.5}
    groups = [{"params": [params["W2"]]}, second]
    optimizer = SGD(groups, lr=0.1)
    with Probe(model, optimizer) as probe:
        drawn(probe, optimizer, 1)
    flows = probe.readings[0].flows
    assert list(flows) == ["C", "W2"]  # in the order of the model
    for name, rate in [("C", 0.5), ("W2", 0.1)]:
        update = rate * flows[name].grad
        assert flows[name].update == pytest.approx(update, rel=1e-4)


# Whose vital signs it reads


@pytest.mark.parametrize(
    ("kind", "f"),
    [
        ("relu", F.relu),
        ("relu", torch.relu),
        ("relu", Tensor.relu),
        ("relu", lambda x: x.relu()),
        ("relu", nn.ReLU()),
        ("tanh", torch.tanh),
        ("tanh", Tensor.tanh),
        ("tanh", F.tanh),
        ("tanh", nn.Tanh()),
        ("sigmoid", torch.sigmoid),
        ("sigmoid", Tensor.sigmoid),
        ("sigmoid", F.sigmoid),
        ("sigmoid", nn.Sigmoid()),
    ],
)
def test_every_spelling_of_an_activation_is_seen_once(kind: str, f: Callable[[Tensor], Tensor]) -> None:
    probe = read(layered(Apply(f)))
    assert list(probe.readings[0].signals) == [f"{kind} 1"]
    assert list(probe.values) == [f"{kind} 1", "logits"]


def test_activations_are_numbered_by_kind_and_in_order_of_use() -> None:
    mixed = layered(ReLU(), Tanh(), Apply(torch.sigmoid), ReLU(), Tanh())
    probe = read(mixed)
    expected = ["relu 1", "tanh 1", "sigmoid 1", "relu 2", "tanh 2"]
    assert list(probe.readings[0].signals) == expected


def test_activations_keep_their_numbers_behind_frozen_weights() -> None:
    model = layered(Tanh(), Tanh(), Tanh())
    for p in model.parameters()[:3]:
        p.requires_grad_(False)
    optimizer = SGD(model.parameters(), lr=0.1)
    with Probe(model, optimizer) as probe:
        drawn(probe, optimizer, 1)
    assert list(probe.readings[0].signals) == ["tanh 2", "tanh 3"]
    assert list(probe.values) == ["tanh 2", "tanh 3", "logits"]
    whole = layered(Tanh(), Tanh(), Tanh())
    optimizer = SGD(whole.parameters(), lr=0.1)
    with Probe(whole, optimizer) as other:
        drawn(other, optimizer, 1)
    assert list(other.readings[0].signals) == ["tanh 1", "tanh 2", "tanh 3"]
    for name, signal in probe.readings[0].signals.items():
        assert signal == other.readings[0].signals[name]


def test_an_activation_that_the_loss_does_not_use_has_slope_nan() -> None:
    def unused(x: Tensor) -> Tensor:
        torch.tanh(2 * x)
        return x

    probe = read(layered(Tanh(), Apply(unused), Tanh()))
    signals = probe.readings[0].signals
    assert list(signals) == ["tanh 1", "tanh 2", "tanh 3"]
    assert [k for k, s in signals.items() if math.isnan(s.gradient)] == ["tanh 2"]
    assert all(signals[k].gradient > 0 for k in ("tanh 1", "tanh 3"))
    assert signals["tanh 2"].std > 0
    assert "tanh 2" in probe.values
    assert "tanh 2" not in probe.gradients


def test_an_activation_through_which_no_slopes_flow_is_left_out() -> None:
    gate = torch.linspace(-1, 1, 8)

    def gated(x: Tensor) -> Tensor:
        return torch.tanh(x) * torch.sigmoid(gate)

    probe = read(layered(Apply(gated)))
    assert list(probe.readings[0].signals) == ["tanh 1"]


def test_a_deep_network_is_read_layer_by_layer() -> None:
    model, twin = (layered(*[Tanh()] * 6, norm=True) for _ in range(2))
    probe = read(model, steps=3)
    names = [f"tanh {i}" for i in range(1, 7)]
    assert [list(r.signals) for r in probe.readings] == [names] * 3
    assert list(probe.values) == [*names, "logits"]
    assert set(probe.gradients) == {*names, "logits", *probe.readings[0].flows}
    x = next(batches(twin, NAMES))[0]
    assert isinstance(twin.net, Sequential)
    seen = []
    for layer in twin.net.layers:
        x = layer(x)
        if isinstance(layer, Tanh):
            seen.append(x.std(correction=0).item())
    signals = probe.readings[0].signals.values()
    assert [signal.std for signal in signals] == pytest.approx(seen, abs=1e-6)


def test_a_model_without_activations_has_weights_and_logits() -> None:
    probe = read(BigramNet(generator=seeded()), steps=2)
    (first, second) = probe.readings
    assert isinstance(first, Reading)
    assert first.signals == second.signals == {}
    assert list(first.flows) == ["W"]
    assert list(probe.values) == ["logits"]
    assert set(probe.gradients) == {"logits", "W"}


def test_direct_connections_are_read() -> None:
    model = BengioMLP(3, 4, 8, direct=True, generator=seeded())
    probe = read(model)
    assert list(probe.readings[0].signals) == ["tanh 1"]
    assert list(probe.readings[0].flows) == ["C", "W1", "b1", "W2", "b2", "W"]


def test_a_model_of_torch_nn_is_read() -> None:
    class OfTorch(nn.Module):
        vocabulary, block_size = LETTERS, 3

        def __init__(self) -> None:
            super().__init__()
            sizes = nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 27)
            self.net = nn.Sequential(nn.Embedding(27, 4), nn.Flatten(), *sizes)

        def logits(self, contexts: Tensor) -> Tensor:
            scores: Tensor = self.net(contexts)
            return scores

        def log_probs(self, contexts: Tensor) -> Tensor:
            return self.logits(contexts).detach().log_softmax(1)

    model = OfTorch()
    probe = read(model)
    assert list(probe.readings[0].signals) == ["relu 1"]
    assert list(probe.readings[0].flows) == list(model.state_dict())
    assert "logits" not in vars(model)


# Flat


@pytest.mark.parametrize(("kind", "border"), [("tanh", 0.99), ("sigmoid", (1 + 0.99) / 2)])
def test_flat_begins_where_the_slope_is_two_hundredths_of_the_largest(kind: str, border: float) -> None:
    assert pytest.approx(0.0199) == LEAST_SLOPE
    inside, outside = border - 1e-9, border + 1e-9
    turned = {"tanh": (-inside, -outside), "sigmoid": (1 - inside, 1 - outside)}
    h = torch.tensor([inside, outside, *turned[kind]], dtype=torch.float64)
    assert flat(kind, h).tolist() == [False, True, False, True]
    assert flat(kind, h.view(2, 1, 2)).shape == (2, 1, 2)
    ends = {"tanh": [-1.0, 0.0, 1.0], "sigmoid": [0.0, 0.5, 1.0]}
    assert flat(kind, torch.tensor(ends[kind])).tolist() == [True, False, True]


def test_the_relu_is_flat_where_it_gives_zero() -> None:
    h = torch.tensor([[0.0, -0.0], [1e-30, 5.0]])
    assert flat("relu", h).tolist() == [[True, True], [False, False]]


def test_flat_knows_no_other_kind() -> None:
    with pytest.raises(ValueError, match=r"kind is 'gelu'; .* tanh, sigmoid or relu"):
        flat("gelu", torch.zeros(2))


@given(z=st.floats(-12, 12), kind=st.sampled_from(["tanh", "sigmoid", "relu"]))
def test_flat_is_what_the_slope_says(z: float, kind: str) -> None:
    f = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu}[kind]
    x = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    h = f(x)
    (slope,) = torch.autograd.grad(h, x)
    largest = 0.25 if kind == "sigmoid" else 1.0
    assert flat(kind, h.detach()).item() == (slope.item() / largest < LEAST_SLOPE)


# What it costs


class Work(TorchDispatchMode):
    """Counts the operations of torch, and the numbers that go into them and come out."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.numbers = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations += 1
        parts = tree_leaves((args, kwargs, out))
        self.numbers += sum(x.numel() for x in parts if isinstance(x, Tensor))
        return out


def test_a_probe_at_every_hundredth_step_costs_less_than_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    names, recorders = ["emma", "olivia"] * 50, 0
    enter = Recorder.__enter__

    def entered(recorder: Recorder) -> Recorder:
        nonlocal recorders
        recorders += 1
        return enter(recorder)

    monkeypatch.setattr(Recorder, "__enter__", entered)

    def work(probed: bool, steps: int) -> Work:
        """Train, and return what it took in torch."""
        model = layered(*[Tanh()] * 6, n=100)
        optimizer = SGD(model.parameters(), lr=0.1)
        probe = Probe(model, optimizer, every=100)
        trained: Trainable = probe if probed else model
        source = batches(trained, names, 32, seeded(3))
        with Work() as work, probe if probed else nullcontext():
            train(trained, source, optimizer, steps=steps)
        return work

    plain, probed = work(False, 100), work(True, 100)
    assert 0 < probed.operations < 1.1 * plain.operations
    assert 0 < probed.numbers < 1.1 * plain.numbers
    assert recorders == 1
    assert (  # between two readings it does nothing
        probed.operations - work(True, 50).operations == plain.operations - work(False, 50).operations
    )
