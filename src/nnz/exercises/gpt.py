"""The exercises of the chapter on a GPT."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nnz.engine import Value, new_node
from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, tensors
from nnz.exercises.checker.observe import with_gradients


def gpt_parameters(
    n_tokens: int,
    n_embd: int,
    n_layer: int,
    block_size: int,
    tied: bool,
) -> int:
    """Return how many numbers a GPT of the chapter has."""
    tables = n_tokens + block_size  # rows of embeddings
    if not tied:
        tables += n_tokens  # the last layer
    return tables * n_embd + n_layer * 12 * n_embd**2


def gelu(x: Value) -> Value:
    """Return x times the probability that a standard normal number is below x."""
    share = (1 + math.erf(x.data / math.sqrt(2))) / 2
    density = math.exp(-(x.data**2) / 2) / math.sqrt(2 * math.pi)
    return new_node(x.data * share, "gelu", x, share + x.data * density)


def rms_norm_backward(dout: Tensor, x: Tensor, eps: float) -> Tensor:
    """Return the gradient with respect to the input of x / sqrt(mean of x² + eps)."""
    inv = (x.square().mean(-1, keepdim=True) + eps) ** -0.5  # (..., 1)
    y = x * inv
    return inv * (dout - y * (dout * y).mean(-1, keepdim=True))


def tied_gradient(dlogits: Tensor, h: Tensor, tokens: Tensor, dx: Tensor) -> Tensor:
    """Return the gradient of a table that makes the embeddings and the scores."""
    as_last_layer = dlogits.T @ h  # (V, C)
    return as_last_layer.index_add(0, tokens, dx)


def loss_per_name(costs: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean over names of the mean over their letters."""
    names = costs.split(lengths.tolist())
    return torch.stack([letters.mean() for letters in names]).mean()


_COUNT = Exercise(
    label="gpt-ex-count",
    reference=gpt_parameters,
    task="""
    Write `gpt_parameters(n_tokens, n_embd, n_layer, block_size, tied)`: how many numbers does a GPT of this
    chapter have? It has no biases, and no gains in its norms; the small network of a block is four times as wide
    inside as outside. If it is `tied`, the last layer has no matrix of its own and takes that of the
    embedding of tokens.
    """,
    hints=(
        "Count the matrices of a block, four of attention and two of the small network, in squares of n_embd.",
        "Outside of the blocks there are three tables whose rows have n_embd numbers. How many rows has each, and "
        "which of the three is missing if the model is tied?",
    ),
    inputs=(
        call(27, 16, 1, 16, False),
        call(27, 16, 1, 16, True),
        call(28, 48, 2, 64, False),
        call(100, 8, 3, 5, True),
    ),
    more=lambda draw: call(*draw.sizes(2), draw.size(2, 4), draw.size(7, 9), draw.size(0, 1) == 1),
    slips={
        "the last layer is counted in a tied model and left out in the other one": edit(
            "if not tied", "if tied"
        ),
        "the last layer is counted in a tied model, too": edit("if not tied", "if True"),
        "the places have embeddings as well, as many as block_size": edit(" + block_size", ""),
        "the small network has two matrices, in and out, each of four squares": edit("12 * ", "8 * "),
        "queries, keys and values are three matrices, and a fourth mixes the heads": edit("12", "11"),
        "that is one block; each has weights of its own": edit("n_layer * 12", "12"),
        "the small network was taken to be as wide inside as outside; it is four times as wide": edit(
            "12", "6"
        ),
        "only attention was counted in a block": edit("12", "4"),
    },
    tolerance=1e-12,
)


