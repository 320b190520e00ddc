"""Build the book: `make book` (clean, executed, strict), `make quick` (what changed), `make repeat` (twice alike).

Jupyter Book 1 translates `_config.yml` and `_toc.yml` for Sphinx but runs Sphinx on one core; so its
translation is taken (`jupyter-book config sphinx`) and Sphinx is run here, over all cores.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
FAILED = """
The book did not build: the first ERROR or WARNING above says where and why."""


def state_of_the_code() -> str:
    """Hash all that a chapter's output depends on besides its own cells, which the cache sees by itself."""
    digest = hashlib.sha256()
    files = [ROOT / "constraints.txt", ROOT / "book" / "claims.toml"]
    for folder in (ROOT / "src", ROOT / "data"):
        files += sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        )
    if os.environ.get("NNZ_NAMES"):
        files.append(Path(os.environ["NNZ_NAMES"]))
    for path in files:
        digest.update(str(path).encode())
        digest.update(path.read_bytes() if path.is_file() else b"missing")
    return digest.hexdigest()[:16]


def causes(since: float) -> str:
    """Return how each page ended that failed since then: the last line of its report, which names the error."""
    lines = []
    for path in sorted((BUILD / "html" / "reports").rglob("*.err.log")):
        if path.stat().st_mtime < since:
            continue  # of a build before, which `make quick` leaves in place
        report = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text(encoding="utf-8"))
        last = report.strip().splitlines()[-1]
        lines.append(f"\n{path.name.removesuffix('.err.log')}: {last}")
    return "".join(lines)


def sphinx(*options: str) -> int:
    """Translate the book's settings and run Sphinx on them, with progress for a person."""
    BUILD.mkdir(exist_ok=True)
    jupyter_book = Path(sys.executable).parent / "jupyter-book"
    translate = [str(jupyter_book), "config", "sphinx", str(ROOT)]
    translated = subprocess.run(
        translate,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if translated.returncode:
        print(translated.stdout + translated.stderr, file=sys.stderr)
        return translated.returncode
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-d",
        str(BUILD / ".doctrees"),
    ]
    command += ["-j", os.environ.get("NNZ_JOBS", "auto"), *options]
    # A cell that fails is a warning with its traceback, and so an error under -W. Raising at once,
    # as `jupyter-book build` must, would end a parallel build without a word about the cell.
    command += [
        "-D",
        "nb_execution_raise_on_error=0",
        "-D",
        "nb_execution_show_tb=1",
    ]
    # The translation leaves out where the book's own extensions are.
    path = [str(ROOT / "book" / "_ext"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    command += [str(ROOT), str(BUILD / "html")]
    began = time.time()
    result = subprocess.run(command, cwd=ROOT, env=environment).returncode
    done = f"\nThe book is at {BUILD / 'html' / 'index.html'}"
    print(causes(began) + FAILED if result else done)
    return result


def book() -> int:
    """Build from nothing, execute everything, and take every warning for an error."""
    shutil.rmtree(BUILD, ignore_errors=True)
    return sphinx("-n", "-W", "--keep-going", "-D", "nb_execution_mode=force")


def quick() -> int:
    """Rebuild what changed; a cell runs again if its page, or anything it may depend on, is new."""
    cache = BUILD / "cache" / state_of_the_code()
    fresh = (
        [] if cache.exists() else ["-E"]
    )  # Sphinx does not see what a chapter imports: read all again
    if fresh:
        shutil.rmtree(BUILD / "cache", ignore_errors=True)
        cache.mkdir(parents=True)
    settings = [
        "-D",
        "nb_execution_mode=cache",
        "-D",
        f"nb_execution_cache_path={cache}",
    ]
    return sphinx(*fresh, *settings)


def outputs() -> dict[str, object]:
    """Return the claims, and what each cell of each page printed or drew, of the build that is there.

    Measurements of time are left out: claims that say that they vary, and cells with the tag `timing`.
    """
    found: dict[str, object] = {}
    for name, record in json.loads(
        (BUILD / "claims.json").read_text(encoding="utf-8")
    ).items():
        if record["varies"]:
            del record["measured"]
        found[f"claim {name}"] = record
    for path in sorted((BUILD / "jupyter_execute").rglob("*.ipynb")):
        for number, cell in enumerate(
            json.loads(path.read_text(encoding="utf-8"))["cells"]
        ):
            if "timing" in cell["metadata"].get("tags", []):
                continue
            seen = Counter[str]()
            for output in cell.get("outputs", []):
                # Streams come in pieces, cut by chance; MyST-NB joins them all into the first.
                kind = output.get("name", output["output_type"])
                if "name" not in output or not seen[kind]:
                    found[f"{path.stem}, cell {number}, {kind} {seen[kind]}"] = (
                        output
                    )
                seen[kind] += 1
    return found


def repeat() -> int:
    """Build again from nothing and say what came out differently."""
    if not (BUILD / "claims.json").is_file():
        sys.exit(
            "make: there is no finished book to compare with. Run `make book` first."
        )
    before = outputs()
    if result := book():
        return result
    after = outputs()
    differing = [
        name for name in {**before, **after} if before.get(name) != after.get(name)
    ]
    for name in differing:
        print(f"differs: {name}", file=sys.stderr)
    print(
        f"{len(after) - len(differing)} of {len(after)} outputs are the same in both builds."
    )
    return bool(differing)


def main() -> int:
    """Build in the way asked for and return the exit code."""
    kinds = {"book": book, "quick": quick, "repeat": repeat}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: python tools/build.py {'|'.join(kinds)}")
    return kinds[sys.argv[1]]()


if __name__ == "__main__":
    sys.exit(main())
