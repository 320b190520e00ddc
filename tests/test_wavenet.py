"""The tree, against the same network in torch.nn; its shapes; and batch norm over the wrong axes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW

from held import copied, unchanged
from nnz.data import LETTERS, Vocabulary
from nnz.evaluate import nll
from nnz.experiments.wavenet import FirstAxisNorm
from nnz.layers import Flatten, Sequential, TensorModule
from nnz.norms import BatchNorm1d
from nnz.sample import sample_names, seeded
from nnz.train import batches, train
from nnz.wavenet import WaveNet, depth_of, trace

V = len(LETTERS)
NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]
SIZES = [2, 4, 8, 16]


def tree_of(block_size: int = 8, vocabulary: Vocabulary = LETTERS, seed: int = 1) -> WaveNet:
    """Make a small tree in which no weight, and no running average, is as it began."""
    tree = WaveNet(3, 5, block_size, generator=seeded(seed), vocabulary=vocabulary)
    with torch.no_grad():
        for i, (name, tensor) in enumerate(tree.tensors()):
            odd = 0.3 + torch.randn(tensor.shape, generator=seeded(90 + i))
            tensor.copy_(0.2 + odd.square() if "var" in name else odd)
    return tree


def contexts_for(model: WaveNet, B: int, seed: int = 2) -> Tensor:
    shape = (B, model.block_size)
    return torch.randint(len(model.vocabulary), shape, generator=seeded(seed))


def norms_of(model: TensorModule) -> list[BatchNorm1d]:
    return [m for m in model.modules() if isinstance(m, BatchNorm1d)]


class OfTorch(nn.Module):
    """The network of `tree_of`, in torch.nn, with a batch norm that has the features second."""

    def __init__(self, tree: WaveNet) -> None:
        super().__init__()
        (size, n_embd), n_hidden = tree.parameters()[0].shape, 5
        widths = [n_embd] + [n_hidden] * (tree.depth - 1)
        self.embedding = nn.Embedding(size, n_embd)
        self.linears = nn.ModuleList(nn.Linear(2 * width, n_hidden, bias=False) for width in widths)
        self.norms = nn.ModuleList(nn.BatchNorm1d(n_hidden) for _ in widths)
        self.out = nn.Linear(n_hidden, size)
        with torch.no_grad():
            for mine, other in zip(self.weights(), tree.parameters(), strict=True):
                linear = mine.shape != self.embedding.weight.shape
                mine.copy_(other.T if linear and other.ndim == 2 else other)
            for norm, theirs in zip(self.norms, norms_of(tree), strict=True):
                norm.running_mean.copy_(theirs.running_mean)
                norm.running_var.copy_(theirs.running_var)

    def weights(self) -> list[nn.Parameter]:
        """Return the weights in the order of the tree's."""
        found = [self.embedding.weight]
        for linear, norm in zip(self.linears, self.norms, strict=True):
            found += [linear.weight, norm.weight, norm.bias]
        return [*found, self.out.weight, self.out.bias]

    def forward(self, contexts: Tensor) -> Tensor:
        x = self.embedding(contexts)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            B, T, C = x.shape
            x = linear(x.view(B, T // 2, 2 * C))
            x = torch.tanh(norm(x.permute(0, 2, 1)).permute(0, 2, 1))
            x = x.contiguous()
        logits: Tensor = self.out(x.view(B, -1))
        return logits


def close(ours: Tensor, theirs: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=10 * atol)


# The network


def test_the_tree_of_the_lecture_has_76_579_parameters() -> None:
    model = WaveNet(24, 128, 8, generator=seeded())
    assert sum(p.numel() for p in model.parameters()) == 76_579
    assert model.block_size == 8
    by_hand = V * 24 + 48 * 128 + 2 * 256 * 128 + 3 * 2 * 128 + 128 * V + V
    assert by_hand == 76_579


@pytest.mark.parametrize("block_size", SIZES)
def test_the_tree_is_the_same_network_in_torch(block_size: int) -> None:
    ours = tree_of(block_size)
    theirs = OfTorch(ours)
    for step, mode in enumerate([True, True, False, True]):
        ours.train(mode)
        theirs.train(mode)
        X = contexts_for(ours, 9, seed=step)
        Y = torch.randint(V, (9,), generator=seeded(50 + step))
        for logits in (mine := ours.logits(X), other := theirs(X)):
            F.cross_entropy(logits, Y).backward()
        close(mine, other)
        for p, q in zip(ours.parameters(), theirs.weights(), strict=True):
            assert p.grad is not None
            assert q.grad is not None
            turned = p.ndim == 2 and p is not ours.parameters()[0]
            close(p.grad, q.grad.T if turned else q.grad)
            assert p.grad.abs().max() > 1e-4
            p.grad = q.grad = None
        for norm, same in zip(norms_of(ours), theirs.norms, strict=True):
            close(norm.running_mean, same.running_mean)
            close(norm.running_var, same.running_var)


def test_first_weights_are_those_of_the_seed() -> None:
    one, same, other = (WaveNet(3, 5, generator=seeded(s)) for s in (1, 1, 2))
    for p, q, r in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)
        fixed = torch.equal(p, torch.zeros(p.shape)) or p.ndim == 1
        assert torch.equal(p, r) == fixed


def test_a_new_tree_knows_nothing_and_says_so() -> None:
    model = WaveNet(24, 32, generator=seeded())
    loss = F.cross_entropy(
        model.logits(contexts_for(model, 64)), torch.randint(V, (64,), generator=seeded(3))
    )
    assert loss.item() == pytest.approx(torch.tensor(V).log().item(), abs=0.1)


@pytest.mark.parametrize("block_size", SIZES)
def test_every_character_of_the_context_counts_and_their_order_too(block_size: int) -> None:
    model = tree_of(block_size)
    model.eval()
    X = contexts_for(model, 1)
    for place in range(block_size):
        changed = X.clone()
        changed[0, place] = (changed[0, place] + 1) % V
        assert not torch.equal(model.logits(changed), model.logits(X))
    X[0, :2] = torch.tensor([1, 2])
    swapped = X.clone()
    swapped[0, :2] = torch.tensor([2, 1])
    assert not torch.allclose(model.logits(swapped), model.logits(X))


@pytest.mark.parametrize("block_size", SIZES)
def test_a_power_of_two_has_its_logarithm_of_levels(block_size: int) -> None:
    model = WaveNet(3, 5, block_size, generator=seeded())
    assert 2**model.depth == block_size == model.block_size
    assert depth_of(block_size) == model.depth == len(norms_of(model))


@pytest.mark.parametrize("block_size", [1, 0, -1, -8, 3, 6, 12, 8.0, 0.5, "8", None, True])
def test_another_block_size_is_refused_with_its_number(block_size: Any) -> None:
    said = f"block_size is {block_size!r}; a tree that joins two at a time needs"
    with pytest.raises(ValueError, match=f"^{re.escape(said)} a power of two"):
        WaveNet(3, 5, block_size, generator=seeded())
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        depth_of(block_size)


@pytest.mark.parametrize(("n_embd", "n_hidden"), [(0, 5), (3, 0), (3, -1)])
def test_a_size_below_one_is_refused(n_embd: int, n_hidden: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WaveNet(n_embd, n_hidden, generator=seeded())


# Batch norm in a tree


@pytest.mark.parametrize("block_size", SIZES)
def test_running_statistics_have_one_number_for_each_feature(block_size: int) -> None:
    model = WaveNet(3, 5, block_size, generator=seeded())
    model.logits(contexts_for(model, 20))
    for norm in norms_of(model):
        assert norm.running_mean.shape == norm.running_var.shape == (5,)
        assert not torch.equal(norm.running_mean, torch.zeros(5))


def over_the_first_axis(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance as the batch norm of the lectures took them before the sixth put it right."""
    return x.mean(0, keepdim=True), x.var(0, keepdim=True)


def test_statistics_over_the_first_axis_alone_keep_the_positions_apart() -> None:
    """The regression test of the lecture's mistake: it runs, learns, and standardizes each position by itself."""
    shift = torch.tensor([0.0, 5.0, -3.0])[:, None]  # (T, 1)
    x = torch.randn(40, 3, 4, generator=seeded()) + shift  # (B, T, C)
    mean, var = over_the_first_axis(x)
    assert mean.shape == var.shape == (1, 3, 4)  # not one for each feature
    wrong = (x - mean) / torch.sqrt(var + 1e-5)
    assert wrong.mean(0).abs().max() < 1e-5  # the shift is lost

    ours, theirs = BatchNorm1d(4), nn.BatchNorm1d(4)
    y = ours(x)
    close(y, theirs(x.permute(0, 2, 1)).permute(0, 2, 1))
    assert ours.running_mean.shape == ours.running_var.shape == (4,)
    close(ours.running_mean, 0.1 * x.mean((0, 1)))
    close(ours.running_var, 0.9 + 0.1 * x.flatten(0, 1).var(0))
    assert y.mean((0, 1)).abs().max() < 1e-5
    assert y.mean(0).abs().max() > 0.5  # positions still differ
    assert (y - wrong).abs().max() > 0.5


def test_two_axes_and_three_with_one_position_are_standardized_alike() -> None:
    x = torch.randn(20, 4, generator=seeded())
    assert torch.equal(BatchNorm1d(4)(x), BatchNorm1d(4)(x[:, None])[:, 0])


# What each layer makes


def test_trace_yields_the_shapes_of_the_tree() -> None:
    model = WaveNet(24, 128, 8, generator=seeded())
    steps = trace(model.net, contexts_for(model, 4))
    shapes = [(name, tuple(x.shape)) for name, x in steps]
    assert shapes == [
        ("input", (4, 8)),
        ("Embedding", (4, 8, 24)),
        ("FlattenConsecutive", (4, 4, 48)),
        ("Linear", (4, 4, 128)),
        ("BatchNorm1d", (4, 4, 128)),
        ("Tanh", (4, 4, 128)),
        ("FlattenConsecutive", (4, 2, 256)),
        ("Linear", (4, 2, 128)),
        ("BatchNorm1d", (4, 2, 128)),
        ("Tanh", (4, 2, 128)),
        ("FlattenConsecutive", (4, 256)),
        ("Linear", (4, 128)),
        ("BatchNorm1d", (4, 128)),
        ("Tanh", (4, 128)),
        ("Linear", (4, 27)),
    ]


@pytest.mark.parametrize("training", [True, False])
def test_trace_ends_with_the_output_and_changes_nothing(training: bool) -> None:
    traced, other = tree_of(), tree_of()
    X = contexts_for(traced, 6)
    before = X.clone()
    for model in (traced, other):
        model.train(training)
    steps = list(trace(traced.net, X))
    assert torch.equal(steps[0][1], before)
    assert torch.equal(steps[-1][1], other.logits(before))
    assert torch.equal(X, before)
    assert all(m.training is training for m in traced.modules())
    for one, same in zip(traced.tensors(), other.tensors(), strict=True):
        assert torch.equal(one[1], same[1])  # as after one run


def test_trace_names_whatever_layers_it_is_given() -> None:
    x = torch.randn(2, 3, 4, generator=seeded())
    names = [name for name, _ in trace(Sequential(Flatten(), Flatten()), x)]
    assert names == ["input", "Flatten", "Flatten"]


# A language model


@pytest.mark.parametrize("vocabulary", [LETTERS, Vocabulary(["zoé"])], ids=len)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("block_size", SIZES)
def test_log_probs_are_distributions_in_evaluation_mode(
    block_size: int, training: bool, vocabulary: Vocabulary
) -> None:
    model = tree_of(block_size, vocabulary)
    X = contexts_for(model, 7)
    model.eval()
    expected = model.logits(X).detach().log_softmax(1)
    model.train(training)
    before = copied(model)
    out = model.log_probs(X)
    close(out, expected)
    close(out.exp().sum(1), torch.ones(7))
    assert out.shape == (7, len(vocabulary))
    assert not out.requires_grad
    assert all(m.training is training for m in model.modules())
    assert unchanged(model, before)


def test_wrong_contexts_are_refused() -> None:
    model = tree_of()
    for ask in (model.logits, model.log_probs):
        with pytest.raises(ValueError, match=r"shape \(B, 8\) here, got \(2, 4\)"):
            ask(torch.zeros(2, 4, dtype=torch.int64))
        with pytest.raises(TypeError, match=r"int64 tensor, got torch\.float32"):
            ask(torch.zeros(2, 8))


@pytest.mark.parametrize("block_size", SIZES)
def test_training_lowers_the_loss(block_size: int) -> None:
    model = WaveNet(4, 8, block_size, generator=seeded())
    source = batches(model, NAMES, 16, seeded(3))
    before = nll(model, NAMES)
    train(model, source, AdamW(model.parameters(), lr=0.02), steps=60)
    assert nll(model, NAMES) < before - 1
    assert len(sample_names(model, 3, generator=seeded(), top_k=3)) == 3


def test_the_wrong_norm_keeps_a_mean_for_each_place_and_the_right_one_does_not() -> None:
    """What gives the lecture's fault away; where there is one place, both are the same norm."""
    x = torch.randn(6, 4, 3, generator=seeded(3)) + torch.arange(4.0)[:, None]
    wrong, right = FirstAxisNorm(3), BatchNorm1d(3)
    assert (x.mean(dim=0).std(dim=0) > 0.5).all()
    assert wrong(x).mean(dim=0).abs().max() < 1e-5
    assert right(x).mean(dim=0).abs().max() > 0.5
    assert wrong.running_mean.shape == (4, 3)
    assert right.running_mean.shape == (3,)
    torch.testing.assert_close(wrong.running_var, 0.9 * torch.ones(4, 3) + 0.1 * x.var(dim=0))


@pytest.mark.parametrize("name", ["n_embd", "n_hidden"])
@pytest.mark.parametrize("size", [0, 1.5, True])
def test_a_size_that_is_none_is_named(name: str, size: Any) -> None:
    sizes = {"n_embd": 4, "n_hidden": 6, name: size}
    with pytest.raises(ValueError, match=f"^{name} is {size!r}; it must be a whole number of at least 1"):
        WaveNet(**sizes, generator=seeded())


def test_a_new_network_has_hardly_an_opinion(sample: list[str]) -> None:
    model = WaveNet(10, 68, generator=seeded())
    X, _ = next(batches(model, sample, 256, seeded()))
    assert model.logits(X).std() < 0.2
