"""The exercises of the chapter on training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nnz.exercises.checker.drawn import Draw
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import RESULT, Answer, Parts


def warm_cosine(step: int, steps: int, highest: float, warmup: int) -> float:
    """Return a step's rate: up a straight line, then down half a cosine wave."""
    if step < warmup:
        return highest * (step + 1) / warmup
    share = (step - warmup) / (steps - warmup)  # from 0 to nearly 1
    return highest * (1 + math.cos(math.pi * share)) / 2


def adamw_step(
    p: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return p, m and v after step number t of AdamW, counted from 1."""
    m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2
    mean, square = m / (1 - 0.9**t), v / (1 - 0.99**t)  # as if not begun at 0
    direction = mean / (square.sqrt() + 1e-8)
    return p * (1 - rate * decay) - rate * direction, m, v


def rate_to_keep(
    rates: Sequence[float],
    losses: Sequence[float],
    width: int,
) -> float:
    """Return a third of the rate around which a range test's mean loss is lowest."""
    starts = range(len(losses) - width + 1)
    means = [sum(losses[i : i + width]) / width for i in starts]
    lowest = means.index(min(means))
    return rates[lowest + width // 2] / 3


def whole_gradient(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Return the gradient of the mean loss over all parts of a batch together."""
    total = torch.zeros_like(gradients[0])
    for gradient, size in zip(gradients, sizes, strict=True):
        total += gradient * size / sum(sizes)
    return total


Rate = Callable[[int, int, float, int], float]


def _above_zero(args: Sequence[Any], parts: Parts) -> str:
    rate: Any = parts[RESULT]
    if rate <= 0:
        return "every rate is above 0, the first one and the last one too"
    if rate > args[2] * (1 + 1e-9):
        return f"no rate is above {args[2]}, the highest"
    return ""


_WAVE = "(1 + math.cos(math.pi * share)) / 2"

_WARM = Exercise(
    label="training-ex-warm",
    reference=warm_cosine,
    task="""
    Write `warm_cosine(step, steps, highest, warmup)`, the rate of a step, a float, for steps from 0 to
    `steps - 1`: it climbs along a straight line for `warmup` steps, and then falls along half a cosine wave
    toward zero. Step 0 has the highest rate divided by `warmup`, step 1 twice that, and so on; step
    `warmup - 1` has the highest rate itself, and so has step `warmup`, where the wave begins, which would be
    at 0 at step `steps`. `warmup` is less than `steps`, and may be zero: then there is no climb. Large
    language models are trained with this schedule.
    """,
    hints=(
        "There are two cases, and each has its own share: how much of the climb is done, or how much of the "
        "fall.",
        "Half a wave falls from 1 to -1 as its angle goes from 0 to pi. What has to be added, and what divided "
        "by, for it to go from 1 to 0?",
        "The fall begins at step warmup and not at step 0, and lasts steps - warmup steps: count from its "
        "beginning, and divide by its length.",
    ),
    inputs=(
        call(0, 6, 1.0, 2),
        call(1, 6, 1.0, 2),
        call(2, 6, 1.0, 2),
        call(0, 5, 0.5, 0),
        call(999, 1000, 0.1, 100),
    ),
    more=lambda draw: call(draw.whole(high=7), draw.size(8, 30), draw.positive(0.9), draw.size(2, 6)),
    slips={
        "the climb begins at 0, and a step with a rate of 0 is lost; step 0 has one share already": edit(
            "(step + 1) / warmup", "step / warmup"
        ),
        "the climb goes on for one step too many, to above highest; step warmup is the first "
        "of the fall": edit("step < warmup", "step <= warmup"),
        "the wave begins at step 0, so the rate jumps down where the climb ends; the wave begins there": edit(
            "(step - warmup) / (steps - warmup)", "step / steps"
        ),
        "the fall is one step ahead: at step warmup the wave is still at highest": edit(
            "(step - warmup)", "(step + 1 - warmup)"
        ),
        "highest plays no part in the fall; the wave is a share of it": edit("highest * (1", "(1"),
        "the climb and a wave over all steps are multiplied; the fall begins only where the climb ends": (
            edit("return highest * (step + 1) / warmup", "highest *= (step + 1) / warmup"),
            edit("(step - warmup) / (steps - warmup)", "step / steps"),
        ),
        "the wave begins where it should but is too long, so it ends above 0: the steps of the climb are not "
        "part of it": edit("(steps - warmup)", "steps"),
        "that is a whole wave, which comes up again; half of one has an angle from 0 to pi": edit(
            "math.pi", "2 * math.pi"
        ),
        "the angle is in degrees, and math.cos takes radians: half a turn is pi": edit("math.pi", "180"),
        "a cosine falls to -1, and no rate is below 0; it has to be raised and made half as high": edit(
            _WAVE, "math.cos(math.pi * share)"
        ),
        "a cosine that was raised by 1 falls from 2, so the rate is twice as high as it should be": edit(
            " / 2", ""
        ),
        "that is a quarter of a wave, steep at its end; half a wave is flat at both ends": edit(
            _WAVE, "math.cos(math.pi / 2 * share)"
        ),
        "the rate falls in a straight line; a cosine wave is flat at both ends": edit(_WAVE, "(1 - share)"),
        "the last step has 0, and is lost; the wave would be at 0 one step later, at step steps": edit(
            "(steps - warmup)", "(steps - 1 - warmup)"
        ),
        "warmup may be 0, and was divided by": edit(
            "    if step < warmup:\n", "    climb = (step + 1) / warmup\n    if climb <= 1:\n"
        ),
    },
    properties=(_above_zero,),
    tolerance=1e-9,
)


Step = tuple[Tensor, Tensor, Tensor]


def _in_a_tuple(answer: Answer, args: Sequence[object]) -> Parts:
    """Call the answer; a tensor alone counts as a tuple of one, so that it is said how many there should be."""
    result = answer(*args)
    return {RESULT: (result,) if isinstance(result, Tensor) else result}


def _which_are_wrong(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    pairs = zip("pmv", yours, adamw_step(*args), strict=True)
    wrong = {
        name: f"{name} by up to {(left - right).abs().max():.4g}"
        for name, left, right in pairs
        if not torch.allclose(left.double(), right, rtol=1e-6, atol=1e-9)
    }
    if not wrong:
        return ""
    right = [name for name in "pmv" if name not in wrong]
    agreed = f"; right: {' and '.join(right)}" if right else ""
    return f"off after the step: {', '.join(wrong.values())}{agreed}"


def _step_case(*rows: list[float], t: int, rate: float, decay: float) -> Input:
    tensors = [torch.tensor(row, dtype=torch.float64) for row in rows]
    tensors += [torch.zeros_like(tensors[0]) for _ in range(4 - len(rows))]
    numbers = f"t={t}, rate={rate}, decay={decay}"
    shown = f"torch.tensor({list(rows)}, dtype=torch.float64)"
    where = f"p, grad, m, v = {shown}"
    if len(rows) == 2:
        where = f"p, grad = {shown} and m = v = torch.zeros({len(rows[0])}, dtype=torch.float64)"
    text = f"adamw_step(p, grad, m, v, {numbers}) where {where}"
    return Input((*tensors, t, rate, decay), text)


def _drawn_step(draw: Draw) -> Input:
    p, grad, m = draw.table(3, n := draw.size())
    rows = p, grad, m, draw.table(n, low=0.3)
    return _step_case(*rows, t=draw.size(2, 20), rate=draw.positive(0.3, 2), decay=draw.positive(0.9))


_ADAMW = Exercise(
    label="training-ex-adamw",
    reference=adamw_step,
    task=r"""
    Write `adamw_step(p, grad, m, v, t, rate, decay)`, one step of AdamW: it shrinks $p$ by the factor 1 less
    `rate` times `decay`, and then takes the step of Adam {eq}`eq-adam`: `rate` times the corrected mean of
    the gradient, divided by the sum of $\varepsilon$ and the root of the corrected mean of its square, with
    $\beta_1 = 0.9$, $\beta_2 = 0.99$, and $\varepsilon = 10^{-8}$. `grad` is the gradient with respect to
    $p$, and $m$ and $v$ are the running means of it and of its square, zeros at first; all four are float64
    of one shape, and the first step has $t = 1$. It returns the new $p$, $m$ and $v$ as a tuple, $m$ and $v$
    not corrected, and changes nothing in place. How far does a weight move in that first step?
    """,
    hints=(
        "First the two running means: each keeps its beta of what it was and takes the rest from what is new.",
        "They began at 0, so they are too small at first. After one step only 1 - beta of the gradient is in "
        "the first; after t steps a weight of 1 less beta to the power t.",
        "Only the step that p takes is made with the corrected means; what is returned for the next step is "
        "not corrected. The decay takes a share off p as it was and never meets m and v.",
    ),
    inputs=(
        _step_case([1.0, -2.0], [0.5, 4.0], t=1, rate=0.1, decay=0.0),
        _step_case([1.0, -2.0], [0.5, 4.0], t=1, rate=0.1, decay=0.5),
        _step_case([1.0, 0.0, 2.0], [1e-6, -1e-7, 0.0], t=1, rate=0.1, decay=0.5),
        _step_case([4.0, -3.0], [0.25, 2.0], [-0.5, 1.5], [1.0, 3.0], t=100, rate=0.02, decay=2.0),
    ),
    more=_drawn_step,
    slips={
        "the means are used as they are; they began at 0, and are too small at first unless corrected": edit(
            "m / (1 - 0.9**t), v / (1 - 0.99**t)", "m, v"
        ),
        "the decay is added to the gradient, so it goes through m and v, as in Adam with a penalty on large "
        "weights; here it goes straight to p": (
            edit("    m, v =", "    grad = grad + decay * p\n    m, v ="),
            edit(" * (1 - rate * decay)", ""),
        ),
        "the share that the decay takes off p is decay alone; it is rate times decay": edit(
            "rate * decay", "decay"
        ),
        "the decay is taken off p after the step; it is a share of p as it was before": edit(
            "p * (1 - rate * decay) - rate * direction", "(p - rate * direction) * (1 - rate * decay)"
        ),
        "eps is added under the root, where 1e-8 is as much as a gradient of 1e-4; it is "
        "added to the root": edit("square.sqrt() + 1e-8", "(square + 1e-8).sqrt()"),
        "there is no eps; where every gradient so far was 0, 0 is divided by 0": edit(" + 1e-8", ""),
        "there is no root: the direction is divided by the mean square, not by its root": edit(
            "square.sqrt()", "square"
        ),
        "v is given the square of the mean; it is a mean of squares of the gradient itself": edit(
            "m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2",
            "m = 0.9 * m + 0.1 * grad\n    v = 0.99 * v + 0.01 * m**2",
        ),
        "the corrections count steps from 0; the first one has t = 1, and with 0 they divide by 0": (
            edit("0.9**t", "0.9 ** (t - 1)"),
            edit("0.99**t", "0.99 ** (t - 1)"),
        ),
        "eps is added to the root of the mean square before that is corrected, which makes it larger; it is "
        "added to the root of the corrected one": edit(
            "mean / (square.sqrt() + 1e-8)", "mean / (v.sqrt() + 1e-8) * math.sqrt(1 - 0.99**t)"
        ),
        "only p is returned; the next step needs the new m and v": edit("direction, m, v", "direction"),
        "m and v are returned as they were; the next step begins from the new ones": (
            edit("    m, v =", "    was = m, v\n    m, v ="),
            edit("direction, m, v", "direction, *was"),
        ),
        "the corrected means are returned; those are for this step alone, and the next one begins from the "
        "others": edit("direction, m, v", "direction, mean, square"),
        "beta for the squares is 0.999, which is usual elsewhere; it is 0.99 here": (
            edit("0.99 * v + 0.01", "0.999 * v + 0.001"),
            edit("0.99**t", "0.999**t"),
        ),
    },
    drive=_in_a_tuple,
    properties=(_which_are_wrong,),
)


_KEEP = Exercise(
    label="training-ex-keep",
    reference=rate_to_keep,
    task="""
    A range test is read by eye, and what the eye does can be written down. Write
    `rate_to_keep(rates, losses, width)`, which takes the rate and the loss of each step of a range test, two
    lists of floats of the same length, the rates from low to high. It takes the mean of every `width` losses
    in a row, an odd number of them and no more than there are; finds the row with the lowest mean, the first
    one if there are several; and returns a third of the rate that stands in the middle of that row. Why is the
    lowest single loss not good enough?
    """,
    hints=(
        "In five losses there are three rows of three: the first begins at 0, the last at 2. How many are there "
        "in general?",
        "The place of the lowest mean is where its row begins. How far from there is the middle of a row of 3, "
        "and of one of 5?",
    ),
    inputs=(
        call([0.01, 0.03, 0.09], [3.0, 2.0, 4.0], 1),
        call([0.01, 0.03, 0.09, 0.27, 0.81], [3.0, 2.0, 2.5, 2.25, 9.0], 3),
        call([0.01, 0.02, 0.04, 0.08, 0.16, 0.32], [3.5, 2.75, 3.25, 3.0, 2.5, 2.0], 3),
        call([0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064], [3.5, 3.25, 2.5, 3.0, 2.75, 3.0, 8.0], 5),
        call([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], [2.0, 3.0, 2.5, 2.5, 2.5, 2.5], 3),
    ),
    more=lambda draw: call(
        [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0], draw.table(8, low=1.5, high=4), draw.pick(1, 3, 5)[0]
    ),
    slips={
        "the losses are not smoothed: the lowest of single batches is the luckiest of them": edit(
            "means.index(min(means))", "list(losses).index(min(losses)) - width // 2"
        ),
        "that is the rate at which the row begins; the middle of the row is further on": edit(
            "lowest + width // 2", "lowest"
        ),
        "that is the rate at which the row ends; its middle comes before": edit("width // 2", "width - 1"),
        "that is the rate itself; a third of it is asked for": edit(" / 3", ""),
        "the last row is left out: in five losses there are three rows of three": edit(
            " - width + 1", " - width"
        ),
        "rows at the end have fewer losses than width, and their sums are divided by width "
        "all the same": edit("range(len(losses) - width + 1)", "range(len(losses) - width // 2)"),
        "that is the row with the highest mean": edit("min(means)", "max(means)"),
        "that is a loss, and not a rate": edit("rates[lowest", "losses[lowest"),
        "of rows that are equally low the last one was taken, and not the first": edit(
            "means.index(min(means))", "len(means) - 1 - means[::-1].index(min(means))"
        ),
        "that is where the losses fall fastest from one step to the next; the place where they are lowest is "
        "asked for": edit("sum(losses[i : i + width]) / width", "losses[i + width - 1] - losses[i]"),
    },
)


_WHOLE = Exercise(
    label="training-ex-whole",
    reference=whole_gradient,
    task="""
    A batch may be too large for the memory of a machine; then it is taken in parts. Write
    `whole_gradient(gradients, sizes)`: `gradients` is a list of one or more float tensors of one shape, each
    the gradient of the mean loss over one part of a batch, with respect to the same weights, and `sizes` says
    how many windows each part has. The parts need not be equally large; the last one is often smaller. Return
    the gradient of the mean loss over all the windows together, and change nothing in place. In torch,
    `backward` adds to the gradient that is there already: by what has the loss of each part to be multiplied
    first?
    """,
    hints=(
        "What is the mean of 1, 2 and 3 on one side and of 7 on the other, if all four numbers count the same?",
        "From a mean and a size one gets a sum. Sums can be added, and then there is one division.",
    ),
    inputs=(
        Input(([torch.tensor([3.0])], [4]), "([torch.tensor([3.0])], [4])"),
        Input(
            ([torch.tensor([2.0, -1.0]), torch.tensor([6.0, 3.0])], [3, 1]),
            "([torch.tensor([2.0, -1.0]), torch.tensor([6.0, 3.0])], [3, 1])",
        ),
        Input(
            (list(torch.tensor([[[0.5, 1.5]], [[-2.0, 4.0]], [[8.0, 0.25]]])), [32, 32, 7]),
            "(list(torch.tensor([[[0.5, 1.5]], [[-2.0, 4.0]], [[8.0, 0.25]]])), [32, 32, 7])",
        ),
    ),
    more=lambda draw: _parts_case(draw.table(4, 3), draw.sizes(4)),
    slips={
        "every part counts the same, whatever its size; a window in a small part then counts for more than "
        "one in a large part": edit("size / sum(sizes)", "1 / len(sizes)"),
        "the gradients are added as they are, which is what torch does if the losses are not "
        "multiplied": edit(" * size / sum(sizes)", ""),
        "each gradient is multiplied by its size, and the sum is not divided by all of them": edit(
            " / sum(sizes)", ""
        ),
        "the sum is divided by the number of parts; it has to be by the number of windows": edit(
            "sum(sizes)", "len(sizes)"
        ),
        "each gradient is divided by its size; it is a mean already, and has to be made a sum": edit(
            "gradient * size / sum(sizes)", "gradient / size"
        ),
        "only the last part is left; the gradients of all parts are added": edit("total += ", "total = "),
        "each part is weighted with the size of the first one; the last part is often smaller": edit(
            "gradient * size", "gradient * sizes[0]"
        ),
    },
)


def _parts_case(rows: list[list[float]], sizes: list[int]) -> Input:
    return Input((list(torch.tensor(rows)), sizes), f"(list(torch.tensor({rows})), {sizes})")


EXERCISES = [_WARM, _ADAMW, _KEEP, _WHOLE]
