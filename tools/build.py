"""Build the book: `make book` (clean, executed, strict), `make quick` (what changed), `make repeat` (twice alike).

First the pages are executed, each in a process of its own, in a queue with the longest first (`tools/pages.py`).
Then Sphinx sets them, as conf.py says. `jupyter-book build .` does both at once, more slowly.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

import pages
from nnz.plumbing.datasets import DataError, book_source
from nnz.plumbing.machine import cores
from nnz.press import executed
from nnz.press.house import over_budget
from nnz.press.kernel import use_own_python
from nnz.press.pages import PageError, chapters

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
FULL = 100 * 10**6  # bytes free below which a failure is put down to a full disk


def stop(message: str) -> None:
    """End with a message for a person, and no traceback."""
    sys.exit(f"make: {message}")


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second build out. What a killed build left running is waited for; it ends by itself."""
    try:
        BUILD.mkdir(exist_ok=True)
        lock = FileLock(BUILD / ".lock")
        lock.acquire(timeout=float(os.environ.get("NNZ_PATIENCE", "10")))
    except Timeout:
        stop("another build is at work in this folder; wait until it has ended, or stop it.")
    except OSError as error:
        stop(f"{BUILD} cannot be written to ({error.strerror}). Make it writable, or delete it.")
    descriptor = lock._context.lock_file_fd
    assert descriptor is not None
    os.set_inheritable(descriptor, True)  # held until the last process of this build has ended
    try:
        yield
    finally:
        lock.release()


def check_names() -> None:
    """Stop with a line that says what to do unless the list of names can be read, and the book be built on it."""
    try:
        book_source()
    except DataError as error:
        stop(f"the list of names cannot be used. {error}")


def chosen(name: str) -> str:
    """Return how many JOBS or THREADS somebody asked for, or nothing; stop if that is no number."""
    given = os.environ.get(f"NNZ_{name}", "")
    if given and not (given.isascii() and given.isdigit() and int(given)):
        stop(f"{name} is {given!r}; it has to be a whole number, 1 or more, as in `make book {name}=2`.")
    return given


