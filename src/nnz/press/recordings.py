"""Recordings: what an experiment gave for many seeds, kept in `book/recorded/` with a fingerprint of its code.

`make record NAME=dilated.short` runs `nnz.experiments.dilated.short` for ten seeds, on all cores, and keeps each
seed as soon as it is done. The book's build runs the same function for one seed and compares: it has to lie within
four standard deviations of the recorded mean. `nnz.experiments` says what an experiment is.
"""

from __future__ import annotations

import ast
import importlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nnz.plumbing import datasets, dependencies
from nnz.plumbing.files import replaced
from nnz.plumbing.machine import cores, end_with_parent, processor
from nnz.plumbing.paths import PACKAGE, place
from nnz.plumbing.progress import Bar

SEEDS = 10  # the least that a finished recording has
# Where each seed takes minutes of a core, fewer will do; the page says how many there are.
FEWER = {"makemore.at_length": 4, "tried.grus": 2}
ROOM = 4  # standard deviations from the recorded mean within which a build's own run must lie
PACKAGES = ("torch", "numpy")


class RecordingError(ValueError):
    """A recording that is missing, damaged or stale, or is asked for what it does not have."""


@dataclass(frozen=True)
class Recording:
    """What an experiment gave, seed by seed.

    Attributes:
        name: `<module>.<function>` in `nnz.experiments`.
        fingerprint: of the code that made it.
        date: the day on which its last seed was done.
        processor: on which it ran.
        versions: of Python and of the packages that compute.
        seconds: of each seed, on one core.
        results: seed to the experiment's numbers.
    """

    name: str
    fingerprint: str
    date: str
    processor: str
    versions: dict[str, str]
    seconds: dict[str, float]
    results: dict[str, dict[str, float]] = field(default_factory=dict)

    def values(self, key: str) -> list[float]:
        """Return one number for each seed.

        Raises:
            RecordingError: the experiment returns no such number.
        """
        if any(key not in result for result in self.results.values()) or not self.results:
            there = sorted(next(iter(self.results.values()), {}))
            raise RecordingError(f"the recording {self.name} has no {key!r}; it has {', '.join(there)}.")
        return [result[key] for result in self.results.values()]

    def mean(self, key: str) -> float:
        """Return the mean over the seeds."""
        return statistics.fmean(self.values(key))

    def std(self, key: str) -> float:
        """Return the standard deviation over the seeds, with n - 1 in the denominator."""
        return statistics.stdev(self.values(key))

    def error(self, key: str) -> float:
        """Return the standard error of the mean over the seeds."""
        return self.std(key) / math.sqrt(len(self.results))

    def differences(self, a: str, b: str) -> list[float]:
        """Return a - b for each seed."""
        return [x - y for x, y in zip(self.values(a), self.values(b), strict=True)]

    def difference(self, a: str, b: str) -> float:
        """Return the mean of a - b over the seeds."""
        return statistics.fmean(self.differences(a, b))

    def difference_error(self, a: str, b: str) -> float:
        """Return the standard error of that mean, from the differences seed by seed."""
        return statistics.stdev(self.differences(a, b)) / math.sqrt(len(self.results))

    def errors_apart(self, a: str, b: str) -> float:
        """Return the difference in units of its standard error."""
        return self.difference(a, b) / self.difference_error(a, b)

    def wins(self, a: str, b: str) -> int:
        """Return for how many seeds a is less than b."""
        return sum(difference < 0 for difference in self.differences(a, b))

    def seeds(self) -> int:
        """Return the number of seeds."""
        return len(self.results)

    def value(self, expression: str) -> float | int:
        """Return what an expression such as "mean dev", "difference none,norm" or "seeds" asks for.

        The first word is one of the methods above; after it stand the names of its numbers, with commas between.

        Raises:
            RecordingError: the expression asks for something else.
        """
        what, _, keys = expression.strip().partition(" ")
        names = [key.strip() for key in keys.split(",") if key.strip()]
        if len(names) != ASKED.get(what, -1):
            raise RecordingError(
                f"{expression!r} cannot be taken from a recording; expected one of "
                + ", ".join(f"{word!r} with {count} names" for word, count in ASKED.items())
                + "."
            )
        found: float | int = getattr(self, what)(*names)
        return found

    def room(self, key: str) -> tuple[float, float]:
        """Return the mean, and how far from it a build's own run may lie."""
        return self.mean(key), ROOM * self.std(key)


ASKED = {
    "mean": 1,
    "std": 1,
    "error": 1,
    "difference": 2,
    "difference_error": 2,
    "errors_apart": 2,
    "wins": 2,
    "seeds": 0,
}


def command(name: str) -> str:
    """Return the command that makes a recording again."""
    return f"make record NAME={name}"


def folder() -> Path:
    """Return the folder of the recordings, in a checkout or in an installed package."""
    return place("book", "recorded")


