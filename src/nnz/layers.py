"""Layers in the manner of torch.nn, from which the networks of the rest of the book are put together.

Chapter: batchnorm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.init import kaiming_normal
from nnz.plumbing.tensors import TakesState
from nnz.plumbing.undo import unmoved
from nnz.softmax import log_softmax


class TensorModule(TakesState):
    """Something that takes a tensor to a tensor: `nnz.nn.Module` for tensors. After torch.nn.Module.

    What is assigned to an attribute says what it is: a tensor with requires_grad is a parameter, one without is
    a buffer, another TensorModule is a child. Modules in a list would be overlooked, so they raise a TypeError:
    give each an attribute, or put them into a Sequential.

    Attributes:
        training: whether it is in training mode, which it is at first.
    """

    training = True

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output for a batch."""
        raise NotImplementedError

    def children(self) -> Iterator[tuple[str, TensorModule]]:
        """Yield the modules that it is made of, by name."""
        for name, value in vars(self).items():
            if isinstance(value, TensorModule):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                _check_no_modules(name, value)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield its own parameters and buffers, then those of its children, by name: "net.0.weight"."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and value.is_leaf:  # not an output
                yield name, value
        for name, child in self.children():
            yield from ((f"{name}.{key}", value) for key, value in child.tensors())

    def modules(self) -> Iterator[TensorModule]:
        """Yield this module and all that it is made of."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def parameters(self) -> list[Tensor]:
        """Return the weights, each once, for an optimizer to change."""
        weights = [value for _, value in self.tensors() if value.requires_grad]
        return list({id(weight): weight for weight in weights}.values())

    def state_dict(self) -> dict[str, Tensor]:
        """Return parameters and buffers by name, without gradients, in the memory they are in."""
        return {name: value.detach() for name, value in self.tensors()}

    def train(self, mode: bool = True) -> None:
        """Set training mode, or evaluation mode if `mode` is false, here and in everything that it is made of."""
        for module in list(self.modules()):
            module.training = mode

    def eval(self) -> None:
        """Set evaluation mode."""
        self.train(False)


class Embedding(TensorModule):
    """A table with a row for each index: int64 of any shape (...) to float of shape (..., n_embd).

    Args:
        n: how many rows.
        n_embd: how long they are.
        generator: the source of the first rows, which are standard normal.
    """

    def __init__(self, n: int, n_embd: int, *, generator: torch.Generator) -> None:
        rows = torch.randn(n, n_embd, generator=generator)
        self.weight = rows.requires_grad_()

    def __call__(self, x: Tensor) -> Tensor:
        """Return the rows of the indices."""
        return self.weight[x]


class Flatten(TensorModule):
    """All axes but the first in one: (B, T, C) to (B, T·C)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the same numbers in two axes."""
        return x.flatten(1)


class FlattenConsecutive(TensorModule):
    """Groups of n neighboring positions side by side: float (B, T, C) to (B, T/n, n·C).

    If one group is left, its axis goes: (B, n, C) to (B, n·C), as `Flatten` would have it.

    Args:
        n: how many neighbors make a group; at least 2.

    Raises:
        ValueError: n is below 2; when called, if x has not three axes, or T is no multiple of n.
    """

    def __init__(self, n: int) -> None:
        if not isinstance(n, int) or n < 2:
            raise ValueError(f"n is {n!r}; a group has at least 2 neighbors.")
        self.n = n

    def __call__(self, x: Tensor) -> Tensor:
        """Return the same numbers in fewer and longer rows."""
        if x.ndim != 3 or x.shape[1] % self.n:
            given = f"got {tuple(x.shape)}"
            raise ValueError(
                f"x must be (B, T, C), T a multiple of {self.n}; {given}."
            )
        B, T, C = x.shape
        x = x.reshape(B, T // self.n, self.n * C)
        return x.squeeze(1) if self.n == T else x


class Linear(TensorModule):
    """x @ weight + bias: float of shape (..., n_in) to (..., n_out).

    The weight has shape (n_in, n_out), as in the formula; torch.nn.Linear keeps its transpose.

    Args:
        n_in: how many numbers come in.
        n_out: how many go out.
        bias: whether there is one; it begins at 0.
        gain: see `nnz.init.kaiming_normal`, which draws the weight.
        generator: the source of randomness.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        bias: bool = True,
        *,
        gain: float = 1.0,
        generator: torch.Generator,
    ) -> None:
        weight = kaiming_normal(n_in, n_out, gain=gain, generator=generator)
        self.weight = weight.requires_grad_()
        self.bias = torch.zeros(n_out, requires_grad=True) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product, and the bias added."""
        product = x @ self.weight
        return product if self.bias is None else product + self.bias


class Tanh(TensorModule):
    """The hyperbolic tangent of each number."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return numbers between -1 and 1, in the shape of x."""
        return torch.tanh(x)


class ReLU(TensorModule):
    """The larger of 0 and each number."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return numbers of at least 0, in the shape of x."""
        return torch.relu(x)


class Sequential(TensorModule):
    """Layers one after another.

    Args:
        layers: in their order; at least one.

    Raises:
        ValueError: there is no layer.
    """

    def __init__(self, *layers: TensorModule) -> None:
        if not layers:
            raise ValueError("a Sequential needs at least one layer; got none.")
        self.layers = list(layers)

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the last layer makes of what the others made of x; if one refuses it, none has changed."""
        with unmoved():
            for layer in self.layers:
                x = layer(x)
        return x

    def children(self) -> Iterator[tuple[str, TensorModule]]:
        """Yield the layers, each by its place: "0", "1" and so on."""
        yield from ((str(i), layer) for i, layer in enumerate(self.layers))


@contextmanager
def evaluating(model: TensorModule) -> Iterator[None]:
    """Set evaluation mode for the length of a `with`, and every module's own mode after it."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


class LayeredModel(TensorModule):
    """A language model made of layers: it answers the question of `nnz.contract.LanguageModel`.

    Args:
        net: takes contexts, int64 of shape (B, block_size), to logits of shape (B, V).
        block_size: how many characters of context.
        vocabulary: the alphabet; a to z by default.
    """

    def __init__(
        self,
        net: TensorModule,
        block_size: int,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        self.net, self.block_size, self.vocabulary = net, block_size, vocabulary

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the scores of the next character, of shape (B, V), in the mode that the model is in."""
        if contexts.shape[1:] != (self.block_size,) or contexts.is_floating_point():
            check_contexts(self, contexts)  # says what is wrong
        with unmoved():
            return self.net(contexts)

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return log-probabilities in evaluation mode; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        with evaluating(self):
            return log_softmax(self.logits(contexts))


def _check_no_modules(name: str, values: Collection[object]) -> None:
    """Raise a clear error if there are modules in a collection, where nobody would find their weights."""
    members = values.values() if isinstance(values, dict) else values
    if any(isinstance(value, TensorModule) for value in members):
        raise TypeError(
            f"{name} holds modules in a {type(values).__name__}; use attributes or a Sequential."
        )
