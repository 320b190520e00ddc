"""Test with the oldest or the newest versions that pyproject.toml admits: `make oldest`, `make newest`.

An environment of its own, _build/oldest/venv or _build/newest/venv, gets the lowest version that each range in
`dependencies` names, or the newest that it admits, whatever constraints.txt says; what those need in turn is the
newest that fits. The tools of the test are those of constraints.txt, so that only the package's own dependencies
are on trial. A run that was stopped goes on with the tests that have not passed yet (tools/tried.py).

pip resolves, so that whatever index it is told of serves here, too (README, "A small torch"). `--torch 2.13.0`
takes one version of torch in place of the oldest or the newest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv  # tools/venv.py, which stands before the one of the standard library
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("pytest", "pytest-xdist", "hypothesis")
BESIDE = ("micrograd", "ipykernel")  # of the group `book`, what tests of the package look at

# What looks at pages and at how they are made needs the group `book`, and Sphinx pins much; the rules of the
# house and the commands behind `make` do not depend on what the package runs on.
LEFT_OUT = (
    "tests/test_api.py",
    "tests/test_backprop_page.py",
    "tests/test_borrow.py",
    "tests/test_build.py",
    "tests/test_epub.py",
    "tests/test_executed.py",
    "tests/test_exercise_pages.py",
    "tests/test_following.py",
    "tests/test_house.py",
    "tests/test_licenses.py",
    "tests/test_links.py",
    "tests/test_live.py",
    "tests/test_live_library.py",
    "tests/test_mutants.py",
    "tests/test_notebooks.py",
    "tests/test_pages.py",
    "tests/test_playground.py",
    "tests/test_printed.py",
    "tests/test_public.py",
    "tests/test_questions.py",
    "tests/test_settings.py",
    "tests/test_strict.py",
    "tests/test_tools.py",
    "tests/test_translations.py",
    "tests/test_volume.py",
    "tests/test_warm.py",
    "tests/test_workshop.py",
    "src/nnz/press/client.py",
    "src/nnz/press/copies.py",
    "src/nnz/press/dress.py",
    "src/nnz/press/epub.py",
    "src/nnz/press/executed.py",
    "src/nnz/press/formulas.py",
    "src/nnz/press/house.py",
    "src/nnz/press/notebooks.py",
    "src/nnz/press/pages.py",
    "src/nnz/press/printed.py",
    "src/nnz/press/still.py",
    "src/nnz/press/volume.py",
)


# An old release may use what a newer library below it advises against: matplotlib 3.8 does so with pyparsing 3.3.
# That is a warning to it and no reason to raise the bound; one that comes from our own code stays an error.
WARNINGS = "error\nignore::DeprecationWarning:matplotlib"


def lowest(text: str) -> str:
    """Return the requirement of the lowest version alone that a range admits.

    >>> lowest("torch>=2.4")
    'torch==2.4'
    >>> lowest("numpy")
    Traceback (most recent call last):
    ...
    ValueError: 'numpy' names no lowest version; say which one, as in numpy>=1.2
    """
    wanted = Requirement(text)
    bounds = [
        s.version for s in wanted.specifier if s.operator in (">=", "~=") or is_exact(s.operator, s.version)
    ]
    if not bounds:
        raise ValueError(f"{text!r} names no lowest version; say which one, as in {wanted.name}>=1.2")
    bound = max(bounds, key=Version)
    if not wanted.specifier.contains(bound, prereleases=True):
        raise ValueError(f"{text!r} does not admit {bound}, its own lowest version")
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    return f"{wanted.name}{extras}=={bound}" + (f"; {wanted.marker}" if wanted.marker else "")


def is_exact(operator: str, version: str) -> bool:
    """Whether a part of a range names one version: `==2.4`, but not `==2.*`."""
    return operator == "==" and not version.endswith(".*")


def requirements(which: str, dependencies: Iterable[str], torch: str = "") -> list[str]:
    """Return what to install: the oldest or the newest of each dependency, and one torch if it is given."""
    chosen = [lowest(text) if which == "oldest" else text for text in dependencies]
    if torch:
        chosen = [f"torch=={torch}" if Requirement(text).name == "torch" else text for text in chosen]
    return chosen


def tools(constraints: str) -> list[str]:
    """Return the pins of what runs the tests, and of what they look at."""
    return [line for line in constraints.splitlines() if line.partition("==")[0] in TOOLS + BESIDE]


def libraries_of_cuda(torch: str, python: Path) -> list[str]:
    """Return what pip would bring along with this torch to use a graphics card: gigabytes."""
    command = [*(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run")]
    command += ["--ignore-installed", "--no-deps", "--report", "-", torch]
    planned = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if planned.returncode:
        sys.exit(f"{planned.stderr.strip()}\nmake: {torch} cannot be had here; TORCH=... takes another one.")
    (plan,) = json.loads(planned.stdout)["install"]
    needed = [Requirement(text) for text in plan["metadata"].get("requires_dist", ())]
    return [
        need.name
        for need in needed
        if need.name.startswith(("nvidia-", "cuda-"))
        and (need.marker is None or need.marker.evaluate({"extra": ""}))
    ]


def make_environment(folder: Path, wanted: list[str], pins: list[str]) -> Path:
    """Make the environment unless it is there already, and return its Python."""
    home = folder / "venv"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    made_from = "\n".join([sys.version, str(ROOT), *wanted, *pins]) + "\n"
    stamp = home / "made-from.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_from:
        return python
    shutil.rmtree(home, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    (torch,) = (text for text in wanted if Requirement(text).name == "torch")
    if cuda := libraries_of_cuda(torch, python):
        sys.exit(
            f"make: {torch} would bring {len(cuda)} packages of CUDA, gigabytes. Name an index of CPU builds\n"
            "      (README, 'A small torch'), or a version that has such a build here: TORCH=2.13.0, say."
        )
    venv.pip("install", *wanted, *pins, python=python)
    venv.pip("install", "--no-deps", "--editable", ".", python=python)
    stamp.write_text(made_from, encoding="utf-8")
    return python


def installed(python: Path) -> dict[str, str]:
    """Return the version of each package in an environment, by its name as the index writes it."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "list", "--format=json"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout
    return {canonicalize_name(found["name"]): found["version"] for found in json.loads(listed)}


