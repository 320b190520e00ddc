"""The comparison with micrograd: that it measures what it says."""

from __future__ import annotations

import gc
import json
from types import SimpleNamespace

import pytest

from nnz.bench import peer
from nnz.moons import total_loss

pytestmark = pytest.mark.support


@pytest.fixture(scope="module")
def runs() -> dict[str, peer.Run]:
    """Both engines, each measured in a process of its own; micrograd without its circles."""
    ours = peer.measure("nnz", 2)
    return {"nnz": ours, "micrograd": peer.measure("micrograd", 2, "uncircled")}


def test_both_engines_do_the_same_work_and_report_it(runs: dict[str, peer.Run]) -> None:
    ours, theirs = runs.values()
    assert ours.nodes == theirs.nodes > 60_000
    assert peer.largest_difference(ours, theirs) < 1e-12
    for engine, run in runs.items():
        assert run.engine == engine
        for each in (run.seconds, run.losses, run.collecting, run.collections):
            assert len(each) == len(run.freed) == 2
        assert run.watched_per_node > 0
    assert ours.bytes_per_node < theirs.bytes_per_node


def test_our_engine_leaves_nothing_to_collect_and_micrograd_its_circles() -> None:
    """How often a collector runs, and what it finds then, is its own affair; what is left without it is not."""
    left = {}
    gc.collect()
    gc.disable()
    try:
        for engine in peer.ENGINES:
            value, model = peer.build(engine)
            node = [value(0.5), value(-1.0)]
            loss = total_loss(model, value, [[0.5, -1.0]], [1])
            loss.backward()
            nodes = len(peer.graph(loss))
            del loss, node
            left[engine] = gc.collect() / nodes
    finally:
        gc.enable()
    assert left["nnz"] == 0
    assert left["micrograd"] > 1


def test_without_its_circles_micrograd_leaves_nothing_to_collect() -> None:
    value, model = peer.build("micrograd")
    loss = total_loss(model, value, [[0.5, -1.0]], [1])
    gc.collect()
    gc.disable()
    try:
        peer._cut(loss)
        del loss
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_circles_are_cut_at_every_step_if_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = []
    monkeypatch.setattr(peer, "POINTS", 4)
    monkeypatch.setattr(peer, "_cut", cut.append)
    peer._main("micrograd", 2, [])
    assert cut == []
    peer._main("micrograd", 3, ["uncircled"])
    assert len(cut) == 3


def test_the_collector_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 10.5, 20.0, 20.25])
    monkeypatch.setattr(peer, "time", SimpleNamespace(perf_counter=times.__next__))
    watch = peer._Watch()
    for freed in (3, 4):
        watch("start", {})
        watch("stop", {"collected": freed})
    assert (watch.seconds, watch.runs, watch.freed) == (0.75, 2, 7)


def test_the_lean_engine_does_the_same_work_in_its_own_way() -> None:
    ours, lean = (peer.measure(engine, steps=3) for engine in peer.LEAN)
    assert ours.nodes == lean.nodes
    assert peer.largest_difference(ours, lean) < 1e-12
    assert max(lean.freed) < 100  # no closures, so no circles
    assert lean.bytes_per_node > ours.bytes_per_node  # it has tuples


def test_a_gpt_of_scalars_trains_alike_with_both_engines_and_learns() -> None:
    ours, lean = (peer.measure(engine, 4, "gpt") for engine in peer.LEAN)
    assert peer.largest_difference(ours, lean) < 1e-9
    assert ours.losses[-1] < ours.losses[0]
    assert ours.nodes > 5_000


def test_the_first_step_does_not_count() -> None:
    nothing = [0, 0, 0]
    run = peer.Run("nnz", [0.1, 0.5, 0.3], nothing, nothing, nothing, nothing, 1, 1, 1)
    assert run.step == pytest.approx(0.4)


def test_with_the_collector_off_it_takes_no_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peer, "POINTS", 4)
    try:
        peer._main("nnz", 2, ["uncollected"])
        assert not gc.isenabled()
    finally:
        gc.enable()
    run = peer.Run(**json.loads(capsys.readouterr().out))
    assert run.collecting == [0.0, 0.0]
    assert run.collections == [0, 0]


@pytest.mark.parametrize(
    ("engine", "steps", "switch"), [("tinygrad", 2, "uncircled"), ("nnz", 1, "uncircled"), ("nnz", 2, "fast")]
)
def test_what_cannot_be_measured_is_refused(engine: str, steps: int, switch: str) -> None:
    with pytest.raises(ValueError, match=f"got '{engine}', {steps} and .*{switch}"):
        peer.measure(engine, steps, switch)


def test_a_failing_process_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="measuring nnz failed"):
        peer.measure("nnz", steps=2)
