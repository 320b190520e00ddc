"""The exercises of the chapter on the tree of WaveNet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled, tensors
from nnz.exercises.checker.observe import RESULT, Parts
from nnz.exercises.checker.properties import as_many_as_built, never_negative
from nnz.wavenet import WaveNet


def flatten_by_strides(x: Tensor, n: int) -> Tensor:
    """Return groups of n neighboring positions side by side: (B, T, C) to (B, T/n, n·C)."""
    strided = [x[:, i::n] for i in range(n)]  # n of (B, T/n, C)
    return torch.cat(strided, dim=2)


def tree_parameters(V: int, n_embd: int, n_hidden: int, block_size: int) -> int:
    """Return how many weights a WaveNet has that reads block_size of V characters."""
    depth = block_size.bit_length() - 1
    inputs = 2 * n_embd + (depth - 1) * 2 * n_hidden  # of all levels together
    return V * n_embd + (inputs + 2 * depth) * n_hidden + (n_hidden + 1) * V


def width_for(budget: int, V: int, n_embd: int, block_size: int) -> int:
    """Return the largest n_hidden with which a WaveNet has at most `budget` weights."""
    n_hidden = 1
    while tree_parameters(V, n_embd, n_hidden + 1, block_size) <= budget:
        n_hidden += 1
    return n_hidden


def smoothed(losses: Tensor, size: int) -> Tensor:
    """Return the mean of each group of `size` losses in a row, the last group with what is left."""
    groups = losses.split(size)
    return torch.stack([group.mean() for group in groups])


def joint_importance(
    log_probs: Callable[[Tensor], Tensor],
    contexts: Tensor,
    positions: Sequence[int],
    order: Tensor,
) -> float:
    """Return the mean KL divergence, in nats, that other contexts' characters at these positions bring about."""
    changed = contexts.clone()
    for position in positions:
        changed[:, position] = contexts[order, position]
    P, Q = log_probs(contexts), log_probs(changed)  # (B, V)
    return (P.exp() * (P - Q)).sum(dim=1).mean().item()


