"""First weights: gains and draws against torch.nn.init, moments against integrals that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nnz.init import forward_gain, gain, kaiming_normal, second_moment
from nnz.sample import seeded

MODES = ("fan_in", "fan_out", "fan_avg")
Activation = Callable[[Tensor], Tensor]
sizes = st.integers(1, 40)
slopes = st.floats(-10, 10)


def leaky(slope: float) -> Activation:
    return lambda z: F.leaky_relu(z, slope)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("linear", nn.init.calculate_gain("linear")),
        ("tanh", nn.init.calculate_gain("tanh")),
        ("relu", nn.init.calculate_gain("relu")),
        ("sigmoid", nn.init.calculate_gain("sigmoid")),
        ("selu", nn.init.calculate_gain("selu")),
    ],
)
def test_the_gain_is_that_of_torch(name: str, theirs: float) -> None:
    assert gain(name) == pytest.approx(theirs, rel=1e-12)


@given(slope=slopes)
def test_the_gain_of_the_leaky_relu_is_that_of_torch(slope: float) -> None:
    theirs = nn.init.calculate_gain("leaky_relu", slope)
    assert gain("leaky_relu", slope) == pytest.approx(theirs, rel=1e-12)


def test_the_leaky_relu_has_the_slope_that_torch_gives_it() -> None:
    theirs = nn.init.calculate_gain("leaky_relu")
    assert gain("leaky_relu") == pytest.approx(theirs, rel=1e-12)
    assert gain("leaky_relu") != gain("relu")


@pytest.mark.parametrize("name", ["gelu", "", "ReLU"])
def test_an_unknown_activation_is_refused_and_the_known_ones_are_said(name: str) -> None:
    with pytest.raises(ValueError, match=f"no gain is known for '{name}'") as e:
        gain(name)
    for known in ("linear", "tanh", "relu", "leaky_relu", "sigmoid", "selu"):
        assert f" {known}" in str(e.value)
        assert gain(known) > 0


@pytest.mark.parametrize(
    ("f", "moment"),
    [
        (torch.relu, 1 / 2),
        (lambda z: z, 1),
        (torch.abs, 1),
        (torch.square, 3),
        (lambda z: z**3, 15),
        (torch.cos, (1 + math.exp(-2)) / 2),
        (torch.exp, math.exp(2)),
        (torch.zeros_like, 0),
        (lambda z: (z > 1).double(), math.erfc(1 / math.sqrt(2)) / 2),
    ],
    ids=["relu", "itself", "abs", "square", "cube", "cos", "exp", "zero", "step"],
)
def test_moments_are_those_that_can_be_integrated(f: Activation, moment: float) -> None:
    jump = 1e-3 if moment < 0.2 else 1e-9  # a step falls between two grid points
    assert second_moment(f) == pytest.approx(moment, abs=jump)


@given(slope=slopes)
def test_the_moment_of_the_leaky_relu_is_half_of_one_and_its_slope_squared(slope: float) -> None:
    moment = second_moment(leaky(slope))
    assert moment == pytest.approx((1 + slope**2) / 2, rel=1e-9)


@pytest.mark.parametrize("f", [torch.tanh, torch.sigmoid, F.selu, F.gelu])
def test_moments_are_those_of_a_sample(f: Activation) -> None:
    z = torch.randn(1_000_000, dtype=torch.float64, generator=seeded())
    squares = f(z).square()
    error = squares.std().item() / 1000  # the standard error of their mean
    assert error < 0.002
    assert second_moment(f) == pytest.approx(squares.mean().item(), abs=4 * error)


def test_the_forward_gain_of_the_relu_is_the_root_of_two() -> None:
    assert forward_gain(torch.relu) == pytest.approx(math.sqrt(2), rel=1e-9)
    assert forward_gain(torch.relu) == pytest.approx(gain("relu"), rel=1e-9)
    assert forward_gain(lambda z: z) == pytest.approx(gain("linear"), rel=1e-9)


@given(slope=slopes)
def test_the_forward_gain_of_the_leaky_relu_is_its_gain(slope: float) -> None:
    expected = gain("leaky_relu", slope)
    assert forward_gain(leaky(slope)) == pytest.approx(expected, rel=1e-9)


@given(scale=st.floats(0.01, 100))
def test_a_function_twice_as_large_asks_for_half_the_gain(scale: float) -> None:
    scaled = forward_gain(lambda z: scale * torch.tanh(z))
    assert scaled * scale == pytest.approx(forward_gain(torch.tanh), rel=1e-9)


@pytest.mark.parametrize("side", [-1, 1])
def test_the_integral_is_taken_from_minus_10_to_10(side: int) -> None:
    """What stands within counts; what stands beyond, were it infinite, does not."""
    assert second_moment(lambda z: torch.where(side * z > 10, torch.inf, 1.0)) == pytest.approx(1)
    assert second_moment(lambda z: torch.where(side * z > 9.9995, torch.inf, 1.0)) == math.inf


def test_a_function_that_is_zero_has_no_forward_gain() -> None:
    with pytest.raises(ValueError, match=r"is 0\.0; no gain keeps that at 1"):
        forward_gain(torch.zeros_like)
    with pytest.raises(ValueError, match="is nan; no gain"):
        forward_gain(torch.log)


def test_a_function_whose_moment_is_infinite_has_no_forward_gain() -> None:
    with pytest.raises(ValueError, match="is inf; no gain keeps that at 1"):
        forward_gain(lambda z: torch.exp(z**4))


def of_torch(n_in: int, n_out: int, gain: float, mode: str, seed: int) -> Tensor:
    """Draw with torch.nn.init; return the numbers in the order of its memory."""
    weight, g = torch.empty(n_out, n_in), seeded(seed)
    if mode == "fan_avg":
        return nn.init.xavier_normal_(weight, gain, generator=g).flatten()
    slope = math.sqrt(2 / gain**2 - 1)  # so that calculate_gain gives `gain`
    draw = nn.init.kaiming_normal_
    if mode == "fan_in":
        return draw(weight, slope, mode="fan_in", generator=g).flatten()
    return draw(weight, slope, mode="fan_out", generator=g).flatten()


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40)
@given(n_in=sizes, n_out=sizes, gain=st.floats(0.01, 1.4), seed=st.integers(0, 2**31))
def test_weights_are_those_of_torch_s_initialisers(
    mode: str, n_in: int, n_out: int, gain: float, seed: int
) -> None:
    ours = kaiming_normal(n_in, n_out, gain=gain, mode=mode, generator=seeded(seed))
    assert ours.shape == (n_in, n_out)
    assert ours.dtype == torch.float32
    assert not ours.requires_grad
    theirs = of_torch(n_in, n_out, gain, mode, seed)
    torch.testing.assert_close(ours.flatten(), theirs, atol=1e-7, rtol=1e-6)


def test_it_begins_with_gain_one_and_the_numbers_that_come_in() -> None:
    ours = kaiming_normal(30, 7, generator=seeded())
    theirs = of_torch(30, 7, 1.0, "fan_in", 1)
    torch.testing.assert_close(ours.flatten(), theirs, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 400), ("fan_out", 100), ("fan_avg", 250)])
def test_their_spread_is_the_gain_over_the_root_of_the_fan(mode: str, fan: int) -> None:
    weight = kaiming_normal(400, 100, gain=3, mode=mode, generator=seeded())
    assert weight.std().item() == pytest.approx(3 / math.sqrt(fan), rel=0.02)
    assert abs(weight.mean().item()) < 4 * 3 / math.sqrt(fan) / 200


def test_fan_in_keeps_the_signal_and_fan_out_keeps_the_slopes() -> None:
    pairs = list(pairwise([512, 256] * 5))  # the modes differ by √2 in the end

    def growth(mode: str, factor: float) -> tuple[float, float]:
        """Return how much a signal grows, and a slope on its way back."""
        g = seeded()
        x = h = torch.randn(500, 512, generator=g).requires_grad_()
        for n_in, n_out in pairs:
            weight = kaiming_normal(n_in, n_out, gain=factor, mode=mode, generator=g)
            h = torch.relu(h @ weight)
        slope = torch.randn(h.shape, generator=g)
        (back,) = torch.autograd.grad(h, x, slope)
        return h.square().mean().item() ** 0.5, back.std().item()

    forward, _ = growth("fan_in", gain("relu"))
    _, back = growth("fan_out", gain("relu"))
    assert 0.8 < forward < 1.25
    assert 0.8 < back < 1.25
    assert max(*growth("fan_in", 1.0), *growth("fan_out", 1.0)) < 0.1


@pytest.mark.parametrize(
    ("n_in", "n_out", "factor"),
    [
        (0, 3, 1.0),
        (3, 0, 1.0),
        (-1, 3, 1.0),
        (3, -2, 1.0),
        (3, 4, 0.0),
        (3, 4, -1.0),
        (3, 4, math.inf),
        (3, 4, math.nan),
    ],
)
def test_bad_sizes_and_gains_are_said(n_in: int, n_out: int, factor: float) -> None:
    g = seeded()
    with pytest.raises(ValueError, match=f"got n_in {n_in}, n_out {n_out}, gain {factor}"):
        kaiming_normal(n_in, n_out, gain=factor, generator=g)
    assert torch.equal(g.get_state(), seeded().get_state())


@pytest.mark.parametrize("mode", ["fan", "", "fan_both"])
def test_an_unknown_mode_is_refused_and_the_known_ones_are_said(mode: str) -> None:
    with pytest.raises(ValueError, match=f"mode is '{mode}'.* fan_in, fan_out, fan_avg"):
        kaiming_normal(3, 4, mode=mode, generator=seeded())


def test_all_chance_is_in_the_generator() -> None:
    before, g = torch.get_rng_state(), seeded(5)
    first, second = (kaiming_normal(6, 5, generator=g) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, kaiming_normal(6, 5, generator=seeded(5)))
    assert not torch.equal(first, second)
    assert not torch.equal(first, kaiming_normal(6, 5, generator=seeded(6)))


def test_a_linear_layer_of_torch_begins_as_the_chapter_says() -> None:
    g = torch.Generator()
    g.set_state(torch.get_rng_state())  # the layer draws from what all share, and takes no generator
    layer = torch.nn.Linear(30, 20)
    drawn = torch.empty(20, 30)
    torch.nn.init.kaiming_uniform_(drawn, a=5**0.5, generator=g)
    assert torch.equal(layer.weight, drawn)
