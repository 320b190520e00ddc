"""The exercises of the chapter on networks of Values: counting, setting and moving their parameters."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nnz.engine import Value
from nnz.exercises.checker.compare import kind
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call
from nnz.exercises.checker.observe import GRADIENTS, RESULT, Answer, Parts, with_gradients
from nnz.nn import MLP

SIGN = "the sign of the output"


def count_parameters(nin: int, nouts: Sequence[int]) -> int:
    """Return how many parameters MLP(nin, nouts) has, without building it."""
    sizes = [nin, *nouts]
    return sum((n_from + 1) * n_to for n_from, n_to in pairwise(sizes))


def xor() -> MLP:
    """Return an MLP(2, [2, 1]) that is positive where exactly one of two inputs is 1, else negative."""
    network = MLP(2, [2, 1], generator=random.Random(0))
    sum_of_both = [1, 1, 0]
    only_if_both = [1, 1, -1]
    output = [1, -2, -0.5]
    numbers = [*sum_of_both, *only_if_both, *output]
    for parameter, number in zip(network.parameters(), numbers, strict=True):
        parameter.data = number
    return network


def momentum_step(
    parameters: Sequence[Value],
    velocities: list[float],
    learning_rate: float,
    momentum: float,
) -> None:
    """Change the velocities and then the parameters in place, by one step of descent with momentum."""
    for i, parameter in enumerate(parameters):
        velocities[i] = momentum * velocities[i] + parameter.grad
        parameter.data -= learning_rate * velocities[i]


def logistic_loss(scores: Sequence[Value], targets: Sequence[int]) -> Value:
    """Return the mean of log(1 + exp(-y * s)) over the scores s and their targets y, each 1 or -1."""
    total = Value(0)
    for score, target in zip(scores, targets, strict=True):
        margin = score * target
        if margin.data > 0:
            total += (1 + (-margin).exp()).log()
        else:
            total += (1 + margin.exp()).log() - margin
    return total / len(scores)


def _as_built(args: Sequence[Any], parts: Parts) -> str:
    nin, nouts = args
    if sum(nouts) > 50:
        return ""  # large ones take long to build
    built = len(MLP(nin, nouts, generator=random.Random(0)).parameters())
    yours: Any = parts[RESULT]
    off = yours - built
    few = "too few" if off < 0 else "too many"
    return f"the network, once built, has others: {abs(off)} {few}" if off else ""


_COUNT = Exercise(
    label="network-ex-count",
    reference=count_parameters,
    task="""
    Write `count_parameters(nin, nouts)`, the number of parameters of `MLP(nin, nouts)`, without building
    it: the count should come as fast for millions.
    """,
    hints=(
        "How many numbers does one neuron hold that reads n inputs?",
        "What one layer returns is what the next one reads.",
    ),
    inputs=(call(1, [1]), call(2, [3]), call(2, [16, 16, 1]), call(3, [4, 5, 2]), call(784, [1000, 100, 10])),
    more=lambda draw: call(draw.size(), draw.sizes(3)),
    slips={
        "each neuron has a bias as well as its weights": edit("(n_from + 1)", "n_from"),
        "only the first layer reads the network's inputs; the others read the layer before": edit(
            "(n_from + 1)", "(nin + 1)"
        ),
        "the last layer is left out": edit("*nouts]", "*nouts[:-1]]"),
        "the first layer is left out; it reads the network's inputs": edit("[nin, *nouts]", "nouts"),
        "there is one bias for each neuron, not one for each layer": edit(
            "(n_from + 1) * n_to", "n_from * n_to + 1"
        ),
    },
    properties=(_as_built,),
)


def _sign_of_output(answer: Answer, args: Sequence[object]) -> Parts:
    network: Any = answer()
    if network is None or network is ...:
        return {RESULT: network}
    built = str(network) if isinstance(network, MLP) else kind(network)
    if built != str(xor()):
        return {RESULT: built, SIGN: "not looked at"}
    output = network(args)
    sign = "positive" if output > 0 else "negative" if output < 0 else "zero"
    return {RESULT: built, SIGN: sign}


_XOR = Exercise(
    label="network-ex-xor",
    reference=xor,
    task="""
    Two hidden neurons are enough for XOR. Write `xor()` that returns an `MLP(2, [2, 1])` whose weights and
    biases you have set by hand, without training, so that its output is positive for $(0, 1)$ and $(1, 0)$,
    and negative for $(0, 0)$ and $(1, 1)$.
    """,
    hints=(
        "Without the hidden layer it cannot be done: no straight line separates the two kinds of corners.",
        "Let one hidden neuron tell how many inputs are 1, and the other whether both are.",
        "The output should rise with the first hidden neuron, and fall with the second more than it rose.",
    ),
    inputs=tuple(
        Input(corner, f"xor()([{corner[0]}, {corner[1]}])") for corner in ((0, 0), (0, 1), (1, 0), (1, 1))
    ),
    slips={
        "that is AND: positive only where both inputs are 1": edit("[1, -2, -0.5]", "[0, 1, -0.5]"),
        "that is OR: positive where both inputs are 1 as well": edit("[1, -2, -0.5]", "[1, 0, -0.5]"),
        "that is its opposite: every sign is reversed": edit("[1, -2, -0.5]", "[-1, 2, 0.5]"),
        "the output is 0 everywhere, as it is while weights and bias of the last neuron are 0": edit(
            "[1, -2, -0.5]", "[0, 0, 0]"
        ),
        "the output is negative everywhere: the bias of the last neuron outweighs the rest": edit(
            "[1, -2, -0.5]", "[1, -2, -9]"
        ),
    },
    drive=_sign_of_output,
)


def _three_steps(answer: Answer, args: Sequence[Any]) -> Parts:
    """Descend on the sum of squares; the gradient of each parameter is twice the parameter."""
    parameters, velocities, learning_rate, momentum = args
    parts: dict[str, object] = {}
    for step in (1, 2, 3):
        before = [p.data for p in parameters], list(velocities)
        for parameter in parameters:
            parameter.grad = 2 * parameter.data
        result = answer(parameters, velocities, learning_rate, momentum)
        after = [p.data for p in parameters], list(velocities)
        if after == before and step == 1 and (result is None or result is ...):
            raise NotImplementedError
        parts[f"the velocities after step {step}"] = after[1]
        parts[f"the parameters after step {step}"] = after[0]
    return parts


def _step_case(parameters: list[float], velocities: list[float], rate: float, momentum: float) -> Input:
    squares = " + ".join(f"p{i}**2" for i in range(len(parameters)))
    return Input(
        ([Value(p) for p in parameters], velocities, rate, momentum),
        f"three steps of momentum_step(parameters, velocities, {rate}, {momentum}) on the loss {squares}, "
        f"from the parameters {parameters} and the velocities {velocities}",
    )


_MOMENTUM = Exercise(
    label="network-ex-momentum",
    reference=momentum_step,
    task="""
    Gradients that are never cleared spoil the training; gradients that fade help it. Give each parameter a
    **velocity**, which starts at 0. A step multiplies the velocity by the `momentum`, a number below 1, adds
    the gradient, and moves the parameter by minus the learning rate times the velocity, as `torch.optim.SGD`
    does {cite}`polyak1964some`. Write `momentum_step(parameters, velocities, learning_rate, momentum)`, which
    changes the parameters' data and the list of velocities in place and returns nothing.
    """,
    hints=(
        "Go through parameters and velocities side by side; the gradient of a parameter is in its grad.",
        "The new velocity has to be stored in the list before the parameter moves by it.",
    ),
    inputs=(
        _step_case([1.5], [0.25], 0.1, 0.9),
        _step_case([1.5, -0.5], [0.0, 0.0], 0.25, 0.5),
        _step_case([0.3, -2.0, 4.0], [1.0, -0.5, 0.125], 0.05, 0.75),
    ),
    more=lambda draw: _step_case(draw.table(4), draw.table(4), draw.positive(0.5, 2), 0.7),
    slips={
        "the parameters climb: they should move against the velocity": edit("data -=", "data +="),
        "the velocity is neither used nor kept; that is plain gradient descent": (
            edit("        velocities[i] = momentum * velocities[i] + parameter.grad\n", ""),
            edit("learning_rate * velocities[i]", "learning_rate * parameter.grad"),
        ),
        "the gradient is weighted by 1 - momentum, as in an average; torch adds it in full": edit(
            "+ parameter.grad", "+ (1 - momentum) * parameter.grad"
        ),
        "the new velocities are in a list of their own; put them into the one that was given": edit(
            "    for i, parameter", "    velocities = list(velocities)\n    for i, parameter"
        ),
        "the learning rate is inside the velocity; it belongs to the parameter's step": (
            edit("+ parameter.grad", "+ learning_rate * parameter.grad"),
            edit("learning_rate * velocities[i]", "velocities[i]"),
        ),
        "the parameters move by the velocity from before this step": (
            edit("velocities[i] = momentum", "before = velocities[i]\n        velocities[i] = momentum"),
            edit("learning_rate * velocities[i]", "learning_rate * before"),
        ),
    },
    drive=_three_steps,
    changes=("parameters", "velocities"),
)


def _scores(*numbers: float) -> list[Value]:
    return [Value(number) for number in numbers]


def _pushes_the_right_way(args: Sequence[Any], parts: Parts) -> str:
    gradients: Any = parts[GRADIENTS]
    for i, (gradient, target) in enumerate(zip(gradients, args[1], strict=True)):
        if gradient * target > 0:
            return f"descent would move score {i} away from its target, which is {target}"
    return ""


_LOGISTIC = Exercise(
    label="network-ex-logistic",
    reference=logistic_loss,
    task=r"""
    Instead of the hinge one may take $\log(1 + e^{-ys})$ for each point, and the mean of these over all
    points. Write `logistic_loss(scores, targets)` for a list of Values $s$ and a list of labels $y$, each $1$
    or $-1$; it returns a Value that `backward()` can start from. It should also be right for scores of $1000$
    and $-1000$.
    """,
    hints=(
        "Begin with the margin y s of one score; it is positive where score and target agree.",
        "exp is harmless where its argument is negative, so treat positive and negative margins apart.",
        "For a negative margin, take exp(-y s) out of the bracket as a factor; the logarithm makes a sum of it.",
    ),
    inputs=(
        call(_scores(0.5), [1]),
        call(_scores(1.5, -0.5), [-1, 1]),
        call(_scores(-2.0, 0.25, 3.0, -1.25), [-1, -1, 1, 1]),
        call(_scores(1000.0, -1000.0), [1, 1]),
    ),
    more=lambda draw: call(_scores(*draw.table(n := draw.size())), draw.pick(n, 1, -1)),
    slips={
        "that is the sum; the mean is asked for": edit(" / len(scores)", ""),
        "the sign of y s: the loss should be small where score and target agree": edit(
            "score * target", "-score * target"
        ),
        "the calculation leaves the graph, as it does where .data is taken: do it with Values": edit(
            "total / len(scores)", "Value(total.data / len(scores))"
        ),
        "that is the hinge loss, max(0, 1 - y s); the logistic loss is a smooth relative of it": (
            edit("(1 + (-margin).exp()).log()", "(1 - margin).relu()"),
            edit("(1 + margin.exp()).log() - margin", "(1 - margin).relu()"),
        ),
        "the logarithm is to base 2; the natural one is asked for": edit(
            "total / len(scores)", "total / len(scores) / Value(2).log()"
        ),
        "exp of a large number is larger than any float; give it only negative ones": edit(
            "(1 + margin.exp()).log() - margin", "(1 + (-margin).exp()).log()"
        ),
        "the sigmoid of a large negative margin is rounded to 0, which has no logarithm": (
            edit("(1 + (-margin).exp()).log()", "-margin.sigmoid().log()"),
            edit("(1 + margin.exp()).log() - margin", "-margin.sigmoid().log()"),
        ),
    },
    drive=with_gradients,
    properties=(_pushes_the_right_way,),
)

EXERCISES = [_COUNT, _XOR, _MOMENTUM, _LOGISTIC]
