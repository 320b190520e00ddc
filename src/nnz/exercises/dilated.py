"""The exercises of the chapter on dilated causal convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, tensors
from nnz.exercises.checker.observe import RESULT, Parts


def receptive_field(kernel: int, dilations: Sequence[int]) -> int:
    """Return how many positions an output of a stack of dilated layers depends on."""
    return 1 + (kernel - 1) * sum(dilations)


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """Return the dilated convolution of x, of the same length, that never looks to the right."""
    reach = (weight.shape[2] - 1) * dilation
    return F.conv1d(F.pad(x, (reach, 0)), weight, bias, dilation=dilation)


def packed_places(lengths: Tensor) -> Tensor:
    """Return the place of each letter in its name, for names of these lengths laid end to end."""
    first = lengths.cumsum(0) - lengths  # where each name begins
    return torch.arange(int(lengths.sum())) - first.repeat_interleave(lengths)


def dilations_for(length: int, stack: Sequence[int]) -> list[int]:
    """Return the dilations of as few whole stacks as see `length` characters."""
    repeats = math.ceil((length - 1) / sum(stack))
    return list(stack) * repeats


def gated(left: Tensor, now: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return tanh of one half of a linear layer of both, times the sigmoid of the other half."""
    both = torch.cat([left, now], dim=-1) @ weight + bias  # (..., 2C')
    filtered, gate = both.chunk(2, dim=-1)
    return torch.tanh(filtered) * torch.sigmoid(gate)


def top_p(probs: Tensor, p: float) -> Tensor:
    """Return each row with its fewest likeliest entries that sum to at least p, made to sum to 1."""
    likeliest, order = probs.sort(dim=1, descending=True)
    before = likeliest.cumsum(dim=1) - likeliest  # what is likelier, together
    kept = likeliest * (before < p)
    nucleus = torch.zeros_like(probs).scatter(1, order, kept)
    return nucleus / nucleus.sum(dim=1, keepdim=True)


_FIELD = Exercise(
    label="dilated-ex-field",
    reference=receptive_field,
    task="""
    Write `receptive_field(kernel, dilations)`: on how many positions does an output depend, if each layer
    joins `kernel` positions that are its dilation apart, the last of them the one above which it stands?
    `dilations` lists those of the layers, the lowest first. Count the leftmost position that it can depend
    on, itself, and all that lie between.
    """,
    hints=(
        "Begin with one layer of kernel 2. How far to the left does it look, and how many positions are that, "
        "with the one where it stands?",
        "A path from the output down to the input goes to the left in each layer, by one of several distances. "
        "What is the farthest in one layer, with kernel 3, say?",
        "Along the path the distances add up, and no layer can undo another's. Finally count the position "
        "where the path began.",
    ),
    inputs=(
        call(2, [1]),
        call(2, [1, 2, 4]),
        call(3, [1, 2, 4, 8]),
        call(2, [1, 2, 4, 1, 2, 4]),
        call(3, [1, 3, 9]),
        call(1, [1, 2]),
        call(4, [5, 2]),
    ),
    more=lambda draw: call(draw.size(2, 5), draw.whole(draw.size(), low=1)),
    slips={
        "every layer was taken to look one dilation to the left; with a larger kernel it is kernel - 1 of "
        "them": edit("(kernel - 1) * ", ""),
        "the position where the output stands is not counted": edit("1 + ", ""),
        "the layers were multiplied; how far they look adds up": edit(
            "1 + (kernel - 1) * sum(dilations)", "kernel ** len(dilations)"
        ),
        "the dilations were multiplied; how far the layers look adds up": edit(
            "sum(dilations)", "math.prod(dilations)"
        ),
        "each layer was taken to look kernel dilations to the left; one of its positions is "
        "where it stands": edit("(kernel - 1)", "kernel"),
        "that is what the last layer alone sees; the layers below look further from there": edit(
            "sum(dilations)", "dilations[-1]"
        ),
        "that is kernel times the largest dilation, which fits a stack of kernel 2 whose dilations double "
        "once; add up the layers": edit("1 + (kernel - 1) * sum(dilations)", "kernel * max(dilations)"),
        "the dilations were not looked at: that is the field of layers without any": edit(
            "sum(dilations)", "len(dilations)"
        ),
        "each layer counts the position where it stands once more; it is the same for all": edit(
            "1 + (kernel - 1) * sum(dilations)",
            "sum(1 + (kernel - 1) * dilation for dilation in dilations)",
        ),
    },
    tolerance=1e-12,
)


