"""The exercises of the chapter on first weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import Vocabulary
from nnz.exercises.checker.compare import freeze, is_tensor, same
from nnz.exercises.checker.drawn import Draw, shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled, tensors
from nnz.exercises.checker.observe import RESULT, Answer, Parts, in_words
from nnz.init import second_moment
from nnz.mlp import BengioMLP, scores

AFTERWARDS = "params afterwards"
DEAD = "the units called dead"

Activation = Callable[[Tensor], Tensor]


def moving_weights(
    params: Mapping[str, Tensor],
    contexts: Tensor,
    targets: Tensor,
) -> list[str]:
    """Return the names of the weights that a first step of descent would move."""
    own = {name: p.detach().requires_grad_() for name, p in params.items()}
    loss = F.cross_entropy(scores(own, contexts), targets)
    grads = torch.autograd.grad(loss, list(own.values()))
    pairs = zip(own, grads, strict=True)
    return sorted(name for name, grad in pairs if grad.any())


def unigram_floor(targets: Tensor, V: int) -> float:
    """Return the lowest loss that can be had with an output bias alone, in nats."""
    counts = torch.bincount(targets, minlength=V).double()
    shares = counts[counts > 0] / len(targets)
    return (-shares * shares.log()).sum().item()


def stack_std(f: Activation, gain: float, depth: int) -> list[float]:
    """Return the root mean square of each layer's activations in a wide stack."""

    def after(size: float) -> float:
        """Return the size of a layer's activations, given that of its inputs."""
        return math.sqrt(second_moment(lambda z: f(gain * size * z)))

    sizes = [1.0]
    for _ in range(depth):
        sizes.append(after(sizes[-1]))
    return sizes[1:]


def uniform_bound(n_in: int, gain: float) -> float:
    """Return the a at which even draws from (-a, a) spread by gain / sqrt(n_in)."""
    return gain * math.sqrt(3 / n_in)


def dead_units(pre: Tensor) -> Tensor:
    """Return which ReLU units are at zero for every example."""
    return (pre <= 0).all(dim=0)


def _left_alone(answer: Answer, args: Sequence[Any]) -> Parts:
    """Call the answer; what counts is the result, and that nothing was done to params."""
    params = args[0]
    before = freeze(params)
    result = answer(*args)
    after = "as it was"
    if any(is_tensor(p) and p.requires_grad for p in params.values()):
        after = "made to ask for gradients"
    if not same(freeze(params), before):
        after = "changed"
    return {RESULT: result, AFTERWARDS: after}


def _in_two_steps(params: dict[str, Tensor], contexts: Tensor, targets: Tensor) -> list[str]:
    own = {name: p.detach().requires_grad_() for name, p in params.items()}
    grads = torch.autograd.grad(F.cross_entropy(scores(own, contexts), targets), list(own.values()))
    moved = {name: p - 0.1 * grad for (name, p), grad in zip(params.items(), grads, strict=True)}
    first, second = (moving_weights(weights, contexts, targets) for weights in (params, moved))
    return sorted({*first, *second})


def _network_case(batch: str, params: str, sizes: str = "2, 2, 3", letters: str = "abc") -> Input:
    model = (
        f"BengioMLP({sizes}, generator=torch.Generator().manual_seed(1), vocabulary=Vocabulary({letters!r}))"
    )
    text = f"params, {batch} where model = {model} and params = {params}"
    return spelled(text, BengioMLP=BengioMLP, Vocabulary=Vocabulary)


_PAIR = "torch.tensor([[0, 1]]), torch.tensor([1])"
_THREE = "torch.tensor([[0, 1], [1, 3], [0, 0]]), torch.tensor([1, 3, 2])"


def _drawn_network(draw: Draw) -> Input:
    batch = f"torch.tensor({draw.whole(B := draw.size(), 2, high=3)}), torch.tensor({draw.whole(B, high=3)})"
    (zero,) = draw.pick(1, "C", "W1", "W2")
    params = f"model.state_dict() | {{{zero!r}: 0 * model.params[{zero!r}].detach()}}"
    return _network_case(batch, params, f"2, {draw.size(2, 5)}, {draw.size(2, 5)}")


