"""Neurons, layers, networks: against torch, against micrograd, and what training must and must not do."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nnz.bench import peer
from nnz.engine import Value
from nnz.moons import total_loss, train_step, two_moons
from nnz.nn import MLP, Layer, Module, Neuron

POINTS = [[0.3, -1.7], [2.1, 0.4], [-0.9, -0.6]]


def in_torch(model: MLP) -> tuple[torch.nn.Sequential, list[torch.Tensor]]:
    """Return the same network in torch, in float64."""
    layers: list[torch.nn.Module] = []
    for layer in model.layers:
        weights = [[w.data for w in neuron.w] for neuron in layer.neurons]
        linear = torch.nn.Linear(len(weights[0]), len(weights), dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
            linear.bias.copy_(torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64))
        layers.append(linear)
        if layer.neurons[0].nonlin:
            layers.append(torch.nn.ReLU())
    net = torch.nn.Sequential(*layers)
    return net, list(net.parameters())


@pytest.mark.parametrize("sizes", [[1], [3, 1], [4, 5, 2], [1, 1]])
def test_outputs_and_gradients_are_those_of_torch(sizes: list[int]) -> None:
    generator = random.Random(11)
    model = MLP(2, sizes, generator=generator)
    for parameter in model.parameters():
        parameter.data = generator.uniform(-1, 1)  # biases too: zeros hide mistakes
    net, _ = in_torch(model)
    for point in POINTS:
        out = model(point)
        ours = out if isinstance(out, list) else [out]
        theirs = net(torch.tensor(point, dtype=torch.float64))
        assert [o.data for o in ours] == pytest.approx(theirs.tolist(), rel=1e-12)
        total = sum(o * (i + 1.5) for i, o in enumerate(ours))
        assert isinstance(total, Value)
        total.backward()
        sum(o * (i + 1.5) for i, o in enumerate(theirs)).backward()
    for layer, linear in zip(model.layers, (m for m in net if isinstance(m, torch.nn.Linear)), strict=True):
        for j, neuron in enumerate(layer.neurons):
            assert [w.grad for w in neuron.w] == pytest.approx(linear.weight.grad[j].tolist())
            assert neuron.b.grad == pytest.approx(linear.bias.grad[j].item())


def test_parameters_come_layer_by_layer_weights_before_biases() -> None:
    model = MLP(2, [3, 1], generator=random.Random(0))
    parameters = model.parameters()
    first = model.layers[0].neurons[0]
    assert parameters[:3] == [*first.w, first.b]
    assert all(a is b for a, b in zip(parameters[:3], [*first.w, first.b], strict=True))
    assert len(parameters) == len({id(p) for p in parameters}) == 3 * 3 + 4


def test_weights_start_within_one_and_biases_at_zero() -> None:
    layer = Layer(10, 40, generator=random.Random(0))
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert -1 <= min(weights) < -0.9
    assert 0.9 < max(weights) <= 1
    assert {neuron.b.data for neuron in layer.neurons} == {0.0}
    assert len(set(weights)) == len(weights)


def test_the_same_generator_gives_the_same_network() -> None:
    one, two, other = (
        [p.data for p in MLP(2, [3, 1], generator=random.Random(seed)).parameters()] for seed in (4, 4, 5)
    )
    assert one == two != other


def test_without_a_generator_the_weights_are_drawn_from_the_shared_one() -> None:
    state = random.getstate()
    model = MLP(2, [3, 1])
    assert random.getstate() != state
    drawn = random.Random()
    drawn.setstate(state)
    assert [w.data for w in model.layers[0].neurons[0].w] == [drawn.uniform(-1, 1) for _ in range(2)]


def test_hidden_layers_have_the_relu_and_the_last_has_not() -> None:
    model = MLP(2, [3, 2, 1], generator=random.Random(0))
    assert [layer.neurons[0].nonlin for layer in model.layers] == [True, True, False]
    for parameter in model.parameters():
        parameter.data = -1.0
    out = model([1.0, 1.0])
    assert isinstance(out, Value)
    assert out.data == -1.0  # all hidden neurons are silent, and the bias is left


def test_a_single_output_comes_alone_and_several_as_a_list() -> None:
    assert isinstance(MLP(2, [3, 1], generator=random.Random(0))([1, 2]), Value)
    several = MLP(2, [3, 2], generator=random.Random(0))([1, 2])
    assert isinstance(several, list)
    assert len(several) == 2


def test_a_hidden_layer_of_one_neuron_works() -> None:
    assert isinstance(MLP(2, [1, 1, 1], generator=random.Random(0))([1, 2]), Value)


def test_zero_grad_clears_every_parameter() -> None:
    model = MLP(2, [3, 1], generator=random.Random(0))
    out = model([0.5, -0.3])
    assert isinstance(out, Value)
    out.backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_a_bare_module_has_no_parameters() -> None:
    assert Module().parameters() == []


@pytest.mark.parametrize("x", [[1.0], [1.0, 2.0, 3.0], []])
def test_inputs_of_the_wrong_length_are_refused(x: list[float]) -> None:
    with pytest.raises(ValueError, match=f"2 weights was given {len(x)} inputs"):
        MLP(2, [3, 1], generator=random.Random(0))(x)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 input, a whole number; got 0"):
        Neuron(0)
    with pytest.raises(ValueError, match="at least 1 neuron, a whole number; got 0"):
        Layer(2, 0)
    with pytest.raises(ValueError, match="at least one layer"):
        MLP(2, [])


def test_what_is_printed_says_what_it_is() -> None:
    assert repr(MLP(2, [2, 1])) == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    )


def test_it_trains_exactly_as_micrograd_does() -> None:
    value, model = peer.build("nnz")
    their_value, their_model = peer.build("micrograd")
    points, labels = two_moons(12, 0.1, random.Random(5))
    for k in range(5):
        ours = total_loss(model, value, points, labels)
        theirs = total_loss(their_model, their_value, points, labels)
        assert ours.data == pytest.approx(theirs.data, rel=1e-12)
        assert len(peer.graph(ours)) == len(peer.graph(theirs))
        train_step(model, ours, k)
        train_step(their_model, theirs, k)
    for mine, yours in zip(model.parameters(), their_model.parameters(), strict=True):
        assert mine.data == pytest.approx(yours.data, rel=1e-9, abs=1e-12)


def test_gradient_descent_learns_xor() -> None:
    inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]
    model = MLP(2, [4, 1], generator=random.Random(3))

    def loss() -> Value:
        total = sum((model(x) - y) ** 2 for x, y in zip(inputs, targets, strict=True))
        assert isinstance(total, Value)
        return total

    before = loss().data
    for _ in range(60):
        missed = loss()
        model.zero_grad()
        missed.backward()
        for parameter in model.parameters():
            parameter.data -= 0.05 * parameter.grad
    assert loss().data < 1e-3 < before


WRONG_CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Neuron(1)(0.5), r"one list, here of length 1.*got 0.5 \(float\)"),
    (lambda: Neuron(1)(Value(0.5)), "one list.*got Value"),
    (lambda: Neuron(1)(np.float64(0.5)), "one list.*float64"),
    (lambda: Neuron(1)(torch.tensor(0.5)), "one list.*Tensor"),
    (lambda: Neuron(2)(0.5, 0.2), r"one list.*got \(0.5, 0.2\)"),
    (lambda: Neuron(2)(x for x in (1, 2)), "one list.*generator"),
    (lambda: Neuron(2)({1, 2}), "one list.*set"),
    (lambda: Neuron(2)({1: 1, 2: 2}), "one list.*dict"),
    (lambda: Neuron(2)([[1.0, 2.0], [3.0, 4.0]]), r"real number.*got \[1.0, 2.0\]"),
    (lambda: Neuron(2)([1.0, 2.0], [3.0, 4.0]), r"one list.*got \(\[1.0, 2.0\], \[3.0, 4.0\]\) \(tuple\)"),
    (lambda: Layer(2, 3)([1.0, 2.0], 7), r"one list, here of length 2.*got \(\[1.0, 2.0\], 7\)"),
    (lambda: MLP(2, [1])([1.0, 2.0], 7), r"one list, here of length 2.*got \(\[1.0, 2.0\], 7\)"),
    (lambda: Layer(2, 3)(0.5), "one list, here of length 2"),
    (lambda: Layer(2, 3)(0.5, 0.2), "one list, here of length 2"),
    (lambda: MLP(2, [1])(0.5), "one list, here of length 2"),
    (lambda: MLP(2, [1])(Value(1), Value(2)), "one list, here of length 2"),
    (lambda: MLP(2, [1])(random.Random(1)), "one list.*Random"),
    (lambda: Neuron(2.0), r"at least 1 input, a whole number; got 2.0 \(float\)"),
    (lambda: Neuron("2"), "whole number; got '2'"),
    (lambda: Neuron([2]), r"whole number; got \[2\]"),
    (lambda: Neuron(True), "whole number; got True"),
    (lambda: Neuron(2, generator=random.Random), r"such as random.Random\(1\); got .*type"),
    (lambda: Neuron(2, random.Random(1)), "generator=random.Random.*got"),
    (lambda: Neuron(2, "tanh"), "nonlin is True.*got 'tanh'"),
    (lambda: Neuron(2, None), "nonlin is True.*got None"),
    (lambda: Neuron(2, True, 42), r"random.Random\(1\); got 42"),
    (lambda: Neuron(2, generator=torch.Generator()), "random.Random.*Generator"),
    (lambda: Layer(2, 2.0), "at least 1 neuron, a whole number; got 2.0"),
    (lambda: Layer(2, [3]), r"at least 1 neuron.*got \[3\]"),
    (lambda: Layer(2, 3, random.Random(1)), "generator=random.Random"),
    (lambda: MLP(2, 3), r"nouts lists.*as in MLP\(2, \[16, 16, 1\]\); got 3 \(int\)"),
    (lambda: MLP(2, 3, 1), "nouts lists"),
    (lambda: MLP(2, "41"), "nouts lists.*'41'"),
    (lambda: MLP(2, {4, 1}), "nouts lists.*set"),
    (lambda: MLP(2, None), "nouts lists.*None"),
    (lambda: MLP(2, random.Random(1)), "nouts lists.*Random"),
    (lambda: MLP(2, (n for n in (4, 1))), "nouts lists.*generator"),
    (lambda: MLP(2, ["4"]), "at least 1 neuron.*'4'"),
    (lambda: MLP(2, [[4], 1]), r"at least 1 neuron.*\[4\]"),
    (lambda: MLP(2, [1], 42), "random.Random.*got 42"),
    (lambda: MLP(2, [1], False), "random.Random.*got False"),
    (lambda: MLP(random.Random(1), [1]), "at least 1 input.*Random"),
]


@pytest.mark.parametrize(("call", "words"), WRONG_CALLS)
def test_a_wrong_call_is_told_what_to_write(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()


def test_neurons_are_relus_unless_asked_for_otherwise() -> None:
    assert repr(Neuron(3)) == "ReLUNeuron(3)"
    assert repr(Layer(2, 1)) == "Layer of [ReLUNeuron(2)]"
    assert repr(Layer(2, 1, nonlin=False)) == "Layer of [LinearNeuron(2)]"


def test_inputs_may_be_any_list_tuple_or_array() -> None:
    neuron = Neuron(2, generator=random.Random(3))
    expected = neuron([2.0, -0.5]).data
    rows: list[Any] = [(2.0, -0.5), np.array([2.0, -0.5]), [Value(2), Value(-0.5)]]
    assert [neuron(row).data for row in rows] == [expected] * 3
    assert repr(MLP(2, (2, 1))) == repr(MLP(2, np.array([2, 1])))


@pytest.mark.parametrize(
    "make",
    [
        lambda g: MLP(2, [4, 0], g),
        lambda g: MLP(2, [4, 2.5], g),
        lambda g: MLP(0, [4, 1], g),
        lambda g: Layer(2, 0, generator=g),
        lambda g: Layer(2, 3, "relu", g),
        lambda g: Neuron(0, generator=g),
    ],
)
def test_a_network_that_is_refused_has_drawn_nothing(make: Callable[[random.Random], Any]) -> None:
    g = random.Random(5)
    before = g.getstate()
    with pytest.raises((TypeError, ValueError)):
        make(g)
    assert g.getstate() == before


def test_arguments_have_the_names_that_micrograd_gives_them() -> None:
    assert str(Neuron(nin=2, nonlin=False)) == "LinearNeuron(2)"
    assert len(Layer(nin=2, nout=3, nonlin=False).parameters()) == 9
    assert len(MLP(nin=2, nouts=[4, 1]).parameters()) == 17
