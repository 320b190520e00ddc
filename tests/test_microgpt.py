"""The GPT of Values against the published run, a second implementation in tensors, and finite differences."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from itertools import islice, pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.data import LETTERS, load_names, split_names
from nnz.engine import Value
from nnz.microgpt import Matrix, MicroGPT, adam_step, descend, linear, look, matrix, rmsnorm, softmax
from nnz.plumbing.datasets import Source

# Steps 1 to 13 of Karpathy's post of 12 February 2026.
PUBLISHED = [
    3.3660, 3.4243, 3.1778, 3.0664, 3.2209, 2.9452, 3.2894, 3.3245, 2.8990, 3.2229, 2.7964, 2.9345, 3.0544,
]  # fmt: skip
SIZES = st.sampled_from([(4, 1), (4, 2), (6, 3), (4, 4)])  # of width and heads
TOKENS = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(lambda letters: [0, *letters, 0])


def small(width: int = 4, heads: int = 2, seed: int = 1, spread: float = 0.5) -> MicroGPT:
    """Return a model of six tokens and five places, with weights large enough to be told apart."""
    model = MicroGPT(6, width, heads, 5, generator=random.Random(seed))
    for w in model.parameters():
        w.data *= spread / 0.08
    return model


def tensors(model: MicroGPT) -> dict[str, Tensor]:
    return {
        name: torch.tensor([[w.data for w in row] for row in rows], dtype=torch.float64, requires_grad=True)
        for name, rows in model.weights.items()
    }


def loss_of_tensors(w: dict[str, Tensor], heads: int, tokens: Sequence[int]) -> Tensor:
    """Compute the same loss with a table of places, a mask, and torch's own norm and attention."""

    def norm(x: Tensor) -> Tensor:
        return torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-5)

    T = len(tokens) - 1
    x = norm(w["wte"][torch.tensor(tokens[:-1])] + w["wpe"][:T])
    q, k, v = ((norm(x) @ w[name].T).view(T, heads, -1).transpose(0, 1) for name in ("wq", "wk", "wv"))
    found = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + found.transpose(0, 1).reshape(T, -1) @ w["wo"].T
    x = x + (norm(x) @ w["fc1"].T).relu() @ w["fc2"].T
    return torch.nn.functional.cross_entropy(x @ w["lm_head"].T, torch.tensor(tokens[1:]))


def test_the_first_losses_are_the_published_ones(reference: Source) -> None:
    names = load_names()
    generator = random.Random(42)
    shuffled = list(names)
    generator.shuffle(shuffled)
    model = MicroGPT(len(LETTERS), generator=generator)
    tokens = [[0, *LETTERS.encode(name), 0] for name in shuffled[:13]]
    assert shuffled[:13] == split_names(names)[0][:13]
    losses = [round(loss, 4) for loss in islice(descend(model, tokens), 13)]
    if reference.is_reference:
        assert losses == PUBLISHED


def test_it_has_as_many_numbers_as_were_published() -> None:
    model = MicroGPT(27, generator=random.Random(1))
    assert len(model.parameters()) == 27 * 16 + 16 * 16 + 27 * 16 + 4 * 16**2 + 2 * 4 * 16**2 == 4192


def test_the_rows_of_the_mark_are_drawn_after_those_of_the_letters() -> None:
    model, rng = MicroGPT(3, 2, 1, 4, generator=random.Random(5)), random.Random(5)
    drawn = [[rng.gauss(0, 0.08) for _ in range(2)] for _ in range(3)]
    ours = [[w.data for w in row] for row in model.weights["wte"]]
    assert ours == [drawn[2], drawn[0], drawn[1]]


@settings(max_examples=25)
@given(SIZES, TOKENS, st.integers(0, 2**31))
def test_loss_and_gradients_are_those_of_tensors(size: tuple[int, int], tokens: list[int], seed: int) -> None:
    model = small(*size, seed=seed)
    weights = tensors(model)
    loss, theirs = model.loss(tokens), loss_of_tensors(weights, size[1], tokens)
    loss.backward()
    theirs.backward()
    assert loss.data == pytest.approx(theirs.item(), abs=1e-12)
    for name, rows in model.weights.items():
        ours = torch.tensor([[w.grad for w in row] for row in rows], dtype=torch.float64)
        wanted = weights[name].grad
        assert wanted is not None
        torch.testing.assert_close(ours, wanted, atol=1e-11, rtol=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    model, tokens = small(), [0, 3, 1, 3, 0]
    model.loss(tokens).backward()
    for name, rows in model.weights.items():
        weight = rows[-1][1] if name != "wpe" else rows[2][1]
        kept = weight.data
        ends = []
        for h in (1e-5, -1e-5):
            weight.data = kept + h
            ends.append(model.loss(tokens).data)
        weight.data = kept
        assert weight.grad == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8), name


