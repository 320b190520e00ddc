"""Measure what the book claims about speed: `make bench`.

The engine against micrograd 0.1.0, on micrograd's own network; a step of the network of Part V by
hand, against autograd and against a loop by hand as lecture 5 has it; and whole names at once, training
on them and writing with a memory, against windows, the loop of lecture 6 and whole contexts.
"""

from __future__ import annotations

import sys

import torch

from nnz.data import load_names, split_names
from nnz.support import pace, peer, race
from nnz.support.claims import book_claims


def main() -> int:
    """Print the measurements and return 1 if one is not what the book claims."""
    runs = peer.compare()
    ours, theirs = runs["nnz"], runs["micrograd"]
    for run in (ours, theirs):
        print(
            f"{run.engine:10} {1000 * run.step:8.1f} ms a training step, "
            f"{run.bytes_per_node:4.0f} bytes a node, {run.nodes:,} nodes"
        )
    ratios = {
        "engine.speed": theirs.step / ours.step,
        "engine.memory": ours.bytes_per_node / theirs.bytes_per_node,
        "engine.same": peer.largest_difference(ours, theirs),
    }
    parts = pace.compare()
    seconds = {way: sum(of.values()) for way, of in parts.items()}
    for way, of in parts.items():
        spent = ", ".join(f"{part} {1e6 * s:.0f}" for part, s in of.items())
        print(f"{way:20} {1e6 * seconds[way]:6.0f} µs a step ({spent})")
    hand = seconds["by hand"]
    ratios["backprop.faster_than_autograd"] = seconds["autograd"] / hand
    ratios["backprop.faster_than_loops"] = seconds["by hand, with loops"] / hand
    torch.set_num_threads(1)
    ratios |= race.compare(split_names(load_names())[0])
    broken = 0
    for name, value in ratios.items():
        claim = book_claims()[name]
        broken += not claim.holds(value)
        verdict = "holds" if claim.holds(value) else "DOES NOT HOLD"
        print(f"{name:30} {value:.3g}  (claimed: {claim.bound}; {verdict})")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
