"""A dot begins a name: contexts and whole names are one; nothing looks ahead; a memory writes the same names."""

from __future__ import annotations

from itertools import pairwise
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.attention import merge_heads
from nnz.data import LETTERS, Vocabulary, windows
from nnz.evaluate import nll
from nnz.experiments import attention as experiments
from nnz.lookup import CHUNK, AttentionNet
from nnz.recipe import Recipe
from nnz.returns import WITH_HYPHEN
from nnz.rows import Rows, begins, in_rows, places, visible, whole_rows
from nnz.sample import sample_names, seeded
from odd_weights import close, read_by

V = len(LETTERS)
NAMES = st.lists(st.text(ascii_lowercase, min_size=1, max_size=9), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**31)
TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=12)
DOUBLE = torch.float64


def oddly(seed: int = 1, block_size: int = 10, dtype: torch.dtype = DOUBLE, **sizes: Any) -> AttentionNet:
    """Return a small network with odd weights, in evaluation mode."""
    settings_of = {"n_head": 2, "n_layer": 2, **sizes}
    model = AttentionNet(6, block_size=block_size, generator=seeded(seed), **settings_of)
    g = seeded(seed)
    for _, tensor in model.tensors():
        tensor.data = (0.1 + 0.7 * torch.randn(tensor.shape, generator=g)).to(dtype)
    model.eval()
    return model


# A dot begins a name


@settings(max_examples=40)
@given(NAMES, st.integers(10, 14), SEEDS, st.booleans())
def test_contexts_with_any_number_of_dots_and_whole_names_have_the_same_logits(
    names: list[str], block_size: int, seed: int, ordered: bool
) -> None:
    model = oddly(seed, block_size, ordered=ordered)
    wanted = model.logits(in_rows(names)[0])
    X, _ = windows(names, block_size)
    close(model.logits(X), wanted)
    close(model.log_probs(X), wanted.log_softmax(dim=-1))
    assert torch.equal(nll_of(model, names), torch.tensor(nll(model, names)))


def nll_of(model: AttentionNet, names: list[str]) -> Tensor:
    X, Y = windows(names, model.block_size)
    return -model.log_probs(X).gather(1, Y[:, None]).mean().float()


def test_names_end_to_end_are_read_like_names_in_rows() -> None:
    model, names = oddly(), ["eve", "eva", "al"]
    text = "." + ".".join(names)
    row = torch.tensor([LETTERS.encode(text)])
    asked = torch.arange(len(text))
    close(model.logits(Rows(row, asked)), model.logits(in_rows(names)[0]))


@settings(max_examples=30)
@given(st.text(ascii_lowercase, min_size=2, max_size=9), SEEDS, st.data())
def test_nothing_looks_ahead_nor_at_another_name(name: str, seed: int, data: st.DataObject) -> None:
    model, t = oddly(seed), data.draw(st.integers(1, len(name) - 1))
    other = name[:t] + "".join(LETTERS.decode([1 + LETTERS.encode(c)[0] % 26]) for c in name[t:])
    first, second = (model.logits(in_rows([n, "eve"])[0]) for n in (name, other))
    assert torch.equal(first[: t + 1], second[: t + 1])
    assert not torch.equal(first[t + 1 : len(name) + 1], second[t + 1 : len(name) + 1])
    assert torch.equal(first[len(name) + 1 :], second[len(name) + 1 :])


@given(SEEDS)
def test_without_positions_one_layer_is_blind_to_the_order_and_two_are_not(seed: int) -> None:
    moved = []
    for n_layer in (1, 2):
        model = oddly(seed, ordered=False, n_layer=n_layer)
        first, second = (model.logits(in_rows([name])[0])[-1] for name in ("abcde", "bcade"))
        moved.append((first - second).abs().max().item())
    assert moved[0] < 1e-12 < 1e-6 < moved[1]


@torch.no_grad()
def test_each_layer_adds_what_it_finds_and_a_last_norm_stands_before_the_logits() -> None:
    model: Any = oddly()
    tokens = torch.tensor([LETTERS.encode(".eva")])
    below = torch.ones(4, 4, dtype=torch.bool).tril()
    x = model.letters.weight[tokens] + model.positions.weight[:4]
    for layer, norm in zip(model.layers.layers, model.norms.layers[:2], strict=True):
        x = x + layer.look(norm(x), below)
    wanted = model.last(model.norms.layers[2](x))
    close(model.logits(in_rows(["eva"])[0]), wanted[0], 1e-10)