def test_letters_that_follow_change_nothing_before_them() -> None:
    model = small()

    def scores(tokens: list[int]) -> list[list[float]]:
        keys: Matrix = []
        values: Matrix = []
        return [[z.data for z in model.logits(token, keys, values)] for token in tokens]

    one, other = scores([0, 1, 2, 3]), scores([0, 1, 4, 5])
    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_every_letter_before_counts_and_so_does_its_place() -> None:
    model = small()

    def last(tokens: list[int]) -> list[float]:
        keys: Matrix = []
        values: Matrix = []
        for token in tokens:
            found = model.logits(token, keys, values)
        assert len(keys) == len(values) == len(tokens)
        return [z.data for z in found]

    seen = [last([0, *letters, 5]) for letters in ([1, 2], [3, 2], [1, 3], [2, 1])]
    assert all(a != b for a, b in pairwise(seen))
    assert len({tuple(row) for row in seen}) == 4


def test_the_keys_carry_a_gradient_from_later_letters() -> None:
    model, keys, values = small(), Matrix(), Matrix()
    for token in (0, 1, 2):
        scores = model.logits(token, keys, values)
    scores[3].backward()
    assert all(k.grad for row in keys[:2] for k in row)
    assert all(v.grad for row in values[:2] for v in row)


def test_a_name_costs_the_same_after_any_other() -> None:
    model = small()
    before = model.loss([0, 2, 1, 0]).data
    model.loss([0, 4, 5, 3, 0])
    assert model.loss([0, 2, 1, 0]).data == before


def test_heads_look_at_parts_of_their_own() -> None:
    query = [Value(x) for x in (0.3, -1.2)]
    keys = [[Value(x) for x in row] for row in ((1.0, 0.5), (-0.4, 2.0), (0.1, 0.2))]
    values = [[Value(x) for x in row] for row in ((1.0, 10.0), (2.0, 20.0), (4.0, 40.0))]
    scores = [sum(q.data * k.data for q, k in zip(query, key, strict=True)) / 2**0.5 for key in keys]
    powers = [math.exp(s) for s in scores]
    shares = [p / sum(powers) for p in powers]
    found = [x.data for x in look(query, keys, values)]
    assert found == pytest.approx(
        [sum(s * v for s, v in zip(shares, (1, 2, 4), strict=True)) * k for k in (1, 10)]
    )


def test_softmax_does_not_overflow_and_rmsnorm_leaves_a_mean_square_of_one() -> None:
    assert [p.data for p in softmax([Value(1000.0), Value(1000.0)])] == [0.5, 0.5]
    x = [y.data for y in rmsnorm([Value(3.0), Value(-4.0)])]
    assert x == pytest.approx([3 / 12.5**0.5, -4 / 12.5**0.5], rel=1e-6)
    assert [y.data for y in rmsnorm([Value(0.0), Value(0.0)])] == [0.0, 0.0]
    assert [y.data for y in linear([Value(2.0), Value(3.0)], [[Value(1.0), Value(10.0)]])] == [32.0]


def test_first_weights_are_drawn_row_by_row() -> None:
    rng = random.Random(3)
    flat = [rng.gauss(0, 0.08) for _ in range(6)]
    assert [w.data for row in matrix(2, 3, random.Random(3)) for w in row] == flat


def test_a_step_is_that_of_torch_s_adam() -> None:
    rng = random.Random(2)
    ours = [Value(rng.gauss(0, 1)) for _ in range(5)]
    theirs = torch.tensor([w.data for w in ours], dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.85, 0.99))
    m, v = [0.0] * 5, [0.0] * 5
    for t in range(1, 5):
        for w in ours:
            w.grad = rng.gauss(0, 0.1)
        theirs.grad = torch.tensor([w.grad for w in ours], dtype=torch.float64)
        adam_step(ours, m, v, t, 0.01)
        adam.step()
    assert [w.data for w in ours] == pytest.approx(theirs.tolist(), rel=1e-10)


