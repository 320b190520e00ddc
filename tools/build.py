"""Build the book: `make book` (clean, everything executed, strict) or `make quick` (what changed).

Jupyter Book 1 translates `_config.yml` and `_toc.yml` for Sphinx but runs Sphinx on one core; so its
translation is taken (`jupyter-book config sphinx`) and Sphinx is run here, over all cores.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"


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


def main() -> int:
    """Run Sphinx in the way asked for and return its exit code."""
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in ("book", "quick"):
        sys.exit("usage: python tools/build.py book|quick")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-j",
        os.environ.get("NNZ_JOBS", "auto"),
        "-d",
        str(BUILD / ".doctrees"),
    ]
    if kind == "book":
        shutil.rmtree(BUILD, ignore_errors=True)
        command += ["-n", "-W", "--keep-going", "-D", "nb_execution_mode=force"]
    else:
        cache = BUILD / "cache" / state_of_the_code()
        if not cache.exists():
            # Sphinx sees that a chapter's text changed, not that the code it imports did: read all again.
            command += ["-E"]
            shutil.rmtree(BUILD / "cache", ignore_errors=True)
            cache.mkdir(parents=True)
        command += [
            "-D",
            "nb_execution_mode=cache",
            "-D",
            f"nb_execution_cache_path={cache}",
        ]
    BUILD.mkdir(exist_ok=True)
    book = [
        str(Path(sys.executable).parent / "jupyter-book"),
        "config",
        "sphinx",
        str(ROOT),
    ]
    translated = subprocess.run(book, cwd=ROOT, capture_output=True, text=True)
    if translated.returncode:
        print(translated.stdout + translated.stderr, file=sys.stderr)
        return translated.returncode
    # Jupyter Book's translation leaves out where the book's own extensions are.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "book" / "_ext")}
    result = subprocess.run(
        [*command, str(ROOT), str(BUILD / "html")], cwd=ROOT, env=environment
    ).returncode
    if result:
        print(
            "\nThe book did not build: the first ERROR or WARNING above says where."
            "\nThe traceback of a cell that failed is in _build/html/reports/.",
            file=sys.stderr,
        )
    else:
        print(f"\nThe book is at {BUILD / 'html' / 'index.html'}")
    return result


if __name__ == "__main__":
    sys.exit(main())
