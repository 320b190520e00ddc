"""The neural probabilistic language model of Bengio, Ducharme, Vincent and Jauvin (2003), on characters.

Chapter: mlp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from nnz.contract import check_contexts
from nnz.data import LETTERS, Vocabulary
from nnz.plumbing.checks import check_sizes
from nnz.plumbing.tensors import TakesState
from nnz.softmax import log_softmax


def scores(params: Mapping[str, Tensor], contexts: Tensor) -> Tensor:
    """Return the logits z = b2 + x·W + tanh(b1 + x·W1)·W2, where x is the rows of C side by side.

    Bengio et al. (2003), equation 1, in rows where the paper has columns: their H, d, U, b and W are W1, b1, W2,
    b2 and W here, transposed. Nothing is read but the arguments, so that `torch.func` can transform it.

    Args:
        params: C (V, n_embd), W1 (block_size · n_embd, n_hidden), b1 (n_hidden,), W2 (n_hidden, V), b2 (V,), and
            W (block_size · n_embd, V) if there are direct connections.
        contexts: int64 of shape (B, block_size).

    Returns:
        float of shape (B, V).
    """
    x = params["C"][contexts].flatten(1)  # (B, block_size * n_embd)
    hidden = torch.tanh(x @ params["W1"] + params["b1"])  # (B, n_hidden)
    logits = hidden @ params["W2"] + params["b2"]  # (B, V)
    return logits + x @ params["W"] if "W" in params else logits


class BengioMLP(TakesState):
    """An embedding for each character, a hidden layer of tanh, a softmax: Bengio et al. (2003), section 2.

    The weights start as standard normal numbers, which is a bad start: see `scale_init`.

    Args:
        block_size: how many characters of context; the paper's n - 1.
        n_embd: how many numbers stand for a character; the paper's m.
        n_hidden: how many hidden units; the paper's h.
        direct: whether there are connections from the embeddings to the output, past the hidden layer.
        generator: the source of the first weights. Those of direct connections are drawn last, so that a model
            without them begins with the same other weights.
        vocabulary: the alphabet; a to z by default.

    Attributes:
        params: the weights by name, float32, with the shapes given in `scores`.

    Raises:
        ValueError: block_size, n_embd or n_hidden is not a whole number of at least 1.

    Example:
        >>> model = BengioMLP(3, 10, 200, generator=torch.Generator().manual_seed(1))
        >>> sum(p.numel() for p in model.parameters())
        11897
    """

    def __init__(
        self,
        block_size: int,
        n_embd: int,
        n_hidden: int,
        direct: bool = False,
        *,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> None:
        check_sizes(block_size=block_size, n_embd=n_embd, n_hidden=n_hidden)
        self.block_size, self.vocabulary = block_size, vocabulary
        V, n_in = len(vocabulary), block_size * n_embd
        shapes = {"C": (V, n_embd), "W1": (n_in, n_hidden), "b1": (n_hidden,)}
        shapes |= {"W2": (n_hidden, V), "b2": (V,)}
        shapes |= {"W": (n_in, V)} if direct else {}
        self.params = {
            name: torch.randn(shape, generator=generator, requires_grad=True)
            for name, shape in shapes.items()
        }

    def parameters(self) -> list[Tensor]:
        """Return the weights, for an optimizer to change."""
        return list(self.params.values())

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights by name, without gradients, in the memory they are in."""
        return {name: tensor.detach() for name, tensor in self.params.items()}

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the logits of the next character, of shape (B, V), for contexts as in `log_probs`."""
        if contexts.shape[1:] != (self.block_size,) or contexts.is_floating_point():
            check_contexts(self, contexts)  # says what is wrong
        return scores(self.params, contexts)

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        """Return the log-softmax of the logits; see `nnz.contract.LanguageModel`."""
        check_contexts(self, contexts)
        return log_softmax(self.logits(contexts))

    @torch.no_grad()
    def scale_init(self) -> BengioMLP:
        """Scale the first weights so that few hidden units are saturated and all characters about equally likely.

        Sums of n standard normal numbers spread like √n. So what enters the hidden layer is divided by √fan_in
        (and multiplied by 5/3, since tanh shrinks), what leaves it by 10 √fan_in, and the biases begin at 0.
        It is for a new model, and once.
        """
        n_in, n_hidden = self.params["W1"].shape
        self.params["W1"] *= 5 / 3 / math.sqrt(n_in)
        self.params["W2"] *= 0.1 / math.sqrt(n_hidden)
        for name in self.params.keys() & {"b1", "b2", "W"}:
            self.params[name] *= 0
        return self
