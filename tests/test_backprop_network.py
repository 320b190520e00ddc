"""The network in arrays: equal to the network of Values, and right by differences and by torch."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.backprop_network import (
    Array,
    Layers,
    backward,
    check_rows,
    descend,
    first_layers,
    forward,
    hinge,
    loss_and_gradients,
    numerical_gradients,
    relative_error,
)
from nnz.engine import Value
from nnz.moons import two_moons
from nnz.nn import MLP


def moons(n: int = 60) -> tuple[Array, Array]:
    points, labels = two_moons(n, 0.1, random.Random(5))
    return np.array(points), np.array(labels, dtype=float)[:, None]


def odd_layers(sizes: list[int], seed: int = 0) -> Layers:
    """Weights and biases that are neither 0 nor 1."""
    rng = np.random.default_rng(seed)
    return [(W, b + rng.uniform(0.1, 0.4, b.shape)) for W, b in first_layers(sizes, rng)]


def arrays(model: MLP, what: str) -> Layers:
    found = []
    for layer in model.layers:
        W = [[getattr(w, what) for w in neuron.w] for neuron in layer.neurons]
        b = [getattr(neuron.b, what) for neuron in layer.neurons]
        found.append((np.array(W).T.copy(), np.array(b)))
    return found


def largest_gap(one: Layers, other: Layers) -> float:
    pairs = zip(one, other, strict=True)
    return max(float(np.abs(a - b).max()) for p, q in pairs for a, b in zip(p, q, strict=True))


def test_loss_and_gradients_are_those_of_the_network_of_values() -> None:
    X, Y = moons()
    model = MLP(2, [5, 3, 1], generator=random.Random(2))
    layers = arrays(model, "data")
    loss = sum((1 + -y * model(x)).relu() for x, y in zip(X.tolist(), Y[:, 0].tolist(), strict=True)) * (
        1 / len(X)
    )
    loss = loss + 1e-4 * sum(p * p for p in model.parameters())
    assert isinstance(loss, Value)
    loss.backward()
    found, gradients = loss_and_gradients(layers, X, Y)
    assert found == pytest.approx(loss.data, abs=1e-12)
    assert largest_gap(gradients, arrays(model, "grad")) < 1e-12


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    n=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_gradients_of_any_network_are_those_of_torch(sizes: list[int], n: int, seed: int) -> None:
    sizes = [*sizes, 1]
    rng = np.random.default_rng(seed)
    layers = odd_layers(sizes, seed)
    X = rng.standard_normal((n, sizes[0]))
    Y = rng.choice([-1.0, 1.0], (n, 1))
    loss, gradients = loss_and_gradients(layers, X, Y, decay=0.03)
    weights = [torch.from_numpy(p.copy()).requires_grad_() for pair in layers for p in pair]
    a = torch.from_numpy(X)
    for i in range(0, len(weights), 2):
        a = a @ weights[i] + weights[i + 1]
        a = torch.relu(a) if i < len(weights) - 2 else a
    truth = torch.relu(1 - torch.from_numpy(Y) * a).mean()
    truth = truth + 0.03 * sum(w.square().sum() for w in weights)
    slopes = torch.autograd.grad(truth, weights)
    assert loss == pytest.approx(truth.item(), abs=1e-12)
    flat = [g for pair in gradients for g in pair]
    for ours, theirs in zip(flat, slopes, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-12)


def test_differences_agree_with_the_gradients_and_put_everything_back() -> None:
    X, Y = moons(20)
    layers = odd_layers([2, 4, 3, 1])
    kept = [(W.copy(), b.copy()) for W, b in layers]
    found = numerical_gradients(lambda: loss_and_gradients(layers, X, Y)[0], layers)
    assert relative_error(found, loss_and_gradients(layers, X, Y)[1]) < 1e-8
    assert largest_gap(layers, kept) == 0


def test_parameters_are_put_back_when_the_loss_fails() -> None:
    layers = odd_layers([2, 3, 1])
    kept = [(W.copy(), b.copy()) for W, b in layers]

    def fails() -> float:
        raise RuntimeError("no loss today")

    with pytest.raises(RuntimeError, match="today"):
        numerical_gradients(fails, layers)
    assert largest_gap(layers, kept) == 0


MISTAKES: dict[str, Callable[[Layers, list[Array], Array], Layers]] = {}


def mistake(
    make: Callable[[Layers, list[Array], Array], Layers],
) -> Callable[[Layers, list[Array], Array], Layers]:
    MISTAKES[make.__name__] = make
    return make


@mistake
def a_mean_in_the_biases(layers: Layers, a: list[Array], slope: Array) -> Layers:
    return [(dW, db / len(slope)) for dW, db in backward(layers, a, slope)]


@mistake
def no_relu_on_the_way_back(layers: Layers, a: list[Array], slope: Array) -> Layers:
    opened = [np.ones_like(each) for each in a]
    shapes = backward(layers, opened, slope)
    last = a[-2].T @ slope
    return [*shapes[:-1], (last, slope.sum(axis=0))]


@mistake
def a_table_not_transposed(layers: Layers, a: list[Array], slope: Array) -> Layers:
    turned = [(W.T if W.shape[0] == W.shape[1] else W, b) for W, b in layers]
    return backward(turned, a, slope)


@mistake
def a_factor_of_n_over_n_minus_1(layers: Layers, a: list[Array], slope: Array) -> Layers:
    return backward(layers, a, slope * len(slope) / (len(slope) - 1))


@pytest.mark.parametrize("name", MISTAKES)
def test_the_check_finds_a_wrong_gradient(name: str) -> None:
    X, Y = moons(20)
    layers = odd_layers([2, 4, 4, 1])
    activations = forward(layers, X)
    wrong = MISTAKES[name](layers, activations, hinge(activations[-1], Y)[1])
    found = numerical_gradients(lambda: hinge(forward(layers, X)[-1], Y)[0], layers, 1e-6)
    right = backward(layers, activations, hinge(activations[-1], Y)[1])
    assert relative_error(found, right) < 1e-8
    assert relative_error(found, wrong) > 1e-3


def test_training_lowers_the_loss_and_solves_the_moons() -> None:
    X, Y = moons(100)
    layers = first_layers([2, 16, 16, 1], np.random.default_rng(3))
    losses = descend(layers, X, Y)
    assert len(losses) == 100
    assert losses[-1] < 0.1 < losses[0]
    assert np.mean(forward(layers, X)[-1] * Y > 0) == 1


def test_the_same_seed_gives_the_same_network() -> None:
    one, other = (first_layers([2, 3, 1], np.random.default_rng(9)) for _ in "ab")
    assert largest_gap(one, other) == 0
    assert all(np.abs(W).max() <= 1 and not b.any() for W, b in one)


def test_relative_error_is_0_for_equal_and_1_for_opposite_gradients() -> None:
    g = odd_layers([2, 3, 1])
    assert relative_error(g, g) == 0
    assert relative_error(g, [(-W, -b) for W, b in g]) == pytest.approx(1)
    nothing = [(0 * W, 0 * b) for W, b in g]
    assert relative_error(nothing, nothing) == 0


@pytest.mark.parametrize("sizes", [[], [2], [2, 0], [2, 1.5], [-1, 2], [2, True]])
def test_sizes_that_are_none_are_refused(sizes: list[int]) -> None:
    error = TypeError if {float, bool} & set(map(type, sizes)) else ValueError
    with pytest.raises(error, match="at least two whole numbers"):
        first_layers(sizes, np.random.default_rng(0))
    whole = first_layers(list(np.array([2, 3])), np.random.default_rng(0))
    assert whole[0][0].shape == (2, 3)


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        ([[1.0, 2.0]], TypeError, "array of float64; got list"),
        (np.ones((2, 2), np.float32), TypeError, "float64; got float32"),
        (np.ones((2, 2), int), TypeError, "got int64"),
        (np.ones((2, 3)), ValueError, r"shape \(B, 2\); got \(2, 3\)"),
        (np.ones(2), ValueError, r"got \(2,\)"),
        (np.ones((0, 2)), ValueError, "must have rows"),
        (np.array([[1.0, np.nan]]), ValueError, "finite"),
        (np.array([[1.0, np.inf]]), ValueError, "finite"),
    ],
)
def test_rows_that_cannot_be_computed_with_are_refused(
    rows: Array, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=f"^X .*{says}"):
        forward(odd_layers([2, 3, 1]), rows)
    with pytest.raises(error):
        check_rows("X", rows, 2)


def test_the_gradient_must_have_the_shape_of_the_outputs() -> None:
    layers = odd_layers([2, 3, 1])
    activations = forward(layers, np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"dZ must have shape \(4, 1\)"):
        backward(layers, activations, np.ones((3, 1)))


def test_an_example_that_is_right_by_just_enough_has_no_gradient() -> None:
    loss, gradient = hinge(np.array([[1.0], [-1.0], [0.5]]), np.array([[1.0], [-1.0], [1.0]]))
    assert loss == pytest.approx(0.5 / 3)
    assert gradient.ravel().tolist() == pytest.approx([0, 0, -1 / 3])


@pytest.mark.parametrize("labels", [np.ones((3, 1)), np.array([[1.0], [0.0]]), np.ones(2)])
def test_labels_must_be_1_or_minus_1_and_fit(labels: Array) -> None:
    with pytest.raises(ValueError, match="1 or -1, one for each score"):
        hinge(np.ones((2, 1)), labels)


@pytest.mark.parametrize("h", [0, -1e-5, np.nan, np.inf])
def test_a_step_must_be_above_0_and_finite(h: float) -> None:
    with pytest.raises(ValueError, match="h is"):
        numerical_gradients(lambda: 0.0, odd_layers([2, 1]), h)


def test_a_descent_that_ends_in_no_numbers_is_undone() -> None:
    X, Y = moons()
    layers = first_layers([2, 8, 8, 1], np.random.default_rng(1))
    before = [(W.copy(), b.copy()) for W, b in layers]
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match=r"undone.*size of 1"):
        descend(layers, X * 1e200, Y, steps=40)
    for pair, kept in zip(layers, before, strict=True):
        assert all(np.array_equal(p, old) for p, old in zip(pair, kept, strict=True))
