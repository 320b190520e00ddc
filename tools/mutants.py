"""Change taught code in small ways, one at a time, and see whether a test notices: `make mutants MODULE=engine`.

mutmut makes and tries the changes, in a copy of the repository under _build/mutants; a module is tried against
its own file of tests, tests/test_<module>.py, the others of the chapter that introduces it, as chapters.toml names
them, and those of ELSEWHERE. mutmut imports the tests once and forks; for a change it runs those tests alone
that come by the changed function, the quickest first, and stops at the first that fails. What was tried is kept,
so that a run that was stopped goes on. The result is written to tests/mutants/<module>.json: how many changes
there were, how many a test noticed, and each that none did, with the reason why, which a person writes into that
file; it stays there at the next run.

`SAMPLE=60` tries 60 changes of a module, drawn with a seed that the result names. A larger sample contains a
smaller one.

Without MODULE: what is known of every module. Needs the optional group `mutants` of pyproject.toml.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
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
    "book",
    "chapters.toml",
    "_toc.yml",
    "pyproject.toml",
)
NOTICED = {1, 3, -24, 24, 36, 152, 255, -11, -9}  # mutmut's codes: failed, too slow, crashed

TOO_SLOW = {-24, 24, 36, 152}
SEED = 1
# Files of tests that a module has beside its own and those of its chapter.
ELSEWHERE = {"checkpoint": ("test_refused",)}

OF_NO_MATTER = ("equivalent", "words")  # so begin the reasons that no test is missing

# The words of an error are no behavior that a test should hold to the letter. What is too slow counts as noticed:
# the plugin measures that in seconds of a core, against the same tests unchanged (tools/patience.py). By the clock
# there is a quarter of an hour, for what waits and does nothing; a busy machine is no reason.
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/nnz/{module}.py"]
do_not_mutate_patterns = ["^\\\\s*(raise|return) \\\\w*Error\\\\b"]
also_copy = ["chapters.toml", "_toc.yml", "data", "book"]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "patience", "-k", "not ({unfit})"]
use_git_change_detection = false
timeout_constant = 60.0
"""

# A loop that a mutant makes endless may fill the memory before its time is over; torch alone maps about 1 GB.
MOST_BYTES = 4 * 2**30

# Decorators that stay where they are: mutmut knows the first two.
LEFT = {"staticmethod", "classmethod", "overload"}

# What mutmut puts into a module imports more, and takes longer.
UNFIT = ("little_of_the_standard_library", "chain_of_a_million_nodes")


def tests_of(module: str) -> list[str]:
    """Return the files of tests that a module is tried against: its own, its chapter's, and those elsewhere."""
    mates = [chapter["tests"] for chapter in chapters(ROOT).values() if module in chapter["modules"]]
    names = [f"test_{module}", *(name for tests in mates for name in tests), *ELSEWHERE.get(module, ())]
    return [f"tests/{name}.py" for name in dict.fromkeys(names)]


def prepare(module: str) -> Path:
    """Bring the copy up to date that a module's mutants are tried in, and return its folder."""
    work = WORK / module
    work.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, target = ROOT / name, work / name
        if source.is_file():
            shutil.copy2(source, target)
        else:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "browser"))
    undecorate(work / "src" / "nnz" / f"{module}.py")
    (work / "plugins").mkdir(exist_ok=True)
    shutil.copy2(ROOT / "tools" / "patience.py", work / "plugins")
    settings = SETTINGS.format(
        module=module, tests=json.dumps(tests_of(module))[1:-1], unfit=" or ".join(UNFIT)
    )
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