def recording(name: str) -> Recording:
    """Read a recording.

    Raises:
        RecordingError: there is none of that name, or its file is damaged.
    """
    path = folder() / f"{name}.json"
    try:
        return _read(path)
    except FileNotFoundError:
        raise RecordingError(f"nothing is recorded of {name}. Run `{command(name)}`.") from None


def _read(path: Path) -> Recording:
    text = path.read_text(encoding="utf-8")
    try:
        found = Recording(**json.loads(text))
        assert found.results
        assert all(math.isfinite(x) for result in found.results.values() for x in result.values())
    except (ValueError, TypeError, AssertionError, AttributeError) as error:
        raise RecordingError(
            f"{path} is damaged ({error or 'no results'}). Take it from the repository again, "
            f"or make it anew: `{command(path.stem)}`."
        ) from error
    return found


def experiments(package: Path = PACKAGE) -> list[str]:
    """Return the names of all experiments."""
    found = []
    for path in sorted((package / "experiments").glob("*.py")):
        for node in dependencies.parsed(path).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = node.args.posonlyargs + node.args.args
                if arguments and arguments[0].arg == "seed" and _returns_numbers(node):
                    found.append(f"{path.stem}.{node.name}")
    return found


def _returns_numbers(node: ast.FunctionDef) -> bool:
    return node.returns is not None and ast.unparse(node.returns) == "dict[str, float]"


def about(name: str, package: Path = PACKAGE) -> str:
    """Return the first line of an experiment's docstring."""
    module, _, function = name.partition(".")
    for node in dependencies.parsed(package / "experiments" / f"{module}.py").body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    raise RecordingError(_unknown(name))


def _unknown(name: str) -> str:
    return f"there is no experiment {name!r}; there are {', '.join(experiments())}."


def fingerprint(name: str, package: Path = PACKAGE) -> str:
    """Return what changes with the code of an experiment: its own, and that of the modules that it imports.

    Raises:
        RecordingError: there is no such experiment.
    """
    module, _, function = name.partition(".")
    try:
        return dependencies.digest(dependencies.code_behind(f"experiments.{module}", function, package))
    except KeyError:
        raise RecordingError(_unknown(name)) from None


def run(name: str, seed: int) -> dict[str, float]:
    """Run an experiment for one seed, here, and return its numbers.

    Raises:
        RecordingError: there is no such experiment, or it returned something else than numbers.
    """
    if name not in experiments():
        raise RecordingError(_unknown(name))
    module, _, function = name.partition(".")
    experiment = getattr(importlib.import_module(f"nnz.experiments.{module}"), function)
    numbers = {key: float(value) for key, value in experiment(seed).items()}
    if strange := [key for key, value in numbers.items() if not math.isfinite(value)]:
        raise RecordingError(f"{name} for seed {seed} gave {numbers[strange[0]]} for {strange[0]!r}.")
    return numbers


def _fresh(name: str) -> Recording:
    versions = {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}
    return Recording(name, fingerprint(name), "", processor(), versions, {})


def _begun(name: str, path: Path) -> Recording:
    """Return what an interrupted recording of the same code has done already, or an empty one."""
    fresh = _fresh(name)
    try:
        old = _read(path)
    except (FileNotFoundError, RecordingError):
        return fresh
    return old if old.fingerprint == fresh.fingerprint and old.versions == fresh.versions else fresh


