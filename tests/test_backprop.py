"""Every line of the backward pass, against autograd, differences, torch and the page that derives it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.backprop import EPS, NAMES, PARAMETERS, Values, backward, first_params, forward
from nnz.compare import compare
from nnz.norms import BatchNorm1d
from nnz.press.pages import read_page
from nnz.sample import seeded
from nnz.short_forms import batchnorm_backward, cross_entropy_backward


def batch(B: int, T: int, V: int, seed: int = 0, few: bool = False) -> tuple[Tensor, Tensor]:
    """Random contexts and targets; with `few`, of two characters only, so that they repeat."""
    g, top = seeded(seed), 2 if few else V
    X = torch.randint(top, (B, T), generator=g)
    return X, torch.randint(top, (B,), generator=g)


def by_autograd(params: Values, X: Tensor, Y: Tensor) -> tuple[Values, Values]:
    """Return forward's values, and autograd's gradients of all that have one."""
    leaves = {k: p.detach().clone().requires_grad_() for k, p in params.items()}
    values = forward(leaves, X, Y)
    found = torch.autograd.grad(values["loss"], [values[name] for name in NAMES])
    return values, dict(zip(NAMES, found, strict=True))


def lecture(B: int = 32, seed: int = 0) -> tuple[Values, Tensor, Tensor]:
    return first_params(3, 10, 200, 27, generator=seeded(seed)), *batch(B, 3, 27)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_gradients_are_those_of_autograd_to_the_last_bit(seed: int, dtype: torch.dtype) -> None:
    params, X, Y = lecture(seed=seed)
    params = {name: p.to(dtype) for name, p in params.items()}
    values, expected = by_autograd(params, X, Y)
    found = backward(values, X, Y)
    assert list(found) == list(NAMES)
    assert len(NAMES) == 26
    assert [n for n in NAMES if not torch.equal(found[n], expected[n])] == []


@settings(max_examples=150)
@given(
    B=st.integers(2, 257),
    T=st.integers(1, 5),
    n_embd=st.integers(1, 6),
    n_hidden=st.integers(1, 9),
    V=st.integers(2, 30),
    seed=st.integers(0, 2**31),
    few=st.booleans(),
    size=st.sampled_from([0.0, 1.0, 50.0]),
)
def test_gradients_agree_for_any_shape(
    B: int, T: int, n_embd: int, n_hidden: int, V: int, seed: int, few: bool, size: float
) -> None:
    params = first_params(T, n_embd, n_hidden, V, generator=seeded(seed))
    params = {name: p.double() for name, p in params.items()}
    params["W2"] = params["W2"] * 10 * size  # 0: all logits of a column are equal
    X, Y = batch(B, T, V, seed, few)
    values, expected = by_autograd(params, X, Y)
    found = backward(values, X, Y)
    for name in NAMES:
        assert found[name].shape == values[name].shape
        size_of = 1 + expected[name].abs().max().item()
        assert (found[name] - expected[name]).abs().max() <= 1e-8 * size_of, name


def test_the_loss_is_torchs_and_the_norm_is_that_of_the_layers_but_for_bessel() -> None:
    params, X, Y = lecture()
    v = forward(params, X, Y)
    assert v["loss"] == pytest.approx(F.cross_entropy(v["logits"], Y).item())
    torch.testing.assert_close(v["bnvar"], v["hprebn"].var(0, keepdim=True))
    layer = BatchNorm1d(200)
    ratio = layer(v["hprebn"]) / v["bnraw"]
    expected = torch.full_like(ratio, (32 / 31) ** 0.5)
    torch.testing.assert_close(ratio, expected, rtol=1e-4, atol=0)


def test_torchs_gradcheck_passes_for_forward_with_our_backward() -> None:
    X, Y = batch(7, 3, 5, few=True)

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *weights: Tensor) -> Tensor:
            ctx.v = forward(dict(zip(PARAMETERS, weights, strict=True)), X, Y)
            return ctx.v["loss"]

        @staticmethod
        def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, ...]:
            d = backward(ctx.v, X, Y)
            return tuple(slope * d[name] for name in PARAMETERS)

    params = first_params(3, 2, 4, 5, generator=seeded(3))
    weights = [params[n].double().requires_grad_() for n in PARAMETERS]
    assert torch.autograd.gradcheck(ByHand.apply, weights)
    spoiled = weights[0] * 0 + 1  # the check must be able to fail
    assert not torch.autograd.gradcheck(
        lambda *w: ByHand.apply(spoiled.detach(), *w[1:]) + w[0].sum() * w[0].detach().sum(),
        weights,
        raise_exception=False,
    )


def test_gradients_that_are_zero_on_paper_are_rounding() -> None:
    params, X, Y = lecture()
    d = backward(forward(params, X, Y), X, Y)
    assert d["logit_maxes"].abs().max() < 1e-7
    assert d["b1"].abs().max() < 1e-6 * d["W1"].abs().max()


def test_ties_in_the_largest_logit_change_nothing() -> None:
    params, X, Y = lecture()
    params["W2"] = torch.zeros_like(params["W2"])
    params["b2"] = torch.ones_like(params["b2"])
    values, expected = by_autograd(params, X, Y)
    d = backward(values, X, Y)
    assert torch.equal(d["logits"], expected["logits"])
    assert d["b2"].sum().abs() < 1e-7


def test_the_naive_scatter_is_wrong_where_a_character_repeats() -> None:
    params, X, Y = lecture()
    d = backward(forward(params, X, Y), X, Y)
    naive = torch.zeros_like(params["C"])
    naive[X] += d["emb"]
    assert (naive - d["C"]).abs().max() > 1e-3


def as_on_the_page(line: str) -> str:
    """Return a line of the module or of the page with the names of the page, and without its comment."""
    line = re.sub(r"\bv\.", "", line.split("  #")[0].strip())
    line = re.sub(r"\blen\([XY]\)", "n", line).replace("EPS", "1e-5")
    return re.sub(r"\bY\b", "y", re.sub(r"\bX\b", "x", line))


def gradient_lines(code: str) -> set[str]:
    """Return the lines that make gradients."""
    made = r"(d[a-zA-Z]\w*|at_max)(\[.*?\]|\.index_add_)?\s*(=|\(0)"
    return {line for line in map(as_on_the_page, code.splitlines()) if re.match(made, line)}


def lines_of_the_module(root: Path, way: str, stages: Sequence[str]) -> list[str]:
    """Return the bodies of its functions for one way."""
    source = (root / "src/nnz/backprop.py").read_text(encoding="utf-8")
    return [source.split(f"def {stage}_{way}(")[1].split("    return ")[0] for stage in stages]


def test_the_lines_of_the_page_are_the_lines_of_the_module(root: Path) -> None:
    module = set()
    for body in lines_of_the_module(root, "backward", ("loss", "output", "norm", "hidden")):
        module |= gradient_lines(body)
    assert len(module) == 31
    cells = read_page(root / "book/backprop.md").cells
    page = set[str]().union(*(gradient_lines(cell.code) for cell in cells))
    # The tanh is derived twice there: as a person writes it, and rounded once.
    left = {line for line in module - page if not line.startswith("dhpreact")}
    assert left == set()


def test_the_forward_pass_of_the_page_is_that_of_the_module(root: Path) -> None:
    module = set()
    for body in lines_of_the_module(root, "forward", ("hidden", "norm", "output", "loss")):
        made = [
            line
            for line in body.splitlines()
            if re.match(r"    (?!n\b|first\b|second\b|third\b|last\b)\w+ =", line)
        ]
        module |= {as_on_the_page(line) for line in made}
    assert len(module) == len(NAMES) + 1 - len(PARAMETERS)
    text = (root / "book/backprop.md").read_text(encoding="utf-8")
    cells = [cell.code for cell in read_page(root / "book/backprop.md").cells]
    page = {as_on_the_page(line) for code in cells for line in code.splitlines()}
    assert module - page == set()
    # And each stands once more where its gradient is asked for.
    assert [line for line in module if sum(as_on_the_page(x) == line for x in text.splitlines()) < 2] == []


@given(B=st.integers(1, 40), V=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_the_short_form_of_cross_entropy_is_torchs(B: int, V: int, seed: int) -> None:
    g = seeded(seed)
    logits = 30 * torch.randn(B, V, generator=g, dtype=torch.float64)
    Y = torch.randint(V, (B,), generator=g)
    root = logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(root, Y), root)
    torch.testing.assert_close(cross_entropy_backward(logits, Y), expected)


def test_the_short_form_is_right_where_the_long_one_is_not_a_number() -> None:
    params, X, Y = lecture()
    params["b2"] = torch.linspace(-500, 500, 27)
    values = forward(params, X, Y)
    assert not backward(values, X, Y)["logits"].isfinite().all()
    root = values["logits"].clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(root, Y), root)
    torch.testing.assert_close(cross_entropy_backward(values["logits"], Y), expected)


@given(
    B=st.integers(2, 40), C=st.integers(1, 8), seed=st.integers(0, 2**31), correction=st.sampled_from([0, 1])
)
def test_the_short_form_of_batch_norm_is_autograds(B: int, C: int, seed: int, correction: int) -> None:
    g = seeded(seed)
    x, dout = (torch.randn(B, C, generator=g, dtype=torch.float64) for _ in "ab")
    gain, bias = (torch.randn(1, C, generator=g, dtype=torch.float64) for _ in "ab")
    for t in (x, gain, bias):
        t.requires_grad_()
    inv = (x.var(0, correction=correction, keepdim=True) + EPS) ** -0.5
    raw = (x - x.mean(0, keepdim=True)) * inv
    expected = torch.autograd.grad(gain * raw + bias, [x, gain, bias], dout)
    found = batchnorm_backward(dout, raw.detach(), inv.detach(), gain.detach(), correction)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_both_short_forms_are_the_long_forms() -> None:
    params, X, Y = lecture()
    v = forward({name: p.double() for name, p in params.items()}, X, Y)
    d = backward(v, X, Y)
    short = cross_entropy_backward(v["logits"], Y)
    torch.testing.assert_close(short, d["logits"], rtol=0, atol=1e-15)
    dx, dgain, dbias = batchnorm_backward(d["hpreact"], v["bnraw"], v["bnvar_inv"], v["bngain"])
    torch.testing.assert_close(dx, d["hprebn"], rtol=0, atol=1e-15)
    torch.testing.assert_close(dgain, d["bngain"], rtol=0, atol=1e-15)
    torch.testing.assert_close(dbias, d["bnbias"], rtol=0, atol=1e-15)


def test_compare_says_exact_approximate_or_by_how_much() -> None:
    one = torch.tensor([1.0, 2.0])
    assert compare("x", one.clone(), one) == "x: exact"
    assert compare("x", one + 1e-6, one).startswith("x: approximate, within")
    assert compare("x", one + 0.25, one) == "x: WRONG by up to 0.25"
    assert compare("x", one[:1], one) == "x: WRONG shape (1,), not (2,)"
    assert "WRONG" in compare("x", one * torch.nan, one)
    double = one.double()
    assert "approximate" in compare("x", double + 1e-13, double)
    assert "WRONG" in compare("x", double + 1e-6, double)
    assert "WRONG dtype torch.float64" in compare("x", double, one)
    far = torch.tensor([100.0, 0.001])  # the small number is rounded as the large
    assert "approximate" in compare("x", far + 5e-5, far)
    assert "WRONG" in compare("x", far + 5e-3, far)


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "a batch of one": (
        lambda p, X, Y: (p, X[:1], Y[:1]),
        ValueError,
        "has 1 examples; a batch norm needs at least 2",
    ),
    "an empty batch": (lambda p, X, Y: (p, X[:0], Y[:0]), ValueError, "has 0 examples"),
    "a target outside": (lambda p, X, Y: (p, X, Y + 20), ValueError, "Y has indices from"),
    "a negative context": (lambda p, X, Y: (p, X - 1, Y), ValueError, "X has indices from -1"),
    "a longer context": (
        lambda p, X, Y: (p, X.repeat(1, 2), Y),
        ValueError,
        r"X must have shape \(B, 3\) and Y \(B,\); got \(32, 6\) and \(32,\)",
    ),
    "fewer targets": (lambda p, X, Y: (p, X, Y[1:]), ValueError, r"\(31,\)"),
    "contexts of floats": (
        lambda p, X, Y: (p, X.float(), Y),
        TypeError,
        "X and Y must be int64; got torch.float32",
    ),
    "targets of int32": (lambda p, X, Y: (p, X, Y.int()), TypeError, "torch.int64 and torch.int32"),
    "mixed types": (
        lambda p, X, Y: (p | {"W1": p["W1"].double()}, X, Y),
        TypeError,
        "all be float32, or all float64",
    ),
    "half precision": (
        lambda p, X, Y: ({k: t.half() for k, t in p.items()}, X, Y),
        TypeError,
        "all be float32, or all float64",
    ),
    "NaN": (
        lambda p, X, Y: (p | {"W2": p["W2"] * torch.nan}, X, Y),
        ValueError,
        "W2 has numbers that are not finite",
    ),
    "infinity": (
        lambda p, X, Y: (p | {"b1": p["b1"] + torch.inf}, X, Y),
        ValueError,
        "b1 has numbers that are not finite",
    ),
    "a parameter missing": (
        lambda p, X, Y: ({k: t for k, t in p.items() if k != "bngain"}, X, Y),
        ValueError,
        "params lack bngain",
    ),
    "a bias of another width": (
        lambda p, X, Y: (p | {"b1": p["b1"][:-1]}, X, Y),
        ValueError,
        r"b1 has shape \(199,\)",
    ),
    "a gain without its first axis": (
        lambda p, X, Y: (p | {"bngain": p["bngain"][0]}, X, Y),
        ValueError,
        r"bngain has shape \(200,\)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_has_no_gradient_is_refused(what: str) -> None:
    spoil, error, says = BAD[what]
    with pytest.raises(error, match=says):
        forward(*spoil(*lecture()))


def test_backward_wants_what_forward_returned() -> None:
    params, X, Y = lecture()
    values = forward(params, X, Y)
    with pytest.raises(ValueError, match=r"values lack counts, probs"):
        backward({k: t for k, t in values.items() if k not in ("probs", "counts")}, X, Y)
    with pytest.raises(ValueError, match="Y has indices"):
        backward(values, X, Y + 27)


@pytest.mark.parametrize(
    ("logits", "Y", "error", "says"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2).long(), TypeError, "float"),
        (torch.zeros(2, 3), torch.zeros(2), TypeError, "Y int64"),
        (torch.zeros(3), torch.zeros(3).long(), ValueError, r"\(B, V\)"),
        (torch.zeros(0, 3), torch.zeros(0).long(), ValueError, "B >= 1"),
        (torch.zeros(2, 3), torch.zeros(3).long(), ValueError, r"got \(2, 3\) and \(3,\)"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), ValueError, "from 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), ValueError, "from -1 to 0"),
    ],
)
def test_cross_entropy_backward_refuses_what_is_no_batch(
    logits: Tensor, Y: Tensor, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        cross_entropy_backward(logits, Y)


def test_batchnorm_backward_refuses_what_does_not_fit() -> None:
    dout, raw, row = torch.ones(4, 3), torch.ones(4, 3), torch.ones(3)
    batchnorm_backward(dout, raw, row, row[None])
    with pytest.raises(ValueError, match=r"raw \(4, 2\)"):
        batchnorm_backward(dout, raw[:, :2], row, row)
    with pytest.raises(ValueError, match=r"gain \(2,\)"):
        batchnorm_backward(dout, raw, row, row[:2])
    with pytest.raises(ValueError, match="got 1 and 1"):
        batchnorm_backward(dout[:1], raw[:1], row, row)
    with pytest.raises(ValueError, match="got 4 and 2"):
        batchnorm_backward(dout, raw, row, row, correction=2)


@pytest.mark.parametrize("size", [0, -1, 2.0, None])
def test_sizes_must_be_whole_numbers_of_at_least_1(size: Any) -> None:
    for at in range(4):
        sizes = [3, 2, 4, 5]
        sizes[at] = size
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            first_params(*sizes, generator=seeded(0))