def undecorate(path: Path) -> None:
    """Write a module as `undecorated` has it, with the time of its last change as before."""
    times = path.stat()
    path.write_text(undecorated(path.read_text(encoding="utf-8")), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def undecorated(source: str) -> str:
    r"""Return a module whose functions are decorated below them, since mutmut leaves out those with a decorator.

    >>> print(undecorated("@torch.no_grad()\ndef f(x):\n    return x"))
    def f(x):
        return x
    f = torch.no_grad()(f)
    <BLANKLINE>
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: -node.lineno):
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        if not names or any(name in LEFT or name.endswith(".setter") for name in names):
            continue
        wrapped = node.name
        for name in reversed(names):
            wrapped = f"{name}({wrapped})"
        lines.insert(node.end_lineno or 0, f"{' ' * node.col_offset}{node.name} = {wrapped}")
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


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


def python(work: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the changed code before all other."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))

    found = os.pathsep.join(
        [str(work / "mutants" / "src"), str(work / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    environment = {**os.environ, "PYTHONPATH": found, "OMP_NUM_THREADS": "1"}
    environment["NNZ_PATIENCE"] = str(work / "patience.json")
    command = [sys.executable, *arguments]
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
    shown = python(work, "-m", "mutmut", "show", mutant, capture_output=True, check=True).stdout.splitlines()
    lines = [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def function_of(mutant: str) -> str:
    """Return the function that a mutant is of: `nnz.engine.xǁValueǁexp__mutmut_3` is of `Value.exp`."""
    name = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return ".".join(name.split("ǁ")[1:]) if "ǁ" in name else name.removeprefix("x_")


NAMES = """\
import sys
from mutmut.mutation.file_mutation import mutate_file_contents
text = open(sys.argv[1], encoding="utf-8").read()
print(*mutate_file_contents(sys.argv[1], text).mutant_names, sep="\\n")
"""


def mutants_of(module: str, work: Path) -> list[str]:
    """Return the names of all changes that mutmut makes to a module, in a fixed order."""
    printed = python(work, "-c", NAMES, f"src/nnz/{module}.py", capture_output=True, check=True).stdout
    return sorted(f"nnz.{module}.{name}" for name in printed.splitlines() if name)


def drawn(names: list[str], size: int | None) -> list[str]:
    """Return a sample of the names, all of them if it is to be as large; a larger one contains the smaller.

    >>> names = list("abcdefgh")
    >>> len(drawn(names, 3)), set(drawn(names, 3)) < set(drawn(names, 5)), drawn(names, None) == names
    (3, True, True)
    """
    if size is None or size >= len(names):
        return names
    shuffled = random.Random(SEED).sample(names, len(names))
    return sorted(shuffled[:size])


def untried(module: str, work: Path, wanted: list[str]) -> list[str]:
    """Return those of the wanted changes of which nothing is known, or nothing any more."""
    kept, changed = record(work, module), work / "mutants" / "src" / "nnz" / f"{module}.py"
    source = work / "src" / "nnz" / f"{module}.py"
    if not kept.is_file() or source.stat().st_mtime >= changed.stat().st_mtime:
        return wanted
    codes = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
    return [name for name in wanted if codes.get(name) is None]


def collect(module: str, work: Path, names: list[str], wanted: list[str]) -> dict[str, Any]:
    """Return the result of a module, with the reasons that were given before."""
    if left := untried(module, work, wanted):
        raise SystemExit(
            f"{len(left)} of {len(wanted)} mutants of {module} are not tried yet; run it again to go on."
        )
    kept = json.loads(record(work, module).read_text(encoding="utf-8"))["exit_code_by_key"]
    codes: dict[str, int] = {name: kept[name] for name in wanted}
    reasons = {(s["function"], s["change"]): s["reason"] for s in known(module).get("survivors", ())}
    survivors = []
    for mutant in (mutant for mutant, code in codes.items() if code not in NOTICED):
        key = (function_of(mutant), change_of(work, mutant))
        survivors.append({"function": key[0], "change": key[1], "reason": reasons.get(key, "")})
    result: dict[str, Any] = {"module": module, "commit": date_of(module), "mutants": len(codes)}
    if len(wanted) < len(names):
        result["sample"] = {"of": len(names), "seed": SEED}
    result["killed"] = len(codes) - len(survivors)
    result["too_slow"] = sum(code in TOO_SLOW for code in codes.values())
    result["survivors"] = sorted(survivors, key=lambda s: (s["function"], s["change"]))
    return result


def date_of(module: str) -> str:
    """Return the day of the last commit of a module or of its tests."""
    log = ["git", "log", "-1", "--format=%cs", "--", f"src/nnz/{module}.py", *tests_of(module)]
    return subprocess.run(log, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.strip()


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
    equal = sum(s["reason"].startswith(OF_NO_MATTER) for s in result["survivors"])
    share = result["killed"] / (result["mutants"] - equal)
    open_ = sum(not s["reason"] for s in result["survivors"])
    line = f"{module:18} {result['commit']}  {result['killed']:4} of {result['mutants']:4} noticed, "
    line += f"{equal} of no matter: {share:.1%}"
    if sample := result.get("sample"):
        line += f"; a sample of {sample['of']} (seed {sample['seed']})"
    return line + (f"; {open_} without a reason" if open_ else "")


def try_module(module: str, size: int | None) -> None:
    """Try the changes of a module, or a sample of them, and write down what came of it."""
    work = prepare(module)
    names = mutants_of(module, work)
    wanted = drawn(names, size)
    left = untried(module, work, wanted)
    print(f"{module}: {len(wanted)} of {len(names)} (seed {SEED}), {len(left)} to be tried", flush=True)
    before: list[str] = []
    while left and left != before:  # where the choice of tests is another one, mutmut begins anew
        python(work, "-m", "mutmut", "run", "--max-children", "1", *left, check=True)
        before, left = left, untried(module, work, wanted)
    text = json.dumps(collect(module, work, names, wanted), indent=1, ensure_ascii=False)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{module}.json").write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants of the modules that are named, or list what is known."""
    parser = argparse.ArgumentParser(
        description="See whether a test notices a small change of the taught code."
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="try so many changes of each, drawn at random"
    )
    given = parser.parse_args(arguments)
    taught = [module for chapter in chapters(ROOT).values() for module in chapter["modules"]]
    if unknown := set(given.modules) - set(taught):
        parser.error(f"no taught module: {', '.join(sorted(unknown))}; there are {', '.join(taught)}")
    for module in given.modules:
        try_module(module, given.sample)
    for module in given.modules or taught:
        print(line_about(module))
    return 0


if __name__ == "__main__":
    sys.exit(main())