def _where_off(args: Sequence[Any], parts: Parts) -> str:
    """Say which position differs first from a sum that is done by hand."""
    x, weight, bias, dilation = args
    yours: Any = parts[RESULT]
    K = weight.shape[2]
    for t in range(x.shape[2]):
        expected = bias.expand(len(x), -1)
        for k in range(K):
            source = t - (K - 1 - k) * dilation
            if source >= 0:
                expected = expected + x[:, :, source] @ weight[:, :, k].T
        off = (yours[:, :, t].detach().to(x.dtype) - expected).abs().max().item()
        if not off < 1e-4:
            return f"position {t} is the first that is off, by up to {off:.4g}"
    return ""


def _drawn_conv(draw: Draw) -> Input:
    B, C_in, C_out, K = draw.sizes(4, 2)
    x, weight = draw.table(B, C_in, draw.size(7, 9)), draw.table(C_out, C_in, K)
    return tensors(x, weight, draw.table(C_out), draw.size(1, 3))


_CONV = Exercise(
    label="dilated-ex-conv",
    reference=causal_conv,
    task="""
    Write `causal_conv(x, weight, bias, dilation)` with `F.conv1d`, for $x$ of shape $(B, C, T)$ and kernels
    of any size $K$, such that the result has the length of $x$ and no position sees what is to the right of
    it. `weight` has shape $(C', C, K)$ and `bias` $(C',)$, as `F.conv1d` takes them: the last slice of the
    weight meets $x$ at the position itself, the one before meets it `dilation` places to the left, and so on;
    left of the beginning $x$ is taken to be 0. The padding that `F.conv1d` offers is on both sides.
    """,
    hints=(
        "conv1d without any padding gives fewer positions than it gets. How many fewer, with K slices that are "
        "dilation apart?",
        "Each position of the result is missing its past, not its future: on which side of x do the zeros "
        "belong?",
        "conv1d's own padding puts zeros on both sides. torch.nn.functional.pad takes how many there are on the "
        "left and on the right of the last axis.",
    ),
    inputs=(
        tensors([[[1.0, 2.0, 4.0]]], [[[10.0, 1.0]]], [0.0], 1),
        tensors([[[1.0, 2.0, 4.0, 3.0]]], [[[10.0, 1.0]]], [0.5], 2),
        tensors([[[1.0, -1.0, 2.0, 0.5, 3.0]]], [[[0.5, -1.0, 2.0]]], [0.25], 1),
    ),
    more=_drawn_conv,
    slips={
        "the zeros are shared out to both sides, so each position looks into its future; all belong on the "
        "left": edit("(reach, 0)", "(reach // 2, reach - reach // 2)"),
        "the zeros are shared out to both sides, the larger part on the left; all belong there": edit(
            "(reach, 0)", "(reach - reach // 2, reach // 2)"
        ),
        "the zeros are on the right, so a position is made of itself and what comes after it": edit(
            "(reach, 0)", "(0, reach)"
        ),
        "there are zeros on both sides, all of them on each, and the result is longer than x": edit(
            "(reach, 0)", "(reach, reach)"
        ),
        "no zeros were put before x, and the result is shorter": edit("F.pad(x, (reach, 0))", "x"),
        "there are K - 1 zeros; a dilated layer looks that many dilations back": edit(
            "(weight.shape[2] - 1) * dilation", "weight.shape[2] - 1"
        ),
        "the layer is not dilated: it looks at neighbors, whatever dilation is": (
            edit("(weight.shape[2] - 1) * dilation", "weight.shape[2] - 1"),
            edit("=dilation", "=1"),
        ),
        "the zeros are those of a dilated layer and conv1d was not told of the dilation": edit(
            "=dilation", "=1"
        ),
        "there are K * dilation zeros, one dilation too many: the last slice meets the position itself": edit(
            "(weight.shape[2] - 1)", "weight.shape[2]"
        ),
        "each position is made of those before it alone, as if it must not see itself": edit(
            "(reach, 0)", "(reach + 1, -1)"
        ),
        "the slices of the weight are in reverse order: the last one meets the position itself": edit(
            "weight, bias", "weight.flip(2), bias"
        ),
        "the bias is left out": edit("weight, bias", "weight, None"),
        "left of position 0 there is the first column of x again; it should be 0": edit(
            "(reach, 0)", '(reach, 0), mode="replicate"'
        ),
        "left of position 0 there is the end of x, which is the future; it should be 0": edit(
            "(reach, 0)", '(reach, 0), mode="circular"'
        ),
    },
    properties=(_where_off,),
    tolerance=1e-5,
)


