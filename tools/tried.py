"""A plugin of pytest that leaves out what has passed before, and notes what passes: `pytest -p tools.tried`.

The environment variable NNZ_TRIED names the file. Each test is noted as soon as it has passed, so that a run
that is stopped loses nothing but what was running.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FILE = Path(os.environ["NNZ_TRIED"])


class Tried:
    """What has passed before, which is the same for every worker, and what passes now."""

    def __init__(self, file: Path, before: Path) -> None:
        self.file = file
        self.before = before
        self.passed: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take out what has passed before."""
        done = set(self.before.read_text(encoding="utf-8").splitlines())
        out = [item for item in items if item.nodeid in done]
        if out:
            config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if item.nodeid not in done]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that has passed, and was taken down without an error."""
        if "PYTEST_XDIST_WORKER" in os.environ or not report.passed:
            return
        if report.when == "call":
            self.passed.add(report.nodeid)
        elif report.when == "teardown" and report.nodeid in self.passed:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(report.nodeid + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Begin; the process that deals out the tests keeps a copy of what has passed, and the others read that."""
    before = FILE.with_suffix(".before")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        FILE.touch()
        before.write_bytes(FILE.read_bytes())
    config.pluginmanager.register(Tried(FILE, before))
