"""The exercises of the chapter on the whole backward pass by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from nnz.backprop import EPS, Values, backward, first_params, forward
from nnz.exercises.backprop_lines import LINES, LineByLine, line_by_line, one_line
from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled, tensors
from nnz.exercises.checker.named import changed_in, name_by_name, told
from nnz.exercises.checker.observe import RESULT, Answer, Parts, Property, in_a_tuple
from nnz.exercises.checker.properties import which_are_off
from nnz.short_forms import batchnorm_backward, cross_entropy_backward


def all_gradients(values: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Values:
    """Return the gradient of the loss with respect to each of the 26 tensors in nnz.backprop.NAMES."""
    return backward(values, X, Y)  # line by line in the chapter


def dlogits(logits: Tensor, Y: Tensor) -> Tensor:
    """Return the gradient of the mean cross-entropy with respect to the logits."""
    grads = torch.softmax(logits, dim=1)  # (B, V)
    grads[range(len(Y)), Y] -= 1
    return grads / len(Y)


def dhprebn(
    dhpreact: Tensor,
    bnraw: Tensor,
    bnvar_inv: Tensor,
    bngain: Tensor,
) -> Tensor:
    """Return the gradient with respect to the input of a batch norm whose variance divides by n - 1."""
    n = len(dhpreact)
    pull = dhpreact.sum(0) + n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0)
    return bngain * bnvar_inv / n * (n * dhpreact - pull)


def hand_step(
    params: Mapping[str, Tensor],
    X: Tensor,
    Y: Tensor,
    rate: float,
) -> Values:
    """Return the parameters after one step of gradient descent, without autograd."""
    v = SimpleNamespace(**forward(params, X, Y))
    d = {"logits": cross_entropy_backward(v.logits, Y)}
    d["W2"], d["b2"] = v.h.T @ d["logits"], d["logits"].sum(0)
    dhpreact = d["logits"] @ v.W2.T * (1 - v.h**2)  # (B, n_hidden)
    dhprebn, d["bngain"], d["bnbias"] = batchnorm_backward(
        dhpreact,
        v.bnraw,
        v.bnvar_inv,
        v.bngain,
    )
    d["W1"], d["b1"] = v.embcat.T @ dhprebn, dhprebn.sum(0)
    demb = (dhprebn @ v.W1.T).view(-1, v.C.shape[1])  # (B·T, n_embd)
    d["C"] = torch.zeros_like(v.C).index_add(0, X.flatten(), demb)
    return {name: p - rate * d[name] for name, p in params.items()}


def layer_norm_backward(
    dout: Tensor,
    x: Tensor,
    weight: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients with respect to the input, the weight and the bias of a layer norm."""
    centered = x - x.mean(-1, keepdim=True)
    inv = (centered.square().mean(-1, keepdim=True) + eps) ** -0.5  # (..., 1)
    raw, draw = centered * inv, dout * weight
    pull = draw.mean(-1, keepdim=True) + raw * (draw * raw).mean(-1, keepdim=True)
    rows = tuple(range(x.ndim - 1))  # (0,) or (0, 1)
    return inv * (draw - pull), (dout * raw).sum(rows), dout.sum(rows)


