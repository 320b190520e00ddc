"""Neurons, layers and networks of them, on single numbers: the interface is micrograd's.

Code written for micrograd runs on this module and `nnz.engine` after changing its imports.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from nnz.engine import Value


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
        n_in: the number of inputs.
        nonlin: whether the sum goes through the ReLU.
        generator: where the weights are drawn from; without one, Python's shared generator, which
            `random.seed` sets.

    Raises:
        ValueError: `n_in` is less than 1.

    >>> neuron = Neuron(2, generator=random.Random(3))
    >>> neuron, len(neuron.parameters())
    (ReLUNeuron(2), 3)
    """

    def __init__(
        self,
        n_in: int,
        nonlin: bool = True,
        generator: random.Random | None = None,
    ) -> None:
        if n_in < 1:
            raise ValueError(f"a neuron needs at least 1 input; got {n_in}.")
        uniform = (generator or random).uniform
        self.w = [Value(uniform(-1, 1)) for _ in range(n_in)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Value | float]) -> Value:
        """Return the neuron's output for inputs (n_in,)."""
        if len(x) != len(self.w):
            raise ValueError(
                f"a neuron with {len(self.w)} weights was given {len(x)} inputs."
            )
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
        n_in: the number of inputs.
        n_out: the number of neurons.
        nonlin: whether their sums go through the ReLU.
        generator: as in `Neuron`.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        nonlin: bool = True,
        generator: random.Random | None = None,
    ) -> None:
        if n_out < 1:
            raise ValueError(f"a layer needs at least 1 neuron; got {n_out}.")
        self.neurons = [Neuron(n_in, nonlin, generator) for _ in range(n_out)]

    def __call__(self, x: Sequence[Value | float]) -> list[Value] | Value:
        """Return the outputs (n_out,) for inputs (n_in,); a layer of one neuron returns its output alone."""
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
        n_in: the number of inputs.
        n_outs: the number of neurons of each layer.
        generator: as in `Neuron`.

    Raises:
        ValueError: there is no layer, or a size is less than 1.

    >>> model = MLP(2, [16, 16, 1], generator=random.Random(0))
    >>> len(model.parameters()), model([0.5, -1.0]).op
    (337, '+')
    """

    def __init__(
        self,
        n_in: int,
        n_outs: Sequence[int],
        generator: random.Random | None = None,
    ) -> None:
        if not n_outs:
            raise ValueError("an MLP needs at least one layer; n_outs is empty.")
        sizes = [n_in, *n_outs]
        last = len(n_outs) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], i != last, generator)
            for i in range(len(n_outs))
        ]

    def __call__(self, x: Sequence[Value | float]) -> list[Value] | Value:
        """Return the outputs of the last layer for inputs (n_in,)."""
        for layer in self.layers[:-1]:
            out = layer(x)
            x = out if isinstance(out, list) else [out]
        return self.layers[-1](x)

    def parameters(self) -> list[Value]:
        """Return the parameters of the first layer, then of the second, and so on."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
