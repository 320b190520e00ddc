"""A plugin of pytest for tools/mutants.py: a change that makes its tests endless is ended, and no other.

While the tests run unchanged, it writes down how many seconds of a core each takes. A run with a change may use
ten times as many as its tests took, and twice those of the whole file, for what tests share, and twenty
seconds. These are seconds of a core and not of the clock, so that a busy machine ends nothing.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Generator
from pathlib import Path

import pytest

TAKEN: dict[str, float] = {}


def seconds_for(tests: list[str], taken: dict[str, float]) -> int:
    """Return how many seconds of a core a run of these tests may use, given what each took unchanged."""
    own = sum(taken.get(test, 0) for test in tests)
    return round(20 + 10 * own + 2 * sum(taken.values()))


def file() -> Path:
    """Return the file that keeps what the tests took."""
    return Path(os.environ["NNZ_PATIENCE"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure a test, with what is made for it."""
    before = time.process_time()
    try:
        return (yield)
    finally:
        TAKEN[item.nodeid] = time.process_time() - before


def pytest_sessionfinish() -> None:
    """Keep what the tests took, if nothing was changed."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats" and TAKEN:
        kept = json.loads(file().read_text(encoding="utf-8")) if file().is_file() else {}
        file().write_text(json.dumps(kept | TAKEN), encoding="utf-8")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the system end this process when it has used far more than the tests took unchanged."""
    if "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        taken = json.loads(file().read_text(encoding="utf-8"))
        seconds = seconds_for([item.nodeid for item in session.items], taken)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, hard))