def residual_backward(dout: Tensor, x: Tensor, W: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of x + relu(x @ W) with respect to x and W."""
    dz = dout * (x @ W > 0)  # (B, C), at the pre-activations
    return dout + dz @ W.T, x.T @ dz


def adam_by_hand(
    weight: Tensor,
    gradients: Sequence[Tensor],
    rate: float,
    betas: tuple[float, float],
    eps: float,
) -> Tensor:
    """Return the weight after one step of Adam for each of the gradients."""
    m, v = torch.zeros_like(weight), torch.zeros_like(weight)
    for t, g in enumerate(gradients, start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean, square = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        weight = weight - rate * mean / (square.sqrt() + eps)
    return weight


def _values_case(seed: int, B: int, dtype: torch.dtype) -> Input:
    """Return the values of a small network whose sizes all differ."""
    g = torch.Generator().manual_seed(seed)
    params = {name: p.to(dtype) for name, p in first_params(3, 2, 4, 8, generator=g).items()}
    X, Y = torch.randint(8, (B, 3), generator=g), torch.randint(8, (B,), generator=g)
    made = f"a small network drawn with the seed {seed}"
    given = f"*ex.all_gradients.given({seed - 1 or ''})" if seed < 10 else made
    text = f"all_gradients({given}), a batch of {B} in {dtype}"
    return Input((forward(params, X, Y), X, Y), text)


_EVERY = LineByLine(
    label="backprop-ex-lines",
    reference=all_gradients,
    task="""
    The first exercise of the lecture: all twenty-six gradients. `values, x, y = ex.all_gradients.given()`
    hands you a forward pass, `ex.all_gradients.compare("probs", dprobs)` judges one tensor of it, and says
    *exact*, *approximate*, or by how much it is wrong and perhaps why. When you have them all, write
    `all_gradients(values, X, Y)`, the whole backward pass, line by line and without autograd. `values` is the
    dict that `nnz.backprop.forward` returned, all 7 parameters and what was computed from them, down to the
    loss, which stay as they are; `X` is int64 of shape $(B, T)$ and `Y` int64 of shape $(B,)$. Return a dict
    that has for each of the names in `nnz.backprop.NAMES`, as they stand there, the gradient of the loss with
    respect to the tensor of that name, in its shape. `NAMES` is in the order in which the gradients can be
    worked out, the loss's neighbor first; a dict that is not complete is judged as far as it goes.
    """,
    hints=(
        "Take the forward pass from its end. For each line ask: what is on its right-hand side, and how does the "
        "left-hand side change with each of these? That times the gradient of the left-hand side is what the "
        "line sends back.",
        "Where a tensor stands on the right of two lines, what they send back adds up; there are such tensors in "
        "the softmax, in the norm and in the table of embeddings. Where a row was spread over many rows, the "
        "gradient is summed over them, and where many were summed into one, it is spread.",
        "The shapes decide much: a gradient has the shape of its tensor, so there is often only one way to "
        "multiply two matrices, and only one axis to sum over.",
    ),
    inputs=(
        _values_case(1, 5, torch.float32),
        _values_case(2, 7, torch.float64),
        _values_case(3, 32, torch.float32),
    ),
    more=lambda draw: _values_case(draw.seed(), draw.size(5, 9), torch.float64),
    slips={
        "the keys begin with a d; here each is the name of the tensor that the gradient belongs to": edit(
            "return backward(values, X, Y)",
            'return {f"d{name}": gradient for name, gradient in backward(values, X, Y).items()}',
        ),
        "a tensor of values is changed in place; the lines that come later may need it as it was": edit(
            "return backward(values, X, Y)",
            'right = backward(values, X, Y)\n    values["probs"].copy_(right["logits"])\n    return right',
        ),
        **{f"{name}: {slips[0][0]}": one_line(name, slips[0][1]) for name, slips in LINES.items()},
    },
    drive=line_by_line,
    properties=(name_by_name,),
    changes=("values",),  # the drive looks after it
)


def _balances(what: str, axis: int, why: str) -> Property:
    """Return a property that says which row or column does not sum to 0."""

    def says(args: Sequence[Any], parts: Parts) -> str:
        yours: Any = parts[RESULT]
        for i, total in enumerate(yours.sum(axis).tolist()):
            if not abs(total) < 1e-5:
                return f"{what} {i} sums to {total:.4g}, and should to 0: {why}"
        return ""

    return says


_DLOGITS = Exercise(
    label="backprop-ex-dlogits",
    reference=dlogits,
    task="""
    The second exercise of the lecture. Write `dlogits(logits, Y)`, the gradient of the mean cross-entropy
    over $B$ examples, in nats, with respect to the logits, float of shape $(B, V)$, in one go and without
    autograd. `Y`, int64 of shape $(B,)$, holds the targets. It should also be right for logits of a thousand;
    what is given stays as it is.
    """,
    hints=(
        "Work it out for one example: the loss is the logarithm of a sum of exponentials, less one logit. What "
        "are the derivatives of the two with respect to any one of the logits?",
        "Every logit is pushed down as hard as it is probable, and one is pulled up. In a row the forces add up "
        "to 0.",
        "What share does one example have in a mean? And torch has a softmax that knows what to do with 1000.",
    ),
    inputs=(
        call(torch.tensor([[0.5, -1.5, 2.0], [1.25, 0.75, -0.5]]), torch.tensor([2, 0])),
        call(torch.tensor([[0.25, -0.75, 1.5, 3.0]]), torch.tensor([1])),
        call(torch.tensor([[1000.0, 998.5, 3.0], [-1000.0, -999.0, -998.0]]), torch.tensor([1, 0])),
    ),
    more=shaped("B V, B<V"),
    slips={
        "that is the gradient of the sum over the examples; the loss is their mean": edit(" / len(Y)", ""),
        "all logits are pushed and none is pulled: the target plays no part": edit(
            "    grads[range(len(Y)), Y] -= 1\n", ""
        ),
        "the softmax goes down the columns; each row is a distribution of its own": edit("dim=1", "dim=0"),
        "the sign is wrong: the loss falls where the target's logit rises": edit(
            "grads / len", "-grads / len"
        ),
        "only the targets have a gradient; the other logits are pushed as well": edit(
            "grads / len", "grads * (grads < 0) / len"
        ),
        "the pull comes after the division by the batch size, and is too strong; it has its share like the "
        "rest": edit("-= 1", "-= len(Y)"),
        "the pull is at the targets of all examples in every row; each row has its own": edit(
            "[range(len(Y)), Y]", "[:, Y]"
        ),
        "it is divided by the number of all logits; the mean is one over examples": edit(
            "/ len(Y)", "/ logits.numel()"
        ),
        "logarithms of the probabilities stand where the probabilities belong": edit(
            "torch.softmax", "torch.log_softmax"
        ),
        "the logits themselves stand where their probabilities belong": edit(
            "torch.softmax(logits, dim=1)", "logits.clone()"
        ),
        "the exponential of 1000 is infinite, and all those of a row near -1000 are 0; a shift of the row "
        "first changes no probability": edit(
            "torch.softmax(logits, dim=1)", "logits.exp() / logits.exp().sum(1, keepdim=True)"
        ),
        "the largest logit of all is subtracted from every row, and a row far below it has exponentials "
        "of 0": edit(
            "torch.softmax(logits, dim=1)",
            "(logits - logits.max()).exp()\n    grads /= grads.sum(1, keepdim=True)",
        ),
        "the logits are shifted in place; whoever they belong to may need them as they were": edit(
            "grads = torch", "logits -= logits.max(1, keepdim=True).values\n    grads = torch"
        ),
    },
    properties=(_balances("row", 1, "what pushes the other logits down pulls one up"),),
    tolerance=1e-6,
)


def _norm_case(dhpreact: str, bngain: str, x: str) -> Input:
    norm = f"bnvar_inv = (x.var(0, keepdim=True) + {EPS}) ** -0.5 and bnraw = (x - x.mean(0)) * bnvar_inv"
    return spelled(f"{dhpreact}, bnraw, bnvar_inv, {bngain} where {x} and {norm}")


def _drawn_norm_case(seed: int, n: int, h: int) -> Input:
    """Return a larger case, in float64."""
    how = f"generator=torch.Generator().manual_seed({seed}), dtype=torch.float64"
    x = f"rows = torch.randn({2 * n + 1}, {h}, {how}) and x = rows[{n}:-1]"
    return _norm_case(f"rows[:{n}]", "rows[-1:]", x)


_DHPREBN = Exercise(
    label="backprop-ex-dhprebn",
    reference=dhprebn,
    task="""
    The third exercise of the lecture. Write `dhprebn(dhpreact, bnraw, bnvar_inv, bngain)`, the gradient with
    respect to what enters the batch norm, of shape $(n, h)$ with $n$ at least 3, on one piece of paper before
    you write it in code, without autograd. `dhpreact` is the gradient with respect to what leaves it, and
    `bnraw` is the standardized input, both of the same shape; `bnvar_inv` is one over the root of eps and the
    variance of each column, which divides by $n - 1$, and `bngain` its gain, both of shape $(1, h)$. What is
    given stays as it is.
    """,
    hints=(
        "An input is used three times: by itself, in the mean of its column, and in the variance. Each way gives "
        "a term.",
        "Put the lines of the chapter into one another. In the way through the variance the distances from the "
        "mean turn up twice; write them with bnraw and bnvar_inv, and most of the powers cancel.",
        "Three terms are left in brackets: n times the gradient that comes in, its sum over the batch, and bnraw "
        "times another sum over the batch. The last one has a factor that would be 1 if the variance divided by "
        "n.",
    ),
    inputs=(
        _norm_case(
            "torch.tensor([[0.5, -1.0, 0.25], [2.0, 0.75, -1.5], [-0.25, 1.25, 0.5]])",
            "torch.tensor([[1.5, 0.75, -2.0]])",
            "x = torch.tensor([[1.0, 2.5, -0.5], [3.0, 0.5, 1.25], [0.25, -1.5, 2.0]])",
        ),
        _drawn_norm_case(1, 7, 5),
        _drawn_norm_case(2, 32, 4),
    ),
    more=lambda draw: _drawn_norm_case(draw.seed(), *draw.sizes(2)),
    slips={
        "the variance is taken for one that divides by n; here it divides by n - 1, which leaves a factor in "
        "the term with bnraw": edit("n / (n - 1) * ", ""),
        "the correction for n - 1 is upside down": edit("n / (n - 1)", "(n - 1) / n"),
        "the way through the variance is left out": edit(
            " + n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0)", ""
        ),
        "the way through the mean is left out": edit("dhpreact.sum(0) + ", ""),
        "mean and variance are taken for constants; both change with each input": edit(" - pull", ""),
        "the sums go along the rows; they are over the batch": (
            edit("dhpreact.sum(0)", "dhpreact.sum(1, keepdim=True)"),
            edit("bnraw).sum(0)", "bnraw).sum(1, keepdim=True)"),
        ),
        "the sums go along the rows and line up with the columns, by chance or with an error; they are over "
        "the batch": (edit("dhpreact.sum(0)", "dhpreact.sum(1)"), edit("bnraw).sum(0)", "bnraw).sum(1)")),
        "the sums are over everything; each column has sums of its own": (
            edit("dhpreact.sum(0)", "dhpreact.sum()"),
            edit("bnraw).sum(0)", "bnraw).sum()"),
        ),
        "the gain is left out, so that is the gradient for a gain of 1": edit(
            "bngain * bnvar_inv", "bnvar_inv"
        ),
        "the division by the standard deviation, bnvar_inv, is left out": edit(
            "bngain * bnvar_inv", "bngain"
        ),
        "bnvar_inv is there twice": edit("bngain * bnvar_inv", "bngain * bnvar_inv**2"),
        "it is n times too large; one n stands in the brackets and one below": edit(
            "bnvar_inv / n", "bnvar_inv"
        ),
        "the whole is divided by n - 1; only the way through the variance has anything of that": edit(
            "bnvar_inv / n", "bnvar_inv / (n - 1)"
        ),
        "the way through the variance has the wrong sign": edit("+ n / (n - 1)", "- n / (n - 1)"),
        "the way through the mean has the wrong sign": edit("= dhpreact.sum(0)", "= -dhpreact.sum(0)"),
    },
    properties=(_balances("column", 0, "what is added to all examples alike, the norm removes"),),
)


_BACKWARDS = ("W2", "b2", "bngain", "bnbias", "W1", "b1", "C")


def _new_params(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer; the new parameters are compared by name, those nearest to the loss first."""
    new = hand_step(*args)
    before = {name: p.clone() for name, p in args[0].items()}
    result = answer(*args)
    changed = changed_in("params", before, args[0])
    return told(result, {name: new[name] for name in _BACKWARDS}, changed)


def _step_case(seed: int, B: int, rate: float, dtype: torch.dtype) -> Input:
    params = f"{{name: p.to({dtype}) for name, p in first_params(3, 2, 4, 8, generator=g).items()}}"
    drawn = f"X = torch.randint(8, ({B}, 3), generator=g) and Y = torch.randint(8, ({B},), generator=g)"
    where = f"g = torch.Generator().manual_seed({seed}) and params = {params} and {drawn}"
    return spelled(f"params, X, Y, {rate} where {where}", first_params=first_params)


_STEP = Exercise(
    label="backprop-ex-step",
    reference=hand_step,
    task="""
    The fourth exercise of the lecture, which trains the network with the above. Write
    `hand_step(params, X, Y, rate)`, which returns the 7 parameters of `nnz.backprop.first_params` after one
    step of gradient descent on the mean cross-entropy of the batch, by name and as new tensors, without
    autograd. `X` is int64 of shape $(B, T)$ and `Y` int64 of shape $(B,)$, with $B$ at least 2.
    `nnz.backprop.forward` may be used, and the two short forms, `cross_entropy_backward` and
    `batchnorm_backward`.
    """,
    hints=(
        "Between the two short forms there are a matrix product and a tanh; after the second one a matrix "
        "product, a view, and the rows of C.",
        "The 7 parameters are used in four places: W2 and b2 after tanh, bngain and bnbias in the norm, W1 and b1 "
        "before it, and C. batchnorm_backward returns three gradients, and two of them are those of parameters.",
        "A character may come several times in X; all of its uses count. For the step make new tensors: no -=.",
    ),
    inputs=(
        _step_case(4, 5, 2.5, torch.float32),
        _step_case(5, 2, 0.75, torch.float64),
        _step_case(6, 7, 1.5, torch.float64),
        _step_case(7, 32, 4.0, torch.float32),
    ),
    more=lambda draw: _step_case(draw.seed(), draw.size(4, 9), draw.positive(), torch.float64),
    slips={
        "the step goes along the gradient; the loss should fall, so it goes against it": edit(
            "p - rate", "p + rate"
        ),
        "the rate plays no part in the step": edit("rate * d[name]", "d[name]"),
        "where a character comes more than once, only its last use has moved its row of C; "
        "all uses count": edit(
            ".index_add(0, X.flatten(), demb)",
            '\n    for x, row in zip(X.flatten().tolist(), demb):\n        d["C"][x] = row',
        ),
        "the given parameters are changed in place; the new ones go into new tensors": edit(
            "p - rate * d[name]", "p.sub_(rate * d[name])"
        ),
        "those are the gradients; the new parameters are asked for": edit("p - rate * d[name]", "d[name]"),
        "those are the steps alone; add them to what the parameters were": edit("p - rate", "-rate"),
        "the gradients are those of the sum over the batch; the loss is a mean": edit(
            "cross_entropy_backward(v.logits, Y)", "len(Y) * cross_entropy_backward(v.logits, Y)"
        ),
        "the slope of tanh is left out on the way back from h": edit(" * (1 - v.h**2)", ""),
        "on the way through the norm its mean and variance are taken for constants": edit(
            '    d["W1"]', '    dhprebn = dhpreact * v.bngain * v.bnvar_inv\n    d["W1"]'
        ),
        "on the way through the norm the variance is taken for one that divides by n; in forward it divides "
        "by n - 1": edit("v.bngain,", "v.bngain,\n        correction=0,"),
        "the gain of the norm stays as it was; it is a parameter as well": edit(
            "rate * d[name]", '(name != "bngain") * rate * d[name]'
        ),
        "the table C stays as it was; it is a parameter as well": edit(
            "rate * d[name]", '(name != "C") * rate * d[name]'
        ),
        "b1 is left out; no step moves it, since the norm takes it off again, but it belongs to the "
        "parameters": edit("in params.items()", 'in params.items() if name != "b1"'),
        "those are the parameters as they were; no step was taken": edit("p - rate * d[name]", "p.clone()"),
    },
    drive=_new_params,
    properties=(name_by_name,),
    changes=("params",),  # the drive looks after it
)


_LAYER = Exercise(
    label="backprop-ex-layernorm",
    reference=layer_norm_backward,
    task=r"""
    Write `layer_norm_backward(dout, x, weight, eps)`, which returns the gradients with respect to the input,
    the weight and the bias of a layer norm, $y = \gamma\,(x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \beta$
    with mean and variance over the last axis ([](batchnorm-layernorm)), for an input with any number of axes,
    without autograd. `dout`, of the shape of `x`, is the gradient with respect to the output; the variance
    divides by the number of features; what is given stays as it is. What is different from batch norm's
    {eq}`eq-backprop-batchnorm`, apart from the axis?
    """,
    hints=(
        "Begin with the two easy ones: weight and bias are used in every row, so their gradients are sums over "
        "all rows, however many axes the rows fill.",
        "For dx take the short form for batch norm and ask of each of its sums: over what is it now? And of the "
        "factor that n - 1 left: what becomes of it here?",
        "In batch norm the gain was the same for all numbers of a sum, and could stand in front of it. Here each "
        "number of a row has a weight of its own.",
    ),
    inputs=(
        tensors(
            [[0.5, -1.0, 0.25], [2.0, 0.75, -1.5], [-0.25, 1.25, 0.5]],
            [[1.0, 2.5, -0.5], [3.0, 0.5, 1.25], [0.25, -1.5, 2.0]],
            [1.5, 0.75, -2.0],
            0.25,
        ),
    ),
    more=shaped("B C, B C, C, ~0.5", "B T C, B T C, C, ~0.5"),
    slips={
        "mean and variance are over the rows, as in batch norm; in layer norm each row has its own": tuple(
            edit(f"{what}.mean(-1,", f"{what}.mean(tuple(range(x.ndim - 1)),")
            for what in ("x", "square()", "draw", "raw)")
        ),
        "the variance divides by C - 1, as var does unless it is told otherwise; here it divides by C": edit(
            "centered.square().mean(-1, keepdim=True)", "x.var(-1, keepdim=True)"
        ),
        "the way through the variance has a factor for C - 1, as in the chapter's batch norm; here it divides "
        "by C": edit("+ raw", "+ x.shape[-1] / (x.shape[-1] - 1) * raw"),
        "with three axes the gradients of weight and bias are summed over the first alone; they are used in "
        "every row": edit("tuple(range(x.ndim - 1))", "0"),
        "the gradients of weight and bias are summed along the rows; they are used in every row, and have one "
        "number for each column": edit("tuple(range(x.ndim - 1))", "-1"),
        "dx is multiplied by the weight at the end, as by the gain in batch norm; here each number of a sum "
        "has a weight of its own": (edit("dout * weight", "dout"), edit("return inv", "return weight * inv")),
        "the weight plays no part in dx": edit("dout * weight", "dout"),
        "dx is multiplied by the weight twice": edit("return inv", "return weight * inv"),
        "in dx the way through the variance is left out": edit(
            " + raw * (draw * raw).mean(-1, keepdim=True)", ""
        ),
        "in dx the way through the mean is left out": edit("draw.mean(-1, keepdim=True) + ", ""),
        "in dx mean and variance are taken for constants; both change with each number of the row": edit(
            " - pull", ""
        ),
        "in dweight the input stands where the standardized input belongs": edit("dout * raw", "dout * x"),
        "in dweight the input is not divided by its standard deviation": edit(
            "dout * raw", "dout * centered"
        ),
        "eps is left out": edit(" + eps", ""),
        "eps is added to the root; it belongs to the variance, before the root is taken": edit(
            "(centered.square().mean(-1, keepdim=True) + eps) ** -0.5",
            "1 / (centered.square().mean(-1, keepdim=True).sqrt() + eps)",
        ),
        "dweight and dbias are means over the rows; the gradients of several uses add up": edit(
            "(dout * raw).sum(rows), dout.sum(rows)", "(dout * raw).mean(rows), dout.mean(rows)"
        ),
        "dweight and dbias are exchanged": edit(
            "(dout * raw).sum(rows), dout.sum(rows)", "dout.sum(rows), (dout * raw).sum(rows)"
        ),
        "only dx is returned; dweight and dbias are asked for too": edit(
            ", (dout * raw).sum(rows), dout.sum(rows)", ""
        ),
    },
    drive=in_a_tuple,
    properties=(which_are_off("dx", "dweight", "dbias", right=layer_norm_backward),),
    tolerance=1e-5,
)


_ROUND = Exercise(
    label="backprop-ex-residual",
    reference=residual_backward,
    task=r"""
    In deep networks a layer often only *adds* to what it read: $Y = X + \operatorname{relu}(XW)$
    {cite}`he2016residual`. Write `residual_backward(dout, x, W)`, which returns the gradients of the loss
    with respect to $X$, of shape $(B, C)$, and $W$, of shape $(C, C)$, without autograd; `dout` is the one
    with respect to $Y$. The slope of relu at exactly 0 is taken to be 0, as in torch; what is given stays as
    it is. What does the first term do to a gradient that has to go back through twenty such layers?
    """,
    hints=(
        "x is used twice. What does each use send back, and how do the two come together?",
        "Of relu it matters only whether its input was above 0: there the gradient passes as it is, and elsewhere "
        "not at all. What is its input here?",
        "The product is as in the chapter's other lines; but all three matrices may be square, so the shapes do "
        "not say whether something should be transposed. Follow one number of W through the product.",
    ),
    inputs=(
        tensors([[0.5, -1.0], [2.0, 0.75]], [[1.5, -0.5], [-2.0, 0.25]], [[0.75, -1.5], [0.5, 2.0]]),
        tensors([[1.5, -0.5]], [[2.0, 0.5]], [[0.5, -0.25], [-2.0, 1.5]]),
    ),
    more=shaped("B C, B C, C C"),
    slips={
        "the way around is left out of dx; x goes into the sum by itself as well": edit("dout + dz", "dz"),
        "the way through the layer is left out of dx": edit("dout + dz @ W.T", "dout.clone()"),
        "relu is taken for something that lets every gradient pass": edit(" * (x @ W > 0)", ""),
        "relu is asked about x; its input is another": edit("x @ W > 0", "x > 0"),
        "relu is asked about the output of the whole; its own input or output decides": edit(
            "x @ W > 0", "x + (x @ W).relu() > 0"
        ),
        "the gradient is multiplied by the output of relu; its slope is 1 or 0": edit(
            "(x @ W > 0)", "(x @ W).relu()"
        ),
        "relu lets the gradient pass where its input is below 0, and stops it above": edit("W > 0", "W < 0"),
        "where the input of relu is exactly 0 the gradient passes; the slope there is taken to be 0": edit(
            "W > 0", "W >= 0"
        ),
        "in dx the matrix is as in the forward pass; the way back goes through it in the "
        "other direction": edit("W.T", "W"),
        "dW is transposed": edit("x.T @ dz", "dz.T @ x"),
        "in dW relu is left out, and in dx it is there": edit("x.T @ dz", "x.T @ dout"),
        "relu is on the way around as well; it is only on the other one": edit("dout + dz", "dz + dz"),
        "dW is divided by the batch size; if the loss is a mean, dout has that share in it already": edit(
            "x.T @ dz", "x.T @ dz / len(x)"
        ),
        "the two are in the wrong order: dx comes first": edit(
            "dout + dz @ W.T, x.T @ dz", "x.T @ dz, dout + dz @ W.T"
        ),
        "only dx is returned; dW is asked for too": edit(", x.T @ dz", ""),
    },
    drive=in_a_tuple,
    properties=(which_are_off("dx", "dW", right=residual_backward),),
    tolerance=1e-5,
)


def _adam_case(weight: list[Any], gradients: list[Any], *rest: object) -> Input:
    given = f"torch.tensor({weight}, **how), list(torch.tensor({gradients}, **how))"
    return spelled(f"{given}, {', '.join(map(str, rest))} where how = dict(dtype=torch.float64)")


def _drawn_adam(draw: Draw) -> Input:
    steps, n = draw.sizes(2)
    betas = draw.positive(0.9), draw.positive(0.9)
    return _adam_case(draw.table(n), draw.table(steps, n), draw.positive(0.9), betas, draw.positive(0.5, 2))


_ADAM = Exercise(
    label="backprop-ex-adam",
    reference=adam_by_hand,
    task="""
    Write `adam_by_hand(weight, gradients, rate, betas, eps)`: the weight, a float64 tensor of any shape,
    after one step of Adam {cite}`kingma2015adam` for each gradient of the list, with running means that begin
    at zero and are corrected for it in every step. `betas` says how much of the mean of the gradient stays
    from step to step, and how much of that of its square; `eps` is added to the root of the corrected mean of
    the square. What is given stays as it is. Then train the network of this chapter with it and the gradients
    of `backward`.
    """,
    hints=(
        "Two tensors are carried from step to step; each keeps its beta of what it was and takes the rest from "
        "what is new.",
        "After one step the first mean holds only 1 - beta of the gradient, and what is missing shrinks with each "
        "step. By what do you have to divide in step t, if all gradients were the same and the mean should be "
        "that gradient?",
        "The corrected means are for the step alone. What is carried on are the means without the correction, "
        "and t counts from 1.",
    ),
    inputs=(
        _adam_case([0.5, -1.5], [[2.0, 0.25]], 0.5, (0.75, 0.5), 0.125),
        _adam_case([0.5, -1.5], [[2.0, 0.25], [-0.5, 0.75]], 0.25, (0.5, 0.75), 0.25),
        _adam_case([0.75], [[1e-3], [-2e-3], [1.5e-3], [5e-4], [-1e-3]], 0.03, (0.9, 0.999), 1e-6),
    ),
    more=_drawn_adam,
    slips={
        "the means are used as they are; they began at 0 and are too small at first": edit(
            "m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)", "m, v"
        ),
        "the correction counts steps from 0, and divides by 0 in the first": edit("start=1", "start=0"),
        "the correction is that of the first step in every step": (
            edit("betas[0] ** t", "betas[0]"),
            edit("betas[1] ** t", "betas[1]"),
        ),
        "the correction is that of the last step in every step": (
            edit("betas[0] ** t", "betas[0] ** len(gradients)"),
            edit("betas[1] ** t", "betas[1] ** len(gradients)"),
        ),
        "the correction is one step ahead; the first step has t = 1": edit("start=1", "start=2"),
        "the means are multiplied by their correction; they are too small and have to grow": (
            edit("m / (", "m * ("),
            edit("v / (", "v * ("),
        ),
        "eps is added under the root; it is added to the root": edit(
            "square.sqrt() + eps", "(square + eps).sqrt()"
        ),
        "eps is left out; where every gradient so far was 0, 0 is divided by 0": edit(" + eps", ""),
        "eps is added before the mean of the square is corrected, and grows with the correction": edit(
            "(square.sqrt() + eps)", "((v.sqrt() + eps) / (1 - betas[1] ** t) ** 0.5)"
        ),
        "the root is left out: it is divided by the mean of the square itself": edit(
            "square.sqrt()", "square"
        ),
        "that is momentum alone; nothing is divided by the size of the gradients": edit(
            " / (square.sqrt() + eps)", ""
        ),
        "the gradient of the step itself is used, without its running mean": edit("rate * mean", "rate * g"),
        "the steps go along the gradient; the loss should fall, so they go against it": edit(
            "weight - rate", "weight + rate"
        ),
        "the betas are exchanged; the first is that of the gradient's mean": edit(
            "    m, v = torch", "    betas = betas[::-1]\n    m, v = torch"
        ),
        "the square is that of the running mean; it is a mean of the squares": edit("g**2", "m**2"),
        "the mean of the gradient takes the whole of what is new; it takes what beta leaves": edit(
            "(1 - betas[0]) * g", "g"
        ),
        "both means begin at zero again in every step; they are carried on": (
            edit("betas[0] * m + ", ""),
            edit("betas[1] * v + ", ""),
        ),
        "only the last gradient is used; there is a step for each": edit("(gradients,", "(gradients[-1:],"),
        "only the first gradient is used; there is a step for each": edit("(gradients,", "(gradients[:1],"),
        "the given weight is changed in place; work on a new tensor": edit(
            "weight = weight - ", "weight -= "
        ),
    },
)


EXERCISES = [_EVERY, _DLOGITS, _DHPREBN, _STEP, _LAYER, _ROUND, _ADAM]