def test_of_the_padding_of_contexts_only_what_the_longest_name_needs_is_read() -> None:
    model = oddly()
    read = read_by(model)
    model.logits(torch.tensor([LETTERS.encode(text.rjust(10, ".")) for text in ("", "e", "eva")]))
    assert [LETTERS.decode(row) for row in read[0]] == ["....", "...e", ".eva"]


# Memory


@pytest.mark.parametrize("block_size", [3, 10, 40])  # names grow out of the first
def test_a_memory_writes_the_same_names_as_whole_contexts(block_size: int) -> None:
    model = oddly(block_size=block_size)
    model.last.bias.data[0] -= 1.5  # so that names become long
    bare = SimpleNamespace(vocabulary=LETTERS, block_size=block_size, log_probs=model.log_probs)
    for prompt in ("", "emmanuelle"):
        ours, theirs = (
            sample_names(m, 12, generator=seeded(3), prompt=prompt)  # type: ignore[arg-type]
            for m in (model, bare)
        )
        assert ours == theirs
        assert max(map(len, ours)) > 20


def test_a_memory_reads_each_character_once() -> None:
    model = oddly()
    read = read_by(model)
    with model.writer(2) as answer:
        text = torch.zeros(2, 10, dtype=torch.int64)
        for letter in (5, 6, 7):
            answer(text)
            text = torch.cat([text, torch.full((2, 1), letter)], dim=1)
    assert [tokens.tolist() for tokens in read] == [[[0], [0]], [[5], [5]], [[6], [6]]]


def test_evaluation_leaves_the_mode_and_records_no_gradient() -> None:
    model = oddly()
    model.train()
    assert not model.log_probs(torch.zeros(1, 10, dtype=torch.int64)).requires_grad
    assert model.training


def test_a_recipe_trains_on_whole_names() -> None:
    names = ["ada", "eva", "mia", "lea"] * 5
    model = AttentionNet(8, generator=seeded(1))
    before = nll(model, names)
    recipe = Recipe(rate=0.02, decay=0.0, epochs=30, batch_size=5, source=whole_rows)
    recipe.fit(model, names, generator=seeded(2))
    assert nll(model, names) < before / 2


def test_by_default_one_layer_of_one_head_has_sixteen_positions() -> None:
    model: Any = AttentionNet(5, generator=seeded(1))
    assert [layer.n_head for layer in model.layers.layers] == [1]
    assert model.block_size == 16


def test_weights_are_counted() -> None:
    model = AttentionNet(12, 3, 2, 16, generator=seeded(1))
    n = 27 * 12 + 16 * 12 + 2 * 4 * 12**2 + 3 * 2 * 12 + 12 * 27 + 27
    assert sum(p.numel() for p in model.parameters()) == n
    without = AttentionNet(12, 3, 2, 16, ordered=False, generator=seeded(1))
    assert sum(p.numel() for p in without.parameters()) == n - 16 * 12


# What the chapter measures


def small_looker() -> AttentionNet:
    return oddly(block_size=64, vocabulary=WITH_HYPHEN, dtype=torch.float32)


def test_maps_are_shares_of_what_is_seen_and_give_what_the_layers_give() -> None:
    model, line = small_looker(), "al-bo-al"
    found = experiments.maps(model, line)
    assert [tuple(weights.shape) for weights in found] == [(2, 9, 9)] * 2
    for weights in found:
        close(weights.sum(dim=-1), torch.ones(2, 9), 1e-6)
        assert not weights.triu(1).any()
    layer, tokens = model.layers.layers[0], torch.tensor([WITH_HYPHEN.encode("." + line)])
    x = model.norms.layers[0](model.embed(tokens, places(tokens)))
    _, _, v = layer.heads(x)  # type: ignore[attr-defined]
    wanted = layer.look(x, visible(tokens))  # type: ignore[attr-defined]
    close(merge_heads(found[0] @ v) @ layer.out.weight, wanted, 1e-5)  # type: ignore[attr-defined]


