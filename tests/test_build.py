"""A book of two pages, built for real: it builds, and each way of breaking the book's word turns the build red."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

pytestmark = pytest.mark.support

INDEX = "# Index\n\n```{ledger}\n```\n"
TINY = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# Tiny

```{listing} nnz.evaluate.CHUNK
```

```{code-cell}
from nnz.press.claims import claim

claim("tiny.one", 1)
claim("tiny.half", 0.5)
```

```{code-cell}
:tags: [timing]
claim("tiny.speed", 3)
```

```{code-cell}
import time

print("cut", end=" ", flush=True)
time.sleep(0.4)
print("in two")
```

The half is {glue:text}`tiny.half`.

```{outline}
```
"""
CLAIMS = """\
[[claim]]
id = "tiny.one"
statement = "One"
exactly = 1
source = "derivation"
data = "any"

[[claim]]
id = "tiny.half"
statement = "Half"
expected = 0.5
tolerance = 0.01
source = "derivation"
data = "any"

[[claim]]
id = "tiny.speed"
statement = "Speed"
at_least = 2
source = "own run"
data = "any"
varies = true
"""
FILES = {
    "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n  - file: book/tiny\n",
    "chapters.toml": '[tiny]\nmodules = []\ntests = ["test_evaluate"]\nseconds = 60\n',
    "book/index.md": INDEX,
    "book/tiny.md": TINY,
    "book/claims/all.toml": CLAIMS,
}
NOT_NEEDED = ("exercises", "experiments", "figures", "exercises_*")  # each file of code gets a page
Build = Callable[..., tuple[int, str, Path]]


@pytest.fixture
def small(tmp_path: Path, root: Path) -> Path:
    """A book of two pages with all that builds it, in a folder with a space and an accent in its name."""
    here = tmp_path / "small bóok"
    for folder in ("src", "tools", "book/_ext", "book/_static", "data"):
        ignored = shutil.ignore_patterns("__pycache__", "names.txt", *NOT_NEEDED)
        shutil.copytree(root / folder, here / folder, ignore=ignored)
    for name in ("_config.yml", "constraints.txt", "book/references.bib", "tests/test_evaluate.py"):
        (here / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, here / name)
    for name, text in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text, encoding="utf-8")
    return here


def command_of(here: Path, kind: str = "book", **environment: str) -> tuple[list[str], dict[str, str]]:
    """Return the book's own command, and the environment to run it in."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NNZ_")}
    sample = str(here / "data" / "names-sample.txt")
    paths = {"PYTHONPATH": str(here / "src"), "NNZ_NAMES": sample}
    return [sys.executable, "tools/build.py", kind], inherited | paths | environment


def run_in(here: Path, kind: str = "book", **environment: str) -> tuple[int, str]:
    command, inherited = command_of(here, kind, **environment)
    done = subprocess.run(
        command, cwd=here, env=inherited, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def build(small: Path) -> Build:
    """Return a function that builds the small book, with changes to its files, by the book's own command."""

    def run(**changes: tuple[str, str]) -> tuple[int, str, Path]:
        for name, text in FILES.items():
            old, new = changes.get(Path(name).stem, ("", ""))
            assert old in text
            (small / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        code, said = run_in(small)
        return code, said, small / "_build"

    return run


def test_the_small_book_builds(build: Build) -> None:
    code, said, built = build()
    assert code == 0, said[-3000:]
    claims = json.loads((built / "claims.json").read_text(encoding="utf-8"))
    verdicts = [claim["verdict"] for claim in claims.values()]
    assert verdicts == ["holds", "holds", "holds here"]
    page = (built / "html" / "book" / "tiny.html").read_text(encoding="utf-8")
    assert "The half is" in page
    assert "0.5000" in page
    assert "CHUNK" in page
    assert "thebe" not in page.lower()
    assert (built / "html" / "_static" / "mathjax" / "tex-svg.js").is_file()
    assert "tiny.half" in (built / "html" / "book" / "index.html").read_text(encoding="utf-8")
    # What is printed in pieces stays one line.
    assert "cut in two\n" in re.sub("<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tiny": ("0.5)", "0.6)")}, "claim 'tiny.half' does not hold: measured 0.6"),
        ({"tiny": ('claim("tiny.one", 1)\n', "")}, "claims: never recorded: tiny.one"),
        ({"tiny": ('"tiny.one"', '"tiny.on"')}, "Did you mean 'tiny.one'?"),
        ({"tiny": ("0.5)", "float('nan'))")}, "claim 'tiny.half' was given NaN"),
        ({"tiny": ("nnz.evaluate.CHUNK", "nnz.evaluate.CHUNKS")}, "defines no 'CHUNKS'"),
        ({"tiny": ('claim("tiny.one", 1)', "1 / 0")}, "ZeroDivisionError"),
        ({"tiny": ('claim("tiny.one", 1)', 'import sys; sys.stderr.write("x")')}, "stderr was found"),
    ],
    ids=["wrong number", "missing claim", "typo", "NaN", "listing", "cell", "warning"],
)
def test_a_broken_word_turns_the_build_red(
    build: Build, changes: dict[str, tuple[str, str]], message: str
) -> None:
    code, said, _ = build(**changes)
    assert code != 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)  # tracebacks are coloured
    assert message in said
    if message.startswith(("claim 'tiny.half'", "ZeroDivisionError")):  # in a cell
        # Whoever reads only the end of a long log sees which page failed, and why.
        assert re.search(f"^tiny: .*{re.escape(message)}", said, re.MULTILINE)