def _cut_into_names(args: Sequence[Any], parts: Parts) -> str:
    (lengths,) = args
    yours: Any = parts[RESULT]
    for i, part in enumerate(yours.split(lengths.tolist())):
        if part.tolist() != list(range(len(part))):
            return f"name {i} has the places {part.tolist()}"
    return ""


_PLACES = Exercise(
    label="dilated-ex-places",
    reference=packed_places,
    task="""
    A batch can also be made of names laid end to end, a row for each letter; then it must be known where each
    of them begins. Write `packed_places(lengths)`, which returns for each letter how many letters of its own
    name stand before it, without a loop over the names: `[3, 2]` becomes `[0, 1, 2, 0, 1]`. `lengths` and the
    result are int64, and every name has a letter.
    """,
    hints=(
        "Number all rows from 0. What has to be subtracted from the numbers of the second name, and what from "
        "those of the third?",
        "It is the row at which the name begins, and that is how many letters all names before it have together.",
        "There is one beginning for each name, and one number for each letter: repeat_interleave repeats each "
        "entry as many times as another tensor says.",
    ),
    inputs=(
        call(torch.tensor([3])),
        call(torch.tensor([3, 2])),
        call(torch.tensor([1, 4, 2])),
        call(torch.tensor([2, 1, 1, 5, 3])),
    ),
    more=lambda draw: tensors(draw.whole(draw.size(), low=1, high=6)),
    slips={
        "the places are counted from 1; before the first letter there are none": edit(
            "return torch", "return 1 + torch"
        ),
        "the rows are numbered from the first name to the last; each name begins again at 0": edit(
            " - first.repeat_interleave(lengths)", ""
        ),
        "that says which name a row belongs to; the place inside the name is asked for": edit(
            "torch.arange(int(lengths.sum())) - first.", "torch.arange(len(lengths))."
        ),
        "that is how many letters come after; those before are asked for": edit(
            "torch.arange(int(lengths.sum())) - first.repeat_interleave(lengths)",
            "(first + lengths - 1).repeat_interleave(lengths) - torch.arange(int(lengths.sum()))",
        ),
        "the end tokens have rows, too; here there are only letters": edit(
            "    first", "    lengths = lengths + 1\n    first"
        ),
        "there is a row of padding before the first name; here there is none": (
            edit("return torch", "return F.pad(torch"),
            edit("interleave(lengths)", "interleave(lengths), (1, 0))"),
        ),
        "where a name ends was subtracted, not where it begins, so the places are negative": edit(
            "cumsum(0) - lengths", "cumsum(0)"
        ),
        "there is a row for each name, as long as the longest; the names should be end to end": edit(
            "torch.arange(int(lengths.sum())) - first.repeat_interleave(lengths)",
            "torch.arange(int(lengths.max())).repeat(len(lengths), 1)",
        ),
        "those are the places where the names begin; say of every row how far it is from there": edit(
            "torch.arange(int(lengths.sum())) - first", "first"
        ),
        "the length of the name before was subtracted, not that of all names before": edit(
            "lengths.cumsum(0) - lengths", "F.pad(lengths, (1, 0))[:-1]"
        ),
        "those are the numbers in a list; a tensor of int64 is asked for": (
            edit("return torch", "return (torch"),
            edit("interleave(lengths)", "interleave(lengths)).tolist()"),
        ),
        "the numbers are floating-point; places are whole numbers, int64": edit(
            "int(lengths", "float(lengths"
        ),
    },
    properties=(_cut_into_names,),
)


