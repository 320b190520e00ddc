"""The exercises of the chapter on recurrent networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, tensors
from nnz.exercises.checker.observe import RESULT, Parts, in_a_tuple
from nnz.exercises.checker.properties import which_are_off


def rnn_step_backward(
    dh: Tensor,
    later: Tensor,
    h: Tensor,
    before: Tensor,
    x: Tensor,
    W: Tensor,
    U: Tensor,
) -> tuple[Tensor, ...]:
    """Return the gradients of x, of the state before, of W and of U at one step of a plain cell."""
    da = (dh + later) * (1 - h**2)  # (B, H), of the pre-activation
    return da @ W.T, da @ U.T, x.T @ da, before.T @ da


def gru_paper(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    """Return the next state of a GRU whose reset gate multiplies the state before its matrix."""
    inputs, gates = (x @ W + b).chunk(3, dim=1), (h @ U).chunk(3, dim=1)
    reset = torch.sigmoid(inputs[0] + gates[0])  # (B, H)
    update = torch.sigmoid(inputs[1] + gates[1])
    new = torch.tanh(inputs[2] + (reset * h) @ U.chunk(3, dim=1)[2])
    return update * h + (1 - update) * new


def lstm_step(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return output and memory of an LSTM cell after it has read x."""
    i, f, g, o = (x @ W + h @ U + b).chunk(4, dim=1)  # each (B, H)
    memory = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(memory), memory


def still_running(lengths: Tensor) -> list[int]:
    """Return for each step how many names still run, for names of these lengths that begin together."""
    steps = torch.arange(int(lengths.max()) + 1)
    running = lengths[:, None] >= steps  # (n, steps)
    return running.sum(dim=0).tolist()


def sums_since(x: Tensor, begins: Tensor) -> Tensor:
    """Return for each row the sum of the rows from the last one that begins a name up to itself."""
    total = x.cumsum(dim=0)  # (N, C)
    number = begins.cumsum(dim=0) - 1  # of the name that each row belongs to
    before = (total - x)[begins]  # what had been summed when each name began
    return total - before[number]


_STEP = Exercise(
    label="recurrent-ex-step",
    reference=rnn_step_backward,
    task=r"""
    A plain cell has computed $h = \tanh(xW + h_\text{before}\,U + b)$ for a batch. Write
    `rnn_step_backward(dh, later, h, before, x, W, U)`, which returns the gradients with respect to $x$, to
    $h_\text{before}$, to $W$ and to $U$ at this step, in this order, without autograd. `dh` is the gradient of
    $h$ that comes from this step's output, and `later` the one that comes from the next step; both have the
    shape of `h`, $(B, H)$. $x$ has the shape $(B, n)$. What is given stays as it was.
    """,
    hints=(
        "The state is used twice, by its output and by the next step. What does one do with the two gradients?",
        "The tanh comes next. Its derivative can be had from h itself, which is given.",
        "From there it is a linear layer with two inputs: a product with a transposed matrix for each input, "
        "and with a transposed input for each matrix. Look at the shapes.",
    ),
    inputs=(
        tensors([[1.0]], [[0.5]], [[0.5]], [[-0.5]], [[2.0]], [[3.0]], [[-2.0]]),
        tensors(
            [[0.5, -1.0], [0.25, 1.5]],
            [[0.0, 0.5], [-0.75, 0.125]],
            [[0.5, -0.25], [0.125, 0.75]],
            [[0.25, 0.5], [-0.5, 0.375]],
            [[1.0, -1.0, 2.0], [0.5, 0.25, -1.5]],
            [[0.5, 1.0], [-0.25, 0.75], [1.5, -0.5]],
            [[1.0, 0.5], [-0.75, 0.25]],
        ),
    ),
    more=shaped("B H, B H, B H, B H, B N, N H, H H"),
    slips={
        "what comes from the next step is left out; the state learns nothing for later": edit(
            "(dh + later)", "dh"
        ),
        "what comes from the output of this step is left out": edit("(dh + later)", "later"),
        "the derivative of tanh is 1 - h²; the square is missing": edit("h**2", "h"),
        "there is no derivative of tanh": edit(" * (1 - h**2)", ""),
        "the derivative of tanh was taken of dh alone; both gradients go through it": edit(
            "(dh + later) * (1 - h**2)", "dh * (1 - h**2) + later"
        ),
        "the derivative was taken at the state before; tanh gave h": edit("1 - h**2", "1 - before**2"),
        "U is not transposed on the way back to the state": edit("da @ U.T", "da @ U"),
        "the gradient of U is made of the new state; U met the state before": edit(
            "before.T @ da", "h.T @ da"
        ),
        "the gradients of W and U are transposed": edit("x.T @ da, before.T @ da", "da.T @ x, da.T @ before"),
        "the gradient of U is transposed; it has the rows of the state before": edit(
            "before.T @ da", "da.T @ before"
        ),
        "the gradients of W and U are means over the batch; they are sums": edit(
            "x.T @ da, before.T @ da", "x.T @ da / len(x), before.T @ da / len(x)"
        ),
    },
    drive=in_a_tuple,
    properties=(which_are_off("dx", "dbefore", "dW", "dU", right=rnn_step_backward),),
    tolerance=1e-5,
)


