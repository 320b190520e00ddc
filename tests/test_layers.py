"""Layers, against those of torch.nn; what they refuse; and models made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from against_torch import close, compare, numbers, oddly, same_averages, slope
from held import copied, unchanged
from nnz.checkpoint import Checkpoint
from nnz.data import LETTERS, Vocabulary
from nnz.evaluate import bits_per_character, bootstrap, by_position, nll, novelty
from nnz.init import kaiming_normal
from nnz.layers import (
    Embedding,
    Flatten,
    FlattenConsecutive,
    LayeredModel,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    TensorModule,
)
from nnz.norms import BatchNorm1d
from nnz.sample import sample_names, seeded
from nnz.train import History, batches, train

V = len(LETTERS)
NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia"]


# Against torch


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6,), (7, 6), (4, 3, 6)])
def test_linear_is_that_of_torch(shape: tuple[int, ...], bias: bool) -> None:
    ours = oddly(Linear(6, 4, bias, generator=seeded()))
    theirs = nn.Linear(6, 4, bias)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight.T)
        if ours.bias is not None:
            theirs.bias.copy_(ours.bias)
    compare(ours, theirs, numbers(*shape))
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_linear_begins_with_kaiming_s_weights_and_a_bias_of_zero() -> None:
    layer = Linear(6, 4, gain=5 / 3, generator=seeded())
    assert torch.equal(layer.weight, kaiming_normal(6, 4, gain=5 / 3, generator=seeded()))
    assert torch.equal(Linear(6, 4, generator=seeded()).weight, kaiming_normal(6, 4, generator=seeded()))
    assert layer.bias is not None
    assert torch.equal(layer.bias, torch.zeros(4))
    assert Linear(6, 4, bias=False, generator=seeded()).bias is None
    assert all(p.requires_grad and p.is_leaf for p in layer.parameters())


@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (2, 3, 4)])
def test_embedding_is_that_of_torch(shape: tuple[int, ...]) -> None:
    ours = Embedding(7, 3, generator=seeded())
    assert torch.equal(ours.weight, torch.randn(7, 3, generator=seeded(), requires_grad=True))
    theirs = nn.Embedding(7, 3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randint(7, shape, generator=seeded())
    y, other = ours(x), theirs(x)
    assert torch.equal(y, other)
    for out in (y, other):
        out.backward(numbers(*y.shape))
    close(slope(ours.weight), slope(theirs.weight))


def test_a_row_that_is_used_twice_has_both_gradients() -> None:
    ours, theirs = Embedding(5, 2, generator=seeded()), nn.Embedding(5, 2)
    x = torch.tensor([[3, 3, 0], [3, 1, 0]])
    ours(x).sum().backward()
    theirs(x).sum().backward()
    counts = torch.tensor([2.0, 1, 0, 3, 0])
    assert torch.equal(slope(ours.weight), counts[:, None].expand(5, 2))
    assert torch.equal(slope(ours.weight), slope(theirs.weight))


@pytest.mark.parametrize("shape", [(6,), (7, 6), (4, 3, 6), (0, 6)])
def test_activations_are_those_of_torch(shape: tuple[int, ...]) -> None:
    pairs: list[tuple[TensorModule, nn.Module]]
    pairs = [(Tanh(), nn.Tanh()), (ReLU(), nn.ReLU())]
    for ours, theirs in pairs:
        compare(ours, theirs, 2 * numbers(*shape))
        assert ours.parameters() == []


@pytest.mark.parametrize("shape", [(4, 3, 6), (7, 6), (2, 3, 4, 5), (0, 3, 6)])
def test_flatten_is_that_of_torch(shape: tuple[int, ...]) -> None:
    compare(Flatten(), nn.Flatten(), numbers(*shape))


@settings(max_examples=60)
@given(B=st.integers(0, 4), groups=st.integers(1, 5), n=st.integers(2, 5), C=st.integers(1, 4))
def test_flatten_consecutive_is_a_loop_over_groups(B: int, groups: int, n: int, C: int) -> None:
    x = numbers(B, n * groups, C)
    y = FlattenConsecutive(n)(x)
    assert y.shape == ((B, n * C) if groups == 1 else (B, groups, n * C))
    for b in range(B):
        for g in range(groups):
            side_by_side = torch.cat([x[b, g * n + i] for i in range(n)])
            row = y[b] if groups == 1 else y[b, g]
            assert torch.equal(row, side_by_side)


def test_flatten_consecutive_gives_each_number_its_slope() -> None:
    for T in (2, 6):
        x = numbers(3, T, 4).requires_grad_()
        y = FlattenConsecutive(2)(x)
        upstream = numbers(*y.shape, seed=5)
        y.backward(upstream)
        assert torch.equal(slope(x), upstream.reshape(3, T, 4))


def test_flatten_consecutive_of_all_positions_is_flatten() -> None:
    for x in (numbers(5, 4, 3), numbers(1, 4, 3), numbers(4, 5, 3).transpose(0, 1)):
        y = FlattenConsecutive(4)(x)
        assert y.shape == (len(x), 12)
        assert torch.equal(y, Flatten()(x))


def test_only_the_axis_of_a_single_group_goes() -> None:
    """An axis of one example, or of one feature, stays: a bare squeeze would take these too."""
    assert FlattenConsecutive(2)(numbers(1, 2, 3)).shape == (1, 6)
    assert FlattenConsecutive(2)(numbers(1, 4, 3)).shape == (1, 2, 6)
    assert FlattenConsecutive(2)(numbers(1, 4, 1)).shape == (1, 2, 2)
    assert FlattenConsecutive(2)(numbers(0, 2, 3)).shape == (0, 6)


@pytest.mark.parametrize("shape", [(3, 5, 2), (3, 1, 2), (4, 6), (6,), (2, 2, 2, 2)])
def test_flatten_consecutive_refuses_what_has_no_whole_groups(shape: tuple[int, ...]) -> None:
    said = f"x must be (B, T, C), T a multiple of 2; got {shape}."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        FlattenConsecutive(2)(numbers(*shape))


@pytest.mark.parametrize("n", [1, 0, -2, 2.0, "2", None])
def test_a_group_of_fewer_than_two_is_refused(n: Any) -> None:
    said = f"n is {n!r}; a group has at least 2 neighbors."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        FlattenConsecutive(n)


def test_sequential_is_one_layer_after_another() -> None:
    first, second = (oddly(Linear(3, 3, generator=seeded(s))) for s in (1, 2))
    x = numbers(5, 3)
    with torch.no_grad():
        second.weight *= 2
    expected = second(torch.tanh(first(x)))
    assert torch.equal(Sequential(first, Tanh(), second)(x), expected)
    assert not torch.equal(Sequential(second, Tanh(), first)(x), expected)
    assert torch.equal(Sequential(first)(x), first(x))
    with pytest.raises(ValueError, match="at least one layer; got none"):
        Sequential()


def test_a_layer_that_says_nothing_of_what_it_does_does_nothing() -> None:
    with pytest.raises(NotImplementedError):
        TensorModule()(numbers(2, 3))


# Models made of layers


def model_of(*, seed: int = 1, block_size: int = 3, vocabulary: Vocabulary = LETTERS) -> LayeredModel:
    """Make a model with a batch norm inside a Sequential inside a Sequential."""
    g, size = seeded(seed), len(vocabulary)
    inner = Sequential(Linear(4 * block_size, 8, bias=False, gain=5 / 3, generator=g), BatchNorm1d(8), Tanh())
    out = Linear(8, size, gain=0.5, generator=g)
    net = Sequential(Embedding(size, 4, generator=g), Flatten(), inner, out)
    return LayeredModel(net, block_size, vocabulary)


def norm_of(model: LayeredModel) -> BatchNorm1d:
    return next(m for m in modules(model) if isinstance(m, BatchNorm1d))


def modules(module: TensorModule) -> list[TensorModule]:
    """Return a module and all that it is made of, found without its own help."""
    parts = [*vars(module).values(), *vars(module).get("layers", [])]
    own = [part for part in parts if isinstance(part, TensorModule)]
    return [module, *(m for part in own for m in modules(part))]


def contexts_for(model: LayeredModel, B: int) -> Tensor:
    shape = (B, model.block_size)
    return torch.randint(len(model.vocabulary), shape, generator=seeded(B))


def trained(model: LayeredModel, steps: int = 20) -> History:
    optimizer = AdamW(model.parameters(), lr=0.01)
    source = batches(model, NAMES, 8, seeded(3))
    return train(model, source, optimizer, steps=steps)


def test_modes_reach_everything_that_a_model_is_made_of() -> None:
    model = model_of()
    assert len(modules(model)) == 9
    assert all(m.training for m in modules(model))
    model.eval()
    assert not any(m.training for m in modules(model))
    model.train()
    assert all(m.training for m in modules(model))
    model.train(False)
    assert not any(m.training for m in modules(model))
    assert all(m.training for m in modules(model_of()))  # it is not the class's
    inner = next(m for m in modules(model.net) if m is not model.net)
    inner.train()
    assert not model.training


def test_modules_are_a_model_and_all_that_it_is_made_of() -> None:
    model = model_of()
    assert list(model.modules()) == modules(model)  # the same ones, in order
    layer = Tanh()
    assert list(layer.modules()) == [layer]


@pytest.mark.parametrize("training", [True, False])
def test_log_probs_are_those_of_evaluation_and_the_mode_stays(training: bool) -> None:
    model = model_of()
    trained(model)
    X = contexts_for(model, 9)
    model.eval()
    expected = model.logits(X).detach().log_softmax(1)
    model.train(training)
    before = copied(model)
    assert torch.allclose(model.log_probs(X), expected, atol=1e-6)
    assert all(m.training is training for m in modules(model))
    assert unchanged(model, before)
    model.train()
    assert not torch.allclose(model.logits(X).log_softmax(1), expected, atol=1e-2)


@pytest.mark.parametrize("training", [True, False])
def test_log_probs_leaves_each_module_in_the_mode_it_was_in(training: bool) -> None:
    def fail(x: Tensor) -> Tensor:
        raise OSError("no power")

    model = model_of()
    trained(model)
    X = contexts_for(model, 9)
    model.train(training)
    norm_of(model).train(not training)  # frozen, or the only one that is not
    modes = [m.training for m in modules(model)]
    assert modes.count(not training) == 1
    before, expected = copied(model), model_of()
    trained(expected)
    assert torch.equal(model.log_probs(X), expected.log_probs(X))
    assert [m.training for m in modules(model)] == modes
    vars(model)["logits"] = fail
    with pytest.raises(OSError, match="no power"):
        model.log_probs(X)
    assert [m.training for m in modules(model)] == modes
    assert unchanged(model, before)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_stays_if_log_probs_raises(training: bool) -> None:
    class Failing(TensorModule):
        def __call__(self, x: Tensor) -> Tensor:
            assert not self.training
            raise OSError("no power")

    model = model_of()
    model.net = Sequential(model.net, Failing())
    model.train(training)
    before = copied(model)
    for contexts, error in [
        (contexts_for(model, 4), OSError),
        (torch.zeros(4, 2, dtype=torch.int64), ValueError),
        (torch.zeros(4, 3), TypeError),
    ]:
        with pytest.raises(error):
            model.log_probs(contexts)
        assert all(m.training is training for m in modules(model))
    assert unchanged(model, before)


@pytest.mark.parametrize("vocabulary", [LETTERS, Vocabulary(["zoé"])], ids=len)
@pytest.mark.parametrize("B", [0, 1, 7, 257])
def test_each_row_is_a_distribution(B: int, vocabulary: Vocabulary) -> None:
    model = model_of(vocabulary=vocabulary)
    out = model.log_probs(contexts_for(model, B))
    assert out.shape == (B, len(vocabulary))
    assert out.dtype == torch.float32
    assert not out.requires_grad
    close(out.exp().sum(1), torch.ones(B))


def test_the_answer_for_a_context_does_not_depend_on_the_others() -> None:
    model = model_of()
    trained(model)
    X = contexts_for(model, 9)
    before = X.clone()
    together = model.log_probs(X)
    alone = torch.cat([model.log_probs(x[None]) for x in X])
    close(together, alone)
    assert torch.equal(X, before)


def test_wrong_contexts_are_refused() -> None:
    model = model_of()
    for ask in (model.log_probs, model.logits):
        with pytest.raises(TypeError, match=r"int64 tensor, got torch\.float32"):
            ask(torch.zeros(2, 3))
        for shape in [(2, 4), (3,), (1, 2, 3)]:
            with pytest.raises(ValueError, match=r"shape \(B, 3\) here, got"):
                ask(torch.zeros(shape, dtype=torch.int64))
    for index in (V, -1):
        with pytest.raises(ValueError, match=f"index {index}, not in 0 to {V - 1}"):
            model.log_probs(torch.full((2, 3), index))


def test_everything_built_on_the_contract_works(sample: list[str]) -> None:
    model, names = model_of(), sample[:100]
    trained(model)
    before = copied(model)
    assert len(sample_names(model, 5, generator=seeded(), top_k=3)) == 5
    assert 0 < bits_per_character(model, names) < 10
    assert int(by_position(model, names)[1][0]) == len(names)
    assert 0 <= novelty(model, names, generator=seeded(), n=20) <= 1
    assert bootstrap(model, names, generator=seeded()).standard_error >= 0
    assert unchanged(model, before)


def test_training_lowers_the_loss_in_both_modes() -> None:
    model = model_of()
    before = nll(model, NAMES)
    history = trained(model, 300)
    assert sum(history.losses[-20:]) / 20 < 1.5
    assert nll(model, NAMES) < before - 1.5


class OfTorch(nn.Module):
    """The network of `model_of`, in torch.nn."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, 4)
        self.linear = nn.Linear(12, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, V)

    def logits(self, contexts: Tensor) -> Tensor:
        x = self.embedding(contexts).flatten(1)
        y: Tensor = self.out(torch.tanh(self.norm(self.linear(x))))
        return y


