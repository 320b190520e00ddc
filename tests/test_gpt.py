"""The GPT of tensors is that of Values; nothing looks ahead; contexts equal names; memories write the same."""

from __future__ import annotations

import random
import re
from string import ascii_lowercase
from types import SimpleNamespace
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary, split_names, windows
from nnz.evaluate import nll
from nnz.experiments import gpt as experiments
from nnz.experiments import judging
from nnz.gpt import GPT, Block, as_tensors, in_order, of_values, rms_norm
from nnz.layers import TensorModule
from nnz.microgpt import MicroGPT, descend
from nnz.recipe import Recipe
from nnz.rows import in_rows, whole_rows
from nnz.sample import sample_names, seeded
from odd_weights import close, read_by

M = TypeVar("M", bound=TensorModule)

NAMES = st.lists(st.text(ascii_lowercase, min_size=1, max_size=7), min_size=1, max_size=4)
SEEDS = st.integers(0, 2**31)
SIZES = st.sampled_from([(4, 1, 1), (4, 2, 2), (6, 3, 1), (8, 2, 3)])  # width, heads, blocks


def oddly(model: M, seed: int = 1, spread: float = 0.4) -> M:
    """Give a model weights that are odd and large, in 64 bits, and set evaluation mode."""
    g = seeded(seed)
    for _, tensor in model.tensors():
        tensor.data = 0.1 + spread * torch.randn(tensor.shape, generator=g, dtype=torch.float64)
    model.eval()
    return model


def gpt_of(width: int = 8, heads: int = 2, blocks: int = 2, seed: int = 1, block_size: int = 8) -> GPT:
    return oddly(GPT(width, heads, blocks, block_size, generator=seeded()), seed)


# One function


@settings(max_examples=12)
@given(st.sampled_from([(4, 1), (4, 2), (6, 3)]), NAMES, SEEDS)
def test_loss_and_gradients_are_those_of_values(size: tuple[int, int], names: list[str], seed: int) -> None:
    name = names[0]
    model = MicroGPT(len(LETTERS), *size, 8, generator=random.Random(seed))
    twin = of_values(model)
    batch, targets = in_rows([name])
    loss = model.loss([0, *LETTERS.encode(name), 0])
    loss.backward()
    theirs = F.cross_entropy(twin.logits(batch), targets)
    theirs.backward()
    assert theirs.item() == pytest.approx(loss.data, abs=1e-12)
    for p, wanted in zip(twin.parameters(), in_order(as_tensors(model, "grad")), strict=True):
        assert p.grad is not None
        close(p.grad, wanted)


def test_training_takes_both_to_the_same_weights() -> None:
    model = MicroGPT(len(LETTERS), 4, 2, 8, generator=random.Random(3))
    twin, names = of_values(model), ["emma", "ava", "bo"]
    ours = list(descend(model, [[0, *LETTERS.encode(name), 0] for name in names], steps=8))
    assert experiments.descend(twin, names, steps=8) == pytest.approx(ours, abs=1e-10)
    for p, wanted in zip(twin.parameters(), in_order(as_tensors(model)), strict=True):
        close(p.detach(), wanted, 1e-10)


def test_the_published_gradients_that_are_zero_are_those_of_unused_letters_and_places() -> None:
    model = MicroGPT(len(LETTERS), generator=random.Random(42))
    model.loss([0, *LETTERS.encode("yuheng"), 0]).backward()
    zero = {name: (x == 0).all(dim=1) for name, x in as_tensors(model, "grad").items()}
    assert {name: int(rows.sum()) for name, rows in zero.items() if rows.any()} == {"wte": 20, "wpe": 9}
    assert sum(int((x != 0).sum()) for x in as_tensors(model, "grad").values()) == 4192 - 29 * 16


def test_a_vocabulary_of_another_size_is_refused() -> None:
    model = MicroGPT(6, 4, 2, 5, generator=random.Random(1))
    own = Vocabulary(["abcde"])
    assert of_values(model, own).block_size == 5
    assert of_values(model, own).vocabulary is own
    with pytest.raises(ValueError, match="the vocabulary has 27 characters, and the model 6 tokens"):
        of_values(model)


