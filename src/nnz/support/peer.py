"""Train the same network with `nnz` and with micrograd 0.1.0, and measure both.

Each engine runs in a process of its own: in one process the garbage that one leaves is charged to the other.
`make bench` prints the comparison, and the chapter `engine` records it as claims.
"""

from __future__ import annotations

import gc
import importlib
import json
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnz.moons import two_moons
from nnz.nn import MLP

ENGINES = ("nnz", "micrograd")
SIZES = (
    2,
    [16, 16, 1],
)  # the network of micrograd's demo, and its number of points
POINTS, NOISE, SEED = 100, 0.1, 1337


@dataclass(frozen=True)
class Run:
    """What one process measured.

    Attributes:
        engine: whose Value it was.
        seconds: for each training step, how long it took.
        collecting: of these, the seconds spent in the garbage collector.
        losses: the loss at each step.
        freed: objects that the collector found unreachable, at each step.
        nodes: how many nodes the loss was computed from.
        bytes_per_node: what the graph of one loss takes, over its nodes.
    """

    engine: str
    seconds: list[float]
    collecting: list[float]
    losses: list[float]
    freed: list[int]
    nodes: int
    bytes_per_node: float

    @property
    def step(self) -> float:
        """The least seconds of a step; the first, which follows no other, is left out."""
        return min(self.seconds[1:])


def measure(engine: str, steps: int, collector: bool = True) -> Run:
    """Measure one engine in a new process.

    Args:
        engine: "nnz" or "micrograd".
        steps: how many training steps; at least 2.
        collector: whether Python's garbage collector is on.

    Raises:
        ValueError: the engine is unknown, or there are fewer than 2 steps.
        RuntimeError: the process failed; the message is what it said.
    """
    if engine not in ENGINES or steps < 2:
        raise ValueError(
            f"expected an engine of {ENGINES} and at least 2 steps; got {engine!r} and {steps}."
        )
    command = [
        sys.executable,
        "-m",
        "nnz.support.peer",
        engine,
        str(steps),
        str(int(collector)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"measuring {engine} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout))


def compare(rounds: int = 2, steps: int = 4) -> dict[str, Run]:
    """Measure both in turn, so that a slow moment of the machine meets both, and return the faster run of each.

    micrograd takes `steps` steps a round, and nnz, which is so much faster, five times as many.
    """
    runs = [
        measure(engine, steps * (5 if engine == "nnz" else 1))
        for _ in range(rounds)
        for engine in ENGINES
    ]
    return {
        engine: min(
            (run for run in runs if run.engine == engine), key=lambda run: run.step
        )
        for engine in ENGINES
    }


def largest_difference(one: Run, other: Run) -> float:
    """Return the largest relative difference of two runs' losses, over the steps that both took."""
    pairs = zip(one.losses, other.losses, strict=False)
    return max(abs(a - b) / abs(b) for a, b in pairs)


def total_loss(
    model: Any, value: Any, points: Sequence[Sequence[float]], labels: Sequence[int]
) -> Any:
    """Return the loss of micrograd's demo: the mean hinge loss, and 1e-4 times the sum of squared weights."""
    scores = [model([value(x) for x in point]) for point in points]
    losses = [
        (1 + -label * score).relu()
        for label, score in zip(labels, scores, strict=True)
    ]
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(
        p * p for p in model.parameters()
    )


def train_step(model: Any, loss: Any, k: int) -> None:
    """Take the demo's step number `k`, whose rate falls from 1 to 0.1 over a hundred steps."""
    model.zero_grad()
    loss.backward()
    rate = 1.0 - 0.9 * k / 100
    for parameter in model.parameters():
        parameter.data -= rate * parameter.grad


def build(engine: str) -> tuple[Any, Any]:
    """Return an engine's Value, and its network with the same weights for every engine."""
    ours = MLP(*SIZES, generator=random.Random(SEED))
    if engine == "nnz":
        return importlib.import_module("nnz.engine").Value, ours
    model = importlib.import_module("micrograd.nn").MLP(*SIZES)
    for theirs, parameter in zip(
        model.parameters(), ours.parameters(), strict=True
    ):
        theirs.data = parameter.data
    return importlib.import_module("micrograd.engine").Value, model


def count_nodes(root: Any) -> int:
    """Count the nodes of a graph of either engine."""
    seen, stack = {id(root)}, [root]
    while stack:
        node = stack.pop()
        before = (
            [operand for operand, _ in node.operands]
            if hasattr(node, "operands")
            else node._prev
        )
        fresh = [operand for operand in before if id(operand) not in seen]
        seen.update(map(id, fresh))
        stack += {id(operand): operand for operand in fresh}.values()
    return len(seen)


def _main(engine: str, steps: int, collector: bool) -> None:
    value, model = build(engine)
    points, labels = two_moons(POINTS, NOISE, random.Random(SEED))
    spent, freed = [0.0], [0]
    began = 0.0

    def watch(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            spent[-1] += time.perf_counter() - began
            freed[-1] += info["collected"]

    gc.callbacks.append(watch)
    if not collector:
        gc.disable()
    seconds, losses = [], []
    for k in range(steps):
        start = time.perf_counter()
        loss = total_loss(model, value, points, labels)
        train_step(model, loss, k)
        seconds.append(time.perf_counter() - start)
        losses.append(loss.data)
        spent.append(0.0)
        freed.append(0)
    gc.callbacks.remove(watch)
    del loss
    gc.collect()
    tracemalloc.start()
    loss = total_loss(model, value, points, labels)
    nodes = count_nodes(loss)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    run = Run(engine, seconds, spent[:-1], losses, freed[:-1], nodes, used / nodes)
    json.dump(run.__dict__, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")
