"""The backward pass of Bengio's network with a batch norm, written by hand: every line, then the short forms.

`forward` keeps every intermediate result under its name, and `backward` returns the gradient of each, without
autograd. The names are those of Karpathy's Zero to Hero, lecture 5.

Chapter: backprop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.plumbing.checks import check_sizes

EPS = 1e-5  # added to the variance, as in `nnz.norms.BatchNorm1d`

PARAMETERS = ("C", "W1", "b1", "bngain", "bnbias", "W2", "b2")

NAMES = (
    *("logprobs", "probs", "counts_sum_inv", "counts_sum", "counts"),
    *("norm_logits", "logit_maxes", "logits", "h", "W2", "b2", "hpreact"),
    *("bngain", "bnbias", "bnraw", "bnvar_inv", "bnvar", "bndiff2", "bndiff"),
    *("bnmeani", "hprebn", "embcat", "W1", "b1", "emb", "C"),
)

Values = dict[str, Tensor]


def first_params(
    block_size: int,
    n_embd: int,
    n_hidden: int,
    n_chars: int,
    *,
    generator: torch.Generator,
) -> Values:
    """Return first weights by name: as in the lecture, with biases that are not zero.

    Zeros and ones would hide mistakes: with a gain of exactly 1, nobody notices that a product with it is missing.

    Args:
        block_size: how many characters of context.
        n_embd: the size of an embedding.
        n_hidden: how many hidden units.
        n_chars: V, how many characters there are.
        generator: the source of randomness.

    Returns:
        float32: C (V, n_embd), W1 (block_size · n_embd, n_hidden), b1 (n_hidden,), bngain and bnbias
        (1, n_hidden), W2 (n_hidden, V), b2 (V,).

    Raises:
        ValueError: a size is not a whole number of at least 1.

    >>> params = first_params(3, 10, 200, 27, generator=torch.Generator().manual_seed(1))
    >>> sum(p.numel() for p in params.values())
    12297
    """
    check_sizes(
        block_size=block_size, n_embd=n_embd, n_hidden=n_hidden, n_chars=n_chars
    )

    def normal(*shape: int, std: float = 0.1, mean: float = 0.0) -> Tensor:
        return mean + std * torch.randn(shape, generator=generator)

    n_in = block_size * n_embd
    return {
        "C": normal(n_chars, n_embd, std=1.0),
        "W1": normal(n_in, n_hidden, std=5 / 3 / math.sqrt(n_in)),
        "b1": normal(n_hidden),
        "bngain": normal(1, n_hidden, mean=1.0),
        "bnbias": normal(1, n_hidden),
        "W2": normal(n_hidden, n_chars),
        "b2": normal(n_chars),
    }


def forward(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Values:
    """Return every tensor of the forward pass by name: the parameters, the intermediates, and the loss.

    The network is Bengio's, with a batch norm in training mode whose variance divides by n - 1, as in the lecture;
    `nnz.norms.BatchNorm1d` divides by n. Gradients flow through everything, if the parameters want them.

    Args:
        params: see `first_params`; float32 or float64, all alike.
        X: contexts, int64 of shape (B, block_size), B at least 2.
        Y: the characters that follow, int64 of shape (B,).

    Raises:
        TypeError: params are not all float32 or all float64, or X or Y are not int64.
        ValueError: a parameter is missing; shapes do not fit; B is 1; an index is outside of the alphabet; a
            parameter is not finite.
    """
    check_batch(params, X, Y)
    v = SimpleNamespace(**params)
    vars(v).update(hidden_forward(v, X))
    vars(v).update(norm_forward(v))
    vars(v).update(output_forward(v))
    vars(v).update(loss_forward(v, Y))
    return vars(v)


def hidden_forward(v: SimpleNamespace, X: Tensor) -> Values:
    """Return what is computed before the batch norm: emb, embcat, hprebn."""
    emb = v.C[X]  # (B, T, n_embd)
    embcat = emb.view(len(X), -1)  # (B, T·n_embd)
    hprebn = embcat @ v.W1 + v.b1  # (B, n_hidden)
    return {"emb": emb, "embcat": embcat, "hprebn": hprebn}


def norm_forward(v: SimpleNamespace) -> Values:
    """Return what the batch norm computes, line by line: bnmeani to hpreact."""
    n = len(v.hprebn)
    bnmeani = 1 / n * v.hprebn.sum(0, keepdim=True)  # (1, n_hidden)
    bndiff = v.hprebn - bnmeani  # (B, n_hidden)
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)  # (1, n_hidden)
    bnvar_inv = (bnvar + EPS) ** -0.5
    bnraw = bndiff * bnvar_inv  # (B, n_hidden)
    hpreact = v.bngain * bnraw + v.bnbias
    first = {"bnmeani": bnmeani, "bndiff": bndiff, "bndiff2": bndiff2}
    last = {"bnvar_inv": bnvar_inv, "bnraw": bnraw, "hpreact": hpreact}
    return first | {"bnvar": bnvar} | last


def output_forward(v: SimpleNamespace) -> Values:
    """Return the hidden units and the logits."""
    h = torch.tanh(v.hpreact)  # (B, n_hidden)
    logits = h @ v.W2 + v.b2  # (B, V)
    return {"h": h, "logits": logits}


def loss_forward(v: SimpleNamespace, Y: Tensor) -> Values:
    """Return what leads from the logits to the loss, line by line: logit_maxes to loss."""
    logit_maxes = v.logits.max(1, keepdim=True).values  # (B, 1)
    norm_logits = v.logits - logit_maxes  # (B, V)
    counts = norm_logits.exp()
    counts_sum = counts.sum(1, keepdim=True)  # (B, 1)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv  # (B, V)
    logprobs = probs.log()
    loss = -logprobs[range(len(Y)), Y].mean()
    first = {"logit_maxes": logit_maxes, "norm_logits": norm_logits}
    second = {"counts": counts, "counts_sum": counts_sum}
    third = {"counts_sum_inv": counts_sum_inv, "probs": probs}
    return first | second | third | {"logprobs": logprobs, "loss": loss}


@torch.no_grad()
def backward(values: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Values:
    """Return the gradient of the loss with respect to each of `NAMES`, in the shape of what it belongs to.

    Args:
        values: what `forward` returned.
        X: the contexts it was called with.
        Y: the characters it was called with.

    Raises:
        TypeError: see `forward`.
        ValueError: see `forward`; or values lack a tensor that is needed.
    """
    if missing := sorted({*NAMES, *PARAMETERS} - values.keys()):
        raise ValueError(
            f"values lack {', '.join(missing)}; pass what forward returned."
        )
    check_batch(values, X, Y)
    v = SimpleNamespace(**values)
    d = loss_backward(v, Y)
    d |= output_backward(v, d["logits"])
    d |= norm_backward(v, d["hpreact"])
    d |= hidden_backward(v, X, d["hprebn"])
    return {name: d[name] for name in NAMES}


def loss_backward(v: SimpleNamespace, Y: Tensor) -> Values:
    """Return the gradients of logprobs to logits."""
    n, V = v.logits.shape
    dlogprobs = torch.zeros_like(v.logprobs)
    dlogprobs[range(n), Y] = -1 / n
    dprobs = dlogprobs / v.probs
    dcounts_sum_inv = (dprobs * v.counts).sum(1, keepdim=True)
    dcounts = dprobs * v.counts_sum_inv
    dcounts_sum = -(v.counts_sum**-2) * dcounts_sum_inv
    dcounts = dcounts + dcounts_sum.expand_as(v.counts)
    dnorm_logits = dcounts * v.counts
    dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)
    at_max = F.one_hot(v.logits.max(1).indices, V)
    dlogits = dnorm_logits + at_max * dlogit_maxes
    first = {"logprobs": dlogprobs, "probs": dprobs, "logits": dlogits}
    second = {"counts_sum_inv": dcounts_sum_inv, "counts_sum": dcounts_sum}
    third = {"counts": dcounts, "norm_logits": dnorm_logits}
    return first | second | third | {"logit_maxes": dlogit_maxes}


def output_backward(v: SimpleNamespace, dlogits: Tensor) -> Values:
    """Return the gradients of h, W2, b2 and hpreact."""
    dh = dlogits @ v.W2.T
    dW2 = v.h.T @ dlogits
    db2 = dlogits.sum(0)
    one = torch.ones_like(v.h)
    dhpreact = dh * torch.addcmul(one, v.h, v.h, value=-1)
    return {"h": dh, "W2": dW2, "b2": db2, "hpreact": dhpreact}


def norm_backward(v: SimpleNamespace, dhpreact: Tensor) -> Values:
    """Return the gradients of bngain to hprebn."""
    n = len(v.hprebn)
    dbngain = (dhpreact * v.bnraw).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dbnraw = dhpreact * v.bngain
    dbnvar_inv = (dbnraw * v.bndiff).sum(0, keepdim=True)
    dbndiff = dbnraw * v.bnvar_inv
    dbnvar = -0.5 * (v.bnvar + EPS) ** -1.5 * dbnvar_inv
    dbndiff2 = 1 / (n - 1) * dbnvar.expand_as(v.bndiff2)
    dbndiff = dbndiff + 2 * v.bndiff * dbndiff2
    dbnmeani = -dbndiff.sum(0, keepdim=True)
    dhprebn = dbndiff + 1 / n * dbnmeani.expand_as(v.hprebn)
    first = {"bngain": dbngain, "bnbias": dbnbias, "bnraw": dbnraw}
    second = {"bnvar_inv": dbnvar_inv, "bnvar": dbnvar, "bndiff2": dbndiff2}
    third = {"bndiff": dbndiff, "bnmeani": dbnmeani, "hprebn": dhprebn}
    return first | second | third


def hidden_backward(v: SimpleNamespace, X: Tensor, dhprebn: Tensor) -> Values:
    """Return the gradients of embcat, W1, b1, emb and C."""
    dembcat = dhprebn @ v.W1.T
    dW1 = v.embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.view(v.emb.shape)
    dC = torch.zeros_like(v.C)
    dC.index_add_(0, X.flatten(), demb.flatten(0, 1))
    return {"embcat": dembcat, "W1": dW1, "b1": db1, "emb": demb, "C": dC}


def check_batch(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> None:
    """Raise a clear error unless the network of `params` can be trained on the batch; see `forward`."""
    if missing := [name for name in PARAMETERS if name not in params]:
        raise ValueError(
            f"params lack {', '.join(missing)}; see nnz.backprop.first_params."
        )
    _check_types(params, X, Y)
    _check_shapes(params, X, Y)
    if len(X) < 2:
        raise ValueError(
            f"the batch has {len(X)} examples; a batch norm needs at least 2, since fewer have no spread."
        )
    _check_indices(len(params["C"]), X=X, Y=Y)


def _check_indices(V: int, **indices: Tensor) -> None:
    for name, t in indices.items():
        low, high = int(t.min()), int(t.max())
        if low < 0 or high >= V:
            raise ValueError(
                f"{name} has indices from {low} to {high}; with {V} characters they must be in 0 to {V - 1}."
            )


def _check_types(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> None:
    dtypes = {name: params[name].dtype for name in PARAMETERS}
    if len(set(dtypes.values())) != 1 or dtypes["C"] not in (
        torch.float32,
        torch.float64,
    ):
        raise TypeError(
            f"params must all be float32, or all float64; got {dtypes}."
        )
    if X.dtype != torch.int64 or Y.dtype != torch.int64:
        raise TypeError(f"X and Y must be int64; got {X.dtype} and {Y.dtype}.")
    for name in PARAMETERS:
        if not math.isfinite(params[name].detach().sum()):
            raise ValueError(f"{name} has numbers that are not finite.")


def _check_shapes(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> None:
    V, n_embd = params["C"].shape
    n_in, n_hidden = params["W1"].shape
    wanted: dict[str, tuple[int, ...]] = {"b1": (n_hidden,), "b2": (V,)}
    wanted |= {"bngain": (1, n_hidden), "bnbias": (1, n_hidden)}
    for name, shape in (wanted | {"W2": (n_hidden, V)}).items():
        if params[name].shape != shape:
            raise ValueError(
                f"{name} has shape {tuple(params[name].shape)}; with C and W1 as they are it must have {shape}."
            )
    if X.ndim != 2 or X.shape[1] * n_embd != n_in or Y.shape != X.shape[:1]:
        raise ValueError(
            f"with these weights X must have shape (B, {n_in / n_embd:g}) and Y (B,); "
            f"got {tuple(X.shape)} and {tuple(Y.shape)}."
        )
