"""The exercises on the backward pass by hand: one line at a time, and against autograd and torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nnz import exercises as ex
from nnz.backprop import NAMES, PARAMETERS, backward, first_params, forward
from nnz.exercises import backprop, backprop_lines
from nnz.exercises.checker.exercise import Exercise
from nnz.sample import seeded
from nnz.short_forms import batchnorm_backward

pytestmark = pytest.mark.support

SEEDS = st.integers(0, 10**6)


def draw(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=g, dtype=torch.float64)


def right() -> tuple[SimpleNamespace, SimpleNamespace, Tensor, Tensor]:
    """The batch of given(), with the gradients of its lines as attributes."""
    values, X, Y = ex.all_gradients.given()
    gradients = backward(values, X, Y)
    return SimpleNamespace(**values), SimpleNamespace(**gradients), X, Y


def in_short_forms(values: Any, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
    """Other formulas, which round otherwise."""
    v, d = SimpleNamespace(**values), backward(values, X, Y)
    d["probs"] = (1 / v.probs) * d["logprobs"]
    d["norm_logits"] = (v.probs - F.one_hot(Y, v.probs.shape[1])) / len(Y)
    d["logit_maxes"] = -d["norm_logits"].flip(1).sum(1, keepdim=True)
    d["logits"] = d["norm_logits"].clone()
    d["h"] = (v.W2 @ d["logits"].T).T
    d["hpreact"] = d["h"] - d["h"] * v.h * v.h
    norm = batchnorm_backward(d["hpreact"], v.bnraw, v.bnvar_inv, v.bngain)
    d["hprebn"], d["bngain"], d["bnbias"] = norm
    d["b1"] = d["hprebn"].flip(0).sum(0)
    d["W1"] = (d["hprebn"].T @ v.embcat).T
    return d


def test_given_hands_out_copies() -> None:
    values, X, Y = ex.all_gradients.given()
    assert values.keys() == {*NAMES, "bnbias", "loss"}
    for tensor in (*values.values(), X, Y):
        assert not tensor.requires_grad
        tensor.zero_()
    again, X, Y = ex.all_gradients.given()
    assert again["loss"] > 1
    assert X.any()
    assert Y.any()


def test_the_batches_have_repeated_characters_and_both_dtypes() -> None:
    sizes, dtypes = [], []
    for index in range(len(ex.all_gradients.inputs)):
        values, X, Y = ex.all_gradients.given(index)
        assert len(X.unique()) < X.numel()
        assert len(Y.unique()) < len(Y)
        expected = forward({n: values[n] for n in PARAMETERS}, X, Y)
        assert expected.keys() == values.keys()
        assert all(torch.equal(expected[name], values[name]) for name in values)
        sizes.append(len(X))
        dtypes.append(values["loss"].dtype)
    assert sizes == [5, 7, 32]
    assert set(dtypes) == {torch.float32, torch.float64}
    with pytest.raises(ValueError, match="batches 0 to 2; got 3"):
        ex.all_gradients.given(3)


@pytest.mark.parametrize("name", NAMES)
def test_one_gradient_can_be_compared_at_a_time(name: str) -> None:
    _, d, _, _ = right()
    gradient = vars(d)[name]
    result = ex.all_gradients.compare(name, gradient)
    assert (result.state, result.text) == ("right", f"{name}: exact")
    result = ex.all_gradients.compare(name, gradient + 0.5)
    assert result.state == "wrong"
    assert result.text == f"{name}: WRONG by up to 0.5"
    assert "wrong" in ex.all_gradients.compare(name, gradient[None, None]).state


def test_a_gradient_that_is_rounded_otherwise_is_approximate() -> None:
    _, d, _, _ = right()
    close = ex.all_gradients.compare("probs", d.probs * (1 + 2e-7))
    assert close
    assert close.text.startswith("probs: approximate, within ")
    assert ex.all_gradients.compare("probs", d.probs.double())
    assert not ex.all_gradients.compare("probs", d.probs * (1 + 1e-4))


def test_what_is_rounding_alone_is_measured_by_what_it_is_the_sum_of() -> None:
    """The gradients of b1 and logit_maxes are 0 on paper; another order of sums leaves another rest."""
    _, d, _, _ = right()
    for name in ("b1", "logit_maxes"):
        rest = vars(d)[name]
        assert rest.abs().max() < 1e-7
        assert ex.all_gradients.compare(name, rest + 1e-8)
        assert not ex.all_gradients.compare(name, rest + 1e-5)
        flipped = ex.all_gradients.compare(name, -rest)
        assert "probable cause: the sign is wrong" in flipped.text


def test_every_slip_of_a_line_is_named_when_it_is_compared() -> None:
    batch = backprop_lines.Batch.of(*ex.all_gradients.given())
    for name, slips in backprop_lines.LINES.items():
        for cause, line in slips:
            result = ex.all_gradients.compare(name, batch.slip(line))
            assert result.state == "wrong"
            assert result.text.startswith(f"{name}: WRONG ")
            assert result.text.endswith(f"\nprobable cause: {cause}"), result


@pytest.mark.parametrize("name", NAMES)
def test_slips_that_any_line_can_have_are_named(name: str) -> None:
    _, d, _, _ = right()
    gradient = vars(d)[name]
    wrong = {"sign is wrong": -gradient}
    if name not in ("b1", "logit_maxes"):  # rounding
        wrong["that share is left out"] = gradient * 5
        wrong["once too often"] = gradient / 5
    if gradient.ndim == 1:
        wrong["kept an axis"] = gradient[None]
    elif gradient.ndim == 2 and 1 in gradient.shape:
        wrong["lost an axis"] = gradient.squeeze()
    elif gradient.ndim == 2:
        wrong["transposed"] = gradient.T
    for part, yours in wrong.items():
        result = ex.all_gradients.compare(name, yours)
        assert part in result.text.partition("probable cause: ")[2], result


def test_what_is_no_gradient_is_an_error_and_nothing_is_raised() -> None:
    for odd in (None, ..., 3, [1.0], "probs", {}, object(), torch.Tensor):
        result = ex.all_gradients.compare("probs", odd)
        assert result.state == "error"
        assert result.text.startswith("probs: expected a tensor; got ")
        assert "0x" not in result.text
    nowhere = torch.empty(5, 8, device="meta")
    assert ex.all_gradients.compare("probs", nowhere).state == "error"
    for odd in (
        torch.ones(5, 8, dtype=torch.int64),
        torch.ones(5, 8, dtype=torch.complex64),
        torch.full((5, 8), torch.nan),
        torch.full((5, 8), torch.inf),
        torch.empty(0),
        torch.tensor(1.0),
    ):
        assert ex.all_gradients.compare("probs", odd).state == "wrong"


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'dprobs'; the nearest: probs, logprobs\."):
        ex.all_gradients.compare("dprobs", torch.ones(1))
    with pytest.raises(ValueError, match="'bnbais'; the nearest: bnbias"):
        ex.all_gradients.compare("bnbais", torch.ones(1))
    with pytest.raises(ValueError, match="'q'; known: logprobs, probs, "):
        ex.all_gradients.compare("q", torch.ones(1))
    for swapped in (torch.ones(2, 2), None, 3, [], float):
        with pytest.raises(ValueError, match='expected a name such as "probs"'):
            ex.all_gradients.compare(swapped, "probs")


def test_other_formulas_for_the_lines_are_right() -> None:
    result = ex.all_gradients.check(in_short_forms)
    assert result.state == "right", result
    lines = result.text.splitlines()
    assert [line.split(": ")[0] for line in lines[1:]] == list(NAMES)
    assert "W2: exact" in lines
    assert any(line.startswith("hprebn: approximate") for line in lines)


def test_the_reference_is_exact_in_every_line() -> None:
    result = ex.all_gradients.check(backprop.all_gradients)
    assert result.text.splitlines()[1:] == [f"{name}: exact" for name in NAMES]


def test_a_dict_is_judged_as_far_as_it_goes() -> None:
    def first_four(values: Any, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
        d = backward(values, X, Y)
        return {name: d[name] for name in NAMES[:4]}

    result = ex.all_gradients.check(first_four)
    assert result.state == "wrong"
    lines = result.text.splitlines()
    assert "yours: a dict with 4 of the 26 tensors" in lines
    for name in NAMES:
        how = "exact" if name in NAMES[:4] else "not there yet"
        assert f"{name}: {how}" in lines
    assert lines[-1] == "next to do: counts"
    assert "next to do: logprobs" in ex.all_gradients.check(lambda *_: {}).text


def test_a_slip_is_named_though_later_lines_are_wrong_for_it() -> None:
    def halfway(values: Any, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
        d = backward(values, X, Y)
        d["counts"] = d["probs"] * values["counts_sum_inv"]
        d["norm_logits"] = d["counts"] * values["counts"]
        d["logits"] = d["norm_logits"] + 1
        return d

    text = ex.all_gradients.check(halfway).text
    assert "counts_sum: exact" in text
    assert "counts: WRONG by up to" in text
    assert "begin with counts; " in text
    cause = "counts: it is used twice, and the way through counts_sum is left out"
    assert text.endswith(f"probable cause: {cause}")


def test_what_is_no_tensor_in_the_dict_is_told() -> None:
    def with_(value: Any) -> str:
        return ex.all_gradients.check(lambda *given: backward(*given) | {"probs": value}).text

    assert "probs: WRONG, a number where a tensor belongs" in with_(0.5)
    assert "probs: WRONG dtype int64, not float32" in with_(torch.ones(5, 8).long())
    assert "probs: WRONG, with nan" in with_(torch.full((5, 8), torch.nan))
    assert "probs: WRONG shape (8,), not (5, 8)" in with_(torch.ones(8))
    for nothing in (None, ...):
        assert with_(nothing).endswith("next to do: probs")
    text = ex.all_gradients.check(lambda *_: [1]).text
    assert "should be a dict from names to tensors; yours is a list" in text


def test_autograd_may_be_switched_off_around_the_check() -> None:
    for off in (torch.no_grad(), torch.inference_mode()):
        backprop_lines.batch_of.cache_clear()
        with off:
            assert ex.all_gradients.check(backprop.all_gradients)
            _, d, _, _ = right()
            assert ex.all_gradients.compare("C", d.C)


def test_a_tensor_that_was_changed_in_place_is_named() -> None:
    def changes(values: Any, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
        d = backward(values, X, Y)
        values["h"].mul_(2)
        return d

    text = ex.all_gradients.check(changes).text
    assert 'the tensor values["h"] was changed in place' in text

    def steps(params: Any, X: Tensor, Y: Tensor, rate: float) -> Any:
        new = backprop.hand_step(params, X, Y, rate)
        params["W2"] -= 1
        return new

    text = ex.hand_step.check(steps).text
    assert 'the tensor params["W2"] was changed in place' in text


@given(SEEDS, st.integers(2, 9))
def test_the_step_is_that_of_autograd(seed: int, B: int) -> None:
    g = seeded(seed)
    params = {name: p.double().requires_grad_() for name, p in first_params(2, 3, 4, 5, generator=g).items()}
    X = torch.randint(5, (B, 2), generator=g)
    Y = torch.randint(5, (B,), generator=g)
    forward(params, X, Y)["loss"].backward()
    detached = {name: p.detach() for name, p in params.items()}
    new = backprop.hand_step(detached, X, Y, 0.7)
    assert new.keys() == params.keys()
    for name, p in params.items():
        expected = detached[name] - 0.7 * p.grad
        torch.testing.assert_close(new[name], expected, rtol=1e-9, atol=1e-9)


@given(SEEDS, st.integers(1, 6), st.integers(2, 6))
def test_the_gradient_of_the_logits_is_autograd_s(seed: int, B: int, V: int) -> None:
    g = seeded(seed)
    logits = (20 * draw(g, B, V)).requires_grad_()
    Y = torch.randint(V, (B,), generator=g)
    F.cross_entropy(logits, Y).backward()
    yours = backprop.dlogits(logits.detach(), Y)
    torch.testing.assert_close(yours, logits.grad, rtol=1e-9, atol=1e-12)


@given(SEEDS, st.integers(3, 9), st.integers(1, 5))
def test_the_norm_in_one_line_is_autograd_s(seed: int, n: int, h: int) -> None:
    g = seeded(seed)
    x, dout, gain = draw(g, n, h).requires_grad_(), draw(g, n, h), draw(g, 1, h)
    inv = (x.var(0, keepdim=True) + 1e-5) ** -0.5
    raw = (x - x.mean(0)) * inv
    (gain * raw).backward(dout)
    yours = backprop.dhprebn(dout, raw.detach(), inv.detach(), gain)
    torch.testing.assert_close(yours, x.grad, rtol=1e-9, atol=1e-9)


@given(SEEDS, st.lists(st.integers(1, 4), min_size=1, max_size=2), st.integers(2, 6))
def test_the_way_back_through_a_layer_norm_is_torch_s(seed: int, rows: list[int], C: int) -> None:
    g = seeded(seed)
    x, weight, bias = (draw(g, *s).requires_grad_() for s in ((*rows, C), (C,), (C,)))
    dout = draw(g, *rows, C)
    F.layer_norm(x, (C,), weight, bias, eps=0.01).backward(dout)
    yours = backprop.layer_norm_backward(dout, x.detach(), weight.detach(), 0.01)
    for left, tensor in zip(yours, (x, weight, bias), strict=True):
        torch.testing.assert_close(left, tensor.grad, rtol=1e-9, atol=1e-9)


@given(SEEDS, st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_the_way_back_with_a_way_round_is_autograd_s(seed: int, B: int, C: int, whole: bool) -> None:
    g = seeded(seed)
    x, W = draw(g, B, C), draw(g, C, C)
    if whole:  # some sums are exactly 0
        x, W = x.round(), W.round()
    x.requires_grad_()
    W.requires_grad_()
    dout = draw(g, B, C)
    (x + torch.relu(x @ W)).backward(dout)
    yours = backprop.residual_backward(dout, x.detach(), W.detach())
    for left, tensor in zip(yours, (x, W), strict=True):
        torch.testing.assert_close(left, tensor.grad, rtol=1e-9, atol=1e-12)


@given(SEEDS, st.integers(1, 8), st.floats(0, 0.99), st.floats(0, 0.999))
def test_adam_by_hand_is_torch_s(seed: int, steps: int, b: float, c: float) -> None:
    g = seeded(seed)
    weight = draw(g, 3, 2)
    gradients = [draw(g, 3, 2) for _ in range(steps)]
    theirs = weight.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.1, betas=(b, c), eps=1e-4)
    for slope in gradients:
        theirs.grad = slope.clone()
        optimizer.step()
    yours = backprop.adam_by_hand(weight, gradients, 0.1, (b, c), 1e-4)
    torch.testing.assert_close(yours, theirs.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("exercise", backprop.EXERCISES, ids=lambda exercise: exercise.name)
def test_no_input_hides_a_mistake_behind_a_one(exercise: Exercise) -> None:
    for case in exercise.inputs:
        for arg in case.fresh():
            tensors = arg.values() if isinstance(arg, dict) else [arg]
            for tensor in tensors:
                if isinstance(tensor, Tensor) and tensor.is_floating_point():
                    assert not (tensor == 1).all()
                    assert tensor.any()