def test_a_model_is_trained_as_one_of_torch_s_layers_is() -> None:
    ours, theirs = model_of(), OfTorch()
    with torch.no_grad():
        for mine, other in zip(
            ours.parameters(),
            [
                theirs.embedding.weight,
                theirs.linear.weight,
                theirs.norm.weight,
                theirs.norm.bias,
                theirs.out.weight,
                theirs.out.bias,
            ],
            strict=True,
        ):
            turn = other is theirs.linear.weight or other is theirs.out.weight
            other.copy_(mine.T if turn else mine)
    history = train(ours, batches(ours, NAMES, 8, seeded(3)), SGD(ours.parameters(), lr=0.2), steps=20)
    optimizer, source = (SGD(theirs.parameters(), lr=0.2), batches(ours, NAMES, 8, seeded(3)))
    for loss in history.losses:
        X, Y = next(source)
        other_loss = F.cross_entropy(theirs.logits(X), Y)
        assert loss == pytest.approx(other_loss.item(), abs=1e-4)
        optimizer.zero_grad()
        other_loss.backward()
        optimizer.step()
    same_averages(norm_of(ours), theirs.norm, 1e-4)
    theirs.eval()
    X = contexts_for(ours, 9)
    close(ours.log_probs(X), theirs.logits(X).detach().log_softmax(1), 1e-4)