def test_what_depends_on_the_machine_is_reported_and_turns_nothing_red(build: Build) -> None:
    code, said, built = build(
        tiny=('"tiny.speed", 3', '"tiny.speed", 1.5'), chapters=("seconds = 60", "seconds = 0.001")
    )
    assert code == 0, said[-3000:]
    assert "not on this machine: tiny.speed, measured 1.5, goal at least 2" in said
    assert "tiny ran for" in said
    record = json.loads((built / "claims.json").read_text(encoding="utf-8"))["tiny.speed"]
    assert record["verdict"] == "not on this machine"
    assert re.search(r"\d core.*Python \d.*torch \d", record["machine"])
    ledger = (built / "html" / "book" / "index.html").read_text(encoding="utf-8")
    assert "not on this machine" in ledger


def test_cells_run_in_the_python_that_builds_whatever_kernel_the_machine_offers(
    small: Path, tmp_path: Path
) -> None:
    for folder in ("jupyter", "home/.local/share/jupyter"):
        spec = tmp_path / folder / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = ["no-such-python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(
            json.dumps({"argv": argv, "display_name": "x", "language": "python"}), encoding="utf-8"
        )
    startup = tmp_path / "home" / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("raise SystemExit\n", encoding="utf-8")
    code, said = run_in(small, JUPYTER_PATH=str(tmp_path / "jupyter"), HOME=str(tmp_path / "home"))
    assert code == 0, said[-3000:]


def test_a_killed_build_leaves_nothing_stale_and_the_next_succeeds(small: Path) -> None:
    command, environment = command_of(small)
    moments = random.Random(1)
    for turn in range(10):
        page = TINY.replace("in two", f"in {turn}")
        (small / "book" / "tiny.md").write_text(page, encoding="utf-8")
        started = subprocess.Popen(
            command,
            cwd=small,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(moments.uniform(0.5, 5))
        started.kill()
        started.wait()
    code, said = run_in(small, "quick")  # which trusts what it finds
    assert code == 0, said[-3000:]
    page = (small / "_build" / "html" / "book" / "tiny.html").read_text(encoding="utf-8")
    assert "cut in 9\n" in re.sub("<[^>]*>", "", page)


def test_a_second_build_in_the_same_folder_says_so(small: Path) -> None:
    (small / "_build").mkdir()
    with FileLock(small / "_build" / ".lock"):
        code, said = run_in(small, NNZ_PATIENCE="0")
    assert code == 1
    assert said.strip() == (
        "make: another build is at work in this folder; wait until it has ended, or stop it."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "names the folder"),
        ("Zoë\nemma\n".encode("latin-1"), "is not a text file in UTF-8"),
        ("emma\n".encode("utf-16"), "is not a text file in UTF-8"),
        ("zoë\n".encode(), "'ë' is not among the characters allowed"),
        (b"", "has no names in it"),
    ],
    ids=["a folder", "latin-1", "utf-16", "accents", "empty"],
)
def test_a_list_that_cannot_be_used_is_one_line_that_says_what_to_do(
    small: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    given = tmp_path / "list"
    given.mkdir() if content is None else given.write_bytes(content)
    code, said = run_in(small, NNZ_NAMES=str(given))
    assert code == 1
    assert said.startswith("make: the list of names cannot be used.")
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_where_nothing_can_be_written_the_build_says_so(small: Path) -> None:
    (small / "_build").write_text("a file where a folder is expected", encoding="utf-8")
    code, said = run_in(small)
    assert code == 1
    assert "cannot be written to" in said
    assert "Traceback" not in said


def test_a_disk_that_is_full_is_named_and_leaves_nothing_that_the_next_build_trusts(small: Path) -> None:
    """A limit on the size of files stands for a full disk: the page's result is larger, and is not written."""
    command, environment = command_of(small)
    full = "import os, resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, (700, 700)); "
    full += "os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", full, *command],
        cwd=small,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0
    assert not (small / "_build" / "pages" / "tiny.ipynb").exists()
    code, said = run_in(small, "quick")
    assert code == 0, said[-3000:]


@pytest.mark.parametrize("damage", ["", "{", None], ids=["empty", "cut", "a folder"])
def test_a_damaged_executed_page_is_executed_again(small: Path, damage: str | None) -> None:
    assert run_in(small)[0] == 0
    kept = small / "_build" / "pages" / "tiny.ipynb"
    kept.unlink()
    kept.mkdir() if damage is None else kept.write_text(damage, encoding="utf-8")
    code, said = run_in(small, "quick")
    assert code == 0, said[-3000:]
    assert "[ 1/1] tiny" in said