# Parts


@given(st.integers(1, 3), st.integers(1, 9), SEEDS)
def test_the_norm_divides_by_the_root_of_the_mean_square(B: int, C: int, seed: int) -> None:
    x = torch.randn(B, 2, C, generator=seeded(seed), dtype=torch.float64)
    close(rms_norm(x), x / (x.pow(2).sum(-1, keepdim=True) / C + 1e-5).sqrt())


def test_a_block_adds_what_it_found_and_then_what_it_made_of_it() -> None:
    block = oddly(Block(6, 2, generator=seeded()))
    x = torch.randn(1, 4, 6, generator=seeded(2), dtype=torch.float64)
    seen = torch.ones(4, 4, dtype=torch.bool).tril()
    middle = x + block.attention.look(rms_norm(x), seen)
    wanted = middle + F.relu(rms_norm(middle) @ block.fc1.weight) @ block.fc2.weight
    close(block.add_to(x, seen, None), wanted)
    for layer in (block.attention.out, block.fc2):
        layer.weight.data.zero_()
    close(block.add_to(x, seen, None), x)


def test_dropout_is_for_training_alone_and_its_draws_are_the_generator_s() -> None:
    batch, _ = in_rows(["emma", "ava"])
    model = GPT(8, 2, 2, dropout=0.5, generator=seeded(1))
    twin = GPT(8, 2, 2, dropout=0.5, generator=seeded(1))
    first, second = model.logits(batch), model.logits(batch)
    assert not torch.equal(first, second)
    assert torch.equal(twin.logits(batch), first)
    model.eval()
    assert torch.equal(model.logits(batch), model.logits(batch))


@pytest.mark.parametrize(
    ("size", "n"), [((16, 4), 4192), ((64, 4, 4), 27 * 64 * 2 + 16 * 64 + 4 * 12 * 64**2)]
)
def test_a_block_has_twelve_squares_of_the_width(size: tuple[int, ...], n: int) -> None:
    assert sum(p.numel() for p in GPT(*size, generator=seeded()).parameters()) == n


# The contract


@settings(max_examples=20)
@given(SIZES, NAMES, SEEDS)
def test_contexts_have_the_logits_of_whole_names(
    size: tuple[int, int, int], names: list[str], seed: int
) -> None:
    model = gpt_of(*size, seed=seed)
    X, Y = windows(names, model.block_size)
    batch, targets = in_rows(names)
    assert torch.equal(targets, Y)
    close(model.logits(batch), model.logits(X), 1e-10)
    check_contexts(model, X)
    close(model.log_probs(X).exp().sum(1), torch.ones(len(X), dtype=torch.float64))


def test_dev_names_cost_the_same_by_contexts_and_whole(sample: list[str]) -> None:
    dev = split_names(sample)[1][:300]
    model = GPT(16, 4, generator=seeded(1))
    apart = judging.surprisals(model, dev).mean() - nll(model, dev)
    assert abs(apart.item()) < 1e-5


@settings(max_examples=20)
@given(SIZES, SEEDS, st.integers(1, 6))
def test_letters_that_follow_change_nothing(size: tuple[int, int, int], seed: int, kept: int) -> None:
    model = gpt_of(*size, seed=seed)
    one = "abcdefg"
    other = one[:kept] + "zyxwvut"[kept:]
    first, second = (model.logits(in_rows([text, "eve"])[0]) for text in (one, other))
    assert torch.equal(first[: kept + 1], second[: kept + 1])
    assert (first[kept + 1 : 8] != second[kept + 1 : 8]).any(dim=1).all()
    assert torch.equal(first[8:], second[8:])


def test_every_letter_before_counts() -> None:
    model = gpt_of()
    x = in_rows(["abcdefg"])[0].tokens
    e = model.embed(x, torch.arange(8)[None]).detach().requires_grad_()
    seen = torch.ones(1, 8, 8, dtype=torch.bool).tril()
    out = model.head(model.through(e, seen, [None] * 2))[0, -1, 3]
    (slope,) = torch.autograd.grad(out, e)
    assert (slope[0] != 0).any(dim=1).all()


