"""A mixture of language models: a weighted mean of their probabilities.

Chapter: leaderboard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from nnz.contract import LanguageModel, check_contexts
from nnz.plumbing.tensors import numbered, parts_of
from nnz.sample import writer


class Mixture:
    """A weighted mean of the probabilities of several models of one alphabet: log P = log Σ share · P_model.

    Args:
        models: at least one; each is given the last of the characters, as many as it reads.
        shares: of each; above 0, with sum 1.

    Raises:
        ValueError: alphabets differ, shares are out of range, or there is not one for each model.
    """

    def __init__(
        self, models: Sequence[LanguageModel], shares: Sequence[float]
    ) -> None:
        _check_shares(models, shares)
        self.models: list[Any] = list(models)
        self.shares = list(shares)
        self.vocabulary = models[0].vocabulary
        self.block_size = max(model.block_size for model in models)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what all models have learned, by number and name."""
        return numbered([model.state_dict() for model in self.models])

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Give each model its part of another `state_dict`.

        Raises:
            ValueError: it is none of such models. Nothing is changed then.
        """
        parts = parts_of(state, len(self.models))
        for models in (deepcopy(self.models), self.models):  # first on trial
            for model, part in zip(models, parts, strict=True):
                model.load_state_dict(part)

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the logarithm of the mean probability; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        return self.mean([model.log_probs for model in self.models], contexts)

    def mean(
        self, answers: Sequence[Callable[[Tensor], Tensor]], text: Tensor
    ) -> Tensor:
        """Return the mean of what is answered for each model, given as much of a text as it would have alone."""
        parts = []
        for model, share, answer in zip(
            self.models, self.shares, answers, strict=True
        ):
            last = text[:, self.block_size - model.block_size :]
            parts.append(answer(last).double() + math.log(share))
        return torch.stack(parts).logsumexp(dim=0)

    @contextmanager
    def writer(self, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function that answers `nnz.sample.sample_names`, and asks each model in its own way."""
        with ExitStack() as opened:
            answers = [opened.enter_context(writer(m, n)) for m in self.models]
            yield lambda text: self.mean(answers, text)


def _check_shares(models: Sequence[LanguageModel], shares: Sequence[float]) -> None:
    """Raise a clear error unless each model has a share, and all have one alphabet."""
    if not 0 < len(models) == len(shares):
        given = f"got {len(models)} models and {len(shares)} shares"
        raise ValueError(f"a mixture needs models and a share for each; {given}.")
    if not all(share > 0 for share in shares) or not math.isclose(sum(shares), 1):
        raise ValueError(
            f"shares are above 0, and sum to 1; got {', '.join(map(str, shares))}."
        )
    alphabets = list(dict.fromkeys("".join(m.vocabulary.chars) for m in models))
    if len(alphabets) > 1:
        given = f"got {alphabets[0]!r} and {alphabets[1]!r}"
        raise ValueError(f"models that are mixed share an alphabet; {given}.")
