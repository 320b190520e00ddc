"""Experiments of the chapter on backpropagation by hand: lecture 5's training with two schedules."""

from __future__ import annotations

import torch

from nnz.backprop import Values
from nnz.by_hand import HandStep, rows_at_random
from nnz.data import load_names, split_names, windows
from nnz.evaluate import nll
from nnz.experiments import scaled
from nnz.hand_mlp import HandMLP

STEPS = 200_000  # of the lecture's training
SHORTER = STEPS // 4  # what a page can afford


def falling(way: str, share: float) -> float:
    """Return the learning rate after that share of the steps: the lecture's two rates, or an even fall."""
    if way == "two":
        return 0.1 if share < 0.5 else 0.01
    return 0.1 * (1 - share)


def soften(params: Values, start: str) -> None:
    """Change the first weights in place: W1 to a gain of 1, or all to those of Part IV."""
    if start in ("W1", "all"):
        params["W1"] *= 3 / 5
    if start == "all":
        params["W2"] *= 0.1  # to a hundredth
        for name, value in {"b1": 0, "b2": 0, "bnbias": 0, "bngain": 1}.items():
            params[name].fill_(value)


def trained_by_hand(
    seed: int, way: str, start: str = "lecture", steps: int = STEPS
) -> HandMLP:
    """Return the lecture's network after so many steps, by default the lecture's 200,000, taken by hand."""
    names, _, _ = split_names(load_names())
    X, Y = windows(names, 3)
    steps = scaled(steps, names, share=0.01)
    model = HandMLP(3, 10, 200, generator=torch.Generator().manual_seed(seed))
    soften(model.params, start)
    step = HandStep(model.params, X, Y, 32)
    batches = torch.Generator().manual_seed(100 + seed)
    for k, rows in enumerate(rows_at_random(len(Y), 32, steps, batches)):
        step(rows, falling(way, k / steps))
    model.calibrate(X)
    return model


def judged(model: HandMLP) -> dict[str, float]:
    """Return the loss on the training set and on the dev set."""
    names, dev, _ = split_names(load_names())
    return {"train": nll(model, names), "dev": nll(model, dev)}


def schedules(seed: int) -> dict[str, float]:
    """Losses after 200,000 steps by hand with the lecture's two rates, and with a rate that falls evenly."""
    return {
        f"{way} {key}": loss
        for way in ("two", "even")
        for key, loss in judged(trained_by_hand(seed, way)).items()
    }


def shorter(seed: int) -> dict[str, float]:
    """Losses after 50,000 steps by hand with the lecture's two rates, as the page runs them."""
    return judged(trained_by_hand(seed, "two", steps=SHORTER))


def first_weights(seed: int) -> dict[str, float]:
    """Losses after the lecture's steps by hand, from a smaller W1, and from first weights as in Part IV."""
    found: dict[str, float] = {}
    for start in ("W1", "all"):
        model = trained_by_hand(seed, "two", start)
        found |= {f"{start} {key}": loss for key, loss in judged(model).items()}
    return found
