"""The exercises of the chapter on batch normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.exercises.checker.compare import is_tensor
from nnz.exercises.checker.exercise import Exercise, Slip
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.layers import LayerNorm

LOOKS = "who looks at whom"


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return x with each feature standardised over all axes but the last, then scaled and shifted."""
    axes = tuple(range(x.ndim - 1))  # (0,) or (0, 1)
    centred = x - x.mean(axes)
    var = centred.square().mean(axes)  # (C,)
    return centred / torch.sqrt(var + eps) * weight + bias


def running_averages(
    batches: Sequence[Tensor],
    momentum: float,
) -> tuple[Tensor, Tensor]:
    """Return the running mean and variance of a batch norm that has seen the batches in order."""
    C = batches[0].shape[1]
    mean, var = torch.zeros(C), torch.ones(C)
    for x in batches:
        mean = (1 - momentum) * mean + momentum * x.mean(dim=0)
        var = (1 - momentum) * var + momentum * x.var(dim=0)  # with B - 1
    return mean, var


def fold_batchnorm(
    weight: Tensor,
    bias: Tensor | None,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of one layer that does what it and the batch norm behind it do."""
    scale = gamma / torch.sqrt(var + eps)  # (C,), one for each column
    centre = -mean if bias is None else bias - mean
    return weight * scale, centre * scale + beta


def coupling(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a table of bools: does an output of example i change with an input of example j?"""
    slopes: Tensor = torch.autograd.functional.jacobian(f, x)  # (B, C', B, C)
    return (slopes != 0).any(dim=3).any(dim=1)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return x with each row standardised over the last axis, then scaled and shifted."""
    centred = x - x.mean(dim=-1, keepdim=True)
    var = centred.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return centred / torch.sqrt(var + eps) * weight + bias


Axes = Callable[[Tensor], tuple[int, ...]]
Norm = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def _norm(
    axes: Axes,
    *,
    correction: int = 0,
    size: Callable[[Tensor, float], Tensor] = lambda var, eps: (var + eps).sqrt(),
    finish: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, weight, bias: z * weight + bias,
) -> Norm:
    """Return an answer that standardises over these axes, with one thing or another done differently."""

    def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        var, mean = torch.var_mean(x, dim=axes(x), correction=correction, keepdim=True)
        return finish((x - mean) / size(var, eps), weight, bias)

    return norm


def _all_but_last(x: Tensor) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _all_but_first(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _all(x: Tensor) -> tuple[int, ...]:
    return tuple(range(x.ndim))


def _first(x: Tensor) -> tuple[int, ...]:
    return (0,)


def _last(x: Tensor) -> tuple[int, ...]:
    return (x.ndim - 1,)


def _last_but_one(x: Tensor) -> tuple[int, ...]:
    return (x.ndim - 2,)


def _shared_slips(axes: Axes) -> tuple[Slip, ...]:
    """Return what can go wrong in either norm once the axes are right."""
    return (
        Slip(
            "the variance divides by one less than there are numbers, as var() does unless it is told otherwise; "
            "here it divides by how many there are",
            _norm(axes, correction=1),
        ),
        Slip(
            "eps is added to the standard deviation; it belongs to the variance, before the root is taken",
            _norm(axes, size=lambda var, eps: var.sqrt() + eps),
        ),
        Slip(
            "eps is left out, so what does not vary at all is 0 divided by 0",
            _norm(axes, size=lambda var, eps: var.sqrt()),
        ),
        Slip(
            "it is divided by the variance and eps; their root is missing",
            _norm(axes, size=lambda var, eps: var + eps),
        ),
        Slip(
            "weight and bias are left out; the standardised numbers are still to be scaled and shifted",
            _norm(axes, finish=lambda z, weight, bias: z),
        ),
        Slip(
            "the bias is left out; it is added at the end",
            _norm(axes, finish=lambda z, weight, bias: z * weight),
        ),
        Slip(
            "the bias is added first and scaled with the rest; first comes the weight, then the bias",
            _norm(axes, finish=lambda z, weight, bias: (z + bias) * weight),
        ),
    )


def _mean_is_bias(args: Sequence[Any], parts: Parts) -> str:
    x, _, bias, _ = args
    yours: Any = parts[RESULT]
    means = yours.double().mean(tuple(range(x.ndim - 1)))
    for c, (mean, b) in enumerate(zip(means.tolist(), bias.tolist(), strict=True)):
        if not abs(mean - b) < 1e-4:
            return (
                f"feature {c} of the result has mean {mean:.4g} over all axes but the last; it should be its "
                f"bias, {b:.4g}"
            )
    return ""


_STEPS = torch.arange(60.0).view(3, 4, 5)

_BATCH = Exercise(
    label="batchnorm-ex-axes",
    reference=batch_norm,
    task="Write batch_norm(x, weight, bias, eps): batch norm as in training, without the running averages. x is "
    "float of shape (B, C) or (B, T, C), the features last; weight and bias are float of shape (C,), and eps is "
    "a number above 0. Each feature has a mean and a variance, taken over all axes but the last; the variance "
    "is the mean of the squared distances from the mean. Return (x - mean) / sqrt(var + eps) * weight + bias, "
    "float, in the shape of x, which itself stays as it is.",
    hints=(
        "How many numbers go into the mean of one feature? In a batch of shape (B, C) there are B. And in one of "
        "shape (B, T, C)?",
        "The mean can be taken over several axes at once, given in a tuple. Which ones depends on how many axes x "
        "has.",
        "If those axes are gone, shape (C,) is left, which lines up with the last axis of x by itself. For the "
        "variance, see what torch divides by unless it is told otherwise.",
    ),
    inputs=(
        call(torch.tensor([[1.0, 2.0], [3.0, 7.0], [8.0, 3.0]]), torch.ones(2), torch.zeros(2), 1e-5),
        call(
            torch.tensor([[1.0, 5.0], [2.0, 5.0], [0.0, 5.0], [3.0, 5.0]]),
            torch.tensor([2.0, 0.5]),
            torch.tensor([0.25, -1.0]),
            0.5,
        ),
        call(
            torch.tensor([[[1.0, 0.0], [2.0, 3.0]], [[4.0, -1.0], [0.5, 1.0]]]),
            torch.tensor([1.5, -2.0]),
            torch.tensor([1.0, 0.5]),
            0.25,
        ),
        Input(
            (_STEPS**2 % 7, torch.arange(1.0, 6.0), torch.arange(5.0) / 4, 0.001),
            "batch_norm(torch.arange(60.0).view(3, 4, 5) ** 2 % 7, torch.arange(1.0, 6.0), "
            "torch.arange(5.0) / 4, 0.001)",
        ),
    ),
    slips=(
        Slip(
            "with three axes each position has a mean and a variance of its own, since they are taken over the "
            "first axis only, as in the lecture; the positions of one feature belong together",
            _norm(_first),
        ),
        Slip(
            "with three axes each example has a mean and a variance of its own; a feature has one of each for the "
            "whole batch",
            _norm(_last_but_one),
        ),
        Slip(
            "with three axes the second is taken for the features, as in torch.nn.BatchNorm1d; here they are last",
            lambda x, weight, bias, eps: F.batch_norm(x, None, None, weight, bias, training=True, eps=eps),
        ),
        Slip(
            "each row is standardised over its features, which is layer norm; in batch norm each feature is, over "
            "everything else",
            _norm(_last),
        ),
        Slip(
            "there is one mean and one variance for all numbers together; each feature has its own",
            _norm(_all),
        ),
        *_shared_slips(_all_but_last),
    ),
    properties=(_mean_is_bias,),
    tolerance=1e-5,
)


def _in_a_tuple(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; a tensor alone counts as a tuple of one, so that it is said how many there should be."""
    result = answer(*args)
    return {RESULT: (result,) if isinstance(result, Tensor) else result}


Averages = Callable[[Sequence[Tensor], float], tuple[Tensor, Tensor]]


def _averages(
    *,
    start: float | None = 1.0,
    var: Callable[[Tensor], Tensor] = lambda x: x.var(dim=0),
    old: Callable[[float], float] = lambda momentum: 1 - momentum,
) -> Averages:
    """Return an answer with another start (None: the first batch), variance, or share of the old."""

    def averages(batches: Sequence[Tensor], momentum: float) -> tuple[Tensor, Tensor]:
        first, share = batches[0], old(momentum)
        mean = torch.zeros(first.shape[1])
        square = torch.full_like(mean, start or 0)
        if start is None:
            mean, square = first.mean(dim=0), var(first)
        for x in batches:
            mean = share * mean + (1 - share) * x.mean(dim=0)
            square = share * square + (1 - share) * var(x)
        return mean, square

    return averages


def _pooled(batches: Sequence[Tensor], momentum: float) -> tuple[Tensor, Tensor]:
    together = torch.cat(list(batches))
    return together.mean(dim=0), together.var(dim=0)


def _equal_weights(batches: Sequence[Tensor], momentum: float) -> tuple[Tensor, Tensor]:
    means = torch.stack([x.mean(dim=0) for x in batches])
    variances = torch.stack([x.var(dim=0) for x in batches])
    return means.mean(dim=0), variances.mean(dim=0)


def _which_average_is_off(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    pairs = zip(yours, running_averages(*args), strict=True)
    mean, var = ((left - right).abs().max().item() for left, right in pairs)
    texts = [
        f"the running {name} is off by up to {gap:.4g}" if not gap < 1e-4 else f"the running {name} is right"
        for name, gap in (("mean", mean), ("variance", var))
    ]
    return "" if max(mean, var) < 1e-4 else "; ".join(texts)


def _batches_case(*batches: list[list[float]], momentum: float) -> Input:
    return call([torch.tensor(rows) for rows in batches], momentum)


_RUNNING = Exercise(
    label="batchnorm-ex-running",
    reference=running_averages,
    task="Write running_averages(batches, momentum), which returns what batch norm remembers of the batches that "
    "it has seen in training. batches is a list of at least one float tensor of shape (B, C), where B is at "
    "least 2 and may differ from batch to batch; momentum is a number from 0 to 1. For each feature the running "
    "mean begins at 0 and the running variance at 1. Then, batch by batch, each becomes 1 - momentum times what "
    "it was, plus momentum times the batch's own; the batch's variance is here the one that divides by B - 1. "
    "Return (running mean, running variance), a tuple of two float tensors of shape (C,).",
    hints=(
        "Two tensors of shape (C,) are carried along, and each batch changes both. What are they at first?",
        "momentum is the share of what is new; with 0.1, nine tenths of the old stay.",
        "The batch's mean and variance are taken over its examples, that is, over the first axis. torch's var "
        "divides by B - 1 unless it is told otherwise.",
    ),
    inputs=(
        _batches_case([[1.0, 2.0], [3.0, 6.0]], momentum=0.5),
        _batches_case([[1.0, -1.0], [4.0, 0.0]], [[2.0, 3.0], [0.0, 1.0], [7.0, 2.0]], momentum=0.1),
        _batches_case(
            [[0.5, 1.0, 2.0], [1.5, -3.0, 2.0]],
            [[2.0, 0.0, 1.0], [6.0, 5.0, 0.5], [1.0, 1.0, 4.0], [0.0, 2.0, 2.0]],
            [[3.0, 2.0, -1.0], [1.0, 0.0, 0.0], [2.5, 7.0, 1.0]],
            momentum=0.25,
        ),
    ),
    slips=(
        Slip(
            "momentum is taken for the share of the old; it is that of the batch",
            _averages(old=lambda momentum: momentum),
        ),
        Slip(
            "the batch's variance divides by B, as it does when the batch is standardised; what is remembered "
            "divides by B - 1",
            _averages(var=lambda x: x.var(dim=0, correction=0)),
        ),
        Slip(
            "the standard deviation is remembered; it should be the variance",
            _averages(var=lambda x: x.std(dim=0)),
        ),
        Slip("the running variance begins at 0; it begins at 1", _averages(start=0.0)),
        Slip(
            "the averages begin with those of the first batch; they begin at 0 and 1", _averages(start=None)
        ),
        Slip(
            "all batches count the same, and momentum and the start do not count; later batches count for more",
            _equal_weights,
        ),
        Slip(
            "that is the mean and variance of all examples together; each batch has its own, which are averaged",
            _pooled,
        ),
        Slip(
            "that is the last batch alone; a share of the old stays with each new batch",
            _averages(old=lambda momentum: 0.0),
        ),
        Slip(
            "the two are the wrong way round: the mean comes first",
            lambda batches, momentum: running_averages(batches, momentum)[::-1],
        ),
    ),
    drive=_in_a_tuple,
    properties=(_which_average_is_off,),
    tolerance=1e-5,
)


Fold = Callable[..., tuple[Tensor, Tensor]]


def _folded(
    *,
    size: Callable[[Tensor, float], Tensor] = lambda var, eps: (var + eps).sqrt(),
    scaled: Callable[[Tensor, Tensor], Tensor] = lambda weight, scale: weight * scale,
    shifted: Callable[[Any, Tensor, Tensor, Tensor], Tensor] = (
        lambda bias, scale, beta, mean: (bias - mean) * scale + beta
    ),
    with_gamma: bool = True,
) -> Fold:
    """Return an answer with one thing or another done differently."""

    def fold(
        weight: Tensor,
        bias: Tensor | None,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
    ) -> tuple[Tensor, Tensor]:
        scale = (gamma if with_gamma else 1) / size(var, eps)
        centre = torch.zeros_like(mean) if bias is None else bias
        return scaled(weight, scale), shifted(centre, scale, beta, mean)

    return fold


def _needs_a_bias(weight: Tensor, bias: Any, *batchnorm: Any) -> tuple[Tensor, Tensor]:
    return fold_batchnorm(weight, bias - 0, *batchnorm)


def _no_bias_out(weight: Tensor, bias: Tensor | None, *batchnorm: Any) -> tuple[Tensor, Tensor | None]:
    folded, shift = fold_batchnorm(weight, bias, *batchnorm)
    return folded, None if bias is None else shift


def _transposed(*args: Any) -> tuple[Tensor, Tensor]:
    weight, bias = fold_batchnorm(*args)
    return weight.T, bias


def _does_the_same(args: Sequence[Any], parts: Parts) -> str:
    """Send zeros, and then a 1 in each place, through the two layers and through the one."""
    weight, bias, gamma, beta, mean, var, eps = args
    yours: Any = parts[RESULT]
    x = torch.cat([torch.zeros(1, len(weight)), torch.eye(len(weight))])
    hidden = x @ weight + (0 if bias is None else bias)
    both = (hidden - mean) / torch.sqrt(var + eps) * gamma + beta
    folded, shift = (tensor.detach().to(x.dtype) for tensor in yours)
    off = (x @ folded + shift - both).abs()
    wrong = (~(off < 1e-4)).nonzero().tolist()
    if not wrong:
        return ""
    i, c = wrong[0]
    return f"with x = {x[i].tolist()}, output {c} is off by {off[i, c]:.4g}"


def _fold_case(
    weight: list[list[float]], bias: list[float] | None, *batchnorm: list[float], eps: float
) -> Input:
    gamma, beta, mean, var = (torch.tensor(row) for row in batchnorm)
    given = None if bias is None else torch.tensor(bias)
    shown = f"None, *torch.tensor({list(batchnorm)})"
    if bias is not None:
        shown = f"*torch.tensor({[bias, *batchnorm]})"
    return Input(
        (torch.tensor(weight), given, gamma, beta, mean, var, eps),
        f"fold_batchnorm(torch.tensor({weight}), {shown}, {eps})",
    )


_FOLD = Exercise(
    label="batchnorm-ex-fold",
    reference=fold_batchnorm,
    task="In evaluation mode batch norm is a fixed multiplication and a fixed addition, so it can be made part of "
    "the linear layer before it. Write fold_batchnorm(weight, bias, gamma, beta, mean, var, eps). weight is "
    "float of shape (n_in, C), for a product x @ weight; bias is float of shape (C,), or None if the layer has "
    "none. gamma, beta, mean and var are float of shape (C,): the weight, the bias and the running averages of "
    "the batch norm behind it; eps is its eps. Return a tuple (W, b), float of shapes (n_in, C) and (C,), such "
    "that x @ W + b is, for every x, what the two layers together make of it. Nothing is changed in place.",
    hints=(
        "Write the two layers as one formula for a single output. What in it multiplies x, and what is there even "
        "if x is 0?",
        "Batch norm takes the mean off, divides by a root, multiplies by gamma and adds beta. Division and gamma "
        "are one factor, of shape (C,); a factor on a sum is a factor on each of its terms.",
        "An output has a column of the weight, so each column gets its own factor. The new bias is what the two "
        "layers make of x = 0: what becomes there of the old bias, which is 0 if there is none?",
    ),
    inputs=(
        _fold_case(
            [[1.0, 2.0], [3.0, -1.0]], [1.0, -2.0], [3.0, 2.0], [0.25, 1.0], [0.5, 1.5], [3.75, 0.0], eps=0.25
        ),
        _fold_case(
            [[1.0, 0.5, -2.0], [0.0, 1.5, 1.0]],
            None,
            [1.0, -1.0, 3.0],
            [0.0, 0.5, -0.25],
            [1.0, 0.0, -0.5],
            [1.0, 2.0, 0.25],
            eps=0.5,
        ),
        _fold_case(
            [[0.5, 1.0], [2.0, 0.0], [-1.0, 0.25]],
            [0.5, 0.0],
            [0.5, 1.5],
            [-1.0, 0.75],
            [2.0, -1.0],
            [0.5, 4.0],
            eps=0.001,
        ),
    ),
    slips=(
        Slip(
            "the rows of the weight are scaled, as fits torch's layout, (out, in); here an output has a column",
            _folded(scaled=lambda weight, scale: weight * scale[:, None]),
        ),
        Slip(
            "the weight is transposed, as torch keeps it; it should have the shape that it was given in",
            _transposed,
        ),
        Slip(
            "the weight is as it was; batch norm's factor belongs to it too",
            _folded(scaled=lambda weight, scale: weight.clone()),
        ),
        Slip(
            "the bias of the linear layer is added as it is; batch norm scales it, like the rest of what comes in",
            _folded(shifted=lambda b, scale, beta, mean: b - mean * scale + beta),
        ),
        Slip(
            "neither bias nor mean is scaled, only the weight is",
            _folded(shifted=lambda b, scale, beta, mean: b - mean + beta),
        ),
        Slip(
            "the mean is not taken off; batch norm does that before it scales",
            _folded(shifted=lambda b, scale, beta, mean: b * scale + beta),
        ),
        Slip(
            "the mean is taken off after scaling; batch norm takes it off before, so it is scaled too",
            _folded(shifted=lambda b, scale, beta, mean: b * scale - mean + beta),
        ),
        Slip(
            "the mean is added; it is taken off",
            _folded(shifted=lambda b, scale, beta, mean: (b + mean) * scale + beta),
        ),
        Slip(
            "beta is scaled with the rest; it is added last, as it is",
            _folded(shifted=lambda b, scale, beta, mean: (b - mean + beta) * scale),
        ),
        Slip("beta is left out", _folded(shifted=lambda b, scale, beta, mean: (b - mean) * scale)),
        Slip(
            "the bias of the linear layer is left out; in training batch norm takes it off again with the batch's "
            "mean, but in evaluation the mean that is taken off is fixed",
            _folded(shifted=lambda b, scale, beta, mean: beta - mean * scale),
        ),
        Slip("gamma is left out of the factor", _folded(with_gamma=False)),
        Slip("eps is left out, and a variance of 0 is divided by", _folded(size=lambda var, eps: var.sqrt())),
        Slip(
            "eps is added to the standard deviation; it belongs to the variance, before the root is taken",
            _folded(size=lambda var, eps: var.sqrt() + eps),
        ),
        Slip(
            "gamma is divided by the variance and eps; their root is missing",
            _folded(size=lambda var, eps: var + eps),
        ),
        Slip("the linear layer may have no bias; then None is no number to calculate with", _needs_a_bias),
        Slip("no bias came in and none goes out; but batch norm adds something of its own", _no_bias_out),
    ),
    drive=_in_a_tuple,
    properties=(_does_the_same,),
    tolerance=1e-5,
)


Layer = Callable[[Tensor], Tensor]


def _slopes(f: Layer, x: Tensor) -> Tensor:
    slopes: Tensor = torch.autograd.functional.jacobian(f, x)
    return slopes


def _table(result: Any) -> str:
    """Put a table in words: 0 at 0; 1 at 0, 1."""
    if not is_tensor(result) or result.ndim != 2:
        return "not to be seen"
    rows = [", ".join(str(j) for j, looks in enumerate(row) if looks) or "nobody" for row in result.tolist()]
    return "; ".join(f"{i} at {seen}" for i, seen in enumerate(rows))


def _with_words(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; the words are what tells two tables apart."""
    result = answer(*args)
    return {RESULT: result, LOOKS: _table(result)}


def _evidence(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    if yours.dtype != torch.bool:
        dtype = str(yours.dtype).removeprefix("torch.")
        return f"the entries should be True or False, of dtype bool; yours have dtype {dtype}"
    wrong = (yours != coupling(*args)).nonzero().tolist()
    if not wrong:
        return ""
    i, j = wrong[0]
    block = _slopes(*args)[i, :, j]
    if yours[i, j]:
        return (
            f"entry [{i}, {j}] is True, but every derivative of an output of example {i} by an input of example "
            f"{j} is 0"
        )
    c, d = block.nonzero()[0].tolist()
    return (
        f"entry [{i}, {j}] is False, but the derivative of output {c} of example {i} by input {d} of example {j} "
        f"is {block[c, d].item():.4g}"
    )


def _outputs_summed(f: Layer, x: Tensor) -> Tensor:
    return (_slopes(f, x).sum(dim=1) != 0).any(dim=2)


def _inputs_summed(f: Layer, x: Tensor) -> Tensor:
    return (_slopes(f, x).sum(dim=3) != 0).any(dim=1)


def _coupling_case(f: Layer, text: str, x: list[list[float]]) -> Input:
    return Input((f, torch.tensor(x)), f"coupling({text}, torch.tensor({x}))")


_COUPLING = Exercise(
    label="batchnorm-ex-coupling",
    reference=coupling,
    task="Which examples of a batch look at one another? Write coupling(f, x). f takes float of shape (B, C), a "
    "batch of B examples, to float of shape (B, C'), as one layer or several do; x is float of shape (B, C). "
    "Return a tensor of bools of shape (B, B): entry [i, j] is True if at least one output of example i has, at "
    "x, a derivative other than 0 by at least one input of example j. Take the derivatives from torch.autograd. "
    "A layer that treats each example by itself has True on the diagonal at most; batch norm in training does "
    "not.",
    hints=(
        "Each of the B·C' outputs has a derivative by each of the B·C inputs. Look for a function in "
        "torch.autograd.functional that gives them all.",
        "Those have shape (B, C', B, C): the outputs first, then the inputs. Which two axes are to go, and which "
        "two are to stay?",
        "Do not add derivatives up, since they may cancel: ask of each whether it is 0, and then whether any is "
        "not.",
    ),
    inputs=(
        _coupling_case(torch.tanh, "torch.tanh", [[0.5, -1.0, 1.5], [2.0, 0.25, -0.5]]),
        _coupling_case(
            lambda x: torch.cumsum(x, 0), "lambda x: torch.cumsum(x, 0)", [[1.0, 2.0], [3.0, 4.0], [0.5, 1.5]]
        ),
        _coupling_case(
            lambda x: torch.cat([x, -x], 1), "lambda x: torch.cat([x, -x], 1)", [[1.0], [2.0], [3.0]]
        ),
        _coupling_case(
            lambda x: x.diff(dim=1), "lambda x: x.diff(dim=1)", [[1.0, 2.0], [3.0, 5.0], [0.5, 1.5]]
        ),
        _coupling_case(
            lambda x: x.roll(1, 0), "lambda x: x.roll(1, 0)", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        ),
        _coupling_case(
            lambda x: torch.softmax(x, 0),
            "lambda x: torch.softmax(x, 0)",
            [[0.5, 1.0], [1.5, 0.0], [-0.5, 2.0]],
        ),
        _coupling_case(
            lambda x: x - x.mean(0),
            "lambda x: x - x.mean(0)",
            [[1.0, 2.0], [3.0, 5.0], [0.5, 1.5], [2.0, 1.0]],
        ),
        _coupling_case(LayerNorm(3), "LayerNorm(3)", [[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]]),
        _coupling_case(
            lambda x: (x - x.mean(0)) / x.std(0),
            "lambda x: (x - x.mean(0)) / x.std(0)",
            [[1.0, 2.0], [3.0, -1.0], [0.5, 4.0], [2.5, 0.0]],
        ),
    ),
    slips=(
        Slip(
            "the table is transposed: a row is for the example whose output changes, a column for the one whose "
            "input does",
            lambda f, x: coupling(f, x).T,
        ),
        Slip(
            "the diagonal is left out; an example's outputs change with its own inputs too",
            lambda f, x: coupling(f, x) & ~torch.eye(len(x), dtype=torch.bool),
        ),
        Slip(
            "that says which outputs change with which inputs, over all examples; it should say which examples do",
            lambda f, x: (_slopes(f, x) != 0).any(dim=2).any(dim=0),
        ),
        Slip(
            "those are ones and zeros; the entries should be True or False",
            lambda f, x: coupling(f, x).float(),
        ),
        Slip(
            "those are the largest derivatives; say of each pair only whether there is one other than 0",
            lambda f, x: _slopes(f, x).abs().amax(dim=(1, 3)),
        ),
        Slip(
            "that is all derivatives; two of the four axes, one of the outputs and one of the inputs, are to go",
            lambda f, x: _slopes(f, x) != 0,
        ),
        Slip(
            "the outputs of all examples are added up, and nobody can tell any more whose they were",
            lambda f, x: _slopes(f, x).sum(dim=(0, 1)) != 0,
        ),
        Slip(
            "the outputs of an example are added up before the derivatives are taken, and those may cancel",
            _outputs_summed,
        ),
        Slip("the derivatives by the inputs of an example are added up, and they may cancel", _inputs_summed),
        Slip(
            "all derivatives of a pair of examples are added up, and they may cancel",
            lambda f, x: _slopes(f, x).sum(dim=(1, 3)) != 0,
        ),
        Slip(
            "only derivatives above 0 count; one below 0 is a change too",
            lambda f, x: (_slopes(f, x) > 0).any(dim=3).any(dim=1),
        ),
        Slip(
            "a pair counts only if all its derivatives are other than 0; one is enough",
            lambda f, x: (_slopes(f, x) != 0).all(dim=3).all(dim=1),
        ),
    ),
    drive=_with_words,
    properties=(_evidence,),
)


def _without_keepdim(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    mean, var = x.mean(dim=-1), x.var(dim=-1, correction=0)
    return (x - mean) / torch.sqrt(var + eps) * weight + bias


def _rows_are_centred(args: Sequence[Any], parts: Parts) -> str:
    _, weight, bias, _ = args
    yours: Any = parts[RESULT]
    means = ((yours - bias) / weight).mean(dim=-1)
    wrong = (~(means.abs() < 1e-4)).nonzero().tolist()
    if not wrong:
        return ""
    at = tuple(wrong[0])
    which = f"row {at[0] if len(at) == 1 else at}" if at else "the row"
    return (
        f"without weight and bias, {which} of the result has mean {means[at].item():.4g}; it should be 0 for "
        "every row"
    )


_LAYER = Exercise(
    label="batchnorm-ex-layer",
    reference=layer_norm,
    task="Layer norm standardises each example by itself, over its features. Write layer_norm(x, weight, bias, "
    "eps). x is float of shape (..., C): the last axis holds the features, and before it there may be any number "
    "of axes, or none; weight and bias are float of shape (C,), and eps is a number above 0. Every row of C "
    "numbers has its own mean and variance, the variance being the mean of the squared distances from the mean. "
    "Return (x - mean) / sqrt(var + eps) * weight + bias, float, in the shape of x, which itself stays as it is.",
    hints=(
        "However many axes there are, one alone is averaged over, and it can be counted from the end.",
        "The means of x of shape (B, T, C) have shape (B, T), and do not line up with x. What shape would?",
        "Reductions in torch can keep the axis that they reduce, with a size of 1. And see what the variance "
        "divides by unless it is told otherwise.",
    ),
    inputs=(
        call(torch.tensor([1.0, 2.0, 6.0]), torch.ones(3), torch.zeros(3), 1e-5),
        call(
            torch.tensor([[1.0, 2.0, 4.0], [0.0, 5.0, 3.0], [2.0, 2.0, 2.0]]),
            torch.tensor([1.0, 2.0, 0.5]),
            torch.tensor([0.25, -1.0, 0.0]),
            0.5,
        ),
        call(
            torch.tensor([[[1.0, 0.0, 2.0], [3.0, 5.0, -2.0]], [[4.0, -1.0, 0.0], [0.5, 1.0, 2.5]]]),
            torch.tensor([1.5, -2.0, 1.0]),
            torch.tensor([1.0, 0.5, 0.0]),
            0.25,
        ),
        Input(
            ((_STEPS**2 % 7).view(3, 4, 1, 5), torch.arange(1.0, 6.0), torch.arange(5.0) / 4, 0.001),
            "layer_norm(torch.arange(60.0).view(3, 4, 1, 5) ** 2 % 7, torch.arange(1.0, 6.0), "
            "torch.arange(5.0) / 4, 0.001)",
        ),
    ),
    slips=(
        Slip(
            "mean and variance are taken over the first axis, the batch; they should be taken over the last",
            _norm(_first),
        ),
        Slip(
            "each feature is standardised over everything else, which is batch norm; here each row is, over its "
            "features",
            _norm(_all_but_last),
        ),
        Slip(
            "mean and variance are taken over all axes but the first, so the rows of an example share them; "
            "every row has its own",
            _norm(_all_but_first),
        ),
        Slip(
            "there is one mean and one variance for all numbers together; every row has its own", _norm(_all)
        ),
        Slip(
            "the means have lost their last axis, so they line up with the wrong one, or with none",
            _without_keepdim,
        ),
        Slip(
            "axes of size 1 are gone, those of x too; squeeze() takes all of them unless it is told which",
            lambda x, weight, bias, eps: layer_norm(x, weight, bias, eps).squeeze(),
        ),
        *_shared_slips(_last),
    ),
    properties=(_rows_are_centred,),
    tolerance=1e-5,
)

EXERCISES = [_BATCH, _RUNNING, _FOLD, _COUPLING, _LAYER]
