"""Change taught code in small ways, one at a time, and see whether a test notices: `make mutants MODULE=engine`.

mutmut makes and tries the changes, in a copy of the repository under _build/mutants; a module is tried against
the tests that chapters.toml names for its chapter. What was tried is kept, so that a run that was stopped goes on.
The result is written to tests/mutants/<module>.json: how many changes there were, how many a test noticed, and
each that none did, with the reason why, which a person writes into that file; it stays there at the next run.

Without MODULE: what is known of every module. Needs the optional group `mutants` of pyproject.toml.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from nnz.press.pages import chapters

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tests" / "mutants"
WORK = ROOT / "_build" / "mutants"
COPIED = (
    "src",
    "tests",
    "data",
    "book/claims",
    "book/recorded",
    "chapters.toml",
    "_toc.yml",
    "pyproject.toml",
)
NOTICED = {1, 3, -24, 24, 36, 152, 255, -11, -9}  # mutmut's codes: failed, too slow, crashed

# The words of an error are no behavior that a test should hold to the letter. And what is too slow counts as
# noticed, so there is a minute more than mutmut would give: a busy machine is no reason.
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/nnz/{module}.py"]
do_not_mutate_patterns = ["^\\\\s*(raise|return) \\\\w*Error\\\\b"]
also_copy = ["chapters.toml", "_toc.yml", "data", "book"]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-k", "not ({unfit})"]
use_git_change_detection = false
timeout_constant = 60.0
"""

# A loop that a mutant makes endless may fill the memory before its time is over; torch alone maps about 1 GB.
MOST_BYTES = 4 * 2**30

# What mutmut puts into a module imports more, and takes longer.
UNFIT = ("little_of_the_standard_library", "chain_of_a_million_nodes")


def prepare(module: str) -> Path:
    """Bring the copy up to date that a module's mutants are tried in, and return its folder."""
    (chapter,) = (c for c in chapters(ROOT).values() if module in c["modules"])
    work = WORK / module
    work.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, target = ROOT / name, work / name
        if source.is_file():
            shutil.copy2(source, target)
        else:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "browser"))
    tests = ", ".join(f'"tests/{test}.py"' for test in chapter["tests"])
    settings = SETTINGS.format(module=module, tests=tests, unfit=" or ".join(UNFIT))
    with (work / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    # mutmut copies what it does not change only once, and Python finds nothing in a folder that comes later
    shutil.copytree(work / "tests", work / "mutants" / "tests", dirs_exist_ok=True)
    for path in (work / "src").rglob("*.py"):
        copy = work / "mutants" / path.relative_to(work)
        if not copy.exists() or path.name != f"{module}.py":
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    forget_survivors(record(work, module))
    return work


def record(work: Path, module: str) -> Path:
    """Return where mutmut keeps what became of a module's mutants."""
    return work / "mutants" / "src" / "nnz" / f"{module}.py.meta"


def forget_survivors(path: Path) -> None:
    """Let what survived be tried again: its tests may be others now."""
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        codes = kept["exit_code_by_key"]
        kept["exit_code_by_key"] = {key: code if code in NOTICED else None for key, code in codes.items()}
        path.write_text(json.dumps(kept, indent=4), encoding="utf-8")


def mutmut(work: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run mutmut in a folder, with the changed code before all other."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))

    environment = {**os.environ, "PYTHONPATH": str(work / "mutants" / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(
        command,
        cwd=work,
        env=environment,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        preexec_fn=limit,
        **options,
    )


def change_of(work: Path, mutant: str) -> str:
    """Return what a mutant changed: the lines that went and the lines that came."""
    shown = mutmut(work, "show", mutant, capture_output=True, check=True).stdout.splitlines()
    lines = [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def function_of(mutant: str) -> str:
    """Return the function that a mutant is of: `nnz.engine.xǁValueǁexp__mutmut_3` is of `Value.exp`."""
    name = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return ".".join(name.split("ǁ")[1:]) if "ǁ" in name else name.removeprefix("x_")


def collect(module: str, work: Path) -> dict[str, Any]:
    """Return the result of a module, with the reasons that were given before."""
    kept = json.loads(record(work, module).read_text(encoding="utf-8"))
    codes: dict[str, int | None] = kept["exit_code_by_key"]
    if untried := sum(code is None for code in codes.values()):
        raise SystemExit(
            f"{untried} of {len(codes)} mutants of {module} are not tried yet; run it again to go on."
        )
    before = known(module)
    reasons = {(s["function"], s["change"]): s["reason"] for s in before.get("survivors", ())}
    survivors = []
    for mutant in (mutant for mutant, code in codes.items() if code not in NOTICED):
        key = (function_of(mutant), change_of(work, mutant))
        survivors.append({"function": key[0], "change": key[1], "reason": reasons.get(key, "")})
    log = ["git", "log", "-1", "--format=%cs", "--", f"src/nnz/{module}.py", "tests"]
    date = subprocess.run(log, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    return {
        "module": module,
        "commit": date,
        "mutants": len(codes),
        "killed": len(codes) - len(survivors),
        "survivors": sorted(survivors, key=lambda s: (s["function"], s["change"])),
    }


def known(module: str) -> dict[str, Any]:
    """Return the last result of a module; an empty one if there is none."""
    path = RESULTS / f"{module}.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return result


def line_about(module: str) -> str:
    """Say in a line what is known of a module."""
    result = known(module)
    if not result:
        return f"{module:18} not tried"
    equal = sum(s["reason"].startswith("equivalent") for s in result["survivors"])
    share = result["killed"] / (result["mutants"] - equal)
    open_ = sum(not s["reason"] for s in result["survivors"])
    return (
        f"{module:18} {result['commit']}  {result['killed']:4} of {result['mutants']:4} noticed, "
        f"{equal} equivalent: {share:.1%}" + (f"; {open_} without a reason" if open_ else "")
    )


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants of the modules that are named, or list what is known."""
    parser = argparse.ArgumentParser(
        description="See whether a test notices a small change of the taught code."
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    given = parser.parse_args(arguments)
    taught = [module for chapter in chapters(ROOT).values() for module in chapter["modules"]]
    if unknown := set(given.modules) - set(taught):
        parser.error(f"no taught module: {', '.join(sorted(unknown))}; there are {', '.join(taught)}")
    for module in given.modules:
        work = prepare(module)
        mutmut(work, "run", "--max-children", "1", check=True)
        text = json.dumps(collect(module, work), indent=1, ensure_ascii=False)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{module}.json").write_text(text + "\n", encoding="utf-8")
    for module in given.modules or taught:
        print(line_about(module))
    return 0


if __name__ == "__main__":
    sys.exit(main())
