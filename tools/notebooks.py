"""Run bare notebooks of the built book as a reader would: alone, in an empty folder, with the installed package.

python tools/notebooks.py            all chapters
python tools/notebooks.py engine mlp these
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError

from nnz.press import copies
from nnz.press.client import client_of
from nnz.press.kernel import use_own_python

ROOT = Path(__file__).resolve().parents[1]
BARE = ROOT / "_build" / "html" / copies.FOLDER / copies.BARE
FROM = "import nnz\n\nprint(nnz.__path__[0])"


def install(folder: Path) -> None:
    """Install the package of this repository into a folder, without what it stands on.

    Raises:
        RuntimeError: pip did not.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(folder), str(ROOT)]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise RuntimeError(f"the package could not be installed:\n{done.stderr[-2000:]}")


def run(path: Path, package: Path, folder: Path) -> str:
    """Run a notebook in an empty folder with the package in another; return why it failed, or nothing."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(FROM, id="from"))
    environment = {
        **os.environ,
        "PYTHONPATH": str(package),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    try:
        client_of(notebook, folder).execute(env=environment)
    except CellExecutionError as error:
        return re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    except DeadKernelError as error:
        return f"{error} Was there too little memory?"
    used = notebook.cells[-1].outputs[0]["text"].strip()
    return "" if used == str(package / "nnz") else f"it ran with the package in {used}, not in {package}"


def alone(names: Sequence[str], folder: Path) -> list[str]:
    """Run the bare notebooks of these chapters; return the names of those that failed, after saying why."""
    use_own_python(folder / "kernels")
    package = folder / "package"
    install(package)
    failed = []
    for name in names:
        empty = folder / "empty" / name
        empty.mkdir(parents=True)
        began = time.monotonic()
        reason = run(BARE / f"{name}.ipynb", package, empty)
        print(f"{name:18} {'FAILED' if reason else 'runs'} ({time.monotonic() - began:.0f} s)", flush=True)
        if reason:
            print(f"{reason[-3000:]}\n", file=sys.stderr, flush=True)
            failed.append(name)
    return failed


def main() -> int:
    """Run what is asked for, or all, and say what failed."""
    there = sorted(path.stem for path in BARE.glob("*.ipynb"))
    if not there:
        sys.exit("make: there are no notebooks: run `make book` first.")
    names = sys.argv[1:] or there
    if unknown := sorted({*names} - {*there}):
        sys.exit(f"make: there is no chapter {unknown[0]!r}; there are {', '.join(there)}.")
    with TemporaryDirectory() as folder:
        try:
            failed = alone(names, Path(folder).resolve())
        except RuntimeError as error:
            sys.exit(f"make: {error}")
    print(f"{len(names) - len(failed)} of {len(names)} notebooks run alone.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
