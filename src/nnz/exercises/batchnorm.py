"""The exercises of the chapter on batch normalization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.exercises.checker.compare import is_tensor
from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled
from nnz.exercises.checker.observe import RESULT, Parts, in_a_tuple, in_words
from nnz.exercises.checker.properties import which_are_off
from nnz.exercises.checker.slips import Edit, How
from nnz.norms import LayerNorm

LOOKS = "who looks at whom"


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return x with each feature standardized over all axes but the last, then scaled and shifted."""
    axes = tuple(range(x.ndim - 1))  # (0,) or (0, 1)
    centered = x - x.mean(axes)
    var = centered.square().mean(axes)  # (C,)
    return centered / torch.sqrt(var + eps) * weight + bias


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
    """Return weight and bias of one layer that does what it and the batch norm after it do."""
    scale = gamma / torch.sqrt(var + eps)  # (C,), one for each column
    center = -mean if bias is None else bias - mean
    return weight * scale, center * scale + beta


def coupling(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a table of bools: does an output of example i change with an input of example j?"""
    derivatives: Tensor = torch.autograd.functional.jacobian(f, x)  # (B, C', B, C)
    return (derivatives != 0).any(dim=3).any(dim=1)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return x with each row standardized over the last axis, then scaled and shifted."""
    centered = x - x.mean(dim=-1, keepdim=True)
    var = centered.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return centered / torch.sqrt(var + eps) * weight + bias


def _shared_slips(other_variance: Edit) -> dict[str, How]:
    """Return what can go wrong in either norm once the axes are right."""
    return {
        "the variance divides by one less than there are numbers, as var() does unless it is told otherwise; "
        "here it divides by how many there are": other_variance,
        "eps is added to the standard deviation; it belongs to the variance, before the root is taken": edit(
            "torch.sqrt(var + eps)", "(torch.sqrt(var) + eps)"
        ),
        "eps is left out, so what does not vary at all is 0 divided by 0": edit("var + eps", "var"),
        "it is divided by the variance and eps; their root is missing": edit(
            "torch.sqrt(var + eps)", "(var + eps)"
        ),
        "weight and bias are left out; the standardized numbers are still to be scaled and shifted": edit(
            " * weight + bias", ""
        ),
        "the bias is left out; it is added at the end": edit(" + bias", ""),
        "the bias is added first and scaled with the rest; first comes the weight, then the bias": (
            edit("return ", "return weight * ("),
            edit(" * weight + bias", " + bias)"),
        ),
    }


# Means that keep their axis line up with any axes.
_KEPT = (
    edit("x.mean(axes)", "x.mean(axes, keepdim=True)"),
    edit("square().mean(axes)", "square().mean(axes, keepdim=True)"),
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


_BATCH = Exercise(
    label="batchnorm-ex-axes",
    reference=batch_norm,
    task="""
    Write `batch_norm(x, weight, bias, eps)`, batch norm in training mode without its running averages, for
    $x$ of shape $(B, C)$ and for $x$ of shape $(B, T, C)$, with the mean and the variance of each feature
    over all other axes. The variance is the mean of the squared distances from the mean, and eps is added to
    it before the root is taken; weight and bias are float of shape $(C,)$. The result has the shape of $x$,
    which stays as it is.
    """,
    hints=(
        "How many numbers go into the mean of one feature? In a batch of shape (B, C) there are B. And in one of "
        "shape (B, T, C)?",
        "The mean can be taken over several axes at once, given in a tuple. Which ones depends on how many axes x "
        "has.",
        "If those axes are gone, shape (C,) is left, which lines up with the last axis of x by itself. For the "
        "variance, see what torch divides by unless it is told otherwise.",
    ),
    inputs=(call(torch.tensor([[1.0, 2.0], [3.0, 7.0], [8.0, 3.0]]), torch.ones(2), torch.zeros(2), 1e-5),),
    more=shaped("B C, C, C, ~0.9", "B T C, C, C, ~0.9"),
    slips={
        "with three axes each position has a mean and a variance of its own, since they are taken over the "
        "first axis only, as in the lecture; the positions of one feature "
        "belong together": edit("tuple(range(x.ndim - 1))", "0"),
        "with three axes each example has a mean and a variance of its own; a feature has one of each for the "
        "whole batch": (edit("tuple(range(x.ndim - 1))", "-2"), *_KEPT),
        "with three axes the second is taken for the features, as in torch.nn.BatchNorm1d; "
        "here they are last": edit(
            "centered / torch.sqrt(var + eps) * weight + bias",
            "torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)",
        ),
        "each row is standardized over its features, which is layer norm; in batch norm each feature is, over "
        "everything else": (edit("tuple(range(x.ndim - 1))", "-1"), *_KEPT),
        "there is one mean and one variance for all numbers together; each feature has its own": edit(
            "x.ndim - 1", "x.ndim"
        ),
        **_shared_slips(edit("centered.square().mean(axes)", "x.var(axes)")),
    },
    properties=(_mean_is_bias,),
    tolerance=1e-5,
)


def _batches_case(*batches: list[list[float]], momentum: float) -> Input:
    return call([torch.tensor(rows) for rows in batches], momentum)


_RUNNING = Exercise(
    label="batchnorm-ex-running",
    reference=running_averages,
    task="""
    Write `running_averages(batches, momentum)`: the running mean and variance, a tuple of two float tensors
    of shape $(C,)$, that a batch norm has after it has seen these batches in order, from a mean of 0 and a
    variance of 1. A batch has shape $(B, C)$, with $B$ at least 2 and not the same in each. Mind which number
    momentum is the weight of, which is the new one, and which variance is stored, which is the one that
    divides by $B - 1$. After how many batches with a momentum of {given}`0.001` is half of the beginning
    forgotten?
    """,
    hints=(
        "Two tensors of shape (C,) are carried along, and each batch changes both. What are they at first?",
        "momentum is the share of what is new; with 0.1, nine tenths of the old stay.",
        "The batch's mean and variance are taken over its examples, that is, over the first axis. torch's var "
        "divides by B - 1 unless it is told otherwise.",
    ),
    inputs=(
        _batches_case([[1.0, 2.0], [3.0, 6.0]], momentum=0.5),
        _batches_case([[1.0, -1.0], [4.0, 0.0]], [[2.0, 3.0], [0.0, 1.0], [7.0, 2.0]], momentum=0.1),
    ),
    more=lambda draw: _batches_case(*(draw.table(B, 4) for B in draw.sizes(3)), momentum=draw.positive(0.9)),
    slips={
        "momentum is taken for the share of the old; it is that of the batch": edit(
            "    for x", "    momentum = 1 - momentum\n    for x"
        ),
        "the batch's variance divides by B, as it does when the batch is standardized; what is remembered "
        "divides by B - 1": edit("x.var(dim=0)", "x.var(dim=0, correction=0)"),
        "the standard deviation is remembered; it should be the variance": edit("x.var", "x.std"),
        "the running variance begins at 0; it begins at 1": edit("torch.ones(C)", "torch.zeros(C)"),
        "the averages begin with those of the first batch; they begin at 0 and 1": edit(
            "torch.zeros(C), torch.ones(C)", "batches[0].mean(dim=0), batches[0].var(dim=0)"
        ),
        "all batches count the same, and momentum and the start do not count; later batches "
        "count for more": edit(
            "for x in batches:", "for i, x in enumerate(batches, start=1):\n        momentum = 1 / i"
        ),
        "that is the mean and variance of all examples together; each batch has its own, "
        "which are averaged": edit(
            "return mean, var", "x = torch.cat(list(batches))\n    return x.mean(dim=0), x.var(dim=0)"
        ),
        "that is the last batch alone; a share of the old stays with each new batch": edit(
            "    for x", "    momentum = 1\n    for x"
        ),
        "the two are the wrong way round: the mean comes first": edit("return mean, var", "return var, mean"),
    },
    drive=in_a_tuple,
    properties=(which_are_off("the running mean", "the running variance", right=running_averages),),
    tolerance=1e-5,
)


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


_FOLD = Exercise(
    label="batchnorm-ex-fold",
    reference=fold_batchnorm,
    task=r"""
    This is an exercise of the lecture. In evaluation mode batch norm is a fixed multiplication and a fixed
    addition, so it can be made part of the linear layer before it. Write
    `fold_batchnorm(weight, bias, gamma, beta, mean, var, eps)`, which takes the weight $(n_\text{in}, C)$ and
    bias $(C,)$ of a linear layer, `None` if it has none, and the weight, the bias and the running averages of
    the batch norm after it, and returns the weight and bias of one linear layer that does the same in
    evaluation, as a tuple. Nothing is changed in place. Then fold the network of this chapter.
    """,
    hints=(
        "Write the two layers as one formula for a single output. What in it multiplies x, and what is there even "
        "if x is 0?",
        "Batch norm takes the mean off, divides by a root, multiplies by gamma and adds beta. Division and gamma "
        "are one factor, of shape (C,); a factor on a sum is a factor on each of its terms.",
        "An output has a column of the weight, so each column gets its own factor. The new bias is what the two "
        "layers make of x = 0: what becomes there of the old bias, which is 0 if there is none?",
    ),
    inputs=(
        spelled(
            "torch.tensor([[1.0, 2.0], [3.0, -1.0]]), *torch.tensor([[1.0, -2.0], [3.0, 2.0], "
            "[0.25, 1.0], [0.5, 1.5], [3.75, 0.0]]), 0.25"
        ),
    ),
    more=shaped("N C, C, C, C, C, +C, ~0.5", "N C, None, C, C, C, +C, ~0.5"),
    slips={
        "the rows of the weight are scaled, as fits torch's layout, (out, in); here an output "
        "has a column": edit("weight * scale", "weight * scale[:, None]"),
        "the weight is transposed, as torch keeps it; it should have the shape that it was given in": edit(
            "weight * scale", "(weight * scale).T"
        ),
        "the weight is as it was; batch norm's factor belongs to it too": edit(
            "weight * scale", "weight.clone()"
        ),
        "the bias of the linear layer is added as it is; batch norm scales it, like the rest "
        "of what comes in": edit("center * scale", "center + mean - mean * scale"),
        "neither bias nor mean is scaled, only the weight is": edit("center * scale", "center"),
        "the mean is not taken off; batch norm does that before it scales": edit(
            "-mean if bias is None else bias - mean", "0 if bias is None else bias"
        ),
        "the mean is taken off after scaling; batch norm takes it off before, so it is scaled too": (
            edit("-mean if bias is None else bias - mean", "0 if bias is None else bias"),
            edit("+ beta", "- mean + beta"),
        ),
        "the mean is added; it is taken off": (
            edit("-mean if", "mean if"),
            edit("bias - mean", "bias + mean"),
        ),
        "beta is scaled with the rest; it is added last, as it is": edit(
            "center * scale + beta", "(center + beta) * scale"
        ),
        "beta is left out": edit(" + beta", ""),
        "the bias of the linear layer is left out; in training batch norm takes it off again with the batch's "
        "mean, but in evaluation the mean that is "
        "taken off is fixed": edit("-mean if bias is None else bias - mean", "-mean"),
        "gamma is left out of the factor": edit("gamma / torch", "1 / torch"),
        "eps is left out, and a variance of 0 is divided by": edit("var + eps", "var"),
        "eps is added to the standard deviation; it belongs to the variance, before the root is taken": edit(
            "torch.sqrt(var + eps)", "(torch.sqrt(var) + eps)"
        ),
        "gamma is divided by the variance and eps; their root is missing": edit(
            "torch.sqrt(var + eps)", "(var + eps)"
        ),
        "the linear layer may have no bias; then None is no number to calculate with": edit(
            "-mean if bias is None else bias - mean", "bias - mean"
        ),
        "no bias came in and none goes out; but batch norm adds something of its own": edit(
            "center * scale + beta", "None if bias is None else center * scale + beta"
        ),
    },
    drive=in_a_tuple,
    properties=(_does_the_same,),
    tolerance=1e-5,
)


def _table(result: Any) -> str:
    """Put a table in words: 0 at 0; 1 at 0, 1."""
    if not is_tensor(result) or result.ndim != 2:
        return "not to be seen"
    rows = [", ".join(str(j) for j, looks in enumerate(row) if looks) or "nobody" for row in result.tolist()]
    return "; ".join(f"{i} at {seen}" for i, seen in enumerate(rows))


def _evidence(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    wrong = (yours != coupling(*args)).nonzero().tolist()
    if not wrong:
        return ""
    i, j = wrong[0]
    derivatives: Tensor = torch.autograd.functional.jacobian(*args)
    block = derivatives[i, :, j]  # (C', C)
    if yours[i, j]:
        return (
            f"entry [{i}, {j}] is True, but every derivative of an output of example {i} with respect to an input "
            f"of example {j} is 0"
        )
    c, d = block.nonzero()[0].tolist()
    return (
        f"entry [{i}, {j}] is False, but the derivative of output {c} of example {i} with respect to input {d} of "
        f"example {j} is {block[c, d].item():.4g}"
    )


def _drawn_coupling(draw: Draw) -> Input:
    rows = draw.whole(B := draw.size(), high=B - 1)
    return spelled(f"lambda x: torch.cat([x, x[{rows}] ** 2], 1), torch.tensor({draw.table(B, 2)})")


_COUPLING = Exercise(
    label="batchnorm-ex-coupling",
    reference=coupling,
    task=r"""
    Which examples of a batch look at one another? Write `coupling(f, x)` for a function from $(B, C)$ to
    $(B, C')$: a tensor of $B \times B$ truth values that says whether any output of example $i$ has, at $x$,
    a derivative other than 0 with respect to any input of example $j$.
    `torch.autograd.functional.jacobian(f, x)` has the shape $(B, C', B, C)$. Which of the layers of this
    chapter couple examples in evaluation mode?
    """,
    hints=(
        "Each of the B·C' outputs has a derivative with respect to each of the B·C inputs. Look for a function in "
        "torch.autograd.functional that gives them all.",
        "Those have shape (B, C', B, C): the outputs first, then the inputs. Which two axes are to go, and which "
        "two are to stay?",
        "Do not add derivatives up, since they may cancel: ask of each whether it is 0, and then whether any is "
        "not.",
    ),
    inputs=(
        spelled("torch.tanh, torch.tensor([[0.5, -1.0, 1.5], [2.0, 0.25, -0.5]])"),
        spelled("lambda x: torch.cumsum(x, 0), torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.5, 1.5]])"),
        spelled("lambda x: torch.cat([x, -x], 1), torch.tensor([[1.0], [2.0], [3.0]])"),
        spelled("lambda x: x.diff(dim=1), torch.tensor([[1.0, 2.0], [3.0, 5.0], [0.5, 1.5]])"),
        spelled("LayerNorm(3), torch.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])", LayerNorm=LayerNorm),
    ),
    more=_drawn_coupling,
    slips={
        "the table is transposed: a row is for the example whose output changes, a column for the one whose "
        "input does": edit("any(dim=1)", "any(dim=1).T"),
        "the diagonal is left out; an example's outputs change with its own inputs too": edit(
            "any(dim=1)", "any(dim=1).fill_diagonal_(False)"
        ),
        "that says which outputs change with which inputs, over all examples; it should say "
        "which examples do": edit("any(dim=3).any(dim=1)", "any(dim=2).any(dim=0)"),
        "those are ones and zeros; the entries should be True or False": edit(
            "any(dim=1)", "any(dim=1).float()"
        ),
        "those are the largest derivatives; say of each pair only whether there is one other than 0": edit(
            "(derivatives != 0).any(dim=3).any(dim=1)", "derivatives.abs().amax(dim=(1, 3))"
        ),
        "that is all derivatives; two of the four axes, one of the outputs and one of the "
        "inputs, are to go": edit(".any(dim=3).any(dim=1)", ""),
        "the outputs of all examples are added up, and nobody can tell any more whose they were": edit(
            "(derivatives != 0).any(dim=3).any(dim=1)", "derivatives.sum(dim=(0, 1)) != 0"
        ),
        "the outputs of an example are added up before the derivatives are taken, and those may cancel": edit(
            "(derivatives != 0).any(dim=3).any(dim=1)", "(derivatives.sum(dim=1) != 0).any(dim=2)"
        ),
        "the derivatives by the inputs of an example are added up, and they may cancel": edit(
            "(derivatives != 0).any(dim=3)", "(derivatives.sum(dim=3) != 0)"
        ),
        "all derivatives of a pair of examples are added up, and they may cancel": edit(
            "(derivatives != 0).any(dim=3).any(dim=1)", "derivatives.sum(dim=(1, 3)) != 0"
        ),
        "only derivatives above 0 count; one below 0 is a change too": edit("!= 0", "> 0"),
        "a pair counts only if all its derivatives are other than 0; one is enough": edit(
            "any(dim=3).any(dim=1)", "all(dim=3).all(dim=1)"
        ),
    },
    drive=in_words(LOOKS, _table),
    properties=(_evidence,),
)


def _over(axes: str) -> tuple[Edit, ...]:
    """Return the edits that take mean and variance over these axes."""
    return tuple(edit(f"{what}.mean(dim=-1", f"{what}.mean(dim={axes}") for what in ("x", "square()"))


def _rows_are_centered(args: Sequence[Any], parts: Parts) -> str:
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
    task="""
    Layer norm standardizes each example by itself, over its features. Write
    `layer_norm(x, weight, bias, eps)`, for $x$ with any number of axes, of which the last one holds the $C$
    features; weight and bias are float of shape $(C,)$. The variance is the mean of the squared distances
    from the mean, and eps is added to it before the root is taken. The result has the shape of $x$, which
    stays as it is.
    """,
    hints=(
        "However many axes there are, one alone is averaged over, and it can be counted from the end.",
        "The means of x of shape (B, T, C) have shape (B, T), and do not line up with x. What shape would?",
        "Reductions in torch can keep the axis that they reduce, with a size of 1. And see what the variance "
        "divides by unless it is told otherwise.",
    ),
    inputs=(
        call(torch.tensor([1.0, 2.0, 6.0]), torch.ones(3), torch.zeros(3), 1e-5),
        spelled("torch.arange(6.0).view(2, 1, 3) ** 2 % 7, torch.arange(1.0, 4.0), torch.arange(3.0), 0.001"),
    ),
    more=shaped("C, C, C, ~0.9", "B C, C, C, ~0.9", "A B C, C, C, ~0.9"),
    slips={
        "mean and variance are taken over the first axis, the batch; they should be taken "
        "over the last": _over("0"),
        "each feature is standardized over everything else, which is batch norm; here each row is, over its "
        "features": _over("tuple(range(x.ndim - 1))"),
        "mean and variance are taken over all axes but the first, so the rows of an example share them; "
        "every row has its own": _over("tuple(range(1, x.ndim))"),
        "there is one mean and one variance for all numbers together; every row has its own": _over(
            "tuple(range(x.ndim))"
        ),
        "the means have lost their last axis, so they line up with the wrong one, or with none": (
            edit("x.mean(dim=-1, keepdim=True)", "x.mean(dim=-1)"),
            edit("centered.square().mean(dim=-1, keepdim=True)", "x.var(dim=-1, correction=0)"),
        ),
        "axes of size 1 are gone, those of x too; squeeze() takes all of them unless it is told which": (
            edit("return ", "return torch.squeeze("),
            edit("+ bias", "+ bias)"),
        ),
        **_shared_slips(edit("centered.square().mean(dim=-1, keepdim=True)", "x.var(dim=-1, keepdim=True)")),
    },
    properties=(_rows_are_centered,),
    tolerance=1e-5,
)

EXERCISES = [_BATCH, _RUNNING, _FOLD, _COUPLING, _LAYER]
