"""Execute the pages of the book: a queue with the longest first, a process for each, progress for a person.

An executed page stays in `_build/pages` under a key of all that it depends on, and is not executed again while
that key is the same. `make book` begins with the folder empty.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnz.press import executed
from nnz.press.pages import cells_of, chapters, toc
from warm import COMMON, FORKS, Cold, Warm

SLOWEST = 5  # pages that are named at the end
# Stands for the budget of a page that is no chapter; `play` exports what others have trained.
WEIGHTS = {"play": 85.0}
OTHERWISE = 20.0


@dataclass
class Work:
    """A page that has to be executed: its source, where the result goes, its key, and how long it may take."""

    name: str
    source: Path
    target: Path
    key: str
    weight: float


def work(root: Path, build: Path) -> list[Work]:
    """Return the pages that have to be executed, the longest first."""
    around = executed.surroundings(root)
    table = chapters(root)
    folder = build / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    left = []
    for path in toc(root):
        cells = [cell.code for cell in cells_of(path)]
        if not cells:
            continue
        key = executed.key(path.stem, cells, root, around)
        target = folder / f"{path.stem}.ipynb"
        there = executed.read(target)
        if there and there["metadata"]["nnz"]["key"] == key:
            continue
        remove(target)
        weight = float(table.get(path.stem, {}).get("seconds", WEIGHTS.get(path.stem, OTHERWISE)))
        left.append(Work(path.stem, path, target, key, weight))
    return sorted(left, key=lambda page: -page.weight)


def remove(path: Path) -> None:
    """Remove a file, or whatever else stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def execute(root: Path, build: Path, environment: Mapping[str, str], jobs: int) -> str:
    """Execute what has to be executed, so many pages at a time; return how each ended that failed, or nothing.

    Raises:
        OSError: a result cannot be written.
        PageError: a page cannot be taken apart.
    """
    queue = work(root, build)
    progress = Progress(queue, jobs)
    if not queue:
        return ""
    # One page imports by itself what it needs, and no more.
    workers = (Warm if FORKS else Cold)(root, environment, COMMON if len(queue) > 2 else ())
    running: dict[str, Work] = {}
    failed = []
    try:
        while queue or running:
            while queue and len(running) < jobs:
                page = queue.pop(0)
                running[page.name] = page
                begin(page, workers)
            progress.show(list(running))
            for name, code in workers.ended(0.2):
                page = running.pop(name)
                reason = cause(page) if code else ""
                progress.done(page, reason)
                failed += [f"{page.name}: {reason}"] if reason else []
    finally:
        workers.end()
    progress.end()
    return "\n".join(sorted(failed))


def begin(page: Work, workers: Warm | Cold) -> None:
    """Start the execution of a page. What it says apart from its outputs goes to a file beside the result."""
    page.target.with_suffix(".err").unlink(missing_ok=True)
    arguments = [str(page.source), str(page.target), page.key]
    workers.begin(page.name, arguments, page.target.with_suffix(".log"))


def cause(page: Work) -> str:
    """Return why a page failed: the last line of its report, or of what its process said."""
    for suffix in (".err", ".log"):
        path = page.target.with_suffix(suffix)
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
        if text:
            print(f"\n{page.name}:\n{text[-3000:]}\n", file=sys.stderr, flush=True)
            return re.sub(r"\x1b\[[0-9;]*m", "", text.splitlines()[-1])
    return "its process ended without a word; was it killed?"


class Progress:
    """What a person sees: a line that changes at a terminal, elsewhere one line for each page."""

    def __init__(self, queue: Sequence[Work], jobs: int) -> None:
        self.total = len(queue)
        self.left = {page.name: page.weight for page in queue}
        self.weight = sum(self.left.values())
        self.began = time.monotonic()
        self.jobs = jobs
        self.seconds: dict[str, float] = {}
        self.live = sys.stdout.isatty()
        if queue:
            print(f"Executing {self.total} pages, {jobs} at a time ...", flush=True)

    def show(self, running: Sequence[str]) -> None:
        """Show how far it is, where somebody looks."""
        if self.live:
            finished = self.total - len(self.left)
            print(
                f"\r\x1b[K{finished} of {self.total} done{self.remaining()}; at work: {', '.join(running)}",
                end="",
            )
            sys.stdout.flush()

    def remaining(self) -> str:
        """Say how long it may still take, once there is something to judge by."""
        gone, done = (time.monotonic() - self.began, self.weight - sum(self.left.values()))
        if not done or not self.left:
            return ""
        return f", about {sum(self.left.values()) * gone / done / 60:.0f} min left"

    def done(self, page: Work, failed: str) -> None:
        """Count a page."""
        del self.left[page.name]
        there = executed.read(page.target)
        self.seconds[page.name] = there["metadata"]["nnz"]["seconds"] if there else 0.0
        if self.live:
            print("\r\x1b[K", end="")
        state = "FAILED" if failed else f"{self.seconds[page.name]:6.1f} s of a core"
        elapsed = time.monotonic() - self.began
        print(
            f"[{self.total - len(self.left):2}/{self.total}] {page.name:18} {state}  ({elapsed:.0f} s)",
            flush=True,
        )

    def end(self) -> None:
        """Say what took longest."""
        if self.live:
            print("\r\x1b[K", end="")
        if self.total:
            slowest = sorted(self.seconds.items(), key=lambda item: -item[1])[:SLOWEST]
            shown = ", ".join(f"{name} {seconds:.0f}" for name, seconds in slowest)
            elapsed = time.monotonic() - self.began
            total = sum(self.seconds.values())
            print(f"Executed in {elapsed:.0f} s; {total:.0f} s of a core, most by {shown}.", flush=True)


def printed(outputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what a cell gave, by name; streams, which arrive in pieces cut by chance, in one piece."""
    streams: dict[str, str] = {}
    seen = Counter[str]()
    for output in outputs:
        if output["output_type"] == "stream":
            name = output["name"]
            streams[name] = streams.get(name, "") + output["text"]
        else:
            kind = output["output_type"]
            yield f"{kind} {seen[kind]}", json.loads(json.dumps(output))
            seen[kind] += 1
    yield from streams.items()


def main() -> None:
    """Print seconds by cell of each page that was executed: what `python tools/pages.py` shows."""
    folder = Path(os.environ.get("NNZ_PAGES", "_build/pages"))
    for path in sorted(folder.glob("*.ipynb")):
        if facts := executed.facts(path):
            slow = sorted(enumerate(facts["cells"]), key=lambda item: -item[1])[:6]
            print(
                f"{path.stem:18} {facts['seconds']:7.1f} s of a core, {facts['megabytes']} MB; by cell {slow}"
            )


if __name__ == "__main__":
    main()