def test_the_rate_falls_in_equal_parts_and_names_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rates, read = small(), [], []
    monkeypatch.setattr("nnz.microgpt.adam_step", lambda weights, m, v, t, rate: rates.append((t, rate)))
    whole = MicroGPT.loss
    monkeypatch.setattr(MicroGPT, "loss", lambda self, tokens: (read.append(tokens), whole(self, tokens))[1])
    losses = list(descend(model, [[0, 1, 0], [0, 2, 0]], steps=4, rate=0.2))
    assert rates == [(1, 0.2), (2, pytest.approx(0.15)), (3, pytest.approx(0.1)), (4, pytest.approx(0.05))]
    assert read == [[0, 1, 0], [0, 2, 0]] * 2
    assert losses[0] == losses[2]  # nothing moved, and no gradient stayed


def test_it_learns_a_name_by_heart() -> None:
    model = small(spread=0.08)
    losses = list(descend(model, [[0, 1, 2, 3, 0]], steps=60, rate=0.05))
    assert losses[-1] < 0.3 < 1.5 < losses[0]


def test_writing_draws_as_many_numbers_as_letters_and_ends_at_the_last_place() -> None:
    model = small()
    written = [model.write(random.Random(seed), temperature=1.0) for seed in range(30)]
    assert all(0 < token < 6 for name in written for token in name)
    assert max(map(len, written)) == model.block_size
    for w in model.weights["lm_head"][0]:
        w.data = 0.0
    assert model.write(random.Random(4)) == model.write(random.Random(4))


def test_a_low_temperature_takes_the_likeliest_letter() -> None:
    model = small()
    keys: Matrix = []
    scores = model.logits(0, keys, [])
    best = max(range(6), key=lambda i: scores[i].data)
    firsts = {(model.write(random.Random(seed), 1e-3) or [0])[0] for seed in range(20)}
    assert firsts == {best}


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ([0, 0], "one letter or more"),
        ([0], "one letter or more"),
        ([1, 2, 0], "must be 0"),
        ([0, 1, 2], "and 0 again"),
        ([0, 6, 0], "from 1 to 5"),
        ([0, 1, 0, 1, 0], "one letter or more"),
        ([0, 1, 2, 3, 4, 5, 0], "5 letters needs 6 places, and the model has 5"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused(tokens: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        small().loss(tokens)


def test_a_place_beyond_the_last_is_refused_and_nothing_remembered() -> None:
    model, keys, values = small(), Matrix(), Matrix()
    for token in (0, 1, 2, 3, 4):
        model.logits(token, keys, values)
    with pytest.raises(ValueError, match="all 5 places have been read"):
        model.logits(5, keys, values)
    assert len(keys) == len(values) == 5


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((0, 4, 2, 5), "^n_tokens is .*at least 1"),
        ((6, 0, 2, 5), "^n_embd is .*at least 1"),
        ((6, 4, 0, 5), "^n_head is .*at least 1"),
        ((6, 4, 3, 5), "share it evenly"),
        ((6, 4, 2, 0), "^block_size is .*at least 1"),
    ],
)
def test_sizes_that_make_no_model_are_refused(size: tuple[int, int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MicroGPT(*size, generator=random.Random(1))


def test_a_sum_of_nothing_is_a_value_too() -> None:
    (nothing,) = linear([], [[]])
    assert isinstance(nothing, Value)
    assert nothing.data == 0


def test_what_is_no_source_of_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="source of random numbers"):
        MicroGPT(6, generator=42)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="temperature is 0"):
        small().write(random.Random(1), 0)


@pytest.mark.parametrize(
    ("token", "keys", "values", "said"),
    [(-1, 0, 0, "token is -1"), (27, 0, 0, "from 0 to 26"), (1, 1, 0, "1 keys and 0 values")],
)
def test_a_token_that_cannot_be_read_leaves_keys_and_values_alone(
    token: int, keys: int, values: int, said: str
) -> None:
    model = MicroGPT(27, 4, 2, 4, generator=random.Random(1))
    row = [Value(0.0)] * 4
    known, found = [row] * keys, [row] * values
    with pytest.raises(ValueError, match=said):
        model.logits(token, known, found)
    assert (len(known), len(found)) == (keys, values)


def test_a_descent_ends_where_the_loss_is_no_number() -> None:
    model = MicroGPT(27, 4, 2, 8, generator=random.Random(1))
    steps = descend(model, [[0, 5, 13, 13, 1, 0]], steps=5, rate=1e200)
    assert math.isfinite(next(steps))
    with pytest.raises(ArithmeticError, match=r"before step \d is nan; take a rate below 1e\+200"):
        list(steps)
