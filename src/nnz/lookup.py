"""Language models that look things up: embeddings of characters and places, layers of attention, a linear layer.

Chapter: attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor

from nnz.attention import Attention, Memory
from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.gated import layer_norm
from nnz.layers import Embedding, Linear, Sequential, TensorModule, evaluating
from nnz.norms import LayerNorm
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.undo import unmoved
from nnz.rows import Rows, begins, places, visible
from nnz.softmax import log_softmax

CHUNK = 2048  # contexts run at once


class LookupModel(TensorModule):
    """A language model whose places see each other by attention alone, whatever its layers are.

    A dot begins a name: a place sees the last dot before it and the letters since, and its position is their
    number. So contexts with any number of dots in front, and whole names, give the same probabilities.

    Args:
        block_size: how many positions there are: the dot, and one less letters.
        n_layer: how many layers of attention, each with a memory when it writes.
        vocabulary: the alphabet.

    Raises:
        ValueError: block_size or n_layer is not a whole number of at least 1.
    """

    def __init__(
        self, block_size: int, n_layer: int, vocabulary: Vocabulary
    ) -> None:
        check_sizes(block_size=block_size, n_layer=n_layer)
        self.block_size, self.n_layer, self.vocabulary = (
            block_size,
            n_layer,
            vocabulary,
        )

    def embed(self, tokens: Tensor, place: Tensor) -> Tensor:
        """Return the features (B, T, C) of tokens at places, both int64 of shape (B, T)."""
        raise NotImplementedError

    def through(
        self, x: Tensor, seen: Tensor, memories: Sequence[Memory | None]
    ) -> Tensor:
        """Return what the layers make of x (B, T, C), each with its memory; seen is bool (B, T, S)."""
        raise NotImplementedError

    def head(self, x: Tensor) -> Tensor:
        """Return logits (..., V) of what leaves the layers."""
        raise NotImplementedError

    def run(self, tokens: Tensor) -> Tensor:
        """Return what leaves the layers, (B, T, C), at every place of a table of tokens.

        Raises:
            ValueError: a name has more letters than there are positions for.
        """
        place = places(tokens)
        _check_places(place, self.block_size)
        x = self.embed(tokens, place)
        return self.through(x, visible(tokens), [None] * self.n_layer)

    def logits(self, batch: Tensor | Rows) -> Tensor:
        """Return the scores of the next character, in the mode that the model is in.

        Args:
            batch: contexts, int64 of shape (B, block_size); or whole names in rows.

        Returns:
            float of shape (B, V) for contexts; for names (M, V), a row for each target.

        Raises:
            TypeError, ValueError: as `nnz.contract.check_contexts`; or as `run`.
        """
        with unmoved():
            if isinstance(batch, Rows):
                return self.head(self.run(batch.tokens).flatten(0, 1)[batch.asked])
            check_contexts(self, batch)
            # What stands before the last dot is not seen.
            least = begins(batch)[:, -1].min() if len(batch) else 0
            return self.head(self.run(batch[:, least:])[:, -1])

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log-probabilities in evaluation mode; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        with evaluating(self):
            parts = [self.logits(part) for part in contexts.split(CHUNK)]
        return log_softmax(torch.cat(parts))

    @contextmanager
    def writer(self, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function that answers `nnz.sample.sample_names`, and reads each character once."""
        start = self.block_size - 1  # the last dot of the padding
        memories, read = [Memory() for _ in range(self.n_layer)], start

        def answer(text: Tensor) -> Tensor:
            nonlocal read
            place = places(text)[:, read:]
            # A window that moves gives each letter another position: all must be read anew.
            if (place >= self.block_size).any():
                return self.log_probs(text[:, -self.block_size :])
            seen = visible(text[:, start:], since=read - start)
            x = self.through(self.embed(text[:, read:], place), seen, memories)
            read = text.shape[1]
            return log_softmax(self.head(x[:, -1]))

        with evaluating(self), torch.no_grad():
            yield answer


class AttentionNet(LookupModel):
    """Layers of attention with residual connections and layer norms, and nothing else between them.

    Args:
        n_embd: C, the features of every layer.
        n_head: how many heads each layer has.
        n_layer: how many layers.
        block_size: how many positions; for the names 16, since the longest has fifteen letters.
        ordered: whether there are embeddings of positions.
        generator: the source of first weights.
        vocabulary: the alphabet; a to z by default.

    Raises:
        ValueError: a size is below 1, or n_embd no multiple of n_head.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int = 1,
        n_layer: int = 1,
        block_size: int = 16,
        *,
        ordered: bool = True,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        super().__init__(block_size, n_layer, vocabulary)
        V, C, g = len(vocabulary), n_embd, generator
        layers = [Attention(C, n_head, generator=g) for _ in range(n_layer)]
        self.layers = Sequential(*layers)
        self.norms = Sequential(*[LayerNorm(C) for _ in range(n_layer + 1)])
        self.letters = Embedding(V, C, generator=g)
        self.positions = Embedding(block_size, C, generator=g) if ordered else None
        self.last = Linear(C, V, gain=0.1, generator=g)

    def embed(self, tokens: Tensor, place: Tensor) -> Tensor:
        """Return the sum of the embeddings of character and position."""
        x = self.letters(tokens)
        return x if self.positions is None else x + self.positions(place)

    def through(
        self, x: Tensor, seen: Tensor, memories: Sequence[Memory | None]
    ) -> Tensor:
        """Add to x what each layer finds, one after another."""
        layers = zip(self.layers.layers, self.norms.layers, memories, strict=False)
        for layer, norm, memory in layers:
            normed = layer_norm(cast(LayerNorm, norm), x)
            x = x + cast(Attention, layer).look(normed, seen, memory)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Return the last linear layer of the last norm."""
        return self.last(layer_norm(cast(LayerNorm, self.norms.layers[-1]), x))


def _check_places(place: Tensor, block_size: int) -> None:
    """Raise a clear error unless there is a position for every letter."""
    most = int(place.max()) if place.numel() else 0
    if most >= block_size:
        raise ValueError(
            f"a name has {most} letters or more, and there are positions for"
            f" {block_size - 1}; make the model with a block_size of {most + 1}."
        )