def _wide_enough(args: Sequence[Any], parts: Parts) -> str:
    length, stack = args
    yours: Any = parts[RESULT]
    repeats, rest = divmod(len(yours), len(stack))
    if rest or list(yours) != list(stack) * repeats:
        return f"that is not {list(stack)} once or several times over"
    field = 1 + sum(yours)
    if field < length:
        return f"the receptive field is {field}, and {length} characters are to be seen"
    if 1 + sum(yours) - sum(stack) >= length:
        return f"one stack fewer would see {1 + sum(yours) - sum(stack)} characters, which are enough"
    return ""


_STACKS = Exercise(
    label="dilated-ex-stacks",
    reference=dilations_for,
    task="""
    WaveNet repeats its dilations, stack after stack. Write `dilations_for(length, stack)`: the dilations of
    as few whole stacks as see `length` characters, 2 or more, with kernel 2, as a list; for 12 characters and
    `[1, 2, 4]` it is `[1, 2, 4, 1, 2, 4]`. How many stacks of 1, 2, 4 see the longest name of the list and
    the full stop before it? Train such a network, if you have the time.
    """,
    hints=(
        "What does one stack add to the receptive field, and what is it without any layer?",
        "The character where the output stands is seen anyway. The others have to be covered by the sums of the "
        "stacks.",
        "Divide, and round up to a whole number of stacks. A list times a whole number is the list repeated.",
    ),
    inputs=(
        call(8, [1, 2, 4]),
        call(12, [1, 2, 4]),
        call(10, [1, 2, 4]),
        call(16, [1, 2, 4]),
        call(15, [1, 2, 4]),
        call(2, [1, 2]),
        call(40, [1, 2, 4, 8]),
        call(7, [2, 1]),
    ),
    more=lambda draw: call(draw.size(5, 60), draw.whole(draw.size(2, 4), low=1, high=6)),
    slips={
        "where one character more is to be seen than the dilations sum to there is a stack too many; the "
        "position where the output stands is seen, too: 1, 2 and 4 see 8 "
        "characters, not 7": edit("(length - 1)", "length"),
        "the number of stacks was rounded down, so the field is too small where the quotient is no whole "
        "number": edit("math.ceil((length - 1) / sum(stack))", "max(1, (length - 1) // sum(stack))"),
        "the number of stacks was rounded to the nearest, so the field may be too small": edit(
            "math.ceil((length - 1) / sum(stack))", "max(1, round((length - 1) / sum(stack)))"
        ),
        "each stack was taken to add its whole field; the positions where they meet are the same, so two "
        "stacks that see 8 see 15": edit("(length - 1) / sum(stack)", "length / (sum(stack) + 1)"),
        "it stops within a stack, as soon as the field is large enough; stacks are whole": edit(
            "return list(stack) * repeats",
            "found = list(stack) * repeats\n"
            "    while sum(found[:-1]) >= length - 1:\n"
            "        found.pop()\n"
            "    return found",
        ),
        "the dilations went on doubling; the stack is repeated": edit(
            "return list(stack) * repeats",
            "found = list(stack)\n"
            "    while sum(found) < length - 1:\n"
            "        found.append(2 * found[-1])\n"
            "    return found",
        ),
        "each layer is repeated before the next; the whole stack is done, and then the whole "
        "stack again": edit("list(stack) * repeats", "sorted(list(stack) * repeats)"),
        "that is one list for each stack; put all dilations into one": edit(
            "list(stack) * repeats", "[list(stack)] * repeats"
        ),
        "that is how many stacks there are; the dilations themselves are asked for": edit(
            "list(stack) * repeats", "repeats"
        ),
        "that is one stack, however many characters are to be seen": edit(" * repeats", ""),
    },
    properties=(_wide_enough,),
    tolerance=1e-12,
)


