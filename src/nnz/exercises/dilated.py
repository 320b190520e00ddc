"""The exercises of the chapter on dilated causal convolutions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.exercises.checker.exercise import Exercise, Slip
from nnz.exercises.checker.inputs import Input, call
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
    task="Write receptive_field(kernel, dilations), which returns on how many positions of the input an output "
    "depends after a stack of dilated causal convolutions, one on top of another. Each layer makes a position "
    "from kernel positions below it, a whole number of at least 1: itself, the one that is its dilation to the "
    "left, the one that is two dilations to the left, and so on. dilations is a list of at least one whole "
    "number of at least 1, of the lowest layer first. Count the leftmost position that it can depend on, itself, "
    "and all that lie between. Return a whole number.",
    hints=(
        "Begin with one layer of kernel 2. How far to the left does it look, and how many positions are that, "
        "with the one where it stands?",
        "A path from the output down to the input goes to the left in each layer, by one of several distances. "
        "What is the farthest in one layer, with kernel 3, say?",
        "Along the path the distances add up, and no layer can undo another's. At last count the position where "
        "the path began.",
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
    slips=(
        Slip(
            "every layer was taken to look one dilation to the left; with a larger kernel it is kernel - 1 of "
            "them",
            lambda kernel, dilations: 1 + sum(dilations),
        ),
        Slip(
            "the position where the output stands is not counted",
            lambda kernel, dilations: receptive_field(kernel, dilations) - 1,
        ),
        Slip(
            "the layers were multiplied; how far they look adds up",
            lambda kernel, dilations: kernel ** len(dilations),
        ),
        Slip(
            "the dilations were multiplied; how far the layers look adds up",
            lambda kernel, dilations: 1 + (kernel - 1) * math.prod(dilations),
        ),
        Slip(
            "each layer was taken to look kernel dilations to the left; one of its positions is where it stands",
            lambda kernel, dilations: 1 + kernel * sum(dilations),
        ),
        Slip(
            "that is what the last layer alone sees; the layers below look further from there",
            lambda kernel, dilations: 1 + (kernel - 1) * dilations[-1],
        ),
        Slip(
            "that is kernel times the largest dilation, which fits a stack of kernel 2 whose dilations double "
            "once; add up the layers",
            lambda kernel, dilations: kernel * max(dilations),
        ),
        Slip(
            "the dilations were not looked at: that is the field of layers without any",
            lambda kernel, dilations: 1 + (kernel - 1) * len(dilations),
        ),
        Slip(
            "each layer counts the position where it stands once more; it is the same for all",
            lambda kernel, dilations: sum(1 + (kernel - 1) * d for d in dilations),
        ),
    ),
    tolerance=1e-12,
)


Conv = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def _padded(
    sides: Callable[[int], tuple[int, int]],
    *,
    reach: Callable[[int, int], int] = lambda K, dilation: (K - 1) * dilation,
    dilated: bool = True,
    cut: Callable[[Tensor, int], Tensor] = lambda y, T: y,
) -> Conv:
    """Return an answer that pads otherwise, forgets the dilation, or cuts the result."""

    def conv(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        sized = F.pad(x, sides(reach(weight.shape[2], dilation)))
        y = F.conv1d(sized, weight, bias, dilation=dilation if dilated else 1)
        return cut(y, x.shape[2])

    return conv


def _with_edge(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    reach = (weight.shape[2] - 1) * dilation
    edged = torch.cat([x[:, :, :1].expand(-1, -1, reach), x], dim=2)
    return F.conv1d(edged, weight, bias, dilation=dilation)


def _around(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    reach = (weight.shape[2] - 1) * dilation
    places = torch.arange(-reach, x.shape[2]) % x.shape[2]
    return F.conv1d(x[:, :, places], weight, bias, dilation=dilation)


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


def _conv_case(x: list[list[list[float]]], weight: Any, bias: Any, d: int) -> Input:
    tensors = [torch.tensor(given) for given in (x, weight, bias)]
    shown = ", ".join(f"torch.tensor({given})" for given in (x, weight, bias))
    return Input((*tensors, d), f"causal_conv({shown}, {d})")


_WAVES = (torch.arange(48.0).view(2, 3, 8) ** 2) % 11 / 4
_KERNELS = (torch.arange(24.0).view(2, 3, 4) ** 2) % 7 / 2 - 1

_CONV = Exercise(
    label="dilated-ex-conv",
    reference=causal_conv,
    task="torch has convolutions that do not know which way time goes. Write causal_conv(x, weight, bias, "
    "dilation) with torch.nn.functional.conv1d. x is float of shape (B, C, T), time last; weight is float of "
    "shape (C', C, K) and bias of shape (C',), both as conv1d takes them; dilation is a whole number of at least "
    "1. Return float of shape (B, C', T): at each position t it is made of x at t, which meets the last of the K "
    "slices of weight, at t - dilation, which meets the one before, and so on. Where these lie left of position "
    "0, x is taken to be 0.",
    hints=(
        "conv1d without any padding gives fewer positions than it gets. How many fewer, with K slices that are "
        "dilation apart?",
        "Each position of the result is missing its past, not its future: on which side of x do the zeros "
        "belong?",
        "conv1d's own padding puts zeros on both sides. torch.nn.functional.pad takes how many there are on the "
        "left and on the right of the last axis.",
    ),
    inputs=(
        _conv_case([[[1.0, 2.0, 4.0]]], [[[10.0, 1.0]]], [0.0], 1),
        _conv_case([[[1.0, 2.0, 4.0, 3.0]]], [[[10.0, 1.0]]], [0.5], 2),
        _conv_case([[[1.0, -1.0, 2.0, 0.5, 3.0]]], [[[0.5, -1.0, 2.0]]], [0.25], 1),
        Input(
            (_WAVES, _KERNELS, torch.tensor([0.5, -1.0]), 2),
            "causal_conv((torch.arange(48.0).view(2, 3, 8) ** 2) % 11 / 4, (torch.arange(24.0).view(2, 3, 4) ** "
            "2) % 7 / 2 - 1, torch.tensor([0.5, -1.0]), 2)",
        ),
    ),
    slips=(
        Slip(
            "the zeros are shared out to both sides, so each position looks into its future; all belong on the "
            "left",
            _padded(lambda reach: (reach // 2, reach - reach // 2)),
        ),
        Slip(
            "the zeros are shared out to both sides, the larger part on the left; all belong there",
            _padded(lambda reach: (reach - reach // 2, reach // 2)),
        ),
        Slip(
            "the zeros are on the right, so a position is made of itself and what comes after it",
            _padded(lambda reach: (0, reach)),
        ),
        Slip(
            "there are zeros on both sides, all of them on each, and the result is longer than x",
            _padded(lambda reach: (reach, reach)),
        ),
        Slip("no zeros were put before x, and the result is shorter", _padded(lambda reach: (0, 0))),
        Slip(
            "there are K - 1 zeros; a dilated layer looks that many dilations back",
            _padded(lambda reach: (reach, 0), reach=lambda K, dilation: K - 1),
        ),
        Slip(
            "the layer is not dilated: it looks at neighbours, whatever dilation is",
            _padded(lambda reach: (reach, 0), reach=lambda K, dilation: K - 1, dilated=False),
        ),
        Slip(
            "the zeros are those of a dilated layer and conv1d was not told of the dilation",
            _padded(lambda reach: (reach, 0), dilated=False),
        ),
        Slip(
            "there are K * dilation zeros, one dilation too many: the last slice meets the position itself",
            _padded(lambda reach: (reach, 0), reach=lambda K, dilation: K * dilation),
        ),
        Slip(
            "each position is made of those before it alone, as if it must not see itself",
            _padded(
                lambda reach: (reach, 0),
                reach=lambda K, dilation: (K - 1) * dilation + 1,
                cut=lambda y, T: y[:, :, :T],
            ),
        ),
        Slip(
            "the slices of the weight are the wrong way round: the last one meets the position itself",
            lambda x, weight, bias, dilation: causal_conv(x, weight.flip(2), bias, dilation),
        ),
        Slip(
            "the bias is left out",
            lambda x, weight, bias, dilation: causal_conv(x, weight, torch.zeros_like(bias), dilation),
        ),
        Slip("left of position 0 there is the first column of x again; it should be 0", _with_edge),
        Slip("left of position 0 there is the end of x, which is the future; it should be 0", _around),
    ),
    properties=(_where_off,),
    tolerance=1e-5,
)


def _with_ends(lengths: Tensor) -> Tensor:
    return packed_places(lengths + 1)


def _table(lengths: Tensor) -> Tensor:
    longest = int(lengths.max())
    return torch.arange(longest).expand(len(lengths), -1).clone()


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
    task="Names are laid end to end, a row for each letter, without any padding. Write packed_places(lengths), "
    "which says of each row how many letters of the same name stand before it. lengths is int64 of shape (n,): "
    "how many letters each name has, at least one. Return int64 of shape (N,), N being the sum of lengths: for "
    "lengths [3, 2] it is [0, 1, 2, 0, 1]. Try to do without a loop over names.",
    hints=(
        "Number all rows from 0. What has to be taken off the numbers of the second name, and what off those of "
        "the third?",
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
    slips=(
        Slip(
            "the places are counted from 1; before the first letter there are none",
            lambda lengths: packed_places(lengths) + 1,
        ),
        Slip(
            "the rows are numbered through; each name begins again at 0",
            lambda lengths: torch.arange(int(lengths.sum())),
        ),
        Slip(
            "that says which name a row belongs to; the place inside the name is asked for",
            lambda lengths: torch.arange(len(lengths)).repeat_interleave(lengths),
        ),
        Slip(
            "that is how many letters come after; those before are asked for",
            lambda lengths: lengths.repeat_interleave(lengths) - 1 - packed_places(lengths),
        ),
        Slip("the end tokens have rows, too; here there are only letters", _with_ends),
        Slip(
            "there is a row of padding before the first name; here there is none",
            lambda lengths: F.pad(packed_places(lengths), (1, 0)),
        ),
        Slip(
            "where a name ends was taken off, not where it begins, so the places are negative",
            lambda lengths: torch.arange(int(lengths.sum())) - lengths.cumsum(0).repeat_interleave(lengths),
        ),
        Slip("there is a row for each name, as long as the longest; the names should be end to end", _table),
        Slip(
            "those are the places where the names begin; say of every row how far it is from there",
            lambda lengths: (lengths.cumsum(0) - lengths).repeat_interleave(lengths),
        ),
        Slip(
            "the length of the name before was taken off, not that of all names before",
            lambda lengths: (
                torch.arange(int(lengths.sum())) - F.pad(lengths, (1, 0))[:-1].repeat_interleave(lengths)
            ),
        ),
        Slip(
            "those are the numbers in a list; a tensor of int64 is asked for",
            lambda lengths: packed_places(lengths).tolist(),
        ),
        Slip(
            "the numbers are floating-point; places are whole numbers, int64",
            lambda lengths: packed_places(lengths).float(),
        ),
    ),
    properties=(_cut_into_names,),
)


Dilations = Callable[[int, Sequence[int]], object]


def _stacks(repeats: Callable[[int, int], float]) -> Dilations:
    """Return an answer with another number of stacks, from the length and the sum of one."""
    return lambda length, stack: list(stack) * max(1, math.ceil(repeats(length, sum(stack))))


def _cut_short(length: int, stack: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    for dilation in itertools.cycle(stack):
        if 1 + sum(chosen) >= length:
            break
        chosen.append(dilation)
    return chosen


def _doubling(length: int, stack: Sequence[int]) -> list[int]:
    chosen = [*stack]
    while 1 + sum(chosen) < length:
        chosen.append(2 * chosen[-1])
    return chosen


def _layer_by_layer(length: int, stack: Sequence[int]) -> list[int]:
    return sorted(dilations_for(length, stack))


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
    task="WaveNet repeats its dilations: 1, 2, 4 and so on up to some largest one, then the same again, and once "
    "more. Write dilations_for(length, stack): the dilations of a network that consists of whole stacks, as few "
    "as possible, and whose receptive field is at least length characters. length is a whole number of at least "
    "2, and stack a list of at least one whole number of at least 1, the dilations of one stack; each layer has "
    "kernel 2. Return a list of whole numbers, stack after stack: for 12 characters and [1, 2, 4] it is "
    "[1, 2, 4, 1, 2, 4].",
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
    slips=(
        Slip(
            "where one character more is to be seen than the dilations sum to there is a stack too many; the "
            "position where the output stands is seen, too: 1, 2 and 4 see 8 characters, not 7",
            _stacks(lambda length, total: length / total),
        ),
        Slip(
            "the number of stacks was rounded down, so the field is too small wherever it is no whole number",
            _stacks(lambda length, total: (length - 1) // total),
        ),
        Slip(
            "the number of stacks was rounded to the nearest, so the field may be too small",
            _stacks(lambda length, total: round((length - 1) / total)),
        ),
        Slip(
            "each stack was taken to add its whole field; the positions where they meet are the same, so two "
            "stacks that see 8 see 15",
            _stacks(lambda length, total: length / (total + 1)),
        ),
        Slip("it stops within a stack, as soon as the field is large enough; stacks are whole", _cut_short),
        Slip("the dilations went on doubling; the stack is repeated", _doubling),
        Slip(
            "each layer is repeated before the next; the whole stack is done, and then the whole stack again",
            _layer_by_layer,
        ),
        Slip(
            "that is one list for each stack; put all dilations into one",
            lambda length, stack: [
                list(stack) for _ in range(len(dilations_for(length, stack)) // len(stack))
            ],
        ),
        Slip(
            "that is how many stacks there are; the dilations themselves are asked for",
            lambda length, stack: len(dilations_for(length, stack)) // len(stack),
        ),
        Slip("that is one stack, however many characters are to be seen", lambda length, stack: [*stack]),
    ),
    properties=(_wide_enough,),
    tolerance=1e-12,
)


Unit = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _unit(
    act: Callable[[Tensor, Tensor], Tensor] = lambda a, b: torch.tanh(a) * torch.sigmoid(b),
    *,
    join: Callable[[Tensor, Tensor], Tensor] = lambda left, now: torch.cat([left, now], dim=-1),
    halves: Callable[[Tensor], Sequence[Tensor]] = lambda both: both.chunk(2, -1),
    with_bias: bool = True,
) -> Unit:
    """Return an answer with one thing or another done differently."""

    def unit(left: Tensor, now: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        both = join(left, now) @ weight
        a, b = halves(both + bias if with_bias else both)
        return act(a, b)

    return unit


def _half_of_each(left: Tensor, now: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    C = left.shape[-1]
    half = weight.shape[1] // 2
    filtered = left @ weight[:C, :half] + bias[:half]
    gate = now @ weight[C:, half:] + bias[half:]
    return torch.tanh(filtered) * torch.sigmoid(gate)


def _within_one(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    largest = yours.abs().max().item()
    if not largest < 1:
        return f"tanh lies between -1 and 1, and a gate between 0 and 1; their product is never {largest:.4g}"
    return ""


def _gate_case(left: Any, now: Any, weight: list[list[float]], bias: list[float]) -> Input:
    tensors = tuple(torch.tensor(given) for given in (left, now, weight, bias))
    shown = ", ".join(f"torch.tensor({given})" for given in (left, now, weight, bias))
    return Input(tensors, f"gated({shown})")


_STEPS = torch.arange(24.0).view(2, 4, 3)

_GATED = Exercise(
    label="dilated-ex-gate",
    reference=gated,
    task="Write gated(left, now, weight, bias), the gated activation unit of WaveNet. left and now are float of "
    "the same shape, (..., C): the features at the position that is the dilation to the left, and at the "
    "position itself. weight is float of shape (2C, 2C'), bias of shape (2C',). Multiply left and now, side by "
    "side in this order, by weight, and add bias. Of the 2C' numbers at each position the first C' go through "
    "tanh and the last C' through the logistic function, and the two are multiplied. Return float of shape (..., "
    "C').",
    hints=(
        "There is one matrix product. What is the last axis of the two inputs side by side, and what is it "
        "after the product?",
        "chunk cuts a tensor into parts along an axis. The positions may have one axis or several, so count the "
        "axis of the features from the end.",
        "One half says what could be passed on, from -1 to 1, and the other how much of it is, from 0 to 1.",
    ),
    inputs=(
        _gate_case([[1.0]], [[2.0]], [[1.0, -0.5], [0.25, 0.75]], [0.0, 0.5]),
        _gate_case(
            [[0.5, -1.0], [1.5, 0.0]],
            [[1.0, 0.25], [-0.5, 2.0]],
            [[0.5, -1.0, 0.25, 1.0], [1.0, 0.5, -0.5, 0.0], [-0.25, 0.75, 1.0, -1.5], [0.5, 0.25, 0.75, 0.5]],
            [0.5, -0.25, 0.0, 1.0],
        ),
        Input(
            (
                _STEPS**2 % 5 - 2,
                _STEPS**2 % 7 - 3,
                torch.arange(24.0).view(6, 4) % 5 / 4 - 0.5,
                torch.tensor([0.25, -0.5, 0.5, 1.0]),
            ),
            "gated(x**2 % 5 - 2, x**2 % 7 - 3, torch.arange(24.0).view(6, 4) % 5 / 4 - 0.5, "
            "torch.tensor([0.25, -0.5, 0.5, 1.0])) where x = torch.arange(24.0).view(2, 4, 3)",
        ),
    ),
    slips=(
        Slip(
            "the halves are exchanged: the first goes through tanh, the last is the gate",
            _unit(lambda a, b: torch.sigmoid(a) * torch.tanh(b)),
        ),
        Slip(
            "both halves go through the logistic function; the first goes through tanh",
            _unit(lambda a, b: torch.sigmoid(a) * torch.sigmoid(b)),
        ),
        Slip(
            "both halves go through tanh; the last goes through the logistic function",
            _unit(lambda a, b: torch.tanh(a) * torch.tanh(b)),
        ),
        Slip("the two are added; a gate multiplies", _unit(lambda a, b: torch.tanh(a) + torch.sigmoid(b))),
        Slip("there is no tanh: that is the gated linear unit", _unit(lambda a, b: a * torch.sigmoid(b))),
        Slip("there is no gate: the last half is not used", _unit(lambda a, b: torch.tanh(a))),
        Slip(
            "tanh and gate stand side by side; multiply them",
            _unit(lambda a, b: torch.cat([torch.tanh(a), torch.sigmoid(b)], -1)),
        ),
        Slip(
            "tanh was taken of the product; the first half goes through it alone",
            _unit(lambda a, b: torch.tanh(a * torch.sigmoid(b))),
        ),
        Slip(
            "now stands before left; it is the other way round",
            _unit(join=lambda left, now: torch.cat([now, left], dim=-1)),
        ),
        Slip("left makes the first half alone, and now the last; both make both", _half_of_each),
        Slip(
            "every second number goes through tanh; it should be the first half of them",
            _unit(halves=lambda both: (both[..., ::2], both[..., 1::2])),
        ),
        Slip("the bias is left out", _unit(with_bias=False)),
    ),
    properties=(_within_one,),
    tolerance=1e-5,
)


Nucleus = Callable[[Tensor, float], Tensor]


def _kept(
    keep: Callable[[Tensor, Tensor, float], Tensor],
    *,
    descending: bool = True,
    finish: Callable[[Tensor], Tensor] = lambda kept: kept / kept.sum(dim=1, keepdim=True),
) -> Nucleus:
    """Return an answer that keeps others: `keep` is given the sorted rows, their sums so far, and p."""

    def nucleus(probs: Tensor, p: float) -> Tensor:
        ordered, order = probs.sort(dim=1, descending=descending)
        kept = ordered * keep(ordered, ordered.cumsum(dim=1), p)
        return finish(torch.zeros_like(probs).scatter(1, order, kept))

    return nucleus


def _crossing(ordered: Tensor, sums: Tensor, p: float) -> Tensor:
    return sums - ordered < p


def _still_sorted(probs: Tensor, p: float) -> Tensor:
    ordered = probs.sort(dim=1, descending=True).values
    kept = ordered * _crossing(ordered, ordered.cumsum(dim=1), p)
    return kept / kept.sum(dim=1, keepdim=True)


def _same_for_all(probs: Tensor, p: float) -> Tensor:
    mean, order = probs.mean(dim=0).sort(descending=True)
    chosen = torch.zeros_like(mean).scatter(0, order, (mean.cumsum(0) - mean < p) * 1.0)
    kept = probs * chosen
    return kept / kept.sum(dim=1, keepdim=True)


def _as_scores(kept: Tensor) -> Tensor:
    return kept.softmax(dim=1)


def _shared(kept: Tensor) -> Tensor:
    left = 1 - kept.sum(dim=1, keepdim=True)
    among = kept > 0
    return (kept + left / among.sum(dim=1, keepdim=True)) * among


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


def _nucleus_case(rows: list[list[float]], p: float) -> Input:
    probs = torch.tensor(rows, dtype=torch.float64)
    text = f"top_p(torch.tensor({rows}, dtype=torch.float64), {p})"
    return Input((probs, p), text)


_NUCLEUS = Exercise(
    label="dilated-ex-nucleus",
    reference=top_p,
    task="Write top_p(probs, p), which prepares nucleus sampling. probs is float of shape (B, V), each row a "
    "distribution over V characters, in any order, no two of them equally likely; p is a number above 0 and at "
    "most 1. Of each row keep the likeliest characters, as few as have a probability of at least p together; so "
    "the one with which the sum reaches p is kept, too. Set the others to 0, and scale the row so that it sums "
    "to 1. Return float of shape (B, V), the characters where they were, in a new tensor.",
    hints=(
        "Sort each row, the likeliest first. A running sum says how much each character and all that are "
        "likelier have together.",
        "A character is dropped if those that are likelier reach p without it. What is their sum, given the "
        "running sum?",
        "sort also returns where each entry came from; scatter puts them back there. At last divide each row by "
        "what is left of it.",
    ),
    inputs=(
        _nucleus_case([[0.5, 0.3125, 0.1875]], 0.75),
        _nucleus_case([[0.125, 0.5, 0.25, 0.0625, 0.0625 / 2, 0.0625 / 2]], 0.75),
        _nucleus_case(
            [
                [0.0625, 0.5625, 0.25, 0.125],
                [0.28125, 0.1875, 0.21875, 0.3125],
                [0.9375, 0.03125, 0.015625, 0.015625],
            ],
            0.625,
        ),
        _nucleus_case([[0.375, 0.5, 0.125], [0.25, 0.0625, 0.6875]], 1.0),
        _nucleus_case([[0.375, 0.5, 0.125], [0.25, 0.0625, 0.6875]], 0.03125),
    ),
    slips=(
        Slip(
            "the character with which the sum passes p was left out, so less than p is left, or nothing at all",
            _kept(lambda ordered, sums, p: sums <= p),
        ),
        Slip(
            "the character with which the sum passes p was left out, except where it is the likeliest",
            _kept(lambda ordered, sums, p: (sums <= p) | (ordered == sums)),
        ),
        Slip(
            "the character with which the sum reaches p was left out; only those before it are there, or nothing "
            "at all",
            _kept(lambda ordered, sums, p: sums < p),
        ),
        Slip(
            "where the sum is p already, one character more was kept; at least p is enough",
            _kept(lambda ordered, sums, p: sums - ordered <= p),
        ),
        Slip("the rows were not scaled: they should sum to 1", _kept(_crossing, finish=lambda kept: kept)),
        Slip(
            "what was dropped was shared out equally among those that stay; they should keep their proportions",
            _kept(_crossing, finish=_shared),
        ),
        Slip(
            "a softmax was taken of probabilities, in which what was dropped is likely again; divide each row by "
            "its sum",
            _kept(_crossing, finish=_as_scores),
        ),
        Slip(
            "each probability was compared with p; it is their sum that reaches p",
            _kept(lambda ordered, sums, p: ordered >= p),
        ),
        Slip(
            "what has less than p times the likeliest was dropped, which is called min-p; it is the sum that "
            "reaches p",
            _kept(lambda ordered, sums, p: ordered >= p * ordered[:, :1]),
        ),
        Slip("the least likely were kept: sort in descending order", _kept(_crossing, descending=False)),
        Slip("the rows are still sorted; the characters should be where they were", _still_sorted),
        Slip("all rows keep the same characters; each has a nucleus of its own", _same_for_all),
        Slip(
            "that share of the alphabet was kept, however likely it is; the probabilities are to sum to p",
            _kept(lambda ordered, sums, p: torch.arange(ordered.shape[1]) < math.ceil(p * ordered.shape[1])),
        ),
        Slip(
            "the likeliest one alone was kept, whatever p is",
            _kept(lambda ordered, sums, p: ordered == ordered[:, :1]),
        ),
    ),
    properties=(_which_kept,),
    tolerance=1e-6,
)

EXERCISES = [_FIELD, _CONV, _PLACES, _STACKS, _GATED, _NUCLEUS]
