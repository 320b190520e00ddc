"""Drawing from a distribution, and names from a model.

Chapter: bigram.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from nnz.contract import LanguageModel
from nnz.plumbing.undo import unmoved

MAX_LENGTH = 100  # a name that has not ended by then is cut there
_TINY = torch.finfo(
    torch.float64
).tiny  # below it a dart could be rounded to the very end


def seeded(seed: int = 1) -> torch.Generator:
    """Return a new source of random numbers that starts from a seed: the same seed, the same numbers."""
    return torch.Generator().manual_seed(seed)


def draw(probs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one outcome from each row by inverting its cumulative distribution.

    Args:
        probs: float of shape (B, V), not negative; rows need not sum to 1, only to more than 0.
        generator: the source of the B uniform numbers used, the same whatever the dtype of probs.

    Returns:
        An int64 tensor of shape (B,), in which outcome i has a chance proportional to column i of probs.

    Raises:
        TypeError: probs is no tensor.
        ValueError: probs has another shape, or a row with NaN, a number below 0, or a sum that is 0 or infinite.
            Nothing was drawn then.
    """
    _check_shape(probs)
    edges = probs.cumsum(dim=1, dtype=torch.float64)  # (B, V)
    total = edges[:, -1:]  # (B, 1)
    _check_rows(probs, total)
    uniform = torch.rand(len(probs), 1, generator=generator, dtype=torch.float64)
    darts = uniform * total  # (B, 1)
    return (edges <= darts).sum(dim=1)


def sampling_probs(
    log_probs: Tensor, temperature: float = 1.0, top_k: int | None = None
) -> Tensor:
    """Return probabilities made bolder or tamer: P^(1/temperature), kept for the top_k likeliest characters.

    Args:
        log_probs: (B, V).
        temperature: below 1 favors what is likely, above 1 evens out; more than 0.
        top_k: how many characters stay possible, from 1 to V; all by default.

    Returns:
        float of shape (B, V); each row sums to 1.

    Raises:
        ValueError: temperature or top_k is out of range.
    """
    V = log_probs.shape[1]
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"temperature is {temperature}; it must be above 0, and finite."
        )
    if top_k is not None and not 1 <= top_k <= V:
        raise ValueError(
            f"top_k is {top_k}; with {V} characters it must be 1 to {V}."
        )
    best = log_probs.max(dim=1, keepdim=True).values
    scores = (log_probs - best) / temperature  # 0 at best, so nothing overflows
    if top_k is not None:
        chosen = scores.topk(top_k, dim=1)
        scores = torch.full_like(scores, -torch.inf).scatter(
            1, chosen.indices, chosen.values
        )
    return scores.softmax(dim=1)


def begin_names(model: LanguageModel, n: int, prompt: str) -> Tensor:
    """Return n times what a model is given before it writes: its context full of end marks, and the prompt.

    Args:
        model: any model of the contract.
        n: how many; 0 or more.
        prompt: what each name begins with; it may be empty.

    Returns:
        int64 of shape (n, block_size + len(prompt)).

    Raises:
        ValueError: n is negative, or the prompt has the end mark, which would end the name, or an unknown
            character.
    """
    if n < 0:
        raise ValueError(f"n is {n}; it counts names, so it is 0 or more.")
    indices = model.vocabulary.encode(prompt)
    if 0 in indices:
        raise ValueError(
            f"the prompt {prompt!r} has {model.vocabulary.end!r}, which ends a name;"
            " leave it out."
        )
    start = [0] * model.block_size + indices
    return torch.tensor(start, dtype=torch.int64).repeat(n, 1)


def go_on(
    text: Tensor,
    answer: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    temperature: float,
    top_k: int | None,
) -> Tensor:
    """Return text and what was drawn after it: until every row has ended, or `MAX_LENGTH` characters.

    Args:
        text: int64 of shape (n, T).
        answer: is given the text so far and returns the log-probabilities (n, V) of what follows.
        generator: the source of randomness.
        temperature: see `sampling_probs`.
        top_k: see `sampling_probs`.

    Returns:
        int64 of shape (n, T + characters drawn); 0 from where a row has ended.

    Raises:
        ValueError: as `sampling_probs`, or as `draw` for an answer that is no distribution. The generator is then
            as it was.
    """
    alive = torch.ones(len(text), dtype=torch.bool)
    with unmoved(generator):
        for _ in range(MAX_LENGTH):
            chars = draw(
                sampling_probs(answer(text), temperature, top_k), generator
            )
            alive &= chars != 0
            text = torch.cat([text, (chars * alive)[:, None]], dim=1)
            if not alive.any():
                break
    return text


def writer(
    model: LanguageModel, n: int
) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
    """Return what says, given n texts that grow, what follows: the model's own way if it has a faster one.

    Such a model has a method `writer(n)`, which returns a context: it yields a function from texts (n, T) to
    log-probabilities (n, V), and is called with T one larger each time.
    """
    if own := getattr(model, "writer", None):
        faster: AbstractContextManager[Callable[[Tensor], Tensor]] = own(n)
        return faster
    size = model.block_size
    return nullcontext(
        lambda text: model.log_probs(text[:, text.shape[1] - size :])
    )


def sample_names(
    model: LanguageModel,
    n: int,
    *,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    prompt: str = "",
) -> list[str]:
    """Draw n names from a model, character by character until the end token.

    Args:
        model: any model of the contract.
        n: how many names; they are drawn side by side, so another n gives other names.
        generator: the source of randomness; the same state gives the same names.
        temperature: see `sampling_probs`.
        top_k: see `sampling_probs`.
        prompt: what every name begins with; nothing by default.

    Returns:
        n strings; some may be empty, and one that had not ended after `MAX_LENGTH` characters is cut there.

    Raises:
        ValueError: n is negative, temperature or top_k is out of range, the prompt has the end mark or an unknown
            character, or the model answers with what is no distribution. The generator is then as it was.
    """
    text = begin_names(model, n, prompt)  # (n, block_size + characters so far)
    with writer(model, n) as answer:
        text = go_on(text, answer, generator, temperature, top_k)
    return [model.vocabulary.decode(row[row != 0]) for row in text]


def _check_shape(probs: Tensor) -> None:
    """Raise a clear error unless there are rows to draw from."""
    if not isinstance(probs, Tensor):
        raise TypeError(f"probs must be a tensor, got {type(probs).__name__}.")
    if probs.ndim != 2 or not probs.shape[1]:
        raise ValueError(
            f"probs must have shape (B, V), V at least 1; got {tuple(probs.shape)}."
            " A single row p is p[None]."
        )


def _check_rows(probs: Tensor, total: Tensor) -> None:
    """Raise a clear error unless every row, with the sums (B, 1), is a distribution."""
    if not len(probs):
        return
    # These two numbers tell of nearly every batch that all is well, and are the fastest to have.
    if probs.min().item() >= 0 and _TINY <= total.prod().item() < math.inf:
        return
    total = total[:, 0]
    bad = ~((probs >= 0).all(dim=1) & (total >= _TINY) & total.isfinite())
    if not bad.any():
        return  # it was the product alone that is too large or too small
    row = int(bad.nonzero()[0])
    if probs[row].isnan().any():
        fault = "has NaN"
    elif probs[row].min() < 0:
        fault = f"has {probs[row].min().item():.4g}"
    else:
        fault = f"sums to {total[row].item():.4g}"
    raise ValueError(
        f"row {row} of {len(probs)} is no distribution, since it {fault}; numbers must be 0 or more, and their"
        " sum above 0 and finite. If a model gave them, its weights are no longer numbers: train it anew, with a"
        " smaller learning rate."
    )
