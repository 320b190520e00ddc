"""Measure what the book claims about speed: `make bench`.

So far that is the engine against micrograd 0.1.0, on micrograd's own network.
"""

from __future__ import annotations

import sys

from nnz.support import peer
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
    broken = 0
    for name, value in ratios.items():
        claim = book_claims()[name]
        broken += not claim.holds(value)
        verdict = "holds" if claim.holds(value) else "DOES NOT HOLD"
        print(f"{name:14} {value:.3g}  (claimed: {claim.bound}; {verdict})")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
