"""The commands behind `make`, where they must fail well."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.support


def run(command: list[str], root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


def test_make_alone_lists_the_targets(root: Path) -> None:
    shown = run(["make", "--no-print-directory"], root).stdout
    for target in ("test", "book", "quick", "serve", "browser", "lint", "clean"):
        assert f"make {target}" in shown


def test_without_a_usable_python_make_says_what_to_install(root: Path) -> None:
    for python in ("python-that-is-not-there", "false"):
        failed = run(["sh", "tools/venv.sh"], root, PYTHON=python)
        assert failed.returncode == 1
        assert f"Tried: {python}" in failed.stderr
        assert "needs Python 3.11 or newer" in failed.stderr


def test_a_python_may_have_spaces_in_its_path(root: Path, tmp_path: Path) -> None:
    """It is a stand-in that is good enough for venv.sh, and says what it is asked to run."""
    python = tmp_path / "pro gram é" / "python 3"
    python.parent.mkdir()
    told = '#!/bin/sh\n[ "$1" = -c ] || printf "<%s>" "$@"\n'
    python.write_text(told, encoding="utf-8")
    python.chmod(0o755)
    made = run(["sh", "tools/venv.sh", "--resolve"], root, PYTHON=str(python))
    assert (made.returncode, made.stdout) == (0, "<tools/venv.py><--resolve>")
    made = run(["make", "--silent", "venv", f"PYTHON={python}"], root)
    assert (made.returncode, made.stdout) == (0, "<tools/venv.py>")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_no_change_of_the_locale_asks_for_another_environment(
    root: Path, tmp_path: Path, locale: str
) -> None:
    folder = tmp_path / "a földer"
    shutil.copytree(root / "tools", folder / "tools")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, folder)
    code = "import sys; sys.path.insert(0, 'tools'); import venv as v; v.STAMP.parent.mkdir()\n"
    code += "v.create = lambda constraints: print('asked'); v.main(); v.main()"
    asked = run([sys.executable, "-c", code], folder, LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert asked.stdout.count("asked") == 1, asked.stderr
    made_from = (folder / ".venv" / "made-from.txt").read_text(encoding="utf-8")
    assert f"folder {folder}\n" in made_from


def test_a_second_call_changes_nothing(root: Path) -> None:
    stamp = root / ".venv" / "made-from.txt"
    code = "import sys; sys.path.insert(0, 'tools'); import venv as v; print(v.fingerprint(), end='')"
    if (
        not stamp.exists()
        or stamp.read_text(encoding="utf-8") != run([sys.executable, "-c", code], root).stdout
    ):
        pytest.fail("the tests need the environment that `make venv` makes; run `make test`.")
    before = stamp.stat().st_mtime_ns
    again = run(["make", "--no-print-directory", "venv"], root)
    assert (again.returncode, again.stdout) == (0, "")
    assert stamp.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
            "needs a network",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "has no build for this Python"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "not writable"),
        ("something else entirely", "pip failed"),
    ],
)
def test_when_pip_fails_make_says_what_to_do(root: Path, tmp_path: Path, said: str, hint: str) -> None:
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "{said}"\nexit 1\n', encoding="utf-8")
    fake.chmod(0o755)
    code = (
        "import pathlib, sys; sys.path.insert(0, 'tools'); import venv as v; "
        f"v.BIN = pathlib.Path({str(fake.parent)!r}); v.pip('install', 'x')"
    )
    failed = run([sys.executable, "-c", code], root)
    assert failed.returncode == 1
    assert hint in failed.stderr


def test_of_two_that_make_the_environment_the_second_waits(root: Path, tmp_path: Path) -> None:
    """The one holds the lock until it is told to go on; the other says that it waits, and is let in after it."""
    code = (
        "import pathlib, sys; sys.path.insert(0, 'tools'); import venv as v; "
        f"v.ROOT = pathlib.Path({str(tmp_path)!r})\n"
        "with v.alone():\n    print('in', flush=True)\n    sys.stdin.readline()\n"
    )
    begin = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with (
        subprocess.Popen([sys.executable, "-c", code], cwd=root, **begin) as one,
        subprocess.Popen([sys.executable, "-c", code], cwd=root, **begin) as other,
    ):
        said = {one.stdout.readline(): one, other.stdout.readline(): other}
        waiting = next(who for what, who in said.items() if what.startswith("Waiting"))
        said["in\n"].communicate("go on\n")
        assert waiting.stdout.readline() == "in\n"
        waiting.communicate("go on\n")


def test_with_too_little_room_make_says_how_much_is_needed(root: Path) -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import venv as v; v.NEEDED_BYTES = 10**18; v.create([])"
    failed = run([sys.executable, "-c", code], root)
    assert failed.returncode == 1
    assert "are free here" in failed.stderr


def plain(name: str) -> str:
    """Return a package's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_constraints_pin_every_installed_package_exactly(root: Path) -> None:
    pins = [
        line
        for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and line[0] != "#"
    ]
    assert all(line.count("==") == 1 for line in pins)
    named = {plain(line.split("==")[0]) for line in pins}
    installed = {plain(found.metadata["Name"]) for found in distributions()}
    assert installed - named <= {"nnz", "pip", "setuptools"}
    assert "torch==2.13.0" in pins


@pytest.fixture
def built(tmp_path: Path, root: Path) -> Path:
    """A copy of serve.py beside a built book of one page."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "serve.py").write_text(
        (root / "tools" / "serve.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").write_text("<p>book</p>", encoding="utf-8")
    return tmp_path


def test_serving_a_taken_port_or_no_book_says_what_to_do(built: Path) -> None:
    serve = [sys.executable, "tools/serve.py"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = run([*serve, str(port)], built)
    assert f"port {port} cannot be used" in failed.stderr
    assert "make serve PORT=" in failed.stderr
    assert "is not a number" in run([*serve, "eighty"], built).stderr
    assert "cannot be used" in run([*serve, "70000"], built).stderr
    (built / "_build" / "html" / "index.html").unlink()
    assert "Run `make book` first" in run([*serve, "0"], built).stderr


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_an_environment_in_a_folder_with_accents_starts_in_every_locale(
    root: Path, tmp_path: Path, locale: str
) -> None:
    """Python 3.11 reads the paths of editable packages in the locale's encoding, even in UTF-8 mode."""
    code, site = tmp_path / "sm plé", tmp_path / "site"
    code.mkdir()
    site.mkdir()
    (code / "found_there.py").write_text("", encoding="utf-8")
    (site / "one.pth").write_text(f"{code}\n{tmp_path}\n", encoding="utf-8")
    write = "import sys; sys.path.insert(0, 'tools'); import venv, pathlib; "
    write += "venv.write_in_ascii(pathlib.Path(sys.argv[1]))"
    run([sys.executable, "-c", write, str(site)], root)
    assert (site / "one.pth").read_bytes().isascii()
    look = f"import site, sys; site.addsitedir({str(site)!r}); import found_there; "
    look += f"print({str(tmp_path)!r} in sys.path)"
    found = run([sys.executable, "-c", look], root, LC_ALL=locale)
    assert found.stdout == "True\n", found.stderr