def test_state_dict_names_everything_by_its_place() -> None:
    model = model_of()
    assert list(model.state_dict()) == [
        "net.0.weight",
        "net.2.0.weight",
        "net.2.1.weight",
        "net.2.1.bias",
        "net.2.1.running_mean",
        "net.2.1.running_var",
        "net.3.weight",
        "net.3.bias",
    ]
    assert next(iter(model.net.state_dict())) == "0.weight"


def test_state_dict_is_the_weights_themselves() -> None:
    model = model_of()
    state = model.state_dict()
    assert not any(tensor.requires_grad for tensor in state.values())
    for tensor in state.values():
        tensor.fill_(0.25)
    assert all((p == 0.25).all() for p in model.parameters())
    norm = norm_of(model)
    assert (norm.running_mean == 0.25).all()
    assert (norm.running_var == 0.25).all()
    trained(model, 1)
    assert torch.equal(state["net.2.1.running_var"], norm.running_var)
    assert torch.equal(state["net.3.bias"], model.parameters()[-1])
    assert not (norm.running_var == 0.25).all()


def test_parameters_are_what_may_be_learned() -> None:
    model = model_of()
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes == [(V, 4), (12, 8), (8,), (8,), (8, V), (V,)]
    assert all(p.is_leaf and p.requires_grad for p in model.parameters())
    norm = norm_of(model)
    buffers = {id(norm.running_mean), id(norm.running_var)}
    assert not buffers & {id(p) for p in model.parameters()}
    trained(model, 3)
    assert not norm.running_mean.requires_grad
    assert not norm.running_var.requires_grad
    norm.weight.requires_grad_(False)
    assert len(model.parameters()) == 5
    assert len(model.state_dict()) == 8


