"""Neurons, layers and networks of them, on single numbers: the interface is micrograd's.

Code written for micrograd runs on this module and `nnz.engine` after changing its imports; but an operation of
one's own is made by `nnz.engine.new_node`, and `==` compares data.

Chapter: network.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Never

from nnz.engine import Value
from nnz.plumbing.checks import check_count, check_source, given

_LAYER = "a layer needs at least 1 neuron, a whole number"
_ORDERLESS = (set, frozenset, dict)


class Module:
    """Something with parameters. Source: torch.nn.Module, in the form of Karpathy's micrograd (2020)."""

    def parameters(self) -> list[Value]:
        """Return the numbers that training may change."""
        return []

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0


class Neuron(Module):
    """max(0, w1 x1 + ... + wn xn + b), or without the max where `nonlin` is false.

    The weights start uniform between -1 and 1, the bias at 0.

    Args:
        nin: the number of inputs.
        nonlin: whether the pre-activation goes through the ReLU.
        generator: where the weights are drawn from; without one, Python's shared generator, which
            `random.seed` sets.

    Raises:
        ValueError: `nin` is less than 1; when called, there is not one input for each weight.
        TypeError: `nin` is no whole number, `nonlin` is not True or False, or `generator` draws no numbers; when
            called, the inputs do not come in one list.

    >>> neuron = Neuron(2, generator=random.Random(3))
    >>> neuron, len(neuron.parameters())
    (ReLUNeuron(2), 3)
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        generator: random.Random | None = None,
    ) -> None:
        _check_neuron(nin, nonlin, generator)
        uniform = (generator or random).uniform
        self.w = [Value(uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Value | float], *more: Never) -> Value:
        """Return the neuron's output for inputs (nin,)."""
        _check_inputs(self.w, x, more)
        total = self.b
        for w, x_i in zip(self.w, x, strict=True):
            total = total + w * x_i
        return total.relu() if self.nonlin else total

    def parameters(self) -> list[Value]:
        """Return the weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side, which all read the same inputs.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        nonlin: whether their pre-activations go through the ReLU.
        generator: as in `Neuron`.

    Raises:
        ValueError, TypeError: as `Neuron`; or `nout` is no whole number of at least 1.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        generator: random.Random | None = None,
    ) -> None:
        check_count(nout, 1, _LAYER)
        self.neurons = [Neuron(nin, nonlin, generator) for _ in range(nout)]

    def __call__(
        self, x: Sequence[Value | float], *more: Never
    ) -> list[Value] | Value:
        """Return the outputs (nout,) for inputs (nin,); a layer of one neuron returns its output alone."""
        _check_inputs(self.neurons[0].w, x, more)
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Return the parameters of the first neuron, then of the second, and so on."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron: layers one after another, each reading what the one before it returns.

    Every layer but the last has ReLU neurons.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons of each layer.
        generator: as in `Neuron`.

    Raises:
        ValueError: there is no layer, or a size is less than 1; when called, as `Neuron`.
        TypeError: `nouts` is not a list of whole numbers; or as `Neuron`.

    >>> model = MLP(2, [16, 16, 1], generator=random.Random(0))
    >>> len(model.parameters()), model([0.5, -1.0]).op
    (337, '+')
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        generator: random.Random | None = None,
    ) -> None:
        _check_layers(nouts)
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], i != last, generator)
            for i in range(len(nouts))
        ]

    def __call__(
        self, x: Sequence[Value | float], *more: Never
    ) -> list[Value] | Value:
        """Return the outputs of the last layer for inputs (nin,)."""
        _check_inputs(self.layers[0].neurons[0].w, x, more)
        for layer in self.layers[:-1]:
            out = layer(x)
            x = out if isinstance(out, list) else [out]
        return self.layers[-1](x)

    def parameters(self) -> list[Value]:
        """Return the parameters of the first layer, then of the second, and so on."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def _check_neuron(nin: int, nonlin: bool, generator: object) -> None:
    """Raise a clear error unless a neuron can be made of these."""
    check_count(nin, 1, "a neuron needs at least 1 input, a whole number")
    if nonlin not in (True, False):
        raise TypeError(
            "nonlin is True for a ReLU and False for none, and a generator goes by name, as in"
            f" generator=random.Random(1); got {given(nonlin)}."
        )
    if generator is not None:
        check_source(generator, "uniform")


def _check_inputs(
    weights: list[Value], x: object, more: tuple[object, ...]
) -> None:
    """Raise a clear error unless inputs came in one list, with as many numbers as there are weights."""
    if isinstance(x, list) and len(x) == len(weights) and not more:
        return  # the usual case, and the fastest to tell
    n = len(weights)
    found = None if more else _length(x)
    if found is None:
        raise TypeError(
            f"inputs come in one list, here of length {n}, such as {[0.5] * min(n, 3)};"
            f" got {given((x, *more) if more else x)}."
        )
    if found != n:
        raise ValueError(
            f"a neuron with {n} weights was given {found} inputs; give it one list of {n}."
        )


def _length(x: Any) -> int | None:
    """Return how many things stand in a list or an array; None if it is something else, or has no order."""
    try:
        return None if isinstance(x, _ORDERLESS) else len(x)
    except TypeError:
        return None


def _check_layers(nouts: Sequence[int]) -> None:
    """Raise a clear error unless there is a list of sizes with something in it."""
    if isinstance(nouts, str) or (found := _length(nouts)) is None:
        raise TypeError(
            "nouts lists the neurons of each layer, such as [16, 16, 1], as in MLP(2, [16, 16, 1]);"
            f" got {given(nouts)}."
        )
    if not found:
        raise ValueError("an MLP needs at least one layer; nouts is empty.")
    for nout in nouts:
        check_count(nout, 1, _LAYER)
