"""All forms of attention are one function; nothing looks ahead; and a memory changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.attention import (
    Attention,
    Memory,
    attend,
    attend_backward,
    attend_one,
    attention_weights,
    mean_before,
    merge_heads,
    split_heads,
)
from nnz.sample import seeded
from odd_weights import close

DOUBLE = torch.float64
SEEDS = st.integers(0, 2**31)
FEW = st.integers(1, 6)


def odd(*shape: int, seed: int) -> Tensor:
    return 0.1 + 0.7 * torch.randn(*shape, generator=seeded(seed), dtype=DOUBLE)


def causal(T: int, S: int | None = None) -> Tensor:
    """Return which of S places each of the last T sees: those up to itself."""
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


def some_seen(B: int, T: int, S: int, seed: int) -> Tensor:
    """Return a random mask in which every place sees something."""
    seen = torch.rand(B, T, S, generator=seeded(seed)) < 0.5
    seen[..., seed % S] = True
    return seen


# The mean of all before


@given(FEW, FEW, FEW, SEEDS)
def test_the_mean_of_all_before_is_that_of_a_loop(B: int, T: int, C: int, seed: int) -> None:
    x = odd(B, T, C, seed=seed)
    for t in range(T):
        close(mean_before(x)[:, t], x[:, : t + 1].mean(dim=1))
    assert mean_before(x.to("meta")).device.type == "meta"  # it makes nothing elsewhere


@given(FEW, FEW, SEEDS)
def test_attention_with_equal_scores_is_the_mean_of_all_before(T: int, C: int, seed: int) -> None:
    x = odd(T, C, seed=seed)
    close(attend(torch.zeros(T, 3, dtype=DOUBLE), odd(T, 3, seed=1), x, causal(T)), mean_before(x))


# Queries, keys, values


@given(FEW, FEW, FEW, FEW, FEW, SEEDS)
def test_the_table_and_the_loop_are_one_function(B: int, T: int, S: int, d: int, C: int, seed: int) -> None:
    q, k, v = odd(B, T, d, seed=seed), odd(B, S, d, seed=seed + 1), odd(B, S, C, seed=seed + 2)
    seen = some_seen(B, T, S, seed)
    got = attend(q, k, v, seen)
    for b in range(B):
        for t in range(T):
            these = [s for s in range(S) if seen[b, t, s]]
            wanted = attend_one(q[b, t], [k[b, s] for s in these], [v[b, s] for s in these])
            close(got[b, t], wanted)


@given(FEW, FEW, FEW, FEW, FEW, SEEDS)
def test_it_is_what_torch_computes(B: int, T: int, S: int, d: int, C: int, seed: int) -> None:
    q, k, v = odd(B, T, d, seed=seed), odd(B, S, d, seed=seed + 1), odd(B, S, C, seed=seed + 2)
    seen = some_seen(B, T, S, seed)
    close(attend(q, k, v, seen), F.scaled_dot_product_attention(q, k, v, attn_mask=seen))


def test_weights_are_shares_and_those_of_hidden_places_are_exactly_0() -> None:
    seen = some_seen(3, 4, 5, seed=2)
    weights = attention_weights(odd(3, 4, 2, seed=1), odd(3, 5, 2, seed=2), seen)
    close(weights.sum(-1), torch.ones(3, 4, dtype=DOUBLE))
    assert torch.equal(weights > 0, seen)


def test_scores_are_divided_by_the_root_of_the_length_of_a_key() -> None:
    q, k = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.zeros(2, 4)
    k[1, 0] = 1.0  # scores 0 and 2, over √4: 0 and 1
    weights = attention_weights(q, k, torch.ones(1, 2, dtype=torch.bool))
    close(weights[0, 1] / weights[0, 0], torch.tensor(math.e), atol=1e-6)


@given(st.integers(2, 6), SEEDS)
def test_no_place_depends_on_a_later_one(T: int, seed: int) -> None:
    q, k, v = (odd(T, 3, seed=seed + i) for i in range(3))
    t = seed % (T - 1)
    first = attend(q, k, v, causal(T))
    k[t + 1 :], v[t + 1 :] = 5.0, -5.0
    second = attend(q, k, v, causal(T))
    assert torch.equal(first[: t + 1], second[: t + 1])
    assert not torch.equal(first[t + 1 :], second[t + 1 :])


# Backwards


@given(FEW, FEW, FEW, FEW, FEW, SEEDS)
def test_the_gradients_by_hand_are_those_of_autograd(
    B: int, T: int, S: int, d: int, C: int, seed: int
) -> None:
    shapes = [(B, T, d), (B, S, d), (B, S, C)]
    inputs = [odd(*shape, seed=seed + i).requires_grad_() for i, shape in enumerate(shapes)]
    seen, dout = some_seen(B, T, S, seed), odd(B, T, C, seed=seed + 3)
    theirs = torch.autograd.grad(attend(*inputs, seen), inputs, dout)
    ours = attend_backward(dout, *(x.detach() for x in inputs), seen)
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other)


def test_the_gradients_by_hand_are_finite_differences() -> None:
    inputs = [odd(3, 2, seed=1), odd(4, 2, seed=2), odd(4, 3, seed=3)]
    seen, dout, step = some_seen(1, 3, 4, seed=5)[0], odd(3, 3, seed=4), 1e-6
    for which, ours in enumerate(attend_backward(dout, *inputs, seen)):
        for at in range(inputs[which].numel()):
            both = []
            for change in (step, -step):
                moved = [x.clone() for x in inputs]
                moved[which].view(-1)[at] += change
                both.append((attend(*moved, seen) * dout).sum())
            close(ours.reshape(-1)[at], (both[0] - both[1]) / (2 * step), atol=1e-8)


# Heads


@given(FEW, FEW, FEW, FEW, SEEDS)
def test_heads_that_are_split_are_merged_again(B: int, T: int, n: int, d: int, seed: int) -> None:
    x = odd(B, T, n * d, seed=seed)
    heads = split_heads(x, n)
    assert heads.shape == (B, n, T, d)
    assert torch.equal(merge_heads(heads), x)
    assert torch.equal(merge_heads(heads[0]), x[0])
    for h in range(n):
        assert torch.equal(heads[:, h], x[..., h * d : (h + 1) * d])


def doubled(attention: Attention) -> Attention:
    for _, tensor in attention.tensors():
        tensor.data = tensor.data.to(DOUBLE)
    return attention


@settings(max_examples=30)
@given(FEW, FEW, FEW, FEW, SEEDS)
def test_a_layer_is_its_heads_one_after_another(B: int, T: int, n: int, d: int, seed: int) -> None:
    C = n * d
    layer = doubled(Attention(C, n, generator=seeded(seed)))
    x, seen = odd(B, T, C, seed=seed), some_seen(B, T, T, seed)
    q, k, v = (x @ layer.qkv.weight[:, i * C : (i + 1) * C] for i in range(3))
    parts = [attend(*(y[..., h * d : (h + 1) * d] for y in (q, k, v)), seen) for h in range(n)]
    close(layer.look(x, seen), torch.cat(parts, dim=-1) @ layer.out.weight)


def test_a_layer_is_that_of_torch_with_the_same_weights() -> None:
    C, n, T = 12, 3, 5
    layer = doubled(Attention(C, n, generator=seeded(1)))
    theirs = torch.nn.MultiheadAttention(C, n, bias=False, batch_first=True, dtype=DOUBLE)
    theirs.in_proj_weight.data = layer.qkv.weight.data.T
    theirs.out_proj.weight.data = layer.out.weight.data.T
    x = odd(2, T, C, seed=2)
    wanted, _ = theirs(x, x, x, attn_mask=~causal(T))
    close(layer.look(x, causal(T)), wanted)


def test_a_layer_has_four_times_the_square_of_its_width_weights() -> None:
    layer = Attention(12, 3, generator=seeded(1))
    assert sum(p.numel() for p in layer.parameters()) == 4 * 12**2


# Memory


@settings(max_examples=30)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), FEW, SEEDS)
def test_a_layer_with_a_memory_gives_what_it_gives_to_all_places_at_once(
    pieces: list[int], n: int, seed: int
) -> None:
    layer = doubled(Attention(2 * n, n, generator=seeded(seed)))
    T = sum(pieces)
    x, memory, parts = odd(3, T, 2 * n, seed=seed), Memory(), []
    for piece in x.split(pieces, dim=1):
        before = sum(part.shape[1] for part in parts)
        parts.append(layer.look(piece, causal(piece.shape[1], before + piece.shape[1]), memory))
    close(torch.cat(parts, dim=1), layer.look(x, causal(T)))
    assert memory.keys is not None
    assert memory.keys.shape == (3, n, T, 2)


# Bad input


def test_a_place_that_sees_nothing_is_refused_and_the_memory_is_as_it_was() -> None:
    layer, memory = Attention(4, 2, generator=seeded(1)), Memory()
    x, seen = torch.ones(1, 3, 4), causal(3)
    seen[1] = False
    for call in (
        lambda: layer.look(x, seen, memory),
        lambda: attend(x, x, x, seen),
        lambda: attend_backward(x, x, x, x, seen),
    ):
        with pytest.raises(ValueError, match=r"\(1,\) may see nothing"):
            call()
    assert memory.keys is None


def test_a_mask_of_numbers_is_refused() -> None:
    x = torch.ones(2, 2)
    with pytest.raises(TypeError, match="bool"):
        attend(x, x, x, torch.zeros(2, 2))


@pytest.mark.parametrize("n_head", [0, 3, -1, 2.0])
def test_features_that_cannot_be_shared_out_are_refused(n_head: int) -> None:
    with pytest.raises(ValueError, match="divides n_embd"):
        Attention(8, n_head, generator=seeded(1))
    with pytest.raises(ValueError, match="divides n_embd"):
        split_heads(torch.ones(2, 8), n_head)


@pytest.mark.parametrize(("n_keys", "n_values"), [(0, 0), (2, 1)])
def test_a_loop_needs_a_key_and_a_value_for_each_place(n_keys: int, n_values: int) -> None:
    rows = [torch.ones(2)] * 2
    with pytest.raises(ValueError, match=f"{n_keys} keys and {n_values} values"):
        attend_one(rows[0], rows[:n_keys], rows[:n_values])
