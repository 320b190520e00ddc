"""A batch that is shared out to processes has the gradients of the whole one; here in a group of one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from nnz.bench import processes
from nnz.experiments import data_parallel
from nnz.experiments.data_parallel import Wrapped, apart, by_letters, in_each_process, mean_of_means
from nnz.gpt import GPT
from nnz.rows import in_rows
from nnz.sample import seeded


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A group that has this process alone."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_wrapped_model_has_its_weights_as_parameters_and_the_same_scores() -> None:
    model = GPT(8, 2, 2, generator=seeded(1))
    batch, targets = in_rows(["emma", "ava"])
    before = model.logits(batch)
    net = Wrapped(model)
    logits, asked = net(["emma", "ava"])
    assert torch.equal(logits, before)
    assert torch.equal(asked, targets)
    assert [id(p) for p in net.parameters()] == [id(p) for p in model.parameters()]
    assert all(isinstance(p, torch.nn.Parameter) for p in model.parameters())
    F.cross_entropy(logits, asked).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_alone_both_losses_are_the_mean(group: None) -> None:
    net = Wrapped(GPT(8, 2, generator=seeded(1)))
    names = ["emma", "isabella"]
    assert by_letters(net, names).item() == pytest.approx(mean_of_means(net, names).item(), rel=1e-6)


def test_a_group_of_one_has_the_gradients_of_the_whole_batch(
    group: None, monkeypatch: pytest.MonkeyPatch, sample: list[str]
) -> None:
    monkeypatch.setattr(data_parallel, "load_names", lambda: sample)
    found = in_each_process(2)
    assert found["first weights"] == found["wrapped"] == 0
    assert max(found["mean_of_means"], found["by_letters"]) < 1e-6 < found["largest"]


def test_the_gain_is_a_ratio_of_times(
    group: None, monkeypatch: pytest.MonkeyPatch, sample: list[str]
) -> None:
    monkeypatch.setattr(processes, "load_names", lambda: sample)
    took = iter([3.0, 6.0, 2.0, 4.0, 5.0, 8.0, 5.0, 8.0, 5.0, 8.0])  # alone and together, in turn
    monkeypatch.setattr(processes, "seconds", lambda loss: loss().item() * 0 + next(took))
    assert processes.ratio(32) == 2 / 4


def test_the_largest_difference_is_found(group: None) -> None:
    a, b = [torch.zeros(2), torch.ones(3)], [torch.zeros(2), torch.tensor([1.0, 3.5, 1.0])]
    assert apart(a, b) == 2.5