def _within_one(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    largest = yours.abs().max().item()
    if not largest < 1:
        return f"tanh lies between -1 and 1, and a gate between 0 and 1; their product is never {largest:.4g}"
    return ""


_GATED = Exercise(
    label="dilated-ex-gate",
    reference=gated,
    task=r"""
    Write `gated(left, now, weight, bias)` after WaveNet's gated unit {eq}`eq-gate`, for `left` and `now` of
    shape $(\dots, C)$, the features at the position that is the dilation to the left and at the position
    itself, and a weight of shape $(2C, 2C')$ whose first $C'$ columns make the filter, through tanh, and the
    others the gate, through the logistic function; the bias has shape $(2C',)$. The weight meets `left` and
    `now` side by side in this order, and the product of filter and gate is returned, of shape $(\dots, C')$.
    What comes out for a gate with a bias of $-10$, and with one of $10$?
    """,
    hints=(
        "There is one matrix product. What is the last axis of the two inputs side by side, and what is it "
        "after the product?",
        "chunk cuts a tensor into parts along an axis. The positions may have one axis or several, so count the "
        "axis of the features from the end.",
        "One half says what could be passed on, from -1 to 1, and the other how much of it is, from 0 to 1.",
    ),
    inputs=(tensors([[1.0]], [[2.0]], [[1.0, -0.5], [0.25, 0.75]], [0.0, 0.5]),),
    more=shaped("B C, B C, 2C 2D, 2D", "B T C, B T C, 2C 2D, 2D"),
    slips={
        "the halves are exchanged: the first goes through tanh, the last is the gate": edit(
            "filtered, gate", "gate, filtered"
        ),
        "both halves go through the logistic function; the first goes through tanh": edit(
            "torch.tanh", "torch.sigmoid"
        ),
        "both halves go through tanh; the last goes through the logistic function": edit(
            "torch.sigmoid", "torch.tanh"
        ),
        "the two are added; a gate multiplies": edit("(filtered) *", "(filtered) +"),
        "there is no tanh: that is the gated linear unit": edit("torch.tanh(filtered)", "filtered"),
        "there is no gate: the last half is not used": edit(" * torch.sigmoid(gate)", ""),
        "tanh and gate stand side by side; multiply them": edit(
            "torch.tanh(filtered) * torch.sigmoid(gate)",
            "torch.cat([torch.tanh(filtered), torch.sigmoid(gate)], dim=-1)",
        ),
        "tanh was taken of the product; the first half goes through it alone": edit(
            "(filtered) * torch.sigmoid(gate)", "(filtered * torch.sigmoid(gate))"
        ),
        "now stands before left; the order is left, then now": edit("[left, now]", "[now, left]"),
        "left makes the first half alone, and now the last; both make both": edit(
            "both = torch.cat([left, now], dim=-1) @ weight",
            "C, half = left.shape[-1], len(bias) // 2\n"
            "    both = torch.cat([left @ weight[:C, :half], now @ weight[C:, half:]], dim=-1)",
        ),
        "every second number goes through tanh; it should be the first half of them": edit(
            "both.chunk(2, dim=-1)", "both[..., ::2], both[..., 1::2]"
        ),
        "the bias is left out": edit(" + bias", ""),
    },
    properties=(_within_one,),
    tolerance=1e-5,
)


def _which_kept(args: Sequence[Any], parts: Parts) -> str:
    probs, p = args
    yours: Any = parts[RESULT]
    for i, row in enumerate(yours.detach().to(probs.dtype)):
        if not abs(row.sum().item() - 1) < 1e-5:
            return f"row {i} sums to {row.sum().item():.6g}; every row should sum to 1"
        kept = probs[i][row > 0]
        total = kept.sum().item()
        if total < p - 1e-6:
            return f"in row {i} what was kept sums to {total:.6g} in probs, which is below p"
        if total - kept.min().item() >= p - 1e-6:
            return f"in row {i} what was kept sums to {total:.6g} in probs; one character fewer would do"
    return ""


_NUCLEUS = Exercise(
    label="dilated-ex-nucleus",
    reference=top_p,
    task="""
    With `top_k` the same number of characters stays possible, whether the model is sure or not. Nucleus
    sampling {cite}`holtzman2020curious` keeps the fewest likeliest characters that together have at least the
    probability $p$, above 0 and at most 1; so the one with which the sum reaches $p$ is kept, too. Write
    `top_p(probs, p)`, which sets all others to zero and scales each row to the sum 1, in a new tensor, every
    character where it was. `probs` has shape $(B, V)$, and no two of a row are equally likely. How many
    characters stay, at the beginning of a name and later?
    """,
    hints=(
        "Sort each row, the likeliest first. A running sum says how much each character and all that are "
        "likelier have together.",
        "A character is dropped if those that are likelier reach p without it. What is their sum, given the "
        "running sum?",
        "sort also returns where each entry came from; scatter puts them back there. Finally divide each row by "
        "its sum.",
    ),
    inputs=(
        tensors([[0.5, 0.3125, 0.1875]], 0.75, dtype=torch.float64),
        tensors([[0.125, 0.5, 0.25, 0.0625, 0.03125, 0.03125]], 0.75, dtype=torch.float64),
        tensors([[0.375, 0.5, 0.125], [0.25, 0.0625, 0.6875]], 1.0, dtype=torch.float64),
        tensors([[0.375, 0.5, 0.125], [0.25, 0.0625, 0.6875]], 0.03125, dtype=torch.float64),
    ),
    more=lambda draw: tensors([draw.chances(5) for _ in "abc"], draw.number(0.1, 0.9, 3)),
    slips={
        "the character with which the sum passes p was left out, so less than p is left, or "
        "nothing at all": edit("before < p", "before + likeliest <= p"),
        "the character with which the sum passes p was left out, except where it is the likeliest": edit(
            "before < p", "(before + likeliest <= p) | (before == 0)"
        ),
        "the character with which the sum reaches p was left out; only those before it are there, or nothing "
        "at all": edit("before < p", "before + likeliest < p"),
        "where the sum is p already, one character more was kept; at least p is enough": edit(
            "before < p", "before <= p"
        ),
        "the rows were not scaled: they should sum to 1": edit(" / nucleus.sum(dim=1, keepdim=True)", ""),
        "what was dropped was shared out equally among those that stay; they should keep "
        "their proportions": edit(
            "return nucleus / nucleus.sum(dim=1, keepdim=True)",
            "left, among = 1 - nucleus.sum(dim=1, keepdim=True), nucleus > 0\n"
            "    return (nucleus + left / among.sum(dim=1, keepdim=True)) * among",
        ),
        "a softmax was taken of probabilities, in which what was dropped is likely again; divide each row by "
        "its sum": edit("nucleus / nucleus.sum(dim=1, keepdim=True)", "nucleus.softmax(dim=1)"),
        "each probability was compared with p; it is their sum that reaches p": edit(
            "before < p", "likeliest >= p"
        ),
        "what has less than p times the likeliest was dropped, which is called min-p; it is the sum that "
        "reaches p": edit("before < p", "likeliest >= p * likeliest[:, :1]"),
        "the least likely were kept: sort in descending order": edit("descending=True", "descending=False"),
        "the rows are still sorted; the characters should be where they were": edit(
            "torch.zeros_like(probs).scatter(1, order, kept)", "kept"
        ),
        "all rows keep the same characters; each has a nucleus of its own": (
            edit("probs.sort(", "probs.mean(dim=0).expand_as(probs).sort("),
            edit("likeliest * (", "probs.gather(1, order) * ("),
        ),
        "that share of the alphabet was kept, however likely it is; the probabilities are to sum to p": edit(
            "before < p", "torch.arange(probs.shape[1]) < math.ceil(p * probs.shape[1])"
        ),
        "the likeliest one alone was kept, whatever p is": edit("before < p", "before == 0"),
    },
    properties=(_which_kept,),
    tolerance=1e-6,
)

EXERCISES = [_FIELD, _CONV, _PLACES, _STACKS, _GATED, _NUCLEUS]
