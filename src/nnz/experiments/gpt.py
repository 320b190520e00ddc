"""What a GPT is worth: the published run with other first weights, the same numbers trained well, a larger one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from nnz import evaluate
from nnz.contract import LanguageModel
from nnz.data import LETTERS, load_names, split_names
from nnz.experiments import scaled
from nnz.experiments.judging import judged, learned, losses, mixed, surprisals
from nnz.gpt import GPT, of_values
from nnz.lookup import AttentionNet, LookupModel
from nnz.microgpt import SPREAD, MicroGPT
from nnz.ngram import KneserNey
from nnz.recipe import Recipe
from nnz.returns import WITH_HYPHEN, in_last_part, return_lines
from nnz.rows import in_rows, whole_rows
from nnz.sample import seeded

PLACES = 64  # for the return list
KINDS: dict[str, tuple[Callable[..., LookupModel], int]] = {
    "one layer": (AttentionNet, 1),
    "two layers": (AttentionNet, 2),
    "one block": (GPT, 1),
    "two blocks": (GPT, 2),
}


def descend(
    model: GPT, names: Sequence[str], steps: int = 1000, rate: float = 0.01
) -> list[float]:
    """Train as `nnz.microgpt.descend` does, a name each step, and return the losses."""
    adam, found = torch.optim.Adam(model.parameters(), betas=(0.85, 0.99)), []
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        batch, targets = in_rows([names[step % len(names)]], model.vocabulary)
        loss = F.cross_entropy(model.logits(batch), targets)
        adam.zero_grad()
        loss.backward()
        adam.step()
        found.append(loss.item())
    return found


def write(
    model: LookupModel, n: int, generator: random.Random, temperature: float = 0.5
) -> list[str]:
    """Return n names, one after another, in the order of draws of `nnz.microgpt.MicroGPT.write`."""
    return [_name(model, generator, temperature) for _ in range(n)]


def _name(model: LookupModel, generator: random.Random, temperature: float) -> str:
    text = [0] * model.block_size
    order = [*range(1, len(model.vocabulary)), 0]
    with model.writer(1) as answer:
        for _ in range(model.block_size):
            scores = answer(torch.tensor([text]))[0] / temperature
            probs = scores.softmax(dim=0).tolist()
            text += generator.choices(order, [probs[i] for i in order])
            if not text[-1]:
                break
    return model.vocabulary.decode([token for token in text if token])


def dev_loss(model: LanguageModel) -> float:
    """Return the dev loss of any model."""
    return evaluate.nll(model, split_names(load_names())[1])


def thousand(seed: int) -> dict[str, float]:
    """The published run with other first weights: its last losses, and how it is judged."""
    names, dev, test = split_names(load_names())
    model = of_values(MicroGPT(len(LETTERS), generator=random.Random(seed)))
    printed = descend(model, names)
    return {
        "last": printed[-1],
        "last fifty": sum(printed[-50:]) / 50,
        "all": sum(printed) / len(printed),
        **losses(surprisals(model, dev), surprisals(model, test)),
    }


def same_numbers(seed: int) -> dict[str, float]:
    """Losses of as many numbers as the published ones, trained on all names; and with first weights by fan-in."""
    by_fan_in = judged(train_well(seed, spread=None))
    return judged(train_well(seed)) | {
        f"fan-in {key}": x for key, x in by_fan_in.items()
    }


def train_well(seed: int, spread: float | None = SPREAD) -> GPT:
    """Return a GPT of 4,192 numbers, trained on all names for five epochs."""
    names, g = split_names(load_names())[0], seeded(seed)
    model = GPT(16, 4, spread=spread, generator=g)
    recipe = Recipe(0.02, 0.01, epochs=5, batch_size=128, source=whole_rows)
    return recipe.fit(model, names, generator=g, effort=scaled(1000, names) / 1000)


def lines_to_learn() -> list[str]:
    """Return lines of the return list, of training names, that a model of 64 places can read."""
    lines = return_lines(
        split_names(load_names())[0], 20_000, generator=random.Random(1)
    )
    return [line for line in lines if len(line) < PLACES]


def lines_to_judge() -> list[str]:
    """Return such lines of dev names."""
    lines = return_lines(
        split_names(load_names())[1], 800, generator=random.Random(2)
    )
    return [line for line in lines if len(line) < PLACES]


def train_on_lines(kind: str, seed: int) -> LookupModel:
    """Return a network of one of the `KINDS`, trained on lines of the return list for three epochs."""
    build, n_layer = KINDS[kind]
    lines, g = lines_to_learn(), seeded(seed)
    model = build(32, 2, n_layer, PLACES, generator=g, vocabulary=WITH_HYPHEN)
    recipe = Recipe(0.01, 0.01, epochs=3, batch_size=64, source=whole_rows)
    effort = scaled(1000, load_names()) / 1000
    return recipe.fit(model, lines, generator=g, effort=effort)


def on_lines(model: LookupModel) -> dict[str, float]:
    """Return the loss of the last name of lines that were held back, and that of all that comes before it."""
    lines = lines_to_judge()
    costs, last = surprisals(model, lines), in_last_part(lines)
    return {
        "last name": costs[last].mean().item(),
        "before": costs[~last].mean().item(),
    }


def returns(seed: int) -> dict[str, float]:
    """Losses of the last name of a line, for layers of attention alone, and for blocks."""
    return {
        kind: on_lines(train_on_lines(kind, seed))["last name"] for kind in KINDS
    }


def larger(seed: int) -> dict[str, float]:
    """Losses of the model `gpt`, of makemore's size, of Kneser–Ney's counts, and of half of each."""
    names, dev, test = split_names(load_names())
    model, table = (
        learned("gpt", seed),
        KneserNey(order=6, discount=0.85).fit(names),
    )
    ours = [surprisals(model, part) for part in (dev, test)]
    counts = [evaluate.surprisals(table, part) for part in (dev, test)]
    halves = [mixed(pair, [0.5, 0.5]) for pair in zip(ours, counts, strict=True)]
    together = {f"mixed {key}": x for key, x in losses(*halves).items()}
    return {
        "train": surprisals(model, names).mean().item(),
        **losses(*ours),
        **together,
    }