def test_a_layer_that_is_used_twice_has_its_parameters_once() -> None:
    tied = oddly(Linear(3, 3, generator=seeded()))
    net = Sequential(tied, Tanh(), tied)
    assert tied.bias is not None
    weights = net.parameters()
    assert [id(p) for p in weights] == [id(tied.weight), id(tied.bias)]
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(net.state_dict()) == names
    optimizer = SGD(weights, lr=0.1)  # torch warns of duplicates
    before = copied(tied)
    net(numbers(5, 3)).square().sum().backward()
    grad = slope(tied.weight).clone()
    optimizer.step()
    close(tied.weight, before["weight"] - 0.1 * grad)


def test_a_weight_that_two_layers_share_is_a_parameter_once() -> None:
    first, second = (Linear(3, 3, generator=seeded(s)) for s in (1, 2))
    second.weight = first.weight
    net = Sequential(first, Tanh(), second)
    expected = [first.weight, first.bias, second.bias]
    assert [id(p) for p in net.parameters()] == [id(p) for p in expected]
    first.weight.requires_grad_(False)
    assert len(net.parameters()) == 2


class Holding(TensorModule):
    """A layer and, under the name "more", whatever is given."""

    def __init__(self, more: object) -> None:
        self.first, self.more = Linear(3, 3, generator=seeded()), more

    def __call__(self, x: Tensor) -> Tensor:
        return self.first(x)


