"""Gates, residual and skip connections against their formulas; dropout; slopes; training and checkpoints."""

from __future__ import annotations

import math
import re
from itertools import islice
from pathlib import Path
from string import ascii_lowercase
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.optim import AdamW

from against_torch import close
from nnz.checkpoint import Checkpoint, CheckpointError
from nnz.data import LETTERS, Vocabulary, windows
from nnz.evaluate import nll
from nnz.gated import Dropout, GatedBlock, GatedWaveNet
from nnz.layers import Linear, TensorModule
from nnz.packed import pack, packed_batches
from nnz.sample import sample_names, seeded
from nnz.train import train

M = TypeVar("M", bound=TensorModule)

V = len(LETTERS)
NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
SWITCHES = [(gate, residual) for gate in (True, False) for residual in (True, False)]


def numbers(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def oddly(model: M) -> M:
    """Give a model weights in 64 bits that are neither zeros nor ones."""
    for i, (_, tensor) in enumerate(model.tensors()):
        tensor.data = 0.1 + 0.7 * numbers(*tensor.shape, seed=90 + i)
    return model


def block_of(C: int = 5, **switches: Any) -> GatedBlock:
    chosen = {"gate": True, "residual": True, "dropout": 0.0} | switches
    block = oddly(GatedBlock(C, **chosen, generator=seeded()))
    block.norm.eps = 0.01  # not what torch takes if it is not told
    return block


def net_of(*dilations: int, **switches: Any) -> GatedWaveNet:
    return oddly(GatedWaveNet(5, dilations, generator=seeded(), **switches))


def blocks_of(model: GatedWaveNet) -> list[GatedBlock]:
    return [m for m in model.modules() if isinstance(m, GatedBlock)]


# Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_a_share_and_scales_the_rest(p: float) -> None:
    n = 40_000
    x = numbers(200, 200)
    y = Dropout(p, generator=seeded())(x)
    dropped = y == 0
    assert abs(int(dropped.sum()) - n * p) < 4 * math.sqrt(n * p * (1 - p))
    close(y[~dropped], x[~dropped] / (1 - p))
    rows = dropped.double().mean(1)  # each number by itself, not whole rows
    assert (rows - p).abs().max() < 5 * math.sqrt(p * (1 - p) / 200)


def test_dropout_keeps_the_mean() -> None:
    x = torch.full((300, 300), 2.5, dtype=torch.float64)
    y = Dropout(0.3, generator=seeded())(x)
    spread = 2.5 * math.sqrt(0.3 / 0.7) / 300
    assert abs(y.mean().item() - 2.5) < 4 * spread


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_dropout_does_nothing_in_evaluation_or_without_a_share(p: float) -> None:
    g, x = seeded(), numbers(6, 7)
    layer = Dropout(p, generator=g)
    layer.train(p == 0)
    state = g.get_state()
    assert torch.equal(layer(x), x)
    assert torch.equal(g.get_state(), state)  # and nothing was drawn for it


def test_the_same_generator_drops_the_same_and_each_call_others() -> None:
    x = numbers(20, 20)
    one, same, other = (Dropout(0.5, generator=seeded(s)) for s in (1, 1, 2))
    y = one(x)
    assert torch.equal(same(x), y)
    assert not torch.equal(other(x), y)
    assert not torch.equal(one(x), y)


def test_dropout_drops_slopes_as_it_drops_numbers() -> None:
    x = numbers(20, 20).requires_grad_()
    before = x.detach().clone()
    y = Dropout(0.5, generator=seeded())(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, (y != 0) * 2.0)
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_keeps_type_and_shape(dtype: torch.dtype) -> None:
    for shape in [(), (0, 3), (2, 3, 4)]:
        y = Dropout(0.5, generator=seeded())(torch.ones(shape, dtype=dtype))
        assert y.shape == shape
        assert y.dtype == dtype


@pytest.mark.parametrize("p", [1, 1.0, 1.5, -0.1, math.nan, math.inf])
def test_a_share_that_leaves_nothing_or_means_nothing_is_refused(p: float) -> None:
    said = f"^{re.escape(f'p is {p}; it must be at least 0 and below 1.')}$"
    with pytest.raises(ValueError, match=said):
        Dropout(p, generator=seeded())
    with pytest.raises(ValueError, match=said):
        GatedWaveNet(4, dropout=p, generator=seeded())


# One layer


def in_torch(
    block: GatedBlock, left: Tensor, now: Tensor, kept: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Write the formula out with a product for each letter in it; `kept` is what dropout multiplies z by."""
    C = now.shape[-1]
    a, b = (F.layer_norm(x, (C,), block.norm.weight, block.norm.bias, block.norm.eps) for x in (left, now))
    W, w = block.pair.weight, block.pair.bias
    R, S = block.out.weight[:, :C], block.out.weight[:, C:]
    assert w is not None
    assert block.out.bias is not None
    z = torch.tanh(a @ W[:C, :C] + b @ W[C:, :C] + w[:C])
    if block.gate:
        z = z * torch.sigmoid(a @ W[:C, C:] + b @ W[C:, C:] + w[C:])
    z = z if kept is None else z * kept
    onward, skip = z @ R + block.out.bias[:C], z @ S + block.out.bias[C:]
    return (now + onward if block.residual else onward), skip


@pytest.mark.parametrize(("gate", "residual"), SWITCHES)
@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5), (1, 5), (0, 5)])
def test_a_layer_is_its_formula(shape: tuple[int, ...], gate: bool, residual: bool) -> None:
    block = block_of(gate=gate, residual=residual)
    left, now = numbers(*shape), numbers(*shape, seed=3)
    for ours, theirs in zip(block.join(left, now), in_torch(block, left, now), strict=True):
        assert ours.shape == shape
        close(ours, theirs)


@settings(max_examples=30)
@given(
    C=st.integers(1, 6), B=st.integers(1, 5), switches=st.sampled_from(SWITCHES), seed=st.integers(0, 2**31)
)
def test_the_slopes_of_a_layer_are_those_of_its_formula(
    C: int, B: int, switches: tuple[bool, bool], seed: int
) -> None:
    block = block_of(C, gate=switches[0], residual=switches[1])
    x = [numbers(B, C, seed=seed + i).requires_grad_() for i in range(2)]
    upstream = [numbers(B, C, seed=seed + i) for i in (2, 3)]
    wanted = [*x, *block.parameters()]
    ours, theirs = (
        torch.autograd.grad(out, wanted, upstream) for out in (block.join(*x), in_torch(block, *x))
    )
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other, 1e-9)


def test_dropout_in_a_layer_is_on_z() -> None:
    block = block_of(dropout=0.4)
    left, now = numbers(6, 5), numbers(6, 5, seed=3)
    block.dropout.generator.manual_seed(8)
    ours = block.join(left, now)
    kept = Dropout(0.4, generator=seeded(8))(torch.ones_like(now))
    for one, other in zip(ours, in_torch(block, left, now, kept), strict=True):
        close(one, other)
    block.eval()
    for one, other in zip(block.join(left, now), in_torch(block, left, now), strict=True):
        close(one, other)


def test_a_shut_gate_lets_nothing_through_and_an_open_one_all() -> None:
    left, now = numbers(6, 5), numbers(6, 5, seed=3)
    block, plain = block_of(), block_of(gate=False)
    with torch.no_grad():
        for mine, part in zip(plain.pair.parameters(), block.pair.parameters(), strict=True):
            mine.copy_(part[..., :5])
        for mine, part in zip(plain.out.parameters(), block.out.parameters(), strict=True):
            mine.copy_(part)
        assert block.pair.bias is not None
        block.pair.bias[5:] = 1e3
        for one, other in zip(block.join(left, now), plain.join(left, now), strict=True):
            close(one, other)
        block.pair.bias[5:] = -1e3
        assert block.out.bias is not None
        onward, skip = block.join(left, now)
        close(onward, now + block.out.bias[:5])
        close(skip, block.out.bias[5:].expand(6, 5))


def test_the_residual_is_what_a_layer_that_adds_nothing_hands_on() -> None:
    left, now = numbers(6, 5), numbers(6, 5, seed=3)
    for residual in (True, False):
        block = block_of(residual=residual)
        assert block.out.bias is not None
        with torch.no_grad():
            block.out.weight[:, :5] = 0
            block.out.bias[:5] = 0
        onward, _ = block.join(left, now)
        assert torch.equal(onward, now if residual else torch.zeros(6, 5).double())


# The network


@pytest.mark.parametrize(("gate", "residual"), SWITCHES)
@pytest.mark.parametrize("skip", [True, False])
def test_only_the_gate_has_parameters_of_its_own(gate: bool, residual: bool, skip: bool) -> None:
    C, L = 6, 3
    model = GatedWaveNet(C, (1, 2, 4), gate=gate, residual=residual, skip=skip, generator=seeded())
    width = 2 * C if gate else C
    layer = 2 * C + (2 * C * width + width) + (C * 2 * C + 2 * C)
    rest = V * C + 2 * C + (C * C + C) + (C * V + V)
    assert sum(p.numel() for p in model.parameters()) == L * layer + rest


@pytest.mark.parametrize("skip", [True, False])
def test_the_output_sees_the_skips_of_all_layers_or_of_the_last_alone(skip: bool) -> None:
    batch, _ = pack(NAMES)
    for i in range(3):
        model = net_of(1, 2, 4, skip=skip)
        before = model.logits(batch)
        weight = blocks_of(model)[i].out.weight
        with torch.no_grad():
            weight[:, 5:] += 0.1
        changed = not torch.equal(model.logits(batch), before)
        assert changed == (skip or i == 2)


def test_what_the_last_layer_hands_on_goes_nowhere() -> None:
    batch, _ = pack(NAMES)
    for i in range(3):
        model = net_of(1, 2, 4)
        before = model.logits(batch)
        weight = blocks_of(model)[i].out.weight
        with torch.no_grad():
            weight[:, :5] += 0.1
        assert torch.equal(model.logits(batch), before) == (i == 2)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("gate", "residual"), SWITCHES)
def test_the_network_is_its_formula(gate: bool, residual: bool, skip: bool) -> None:
    """Written out for one context at a time, each position by itself."""
    model = net_of(2, 1, gate=gate, residual=residual, skip=skip)
    first, second = blocks_of(model)
    X, _ = windows(NAMES, 4)
    batch, _ = pack(NAMES)
    rows = []
    for context in X:
        e = model.embedding.weight[context]  # (4, C)
        b, _ = in_torch(first, e[0], e[2])
        c, now = in_torch(first, e[1], e[3])
        _, last = in_torch(second, b, c)
        total = now + last if skip else last
        norm = model.norm
        x = F.layer_norm(total, (5,), norm.weight, norm.bias, norm.eps).relu()
        for layer in (model.hidden, model.last):
            x = F.linear(x, layer.weight.T, layer.bias)
            x = x.relu() if layer is model.hidden else x
        rows.append(x)
    close(model.logits(X), torch.stack(rows))
    close(model.logits(batch), torch.stack(rows))


def test_first_weights_are_drawn_by_kaiming_s_rule_and_the_last_are_small() -> None:
    model = GatedWaveNet(64, (1, 2), generator=seeded())
    for module in model.modules():
        if isinstance(module, Linear):
            gain = 0.1 if module is model.last else 1.0
            expected = gain / math.sqrt(len(module.weight))
            assert module.weight.std().item() == pytest.approx(expected, rel=0.1)
            assert module.bias is not None
            assert not module.bias.any()
    batch, targets = pack(NAMES)
    loss = F.cross_entropy(model.logits(batch), targets)
    assert loss.item() == pytest.approx(math.log(V), abs=0.1)


def test_each_layer_has_weights_of_its_own() -> None:
    model = GatedWaveNet(4, (1, 1), generator=seeded())
    one, two = blocks_of(model)
    assert not torch.equal(one.pair.weight, two.pair.weight)
    again = GatedWaveNet(4, (1, 1), generator=seeded())
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_usual_dilations_reach_sixteen_characters() -> None:
    model = GatedWaveNet(4, generator=seeded())
    assert model.dilations == (1, 2, 4, 8)
    assert model.block_size == 16


@pytest.mark.parametrize(("gate", "residual"), SWITCHES)
@pytest.mark.parametrize("skip", [True, False])
def test_slopes_are_those_of_finite_differences(gate: bool, residual: bool, skip: bool) -> None:
    small = Vocabulary("abc")
    model = oddly(
        GatedWaveNet(3, (1, 2), gate=gate, residual=residual, skip=skip, generator=seeded(), vocabulary=small)
    )
    batch, targets = pack(["abcab", "ca", "b"], small)
    weights = model.parameters()

    def loss(*_: Tensor) -> Tensor:  # gradcheck moves the weights themselves
        return F.cross_entropy(model.logits(batch), targets)

    slopes = torch.autograd.grad(loss(), weights)
    assert all(slope.abs().max() > 1e-6 for slope in slopes[-6:])
    assert torch.autograd.gradcheck(loss, weights, eps=1e-6, atol=1e-6)


# A language model that is trained


def learner(seed: int = 1, **switches: Any) -> GatedWaveNet:
    return GatedWaveNet(16, (1, 2, 4), generator=seeded(seed), **switches)


@pytest.mark.parametrize("switches", [{}, {"dropout": 0.2}, {"gate": False, "skip": False}], ids=str)
def test_fifty_steps_on_packed_names_lower_the_loss(switches: dict[str, Any], sample: list[str]) -> None:
    names = sample[:300]
    model = learner(**switches)
    before = nll(model, names)
    source = packed_batches(names, 32, generator=seeded(3))
    optimizer = AdamW(model.parameters(), lr=0.01)
    history = train(model, source, optimizer, steps=50)
    assert sum(history.losses[-5:]) / 5 < sum(history.losses[:5]) / 5 - 0.3
    assert nll(model, names) < before - 0.5


def test_dropout_is_random_in_training_and_absent_from_log_probs() -> None:
    model, plain = learner(dropout=0.5), learner()
    batch, _ = pack(NAMES)
    X, _ = windows(NAMES, 8)
    assert not torch.equal(model.logits(batch), model.logits(batch))
    assert torch.equal(model.log_probs(X), plain.log_probs(X))
    assert model.training
    assert not model.log_probs(X).requires_grad
    assert sample_names(model, 5, generator=seeded()) == sample_names(plain, 5, generator=seeded())


def test_a_checkpoint_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    def run(seed: int) -> tuple[GatedWaveNet, AdamW, torch.Generator, Checkpoint]:
        """Make a network whose dropout draws from the generator that is saved."""
        g = seeded(seed)
        model = GatedWaveNet(8, (1, 2, 4), dropout=0.2, generator=g)
        optimizer = AdamW(model.parameters(), lr=0.01)
        return model, optimizer, g, Checkpoint(tmp_path / "a", model, optimizer, g)

    batches = list(islice(packed_batches(NAMES, 3, generator=seeded(3)), 20))
    model, optimizer, _, checkpoint = run(1)
    history = train(model, iter(batches[:10]), optimizer, steps=10)
    checkpoint.save(history)
    other, second, _, loading = run(2)
    X, _ = windows(NAMES, 8)
    assert not torch.equal(other.log_probs(X), model.log_probs(X))
    loaded = loading.load()
    assert torch.equal(other.log_probs(X), model.log_probs(X))
    losses = [
        train(m, iter(batches[10:]), o, steps=20, history=h).losses
        for m, o, h in ((model, optimizer, history), (other, second, loaded))
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 20
    assert torch.equal(other.log_probs(X), model.log_probs(X))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    def of(model: GatedWaveNet) -> Checkpoint:
        return Checkpoint(tmp_path / "a", model, AdamW(model.parameters()))

    model = learner()
    batch = pack(NAMES)
    saved = of(model)
    saved.save(train(model, iter([batch]), saved.optimizer, steps=1))
    for other in (
        GatedWaveNet(8, (1, 2, 4), generator=seeded()),
        GatedWaveNet(16, (1, 2), generator=seeded()),
        learner(gate=False),
    ):
        with pytest.raises(CheckpointError, match="has weights"):
            of(other).load()


def test_state_dict_names_everything_by_its_place() -> None:
    names = list(GatedWaveNet(4, (1, 2), generator=seeded()).state_dict())
    block = ["norm.weight", "norm.bias", "pair.weight", "pair.bias"]
    block += ["out.weight", "out.bias"]
    assert names == [
        "embedding.weight",
        *(f"blocks.{i}.{name}" for i in range(2) for name in block),
        "norm.weight",
        "norm.bias",
        "hidden.weight",
        "hidden.bias",
        "last.weight",
        "last.bias",
    ]


def test_an_alphabet_of_its_own_gives_logits_of_its_size() -> None:
    french = Vocabulary(["zoé", "noël"])
    model = GatedWaveNet(4, (1, 2), generator=seeded(), vocabulary=french)
    batch, targets = pack(["zoé", "noël"], french)
    assert model.logits(batch).shape == (len(targets), len(french))
    out = model.log_probs(windows(["zoé", "noël"], 4, french)[0])
    torch.testing.assert_close(out.exp().sum(1), torch.ones(len(targets)))


@pytest.mark.parametrize("n_channels", [0, -3, 4.0, 2.5, "4", None])
def test_a_bad_number_of_channels_is_said(n_channels: Any) -> None:
    said = f"n_channels is {n_channels!r}; it must be a whole number of at least 1."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        GatedWaveNet(n_channels, generator=seeded())


def test_one_channel_is_enough_to_run() -> None:
    model = GatedWaveNet(1, (1,), generator=seeded())
    assert model.logits(pack([ascii_lowercase])[0]).shape == (27, V)


def test_a_block_hands_on_what_it_was_given_unless_it_is_told_otherwise() -> None:
    blocks = [
        GatedBlock(4, generator=seeded(), **how) for how in ({}, {"residual": True}, {"residual": False})
    ]
    left, now = torch.randn(2, 3, 4, generator=seeded(1))
    out = [block.join(left, now)[0] for block in blocks]
    assert torch.equal(out[0], out[1])
    assert not torch.equal(out[0], out[2])
