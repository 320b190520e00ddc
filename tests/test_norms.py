"""Batch norm and layer norm: against those of torch, and what they take and refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from against_torch import close, compare, in_torch, numbers, oddly, same_averages, slope
from held import copied, unchanged
from nnz.layers import Linear, Sequential, Tanh, TensorModule
from nnz.norms import BatchNorm1d, LayerNorm
from nnz.sample import seeded


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.5])
@pytest.mark.parametrize("momentum", [0.1, 0.37, 1.0])
@pytest.mark.parametrize("shape", [(7, 5), (3, 5), (4, 3, 5), (1, 6, 5)])
def test_batch_norm_is_that_of_torch_over_several_batches(
    shape: tuple[int, ...], momentum: float, eps: float
) -> None:
    ours = oddly(BatchNorm1d(5, eps, momentum))
    theirs = in_torch(ours, torch.float32)
    before = copied(ours)
    for seed in range(4):
        x = 0.7 + (1 + seed) * numbers(*shape, seed=seed)
        compare(ours, theirs, x)
        same_averages(ours, theirs)
    assert not torch.allclose(ours.running_mean, before["running_mean"])
    assert not torch.allclose(ours.running_var, before["running_var"])
    ours.eval()
    theirs.eval()
    before = copied(ours)
    for seed in range(2):
        compare(ours, theirs, numbers(*shape, seed=seed))
    assert unchanged(ours, before)


def test_a_new_batch_norm_is_that_of_torch() -> None:
    ours, theirs = BatchNorm1d(5), nn.BatchNorm1d(5)
    state = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, state[name])
    for seed in range(3):
        compare(ours, theirs, 3 * numbers(8, 5, seed=seed) - 1)
        same_averages(ours, theirs)


@settings(max_examples=60)
@given(
    B=st.integers(2, 20),
    T=st.none() | st.integers(1, 7),
    C=st.integers(1, 9),
    eps=st.floats(1e-5, 1),
    momentum=st.floats(0.01, 1),
    offset=st.sampled_from([0.0, -5.0, 1000.0]),
    training=st.booleans(),
)
def test_batch_norm_is_that_of_torch_for_any_shape(
    B: int, T: int | None, C: int, eps: float, momentum: float, offset: float, training: bool
) -> None:
    ours = oddly(BatchNorm1d(C, eps, momentum), torch.float64)
    theirs = in_torch(ours, torch.float64)
    ours.train(training)
    theirs.train(training)
    for seed in range(2):
        shape = (B, C) if T is None else (B, T, C)
        compare(ours, theirs, offset + numbers(*shape, seed=seed).double(), 1e-8)
        same_averages(ours, theirs, 1e-8)


def test_a_large_offset_costs_no_more_than_the_last_digits_of_the_input() -> None:
    x = 1000 + numbers(64, 4)  # what is kept of it is right to about 6e-5
    y, exact = BatchNorm1d(4)(x), BatchNorm1d(4)(x - 1000)
    assert (y - exact).abs().max() < 2e-4
    assert (LayerNorm(4)(x) - LayerNorm(4)(x - 1000)).abs().max() < 2e-3


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(1, 5), max_size=3),
    C=st.integers(1, 9),
    eps=st.floats(1e-5, 1),
    offset=st.sampled_from([0.0, 1000.0]),
)
def test_layer_norm_is_that_of_torch_for_any_shape(
    shape: list[int], C: int, eps: float, offset: float
) -> None:
    ours = oddly(LayerNorm(C, eps), torch.float64)
    x = offset + numbers(*shape, C).double()
    if C > 1:
        compare(ours, in_torch(ours, torch.float64), x, 1e-8)
    else:  # nothing but the bias is left
        assert torch.equal(ours(x), ours.bias.expand_as(x))


@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (4, 3, 5), (2, 3, 4, 5)])
def test_layer_norm_is_that_of_torch(shape: tuple[int, ...], eps: float) -> None:
    ours = oddly(LayerNorm(5, eps))
    theirs = in_torch(ours, torch.float32)
    x = 0.7 + 2 * numbers(*shape)
    close(LayerNorm(5)(x), nn.LayerNorm(5)(x))
    for mode in (True, False):  # they are alike
        ours.train(mode)
        compare(ours, theirs, x)


def test_layer_norm_does_not_mix_examples() -> None:
    layer, x = oddly(LayerNorm(5)), numbers(3, 5)
    y = layer(x)
    x[1, 2] = math.nan
    z = layer(x)
    assert torch.equal(z[[0, 2]], y[[0, 2]])
    assert z[1].isnan().all()


@pytest.mark.parametrize("shape", [(0, 5), (3, 0, 5), (0, 2, 5)])
def test_layer_norm_of_an_empty_batch_is_empty(shape: tuple[int, ...]) -> None:
    layer = oddly(LayerNorm(5))
    y = layer(torch.zeros(shape))
    assert y.shape == shape
    y.sum().backward()
    assert torch.equal(slope(layer.weight), torch.zeros(5))
    assert torch.equal(slope(layer.bias), torch.zeros(5))


def test_batch_norm_leaves_the_bias_before_it_nothing_to_do_in_training() -> None:
    def bias_slope(dtype: torch.dtype, training: bool) -> tuple[float, float]:
        """Return the largest slope of the bias, and of the weight."""
        linear = oddly(Linear(6, 4, generator=seeded()), dtype)
        net = Sequential(linear, oddly(BatchNorm1d(4), dtype), Tanh())
        net.train(training)
        x = numbers(32, 6).to(dtype)
        (net(x) * numbers(32, 4, seed=3).to(dtype)).sum().backward()
        assert linear.bias is not None
        return (slope(linear.bias).abs().max().item(), slope(linear.weight).abs().max().item())

    for dtype, rounding in [(torch.float32, 4e-6), (torch.float64, 1e-14)]:
        bias, weight = bias_slope(dtype, training=True)  # 0 but for rounding
        assert bias < rounding
        assert weight > 0.5
        bias, weight = bias_slope(dtype, training=False)
        assert min(bias, weight) > 0.5


def test_a_bias_before_batch_norm_changes_nothing_in_training() -> None:
    layer, x = oddly(BatchNorm1d(4)), numbers(16, 4)
    shift = numbers(4, seed=5)
    close(layer(x + shift), layer(x), 1e-5)
    layer.eval()
    assert not torch.allclose(layer(x + shift), layer(x), atol=1e-2)


def test_each_feature_leaves_with_mean_bias_and_spread_weight() -> None:
    layer = oddly(BatchNorm1d(6, eps=1e-9))
    for x in (numbers(40, 6), 5 + 3 * numbers(8, 5, 6)):
        y = layer(x).flatten(0, -2)
        close(y.mean(0), layer.bias, 1e-5)
        close(y.std(0, correction=0), layer.weight.abs(), 1e-5)


@given(B=st.integers(2, 40), value=st.integers(-1000, 1000), T=st.none() | st.integers(1, 3))
def test_a_feature_that_does_not_vary_leaves_as_the_bias(B: int, value: int, T: int | None) -> None:
    layer = oddly(BatchNorm1d(3))
    x = numbers(B, 3) if T is None else numbers(B, T, 3)
    x[..., 1] = value  # a whole number, as their mean is then exact
    x.requires_grad_()
    y = layer(x)
    assert torch.equal(y[..., 1], layer.bias[1].expand_as(y[..., 1]))
    y.square().sum().backward()
    assert slope(x).isfinite().all()
    assert slope(layer.weight).isfinite().all()
    assert slope(layer.weight)[1] == 0
    assert slope(layer.bias).isfinite().all()


def too_few(n: int) -> str:
    """Return what is said of a batch with n numbers for each feature, as a pattern."""
    said = (
        f"numbers for each feature: {n}; in training at least 2 are needed,"
        " since fewer have no spread. Was .eval() forgotten?"
    )
    return f"^{re.escape(said)}$"


def test_one_example_has_no_spread_but_five_positions_of_one_have() -> None:
    layer = oddly(BatchNorm1d(4))
    before = copied(layer)
    for x in (numbers(1, 4), numbers(1, 1, 4)):
        with pytest.raises(ValueError, match=too_few(1)):
            layer(x)
    assert unchanged(layer, before)
    assert layer(numbers(1, 5, 4)).isfinite().all()
    assert layer(numbers(2, 4)).isfinite().all()
    layer.eval()
    assert layer(numbers(1, 4)).shape == (1, 4)
    assert layer(numbers(1, 1, 4)).shape == (1, 1, 4)


@pytest.mark.parametrize("shape", [(0, 4), (0, 3, 4), (3, 0, 4)])
def test_an_empty_batch_is_refused_in_training_only(shape: tuple[int, ...]) -> None:
    layer = oddly(BatchNorm1d(4))
    before = copied(layer)
    with pytest.raises(ValueError, match=too_few(0)):
        layer(torch.zeros(shape))
    layer.eval()
    assert layer(torch.zeros(shape)).shape == shape
    assert unchanged(layer, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4), (1, 4)])
def test_a_batch_of_another_type_than_the_averages_is_refused_in_training_only(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    layer, x = oddly(BatchNorm1d(4)), numbers(*shape).to(dtype)
    before = copied(layer)
    said = f"x is {dtype}, but the running averages are torch.float32; use the same"
    with pytest.raises(TypeError, match=f"^{re.escape(said)} for both\\.$"):
        layer(x)
    layer.eval()
    close(layer(x).float(), layer(x.float()), 1e-2)
    assert unchanged(layer, before)


def test_a_batch_norm_in_float64_takes_float64_and_refuses_float32() -> None:
    layer = oddly(BatchNorm1d(4), torch.float64)
    assert layer(numbers(6, 4).double()).dtype == torch.float64
    before = copied(layer)
    with pytest.raises(TypeError, match=r"x is torch\.float32, but .* torch\.float64"):
        layer(numbers(6, 4))
    assert unchanged(layer, before)


@pytest.mark.parametrize("make", [BatchNorm1d, LayerNorm])
@pytest.mark.parametrize("n_features", [0, -3, 4.0, 2.5, "4", None])
def test_a_bad_number_of_features_is_said(make: Callable[..., TensorModule], n_features: object) -> None:
    said = f"n_features is {n_features!r}; it must be a whole number of at least 1."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        make(n_features)


@pytest.mark.parametrize("make", [BatchNorm1d, LayerNorm])
@pytest.mark.parametrize("eps", [0.0, -1e-5, math.nan, math.inf])
def test_a_bad_eps_is_said(make: Callable[[int, float], TensorModule], eps: float) -> None:
    said = f"eps is {eps}; it must be above 0, and finite."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        make(4, eps)


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.01, math.nan, math.inf])
def test_a_bad_momentum_is_said(momentum: float) -> None:
    said = f"momentum is {momentum}; it must be in 0 to 1, not 0."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        BatchNorm1d(4, momentum=momentum)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 5, 4), (), (5, 3), (4, 5), (2, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_another_shape_is_refused(shape: tuple[int, ...], training: bool) -> None:
    layer = oddly(BatchNorm1d(4))
    layer.train(training)
    before = copied(layer)
    with pytest.raises(ValueError, match=r"\(B, 4\) or \(B, T, 4\); got \(") as e:
        layer(numbers(*shape))
    assert str(e.value).endswith(f"got {shape}.")
    assert unchanged(layer, before)


@pytest.mark.parametrize("shape", [(), (3,), (5, 3), (4, 5)])
def test_layer_norm_refuses_another_number_of_features(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"the last axis must be 4; got \(") as e:
        LayerNorm(4)(numbers(*shape))
    assert str(e.value).endswith(f"got {shape}.")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4)])
def test_what_is_not_finite_stays_out_of_the_running_averages(shape: tuple[int, ...], bad: float) -> None:
    layer, x = oddly(BatchNorm1d(4)), numbers(*shape)
    before = copied(layer)
    x[1, ..., 2] = bad
    with pytest.raises(ValueError, match="the batch has NaN, or numbers too large"):
        layer(x)
    assert unchanged(layer, before)


def test_nan_stays_with_its_example_in_evaluation() -> None:
    layer, x = oddly(BatchNorm1d(4)), numbers(6, 4)
    layer.eval()
    y = layer(x)
    x[1, 2] = math.nan
    z = layer(x)
    assert z[1, 2].isnan()
    assert z.isnan().sum() == 1
    others = [0, 2, 3, 4, 5]
    assert torch.equal(z[others], y[others])


def test_a_batch_norm_in_evaluation_folds_into_the_linear_layer_before_it() -> None:
    linear = oddly(Linear(6, 4, generator=seeded()))
    norm = oddly(BatchNorm1d(4))
    net = Sequential(linear, norm)
    for seed in range(3):
        net(numbers(20, 6, seed=seed))
    folded = Linear(6, 4, generator=seeded())
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    assert linear.bias is not None
    assert folded.bias is not None
    with torch.no_grad():
        folded.weight.copy_(linear.weight * scale)
        folded.bias.copy_((linear.bias - norm.running_mean) * scale + norm.bias)
    x = numbers(20, 6, seed=9)
    net.eval()
    close(net(x), folded(x))
    net.train()
    assert not torch.allclose(net(x), folded(x), atol=1e-2)