def _between(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    h = args[1]
    low, high = h.clamp(max=-1), h.clamp(min=1)
    if bool(((yours < low - 1e-6) | (yours > high + 1e-6)).any()):
        return "a new state lies between the old one and a number from -1 to 1; some of yours do not"
    return ""


_PAPER = Exercise(
    label="recurrent-ex-paper",
    reference=gru_paper,
    task=r"""
    In most descriptions of the gated recurrent unit the reset gate multiplies the state *before* the matrix:

    $$
    r &= \sigma(x W_r + b_r + h U_r) \\
    z &= \sigma(x W_z + b_z + h U_z) \\
    n &= \tanh(x W_n + b_n + (r \odot h)\, U_n) \\
    h' &= z \odot h + (1 - z) \odot n
    $$

    Write `gru_paper(x, h, W, U, b)`, with the parts for $r$, $z$ and $n$ side by side in $W$, $U$ and $b$, in
    this order. $x$ has shape $(B, n)$ and $h$, as what is returned, $(B, H)$; nothing is changed in place. For
    which $r$ is it the same as our cell?
    """,
    hints=(
        "The gates are as in our cell: one product with x, one with h, each cut into thirds.",
        "For the new state the product with h has to wait: it is r * h that meets the last third of U.",
        "Finally z is the share of the old state, and 1 - z that of the new one.",
    ),
    inputs=(
        tensors([[0.5]], [[-0.5]], [[1.0, -2.0, 0.5]], [[0.5, 1.0, -1.5]], [0.25, -0.5, 1.0]),
        tensors(
            [[0.5, -1.0], [0.25, 1.5], [-0.5, 0.75]],
            [[0.5, -0.25], [0.125, 0.75], [-0.75, 0.5]],
            [[0.5, 1.0, -0.5, 0.25, 0.75, -1.0], [-0.25, 0.5, 1.0, -0.75, 0.5, 0.25]],
            [[1.0, -0.5, 0.25, 0.5, -0.75, 1.0], [0.5, 0.25, -1.0, 0.75, 1.0, -0.25]],
            [0.25, -0.5, 0.5, 0.0, -0.25, 0.75],
        ),
    ),
    more=shaped("B N, B H, N 3H, H 3H, 3H"),
    slips={
        "the reset gate multiplies h U, as in our cell; here it multiplies h before the matrix": edit(
            "(reset * h) @ U.chunk(3, dim=1)[2]", "reset * gates[2]"
        ),
        "there is no reset gate in the new state": edit("(reset * h)", "h"),
        "the update gate is used the other way; z is the share of the old state": edit(
            "update * h + (1 - update) * new", "(1 - update) * h + update * new"
        ),
        "the first third is taken for the update gate and the second for the reset gate": (
            edit("inputs[0] + gates[0]", "inputs[1] + gates[1]"),
            edit("inputs[1] + gates[1])\n", "inputs[0] + gates[0])\n"),
        ),
        "the reset gate multiplies what comes from x as well; it multiplies the state alone": edit(
            "inputs[2] + (reset * h) @ U.chunk(3, dim=1)[2]",
            "reset * inputs[2] + (reset * h) @ U.chunk(3, dim=1)[2]",
        ),
        "the reset state is also what is kept; the old state is": edit(
            "update * h +", "update * (reset * h) +"
        ),
        "the old state is kept in full": edit("update * h +", "h +"),
        "the biases are left out": edit("x @ W + b", "x @ W"),
        "the new state has no tanh": edit("torch.tanh(inputs[2]", "(inputs[2]"),
    },
    properties=(_between,),
    tolerance=1e-5,
)

_LSTM = Exercise(
    label="recurrent-ex-lstm",
    reference=lstm_step,
    task=r"""
    The older of the gated cells, the **LSTM** {cite}`hochreiter1997long`, carries two rows: a memory $c$, which
    no matrix meets, and an output $h$. With the gates $i$, $f$ and $o$ for input, forgetting and output,

    $$
    (i, f, g, o) &= x W + h U + b \\
    c' &= \sigma(f) \odot c + \sigma(i) \odot \tanh(g) \\
    h' &= \sigma(o) \odot \tanh(c')
    $$

    in this order side by side, as torch has them. (The gate $f$ was added in 2000 {cite}`gers2000learning`.)
    Write `lstm_step(x, h, c, W, U, b)`, which returns $h'$ and $c'$. $x$ has shape $(B, n)$, $h$ and $c$ have
    $(B, H)$; nothing is changed in place. How many weights has the cell, for $n = H = 64$, beside the GRU's?
    """,
    hints=(
        "One sum of two products and a bias, cut into four parts of the same width.",
        "Three of the parts are gates and go through the logistic function; the third, g, goes through tanh.",
        "First the new memory, then the output, which is made of the new memory and not of the old one.",
    ),
    inputs=(
        tensors(
            [[0.5]],
            [[-0.5]],
            [[0.75]],
            [[1.0, -2.0, 0.5, 1.5]],
            [[0.5, 1.0, -1.5, 0.25]],
            [0.25, -0.5, 1.0, 0.5],
        ),
        tensors(
            [[0.5, -1.0, 2.0], [0.25, 1.5, -0.5]],
            [[0.5], [-0.25]],
            [[1.5], [-2.0]],
            [[0.5, 1.0, -0.5, 0.25], [0.75, -1.0, -0.25, 0.5], [1.0, -0.75, 0.5, 0.25]],
            [[1.0, -0.5, 0.25, 0.5]],
            [0.25, -0.5, 0.5, 0.0],
        ),
    ),
    more=shaped("B N, B H, B H, N 4H, H 4H, 4H"),
    slips={
        "input and forget gate are the other way around: the order is i, f, g, o": edit(
            "i, f, g, o =", "f, i, g, o ="
        ),
        "the last two parts are the other way around: the order is i, f, g, o": edit(
            "i, f, g, o =", "i, f, o, g ="
        ),
        "the output is made of the old memory; it is made of the new one": edit(
            "torch.tanh(memory)", "torch.tanh(c)"
        ),
        "the output is made of the memory without its tanh": edit("torch.tanh(memory)", "memory"),
        "the memory is returned first; the output comes first": lambda *a: lstm_step(*a)[::-1],
        "the old memory is kept in full; the forget gate says how much of it stays": edit(
            "torch.sigmoid(f) * c", "c"
        ),
        "the input gate is left out: what is new comes in as it is": edit("torch.sigmoid(i) * ", ""),
        "what is new has share 1 - f, as in a GRU; here it has a gate of its own": edit(
            "torch.sigmoid(i)", "(1 - torch.sigmoid(f))"
        ),
        "g is taken for a gate; it goes through tanh": edit("torch.tanh(g)", "torch.sigmoid(g)"),
        "the forget gate meets the output; it meets the memory": edit(" * c +", " * h +"),
        "the bias is left out": edit(" + b)", ")"),
    },
    drive=in_a_tuple,
    properties=(which_are_off("h", "c", right=lstm_step),),
    tolerance=1e-5,
)


def _first_and_last(args: Sequence[Any], parts: Parts) -> str:
    (lengths,) = args
    yours: Any = parts[RESULT]
    if yours and yours[0] != len(lengths):
        return (
            f"at the first step all {len(lengths)} names run, since all read the dot; yours says {yours[0]}"
        )
    if len(yours) != int(lengths.max()) + 1:
        return f"the longest name has {int(lengths.max())} letters, so {int(lengths.max()) + 1} steps"
    return ""


_RUNNING = Exercise(
    label="recurrent-ex-running",
    reference=still_running,
    task="""
    Names that begin together do not end together. Write `still_running(lengths)`, which returns a list: for
    each step, how many names still read a character. At the first step all read the dot; after it a name of
    three letters has three more. `lengths` is an int64 tensor of shape $(n,)$, in no order, each at least 1. No
    loop over names is needed. (In torch this list is the `batch_sizes` of a packed sequence.)
    """,
    hints=(
        "How many steps are there? The longest name decides, and the dot is one.",
        "At step t, counted from 0, a name runs if it has at least t letters.",
        "Compare a column of lengths with a row of steps, and count the true ones of each step.",
    ),
    inputs=(
        tensors([1]),
        tensors([3, 2, 3]),
        tensors([2, 5, 1, 2]),
        tensors([4, 4, 4]),
        tensors([6, 1, 3, 15, 7]),
    ),
    more=lambda draw: tensors(draw.whole(draw.size(), low=1, high=9)),
    slips={
        "a name of t letters runs at step t as well: the dot was the first that it read": edit(
            ">= steps", "> steps"
        ),
        "the last step is missing; the dot is one step more": edit(
            "int(lengths.max()) + 1", "int(lengths.max())"
        ),
        "that is how many names have ended; count those that run": edit(">= steps", "< steps"),
        "that is how many end at each step; count those that still run": edit(">= steps", "== steps"),
        "the count was taken over the steps of each name; take it over the names at each step": edit(
            "sum(dim=0)", "sum(dim=1)"
        ),
        "the list grows from step to step; names stop, and none begins later": edit(
            "running.sum(dim=0)", "running.sum(dim=0).flip(0)"
        ),
        "there are as many steps as names; there are as many as the longest name has characters": edit(
            "int(lengths.max()) + 1", "len(lengths)"
        ),
    },
    properties=(_first_and_last,),
    tolerance=1e-12,
)


def _name_by_name(args: Sequence[Any], parts: Parts) -> str:
    x, begins = args
    yours: Any = parts[RESULT]
    total = torch.zeros_like(x[0])
    for i in range(len(x)):
        total = x[i] if begins[i] else total + x[i]
        if not (yours[i].detach().to(x.dtype) - total).abs().max() < 1e-4:
            return f"row {i} is the first that is off: it should be {total.tolist()}"
    return ""


def _drawn_sums(draw: Draw) -> Input:
    n, C = draw.size(5, 8), draw.size(1, 3)
    return tensors(draw.table(n, C), [True, *draw.pick(n - 1, True, False, False)])


_SINCE = Exercise(
    label="recurrent-ex-since",
    reference=sums_since,
    task="""
    The simplest state is a sum: of all that was read since the name began. Names stand one after another in a
    single long text, and `begins`, a bool tensor of shape $(N,)$, says at which rows a name begins; the first
    row does. Write `sums_since(x, begins)`, which returns for each row of $x$, of shape $(N, C)$, the sum of the
    rows from the last beginning up to and with itself. A loop over rows would do it; find a way with `cumsum`
    and without a loop, since sums can be taken in any order. (For a tanh cell there is no such way.)
    """,
    hints=(
        "cumsum gives for each row the sum of all rows up to it. What is too much in it, at a row of the second "
        "name?",
        "Too much is what had been summed before the name began: cumsum there, without the row itself.",
        "To know for each row which name it belongs to, count the beginnings up to it: another cumsum.",
    ),
    inputs=(
        tensors([[1.0], [2.0], [4.0]], [True, False, False]),
        tensors([[1.0], [2.0], [4.0], [8.0], [16.0]], [True, False, True, False, False]),
        tensors([[1.0, -1.0], [2.0, 0.5], [4.0, 3.0], [0.5, 2.0]], [True, True, False, True]),
    ),
    more=_drawn_sums,
    slips={
        "the sum goes on from name to name; it begins anew where a name begins": edit(
            " - before[number]", ""
        ),
        "the row with which a name begins is left out of its sums": edit(
            "(total - x)[begins]", "total[begins]"
        ),
        "each row has the sum up to the one before it; it counts itself": edit(
            "total - before[number]", "total - x - before[number]"
        ),
        "all rows lose what had been summed before the last name; each loses what came before its own": edit(
            "before[number]", "before[-1]"
        ),
        "each row has the sum of its whole name; it has read only up to itself": lambda x, begins: (
            torch.zeros_like(x).index_add(0, begins.long().cumsum(0) - 1, x)[begins.long().cumsum(0) - 1]
        ),
        "the sums run over the features; they run over the rows": edit("x.cumsum(dim=0)", "x.cumsum(dim=1)"),
        "rows that begin a name are their own sum, and all others have the sum from the very first row": edit(
            "total - before[number]", "torch.where(begins[:, None], x, total)"
        ),
    },
    properties=(_name_by_name,),
    tolerance=1e-5,
)

EXERCISES = [_STEP, _PAPER, _LSTM, _RUNNING, _SINCE]
