"""How much faster the forms of Part VI are: whole names at once, training on them, writing with a memory.

`make bench` prints the comparison; the chapter `dilated` measures the same on its own trained networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.data import windows
from nnz.dilated import DilatedWaveNet, batch_norm, write_names
from nnz.gated import GatedWaveNet
from nnz.layers import BatchNorm1d
from nnz.packed import pack, packed_batches
from nnz.sample import sample_names
from nnz.support.timing import least_seconds
from nnz.train import Trainable
from nnz.wavenet import WaveNet

LECTURE_STEPS = 200_000  # of the sixth lecture, with 32 windows each
EPOCHS = {"short": 10, "long": 21}  # of the chapter, with 256 names a batch


def seeded(seed: int) -> torch.Generator:
    """Return a generator of its own."""
    return torch.Generator().manual_seed(seed)


class FastNorm(BatchNorm1d):
    """Our batch norm as torch computes it."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the layer returns."""
        return batch_norm(self, x)


def forms(names: Sequence[str]) -> float:
    """Return the time of loss and slopes of names by the tree, over that by the stack of the same layers."""
    tree = WaveNet(24, 128, generator=seeded(1))
    layers = tree.net.layers
    for i, layer in enumerate(layers):
        if isinstance(layer, BatchNorm1d):  # to compare forms, and not norms
            layers[i] = FastNorm(len(layer.weight))
    stack = DilatedWaveNet(tree)
    X, Y = windows(names, 8)
    packed, _ = pack(names)

    def slopes(model: Trainable, inputs: Any) -> None:
        F.cross_entropy(model.logits(inputs), Y).backward()

    by_tree, by_stack = least_seconds(
        lambda: slopes(tree, X), lambda: slopes(stack, packed)
    )
    return by_tree / by_stack


def training(names: Sequence[str], steps: int = 40) -> dict[str, float]:
    """Return how long the runs of the chapter take, as shares of the lecture's loop, from some steps of each."""
    theirs = WaveNet(24, 128, generator=seeded(1))
    ours = DilatedWaveNet(WaveNet(24, 128, generator=seeded(1)))
    optimizer = torch.optim.AdamW(ours.parameters(), fused=True)
    X, Y = windows(names, 8)
    source, g = packed_batches(names, 256, generator=seeded(2)), seeded(3)

    def lecture() -> None:
        for _ in range(steps):
            i = torch.randint(len(Y), (32,), generator=g)
            loss = F.cross_entropy(theirs.logits(X[i]), Y[i])
            for p in theirs.parameters():
                p.grad = None
            loss.backward()
            for p in theirs.parameters():
                assert p.grad is not None  # every weight has a part in the loss
                p.data -= 0.1 * p.grad

    def packed() -> None:
        for _ in range(steps):
            batch, targets = next(source)
            loss = F.cross_entropy(ours.logits(batch), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    theirs_took, ours_took = least_seconds(lecture, packed)
    epoch = ours_took / steps * math.ceil(len(names) / 256)
    loop = theirs_took / steps * LECTURE_STEPS
    return {kind: epochs * epoch / loop for kind, epochs in EPOCHS.items()}


def writing(n: int = 100) -> float:
    """Return the time to write n names from whole contexts, over that with a memory."""
    model = GatedWaveNet(80, (1, 2, 4, 1, 2, 4), generator=seeded(1))
    plain, cached = least_seconds(
        lambda: sample_names(model, n, generator=seeded(2)),
        lambda: write_names(model, n, generator=seeded(2)),
    )
    return plain / cached


def compare(names: Sequence[str]) -> dict[str, float]:
    """Return the ratios that the chapter claims, by the names of the claims.

    Args:
        names: as many as a training set has, so that an epoch is one.
    """
    shares = training(names)
    return {
        "dilated.forms": forms(names[:1000]),
        "dilated.cached": writing(),
        **{f"dilated.time_{kind}": share for kind, share in shares.items()},
    }
