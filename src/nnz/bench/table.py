"""All measurements of time that the book makes, in one run, each beside its goal: `make bench`.

A goal that is missed is reported, and nothing else: the machine may be busy, or another one than ours. Only
`make bench STRICT=1` counts it.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nnz.bench import measured, pace, peer, race
from nnz.data import load_names, split_names
from nnz.plumbing.files import replaced
from nnz.press.claims import ELSEWHERE, HERE, Claim, book_claims, data_kind, describe_machine

NOT_MEASURED, NOT_CHECKED, NO_GOAL = "not measured", "not checked", "no goal"


class CannotMeasureError(RuntimeError):
    """Something that a measurement needs is not there. The message says what to do."""


@dataclass(frozen=True)
class Measurement:
    """Something that is measured.

    Attributes:
        what: said while it runs.
        names: what it finds, each by its claim or, if there is none, by a name that begins with "bench.".
        take: measures, and returns a number for each of the names.
    """

    what: str
    names: tuple[str, ...]
    take: Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: of the claim, or a name of the measurement's own.
        what: the claim's statement, or what was measured.
        goal: in words; empty, if there is none.
        measured: the number; None, if there is none.
        verdict: whether the goal is met here, or why that is not known.
        why: what kept it from being measured.
    """

    name: str
    what: str
    goal: str
    measured: float | None
    verdict: str
    why: str = ""


def engines() -> dict[str, float]:
    """Ours against micrograd, as the chapter `engine` has it."""
    if importlib.util.find_spec("micrograd") is None:
        raise CannotMeasureError("micrograd 0.1.0 is not installed; `make venv` installs it.")
    both = peer.compare()
    ours, theirs = both["nnz"], both["micrograd"]
    rounds = [
        [peer.measure("micrograd", 4, *switches) for switches in (("uncircled",), ())] for _ in range(2)
    ]
    cut, uncut = (min(run.step for run in runs) for runs in zip(*rounds, strict=True))
    off = peer.compare(2, 3, "uncollected")
    return {
        "engine.same": peer.largest_difference(ours, theirs),
        "engine.speed": theirs.step / ours.step,
        "engine.memory": ours.bytes_per_node / theirs.bytes_per_node,
        "engine.collector": sum(theirs.collecting[1:]) / sum(theirs.seconds[1:]),
        "engine.uncircled": cut / uncut,
        "engine.watched": theirs.watched_per_node,
        "engine.watched_ours": ours.watched_per_node,
        "engine.speed_uncollected": off["micrograd"].step / off["nnz"].step,
    }


def lean_engines() -> dict[str, float]:
    """Ours against the leanest public engine of its kind, on the same network and on a small GPT."""
    moons = peer.compare(engines=peer.LEAN)
    gpt = peer.compare(4, 4, "gpt", engines=peer.LEAN)
    return {
        "bench.lean_moons": moons["lean"].step / moons["nnz"].step,
        "bench.lean_gpt": gpt["lean"].step / gpt["nnz"].step,
        "bench.lean_memory": moons["nnz"].bytes_per_node / moons["lean"].bytes_per_node,
    }


def by_hand() -> dict[str, float]:
    """A training step by hand, against autograd and against loops."""
    seconds = {way: sum(parts.values()) for way, parts in pace.compare().items()}
    hand = seconds["by hand"]
    return {
        "backprop.faster_than_autograd": seconds["autograd"] / hand,
        "backprop.faster_than_loops": seconds["by hand, with loops"] / hand,
    }


def _names() -> list[str]:
    return split_names(load_names())[0]


MEASUREMENTS = (
    Measurement(
        "the engine against micrograd",
        (
            "engine.same",
            "engine.speed",
            "engine.memory",
            "engine.collector",
            "engine.uncircled",
            "engine.watched",
            "engine.watched_ours",
            "engine.speed_uncollected",
        ),
        engines,
    ),
    Measurement(
        "the engine against a lean one",
        ("bench.lean_moons", "bench.lean_gpt", "bench.lean_memory"),
        lean_engines,
    ),
    Measurement("one-hot inputs", ("bigram-network.speedup",), measured.tallied),
    Measurement("counts", ("ngram.seconds", "ngram.seconds_eight"), measured.counted),
    Measurement("embeddings", ("mlp.view_speed", "mlp.batch_speed"), measured.embedded),
    Measurement("networks at once", ("fitting.together",), measured.together),
    Measurement(
        "two processes on a study", ("fitting.shared_trials", "fitting.side_by_side"), measured.shared
    ),
    Measurement(
        "recipes",
        (*(f"fitting.time_{name}" for name in measured.RUN), "fitting.time_study"),
        measured.recipes,
    ),
    Measurement("a probe", ("diagnostics.probe_cost",), measured.probed),
    Measurement(
        "Values against arrays", ("backprop-network.days", "backprop-network.speed"), measured.in_arrays
    ),
    Measurement("a step by hand", ("backprop.faster_than_autograd", "backprop.faster_than_loops"), by_hand),
    Measurement(
        "whole names against windows",
        ("dilated.forms",),
        lambda: {"dilated.forms": race.forms(_names()[:1000])},
    ),
    Measurement(
        "training on whole names", (*race.RUNS, "leaderboard.price"), lambda: race.training(_names())
    ),
    Measurement(
        "writing with a memory",
        ("dilated.cached", "dilated.growth_plain", "dilated.growth_cached"),
        lambda: {"dilated.cached": race.writing(), **race.growth()},
    ),
)


