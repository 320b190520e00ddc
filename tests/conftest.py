"""What many tests share."""

from __future__ import annotations

import resource
import signal
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from nnz.data import load_names
from nnz.plumbing.datasets import Source
from nnz.plumbing.machine import cores
from nnz.plumbing.paths import resource as resource_of
from nnz.press.kernel import use_own_matplotlib

MATPLOTLIB = tempfile.TemporaryDirectory(prefix="nnz-matplotlib-")
use_own_matplotlib(Path(MATPLOTLIB.name))

# The same examples in every run; the first call of a test may be slow, as torch warms up.
settings.register_profile(
    "book", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("book")

ROOT = Path(__file__).resolve().parents[1]


CHAPTERS = tomllib.loads((ROOT / "chapters.toml").read_text(encoding="utf-8"))


def pytest_configure(config: pytest.Config) -> None:
    """Register a marker for each chapter: `pytest -m bigram` runs that chapter's tests alone."""
    for name in CHAPTERS:
        config.addinivalue_line("markers", f"{name}: the tests of the chapter {name}")


def pytest_unconfigure() -> None:
    """Remove what was written for these tests."""
    MATPLOTLIB.cleanup()


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Take one worker more than there are cores: many tests wait for a process that they have begun."""
    return cores() + 1 if config.option.numprocesses == "auto" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test, and each doctest of a taught module, with the chapter it belongs to; builds of books first.

    The longest first, so that at the end no core waits for another's.
    """
    items.sort(key=lambda item: item.path.stem != "test_build")
    for item in items:
        for name, chapter in CHAPTERS.items():
            if item.path.stem in (*chapter["tests"], *chapter["modules"]):
                item.add_marker(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> list[str]:
    """The embedded list of names, which is there on every machine."""
    return load_names(resource_of("data", "names-sample.txt"))


@pytest.fixture(scope="session")
def reference() -> Source:
    """names.txt itself; the tests that rest on it need it, so that they never pass unasked."""
    from nnz.plumbing.datasets import locate

    return locate()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, here and in processes started here, also where the tests run with it ignored (nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has no names.txt: no variable, nothing in data/, an empty cache, an address that refuses."""
    monkeypatch.delenv("NNZ_NAMES", raising=False)
    monkeypatch.setenv("NNZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNZ_NAMES_URL", "http://127.0.0.1:9/names.txt")
    monkeypatch.setattr("nnz.plumbing.datasets.project_root", lambda: None)
    return tmp_path


@pytest.fixture
def disk_for() -> Callable[[int], AbstractContextManager[None]]:
    """While it is active the system lets no file grow beyond so many bytes, as if the disk were full."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model of the book by its name, with small networks and few steps."""
    from dataclasses import replace

    from nnz.model_spec import MixtureSpec
    from nnz.models import MODELS

    small = {"n_embd": 4, "n_hidden": 8, "n_channels": 4}
    for name, spec in MODELS.items():
        settings = {k: small.get(k, v) for k, v in spec.settings.items()}
        parts = {}
        if isinstance(spec, MixtureSpec):
            parts["of"] = tuple(MODELS[part.name] for part in spec.of)
            settings = {s.name: [spec.settings[s.name][0], s.settings] for s in parts["of"]}
        recipe = spec.recipe
        if recipe:
            few = {k: max(4, n // 100) for k in ("steps", "epochs") if (n := getattr(recipe, k))}
            recipe = replace(recipe, **few)
        changed = replace(spec, settings=settings, recipe=recipe, **parts)
        monkeypatch.setitem(MODELS, name, changed)