_GELU = Exercise(
    label="gpt-ex-gelu",
    reference=gelu,
    task=r"""
    GPT-2 has another function in the place of the ReLU, the Gaussian error linear unit:
    $x\,\Phi(x)$, where $\Phi(x) = \frac12 (1 + \mathrm{erf}(x/\sqrt2))$ is the probability that a standard
    normal number is below $x$ {cite}`hendrycks2016gaussian`. (Its code has a formula with tanh that is near it.)
    With `nnz.engine.new_node` and `math.erf`, write `gelu(x)` as a single operation of a Value. What is its
    local derivative?
    """,
    hints=(
        "It is a product of two functions of x. What is the derivative of a product?",
        r"The derivative of Φ is the density of the normal distribution, exp(-x²/2) / sqrt(2π).",
    ),
    inputs=(call(Value(1.0)), call(Value(-0.5)), call(Value(2.25)), call(Value(0.0)), call(Value(-3.0))),
    more=lambda draw: call(Value(draw.number())),
    slips={
        "the derivative is Φ alone, as if that were a constant; it moves with x as well": edit(
            "share + x.data * density", "share"
        ),
        "in the derivative the density lacks its factor x": edit("x.data * density", "density"),
        "the derivative lacks the first part of the product rule": edit("share + x.data", "x.data"),
        "the density lacks its factor 1 / sqrt(2π)": edit(" / math.sqrt(2 * math.pi)", ""),
        "erf takes x / sqrt(2), and was given x": edit("math.erf(x.data / math.sqrt(2))", "math.erf(x.data)"),
        "that is the approximation x σ(1.702 x), which is near it; the exact one is asked for": edit(
            "(1 + math.erf(x.data / math.sqrt(2))) / 2", "1 / (1 + math.exp(-1.702 * x.data))"
        ),
        "that is Φ(x) itself; it has to be multiplied by x": edit("(x.data * share,", "(share,"),
        "a Value made of a plain number has no operands, and no gradient goes through it": lambda x: Value(
            x.data * (1 + math.erf(x.data / math.sqrt(2))) / 2
        ),
    },
    drive=with_gradients,
)


_NORM = Exercise(
    label="gpt-ex-norm",
    reference=rms_norm_backward,
    task=r"""
    Write `rms_norm_backward(dout, x, eps)` without autograd: the gradient with respect to $x$ of
    $y = x / \sqrt{m + \varepsilon}$, where $m$ is the mean of the squares over the last axis, for an input with
    any number of axes. `dout`, of the shape of `x`, is the gradient with respect to $y$. What is left of the
    layer norm's gradient ([](backprop.md)) if no mean is subtracted?
    """,
    hints=(
        "Each number of a row acts on the result in two ways: as the numerator of its own y, and through m on all "
        "y of the row.",
        r"The derivative of (m + ε)^(-1/2) with respect to one number of C is -(m + ε)^(-3/2) x / C. Multiply by "
        "what m is used for in each place of the row, and add up.",
        "Written with y in the place of x, the way through m is y times a mean over the row.",
    ),
    inputs=(
        tensors([[0.5, -1.0]], [[3.0, -4.0]], 0.5),
        tensors([[0.5, -1.0, 0.25], [2.0, 0.75, -1.5]], [[1.0, 2.5, -0.5], [3.0, 0.5, 1.25]], 0.25),
    ),
    more=shaped("B C, B C, ~0.5", "B T C, B T C, ~0.5"),
    slips={
        "the root is taken for a constant; it changes with each number of the row": edit(
            "dout - y * (dout * y).mean(-1, keepdim=True)", "dout"
        ),
        "the way through the root has the wrong sign": edit("dout - y", "dout + y"),
        "the sum over the row is not divided by how many numbers it has": edit(
            "(dout * y).mean", "(dout * y).sum"
        ),
        "the mean is over all rows; each row has its own root": edit(
            "x.square().mean(-1, keepdim=True)", "x.square().mean()"
        ),
        "a mean is subtracted, as in layer norm; this norm subtracts none": edit(
            "y * (dout", "dout.mean(-1, keepdim=True) - y * (dout"
        ),
        "x stands where the result y belongs": edit("y = x * inv", "y = x"),
        "in the mean x stands in the place of y": edit("(dout * y)", "(dout * x)"),
        "the division by the root is left out": edit("return inv * (dout", "return (dout"),
        "eps is left out": edit(" + eps", ""),
    },
)


def _drawn_tied(draw: Draw) -> Input:
    V, C, T = draw.sizes(3)
    tokens = [draw.size(0, V - 1) for _ in range(T)]
    return tensors(draw.table(T, V), draw.table(T, C), [*tokens[:-1], tokens[0]], draw.table(T, C))


