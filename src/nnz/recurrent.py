"""A recurrent network: a state that is carried from character to character.

Chapter: recurrent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.cells import CELLS, Cell
from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.gated import Dropout
from nnz.layers import Embedding, Linear, Sequential, TensorModule, evaluating
from nnz.packed import Packed
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.undo import unmoved
from nnz.softmax import log_softmax

# From the number of a layer and its inputs, after their linear map, to its states.
Carry = Callable[[int, Tensor], Tensor]


class Levels(NamedTuple):
    """The beginnings of packed names, sorted by length: level t has those of t letters.

    Attributes:
        order: int64 (N,): the rows of the packed names, level after level.
        above: int64 (N,): for each the place of its parent within the level before; 0 for the empty beginning.
        sizes: how many each level has.
    """

    order: Tensor
    above: Tensor
    sizes: list[int]


def levels(batch: Packed) -> Levels:
    """Return the levels of packed names.

    Example:
        >>> from nnz.packed import pack
        >>> batch, _ = pack(["eve", "eva", "al"])
        >>> found = levels(batch)
        >>> found.sizes, LETTERS.decode(batch.tokens[found.order])
        ([1, 2, 2, 2], '.eavlea')
    """
    every = torch.arange(len(batch.parents), device=batch.parents.device)
    row, depth = every, torch.zeros_like(batch.parents)
    while row.any():  # up to the empty beginning, which is row 0
        depth += row != 0
        row = batch.parents[row]
    order = depth.argsort(stable=True)
    sizes = depth.bincount()
    place = torch.empty_like(order)  # of each row within its level
    first = (sizes.cumsum(0) - sizes)[depth[order]]
    place[order] = every - first
    return Levels(order, place[batch.parents[order]], sizes.tolist())


class Recurrent(TensorModule):
    """A recurrent network as a language model: the state after a character says what comes next.

    A dot begins a name: it is read in the start state, which is learned, whatever stands before it. So contexts
    that are padded with any number of dots, and whole names, get the same probabilities, as long as a context has
    room for a dot and the name.

    Args:
        n_embd: how long the rows of the embedding are.
        n_hidden: H, how many numbers the state of a layer has.
        n_layers: how many cells stand one on another; each has a state.
        cell: "rnn" or "gru"; see `nnz.cells`.
        dropout: the share of the inputs of every cell, and of the output, that is dropped in training.
        block_size: how many characters the contexts of the contract have; names may be longer.
        generator: the source of first weights and of dropout.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: a size is not a whole number of at least 1, dropout is out of range, or there is no such cell.
    """

    def __init__(
        self,
        n_embd: int,
        n_hidden: int,
        n_layers: int = 1,
        *,
        cell: str = "gru",
        dropout: float = 0.0,
        block_size: int = 16,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        sizes = {"n_embd": n_embd, "n_hidden": n_hidden, "n_layers": n_layers}
        _check(cell, **sizes, block_size=block_size)
        self.dropout = Dropout(dropout, generator=generator)
        self.block_size, self.vocabulary = block_size, vocabulary
        V, g = len(vocabulary), generator
        self.embedding = Embedding(V, n_embd, generator=g)
        widths = [n_embd] + n_layers * [n_hidden]
        made = (CELLS[cell](a, b, generator=g) for a, b in pairwise(widths))
        self.cells = Sequential(*made)
        self.start = torch.zeros(n_layers, n_hidden, requires_grad=True)
        self.last = Linear(n_hidden, V, gain=0.1, generator=g)

    def cell(self, i: int) -> Cell:
        """Return the cell of layer i."""
        return cast(Cell, self.cells.layers[i])

    def run(self, tokens: Tensor, carry: Carry) -> Tensor:
        """Return logits (N, V) for tokens, int64 (N,); `carry` returns the states of each layer."""
        x = self.embedding(tokens)
        for i in range(len(self.start)):
            x = carry(i, self.cell(i).inputs(self.dropout(x)))
        return self.last(self.dropout(x))

    def along_names(self, batch: Packed) -> Tensor:
        """Return logits (N, V) for every row of packed names."""
        order, above, sizes = levels(batch)

        def carry(i: int, a: Tensor) -> Tensor:
            h, states = self.start[i : i + 1], []
            for now, parents in zip(
                a.split(sizes), above.split(sizes), strict=True
            ):
                h = self.cell(i).step(now, F.embedding(parents, h))
                states.append(h)
            return torch.cat(states)

        return F.embedding(order.argsort(), self.run(batch.tokens[order], carry))

    def read(
        self, tokens: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits and the states after one character of each of n names.

        Args:
            tokens: int64 of shape (n,).
            states: from `begin(n)`, or from the character before: n_layers of shape (n, H).

        Returns:
            float of shape (n, V); and the new states.

        Raises:
            ValueError: the states are of another network, or of another number of names.
        """
        _check_states(states, len(tokens), self.start)
        begins, after = (tokens == 0)[:, None], []

        def carry(i: int, a: Tensor) -> Tensor:
            h = torch.where(begins, self.start[i], states[i])
            after.append(self.cell(i).step(a, h))
            return after[-1]

        return self.run(tokens, carry), after

    def begin(self, n: int) -> list[Tensor]:
        """Return the states of n names before their dots are read."""
        return [h.expand(n, -1) for h in self.start]

    def logits(self, batch: Tensor | Packed) -> Tensor:
        """Return the scores of the next character, in the mode that the model is in.

        Args:
            batch: contexts, int64 of shape (B, block_size); or packed names.

        Returns:
            float of shape (B, V) for contexts; for packed names (M, V), a row for each target.
        """
        with unmoved():
            if isinstance(batch, Packed):
                return F.embedding(batch.rows, self.along_names(batch))
            check_contexts(self, batch)
            states = self.begin(len(batch))
            for column in batch.T:
                found, states = self.read(column, states)
            return found

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log-probabilities in evaluation mode; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        with evaluating(self):
            return log_softmax(self.logits(contexts))

    @contextmanager
    def writer(self, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function that answers `nnz.sample.sample_names`, and reads each character once."""
        with evaluating(self), torch.no_grad():
            states, read = (
                self.begin(n),
                self.block_size - 1,
            )  # what stands before is padding

            def answer(text: Tensor) -> Tensor:
                nonlocal states, read
                for column in text[:, read:].T:
                    found, states = self.read(column, states)
                read = text.shape[1]
                return log_softmax(found)

            yield answer


def _check(cell: str, **sizes: int) -> None:
    """Raise a clear error unless there is such a cell, and each size is a whole number of at least 1."""
    if cell not in CELLS:
        raise ValueError(f"there is no cell {cell!r}; choose {' or '.join(CELLS)}.")
    check_sizes(**sizes)


def _check_states(states: list[Tensor], n: int, start: Tensor) -> None:
    """Raise a clear error unless there is a state of each layer for each of n names."""
    layers, H = start.shape
    if [tuple(h.shape) for h in states] != layers * [(n, H)]:
        given = ", ".join(str(tuple(h.shape)) for h in states) or "none"
        raise ValueError(
            f"states must be {layers} of shape ({n}, {H}) here; got {given}. A name begins with begin(n)."
        )
