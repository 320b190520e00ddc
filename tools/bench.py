"""Measure what the book says about speed, each number beside its goal: `make bench`.

A goal that is missed here is reported, and does not count, unless `--strict` (`make bench STRICT=1`) is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from nnz.bench import table as bench

ROOT = Path(__file__).resolve().parents[1]


def say(text: str) -> None:
    """Show a text to the person who waits, at once."""
    print(text, end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure all, on one thread, as a page of the book has it; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure what the book says about speed.")
    parser.add_argument("--strict", action="store_true", help="a missed goal counts")
    given = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started
    torch.set_num_threads(1)
    return bench.run(ROOT / "_build" / "bench.json", say, strict=given.strict)


if __name__ == "__main__":
    sys.exit(main())
