"""`make oldest` and `make newest` test with the versions that pyproject.toml names, and go on where they were."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from nnz.plumbing.dependencies import imported, module_path, parsed

pytestmark = pytest.mark.support


@pytest.fixture
def versions(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script behind both; `venv` there is tools/venv.py."""
    monkeypatch.syspath_prepend(str(root / "tools"))
    monkeypatch.delitem(sys.modules, "venv", raising=False)
    import versions

    monkeypatch.delitem(sys.modules, "versions", raising=False)
    monkeypatch.delitem(sys.modules, "venv", raising=False)
    return versions


def test_every_dependency_of_the_package_has_a_lowest_version(root: Path, versions: ModuleType) -> None:
    """The bound is read a second time here, without a parser of requirements."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = versions.requirements("oldest", project["dependencies"])
    assert pins == [
        re.fullmatch(r"([\w-]+)>=([\d.]+)", text).expand(r"\1==\2") for text in project["dependencies"]
    ]
    assert {"torch", "numpy", "matplotlib", "optuna", "safetensors"} <= {pin.split("==")[0] for pin in pins}


def test_what_cannot_be_imported_without_the_group_book_is_left_out(root: Path, versions: ModuleType) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = {re.split(">=", text)[0].replace("pyyaml", "yaml") for text in project["dependencies"]}
    there |= {*sys.stdlib_module_names, "pytest", "hypothesis"}
    there |= {"packaging", "sqlalchemy", "cycler"}  # which pytest, optuna and matplotlib bring

    @cache
    def missing(path: Path) -> set[str]:
        """Return what a file, or one of ours that it imports, imports as it is read and is not there."""
        names = [node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        tops = {name.partition(".")[0] for node in names for name in names_of(node)}
        beside = {name for name in tops if (path.parent / f"{name}.py").is_file()}
        files = [path.parent / f"{name}.py" for name in beside]
        files += [file for node in names for name in imported(node) if (file := module_path(name))]
        return tops.difference(there, beside, {"nnz"}).union(*map(missing, files))

    files = [*(root / "tests").glob("test_*.py"), *(root / "src").rglob("*.py")]
    found = {str(path.relative_to(root)): missing(path) for path in files}
    assert {name: needs for name, needs in found.items() if needs and name not in versions.LEFT_OUT} == {}
    assert "docutils" in found["src/nnz/press/house.py"]


def test_what_is_left_out_is_there_and_is_not_run(root: Path, versions: ModuleType) -> None:
    assert [name for name in versions.LEFT_OUT if not (root / name).is_file()] == []
    run = versions.tested(root)
    assert not set(run) & set(versions.LEFT_OUT)
    code = {name for name in versions.LEFT_OUT if name.startswith("src/")}
    assert {argument.removeprefix("--ignore=") for argument in run if argument.startswith("--")} == code
    files = {path.relative_to(root).as_posix() for path in (root / "tests").glob("test_*.py")}
    assert files <= {*run, *versions.LEFT_OUT}


def names_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("a>=1.10,<2", "a==1.10"),
        ("a<2,>=1.9,>=1.10", "a==1.10"),
        ("a~=1.4.post1", "a==1.4.post1"),
        ("a==0.1.0", "a==0.1.0"),
        ("a>=2rc1", "a==2rc1"),
        ("A_b[y,x]>=1,!=1.5", "A_b[x,y]==1"),
        ("a>=1; python_version < '3.12'", 'a==1; python_version < "3.12"'),
    ],
)
def test_the_lowest_version_of_a_range_is_its_bound(versions: ModuleType, text: str, pin: str) -> None:
    assert versions.lowest(text) == pin


@pytest.mark.parametrize("text", ["a", "a<2", "a!=1", "a>1", "a==1.*", "a @ https://example.org/a.whl"])
def test_a_range_that_names_no_lowest_version_is_refused(versions: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="names no lowest version"):
        versions.lowest(text)


@pytest.mark.parametrize("text", ["a>=1,!=1", "a>=1,!=1.0", "a>=2,<2", "a>=1,>1"])
def test_a_range_that_leaves_out_its_bound_is_refused(versions: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="does not admit"):
        versions.lowest(text)


def test_the_newest_versions_are_held_to_the_ranges_alone(versions: ModuleType) -> None:
    ranges = ["torch>=2.4", "numpy>=1.26,<3"]
    assert versions.requirements("newest", ranges) == ranges
    assert versions.requirements("newest", ranges, "2.13.0") == ["torch==2.13.0", "numpy>=1.26,<3"]
    assert versions.requirements("oldest", ranges, "2.13.0") == ["torch==2.13.0", "numpy==1.26"]


def test_the_tests_run_with_the_pinned_tools(root: Path, versions: ModuleType) -> None:
    pins = versions.tools((root / "constraints.txt").read_text(encoding="utf-8"))
    assert [pin.split("==")[0] for pin in pins] == sorted(versions.TOOLS + versions.BESIDE)


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        (
            [
                "sympy",
                "triton==3; platform_system == 'Nowhere'",
                "nvidia-cudnn-cu12==9; python_version > '3'",
            ],
            1,
        ),
        (["sympy", "nvidia-cudnn-cu12==9; platform_system == 'Nowhere'", "cuda-bindings; extra == 'x'"], 0),
    ],
)
def test_a_torch_that_brings_cuda_is_seen_before_it_is_installed(
    tmp_path: Path, versions: ModuleType, needs: list[str], found: int
) -> None:
    """A stand-in for Python answers as pip does, and says what it was asked."""
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"install": [{"metadata": {"requires_dist": needs}}]}), encoding="utf-8")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/asked'\ncat '{report}'\n", encoding="utf-8")
    python.chmod(0o755)
    assert len(versions.libraries_of_cuda("torch==2.4", python)) == found
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert {"--dry-run", "--no-deps", "torch==2.4"} <= set(asked)


def test_a_warning_of_an_old_library_is_left_out_and_one_of_ours_is_an_error(
    versions: ModuleType, tmp_path: Path
) -> None:
    lines = ["import warnings, pytest", "", "def test_both():"]
    for module, indent in (("matplotlib._old", "    "), ("nnz.figures", "        ")):
        if module.startswith("nnz"):
            lines.append("    with pytest.raises(DeprecationWarning):")
        lines.append(
            f"{indent}warnings.warn_explicit('old', DeprecationWarning, 'a.py', 1, module='{module}')"
        )
    (tmp_path / "test_a.py").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-o", f"filterwarnings={versions.WARNINGS}", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout


def test_what_is_left_out_is_there(root: Path, versions: ModuleType) -> None:
    """A file that was renamed would be tried unnoticed."""
    assert [path for path in versions.LEFT_OUT if not (root / path).is_file()] == []


@pytest.fixture
def tried(root: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs three tests with the plugin, the second of which fails and the third in its teardown."""
    code = """
import os, pytest

@pytest.fixture
def breaks():
    yield
    assert "MENDED" in os.environ

def test_a(): pass
def test_ab(): assert "MENDED" in os.environ
def test_c(breaks): pass
"""
    (tmp_path / "test_three.py").write_text(code, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    def run(*arguments: str, **more: str) -> str:
        file = {"NNZ_TRIED": str(tmp_path / "passed.txt"), "PYTHONPATH": str(root)}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.tried", *arguments, str(tmp_path)]
        environment = {**kept, **file, **more}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
        return done.stdout.splitlines()[-1]

    return run


@pytest.mark.parametrize("workers", ["0", "2"])
def test_only_what_has_not_passed_is_run_again(tried: Callable[..., str], workers: str) -> None:
    count = ("-n", workers)
    assert re.match(r"1 failed, 2 passed, 1 error", tried(*count))
    assert re.match(r"2 passed", tried(*count, MENDED="1"))
    assert re.match(r"(no tests ran|3 deselected)", tried(*count))