def settings() -> dict[str, str]:
    """Return the environment of pages and Sphinx, for a build of its own."""
    threads = chosen("THREADS")
    use_own_python(BUILD / "kernels")
    path = [str(ROOT / "src"), str(ROOT / "book" / "_ext"), os.environ.get("PYTHONPATH", "")]
    return {
        "OMP_NUM_THREADS": "1",  # pages run side by side, and sums keep their order
        "PYTHONWARNINGS": "ignore:IProgress not found",  # tqdm's, as torch is imported
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's word on stderr
        "NNZ_BUILD": "1",  # what would tell a person how it is going stays quiet
        "NNZ_MODELS": str(BUILD / "models"),
        **os.environ,
        **({"OMP_NUM_THREADS": threads} if threads else {}),
        "NNZ_PAGES": str(BUILD / "pages"),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONUTF8": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def sphinx(environment: dict[str, str], *options: str) -> int:
    """Set the executed pages and return Sphinx's exit code."""
    command = [sys.executable, str(ROOT / "tools" / "set_pages.py"), "-q", "-b", "html", *options]
    command += ["-d", str(BUILD / ".doctrees")]
    command += [str(ROOT), str(BUILD / "html")]
    return subprocess.run(command, cwd=ROOT, env=environment, close_fds=False).returncode


def report() -> str:
    """Say what became of the claims; name those about time, and the budgets, that this machine does not keep."""
    records = json.loads((BUILD / "claims.json").read_text(encoding="utf-8"))
    count = Counter(record["verdict"] for record in records.values())
    lines = ["Claims: " + ", ".join(f"{n} {verdict}" for verdict, n in count.items()) + "."]
    lines += [
        f"  not on this machine: {name}, measured {record['measured']:.3g}, goal {record['bound']}"
        for name, record in records.items()
        if record["verdict"] == "not on this machine"
    ]
    lines += [f"  {slow}" for slow in over_budget(seconds(), chapters(ROOT))]
    return "\n".join(lines)


def seconds() -> dict[str, float]:
    """Return the seconds of a core that each page took when it was last executed."""
    there = {path.stem: executed.facts(path) for path in (BUILD / "pages").glob("*.ipynb")}
    return {name: known["seconds"] for name, known in there.items() if known}


def build(*options: str) -> int:
    """Execute what has to be executed, set all pages, and say how it went."""
    check_names()
    environment = settings()
    jobs = int(chosen("JOBS") or cores())
    try:
        failed = pages.execute(ROOT, BUILD, environment, jobs)
        if failed:
            print(failed + "\nThe book did not build: these pages failed.", file=sys.stderr)
            return hint(1)
        print("Setting the pages ...", flush=True)
        if result := sphinx(environment, *options):
            print(
                "\nThe book did not build: the first ERROR or WARNING above says where and why.",
                file=sys.stderr,
            )
            return hint(result)
    except (OSError, PageError) as error:
        print(f"make: {error}", file=sys.stderr)
        return hint(1)
    print(report())
    print(f"\nThe book is at {BUILD / 'html' / 'index.html'}")
    return 0


def hint(result: int) -> int:
    """Say so where a full disk is the likely reason, and return the exit code."""
    if shutil.disk_usage(BUILD).free < FULL:
        print("make: the disk is full. Free about 1 GB and build again.", file=sys.stderr)
    return result


def empty() -> None:
    """Remove what was built, all but the lock."""
    for path in BUILD.iterdir():
        if path.name == ".lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def book() -> int:
    """Build from nothing, execute everything, and take every warning for an error."""
    jobs, _ = chosen("JOBS") or "auto", chosen("THREADS")
    try:
        empty()
    except OSError as error:
        stop(
            f"{error.filename} cannot be removed ({error.strerror}). Delete {BUILD} yourself, and build again."
        )
    return build("-n", "-W", "--keep-going", "-j", jobs)


def quick() -> int:
    """Build what changed: a page runs again if its cells, or anything they depend on, are new."""
    return build()


def outputs() -> dict[str, object]:
    """Return the claims, and what each cell of each page printed or drew, of the build that is there.

    Measurements of time are left out: claims that say that they vary, and cells with the tag `timing`.
    """
    found: dict[str, object] = {}
    for name, record in json.loads((BUILD / "claims.json").read_text(encoding="utf-8")).items():
        if record["varies"]:
            del record["measured"], record["verdict"]
        found[f"claim {name}"] = record
    for path in sorted((BUILD / "pages").glob("*.ipynb")):
        there = executed.read(path)
        assert there is not None
        for number, cell in enumerate(there["cells"]):
            if "timing" in cell["metadata"].get("tags", []):
                continue
            for name, output in pages.printed(cell.get("outputs", [])):
                found[f"{path.stem}, cell {number}, {name}"] = output
    return found


def repeat() -> int:
    """Build again from nothing and say what came out differently."""
    if not (BUILD / "claims.json").is_file():
        stop("there is no finished book to compare with. Run `make book` first.")
    before = outputs()
    if result := book():
        return result
    after = outputs()
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    for name in differing:
        print(f"differs: {name}", file=sys.stderr)
    print(f"{len(after) - len(differing)} of {len(after)} outputs are the same in both builds.")
    return bool(differing)


def interrupted(number: int, frame: object) -> None:
    """Turn a request to end into an interrupt, so that what was begun is ended in order."""
    raise KeyboardInterrupt


def main() -> int:
    """Build in the way asked for and return the exit code."""
    kinds = {"book": book, "quick": quick, "repeat": repeat}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: python tools/build.py {'|'.join(kinds)}")
    signal.signal(signal.SIGTERM, interrupted)
    try:
        with alone():
            return kinds[sys.argv[1]]()
    except KeyboardInterrupt:
        stop("stopped; build again when you like.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
