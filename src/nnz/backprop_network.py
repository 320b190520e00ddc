"""A small feed-forward network on arrays, which works out its own gradients: NumPy, and nothing else.

Chapter: backprop-network.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nnz.plumbing.checks import check_count

Array = NDArray[np.float64]
Layers = list[tuple[Array, Array]]  # W (n_in, n_out) and b (n_out,) of each


def first_layers(sizes: Sequence[int], generator: np.random.Generator) -> Layers:
    """Return first weights as those of `nnz.nn`: uniform between -1 and 1, and biases of 0.

    Args:
        sizes: the number of inputs, then the number of neurons of each layer.
        generator: the source of randomness.

    Raises:
        TypeError: a size is no whole number.
        ValueError: there are fewer than two sizes, or one is below 1.

    >>> layers = first_layers([2, 16, 16, 1], np.random.default_rng(0))
    >>> sum(W.size + b.size for W, b in layers)
    337
    """
    rule = "sizes must be at least two whole numbers of at least 1"
    for size in sizes:
        check_count(size, 1, rule)
    if len(sizes) < 2:
        raise ValueError(f"{rule}; got {list(sizes)}.")
    pairs = itertools.pairwise(sizes)
    return [(generator.uniform(-1, 1, pair), np.zeros(pair[1])) for pair in pairs]


def forward(layers: Layers, X: Array) -> list[Array]:
    """Return X, and what each layer makes of it: relu(a @ W + b), and in the last a @ W + b.

    Args:
        layers: see `Layers`.
        X: float64 of shape (B, n_in), an example in each row.

    Returns:
        for each layer what it reads, of shape (B, its n_in); then the outputs, of shape (B, n_out).

    Raises:
        TypeError: X is not an array of float64.
        ValueError: X has another shape, no rows, or numbers that are not finite.
    """
    check_rows("X", X, len(layers[0][0]))
    activations = [X]
    for i, (W, b) in enumerate(layers):
        a = activations[-1] @ W + b  # (B, n_out)
        is_last = i == len(layers) - 1
        activations.append(a if is_last else np.maximum(a, 0))
    return activations


def backward(layers: Layers, activations: list[Array], dZ: Array) -> Layers:
    """Return the gradients of all weights and biases, in the shape of `layers`.

    dW = aᵀ · dZ, db = the sum of the rows of dZ, and for the layer before dZ · Wᵀ where a is above 0: Rumelhart,
    Hinton and Williams (1986), in matrices.

    Args:
        layers: those that `forward` was called with.
        activations: what `forward` returned.
        dZ: the gradient of the loss with respect to the outputs, of their shape.

    Raises:
        TypeError: dZ is not an array of float64.
        ValueError: dZ does not have the shape of the outputs, or has numbers that are not finite.
    """
    check_rows("dZ", dZ, activations[-1].shape[1], len(activations[-1]))
    gradients = []
    for i in reversed(range(len(layers))):
        a = activations[i]  # what the layer read
        gradients.append((a.T @ dZ, dZ.sum(axis=0)))
        if i > 0:  # go on to the pre-activations of the layer before
            dZ = (dZ @ layers[i][0].T) * (a > 0)
    return gradients[::-1]


def hinge(scores: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean of max(0, 1 - y·s) over all examples, and its gradient with respect to the scores.

    Args:
        scores: of shape (B, 1).
        labels: 1 or -1, of shape (B, 1).

    Raises:
        ValueError: the shapes are not alike, or a label is neither 1 nor -1.

    >>> hinge(np.array([[2.0], [0.5]]), np.array([[1.0], [1.0]]))
    (0.25, array([[-0. ],
           [-0.5]]))
    """
    if scores.shape != labels.shape or not np.all(np.abs(labels) == 1):
        raise ValueError(
            f"labels must be 1 or -1, one for each score: scores have shape {scores.shape}, labels {labels.shape}."
        )
    missing = 1 - labels * scores
    loss = np.maximum(missing, 0).mean()
    return float(loss), -labels * (missing > 0) / len(scores)