def test_a_name_with_more_letters_than_places_is_refused() -> None:
    model = gpt_of(block_size=5)
    with pytest.raises(ValueError, match="positions for 4; make the model with a block_size of 6"):
        model.logits(in_rows(["abcde"])[0])


# Writing


def test_it_writes_with_memories_what_it_writes_with_whole_contexts() -> None:
    model = oddly(GPT(8, 2, 2, 16, generator=seeded()), spread=0.3)
    bare = SimpleNamespace(vocabulary=LETTERS, block_size=16, log_probs=model.log_probs)
    written = sample_names(model, 200, generator=seeded(7))
    assert written == sample_names(bare, 200, generator=seeded(7))
    assert max(map(len, written)) > 16  # beyond the last place the window moves


def test_it_writes_the_names_that_values_write_with_the_same_draws() -> None:
    model = MicroGPT(len(LETTERS), 4, 2, 8, generator=random.Random(3))
    for weight in model.parameters():
        weight.data *= 8
    ours = [LETTERS.decode(model.write(random.Random(seed), 0.7)) for seed in range(6)]
    twin = of_values(model)
    assert [experiments.write(twin, 1, random.Random(seed), 0.7)[0] for seed in range(6)] == ours
    assert len(set(ours)) > 1


def test_a_letter_that_was_read_is_not_read_again() -> None:
    model = gpt_of()
    read = read_by(model)
    text = torch.tensor([[0] * 8 + [1, 2, 3]])
    with model.writer(1) as answer:
        for T in (8, 9, 10, 11):
            answer(text[:, :T])
    assert [tokens.shape[1] for tokens in read] == [1, 1, 1, 1]


# Training


def test_it_trains_by_a_recipe_and_a_checkpoint_would_hold_all_of_it() -> None:
    names = ["emma", "olivia", "ava"] * 4
    model = GPT(8, 2, 1, dropout=0.1, generator=seeded(1))
    before = judging.surprisals(model, names).mean()
    Recipe(0.02, 0.0, epochs=30, batch_size=6, source=whole_rows).fit(model, names, generator=seeded(2))
    assert judging.surprisals(model, names).mean() < 0.5 * before
    twin = GPT(8, 2, 1, generator=seeded(9))
    twin.load_state_dict(model.state_dict())
    model.eval()
    batch, _ = in_rows(names)
    assert torch.equal(model.logits(batch), twin.logits(batch))


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((5, 2), "shared out"),
        ((4, 0), "shared out"),
        ((4, 2, 0), "n_layer is 0"),
        ((4, 2, 1, 0), "block_size is 0"),
    ],
)
def test_sizes_that_make_no_model_are_refused(size: tuple[int, ...], says: str) -> None:
    g = seeded(1)
    before = g.get_state()
    with pytest.raises(ValueError, match=re.escape(says)):
        GPT(*size, generator=g)
    assert torch.equal(g.get_state(), before)


def test_first_weights_are_all_of_one_spread_or_each_of_its_fan_in() -> None:
    small = GPT(64, 4, generator=seeded(1))
    assert {round(p.std().item(), 2) for p in small.parameters()} == {0.08}
    fan_in = GPT(64, 4, spread=None, generator=seeded(1))
    stds = [p.std().item() for p in fan_in.parameters()]
    assert stds[:2] == pytest.approx([1, 1], abs=0.05)
    assert stds[2:] == pytest.approx([1 / 8, 1 / 8, 1 / 8, 1 / 16, 0.1 / 8], rel=0.06)
    for spread in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="spread is"):
            GPT(8, 2, spread=spread, generator=seeded(1))


def test_a_dropout_out_of_range_is_refused_before_anything_is_drawn() -> None:
    g = seeded(1)
    before = g.get_state()
    with pytest.raises(ValueError, match="p is 1"):
        GPT(8, 2, dropout=1.0, generator=g)
    assert torch.equal(g.get_state(), before)