def _which_pair(args: Sequence[Any], parts: Parts) -> str:
    """Say which position is not where it belongs, if the shape is right."""
    x, n = args
    yours: Any = parts[RESULT]
    C = x.shape[2]
    for group in range(x.shape[1] // n):
        for i in range(n):
            part = yours[:, group, i * C : (i + 1) * C]
            if not torch.equal(part.detach().to(x.dtype), x[:, n * group + i]):
                return (
                    f"in group {group}, numbers {i * C} to {(i + 1) * C - 1} should be those of position "
                    f"{n * group + i}"
                )
    return ""


def _drawn_places(draw: Draw) -> Input:
    B, groups, C, n = draw.sizes(4, 2)
    return spelled(f"torch.arange({B * groups * n * C}.0).view({B}, {groups * n}, {C}) / 4, {n}")


_STRIDES = Exercise(
    label="wavenet-ex-strides",
    reference=flatten_by_strides,
    task="""
    Before it has a layer for it, the lecture joins neighbors by slices: every second position from the first
    on, every second from the second on, and the two side by side. Write `flatten_by_strides(x, n)`, which
    does this for groups of any size $n$ from 2 on: from float of shape $(B, T, C)$, with $T$ a multiple of
    $n$, to $(B, T/n, nC)$. Each group holds its positions in their order, every one with its $C$ numbers in a
    row. Unlike `FlattenConsecutive` it keeps the axis of the groups, even if there is only one.
    """,
    hints=(
        "A slice may have a step: what does x[:, 0::2] hold, and what does x[:, 1::2]?",
        "There are n such slices, each of shape (B, T / n, C), and row g of slice i is position n * g + i.",
        "Row g of all slices together is group g. So along which axis are they put side by side?",
    ),
    inputs=(
        spelled("torch.arange(4.0).view(1, 4, 1) / 2, 2"),
        spelled("torch.arange(24.0).view(2, 4, 3) / 2, 2"),
        spelled("torch.arange(24.0).view(2, 6, 2) / 2, 3"),
        spelled("torch.arange(24.0).view(3, 2, 4) / 2, 2"),
        spelled("torch.arange(72.0).view(2, 12, 3) / 2, 4"),
    ),
    more=_drawn_places,
    slips={
        "positions that stand T / n apart are joined, the first with the first of the next piece; a group is "
        "n neighbors": edit("[x[:, i::n] for i in range(n)]", "x.chunk(n, dim=1)"),
        "each group is in reverse order: its last position stands first": edit(
            "range(n)", "reversed(range(n))"
        ),
        "the rows of a group are mixed together, first the first number of each; every position's numbers "
        "should stay in a row": edit("torch.cat(strided, dim=2)", "torch.stack(strided, dim=3).flatten(2)"),
        "x was transposed before it was reshaped, so a row holds one feature of many positions": edit(
            "torch.cat(strided, dim=2)", "x.transpose(1, 2).reshape(len(x), x.shape[1] // n, -1)"
        ),
        "with one group left its axis is gone, as in FlattenConsecutive; here it stays": edit(
            "dim=2)", "dim=2).squeeze(1)"
        ),
        "the slices are one after another along the axis of positions; put them side by side, "
        "along the last": edit("dim=2", "dim=1"),
        "there are two slices, whatever n is; a group has n positions": edit(
            "[x[:, i::n] for i in range(n)]", "[x[:, 0::2], x[:, 1::2]]"
        ),
        "all n slices begin at position 0; slice i begins at position i": edit("i::n", "::n"),
        "the groups overlap: each begins one position after the one before, not n": edit(
            "i::n", "i : x.shape[1] - n + 1 + i"
        ),
        "the positions of a group were added; set them side by side": edit(
            "torch.cat(strided, dim=2)", "sum(strided)"
        ),
        "all positions of an example are side by side; only n of them make a group": edit(
            "torch.cat(strided, dim=2)", "x.flatten(1)[:, None]"
        ),
        "the groups are still on an axis of their own, (B, T / n, n, C); make one axis of the last two": edit(
            "torch.cat", "torch.stack"
        ),
    },
    properties=(_which_pair,),
)


_PARAMETERS = Exercise(
    label="wavenet-ex-parameters",
    reference=tree_parameters,
    task="""
    Write `tree_parameters(V, n_embd, n_hidden, block_size)`, which counts the weights of a `WaveNet` without
    making it: what an optimizer changes, so without the running averages. It reads `block_size` characters, a
    power of two, out of $V$, each as `n_embd` numbers. Each level joins two neighbors and has a linear layer
    without a bias to `n_hidden` features, then batch norm; the last layer, from `n_hidden` to $V$, has a
    bias. A second tree reads twice as many characters as the first. How many more weights does it have?
    """,
    hints=(
        "Go through the layers as WaveNet's __init__ makes them, and write down the shape of each weight.",
        "Two neighbors come into every level. How many numbers is one of them at the first level, and how many "
        "at the others? It does not matter how many pairs there are: they share the weights.",
        "Batch norm learns two numbers for each feature, a factor and a shift. How often can block_size be "
        "halved until 1 is left?",
    ),
    inputs=(
        call(11, 3, 5, 2),
        call(11, 3, 5, 4),
        call(27, 24, 128, 8),
        call(27, 10, 68, 8),
        call(27, 7, 4, 32),
        call(17964, 100, 60, 16),
    ),
    more=lambda draw: call(*draw.sizes(3), 2 ** draw.size(1, 4)),
    slips={
        "the levels' linear layers have biases; the shift of batch norm takes their place": edit(
            "2 * depth)", "3 * depth)"
        ),
        "the running averages are counted; they are no weights, since no gradient changes them": edit(
            "2 * depth)", "4 * depth)"
        ),
        "batch norm is left out; it learns two numbers for each feature of a level": edit(
            " + 2 * depth)", ")"
        ),
        "batch norm has one number for each feature; it has a factor and a shift": edit(
            "2 * depth)", "depth)"
        ),
        "every level reads two embeddings; from the second level on it is two times n_hidden": edit(
            "2 * n_hidden", "2 * n_embd"
        ),
        "every level reads two times n_hidden; the first one reads two embeddings": edit(
            "2 * n_embd", "2 * n_hidden"
        ),
        "each level reads one position; it joins two of them": edit(
            "2 * n_embd + (depth - 1) * 2 * n_hidden", "n_embd + (depth - 1) * n_hidden"
        ),
        "there is one level too few: 8 characters take three levels, until one position is left": edit(
            "bit_length() - 1", "bit_length() - 2"
        ),
        "there is one level too many: 8 characters take three levels, and the last layer joins nothing": edit(
            "bit_length() - 1", "bit_length()"
        ),
        "each pair of a level has weights of its own; all pairs of a level share theirs": edit(
            "2 * n_embd + (depth - 1) * 2 * n_hidden",
            "block_size * n_embd + (block_size // 2 - 1) * 2 * n_hidden",
        ),
        "the table of embeddings is left out; it is learned with the rest": edit("V * n_embd + ", ""),
        "each position has a table of embeddings of its own; all positions share one": edit(
            "V * n_embd", "block_size * V * n_embd"
        ),
        "the bias of the last layer is left out": edit("(n_hidden + 1) * V", "n_hidden * V"),
        "the first level reads all embeddings at once, and there are no others: that is the network with one "
        "hidden layer": edit("inputs + 2 * depth", "block_size * n_embd + 2"),
    },
    properties=(as_many_as_built(WaveNet),),
    tolerance=1e-12,
)


def _root(budget: int, V: int, n_embd: int, block_size: int) -> float:
    """Return the width, not rounded, of exactly `budget` weights."""
    depth = block_size.bit_length() - 1
    a, b = 2 * (depth - 1), 2 * n_embd + 2 * depth + V  # a h² + b h + c
    c = V * n_embd + V - budget
    return -c / b if a == 0 else (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)


def _affordable(args: Sequence[Any], parts: Parts) -> str:
    budget, V, n_embd, block_size = args
    yours: Any = parts[RESULT]
    if yours != int(yours) or yours < 1:
        return f"a width is a whole number of at least 1, and not {yours:.6g}"
    width = int(yours)
    cost = tree_parameters(V, n_embd, width, block_size)
    if cost > budget:
        return f"with n_hidden {width} there are {cost:,} weights, which is more than {budget:,}"
    wider = tree_parameters(V, n_embd, width + 1, block_size)
    if wider <= budget:
        return f"one feature more would have {wider:,} weights, which is still no more than {budget:,}"
    return ""


def _drawn_budget(draw: Draw) -> Input:
    (width,) = draw.pick(1, 1, 2, 30)
    V, n_embd, block_size = draw.size(11, 27), draw.size(3, 12), 2 ** draw.size(1, 4)
    return call(tree_parameters(V, n_embd, width, block_size) + draw.whole(high=30), V, n_embd, block_size)


_WIDTH = Exercise(
    label="wavenet-ex-width",
    reference=width_for,
    task="""
    Networks are fairly compared if they have about as many weights. Write
    `width_for(budget, V, n_embd, block_size)`, the largest `n_hidden` with which a `WaveNet` has at most that
    many, a whole number of at least 1. For the lecture's tree, with $76{,}579$ weights, 24 numbers for each
    of 27 characters and a context of 8, it is $128$. How wide a tree can be had for the weights of our flat
    network of eight characters, whose $200$ hidden units read ten numbers for each? The lecture's tree, with
    $68$, has a few more than it.
    """,
    hints=(
        "More features are always more weights. So the widths that can be afforded are 1, 2, 3 and so on up to "
        "some largest one.",
        "Try one after another, or take twice as many each time and then halve the interval; "
        "ex.tree_parameters.reference counts, if you have not done that exercise.",
        "The count is a polynomial of n_hidden of degree two, so a root tells the width, too. It is rounded down; "
        "and mind a block_size of 2, where there is no square.",
    ),
    inputs=(
        call(100, 11, 3, 2),
        call(76_579, 27, 24, 8),
        call(76_578, 27, 24, 8),
        call(22_000, 27, 10, 8),
        call(30_000, 27, 24, 16),
        call(200_000, 27, 24, 8),
    ),
    more=_drawn_budget,
    slips={
        "that is the first width that is too large; the one before it is the largest that is not": edit(
            "return n_hidden", "return n_hidden + 1"
        ),
        "a width with exactly that many weights is allowed: at most, not fewer": edit("<=", "<"),
        "the width was rounded to the nearest whole number, which may be too large; round down": edit(
            "return n_hidden", "return round(_root(budget, V, n_embd, block_size))"
        ),
        "the width is not a whole number; round down": edit(
            "return n_hidden", "return _root(budget, V, n_embd, block_size)"
        ),
        "only the squares of n_hidden were counted; the first level, batch norm, the last layer and the "
        "embeddings cost something too": edit(
            "return V", "return 2 * (depth - 1) * n_hidden**2 or V", of=tree_parameters
        ),
        "only powers of two were tried": (edit("n_hidden + 1", "2 * n_hidden"), edit("+= 1", "*= 2")),
        "the levels' linear layers were counted with biases, which they do not have": edit(
            "2 * depth)", "3 * depth)", of=tree_parameters
        ),
        "the table of embeddings was left out of the count": edit("V * n_embd + ", "", of=tree_parameters),
        "that is how many weights there are, not how many features": edit(
            "return n_hidden", "return tree_parameters(V, n_embd, n_hidden, block_size)"
        ),
    },
    properties=(_affordable,),
    tolerance=1e-12,
)


_SMOOTHED = Exercise(
    label="wavenet-ex-smoothed",
    reference=smoothed,
    task="""
    The losses of single batches jump so much that nothing can be seen in them, and the lecture's rows of
    equal length leave out what does not fill a row. Write `smoothed(losses, size)`, the means of groups of
    `size` losses, float of shape $(N,)$, in which the last group may be shorter and is averaged too. How much
    less does such a mean jump than a loss?
    """,
    hints=(
        "The lecture uses view(-1, size).mean(1). For which N does that work?",
        "Tensors can be cut into parts of equal length, of which the last may be shorter: look at split.",
        "Take the mean of each part, and stack the means to one tensor.",
    ),
    inputs=(
        call(torch.tensor([3.5, 1.5, 2.0, 1.0]), 2),
        call(torch.tensor([4.0, 3.0, 2.5, 1.0, 0.25]), 2),
        call(torch.tensor([3.25, 3.0, 2.0, 2.25, 1.0, 1.5, 0.5, 0.25]), 3),
        call(torch.tensor([2.0, 1.0]), 5),
        call(torch.tensor([2.5, 0.5, 1.0]), 1),
        spelled("torch.arange(103.0) ** 2 % 17, 10"),
    ),
    more=lambda draw: tensors(draw.table(draw.size(7, 12)), draw.size(2, 5)),
    slips={
        "the losses are arranged in rows of size, which works only if none is left over; the last group may "
        "be shorter": edit(
            "torch.stack([group.mean() for group in groups])", "losses.view(-1, size).mean(dim=1)"
        ),
        "the last group, which is shorter, was dropped; it is averaged too": edit(
            "in groups", "in groups if len(group) == size"
        ),
        "the sum of the last group was divided by size; it has fewer losses": edit(
            "group.mean()", "group.sum() / size"
        ),
        "that is a running mean, with groups that overlap; each loss belongs to one group": edit(
            "losses.split(size)", "losses.unfold(0, min(size, len(losses)), 1)"
        ),
        "that is a running mean over the last size losses at each step; each loss belongs to one group": edit(
            "losses.split(size)", "[losses[max(0, i + 1 - size) : i + 1] for i in range(len(losses))]"
        ),
        "those are sums; divide each by how many losses are in it": edit("group.mean()", "group.sum()"),
        "every loss of that number was picked and the others were thrown away; average them": edit(
            "group.mean()", "group[0]"
        ),
        "there are size groups; there should be size losses in each group": edit(
            "split(size)", "chunk(size)"
        ),
        "those are medians; the means are asked for": edit("group.mean()", "group.median()"),
        "losses that stand size apart were averaged; a group is size losses in a row": edit(
            "losses.split(size)", "[losses[i::size] for i in range(min(size, len(losses)))]"
        ),
        "each mean is repeated for every loss of its group; there is one number for each group": edit(
            "torch.stack([group.mean()", "torch.cat([group.mean().expand(len(group))"
        ),
    },
    tolerance=1e-5,
)


Question = Callable[[Tensor], Tensor]


def _weighted(weights: list[float], V: int) -> Question:
    """Return a small model: a mixture of the letters it reads, each position with its weight."""

    def log_probs(contexts: Tensor) -> Tensor:
        letters = F.one_hot(contexts, V).double()  # (B, T, V)
        shares = torch.tensor(weights, dtype=torch.float64)[:, None]
        scores = (letters * shares).sum(dim=1).roll(1, dims=1)
        return (scores + contexts[:, -1:] % 2 * letters[:, 0]).log_softmax(dim=1)

    return log_probs


def _importance_case(
    weights: list[float], V: int, contexts: list[list[int]], positions: list[int], order: list[int]
) -> Input:
    text = f"joint_importance(log_probs, torch.tensor({contexts}), {positions}, torch.tensor({order}))"
    model = f"log_probs = a small model of {V} characters and {len(weights)} positions"
    return Input(
        (_weighted(weights, V), torch.tensor(contexts), positions, torch.tensor(order)),
        f"{text} where {model}",
    )


_CONTEXTS = [[0, 1, 2, 1], [3, 2, 1, 0], [1, 1, 3, 2], [2, 0, 0, 3], [3, 3, 2, 2]]


def _drawn_importance(draw: Draw) -> Input:
    B, T, V = draw.sizes(3)
    positions, order = draw.shuffled(T)[:2], draw.shuffled(B)
    return _importance_case(draw.table(T, low=0.3), V, draw.whole(B, T, high=V - 1), positions, order)


_IMPORTANCE = Exercise(
    label="wavenet-ex-importance",
    reference=joint_importance,
    task=r"""
    We put a foreign character in one place. Write `joint_importance(log_probs, contexts, positions, order)`,
    which does so at several places at once, all of them from the same other context: how far, in nats, does
    the prediction move on average? `log_probs` is a function such as a model's, from contexts, int64 of shape
    $(B, T)$, to finite log-probabilities of shape $(B, V)$; `positions` is a list of at least one place from
    0 to $T - 1$; and `order`, int64 of shape $(B,)$, says for each context from which other one the
    characters come. With $P$ the distribution for a context as it is and $Q$ that for the changed one, return
    the mean over the contexts of $\sum P (\log P - \log Q)$, the Kullback–Leibler divergence, as a float.
    (Here all contexts count, also those with padding and those in which nothing changes; so the numbers for
    the oldest places are smaller than those of the chapter.) Is what the four oldest characters do together
    the sum of what each of them does alone?
    """,
    hints=(
        "Make a copy of the contexts and change some columns of it. What is contexts[order], and what are its "
        "columns?",
        "Ask the function twice, for the contexts as they are and for the copy with all positions changed. Both "
        "answers have shape (B, V), and both are logarithms already.",
        "The weights in a divergence are the probabilities of the first of the two, which is here the model's "
        "answer to the true contexts. Sum over the characters, then average over the contexts.",
    ),
    inputs=(
        _importance_case([1.0, 2.0], 3, [[0, 1], [2, 0], [1, 2]], [1], [1, 2, 0]),
        _importance_case([1.5, 0.5, 2.5, 1.0], 4, _CONTEXTS, [0, 1], [2, 4, 3, 0, 1]),
        _importance_case([0.5, 2.0, 1.0, 1.5], 4, _CONTEXTS, [3, 1, 0], [1, 2, 4, 0, 3]),
        _importance_case([1.0, 0.0, 1.0, 0.5], 4, _CONTEXTS, [1, 2], [4, 3, 2, 1, 0]),
    ),
    more=_drawn_importance,
    slips={
        "P and Q are exchanged: the weights are the probabilities for the true contexts": edit(
            "P, Q =", "Q, P ="
        ),
        "the divergences of the contexts were added; average them": edit(".sum(dim=1).mean()", ".sum()"),
        "the mean was taken over the characters as well; over those it is a sum": edit(
            ".sum(dim=1).mean()", ".mean()"
        ),
        "the positions were changed one at a time and the divergences added; change them all "
        "at once": lambda log_probs, contexts, positions, order: sum(
            joint_importance(log_probs, contexts, [position], order) for position in positions
        ),
        "only the first of the positions was changed": edit("in positions:", "in positions[:1]:"),
        "whole contexts were exchanged; the other positions stay as they are": edit(
            "log_probs(changed)", "log_probs(contexts[order])"
        ),
        "all other positions were changed, and those that are given stayed": edit(
            "in positions:", "in set(range(contexts.shape[1])) - set(positions):"
        ),
        "the positions were counted from the right; 0 is the first column, the oldest character": edit(
            "in positions:", "in [-1 - i for i in positions]:"
        ),
        "the positions were set to the full stop; put there what stands in the other context": edit(
            "contexts[order, position]", "0"
        ),
        "the permutation was used the other way: context i gets the characters of context order[i], and does "
        "not give its own to it": edit("contexts[order, position]", "contexts[order.argsort(), position]"),
        "contexts[order, positions] takes one index from each, pair by pair; take the rows first, then the "
        "columns": edit(
            "    for position in positions:\n        changed[:, position] = contexts[order, position]",
            "    changed[:, positions] = contexts[order, positions]",
        ),
        "P and Q are for the same contexts, the changed ones, so nothing differs; take P "
        "before, or a copy": edit("log_probs(contexts)", "log_probs(changed)"),
        "the argument contexts was changed; work on a copy": (
            edit("changed = contexts.clone()", "P, changed = log_probs(contexts), contexts"),
            edit("P, Q = log_probs(contexts), ", "Q = "),
        ),
        "the probabilities that weigh the terms are missing": edit("P.exp() * (P - Q)", "P - Q"),
        "that is the cross-entropy; the entropy of P is not subtracted": edit(
            "P.exp() * (P - Q)", "P.exp() * -Q"
        ),
        "the terms are weighed with the logarithms; the probabilities are their exponentials": edit(
            "P.exp()", "P"
        ),
        "those are bits; the natural logarithm gives nats": edit(".item()", ".item() / math.log(2)"),
        "that is how far the probabilities are apart, not the divergence": edit(
            "P.exp() * (P - Q)", "(P.exp() - Q.exp()).abs()"
        ),
    },
    properties=(never_negative("a divergence"),),
)

EXERCISES = [_STRIDES, _PARAMETERS, _WIDTH, _SMOOTHED, _IMPORTANCE]