_TIED = Exercise(
    label="gpt-ex-tied",
    reference=tied_gradient,
    task=r"""
    In GPT-2 one table $E$ of shape $(V, C)$ serves at both ends {cite}`press2017using`: the rows that enter are
    $x_t = E_{\text{token } t}$, and the scores that leave are $z = h E^\top$. Write
    `tied_gradient(dlogits, h, tokens, dx)`, the gradient of the loss with respect to $E$, without autograd.
    `dlogits` $(T, V)$ and `dx` $(T, C)$ are the gradients with respect to $z$ and $x$; `h` is $(T, C)$, and
    `tokens` int64 $(T,)$, in which a token may come several times. What is given stays as it is.
    """,
    hints=(
        "The table is used twice, and the gradients of two uses add up. What is that of each use alone?",
        "The scores are a matrix product; look at shapes: (T, V) and (T, C) have to make (V, C).",
        "Row i of the table is used wherever tokens is i. torch's index_add adds rows to rows, as often as an "
        "index comes.",
    ),
    inputs=(
        tensors([[1.0, -0.5]], [[2.0, 3.0]], [0], [[0.5, 0.25]]),
        tensors(
            [[1.0, -0.5, 0.25], [0.5, 2.0, -1.0], [0.75, -2.0, 1.5]],
            [[2.0, 3.0], [-1.0, 0.5], [0.25, 1.0]],
            [2, 0, 2],
            [[0.5, 0.25], [-1.5, 2.0], [1.0, -0.75]],
        ),
    ),
    more=_drawn_tied,
    slips={
        "only the use as the last layer is counted; the table makes the embeddings, too": edit(
            "as_last_layer.index_add(0, tokens, dx)", "as_last_layer"
        ),
        "only the use as an embedding is counted; the table makes the scores, too": edit(
            "as_last_layer.index_add", "torch.zeros_like(as_last_layer).index_add"
        ),
        "where a token comes more than once only one of its uses is counted; all add up": edit(
            "as_last_layer.index_add(0, tokens, dx)",
            "as_last_layer.index_copy(0, tokens, as_last_layer[tokens] + dx)",
        ),
        "the rows of the tokens are replaced; both uses add up": edit("index_add", "index_copy"),
        "that is half of the gradient: two uses add up, and are no mean": edit(
            "(0, tokens, dx)", "(0, tokens, dx) / 2"
        ),
        "dlogits is changed by the way through the softmax, which it has behind it": edit(
            "dlogits.T @ h", "(dlogits - dlogits.mean(1, keepdim=True)).T @ h"
        ),
        "what enters is subtracted from what leaves; both uses add up": edit(
            "(0, tokens, dx)", "(0, tokens, -dx)"
        ),
    },
)


def _drawn_costs(draw: Draw) -> Input:
    lengths = draw.sizes(3, 2)
    return tensors([draw.positive() for _ in range(sum(lengths))], lengths)


_NAMES = Exercise(
    label="gpt-ex-names",
    reference=loss_per_name,
    task="""
    Write `loss_per_name(costs, lengths)`: for the surprisals of all letters of a list of names, laid end to end,
    and how many each name has (its end included), the mean over names of the mean over letters. It is the kind of
    loss that microgpt prints. When is it below the mean over all letters?
    """,
    hints=(
        "First a mean for each name, then the mean of these. Tensor.split cuts a tensor into given sizes.",
        "Without a loop: divide each letter's surprisal by the length of its name, add up, and divide by the "
        "number of names.",
    ),
    inputs=(
        tensors([3.0, 3.0, 2.0, 2.0, 2.0, 2.0], [2, 4]),
        tensors([1.0, 2.5, 0.5, 4.0, 3.5], [2, 3]),
        tensors([1.5, 2.5, 0.5], [3]),
    ),
    more=_drawn_costs,
    slips={
        "that is the mean over all letters, in which a long name counts for more": edit(
            "torch.stack([letters.mean() for letters in names]).mean()", "costs.mean()"
        ),
        "those are whole names, not divided by how long they are": edit("letters.mean()", "letters.sum()"),
        "the means are added up; the mean of them is asked for": edit(
            "in names]).mean()", "in names]).sum()"
        ),
        "there is a mean for each name; the mean of them is asked for": edit(
            "in names]).mean()", "in names])"
        ),
        "the end of each name is left out; it is one of the characters that are guessed": edit(
            "letters.mean()", "letters[:-1].mean()"
        ),
        "the first letter of each name is left out; it is guessed like the others": edit(
            "letters.mean()", "letters[1:].mean()"
        ),
        "that is the median of the names, not their mean": edit("in names]).mean()", "in names]).median()"),
    },
)

EXERCISES = (_COUNT, _GELU, _NORM, _TIED, _NAMES)
