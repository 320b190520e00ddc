"""Deep networks side by side: each is trained as it would be alone, by torch's own optimizers."""

from __future__ import annotations

from functools import partial
from itertools import cycle

import pytest
import torch
from torch.optim import SGD, AdamW

from held import copied
from nnz.experiments.deep_stack import adamw, descend, descent, watched
from nnz.experiments.diagnostics import deep
from nnz.train import train

pytestmark = pytest.mark.support

RATES = (0.02, 0.05, 0.1)
KINDS = {
    "sgd": (SGD, lambda rates: descent(rates)),
    "momentum": (partial(SGD, momentum=0.9), lambda rates: descent(rates, 0.9)),
    "adamw": (AdamW, lambda rates: adamw(rates)),
}


def source():
    g = torch.Generator().manual_seed(7)
    shapes = [(32, 3), (32,)]
    return cycle([[torch.randint(27, shape, generator=g) for shape in shapes] for _ in range(5)])


def some(norm):
    return [deep(gain, norm, hidden=2, width=9, seed=seed) for seed, gain in ((1, 0.7), (2, 1.0), (3, 2.0))]


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_networks_side_by_side_become_what_each_becomes_alone(kind, norm):
    optimizer, step = KINDS[kind]
    together, alone = some(norm), some(norm)
    losses = descend(together, source(), step(torch.tensor(RATES)), steps=9)
    for m, (model, rate) in enumerate(zip(alone, RATES, strict=True)):
        wanted = train(model, source(), optimizer(model.parameters(), lr=rate), steps=9)
        torch.testing.assert_close(losses[:, m], torch.tensor(wanted.losses), rtol=1e-4, atol=1e-5)
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(together[m].state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_only_what_is_to_learn_changes():
    before, models = some(False), some(False)
    descend(models, source(), descent(torch.tensor(0.1)), steps=3, learn=lambda n: "net.6." in n)
    for old, new in zip(before, models, strict=True):
        moved = [
            name
            for name, tensor in new.state_dict().items()
            if not torch.equal(tensor, old.state_dict()[name])
        ]
        assert moved == ["net.6.weight", "net.6.bias"]


def test_one_that_explodes_leaves_the_others_alone():
    wild, tame = some(False), some(False)
    descend(wild, source(), descent(torch.tensor([0.1, 1e30, 0.1])), steps=5)
    descend(tame, source(), descent(torch.tensor([0.1, 0.1, 0.1])), steps=5)
    for m in (0, 2):
        assert all(map(torch.equal, wild[m].parameters(), tame[m].parameters()))
    assert not all(p.abs().max() < 1e20 for p in wild[1].parameters())


def test_what_is_watched_is_the_change_of_each_matrix_over_its_size():
    models, seen = some(True), []
    before = [copied(model) for model in models]
    descend(models, source(), watched(descent(torch.tensor(RATES)), 0, seen), steps=1)
    names = [k for k, v in before[0].items() if v.ndim == 2]
    assert len(seen) == len(names)
    for name, ratios in zip(names, seen, strict=True):
        for m, model in enumerate(models):
            old = before[m][name]
            wanted = (model.state_dict()[name] - old).norm() / old.norm()
            torch.testing.assert_close(ratios[m], wanted, rtol=1e-3, atol=1e-6)
