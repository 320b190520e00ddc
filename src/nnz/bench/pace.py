"""How long a training step of the network of `nnz.backprop` takes, in four ways, and on what.

`make bench` prints the comparison, and the chapter `backprop` records it as claims.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.backprop import EPS, Values, first_params
from nnz.by_hand import HandStep
from nnz.hand_mlp import autograd_loss
from nnz.short_forms import batchnorm_backward, cross_entropy_backward

RATE = 0.1
Parts = dict[str, float]  # seconds of a step, by what they were spent on


class Clock:
    """Adds up seconds by what they were spent on."""

    def __init__(self) -> None:
        self.parts: Parts = {}
        self.last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Charge the time since the last call to a part."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + now - self.last
        self.last = now


def with_autograd(params: Values, X: Tensor, Y: Tensor, rows: Tensor, clock: Clock) -> None:
    """Train with loss.backward(), a step for each row of `rows`."""
    weights = [p.requires_grad_() for p in params.values()]
    for i in rows:
        loss = autograd_loss(params, X.index_select(0, i), Y.index_select(0, i))
        clock.lap("forward")
        for p in weights:
            p.grad = None
        loss.backward()
        clock.lap("backward")
        with torch.no_grad():
            for p in weights:
                assert p.grad is not None
                p.add_(p.grad, alpha=-RATE)
        clock.lap("update")


@torch.no_grad()
def with_loops(params: Values, X: Tensor, Y: Tensor, rows: Tensor, clock: Clock) -> None:
    """Train by hand as lecture 5 does: the short forms, new tensors for all, loops over the embeddings."""
    C, W1, b1, gain, bias, W2, b2 = params.values()
    for i in rows:
        x, y = X[i], Y[i]
        emb = C[x]
        embcat = emb.view(len(x), -1)
        a = embcat @ W1 + b1
        inv = (a.var(0, keepdim=True) + EPS) ** -0.5
        raw = (a - a.mean(0, keepdim=True)) * inv
        h = torch.tanh(gain * raw + bias)
        logits = h @ W2 + b2
        F.cross_entropy(logits, y)
        clock.lap("forward")
        dlogits = cross_entropy_backward(logits, y)
        dhpreact = (1 - h**2) * (dlogits @ W2.T)
        da, dgain, dbias = batchnorm_backward(dhpreact, raw, inv, gain)
        demb = (da @ W1.T).view(emb.shape)
        found = [embcat.T @ da, da.sum(0), dgain, dbias]
        found += [h.T @ dlogits, dlogits.sum(0)]
        clock.lap("backward")
        dC = torch.zeros_like(C)
        for b in range(x.shape[0]):
            for t in range(x.shape[1]):
                dC[x[b, t]] += demb[b, t]
        clock.lap("embeddings")
        for p, dp in zip(params.values(), [dC, *found], strict=True):
            p -= RATE * dp
        clock.lap("update")


@torch.no_grad()
def in_torch(params: Values, X: Tensor, Y: Tensor, rows: Tensor, clock: Clock) -> None:
    """Train by hand with the operations of `HandStep`, in torch, in place where it can be."""
    C, W1, _, gain, bias, W2, b2 = params.values()
    n, one = rows.shape[1], torch.ones(())
    for i in rows:
        x, y = X.index_select(0, i), Y.index_select(0, i)
        flat = x.flatten()
        embcat = C.index_select(0, flat).view(n, -1)
        raw = torch.mm(embcat, W1)
        raw -= raw.mean(0)
        inv = (raw.square().sum(0) / (n - 1) + EPS).rsqrt_()
        raw *= inv
        h = torch.addcmul(bias, raw, gain).tanh_()
        logits = torch.addmm(b2, h, W2)
        probs = torch.softmax(logits, dim=1)
        -probs.gather(1, y[:, None]).log_().mean()
        clock.lap("forward")
        probs[range(n), y] -= 1
        probs /= n
        dh = torch.mm(probs, W2.T)
        dh *= torch.addcmul(one, h, h, value=-1)
        dgain, dbias = (dh * raw).sum(0), dh.sum(0)
        dh.addcmul_(raw, dgain, value=-1 / (n - 1)).sub_(dbias, alpha=1 / n)
        dh *= gain[0] * inv
        demb = torch.mm(dh, W1.T).view(len(flat), -1)
        clock.lap("backward")
        C.index_add_(0, flat, demb, alpha=-RATE)
        W1.addmm_(embcat.T, dh, alpha=-RATE)
        W2.addmm_(h.T, probs, alpha=-RATE)
        b2.sub_(probs.sum(0), alpha=RATE)
        gain.sub_(dgain, alpha=RATE)
        bias.sub_(dbias, alpha=RATE)
        clock.lap("update")


class _Timed(HandStep):
    """A `HandStep` that says where its time goes."""

    clock: Clock

    def backward(self) -> None:
        self.clock.lap("forward")
        super().backward()
        self.clock.lap("backward")


def by_hand(params: Values, X: Tensor, Y: Tensor, rows: Tensor, clock: Clock) -> None:
    """Train with `nnz.by_hand.HandStep`."""
    step = _Timed(params, X, Y, rows.shape[1])
    step.clock = clock
    clock.last = time.perf_counter()  # its arrays are made once, for all steps
    for i in rows.numpy():
        step(i, RATE)
        clock.lap("update")


Way = Callable[[Values, Tensor, Tensor, Tensor, Clock], None]
WAYS: dict[str, tuple[Way, int]] = {  # and how many steps a round takes
    "by hand": (by_hand, 400),
    "autograd": (with_autograd, 400),
    "by hand, in torch": (in_torch, 400),
    "by hand, with loops": (with_loops, 60),
}


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def compare(rounds: int = 9, n_hidden: int = 200) -> dict[str, Parts]:
    """Time all ways in turn, in a new process on one core; return the parts of a step in each one's fastest round.

    All begin with the same weights, and take the same batches of 32 random contexts of three characters.

    Args:
        rounds: how often each is timed; at least 1.
        n_hidden: how wide the hidden layer is.

    Raises:
        ValueError: there are no rounds.
        RuntimeError: the process failed; the message is what it said.
    """
    return _in_a_process(rounds, "steps", n_hidden)


def _in_a_process(rounds: int, what: str, n_hidden: int) -> dict[str, Parts]:
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; it must be at least 1.")
    command = [sys.executable, "-m", "nnz.bench.pace", what]
    command += [str(rounds), str(n_hidden)]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", env=environment)
    if done.returncode:
        raise RuntimeError(f"measuring failed:\n{done.stderr}")
    found: dict[str, Parts] = json.loads(done.stdout)
    return found


def arithmetic(rounds: int = 9) -> float:
    """Return the seconds that a step's six matrix products and its tanh take by themselves, in NumPy on one core.

    Args:
        rounds: how often they are timed; the fastest counts.

    Raises:
        ValueError: there are no rounds.
        RuntimeError: the process failed; the message is what it said.
    """
    return _in_a_process(rounds, "arithmetic", 200)["arithmetic"]["all"]


def _bare(rounds: int, n: int) -> dict[str, Parts]:
    rng = np.random.default_rng(0)
    x, W1, h, W2, d = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((32, 30), (30, n), (32, n), (n, 27), (32, 27))
    )
    out = [np.empty_like(a) for a in (h, d, h, W2, W1, x, h)]
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(400):
            np.dot(x, W1, out=out[0])
            np.dot(h, W2, out=out[1])
            np.dot(d, W2.T, out=out[2])
            np.dot(h.T, d, out=out[3])
            np.dot(x.T, h, out=out[4])
            np.dot(h, W1.T, out=out[5])
            np.tanh(h, out=out[6])
        best = min(best, (time.perf_counter() - start) / 400)
    return {"arithmetic": {"all": best}}


def _measure(rounds: int, n_hidden: int) -> dict[str, Parts]:
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(3)
    X = torch.randint(27, (10_000, 3), generator=g)
    Y = torch.randint(27, (10_000,), generator=g)
    rows = torch.randint(len(Y), (400, 32), generator=g)
    best: dict[str, Parts] = {}
    for _ in range(rounds):
        for name, (way, most) in WAYS.items():
            steps = max(1, most * 200 // max(n_hidden, 200))
            params = first_params(3, 10, n_hidden, 27, generator=torch.Generator().manual_seed(4))
            clock = Clock()
            way(params, X, Y, rows[:steps], clock)
            parts = {part: s / steps for part, s in clock.parts.items()}
            if name not in best or sum(parts.values()) < sum(best[name].values()):
                best[name] = parts
    return best


if __name__ == "__main__":
    measure = {"steps": _measure, "arithmetic": _bare}[sys.argv[1]]
    print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]))))