@pytest.mark.parametrize("within", [False, True], ids=["itself", "in a child"])
@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ([Tanh()], "list"),
        ([1.0, None, Linear(3, 3, generator=seeded())], "list"),
        ((Tanh(), Tanh()), "tuple"),
        ({"tanh": Tanh()}, "dict"),
        ({0: "a name", 1: model_of()}, "dict"),
    ],
)
def test_modules_in_a_list_a_tuple_or_a_dict_are_refused(more: object, kind: str, within: bool) -> None:
    holding = Holding(more)
    module = Sequential(Tanh(), holding) if within else holding
    assert module(numbers(2, 3)).shape == (2, 3)  # nobody has asked yet
    said = f"^more holds modules in a {kind}; use attributes or a Sequential"
    asked: list[Callable[[], object]] = [
        lambda: list(holding.children()),
        lambda: list(module.modules()),
        lambda: list(module.tensors()),
        module.parameters,
        module.state_dict,
        module.train,
        module.eval,
    ]
    for ask in asked:
        with pytest.raises(TypeError, match=said):
            ask()


@pytest.mark.parametrize("more", [[], (), {}, [1, 2], (3, "a"), {"a": 1.5}])
def test_a_list_a_tuple_or_a_dict_without_modules_is_no_matter(more: object) -> None:
    holding = Holding(more)
    assert list(holding.children()) == [("first", holding.first)]
    assert list(holding.state_dict()) == ["first.weight", "first.bias"]
    assert len(holding.parameters()) == 2


def test_modules_in_a_sequential_are_found_though_it_keeps_them_in_a_list() -> None:
    layers = [Linear(3, 3, generator=seeded(s)) for s in (1, 2)]
    holding = Holding(Sequential(*layers))
    assert isinstance(holding.more, Sequential)
    assert holding.more.layers == layers
    assert list(holding.modules()) == [holding, holding.first, holding.more, *layers]
    assert list(holding.state_dict())[2:] == ["more.0.weight", "more.0.bias", "more.1.weight", "more.1.bias"]
    assert len(holding.parameters()) == 6


def test_an_output_that_is_kept_is_neither_a_parameter_nor_in_the_state() -> None:
    class Keeping(TensorModule):
        def __init__(self) -> None:
            self.weight = numbers(3, 3).requires_grad_()
            self.scale = torch.ones(3)

        def __call__(self, x: Tensor) -> Tensor:
            self.out = x @ self.weight * self.scale
            return self.out

    layer = Keeping()
    net = Sequential(layer, Tanh())
    net(numbers(5, 3)).sum().backward()
    assert layer.out.requires_grad
    assert not layer.out.is_leaf
    assert [name for name, _ in layer.tensors()] == ["weight", "scale"]
    assert list(net.state_dict()) == ["0.weight", "0.scale"]
    (weight,) = net.parameters()
    assert weight is layer.weight
    SGD(net.parameters(), lr=0.1).step()  # which refuses outputs


def test_a_run_that_was_stopped_ends_as_the_one_that_was_not(tmp_path: Path) -> None:
    def run(seed: int) -> tuple[LayeredModel, AdamW, torch.Generator]:
        model = model_of(seed=seed)
        return model, AdamW(model.parameters(), lr=0.02), seeded(seed + 100)

    def go_on(
        model: LayeredModel, optimizer: AdamW, g: torch.Generator, steps: int, history: History | None = None
    ) -> History:
        source = batches(model, NAMES, 5, g)
        return train(model, source, optimizer, steps=steps, history=history)

    whole, first, second = run(1), run(1), run(99)
    once = go_on(*whole, 30)
    half = go_on(*first, 13)
    Checkpoint(tmp_path / "run", *first).save(half)
    restored = Checkpoint(tmp_path / "run", *second).load()
    assert restored == half
    assert unchanged(second[0], copied(first[0]))
    assert go_on(*second, 30, restored) == once
    assert unchanged(second[0], copied(whole[0]))
    averages = norm_of(second[0])
    assert torch.equal(averages.running_mean, norm_of(whole[0]).running_mean)
    assert torch.equal(averages.running_var, norm_of(whole[0]).running_var)
    assert not torch.equal(averages.running_var, norm_of(first[0]).running_var)


def test_a_mode_is_true_or_false() -> None:
    layer = BatchNorm1d(3)
    layer.eval()
    assert layer.training is False
    layer.train()
    assert layer.training is True