_MOVING = Exercise(
    label="initialization-ex-zero",
    reference=moving_weights,
    task="""
    This is an exercise of the lecture: which weights of a network learn, if all of them begin at zero? Write
    `moving_weights(params, contexts, targets)`, which says, for any weights, which of them a first step of
    gradient descent would move, however little: the sorted names of those whose gradient of the mean
    cross-entropy is not exactly zero everywhere. `params` is a dict of float tensors as in `nnz.mlp.scores`:
    `C` of shape (V, n_embd), `W1` (n_in, n_hidden), `b1` (n_hidden,), `W2` (n_hidden, V) and `b2` (V,), where
    n_in is block_size times n_embd. `contexts` is int64 of shape (B, block_size), and `targets` int64 of
    shape (B,). The tensors stay as they are, and do not ask for gradients afterwards either. Then ask it of
    the network of this chapter with all weights at zero, and with all weights at the same small number.
    """,
    hints=(
        "scores gives the logits from a dict of weights, and torch has the cross-entropy. What is missing are "
        "weights that gradients can be asked of; those given are to be left alone.",
        "detach() gives a tensor with the same numbers, of which gradients can be asked without asking them of "
        "the given one.",
        "A gradient can have entries of both signs that cancel, or be very small: ask whether any entry differs "
        "from 0.",
    ),
    inputs=(
        # Two characters and two units, so that the sums of gradients are 0 to the last bit.
        spelled(
            f"params, {_PAIR} where params = {{'C': torch.zeros(2, 2), 'W1': torch.zeros(4, 2), "
            "'b1': torch.zeros(2), 'W2': torch.zeros(2, 2), 'b2': torch.zeros(2)}"
        ),
        _network_case(_THREE, "model.state_dict() | {'W1': torch.zeros(4, 3), 'b1': torch.zeros(3)}"),
        _network_case(_THREE, "model.state_dict() | {'W2': 1e-9 * model.params['W2'].detach()}"),
    ),
    more=_drawn_network,
    slips={
        "the entries of a gradient were added up, and positive and negative ones cancel: those of W2 and b2 "
        "sum to 0 over the characters": edit("grad.any()", "grad.sum().abs() > 1e-5"),
        "small gradients were taken for zero; a small step is a step too": edit(
            "grad.any()", "grad.abs().max() > 1e-5"
        ),
        "those are the weights that are not zero themselves; the question is whether their "
        "gradients are": edit("torch.autograd.grad(loss, list(own.values()))", "list(own.values())"),
        "a weight is left out if any entry of its gradient is zero; it moves if any entry is not": edit(
            "grad.any()", "grad.all()"
        ),
        "all have a gradient, but it may be zero everywhere; look at its entries": edit(" if grad.any()", ""),
        "those are the weights that stay; the ones that move are asked for": edit(
            "grad.any()", "not grad.any()"
        ),
        "the biases are left out; they are weights too": edit("grad.any()", "grad.any() and grad.ndim > 1"),
        "those are the weights that have moved after more than one step; the first step alone "
        "is meant": _in_two_steps,
        "the names stand in the order of the dict; sort them": edit(
            "sorted(name for name, grad in pairs if grad.any())",
            "[name for name, grad in pairs if grad.any()]",
        ),
        "the given tensors were made to ask for gradients; ask that of tensors of your own": edit(
            "p.detach().requires_grad_()", "p.requires_grad_()"
        ),
        "the step was taken on the given tensors; no step is needed, the gradients say enough": edit(
            "    pairs = ",
            "    for p, grad in zip(params.values(), grads):\n        p.sub_(grad)\n    pairs = ",
        ),
    },
    drive=_left_alone,
    changes=("params",),  # `_left_alone` sees to it, and says so in fewer words
)


