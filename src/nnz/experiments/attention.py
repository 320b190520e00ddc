"""What attention finds on the return list, and what its parts are worth on names, over seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.attention import (
    Attention,
    Memory,
    attend,
    attention_weights,
    merge_heads,
)
from nnz.data import load_names, split_names
from nnz.experiments import scaled
from nnz.gated import GatedWaveNet
from nnz.layers import evaluating
from nnz.lookup import AttentionNet
from nnz.packed import pack, packed_batches
from nnz.plumbing.clock import least_seconds
from nnz.recurrent import Recurrent
from nnz.returns import WITH_HYPHEN, distances, in_last_part, return_lines
from nnz.rows import in_rows, places, row_batches, visible
from nnz.sample import seeded
from nnz.schedules import one_cycle
from nnz.train import Batch, Trainable, train

M = TypeVar("M", bound=Trainable)

LINES = {"train": 3600, "dev": 800}


def lines(part: str) -> list[str]:
    """Return the lines of the return list to train on, or those of dev names to judge by."""
    names, dev, _ = split_names(load_names())
    drawn = {"train": (names, 1), "dev": (dev, 2)}
    whose, seed = drawn[part]
    return return_lines(whose, LINES[part], generator=random.Random(seed))


def descend(model: M, source: Iterator[Batch], steps: int, rate: float = 0.01) -> M:
    """Train a model in place by AdamW with a learning rate that rises and falls once, and return it."""
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    train(
        model, source, optimizer, steps=steps, schedule=one_cycle(rate, steps=steps)
    )
    return model


def on_lines(
    model: M, batches: Callable[..., Iterator[Batch]], seed: int, passes: int
) -> M:
    """Train a model on the return list, 32 lines at a time."""
    given, names = lines("train"), load_names()
    source = batches(
        given, 32, generator=seeded(100 + seed), vocabulary=WITH_HYPHEN
    )
    steps = scaled(passes * math.ceil(len(given) / 32), names)
    return descend(model, source, steps)


def looker(n_layer: int, seed: int, passes: int = 10) -> AttentionNet:
    """Return layers of attention, trained on the return list."""
    model = AttentionNet(
        48, 3, n_layer, 64, generator=seeded(seed), vocabulary=WITH_HYPHEN
    )
    return on_lines(model, row_batches, seed, passes)


def carrier(seed: int, passes: int = 10) -> Recurrent:
    """Return a GRU with a state of 64 numbers, trained on the return list."""
    model = Recurrent(
        32, 64, block_size=64, generator=seeded(seed), vocabulary=WITH_HYPHEN
    )
    return on_lines(model, packed_batches, seed, passes)


def mixed_lines() -> list[str]:
    """Return lines of dev names whose letters stand in another order: nothing that looks like a name."""
    mixer = random.Random(3)
    names = [
        "".join(mixer.sample(name, len(name)))
        for name in split_names(load_names())[1]
    ]
    return return_lines(names, LINES["dev"], generator=random.Random(2))


@torch.no_grad()
def first_and_last(
    model: AttentionNet | Recurrent, given: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Return the surprisals in the first parts of lines, what ends them included, and in the last.

    Returns:
        Two float tensors (M,), the same letters of the same lines in both.
    """
    with evaluating(model):
        if isinstance(model, AttentionNet):
            rows, targets = in_rows(given, WITH_HYPHEN)
            logits = model.logits(rows)
        else:
            batch, targets = pack(given, WITH_HYPHEN)
            logits = model.logits(batch)
    costs = F.cross_entropy(logits, targets, reduction="none")
    first = torch.cat(
        [torch.arange(len(line) + 1) <= line.index("-") for line in given]
    )
    return costs[first], costs[in_last_part(given)]


def by_part(
    model: AttentionNet | Recurrent, given: Sequence[str] = ()
) -> dict[str, float]:
    """Return the mean surprisal in the first parts of lines, and in the last, which are the same; of dev names."""
    first, last = first_and_last(model, given or lines("dev"))
    return {"first": first.mean().item(), "last": last.mean().item()}


def saved(model: AttentionNet | Recurrent, edges: Sequence[int]) -> list[float]:
    """Return how much less surprising last parts are than first ones, edges[i] to edges[i + 1] - 1 before."""
    first, last = first_and_last(model, lines("dev"))
    which = torch.bucketize(
        distances(lines("dev")), torch.tensor(edges), right=True
    )
    return [
        (first - last)[which == i + 1].mean().item() for i in range(len(edges) - 1)
    ]


@torch.no_grad()
def maps(model: AttentionNet, line: str) -> list[Tensor]:
    """Return the attention weights of each layer, float (n_head, T, T), at all places of a dot and a line."""
    tokens = torch.tensor([model.vocabulary.encode("." + line)])
    x, seen, found = model.embed(tokens, places(tokens)), visible(tokens), []
    for layer, norm in zip(model.layers.layers, model.norms.layers, strict=False):
        normed = norm(x)
        q, k, _ = cast(Attention, layer).heads(normed)
        found.append(attention_weights(q, k, seen)[0])
        x = x + cast(Attention, layer).look(normed, seen)
    return found