def state_of(packages: dict[str, str]) -> str:
    """Return a sum of all that a result depends on: the code, the tests and what is installed."""
    total = hashlib.sha256(json.dumps(packages, sort_keys=True).encode())
    files = [path for part in ("src", "tests", "data") for path in sorted((ROOT / part).rglob("*"))]
    for path in [*files, ROOT / "chapters.toml", ROOT / "pyproject.toml"]:
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def tested(root: Path) -> list[str]:
    """Return what pytest is told to run: files by name, since it ignores none that `testpaths` names."""
    files = sorted(path.relative_to(root).as_posix() for path in (root / "tests").glob("test_*.py"))
    left = [f"--ignore={path}" for path in LEFT_OUT if path.startswith("src/")]
    return [*(path for path in files if path not in LEFT_OUT), "src", *left]


def main(arguments: list[str] | None = None) -> int:
    """Make the environment, say what it holds, run the tests there that have not passed yet."""
    parser = argparse.ArgumentParser(description="Test with the oldest or the newest versions.")
    parser.add_argument("which", choices=["oldest", "newest"])
    parser.add_argument("--torch", default="", metavar="VERSION", help="take this torch")
    given = parser.parse_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = requirements(given.which, project["dependencies"], given.torch)
    pins = tools((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    folder = ROOT / "_build" / given.which
    python = make_environment(folder, wanted, pins)
    packages = installed(python)
    direct = [canonicalize_name(Requirement(text).name) for text in wanted]
    print(f"The {given.which} versions, on Python {sys.version.split()[0]}:", flush=True)
    for text, name in zip(project["dependencies"], direct, strict=True):
        chosen = ", as TORCH says" if name == "torch" and given.torch else ""
        print(f"  {text:20} {packages[name]}{chosen}", flush=True)
    passed = folder / f"passed-{state_of(packages)[:16]}.txt"
    for stale in set(folder.glob("passed-*.txt")) - {passed}:
        stale.unlink()
    command = [str(python), "-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal", "-p", "tools.tried"]
    command += ["-p", "no:cacheprovider", "-o", f"filterwarnings={WARNINGS}"]
    command += tested(ROOT)
    environment = {**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "NNZ_TRIED": str(passed)}
    ended = subprocess.run(command, cwd=ROOT, env=environment).returncode
    if ended == 5:  # nothing was left to run
        print("All tests have passed before.")
    return 0 if ended == 5 else ended


if __name__ == "__main__":
    sys.exit(main())