def _save(path: Path, kept: Recording) -> None:
    order = sorted(kept.results, key=int)
    tidy = asdict(kept) | {
        "results": {seed: kept.results[seed] for seed in order},
        "seconds": {seed: kept.seconds[seed] for seed in order},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as beside:
        beside.write_text(json.dumps(tidy, indent=1) + "\n", encoding="utf-8")


def in_process(name: str, seed: int) -> tuple[dict[str, float], float]:
    """Run one seed in a process of its own, on one core; return its numbers and its seconds on the core.

    Raises:
        RecordingError: the process failed.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "NNZ_BUILD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "nnz.press.recordings", "--one", name, str(seed)],
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise RecordingError(f"{name} failed for seed {seed}:\n{done.stderr.strip()[-2000:]}")
    numbers, seconds = json.loads(done.stdout.splitlines()[-1])
    return numbers, seconds


def failed(future: Future[tuple[dict[str, float], float]]) -> bool:
    """Whether a seed that is done has failed."""
    return future.exception() is not None


OneSeed = Callable[[str, int], tuple[dict[str, float], float]]


def record(
    name: str, seeds: Sequence[int] = (), jobs: int | None = None, one: OneSeed = in_process
) -> Recording:
    """Run an experiment for many seeds and keep the result; go on where an earlier call was stopped.

    Each seed is written to `<name>.part.json` when it is done, and the whole to `<name>.json` at the end, so that
    the recording before stays whole until there is another.

    Args:
        name: the experiment.
        seeds: to run it for; as many as a finished recording has at least, unless said.
        jobs: how many at once; as many as there are cores unless said.
        one: runs one seed.

    Raises:
        RecordingError: there is no such experiment, a seed failed, or the list of names is not names.txt.
    """
    if name not in experiments():
        raise RecordingError(_unknown(name))
    if not datasets.locate().is_reference:
        raise RecordingError("recordings are made on names.txt; name a copy of it in NNZ_NAMES.")
    final = folder() / f"{name}.json"
    part = folder() / f"{name}.part.json"
    kept = _begun(name, part)
    seeds = seeds or range(1, FEWER.get(name, SEEDS) + 1)
    left = [seed for seed in seeds if str(seed) not in kept.results]
    for seed, numbers, seconds in _each(name, left, jobs or cores(), one, len(seeds)):
        results = kept.results | {str(seed): numbers}
        today = datetime.now(UTC).date().isoformat()
        kept = Recording(
            name,
            kept.fingerprint,
            today,
            kept.processor,
            kept.versions,
            kept.seconds | {str(seed): seconds},
            results,
        )
        _save(part, kept)
    if fingerprint(name) != kept.fingerprint:
        raise RecordingError(f"the code of {name} was changed while it ran; nothing was recorded.")
    _save(final, kept)
    part.unlink(missing_ok=True)
    return recording(name)


def _each(
    name: str, seeds: Sequence[int], jobs: int, one: OneSeed, total: int
) -> Iterator[tuple[int, dict[str, float], float]]:
    """Yield each seed with its numbers and seconds, as they are done, with progress for a person."""
    pool = ThreadPoolExecutor(jobs)
    running: dict[Future[tuple[dict[str, float], float]], int] = {
        pool.submit(one, name, seed): seed for seed in seeds
    }
    with Bar(total - len(seeds), total) as bar:
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=failed):  # what was done is kept first
                    numbers, seconds = future.result()
                    yield running.pop(future), numbers, seconds
                    bar.advance()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def verify(name: str, one: OneSeed = in_process) -> bool:
    """Run the first recorded seed again; if it comes out the same, renew the fingerprint. Return whether it did.

    Raises:
        RecordingError: nothing is recorded, or the seed failed.
    """
    old = recording(name)
    seed = min(old.results, key=int)
    numbers, _ = one(name, int(seed))
    before = old.results[seed]
    same = numbers.keys() == before.keys() and all(
        math.isclose(numbers[key], before[key], rel_tol=1e-9, abs_tol=1e-12) for key in before
    )
    if same:
        _save(folder() / f"{name}.json", Recording(**{**asdict(old), "fingerprint": fingerprint(name)}))
    return same


def stale() -> dict[str, str]:
    """Return what is wrong with recordings, by name: missing, too few seeds, of other code, of no experiment."""
    problems = {}
    there = {path.stem for path in folder().glob("*.json") if not path.stem.endswith(".part")}
    for name in sorted(there - set(experiments())):
        problems[name] = f"book/recorded/{name}.json belongs to no experiment; delete it."
    for name in experiments():
        if name not in there:
            problems[name] = f"nothing is recorded; run `{command(name)}`."
        elif recording(name).seeds() < (least := FEWER.get(name, SEEDS)):
            problems[name] = f"has {recording(name).seeds()} seeds, not {least}; run `{command(name)}`."
        elif recording(name).fingerprint != fingerprint(name):
            problems[name] = (
                f"the code that it depends on has changed; run `{command(name)} VERIFY=1`, which renews it "
                f"if one seed comes out the same, or else `{command(name)}`."
            )
    return problems


def main(arguments: Sequence[str]) -> int:
    """Record, verify or list: what `make record` runs. Return the exit code."""
    if arguments[:1] == ["--one"]:
        end_with_parent()
        numbers = run(arguments[1], int(arguments[2]))
        print(json.dumps([numbers, round(time.process_time(), 1)]))
        return 0
    verifying = "--verify" in arguments
    names = [argument for argument in arguments if not argument.startswith("-")]
    problems = stale()
    if not names and not verifying:
        for name in experiments():
            print(f"{name:32} {problems.get(name, 'recorded')}")
        print("Record one with `make record NAME=…`, or NAME=all for all that are missing or stale.")
        return 0
    if names == ["all"] or not names:
        names = [name for name in problems if name in experiments()]
    worst = 0
    for name in names:
        if verifying:
            same = verify(name)
            worst = max(worst, int(not same))
            print(
                f"{name}: "
                + ("the same; its fingerprint is renewed." if same else f"differs; run `{command(name)}`.")
            )
        else:
            print(f"Recording {name} ...", flush=True)
            made = record(name)
            print(f"{name}: {made.seeds()} seeds, {sum(made.seconds.values()):.0f} s of a core.")
    return worst


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RecordingError as problem:
        sys.exit(f"record: {problem}")
    except KeyboardInterrupt:
        sys.exit("record: stopped; what was done is kept, and the same command goes on from there.")
