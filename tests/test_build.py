"""A book of two pages, built for real: it builds, and each way of breaking the book's word turns the build red."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
from nnz.support.claims import claim

claim("tiny.one", 1)
claim("tiny.half", 0.5)
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
"""
FILES = {
    "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n  - file: book/tiny\n",
    "chapters.toml": '[tiny]\nmodules = []\ntests = ["test_evaluate"]\nseconds = 60\n',
    "book/index.md": INDEX,
    "book/tiny.md": TINY,
    "book/claims.toml": CLAIMS,
}
Build = Callable[..., tuple[int, str, Path]]


@pytest.fixture
def build(tmp_path: Path, root: Path) -> Build:
    """Return a function that builds the small book, with changes to its files, by the book's own command."""

    def run(**changes: tuple[str, str]) -> tuple[int, str, Path]:
        for folder in ("src", "tools", "book/_ext", "book/_static", "data"):
            ignored = shutil.ignore_patterns("__pycache__", "names.txt")
            shutil.copytree(root / folder, tmp_path / folder, ignore=ignored)
        for name in (
            "_config.yml",
            "constraints.txt",
            "book/references.bib",
            "tests/test_evaluate.py",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / name, tmp_path / name)
        for name, text in FILES.items():
            old, new = changes.get(Path(name).stem, ("", ""))
            assert old in text
            (tmp_path / name).write_text(
                text.replace(old, new, 1), encoding="utf-8"
            )
        environment = {
            **os.environ,
            "NNZ_NAMES": str(tmp_path / "data" / "names-sample.txt"),
        }
        environment["PYTHONPATH"] = str(tmp_path / "src")
        command = [sys.executable, "tools/build.py", "book"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        return done.returncode, done.stdout + done.stderr, tmp_path / "_build"

    return run


def test_the_small_book_builds(build: Build) -> None:
    code, said, built = build()
    assert code == 0, said[-3000:]
    claims = json.loads((built / "claims.json").read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in claims.values()] == ["holds", "holds"]
    page = (built / "html" / "book" / "tiny.html").read_text(encoding="utf-8")
    assert "The half is" in page
    assert "0.5000" in page
    assert "CHUNK" in page
    assert "thebe" not in page.lower()
    assert (built / "html" / "_static" / "mathjax" / "tex-svg.js").is_file()
    assert "tiny.half" in (built / "html" / "book" / "index.html").read_text(
        encoding="utf-8"
    )
    # What is printed in pieces stays one line.
    assert "cut in two\n" in re.sub("<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tiny": ("0.5)", "0.6)")},
            "claim 'tiny.half' does not hold: measured 0.6",
        ),
        (
            {"tiny": ('claim("tiny.one", 1)\n', "")},
            "claims: never recorded: tiny.one",
        ),
        ({"tiny": ('"tiny.one"', '"tiny.on"')}, "Did you mean 'tiny.one'?"),
        ({"tiny": ("0.5)", "float('nan'))")}, "claim 'tiny.half' was given NaN"),
        (
            {"tiny": ("nnz.evaluate.CHUNK", "nnz.evaluate.CHUNKS")},
            "defines no 'CHUNKS'",
        ),
        ({"tiny": ('claim("tiny.one", 1)', "1 / 0")}, "ZeroDivisionError"),
        (
            {"tiny": ('claim("tiny.one", 1)', 'import sys; sys.stderr.write("x")')},
            "stderr was found",
        ),
        ({"chapters": ("seconds = 60", "seconds = 0.001")}, "tiny ran for"),
    ],
    ids=[
        "wrong number",
        "missing claim",
        "typo",
        "NaN",
        "listing",
        "cell",
        "warning",
        "budget",
    ],
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
