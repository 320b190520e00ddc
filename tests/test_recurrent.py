"""Recurrent networks: contexts and names agree, nothing looks ahead, slopes are right, states write alike."""

from __future__ import annotations

import math
import re
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnz.cells import CELLS
from nnz.data import LETTERS, Vocabulary, windows
from nnz.evaluate import nll
from nnz.gated import Dropout
from nnz.packed import pack, packed_batches
from nnz.recurrent import Recurrent, levels
from nnz.sample import MAX_LENGTH, sample_names, seeded
from nnz.train import train
from odd_weights import close, oddly

V = len(LETTERS)
NAME = st.text(ascii_lowercase, min_size=1, max_size=15)
NAMES = st.lists(NAME, min_size=1, max_size=6)
SEEDS = st.integers(0, 2**31)
KINDS = st.sampled_from(sorted(CELLS))
SEVEN = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


def net_of(cell: str = "gru", seed: int = 1, **how: Any) -> Recurrent:
    model = Recurrent(3, 5, how.pop("n_layers", 2), cell=cell, generator=seeded(), **how)
    oddly(model, seed)
    return model


@pytest.mark.parametrize(("cell", "n"), [("rnn", 11_803), ("gru", 28_315)])
def test_sizes_are_those_of_makemore(cell: str, n: int) -> None:
    model = Recurrent(64, 64, cell=cell, generator=seeded())
    assert sum(p.numel() for p in model.parameters()) == n


def test_first_weights_give_sums_of_variance_one_and_nearly_equal_chances() -> None:
    model = Recurrent(64, 64, 2, generator=seeded())
    for i in range(2):
        for part in (model.cell(i).inputs, model.cell(i).carried):
            assert part.weight.std().item() == pytest.approx((1 / 128) ** 0.5, rel=0.05)
        assert model.cell(i).carried.bias is None
    assert model.last.weight.std().item() == pytest.approx(0.1 / 64**0.5, rel=0.05)
    assert not model.start.any()
    assert not torch.equal(model.cell(0).inputs.weight, model.cell(1).inputs.weight)
    batch, targets = pack(SEVEN)
    loss = F.cross_entropy(model.logits(batch), targets)
    assert loss.item() == pytest.approx(math.log(V), abs=0.1)


# One function, of contexts and of whole names


@given(NAMES)
def test_levels_hold_each_beginning_once_below_its_parent(names: list[str]) -> None:
    batch, _ = pack(names)
    found = levels(batch)
    assert sorted(found.order.tolist()) == list(range(len(batch.tokens)))
    beginnings = {name[:i] for name in names for i in range(len(name) + 1)}
    lengths = [len(text) for text in beginnings]
    assert found.sizes == [lengths.count(t) for t in range(max(lengths) + 1)]
    above = None
    for rows, parents in zip(found.order.split(found.sizes), found.above.split(found.sizes), strict=True):
        if above is not None:
            assert torch.equal(above[parents], batch.parents[rows])
        above = rows


def one_letter_at_a_time(model: Recurrent, names: list[str], kept: float = 1.0) -> Tensor:
    """Return logits for every target, by the formulas, one name and one letter after another.

    Where there is dropout, numbers are multiplied by `kept`.
    """
    rows = []
    assert model.last.bias is not None
    for name in names:
        states = list(model.start)
        for token in LETTERS.encode("." + name):
            x = model.embedding.weight[token]
            for i, h in enumerate(states):
                cell = model.cell(i)
                x = cell.step(cell.inputs(kept * x[None]), h[None])[0]
                states[i] = x
            rows.append(kept * x @ model.last.weight + model.last.bias)
    return torch.stack(rows)


@settings(max_examples=40)
@given(NAMES, KINDS, st.integers(1, 3), SEEDS)
def test_whole_names_and_contexts_and_single_letters_agree(
    names: list[str], cell: str, n_layers: int, seed: int
) -> None:
    model = net_of(cell, seed % 1000, n_layers=n_layers)
    expected = one_letter_at_a_time(model, names)
    close(model.logits(pack(names)[0]), expected)
    close(model.logits(windows(names, 16)[0]), expected)