def loss_and_gradients(
    layers: Layers, X: Array, labels: Array, decay: float = 1e-4
) -> tuple[float, Layers]:
    """Return the loss of micrograd's demo, hinge + decay · the sum of squared parameters, and its gradients.

    Raises:
        TypeError: see `forward`.
        ValueError: see `forward` and `hinge`.
    """
    activations = forward(layers, X)
    loss, dscores = hinge(activations[-1], labels)
    gradients = backward(layers, activations, dscores)
    penalty = decay * sum(np.sum(W * W) + np.sum(b * b) for W, b in layers)
    with_penalty = [
        (dW + 2 * decay * W, db + 2 * decay * b)
        for (dW, db), (W, b) in zip(gradients, layers, strict=True)
    ]
    return loss + float(penalty), with_penalty


def descend(
    layers: Layers, X: Array, labels: Array, steps: int = 100
) -> list[float]:
    """Train in place with micrograd's rate, which falls from 1 to 0.1; return the loss before each step.

    Raises:
        TypeError, ValueError: as `loss_and_gradients`.
        ArithmeticError: the parameters are not finite in the end; those of before are then put back.
    """
    before = [(W.copy(), b.copy()) for W, b in layers]
    losses = []
    for k in range(steps):
        loss, gradients = loss_and_gradients(layers, X, labels)
        rate = 1.0 - 0.9 * k / steps
        for (W, b), (dW, db) in zip(layers, gradients, strict=True):
            W -= rate * dW
            b -= rate * db
        losses.append(loss)
    _check_end(layers, before)
    return losses


def _check_end(layers: Layers, before: Layers) -> None:
    """Put the parameters of before back, and say so, if these are not finite."""
    if all(np.isfinite(p).all() for pair in layers for p in pair):
        return
    for pair, kept in zip(layers, before, strict=True):
        for p, old in zip(pair, kept, strict=True):
            p[...] = old
    raise ArithmeticError(
        "descent has left numbers that are not finite, so it was undone; give inputs of the size of 1."
    )


def numerical_gradients(
    loss: Callable[[], float], layers: Layers, h: float = 1e-5
) -> Layers:
    """Return (loss(p + h) - loss(p - h)) / 2h for each single parameter p, in the shape of `layers`.

    Args:
        loss: computes the loss with the parameters as they are.
        layers: whose parameters are moved, one at a time, and put back.
        h: the step, above 0.

    Raises:
        ValueError: h is not finite and above 0.
    """
    if not 0 < h < np.inf:
        raise ValueError(f"h is {h}; it must be above 0, and finite.")
    found = [(np.empty_like(W), np.empty_like(b)) for W, b in layers]
    for pair, gradients in zip(layers, found, strict=True):
        for p, dp in zip(pair, gradients, strict=True):
            for at in np.ndindex(p.shape):
                dp[at] = slope_at(loss, p, at, h)
    return found


def slope_at(
    loss: Callable[[], float], p: Array, at: tuple[int, ...], h: float
) -> float:
    """Return (loss(p + h) - loss(p - h)) / 2h for one entry of p, which is put back whatever happens.

    Args:
        loss: computes the loss with p as it is.
        p: the array, which is moved in place.
        at: the indices of the entry.
        h: the step.
    """
    kept = p[at]
    try:
        p[at] = kept + h
        above = loss()
        p[at] = kept - h
        return (above - loss()) / (2 * h)
    finally:
        p[at] = kept


def relative_error(one: Layers, other: Layers) -> float:
    """Return ‖one - other‖ / (‖one‖ + ‖other‖), with Euclidean norms over all entries; 0 if both are 0.

    It is 0 for equal gradients and 1 for opposite ones.
    """
    u, v = (
        np.concatenate([g.ravel() for pair in x for g in pair])
        for x in (one, other)
    )
    size = float(np.linalg.norm(u) + np.linalg.norm(v))
    return float(np.linalg.norm(u - v)) / size if size else 0.0


def check_rows(
    name: str, rows: Array, width: int, count: int | None = None
) -> None:
    """Raise a clear error unless rows is a table of finite float64 numbers of the given width."""
    if not isinstance(rows, np.ndarray) or rows.dtype != np.float64:
        kind = getattr(rows, "dtype", type(rows).__name__)
        raise TypeError(f"{name} must be an array of float64; got {kind}.")
    if (
        rows.ndim != 2
        or rows.shape[1] != width
        or len(rows) != (count or len(rows))
    ):
        wanted = f"({count or 'B'}, {width})"
        raise ValueError(f"{name} must have shape {wanted}; got {rows.shape}.")
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"{name} must have rows, and finite numbers only.")
