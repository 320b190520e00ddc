"""The neural language model of Bengio et al., against torch.nn and against its definition."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nnz.data import LETTERS, Vocabulary, windows
from nnz.evaluate import nll
from nnz.mlp import BengioMLP, scores
from nnz.sample import sample_names, seeded

V = len(LETTERS)


class Restated(nn.Module):
    """The same function in torch.nn, with weights copied from a `BengioMLP`."""

    def __init__(self, model: BengioMLP) -> None:
        super().__init__()
        shapes = {name: p.shape for name, p in model.params.items()}
        self.embedding = nn.Embedding(*shapes["C"])
        self.hidden = nn.Linear(*shapes["W1"])
        self.out = nn.Linear(*shapes["W2"])
        self.direct = nn.Linear(*shapes["W"], bias=False) if "W" in shapes else None
        with torch.no_grad():
            for name, (mine, turned) in self.places().items():
                theirs = model.params[name]
                mine.copy_(theirs.T if turned else theirs)

    def places(self) -> dict[str, tuple[Tensor, bool]]:
        places = {
            "C": (self.embedding.weight, False),
            "W1": (self.hidden.weight, True),
            "b1": (self.hidden.bias, False),
            "W2": (self.out.weight, True),
            "b2": (self.out.bias, False),
        }
        if self.direct is not None:
            places["W"] = (self.direct.weight, True)
        return places

    def forward(self, contexts: Tensor) -> Tensor:
        x = self.embedding(contexts).flatten(1)
        y = self.out(torch.tanh(self.hidden(x)))
        return y if self.direct is None else y + self.direct(x)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("block_size", [1, 3, 8])
def test_outputs_and_gradients_are_those_of_torch_nn(direct: bool, block_size: int) -> None:
    model = BengioMLP(block_size, 7, 31, direct, generator=seeded()).scale_init()
    with torch.no_grad():
        for p in model.params.values():  # not the zeros that quieten leaves
            p += 0.1 * torch.randn(p.shape, generator=seeded(2))
    other = Restated(model)
    X, Y = windows(["emma", "olivia", "ava", "isabella", "zoe"], block_size)
    ours, theirs = model.logits(X), other(X)
    assert (ours - theirs).abs().max() < 1e-6
    F.cross_entropy(ours, Y).backward()
    F.cross_entropy(theirs, Y).backward()
    for name, (tensor, turned) in other.places().items():
        grad = tensor.grad
        assert grad is not None
        mine = model.params[name].grad
        assert mine is not None
        assert mine.abs().max() > 0
        assert (mine - (grad.T if turned else grad)).abs().max() < 1e-6


def test_one_logit_is_the_paper_s_equation_written_out() -> None:
    model = BengioMLP(2, 3, 4, direct=True, generator=seeded(5))
    C, W1, b1, W2, b2, W = (p.detach().double() for p in model.parameters())
    x = [C[2][0], C[2][1], C[2][2], C[9][0], C[9][1], C[9][2]]
    hidden = [math.tanh(b1[j] + sum(x[i] * W1[i, j] for i in range(6))) for j in range(4)]
    for y in (0, 13, 26):
        expected = b2[y] + sum(x[i] * W[i, y] for i in range(6))
        expected += sum(hidden[j] * W2[j, y] for j in range(4))
        assert model.logits(torch.tensor([[2, 9]]))[0, y].item() == pytest.approx(float(expected), abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    block_size=st.integers(1, 6), n_embd=st.integers(1, 9), n_hidden=st.integers(1, 20), direct=st.booleans()
)
def test_the_number_of_weights_is_the_paper_s(
    block_size: int, n_embd: int, n_hidden: int, direct: bool
) -> None:
    model = BengioMLP(block_size, n_embd, n_hidden, direct, generator=seeded())
    n, m, h = block_size + 1, n_embd, n_hidden
    paper = V * (1 + n * m + h) + h * (1 + (n - 1) * m)
    without = paper - (0 if direct else V * (n - 1) * m)
    assert sum(p.numel() for p in model.parameters()) == without


def test_an_embedding_row_is_a_one_hot_times_the_table() -> None:
    model = BengioMLP(3, 10, 20, generator=seeded())
    X, _ = windows(["emma", "mia"], 3)
    onehot = F.one_hot(X, V).float()  # (B, T, V)
    x = (onehot @ model.params["C"]).flatten(1)
    params = model.params
    hidden = torch.tanh(x @ params["W1"] + params["b1"])
    expected = hidden @ params["W2"] + params["b2"]
    assert torch.equal(model.logits(X), expected)


def test_a_model_without_direct_connections_begins_with_the_same_other_weights() -> None:
    plain = BengioMLP(3, 4, 5, generator=seeded())
    direct = BengioMLP(3, 4, 5, direct=True, generator=seeded())
    assert set(direct.params) - set(plain.params) == {"W"}
    for name, p in plain.params.items():
        assert torch.equal(p, direct.params[name])


def test_it_keeps_the_contract() -> None:
    model = BengioMLP(3, 4, 5, generator=seeded())
    X, _ = windows(["emma", "olivia"], 3)
    out = model.log_probs(X)
    assert out.shape == (len(X), V)
    assert not out.requires_grad
    assert torch.allclose(out.exp().sum(1), torch.ones(len(X)))
    assert torch.allclose(out, model.logits(X).log_softmax(1), atol=1e-6)
    assert len(sample_names(model, 5, generator=seeded())) == 5
    assert model.log_probs(X[:0]).shape == (0, V)


def test_it_reads_any_alphabet() -> None:
    vocabulary = Vocabulary(["łódź", "åre"])
    model = BengioMLP(2, 3, 4, generator=seeded(), vocabulary=vocabulary)
    assert nll(model, ["łódź"]) > 0


def test_quieten_leaves_no_saturated_unit_and_an_even_guess() -> None:
    loud = BengioMLP(3, 10, 200, generator=seeded())
    quiet = BengioMLP(3, 10, 200, generator=seeded()).scale_init()
    X, Y = windows(["emma", "olivia", "ava", "isabella", "sophia"], 3)

    def saturated(model: BengioMLP) -> float:
        p = model.params
        h = torch.tanh(p["C"][X].flatten(1) @ p["W1"] + p["b1"])
        return (h.abs() > 0.99).double().mean().item()

    assert saturated(loud) > 0.5
    assert saturated(quiet) < 0.15
    assert F.cross_entropy(loud.logits(X), Y).item() > 10
    assert abs(F.cross_entropy(quiet.logits(X), Y).item() - math.log(V)) < 0.05
    assert torch.equal(loud.params["C"], quiet.params["C"])
    assert loud.params["b1"].any()
    assert loud.params["b2"].any()
    assert not quiet.params["b1"].any()
    assert not quiet.params["b2"].any()


def test_quieten_starts_direct_connections_at_zero() -> None:
    model = BengioMLP(3, 10, 20, direct=True, generator=seeded()).scale_init()
    assert not model.params["W"].any()
    assert all(p.requires_grad and p.is_leaf for p in model.parameters())


def test_state_dict_is_the_weights_themselves() -> None:
    model = BengioMLP(2, 3, 4, generator=seeded())
    state = model.state_dict()
    assert list(state) == ["C", "W1", "b1", "W2", "b2"]
    state["b2"].zero_()
    assert not model.params["b2"].any()
    assert not any(tensor.requires_grad for tensor in state.values())


@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", None])
@pytest.mark.parametrize("name", ["block_size", "n_embd", "n_hidden"])
def test_bad_sizes_are_said(name: str, bad: object) -> None:
    sizes = {"block_size": 3, "n_embd": 4, "n_hidden": 5, name: bad}
    with pytest.raises(ValueError, match=rf"{name} is {bad!r}; it must be a whole"):
        BengioMLP(**sizes, generator=seeded())


@pytest.mark.parametrize("method", ["logits", "log_probs"])
def test_contexts_of_another_shape_or_type_are_refused(method: str) -> None:
    ask = getattr(BengioMLP(3, 4, 5, generator=seeded()), method)
    with pytest.raises(ValueError, match=r"shape \(B, 3\) here, got \(2, 2\)"):
        ask(torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"shape \(B, 3\) here, got \(3,\)"):
        ask(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"int64 tensor, got torch\.float32"):
        ask(torch.zeros(2, 3))


def test_an_index_outside_the_vocabulary_is_refused() -> None:
    model = BengioMLP(3, 4, 5, generator=seeded())
    with pytest.raises(ValueError, match="index 27, not in 0 to 26"):
        model.log_probs(torch.full((1, 3), 27))


def test_scores_depend_on_nothing_but_their_arguments() -> None:
    model = BengioMLP(2, 3, 4, generator=seeded())
    X = torch.tensor([[1, 2], [0, 5]])
    many = {name: torch.stack([p, 2 * p]) for name, p in model.params.items()}
    both = torch.func.vmap(scores, in_dims=(0, None))(many, X)
    assert torch.allclose(both[0], scores(model.params, X), atol=1e-6)
    doubled = {name: 2 * p for name, p in model.params.items()}
    assert torch.allclose(both[1], scores(doubled, X), atol=1e-5)


def plain_loop(names: list[str], block_size: int) -> tuple[Tensor, Tensor]:
    """Make the windows as a reader would write them first."""
    index = {char: i for i, char in enumerate(LETTERS.chars)}
    X, Y = [], []
    for name in names:
        context = [0] * block_size
        for char in name + ".":
            X.append(context)
            Y.append(index[char])
            context = [*context[1:], index[char]]
    return torch.tensor(X), torch.tensor(Y)


@pytest.mark.parametrize("block_size", [1, 3, 8])
def test_windows_are_those_of_the_plain_loop(block_size: int) -> None:
    names = ["emma", "a", "zz", "olivia"]
    for ours, theirs in zip(windows(names, block_size), plain_loop(names, block_size), strict=True):
        assert torch.equal(ours, theirs)
