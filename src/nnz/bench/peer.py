"""Train the same network with `nnz`, with micrograd 0.1.0 and with a lean engine, and measure each.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnz.bench.lean import TinyGPT
from nnz.moons import total_loss, train_step, two_moons
from nnz.nn import MLP

ENGINES = ("nnz", "micrograd")
LEAN = ("nnz", "lean")
SWITCHES = frozenset({"uncollected", "uncircled", "gpt"})
SIZES = (2, [16, 16, 1])  # the network of micrograd's demo, and its number of points
POINTS, NOISE, SEED = 100, 0.1, 1337


@dataclass(frozen=True)
class Run:
    """What one process measured.

    Attributes:
        engine: whose Value it was.
        seconds: for each training step, how long it took.
        collecting: of these, the seconds spent in the garbage collector.
        losses: the loss at each step.
        collections: how often the collector ran, at each step.
        freed: objects that it found unreachable, at each step.
        nodes: how many nodes the loss was computed from.
        watched_per_node: objects that the collector has to look after, for a node of the graph.
        bytes_per_node: what the graph of one loss takes, over its nodes.
    """

    engine: str
    seconds: list[float]
    collecting: list[float]
    losses: list[float]
    collections: list[int]
    freed: list[int]
    nodes: int
    watched_per_node: float
    bytes_per_node: float

    @property
    def step(self) -> float:
        """The mean seconds of a step; the first, which finds no leftovers, does not count.

        A mean and not the least, because the collector's long runs fall into some steps and not into others.
        """
        return sum(self.seconds[1:]) / len(self.seconds[1:])


def measure(engine: str, steps: int, *switches: str) -> Run:
    """Measure one engine in a new process.

    Args:
        engine: "nnz", "micrograd" or "lean".
        steps: how many training steps; at least 2.
        switches: "uncollected" turns Python's garbage collector off; "uncircled" takes from micrograd's graph,
            after each step, the functions through which its nodes refer to themselves; "gpt" trains
            `nnz.bench.lean.TinyGPT`, for which micrograd lacks exp and log.

    Raises:
        ValueError: the engine or a switch is unknown, or there are fewer than 2 steps.
        RuntimeError: the process failed; the message is what it said.
    """
    known = sorted({*ENGINES, *LEAN})
    if engine not in known or steps < 2 or not SWITCHES.issuperset(switches):
        raise ValueError(
            f"expected an engine of {known}, at least 2 steps, and switches of {sorted(SWITCHES)}; "
            f"got {engine!r}, {steps} and {switches}."
        )
    command = [sys.executable, "-m", "nnz.bench.peer", engine, str(steps), *switches]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise RuntimeError(f"measuring {engine} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout))


def compare(
    rounds: int = 4, steps: int = 3, *switches: str, engines: Sequence[str] = ENGINES
) -> dict[str, Run]:
    """Measure engines in turn, so that a slow moment of the machine meets all, and return the fastest run of each.

    micrograd takes `steps` steps a round, and the others, which are so much faster, five times as many.
    """
    runs = [
        measure(engine, steps * (1 if engine == "micrograd" else 5), *switches)
        for _ in range(rounds)
        for engine in engines
    ]
    return {
        engine: min((run for run in runs if run.engine == engine), key=lambda run: run.step)
        for engine in engines
    }


def largest_difference(one: Run, other: Run) -> float:
    """Return the largest relative difference of two runs' losses, over the steps that both took."""
    pairs = zip(one.losses, other.losses, strict=False)
    return max(abs(a - b) / abs(b) for a, b in pairs)


def build(engine: str) -> tuple[Any, Any]:
    """Return an engine's Value, and its network with the same weights for every engine."""
    ours = MLP(*SIZES, generator=random.Random(SEED))
    if engine == "nnz":
        return engine_of(engine), ours
    if engine == "lean":
        value = engine_of(engine)
        for neuron in (n for layer in ours.layers for n in layer.neurons):
            neuron.w = [value(w.data) for w in neuron.w]
            neuron.b = value(neuron.b.data)
        return value, ours
    model = importlib.import_module("micrograd.nn").MLP(*SIZES)
    for theirs, parameter in zip(model.parameters(), ours.parameters(), strict=True):
        theirs.data = parameter.data
    return engine_of(engine), model


def engine_of(name: str) -> Any:
    """Return the class of an engine's values."""
    modules = {"nnz": "nnz.engine", "lean": "nnz.bench.lean"}
    return importlib.import_module(modules.get(name, f"{name}.engine")).Value


def operands(node: Any) -> Any:
    """Return what a node of any engine was made of."""
    if hasattr(node, "operands"):
        return [operand for operand, _ in node.operands]
    return node._children if hasattr(node, "_children") else node._prev


def graph(root: Any) -> list[Any]:
    """Return every node of a graph of any engine."""
    found, stack = {id(root): root}, [root]
    while stack:
        node = stack.pop()
        for operand in operands(node):
            if id(operand) not in found:
                found[id(operand)] = operand
                stack.append(operand)
    return list(found.values())


def _cut(root: Any) -> None:
    """Take from micrograd's inner nodes the functions that refer to them."""
    for node in graph(root):
        if node._prev:
            node._backward = None


class _Watch:
    """Counts what the garbage collector does."""

    def __init__(self) -> None:
        self.seconds, self.runs, self.freed, self._began = 0.0, 0, 0, 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._began
            self.runs += 1
            self.freed += info["collected"]


def _footprint(loss_of: Callable[[], Any]) -> tuple[int, float, float]:
    """Return how many nodes a graph has, and for each the objects that the collector watches and the bytes."""
    gc.collect()
    before = len(gc.get_objects())
    tracemalloc.start()
    loss = loss_of()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    watched = len(gc.get_objects()) - before
    nodes = len(graph(loss))
    return nodes, watched / nodes, used / nodes


def program(engine: str, *switches: str) -> tuple[Any, Callable[[], Any], float]:
    """Return what is trained, what returns its loss, and the first rate: a network on two moons, or the GPT."""
    if "gpt" in switches:
        gpt = TinyGPT(engine_of(engine), SEED)
        return gpt, lambda: gpt.loss([0, 5, 13, 13, 1, 0]), 0.05  # .emma.
    value, model = build(engine)
    points, labels = two_moons(POINTS, NOISE, random.Random(SEED))
    return model, lambda: total_loss(model, value, points, labels), 1.0


def _main(engine: str, steps: int, switches: Sequence[str]) -> None:
    model, loss_of, rate = program(engine, *switches)
    cutting = 0.0

    def step(k: int) -> float:
        """Train one step; the graph is let go at its end, which is part of the time."""
        nonlocal cutting
        loss = loss_of()
        train_step(model, loss, k, rate)
        if "uncircled" in switches:
            began = time.perf_counter()
            _cut(loss)
            cutting = time.perf_counter() - began
        return float(loss.data)

    if "uncollected" in switches:
        gc.disable()
    seconds, losses, watches = [], [], []
    for k in range(steps):
        watches.append(watch := _Watch())
        gc.callbacks.append(watch)
        start = time.perf_counter()
        losses.append(step(k))
        seconds.append(time.perf_counter() - start - cutting)
        gc.callbacks.remove(watch)
    nodes, watched, used = _footprint(loss_of)
    run = Run(
        engine,
        seconds,
        [watch.seconds for watch in watches],
        losses,
        [watch.runs for watch in watches],
        [watch.freed for watch in watches],
        nodes,
        watched,
        used,
    )
    json.dump(run.__dict__, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