@torch.no_grad()
def moved(model: AttentionNet, line: str) -> Tensor:
    """Return how far the prediction after a line moves, on average, when one of its characters is another.

    Returns:
        float (T,): for each place of a dot and the line the mean Σ |P - P'| over all other characters; 0 for the
        dot, which stays.
    """
    known, V = model.vocabulary, len(model.vocabulary)
    row = torch.tensor(known.encode("." + line))
    probs = model.head(model.run(row[None])[:, -1]).softmax(dim=-1)  # (1, V)
    found = [0.0]
    for t in range(1, len(row)):
        others = row.repeat(V - 2, 1)
        others[:, t] = torch.tensor([c for c in range(1, V) if c != row[t]])
        changed = model.head(model.run(others)[:, -1]).softmax(dim=-1)
        found.append((changed - probs).abs().sum(dim=1).mean().item())
    return torch.tensor(found)


def seconds(lengths: Sequence[int]) -> dict[str, list[float]]:
    """Return the times to read a text of each length: by attention, by a stack that sees as far, by a GRU."""
    runs: list[Callable[[], object]] = []
    for T in lengths:
        tokens = torch.randint(1, 27, (1, T), generator=seeded(T))
        tokens[0, 0] = 0
        g, dilations = seeded(1), [2**i for i in range(int(math.log2(T)))]
        looking = AttentionNet(64, 4, 2, T, generator=g)
        stack = GatedWaveNet(64, dilations, generator=g)
        gru = Recurrent(64, 64, generator=g)
        padded = F.pad(tokens, (stack.block_size - 1, 0))
        runs += [
            partial(looking.run, tokens),
            partial(stack.over_contexts, padded),
            partial(_step_by_step, gru, tokens),
        ]
    with torch.no_grad():
        # All in turn; what comes after the longest finds other things in the caches, so it does not count.
        _, *took = least_seconds(runs[0], *runs, rounds=3)
    return {"attention": took[::3], "stack": took[1::3], "GRU": took[2::3]}


def _step_by_step(gru: Recurrent, tokens: Tensor) -> None:
    states = gru.begin(len(tokens))
    for column in tokens.T:
        _, states = gru.read(column, states)


def returns(seed: int) -> dict[str, float]:
    """Losses on the return list, and on lines of mixed letters: a GRU, one layer of attention, and two."""
    models: dict[str, AttentionNet | Recurrent] = {
        "gru": carrier(seed),
        "one layer": looker(1, seed),
        "two layers": looker(2, seed),
    }
    found: dict[str, float] = {}
    for name, model in models.items():
        found |= {f"{name} {part}": x for part, x in by_part(model).items()}
        found[f"{name} mixed"] = by_part(model, mixed_lines())["last"]
    return found


class Changed(Attention):
    """A layer of attention with something changed in it.

    Args:
        divide: by the root of how many features scores are divided; that of a head's by default.
        crossed: whether the heads are merged without turning the axes back.
    """

    def __init__(
        self,
        *sizes: int,
        divide: int | None = None,
        crossed: bool = False,
        **rest: Any,
    ) -> None:
        super().__init__(*sizes, **rest)
        self.divide, self.crossed = divide, crossed

    def look(self, x: Tensor, seen: Tensor, memory: Memory | None = None) -> Tensor:
        """Return what `Attention.look` would, but for the change."""
        q, k, v = self.heads(x)
        if self.divide is not None:
            q = q * math.sqrt(q.shape[-1] / self.divide)
        found = attend(q, k, v, seen.unsqueeze(-3))
        return self.out(
            found.reshape(x.shape) if self.crossed else merge_heads(found)
        )


WIDTH = 32
# What is changed in a layer of four heads.
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "over the root of the width": {"divide": WIDTH},
    "not divided": {"divide": 1},
    "merged wrongly": {"crossed": True},
    "one head": {"n_head": 1},
    "no positions": {"ordered": False},
}


def small(variant: str, seed: int) -> AttentionNet:
    """Return a network of one layer of attention on names, with one thing changed."""
    change = {"n_head": 4, "ordered": True} | VARIANTS[variant]
    g, n_head, ordered = seeded(seed), change.pop("n_head"), change.pop("ordered")
    model = AttentionNet(WIDTH, n_head, ordered=ordered, generator=g)
    if change:
        layer = Changed(WIDTH, n_head, generator=seeded(seed), **change)
        model.layers.layers = [layer]
    return model


def on_names(model: AttentionNet, seed: int, passes: int = 3) -> AttentionNet:
    """Train a network in place on names, 256 at a time."""
    names = split_names(load_names())[0]
    steps = scaled(passes * math.ceil(len(names) / 256), names)
    return descend(
        model, row_batches(names, 256, generator=seeded(100 + seed)), steps
    )


@torch.no_grad()
def dev_loss(model: AttentionNet) -> float:
    """Return the loss on the dev names, read whole."""
    batch, targets = in_rows(split_names(load_names())[1])
    return F.cross_entropy(model.logits(batch), targets).item()


def parts(seed: int) -> dict[str, float]:
    """Dev losses of a layer of attention after three passes over the names: whole, and with one thing changed."""
    return {name: dev_loss(on_names(small(name, seed), seed)) for name in VARIANTS}