def row_of(name: str, value: float, what: str, claims: Mapping[str, Claim], data: str) -> Row:
    """Return the line of a number that was measured."""
    if name not in claims:
        return Row(name, what, "", value, NO_GOAL)
    claim = claims[name]
    judged = claim.data in ("any", data)
    verdict = (HERE if claim.holds(value) else ELSEWHERE) if judged else NOT_CHECKED
    return Row(name, claim.statement, claim.bound, value, verdict)


def take(one: Measurement, claims: Mapping[str, Claim], data: str) -> list[Row]:
    """Return the lines of a measurement. What goes wrong in it stands in them, and does not end the others."""
    try:
        found = one.take()
        return [row_of(name, found[name], one.what, claims, data) for name in one.names]
    except Exception as error:
        said = (str(error).strip() or "nothing").splitlines()[-1]
        why = said if isinstance(error, CannotMeasureError) else f"{type(error).__name__}: {said}"
        return [
            Row(name, claims[name].statement, claims[name].bound, None, NOT_MEASURED, why)
            if name in claims
            else Row(name, one.what, "", None, NOT_MEASURED, why)
            for name in one.names
        ]


def take_all(
    measurements: Sequence[Measurement],
    claims: Mapping[str, Claim],
    data: str,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> list[Row]:
    """Take measurements one after another, say which, and return a line for each number, and each claim left out.

    Args:
        measurements: what is to be measured.
        claims: the book's, by id.
        data: the kind of list that `load_names()` reads here.
        say: shows a text to the person who waits.
        clock: tells the seconds, to say how long each took.
    """
    rows: list[Row] = []
    for i, one in enumerate(measurements):
        say(f"[{i + 1}/{len(measurements)}] {one.what} ... ")
        start = clock()
        rows += take(one, claims, data)
        say(f"{clock() - start:.0f} s\n")
    known = {row.name for row in rows}
    why = "no measurement of it stands in nnz.bench.table"
    for claim in claims.values():
        if claim.varies and claim.id not in known:
            rows.append(Row(claim.id, claim.statement, claim.bound, None, NOT_MEASURED, why))
    return rows


def table(rows: Iterable[Row]) -> str:
    """Return the lines as text: name, measured, goal, verdict, and under each what it is."""
    lines = []
    for row in rows:
        number = "" if row.measured is None else f"{row.measured:.3g}"
        goal = row.goal or "none"
        lines.append(f"{row.name:30} {number:>9}  {goal:28}  {row.verdict}".rstrip())
        lines.append(f"    {row.what}" + (f": {row.why}" if row.why else ""))
    return "\n".join(lines)


def missed(rows: Iterable[Row]) -> list[str]:
    """Return the names of what missed its goal, or should have been measured and was not."""
    return [row.name for row in rows if row.verdict in (ELSEWHERE, NOT_MEASURED)]


def write(path: Path, rows: Iterable[Row], machine: str, data: str) -> None:
    """Write the lines as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine, "data": data, "rows": [asdict(row) for row in rows]}
    with replaced(path) as beside:
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        beside.write_text(text + "\n", encoding="utf-8")


def run(path: Path, say: Callable[[str], None], *, strict: bool = False) -> int:
    """Measure all, print the table and write it to a file.

    Args:
        path: the file.
        say: shows progress.
        strict: whether a goal that is missed counts.

    Returns:
        The exit code: 0, or if strict and a goal was missed, 1.
    """
    machine, claims, data = describe_machine(), book_claims(), data_kind()
    say(f"{machine}\n")
    rows = take_all(MEASUREMENTS, claims, data, say)
    write(path, rows, machine, data)
    print(table(rows))
    failed = missed(rows)
    print(f"{machine}; {len(rows) - len(failed)} of {len(rows)} as they should be.")
    return int(strict and bool(failed))
