"""Make `.venv` from pyproject.toml and constraints.txt, unless it is already what they describe.

Run by `tools/venv.sh`, with the standard library alone. `--resolve` writes constraints.txt anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on every system
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "made-from.txt"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
NEEDED_BYTES = 3 * 10**9  # a CPU build of torch and the rest take 1.5 GB; pip unpacks beside it

HINTS = [
    (
        r"no space left|errno 28",
        "The disk is full. Free about 3 GB here and in the temporary folder (TMPDIR), and try again.",
    ),
    (
        r"name or service not known|temporary failure in name resolution|connection (refused|error|broken)"
        r"|network is unreachable|timed? ?out|proxyerror|getaddrinfo|failed to establish|max retries",
        "The package index could not be reached. The first `make` needs a network; later ones do not. "
        "Check the connection (and HTTPS_PROXY, or PIP_INDEX_URL for a mirror), and try again.",
    ),
    (
        r"no matching distribution|could not find a version",
        "A pinned version has no build for this Python and system. Try Python 3.11 or 3.12 "
        "(`make book PYTHON=python3.12`), or `make constraints` to resolve versions for this machine.",
    ),
    (r"permission denied|errno 13", "This folder is not writable for you. Clone the book to one that is."),
]

HEADER = """\
# Exact versions of everything the book is built and tested with, transitive packages too.
# Written by `make constraints`; `make venv` installs from it. torch is pinned without a build tag, so that
# a CPU-only build satisfies it (README, "A small torch"); a CUDA build pins its own nvidia packages.
"""


def fingerprint() -> str:
    """Say what a fresh environment would be made from: the two files, this Python, this place."""
    described = [
        f"python {sys.version_info.major}.{sys.version_info.minor}",
        # alike in every locale, so that no change of the locale asks for a new environment
        f"folder {os.fsencode(ROOT).decode('utf-8', 'backslashreplace')}",
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = json.dumps({key: project[key] for key in ("build-system", "project")}).encode()
    for name, content in [
        ("pyproject.toml", wanted),
        ("constraints.txt", (ROOT / "constraints.txt").read_bytes()),
    ]:
        described.append(f"{name} {hashlib.sha256(content).hexdigest()}")
    return "\n".join(described) + "\n"


def stop(message: str) -> None:
    """End with a message for a person, and no traceback."""
    sys.exit(f"make: {message}")


def pip(*arguments: str, python: Path | None = None) -> None:
    """Run pip inside the environment, or with another Python; when it fails, say what to do about it."""
    command = [str(python or BIN / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    run = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert run.stdout is not None
    lines = []
    for line in run.stdout:
        lines.append(line)
        if line.startswith(("Collecting", "Downloading", "Installing", "ERROR", "Successfully")):
            print(line[:110].rstrip(), flush=True)
    if run.wait() == 0:
        return
    said = "".join(lines)
    print(said[-3000:], file=sys.stderr)
    hints = [hint for pattern, hint in HINTS if re.search(pattern, said, re.IGNORECASE)]
    stop(hints[0] if hints else "pip failed; its own words are above. The next `make` starts again.")


def create(constraints: list[str]) -> None:
    """Create the environment from nothing and install the book and its tools into it."""
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        stop(f"{free / 1e9:.1f} GB are free here, about 3 GB are needed. Free some and try again.")
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, encoding="utf-8", errors="replace"
    )
    if made.returncode:
        stop(f"python -m venv failed: {(made.stderr or made.stdout).strip()}")
    pip("install", "--no-compile", *constraints, "hatchling", "editables")
    pip("install", "--no-compile", *constraints, "--no-build-isolation", "--editable", ".[book,test]")
    compile_all(VENV)
    write_in_ascii(VENV)


def compile_all(folder: Path) -> None:
    """Compile what was installed, ten thousand files, on all cores; pip does it on one.

    What cannot be compiled is a template or a test of others, and is passed over, as pip does.
    """
    command = [str(BIN / "python"), "-m", "compileall", "-qq", "-j", "0", str(folder)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def write_in_ascii(folder: Path) -> None:
    """Spell the paths in `.pth` files in ASCII: Python 3.11 reads them in the encoding of the locale.

    So an environment in a folder with an accent would not start under LC_ALL=C, where all else runs in UTF-8.
    """
    for file in folder.rglob("*.pth"):
        text = file.read_text(encoding="utf-8")
        if not text.isascii():
            lines = [
                line
                if line.isascii()
                else f"import os, sys; sys.path.append(os.fsdecode({line.encode('utf-8', 'surrogateescape')!r}))"
                for line in text.splitlines()
            ]
            file.write_text("\n".join(lines) + "\n", encoding="ascii")


def resolve() -> None:
    """Install the newest versions that pyproject.toml allows, and write them down as constraints."""
    torch_pin = re.search(
        r"^torch==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    keep = VENV.parent / ".venv-torch.txt"
    try:
        keep.write_text(torch_pin[0] + "\n" if torch_pin else "", encoding="utf-8")
        create(["-c", str(keep)])
    finally:
        keep.unlink(missing_ok=True)
    command = [
        str(BIN / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "freeze",
        "--all",
        "--exclude-editable",
    ]
    frozen = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=True
    ).stdout
    pins = [
        re.sub(r"\+\S+$", "", line)
        for line in frozen.splitlines()
        if re.fullmatch(r"(?!pip=|setuptools=)\S+==\S+", line)
    ]
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    STAMP.write_text(fingerprint(), encoding="utf-8")


def up_to_date() -> bool:
    """Whether `.venv` is what the two files describe."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint()


@contextmanager
def alone() -> Iterator[None]:
    """Let one `make` at a time make the environment; a second one waits. The lock ends with the process."""
    with open(ROOT / ".venv.lock", "w", encoding="utf-8") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for another `make`, which is making .venv ...", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Bring `.venv` up to date, or leave it alone when it is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.argv[1:] == ["--resolve"]:
        resolve()
        return
    if up_to_date():
        return
    try:
        with alone():
            if up_to_date():  # another `make` made it while this one waited
                return
            print("Making .venv (once; a minute or two) ...", flush=True)
            create(["-c", "constraints.txt"])
            # Last, so that an interrupted installation is never taken for a whole one.
            STAMP.write_text(fingerprint(), encoding="utf-8")
    except OSError as error:
        stop(f"{error}. Is the disk full, or the folder read-only?")
    except KeyboardInterrupt:
        stop("interrupted; the next `make` starts the installation again.")


if __name__ == "__main__":
    main()
