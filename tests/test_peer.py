"""The comparison with micrograd: that it measures what it says."""

from __future__ import annotations

import pytest

from nnz.support import peer

pytestmark = pytest.mark.support


def test_both_engines_do_the_same_work_and_report_it() -> None:
    ours, theirs = (peer.measure(engine, steps=3) for engine in peer.ENGINES)
    assert ours.nodes == theirs.nodes > 60_000
    assert peer.largest_difference(ours, theirs) < 1e-12
    assert len(ours.seconds) == len(ours.losses) == len(ours.collecting) == 3
    assert all(
        0 <= c < s for c, s in zip(ours.collecting, ours.seconds, strict=True)
    )
    assert ours.freed == [0, 0, 0]
    assert theirs.freed[-1] > 100_000
    assert ours.watched_per_node < 1.1
    assert theirs.watched_per_node > 5
    assert theirs.collections[-1] > 4 * ours.collections[-1]
    assert ours.bytes_per_node < 0.5 * theirs.bytes_per_node
    assert (
        theirs.step > 5 * ours.step
    )  # the claim in the book is stricter; this machine may be busy


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
    run = peer.Run(
        "nnz", [0.1, 0.5, 0.3], nothing, nothing, nothing, nothing, 1, 1, 1
    )
    assert run.step == pytest.approx(0.4)


def test_with_the_collector_off_it_takes_no_time() -> None:
    run = peer.measure("nnz", 2, "uncollected")
    assert run.collecting == [0.0, 0.0]
    assert run.collections == [0, 0]


def test_without_its_circles_micrograd_leaves_nothing_to_free_and_trains_the_same() -> (
    None
):
    run = peer.measure("micrograd", 3, "uncircled")
    assert max(run.freed) < 1000
    assert peer.largest_difference(peer.measure("nnz", 3), run) < 1e-12


@pytest.mark.parametrize(
    ("engine", "steps", "switch"),
    [("tinygrad", 2, "uncircled"), ("nnz", 1, "uncircled"), ("nnz", 2, "fast")],
)
def test_what_cannot_be_measured_is_refused(
    engine: str, steps: int, switch: str
) -> None:
    with pytest.raises(ValueError, match=f"got '{engine}', {steps} and .*{switch}"):
        peer.measure(engine, steps, switch)


def test_a_failing_process_says_what_it_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peer.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="measuring nnz failed"):
        peer.measure("nnz", steps=2)