def test_each_character_but_the_dot_moves_the_prediction() -> None:
    change = experiments.moved(small_looker(), "al-bo")
    assert change.shape == (6,)
    assert change[0] == 0
    assert (change[1:] > 0).all()
    assert (change <= 2).all()


def test_the_first_part_and_the_last_are_the_same_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["al-bo-al", "eva-al-eva"]
    model = small_looker()
    first, last = experiments.first_and_last(model, given)
    X, Y = windows(given, 64, WITH_HYPHEN)
    costs = -model.log_probs(X).gather(1, Y[:, None])[:, 0]
    assert len(Y) == 9 + 11
    close(first, costs[[0, 1, 2, 9, 10, 11, 12]], 1e-5)  # a, l, -, e, v, a, -
    close(last, costs[[6, 7, 8, 16, 17, 18, 19]], 1e-5)  # a, l, ., e, v, a, .
    close(
        torch.tensor(list(experiments.by_part(model, given).values())),
        torch.stack([first, last]).mean(1),
        1e-6,
    )
    monkeypatch.setattr(experiments, "lines", lambda part: given)
    near, far = experiments.saved(model, [6, 7, 8])
    close(
        torch.tensor([near, far]), torch.stack([(first - last)[:3].mean(), (first - last)[3:].mean()]), 1e-5
    )


@torch.no_grad()
def test_a_changed_layer_is_changed_in_one_thing() -> None:
    x, seen = torch.randn(2, 5, 32, generator=seeded(1)), torch.ones(5, 5, dtype=torch.bool).tril()
    plain, wide, none, crossed, _, blind = (experiments.small(v, 1) for v in experiments.VARIANTS)
    plain_layer, wide_layer, none_layer, crossed_layer = (
        m.layers.layers[0] for m in (plain, wide, none, crossed)
    )
    q, k, v = plain_layer.heads(x)  # type: ignore[attr-defined]
    for layer, by in ((plain_layer, 8), (wide_layer, 32), (none_layer, 1)):
        layer.qkv.weight.data = plain_layer.qkv.weight.data  # type: ignore[attr-defined]
        layer.out.weight.data = torch.eye(32)  # type: ignore[attr-defined]
        weights = (q @ k.mT / by**0.5).masked_fill(~seen, -torch.inf).softmax(-1)
        close(layer.look(x, seen), merge_heads(weights @ v), 1e-5)  # type: ignore[attr-defined]
    first = crossed_layer.look(x, seen)  # type: ignore[attr-defined]
    x[:, 1:] += 1.0
    assert not torch.allclose(first[:, 0], crossed_layer.look(x, seen)[:, 0])  # type: ignore[attr-defined]
    assert blind.positions is None


# Bad input


def test_a_name_longer_than_there_are_positions_is_refused() -> None:
    model = oddly(block_size=4)
    assert model.logits(in_rows(["eve"])[0]).shape == (4, V)
    with pytest.raises(ValueError, match=r"4 letters or more, and there are positions for 3;.* 5\."):
        model.logits(in_rows(["evel"])[0])


def test_contexts_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 10\)"):
        oddly().logits(torch.zeros(1, 9, dtype=torch.int64))


@pytest.mark.parametrize("sizes", [{"block_size": 0}, {"n_layer": 0}, {"n_layer": 1.5}, {"n_head": 4}])
def test_sizes_that_make_no_sense_are_refused_before_anything_is_drawn(sizes: dict[str, Any]) -> None:
    g = seeded(1)
    with pytest.raises(ValueError, match="whole number"):
        AttentionNet(6, **sizes, generator=g)
    assert torch.equal(g.get_state(), seeded(1).get_state())


def test_many_contexts_are_run_in_parts() -> None:
    model = oddly(dtype=torch.float32)
    X = torch.randint(V, (CHUNK + 3, 10), generator=seeded(1))
    close(model.log_probs(X)[-3:], model.log_probs(X[-3:]), 1e-5)
    assert model.log_probs(X[:0]).shape == (0, V)


def test_other_alphabets_do() -> None:
    vocabulary = Vocabulary(["ab-"])
    model = AttentionNet(6, generator=seeded(1), vocabulary=vocabulary)
    batch, targets = in_rows(["a-b"], vocabulary)
    assert model.logits(batch).shape == (len(targets), 4)
    assert list(pairwise(begins(batch.tokens)[0].tolist())) == [(0, 0)] * 3
