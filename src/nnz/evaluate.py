"""How good a language model is: the average surprise of a list of names."""

from __future__ import annotations

from collections.abc import Sequence

from nnz.contract import LanguageModel
from nnz.data import windows

CHUNK = 8192  # contexts asked for at once


def nll(model: LanguageModel, names: Sequence[str]) -> float:
    """Return the average negative log-likelihood, -(1/N) Σ log P(character | context), in nats per character.

    Every character counts, the first one and the end token included, so models that read contexts of different
    lengths are judged on the same N predictions. It is infinite if the model thinks one of them impossible.

    Args:
        model: any model of the contract.
        names: what to judge it by.

    Raises:
        ValueError: names is empty or has a character that the model does not know.

    Example:
        >>> from nnz.bigram import Uniform
        >>> round(nll(Uniform(), ["emma"]), 4)  # log 27
        3.2958
    """
    X, Y = windows(names, model.block_size, model.vocabulary)
    total = 0.0
    for x, y in zip(X.split(CHUNK), Y.split(CHUNK), strict=True):
        total -= model.log_probs(x).gather(1, y[:, None]).double().sum().item()
    return total / len(Y)