@settings(max_examples=20)
@given(NAMES, KINDS, st.integers(16, 40))
def test_any_number_of_dots_before_a_name_is_as_good_as_one(
    names: list[str], cell: str, block_size: int
) -> None:
    model = net_of(cell, block_size=block_size)
    close(model.logits(windows(names, block_size)[0]), net_of(cell).logits(windows(names, 16)[0]))


def test_a_dot_begins_a_name_whatever_stands_before_it() -> None:
    model = net_of(block_size=6)
    rows = [LETTERS.encode(text) for text in ("xyz.em", ".qq.em", "....em")]
    out = model.log_probs(torch.tensor(rows))
    close(out, out[2:].expand(3, V))


@settings(max_examples=20)
@given(NAMES, KINDS, SEEDS)
def test_slopes_are_the_same_by_names_and_by_contexts(names: list[str], cell: str, seed: int) -> None:
    model = net_of(cell, seed % 1000)
    (batch, Y), (X, _) = pack(names), windows(names, 16)
    ours, theirs = (
        torch.autograd.grad(F.cross_entropy(model.logits(inputs), Y), model.parameters())
        for inputs in (batch, X)
    )
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other, 1e-10)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_slopes_of_the_network_are_those_of_finite_differences(cell: str) -> None:
    small = Vocabulary("abc")
    model = oddly(Recurrent(2, 3, 2, cell=cell, generator=seeded(), vocabulary=small))
    batch, targets = pack(["abcab", "ca", "b"], small)
    weights = model.parameters()

    def loss(*_: Tensor) -> Tensor:  # gradcheck moves the weights themselves
        return F.cross_entropy(model.logits(batch), targets)

    assert all(slope.abs().max() > 1e-7 for slope in torch.autograd.grad(loss(), weights))
    assert torch.autograd.gradcheck(loss, weights, eps=1e-6, atol=1e-6)


@given(NAME, NAME, st.sampled_from(SEVEN), KINDS)
def test_no_output_sees_a_later_letter_or_another_name(one: str, other: str, third: str, cell: str) -> None:
    model = net_of(cell)
    first = model.logits(pack([one, third])[0])
    second = model.logits(pack([other, third])[0])
    alike = 0
    while alike < min(len(one), len(other)) and one[alike] == other[alike]:
        alike += 1
    close(first[: alike + 1], second[: alike + 1])
    close(first[len(one) + 1 :], second[len(other) + 1 :])


def test_the_state_moves() -> None:
    """What the published bug lacks: an output depends on more than the letter before it."""
    for cell in CELLS:
        out = net_of(cell).logits(pack(["ab", "cb"])[0])
        assert not torch.allclose(out[2], out[5])  # after ab, and after cb


def test_dropout_is_random_in_training_and_absent_from_log_probs() -> None:
    model, plain = (Recurrent(4, 6, dropout=p, generator=seeded()) for p in (0.5, 0.0))
    batch, (X, _) = pack(SEVEN)[0], windows(SEVEN, 16)
    assert not torch.equal(model.logits(batch), model.logits(batch))
    assert torch.equal(model.log_probs(X), plain.log_probs(X))
    assert model.training
    assert not model.log_probs(X).requires_grad


class Doubled(Dropout):
    def __init__(self) -> None:
        super().__init__(0.0, generator=seeded())

    def __call__(self, x: Tensor) -> Tensor:
        return 2 * x


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_dropout_is_on_what_each_cell_reads_and_on_the_output_and_not_on_what_is_carried(cell: str) -> None:
    model = net_of(cell)
    model.dropout = Doubled()
    expected = one_letter_at_a_time(model, SEVEN, kept=2.0)
    close(model.logits(pack(SEVEN)[0]), expected)
    close(model.logits(windows(SEVEN, 16)[0]), expected)


