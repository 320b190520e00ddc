"""makemore's own networks on its own list and question, and what this book's models make of that list."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nnz import evaluate
from nnz.contract import LanguageModel
from nnz.data import LETTERS, load_names
from nnz.experiments import scaled
from nnz.experiments.judging import surprisals
from nnz.models import fit
from nnz.ngram import KneserNey
from nnz.packed import pack
from nnz.recurrent import Recurrent
from nnz.rows import in_rows
from nnz.sample import seeded

KINDS = ("transformer", "rnn", "gru")
LIST = 3407  # the seed with which the program draws its list, and what it calls its default
AT = (500, 1_000, 2_000)  # steps after which the loss is taken
PLACES = 16
# From a network and names to the surprisal of each of their letters and ends, with gradients.
Costs = Callable[[Sequence[str]], Tensor]


def lists() -> tuple[list[str], list[str]]:
    """Return the names that makemore trains on, and the thousand (a tenth of a short list) that it tests on."""
    names = load_names()
    order = torch.randperm(len(names), generator=seeded(LIST)).tolist()
    shuffled, n = [names[i] for i in order], min(1000, len(names) // 10)
    return shuffled[:-n], shuffled[-n:]


class Transformer(nn.Module):
    """makemore's transformer, of torch's own layers: four blocks of 64 numbers, with four heads and GELU."""

    def __init__(self, generator: torch.Generator, C: int = 64) -> None:
        super().__init__()
        gelu = partial(F.gelu, approximate="tanh")
        how: dict[str, Any] = {
            "dropout": 0.0,
            "activation": gelu,
            "batch_first": True,
            "norm_first": True,
        }
        block = nn.TransformerEncoderLayer(C, 4, 4 * C, **how)
        self.wte, self.wpe = nn.Embedding(len(LETTERS), C), nn.Embedding(PLACES, C)
        self.blocks = nn.TransformerEncoder(
            block, 4, nn.LayerNorm(C), enable_nested_tensor=False
        )
        self.head = nn.Linear(C, len(LETTERS), bias=False)
        draw(self, generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, T, V) for tokens, int64 (B, T)."""
        T = tokens.shape[1]
        x = self.wte(tokens) + self.wpe.weight[:T]
        hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
        scores: Tensor = self.head(self.blocks(x, mask=hidden, is_causal=True))
        return scores

    def costs(self, names: Sequence[str]) -> Tensor:
        """Return the surprisal of each letter and end of names."""
        (tokens, asked), targets = in_rows(names)
        scores = self(tokens).flatten(0, 1)
        return F.cross_entropy(
            F.embedding(asked, scores), targets, reduction="none"
        )


@torch.no_grad()
def draw(model: nn.Module, generator: torch.Generator) -> None:
    """Draw first weights as torch does, but from a generator: uniform up to 1/√fan-in; embeddings normal."""
    for part in model.modules():
        if isinstance(part, nn.Embedding):
            part.weight.normal_(generator=generator)
        elif isinstance(part, nn.Linear):
            uniform([part.weight, part.bias], part.in_features, generator)
        elif isinstance(part, nn.MultiheadAttention):
            uniform(
                [part.in_proj_weight, part.in_proj_bias], part.embed_dim, generator
            )


@torch.no_grad()
def uniform(
    weights: Sequence[Tensor | None], fan_in: int, generator: torch.Generator
) -> None:
    """Draw weights anew, each from -1/√fan_in to 1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    for weight in weights:
        if weight is not None:
            weight.uniform_(-bound, bound, generator=generator)


def recurrent(cell: str, generator: torch.Generator, H: int = 64) -> Recurrent:
    """Return makemore's recurrent network, with first weights as torch's layers draw them."""
    model = Recurrent(H, H, cell=cell, block_size=PLACES, generator=generator)
    part = model.cell(0)  # its two maps are one map of 2H numbers there
    uniform(
        [part.inputs.weight, part.inputs.bias, part.carried.weight],
        2 * H,
        generator,
    )
    uniform([model.last.weight, model.last.bias], H, generator)
    return model


def made(kind: str, generator: torch.Generator) -> tuple[list[Tensor], Costs]:
    """Return the weights of a network of makemore, and what gives the surprisals of names."""
    if kind == "transformer":
        net = Transformer(generator)
        return list(net.parameters()), net.costs
    model = recurrent(kind, generator)

    def costs(names: Sequence[str]) -> Tensor:
        batch, targets = pack(names)
        return F.cross_entropy(model.logits(batch), targets, reduction="none")

    return model.parameters(), costs


def learn(kind: str, names: Sequence[str], g: torch.Generator) -> Iterator[Costs]:
    """Train a network as makemore does, without end, and yield after each step what gives its surprisals.

    32 names in each step, drawn with replacement; AdamW with a rate of 0.0005 and a decay of 0.01.
    """
    weights, costs = made(kind, g)
    adam = torch.optim.AdamW(
        weights, lr=5e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    while True:
        drawn = torch.randint(len(names), (32,), generator=g).tolist()
        adam.zero_grad()
        costs([names[i] for i in drawn]).mean().backward()
        adam.step()
        yield costs


def run(kind: str, seed: int, at: Sequence[int] = AT) -> list[float]:
    """Return the losses of a network on the thousand after so many steps of its training."""
    names, thousand = lists()
    asked, found = [scaled(step, names) for step in at], []
    for step, costs in zip(
        range(1, max(asked) + 1), learn(kind, names, seeded(seed)), strict=False
    ):
        if step in asked:
            with torch.no_grad():
                found.append(costs(thousand).mean().item())
    return found


def logs(seed: int) -> dict[str, float]:
    """Losses on makemore's thousand of its transformer, RNN and GRU, trained as it trains them."""
    return {
        f"{kind} {step}": loss
        for kind in KINDS
        for step, loss in zip(AT, run(kind, seed), strict=True)
    }


def train_at_length(names: Sequence[str], seed: int) -> LanguageModel:
    """Return a GPT of the size of makemore's transformer, trained by this book's recipe."""
    return fit(
        "gpt", names, generator=seeded(seed), effort=scaled(1000, names) / 1000
    )


def at_length(seed: int) -> dict[str, float]:
    """Losses of such a GPT and of counts on makemore's thousand, and the error of their difference, over names."""
    names, thousand = lists()
    counts = evaluate.surprisals(
        KneserNey(order=6, discount=0.85).fit(names), thousand
    )
    costs = surprisals(train_at_length(names, seed), thousand)
    lengths = torch.tensor([len(name) + 1 for name in thousand])
    ahead = torch.stack(
        [part.sum() for part in (costs - counts).split(lengths.tolist())]
    )
    error = evaluate.resample(ahead, lengths, seeded(1), 1000).standard_error
    return {
        "gpt": costs.mean().item(),
        "counts": counts.mean().item(),
        "error": error,
    }
