"""The experiments with makemore's networks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nnz.data import LETTERS
from nnz.experiments import makemore
from nnz.sample import seeded
from nnz.softmax import log_softmax


@pytest.mark.parametrize(("kind", "weights"), [("transformer", 204_544), ("rnn", 11_803), ("gru", 28_315)])
def test_each_network_has_as_many_weights_as_the_program_s(kind: str, weights: int) -> None:
    assert sum(w.numel() for w in makemore.made(kind, seeded(1))[0]) == weights


@pytest.mark.parametrize("kind", makemore.KINDS)
def test_names_cost_the_same_alone_and_together(kind: str) -> None:
    costs = makemore.made(kind, seeded(1))[1]
    names = ["emma", "al", "christopherjam"]
    apart = torch.cat([costs([name]) for name in names])
    assert torch.allclose(costs(names), apart, atol=1e-5)
    assert len(apart) == sum(len(name) + 1 for name in names)


def test_the_transformer_does_not_look_ahead() -> None:
    net = makemore.Transformer(seeded(1))
    tokens = LETTERS.encode(".emma")
    whole = net(torch.tensor([tokens]))
    for n in range(1, len(tokens)):
        changed = torch.tensor([[*tokens[:n], *(1 + token for token in tokens[n:])]])
        assert torch.allclose(net(changed)[:, :n], whole[:, :n], atol=1e-5)
        assert not torch.allclose(net(changed)[:, n:], whole[:, n:], atol=1e-2)


def test_first_weights_are_as_wide_as_those_that_torch_draws() -> None:
    ours, theirs = nn.Linear(50, 400), nn.Linear(50, 400)
    makemore.draw(ours, seeded(3))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.abs().max() <= 1 / math.sqrt(50)
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.15)
    blocks = makemore.Transformer(seeded(1)).blocks.layers
    first, second = (next(iter(block.parameters())) for block in blocks[:2])
    assert not torch.equal(first, second)  # torch copies the first block, weights and all


@torch.no_grad()
def test_the_recurrent_network_is_that_of_one_map_for_input_and_state() -> None:
    """A second implementation: h = tanh(W [x; h] + b), as the program writes it."""
    model = makemore.recurrent("rnn", seeded(2))
    cell, h, found = model.cell(0), model.start, []
    assert cell.inputs.bias is not None
    joined = nn.Linear(128, 64)
    joined.weight.copy_(torch.cat([cell.inputs.weight, cell.carried.weight]).T)
    joined.bias.copy_(cell.inputs.bias)
    tokens = [0, *LETTERS.encode("emma")]
    for token in tokens:
        h = torch.tanh(joined(torch.cat([model.embedding(torch.tensor([token])), h], dim=1)))
        found.append(log_softmax(model.last(h))[0])
    asked = torch.tensor([*tokens[1:], 0])
    costs = -torch.stack(found)[range(5), asked]
    assert torch.allclose(makemore.made("rnn", seeded(2))[1](["emma"]), costs, atol=1e-5)


def test_the_list_is_cut_once_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"a{'b' * i}" for i in range(50)]
    monkeypatch.setattr(makemore, "load_names", lambda: names)
    train, asked = makemore.lists()
    assert (len(train), len(asked)) == (45, 5)
    assert sorted(train + asked) == sorted(names)
    assert makemore.lists() == (train, asked)


def test_a_run_reports_after_each_of_its_steps_and_repeats(few_names: None) -> None:
    once = makemore.run("rnn", 1, [40, 400])  # on a short list a twentieth of them
    assert once == makemore.run("rnn", 1, [40, 400])
    assert once != makemore.run("rnn", 2, [40, 400])
    assert once[1] < once[0] < math.log(27) + 0.3


def test_the_error_of_the_difference_is_that_of_names(few_names: None) -> None:
    found: dict[str, float] = makemore.at_length(1)
    assert 0 < found["error"] < 1
    assert all(map(math.isfinite, found.values()))


@pytest.fixture
def few_names(monkeypatch: pytest.MonkeyPatch, sample: list[str]) -> None:
    monkeypatch.setattr(makemore, "load_names", lambda: sample[:300])