# Writing, and training


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("prompt", ["", "em"])
def test_a_state_writes_the_same_names_as_whole_contexts(cell: str, prompt: str) -> None:
    longest = MAX_LENGTH + 3  # with the dot and a prompt of two letters
    model = net_of(cell, block_size=longest)
    bare = SimpleNamespace(vocabulary=model.vocabulary, block_size=longest, log_probs=model.log_probs)
    written, same = (sample_names(m, 20, generator=seeded(), prompt=prompt) for m in (model, bare))
    assert written == same
    assert len(set(written)) > 5
    assert model.training


def test_a_writer_reads_each_character_once_and_of_the_padding_the_last_dot_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, columns = net_of(), []
    read = model.read

    def noted(tokens: Tensor, states: list[Tensor]) -> Any:
        columns.append(tokens.tolist())
        return read(tokens, states)

    monkeypatch.setattr(model, "read", noted)
    with model.writer(2) as answer:
        text = torch.zeros(2, model.block_size, dtype=torch.int64)
        for letter in (5, 6):
            answer(text)
            text = torch.cat([text, torch.full((2, 1), letter)], dim=1)
    assert columns == [[0, 0], [5, 5]]


def test_fifty_steps_lower_the_loss(sample: list[str]) -> None:
    names = sample[:300]
    model = Recurrent(8, 24, 2, dropout=0.1, generator=seeded())
    before = nll(model, names)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    train(model, packed_batches(names, 64, generator=seeded(3)), optimizer, steps=50)
    assert nll(model, names) < before - 0.6


def test_weights_go_from_one_network_to_another() -> None:
    one, other = net_of(seed=1), net_of(seed=50)
    X, _ = windows(SEVEN, 16)
    assert not torch.equal(one.log_probs(X), other.log_probs(X))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.log_probs(X), other.log_probs(X))


def test_a_state_of_another_model_is_refused_and_nothing_changes() -> None:
    model, X = net_of(), windows(SEVEN, 16)[0]
    before = model.log_probs(X)
    for other in (net_of("rnn"), net_of(n_layers=1)):
        with pytest.raises(ValueError, match=re.escape("cells.")):
            model.load_state_dict(other.state_dict())
        assert torch.equal(model.log_probs(X), before)


# What is refused


@pytest.mark.parametrize("name", ["n_embd", "n_hidden", "n_layers", "block_size"])
@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None])
def test_a_size_that_is_none_is_said(name: str, size: Any) -> None:
    sizes = {"n_embd": 3, "n_hidden": 4, "n_layers": 1, "block_size": 8, name: size}
    g = seeded()
    before = g.get_state()
    said = f"{name} is {size!r}; it must be a whole number of at least 1."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Recurrent(**sizes, generator=g)
    assert torch.equal(g.get_state(), before)


def test_an_unknown_cell_is_said() -> None:
    with pytest.raises(ValueError, match="there is no cell 'lstm'; choose rnn or gru"):
        Recurrent(3, 4, cell="lstm", generator=seeded())


@pytest.mark.parametrize("contexts", [torch.zeros(2, 3).long(), torch.zeros(2, 16), torch.full((2, 16), V)])
def test_contexts_that_are_none_are_refused(contexts: Tensor) -> None:
    for answer in (net_of().log_probs, net_of().logits):
        with pytest.raises((TypeError, ValueError), match="contexts"):
            answer(contexts)


@pytest.mark.parametrize("other", [net_of(n_layers=1), Recurrent(3, 4, 2, generator=seeded()), None])
def test_states_of_another_network_or_of_other_names_are_refused(other: Recurrent | None) -> None:
    model, tokens = net_of(), torch.tensor([0, 0])
    states = other.begin(2) if other else model.begin(3)
    with pytest.raises(ValueError, match=re.escape("states must be 2 of shape (2, 5) here; got (")):
        model.read(tokens, states)
    with pytest.raises(ValueError, match="got none"):
        model.read(tokens, [])