def _in_range(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    targets, V = args
    if yours < -1e-6:
        return "no loss is below 0, since no probability is above 1"
    if yours > math.log(V) + 1e-5:
        return f"a bias of 0 gives log V, {math.log(V):.4f}, already; the lowest loss is not above that"
    if 1e-5 < abs(yours - unigram_floor(targets, V)) < 0.01:
        return "that is near, but not exact: train nothing, and add nothing to the shares"
    return ""


_FLOOR = Exercise(
    label="initialization-ex-floor",
    reference=unigram_floor,
    task="""
    A network of which only the output bias learns gives the same probabilities in every context. Write
    `unigram_floor(targets, V)`, the lowest mean cross-entropy in nats that it can reach on these targets, or
    come as near to as one likes, as a float. `targets` is int64 of shape $(N,)$, characters from 0 to
    $V - 1$; those that do not occur cost nothing. Train nothing. How much of the way from a blind guess to
    the *small logits* network of this chapter is that?
    """,
    hints=(
        "Any probabilities that sum to 1 can be had from a bias. Which are best, if there is no context to go by "
        "and the targets are known?",
        "The best are the shares of the characters among the targets. A character is met as often as its share "
        "says, and costs the negative logarithm of the same share.",
        "The logarithm of 0 is not finite, and 0 times that is nan: leave out what does not occur, for it costs "
        "nothing.",
    ),
    inputs=(
        call(torch.tensor([0, 0, 1, 0]), 2),
        call(torch.tensor([2, 0, 1, 1, 0, 1]), 3),
        spelled("torch.arange(200) ** 2 % 27, 27"),
    ),
    more=shaped("N<V, #V"),
    slips={
        "that is log V, the loss before the bias has moved; it can learn which characters are frequent": edit(
            "(-shares * shares.log()).sum().item()", "math.log(V)"
        ),
        "that is the logarithm of how many characters occur, as if they were equally frequent": edit(
            "(-shares * shares.log()).sum().item()", "math.log(len(shares))"
        ),
        "that is in bits; the natural logarithm gives nats": edit("shares.log()", "shares.log2()"),
        "the counts were smoothed: shares that are not those of the targets cost more": edit(
            "shares.log()", "((counts[counts > 0] + 1) / (len(targets) + V)).log()"
        ),
        "the counts were smoothed, and the entropy is that of the smoothed shares; those of "
        "the targets count": (
            edit(".double()", ".double() + 1"),
            edit("len(targets)", "counts.sum()"),
        ),
        "that is divided by V; the shares are weights already, and their sum is the mean over "
        "the targets": edit(".item()", ".item() / V"),
        "each character that occurs counts once; a frequent one has to count as often as it comes": edit(
            "(-shares * shares.log()).sum()", "-shares.log().mean()"
        ),
        "a character that does not occur has the share 0, and 0 times the logarithm of 0 is "
        "nan in a computer": edit("[counts > 0]", ""),
        "the sign is wrong: a logarithm of a share is negative, and a loss is not": edit("-shares", "shares"),
        "that is the sum over all targets; their mean is asked for": edit(
            ".item()", ".item() * len(targets)"
        ),
        "the shares were used as logits; the bias that gives these shares is their logarithm": (
            edit("[counts > 0]", ""),
            edit("shares.log()", "shares.log_softmax(0)"),
        ),
        "that is the perplexity, the exponential of the loss": edit(".sum()", ".sum().exp()"),
    },
    properties=(_in_range,),
    tolerance=1e-5,
)


def _spread(f: Activation, spread: float) -> float:
    """Return the standard deviation of f(spread · z)."""
    square = second_moment(lambda z: f(spread * z))
    raised = second_moment(lambda z: f(spread * z) + 1)
    mean = (raised - square - 1) / 2
    return math.sqrt(square - mean**2)


def _integrated(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    pairs = list(zip(yours, stack_std(*args), strict=True))
    if all(math.isclose(a, b, rel_tol=1e-4) for a, b in pairs):
        return ""
    if all(math.isclose(a, b, rel_tol=5e-3) for a, b in pairs):
        return (
            "that is near, but not exact; if it was measured with drawn numbers, integrate instead, and if "
            "it was integrated, go further out or in finer steps"
        )
    return ""


_STACK = Exercise(
    label="initialization-ex-stack",
    reference=stack_std,
    task=r"""
    Write `stack_std(f, gain, depth)`, which predicts the root mean square of the activations after each layer
    of a wide stack with the activation `f`, fed with standard normal numbers, by integrals alone: a list of
    `depth` floats, the first layer first, to four digits. The weights are normal with the standard deviation
    $\text{gain} / \sqrt{n_\text{in}}$, and there are no biases. Let $q$ be the variance of the
    pre-activations of a layer, which are normal with mean 0; its activations have the mean square
    $\mathrm{E}[f(\sqrt{q}\,z)^2]$, and the next layer's $q$ is the gain squared times that.
    `nnz.init.second_moment(f)` integrates $f(z)^2$ over a standard normal $z$; `f` takes and returns a
    float64 tensor, number by number. Compare with the stack that we ran.
    """,
    hints=(
        "Do one layer first: from the root mean square of its inputs to that of its activations. What is the "
        "standard deviation of what enters f?",
        "A normal number of mean 0 and standard deviation s is s times a standard normal z. So the integral is "
        "over a function of z: multiply, then f.",
        "What leaves one layer is what the next one is fed with: repeat the step from its own result, beginning "
        "at 1, and keep every result.",
    ),
    inputs=(
        spelled("torch.tanh, 1.0, 1"),
        spelled("torch.tanh, 5 / 3, 3"),
        spelled("torch.sigmoid, 2.0, 10"),
    ),
    more=lambda draw: spelled(
        f"torch.{draw.rng.choice(['tanh', 'relu'])}, {draw.positive(2)}, {draw.size()}"
    ),
    slips={
        "the gain counts in the first layer only; all layers have weights of that size": (
            edit("gain * size", "size"),
            edit("[1.0]", "[gain]"),
        ),
        "the gain is left out": edit("gain * size", "size"),
        "those are the sizes of what enters f; what leaves it is asked for": edit(
            "return sizes[1:]", "return [gain * size for size in sizes[:-1]]"
        ),
        "those are mean squares; their roots are asked for": edit(
            "return sizes[1:]", "return [size**2 for size in sizes[1:]]"
        ),
        "f is fed with standard normal numbers in every layer, and its result scaled; what f does depends on "
        "how widely its inputs are spread": edit(
            "second_moment(lambda z: f(gain * size * z)))", "second_moment(f)) * gain * size"
        ),
        "every layer is treated as the first; each is fed with what leaves the one before it": edit(
            "gain * size", "gain"
        ),
        "the list begins with the inputs, and ends one layer early": edit("sizes[1:]", "sizes[:-1]"),
        "the inputs of the first layer are in the list; only the activations belong there": edit(
            "sizes[1:]", "sizes"
        ),
        "that is the last layer alone; return a list with all of them": edit("sizes[1:]", "sizes[-1]"),
        "those are standard deviations, with the mean taken off; the root mean square leaves it in": edit(
            "return sizes[1:]", "return [_spread(f, gain * size) for size in sizes[:-1]]"
        ),
        "the mean of the activations is taken off, and so missing in the next layer; what enters that one "
        "depends on the mean square": edit(
            "math.sqrt(second_moment(lambda z: f(gain * size * z)))", "_spread(f, gain * size)"
        ),
        "z is multiplied by the variance of what enters f; its standard deviation is the factor": edit(
            "gain * size", "(gain * size) ** 2"
        ),
        "the variance is multiplied by the gain; the gain is a factor of standard deviations, and its square "
        "one of variances": edit("gain * size", "math.sqrt(gain) * size"),
        "the gain is multiplied on after f; it belongs to the weights, so f comes after it": (
            edit("math.sqrt", "gain * math.sqrt"),
            edit("gain * size", "size"),
        ),
    },
    properties=(_integrated,),
    tolerance=1e-4,
)


def _spreads(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    n_in, gain = args
    has, should = abs(yours) / math.sqrt(3), gain / math.sqrt(n_in)
    if yours <= 0:
        return "a is above 0: the numbers lie between -a and a"
    if not math.isclose(has, should, rel_tol=1e-6):
        return (
            f"numbers drawn evenly from (-a, a) have standard deviation {has:.6g}; it should be {should:.6g}"
        )
    return ""


_UNIFORM = Exercise(
    label="initialization-ex-uniform",
    reference=uniform_bound,
    task=r"""
    Weights can also be drawn evenly from the numbers between $-a$ and $a$. Write `uniform_bound(n_in, gain)`:
    the $a$, a float above 0, for which their standard deviation is the gain over $\sqrt{n_\text{in}}$.
    Torch's linear layers draw their weights evenly, too, with $a = 1/\sqrt{n_\text{in}}$. What gain is that?
    """,
    hints=(
        "The mean is 0, so the variance is the mean of x² between -a and a. What is that integral?",
        "The variance is a third of a². So how much larger than the standard deviation is a?",
    ),
    inputs=(call(12, 1.0), call(3, 2.0), spelled("30, 5 / 3"), spelled("200, math.sqrt(2)")),
    more=lambda draw: call(draw.size(3, 90), draw.positive(2)),
    slips={
        "that is the standard deviation; the numbers reach further out than that": edit(
            "3 / n_in", "1 / n_in"
        ),
        "that is one over the root of n_in, with neither the gain nor how far beyond their standard deviation "
        "the numbers reach": edit("gain * math.sqrt(3 / n_in)", "math.sqrt(1 / n_in)"),
        "that is the width of the whole stretch, from -a to a; a is half of it": edit(
            "gain * math", "2 * gain * math"
        ),
        "the gain is left out": edit("gain * math", "math"),
        "the gain went under the root; it is a factor of the standard deviation and not of "
        "the variance": edit("gain * math", "math.sqrt(gain) * math"),
        "the gain was squared, and no root taken of that": edit("gain * math", "gain**2 * math"),
        "that is the root of 2 too large: formulas with a 6 have the gain of ReLU in them already, or two "
        "sizes in the divisor": edit("3 / n_in", "6 / n_in"),
        "the divisor is n_in, where its root belongs": edit("math.sqrt(3 / n_in)", "math.sqrt(3) / n_in"),
        "the variance is a² / 3, so a is larger than the standard deviation by the root of 3, "
        "and not by 3": edit("math.sqrt(3 / n_in)", "3 / math.sqrt(n_in)"),
        "the root of 3 is upside down: a is larger than the standard deviation, not smaller": edit(
            "3 / n_in", "1 / 3 / n_in"
        ),
        "that is a²; its root is asked for": edit("gain * math.sqrt(3 / n_in)", "gain**2 * 3 / n_in"),
    },
    properties=(_spreads,),
)


def _dead_ones(result: Any) -> str:
    """Name the units that are called dead by their numbers."""
    if not is_tensor(result) or result.ndim != 1:
        return "none"
    return ", ".join(map(str, result.nonzero().flatten().tolist())) or "none"


def _truth_values(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    wrong = (yours != dead_units(*args)).nonzero().flatten().tolist()
    if not wrong:
        return ""
    unit = wrong[0]
    called = "dead" if yours[unit] else "alive"
    column = [round(number, 4) for number in args[0][:, unit].tolist()[:8]]
    more = "" if len(args[0]) <= 8 else " and so on"
    return f"unit {unit} is called {called}; what enters it is {column}{more}"


_DEAD = Exercise(
    label="initialization-ex-dead",
    reference=dead_units,
    task="""
    A ReLU gives 0 for what is not above 0, and passes no gradient back there. Write `dead_units(pre)`: given
    the pre-activations of a layer of ReLU units for *all* training examples, float of shape $(N, h)$, a
    tensor of $h$ truth values, true for a unit that is not above zero for any of them, so that it never
    receives a gradient. Take the pre-activations of the standard normal network of this chapter with all
    biases lowered by 10. How many units would be called dead if one batch of 32 stood for everything, and how
    many are?
    """,
    hints=(
        "First ask of every number whether the ReLU lets it through. At exactly 0 it gives 0, and torch passes no "
        "gradient back.",
        "A unit is a column. Over which axis do its examples lie, and must it be so for all of them, or for one?",
    ),
    inputs=(
        call(torch.tensor([[-1.0, 2.0], [-3.0, -0.5]])),
        call(torch.tensor([[-1.0, 1.0, -2.0], [-4.0, -5.0, 3.0]])),
        call(torch.tensor([[0.0, -2.0, 0.0], [-1.0, -2.0, 0.5], [0.0, -1.0, -3.0]])),
        spelled("torch.arange(60.0).view(20, 3).sin() - torch.tensor([0.5, 1.5, 0.9])"),
    ),
    more=lambda draw: tensors(draw.table(draw.size(2, 4), 5, high=1)),
    slips={
        "units that are asleep for some examples are called dead; a dead one is so for all of them": edit(
            ".all(", ".any("
        ),
        "that says of each example whether all units are off; it is asked of each unit": edit(
            "dim=0", "dim=1"
        ),
        "the mean of what enters a unit is below 0, and still some example may get through": edit(
            "(pre <= 0).all(dim=0)", "pre.mean(dim=0) <= 0"
        ),
        "a unit that is exactly at 0 gets no gradient either; it has to be above": edit("<=", "<"),
        "those are the units that are alive; True is for the dead": edit("(pre <= 0).all", "(pre > 0).any"),
        "those are the units that are on for every example; True is for those that are on for none": edit(
            "<=", ">"
        ),
        "those are the indices of the dead units; return a truth value for each unit": edit(
            "all(dim=0)", "all(dim=0).nonzero().flatten()"
        ),
        "those are 0s and 1s; return truth values": edit("all(dim=0)", "all(dim=0).long()"),
        "that is how many examples each unit is off for, as a share; it is dead if the share is 1": edit(
            "all(dim=0)", "float().mean(dim=0)"
        ),
        "that is one answer for the whole layer; each unit has its own": edit("dim=0", ""),
        "that says of every single number whether it is off; a unit is dead if all in its column are": edit(
            ".all(dim=0)", ""
        ),
    },
    drive=in_words(DEAD, _dead_ones),
    properties=(_truth_values,),
)

EXERCISES = [_MOVING, _FLOOR, _STACK, _UNIFORM, _DEAD]
