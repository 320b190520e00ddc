"""What a second process saves or costs at a step of a GPT: seconds of one with the whole batch, and of two."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from nnz.data import load_names, split_names
from nnz.experiments.data_parallel import Wrapped, by_letters, in_two, join, mean_of_means
from nnz.gpt import GPT
from nnz.sample import seeded

ROUNDS = 5


def ratio(size: int) -> float:
    """Return the seconds of a step of one process with so many names over those of all, each with its share.

    Runs in each process of a group; all others wait while the first is alone.
    """
    names = split_names(load_names())[0][:size]
    alone = Wrapped(GPT(16, 4, generator=seeded(1)))
    shared = DistributedDataParallel(Wrapped(GPT(16, 4, generator=seeded(1))))
    mine = names[dist.get_rank() :: dist.get_world_size()]
    one, all_ = [], []
    for _ in range(ROUNDS):
        dist.barrier()
        if dist.get_rank() == 0:
            one.append(seconds(lambda: mean_of_means(alone, names)))
        dist.barrier()
        all_.append(seconds(lambda: by_letters(shared, mine)))
    return min(one) / min(all_) if one else 0.0


def seconds(loss: Callable[[], Tensor]) -> float:
    """Return how long a few losses and their gradients took."""
    began = time.perf_counter()
    for _ in range(5):
        loss().backward()
    return time.perf_counter() - began


def ratios(*sizes: int) -> list[float]:
    """Return `ratio` for batches of these sizes; runs in each process."""
    return [ratio(size) for size in sizes]


def two_processes(sizes: Sequence[int]) -> list[float]:
    """Return `ratio` for batches of these sizes, with two processes that torchrun starts."""
    found: list[float] = in_two(__name__, *sizes)
    return found


if __name__ == "__main__":
    join(ratios)
