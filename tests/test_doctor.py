"""nnz doctor: what is there, what is missing, what to do; and what is said when torch itself is missing."""

from __future__ import annotations

import builtins
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from nnz.app import doctor, entry
from nnz.app.doctor import Finding, findings, report

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe"]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    own = tmp_path / "own.txt"
    own.write_text("\n".join(NAMES), encoding="utf-8")
    monkeypatch.setenv("NNZ_NAMES", str(own))
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "a" / "store"))
    return own


def found(what: str) -> Finding:
    return next(finding for finding in findings() if finding.what == what)


def test_all_that_is_needed_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("all that is needed is there\n")
    for word in ("Python", "torch", "names", "store", "Jupyter", "Chromium", "own.txt, sha256 "):
        assert word in said


def test_a_list_that_cannot_be_used_is_missing(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.write_text("emma\n" * 9, encoding="utf-8")
    assert entry.main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "names       MISSING no list can be used" in said
    assert "9 names, all the same" in said
    assert said.endswith("1 of what is needed is missing\n")


def test_the_list_is_named_with_its_checksum(
    settings: Path, monkeypatch: pytest.MonkeyPatch, no_data: Path
) -> None:
    assert "the embedded sample; names.txt could not be fetched" in found("names").found
    assert not found("names").well
    assert not found("names").needed
    monkeypatch.setenv("NNZ_NAMES", str(settings))
    total = doctor._ask("nnz.plumbing.datasets", "sha256")(settings)
    assert total[:16] in found("names").found
    monkeypatch.setattr("nnz.plumbing.datasets.NAMES_SHA256", total)
    assert "names.txt, the list of the book, with the right checksum" in found("names").found


def test_a_store_that_cannot_be_written_is_said_and_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found("store").well
    assert not (tmp_path / "a").exists()  # it only looks
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "file" / "store"))
    store = found("store")
    assert (store.well, store.needed) == (False, False)
    assert "cannot be written to" in store.found
    assert report()


def test_a_library_that_is_broken_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    before: Callable[..., Any] = doctor.importlib.import_module

    def broken(name: str) -> Any:
        if name == "torch":
            raise OSError("libtorch.so:\n cannot open")
        return before(name)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    torch = found("torch")
    assert (torch.well, torch.needed) == (False, True)
    assert "OSError: libtorch.so: cannot open" in torch.found
    assert not report()
    for folder in ("/bin", "/a reader's folder"):
        monkeypatch.setattr(sys, "executable", f"{folder}/python")
        assert shlex.split(found("torch").advice)[:3] == [f"{folder}/python", "-m", "pip"]
        jupyter = found("Jupyter").advice.rpartition(": ")[2]
        assert shlex.split(jupyter)[:2] == [f"{folder}/python", "-m"]


def test_a_kernel_that_is_missing_or_starts_another_python_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    spec = tmp_path / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    for program, well in (("python", True), (sys.executable, True), ("/usr/bin/another", False)):
        spec.write_text(json.dumps({"argv": [program]}), encoding="utf-8")
        assert found("Jupyter").well == well
    assert "starts /usr/bin/another" in found("Jupyter").found

    version = metadata.version

    def missing(name: str) -> str:
        if name == "ipykernel":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert (found("Jupyter").well, found("Jupyter").needed) == (False, False)


def test_a_browser_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "no-such-program")
    assert found("Chromium").found == "CHROMIUM=no-such-program is no program"
    monkeypatch.setenv("CHROMIUM", sys.executable)
    assert found("Chromium").well
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (found("Chromium").found, found("Chromium").needed) == ("not found", False)


def test_without_torch_the_doctor_comes_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so is gone')\n", encoding="utf-8")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from nnz.app.entry import main; sys.exit(main())"

    def run(*words: str) -> tuple[int, str, str]:
        ran = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), *words], capture_output=True, encoding="utf-8"
        )
        return ran.returncode, ran.stdout, ran.stderr

    assert run("models") == (
        2,
        "",
        "nnz: error: libtorch.so is gone; python -m nnz doctor says what to do.\n",
    )
    code_of, out, err = run("doctor")
    assert (code_of, err) == (1, "")
    assert "torch       MISSING" in out


def test_ctrl_c_while_torch_is_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = builtins.__import__

    def interrupted(name: str, *more: Any) -> Any:
        if name == "nnz.app" and more[2] and "command" in more[2]:
            raise KeyboardInterrupt
        return before(name, *more)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    assert entry.main(["models"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
