"""A batch shared out to processes, each with a copy of a GPT, by torch's own `torchrun` and its wrapper."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from nnz.data import load_names, split_names
from nnz.gpt import GPT
from nnz.layers import TensorModule
from nnz.rows import in_rows
from nnz.sample import seeded


class Wrapped(torch.nn.Module):
    """A GPT as torch's wrapper wants it: a module of torch with parameters of torch."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model
        for module in model.modules():
            as_parameters(module)
        self.weights = torch.nn.ParameterList(model.parameters())

    def forward(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the scores (M, V) and the targets (M,) of names."""
        batch, targets = in_rows(names)
        return self.model.logits(batch), targets


def as_parameters(module: TensorModule) -> None:
    """Make the weights of one module parameters of torch, in the memory they are in."""
    for name, value in list(vars(module).items()):
        if isinstance(value, Tensor):
            setattr(module, name, torch.nn.Parameter(value.detach()))


def mean_of_means(net: torch.nn.Module, names: Sequence[str]) -> Tensor:
    """Return the loss of this process's names: what one would write at first."""
    logits, targets = net(names)
    return F.cross_entropy(logits, targets)


def by_letters(net: torch.nn.Module, names: Sequence[str]) -> Tensor:
    """Return what this process's letters give to the mean over those of all, times the number of processes."""
    logits, targets = net(names)
    letters = torch.tensor(float(len(targets)))
    dist.all_reduce(letters)  # the sum over all processes
    total = F.cross_entropy(logits, targets, reduction="sum")
    return total / letters * dist.get_world_size()


def in_each_process(which: int) -> dict[str, float]:
    """Compare with one process that has the whole batch; runs in each process, and returns the same in all."""
    rank, world = dist.get_rank(), dist.get_world_size()
    names = split_names(load_names())[0][32 * which : 32 * which + 32]
    alone = GPT(16, 4, generator=seeded(which))
    mean_of_means(Wrapped(alone), names).backward()
    model = GPT(
        16, 4, generator=seeded(which + rank)
    )  # each process has a seed of its own
    found = {"first weights": apart(model.parameters(), alone.parameters())}
    net = DistributedDataParallel(Wrapped(model))
    found["wrapped"] = apart(model.parameters(), alone.parameters())
    wanted = [p.grad for p in alone.parameters() if p.grad is not None]
    for loss in (mean_of_means, by_letters):
        net.zero_grad()
        loss(net, names[rank::world]).backward()
        ours = [p.grad for p in model.parameters() if p.grad is not None]
        found[loss.__name__] = apart(ours, wanted)
    return found | {"largest": max(g.abs().max().item() for g in wanted)}


@torch.no_grad()
def apart(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest difference, over all processes."""
    gaps = [(a - b).abs().max() for a, b in zip(ours, theirs, strict=True)]
    largest = torch.stack(gaps).max()
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest.item()


def two_processes(seed: int) -> dict[str, float]:
    """Gradients of two processes that share a batch, beside those of one that has all of it."""
    found: dict[str, float] = in_two(__name__, seed)
    return found


def in_two(module: str, *numbers: int) -> Any:
    """Run a module in two processes that torchrun starts, and return what the first of them found."""
    how = ["--standalone", "--nproc-per-node=2", "-m", module, *map(str, numbers)]
    command = [sys.executable, "-m", "torch.distributed.run", *how]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def join(find: Callable[..., object]) -> None:
    """Join the other processes, as torchrun has told this one by its environment, and find something together."""
    dist.init_process_group("gloo")
    found = find(*map(int, sys.argv[1:]))
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    join(in_each_process)
