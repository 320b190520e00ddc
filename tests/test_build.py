"""A book of three pages, built for real: it builds, and whatever breaks the book's word turns the build red."""

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

LEDGER = "# Ledger\n\n```{ledger}\n```\n"
TINY = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# Tiny

```{listing} nnz.evaluate.CHUNK
```

```{code-cell}
half = 0.5
print("shown")
```

```{code-cell}
:tags: [claims]
from nnz.press.claims import claim, note

for name in ("one",):
    claim(f"tiny.{name}", len((name,)))
claim("tiny.half", half)
```

```{code-cell}
:tags: [claims, timing]
claim("tiny.speed", 3)
```

A paragraph between.

```{code-cell}
:tags: [claims]
note("tiny.note", 7)
```

```{code-cell}
import time

print("cut", end=" ", flush=True)
time.sleep(0.4)
print("in two")
```

The half is {glue:text}`tiny.half`, the note {glue:text}`tiny.note`.

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
    "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n  - file: book/tiny\n  - file: book/ledger\n",
    "chapters.toml": '[tiny]\nmodules = []\ntests = ["test_evaluate"]\nseconds = 60\n',
    "book/index.md": "# Index\n",
    "book/ledger.md": LEDGER,
    "book/tiny.md": TINY,
    "book/claims/all.toml": CLAIMS,
}
# Of the package, what builds a book and what this one shows: each file of code gets a page.
NEEDED = {"__init__.py", "contract.py", "data.py", "evaluate.py", "sample.py", "plumbing", "press"}
# Each takes as long to cut as a page to set.
OTHER_FONTS = ("SourceSerifPro-It", "SourceSerifPro-Semibold", "SourceSerifPro-SemiboldIt")
Build = Callable[..., tuple[int, str, Path]]


@pytest.fixture
def small(tmp_path: Path, root: Path) -> Path:
    """A book of three pages with all that builds it, in a folder with a space and an accent in its name."""
    here = tmp_path / "small bóok"
    for folder in ("src", "tools", "book/_ext", "book/_static", "data"):
        shutil.copytree(root / folder, here / folder, ignore=not_needed)
    for name in (
        "conf.py",
        "_config.yml",
        "constraints.txt",
        "pyproject.toml",
        "book/references.bib",
        "tests/test_evaluate.py",
    ):
        (here / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, here / name)
    for name, text in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text, encoding="utf-8")
    site = here / "book" / "_ext" / "nnz_site.py"
    code = site.read_text(encoding="utf-8")
    for name in OTHER_FONTS:
        assert name in code
        code = code.replace(f'    "{name}",\n', "")
    site.write_text(code, encoding="utf-8")
    return here


def not_needed(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that are not copied."""
    there = {*names} - NEEDED if Path(folder).name == "nnz" else set()
    return there | ({*names} & {"__pycache__", "names.txt"})


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
    assert (built / "html" / "_static" / "mathjax" / "startup.js").is_file()
    assert "tiny.half" in (built / "html" / "book" / "ledger.html").read_text(encoding="utf-8")
    # What is printed in pieces stays one line.
    assert "cut in two\n" in re.sub("<[^>]*>", "", page)
    for name in ("__init__", "evaluate", "press/pages"):  # whether or not the theme made the page
        code = (built / "html" / "_code" / "nnz" / f"{name}.html").read_text(encoding="utf-8")
        assert f"<title>src/nnz/{name}.py" in code
        assert f"pagename = '_code/nnz/{name}'" in code
        assert f"<h1><code>src/nnz/{name}.py</code></h1>" in code
        assert 'id="L-1"' in code
        assert "of-a-file" not in code
    # The page leads to its two notebooks, which have no cells of claims.
    for name, printed in (("take/notebooks/tiny.ipynb", True), ("take/notebooks/bare/tiny.ipynb", False)):
        assert f'href="../{name}" download' in page
        notebook = (built / "html" / name).read_text(encoding="utf-8")
        assert ("cut in two" in notebook) == printed
        assert "half = 0.5" in notebook
        assert "claim(" not in notebook
    a_mark_leads_to_the_ledger(built / "html" / "book")


def marks_of(page: str) -> list[tuple[str, dict[str, str]]]:
    """Return what each mark of a page says, and its attributes."""
    found = re.findall(r'<p class="checked"><a ([^>]*)>(.*?)</a></p>', page, re.DOTALL)
    return [
        (re.sub("<[^>]*>", "", said), dict(re.findall(r'([\w-]+)="([^"]*)"', given))) for given, said in found
    ]


def test_jupyter_book_by_itself_builds_it_too(small: Path) -> None:
    code, said = without_executed_pages(small)
    assert code == 0, said[-3000:]
    a_mark_leads_to_the_ledger(small / "_build" / "html" / "book")


def a_mark_leads_to_the_ledger(html: Path) -> None:
    """A cell of claims is not shown and has left a mark."""
    page, ledger = ((html / f"{name}.html").read_text(encoding="utf-8") for name in ("tiny", "ledger"))
    plain = re.sub("<[^>]*>", "", page)
    assert "shown" in plain
    assert "0.5000, the note 7" in plain  # glued, though no cell is there
    assert "claim(" not in plain
    assert "note(" not in plain
    # Two cells of claims one after the other have one mark, and a note alone has none.
    ((says, attributes),) = marks_of(page)
    assert says == "3 checked ✓"
    assert attributes["title"].splitlines() == ["One: holds", "Half: holds", "Speed: holds here"]
    assert attributes["aria-label"].startswith("3 checked: One: holds; Half: holds; Speed: holds here.")
    assert attributes["href"] == "ledger.html#claim-tiny-one"
    assert all(f'id="claim-tiny-{name}"' in ledger for name in ("one", "half", "speed"))


def without_executed_pages(here: Path) -> tuple[int, str]:
    """Let Jupyter Book build a book by itself, so that Sphinx executes the pages."""
    _, environment = command_of(here)
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(here),
        "-W",
    ]
    done = subprocess.run(
        command, cwd=here, env=environment, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


BROKEN_CELLS = {
    "number": ("= 0.5", "= 0.6", "claim 'tiny.half' does not hold: measured 0.6"),
    "typo": ('("one",)', '("on",)', "Did you mean 'tiny.one'?"),
    "nan": ("= 0.5", "= float('nan')", "claim 'tiny.half' was given NaN"),
    "cell": ('print("shown")', "1 / 0", "ZeroDivisionError: division by zero"),
}
BROKEN_PAGES = [
    ([('("one",)', "()")], ["claims: never recorded: tiny.one"]),
    (
        [
            ("nnz.evaluate.CHUNK", "nnz.evaluate.CHUNKS"),
            ('print("shown")', 'import sys; sys.stderr.write("x")'),
        ],
        [
            "tiny.md:8: ERROR: listing: 'nnz.evaluate.CHUNKS': nnz.evaluate defines no",
            "ERROR: stderr was found",
        ],
    ),
    ([("```{outline}\n```", "```{outline}")], ["make: tiny.md:47: the block that begins"]),
]


def test_each_page_with_a_broken_cell_is_named_at_the_end_with_the_reason(small: Path) -> None:
    listed = "".join(f"  - file: book/{name}\n" for name in BROKEN_CELLS)
    (small / "_toc.yml").write_text(FILES["_toc.yml"] + listed, encoding="utf-8")
    for name, (old, new, _) in BROKEN_CELLS.items():
        assert old in TINY
        (small / "book" / f"{name}.md").write_text(TINY.replace(old, new, 1), encoding="utf-8")
    code, said = run_in(small)
    assert code != 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)  # tracebacks are colored
    # Whoever reads only the end of a long log sees which pages failed, and why.
    end = said[said.rindex("s of a core, most by") :]
    for name, (_, _, message) in BROKEN_CELLS.items():
        assert re.search(f"^{name}: .*{re.escape(message)}", end, re.MULTILINE), said[-3000:]
    assert not re.search("^tiny: ", end, re.MULTILINE)
    assert "Setting the pages" not in said


@pytest.mark.parametrize(
    ("changes", "messages"), BROKEN_PAGES, ids=["missing claim", "listing, warning", "fence"]
)
def test_a_broken_word_turns_the_build_red(
    small: Path, changes: list[tuple[str, str]], messages: list[str]
) -> None:
    page = TINY
    for old, new in changes:
        assert old in page
        page = page.replace(old, new, 1)
    (small / "book" / "tiny.md").write_text(page, encoding="utf-8")
    code, said = run_in(small)
    assert code != 0
    assert all(message in said for message in messages), said[-3000:]


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
    page, ledger = (
        (built / "html" / "book" / f"{name}.html").read_text(encoding="utf-8") for name in ("tiny", "ledger")
    )
    assert "not on this machine" in ledger
    ((says, attributes),) = marks_of(page)
    assert says == "2 of 3 hold"
    assert "Speed: not on this machine" in attributes["title"]


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
            started.wait(moments.uniform(0.3, 4))
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
        (b"emma\nava\n", "has 2 names; the book needs"),
    ],
    ids=["a folder", "latin-1", "utf-16", "accents", "empty", "short"],
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
    assert "load_names(" not in said  # which a builder does not call
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["JOBS", "THREADS"])
def test_what_is_no_number_of_jobs_or_threads_is_named_before_anything_is_removed(
    small: Path, name: str
) -> None:
    (small / "_build").mkdir()
    (small / "_build" / "kept").touch()
    code, said = run_in(small, **{f"NNZ_{name}": "two"})
    assert code == 1
    assert said.strip() == (
        f"make: {name} is 'two'; it has to be a whole number, 1 or more, as in `make book {name}=2`."
    )
    assert (small / "_build" / "kept").exists()


def test_where_nothing_can_be_written_the_build_says_so(small: Path) -> None:
    (small / "_build").write_text("a file where a folder is expected", encoding="utf-8")
    code, said = run_in(small)
    assert code == 1
    assert "cannot be written to" in said
    assert "Traceback" not in said


def test_a_disk_that_is_full_is_named_and_leaves_nothing_that_the_next_build_trusts(small: Path) -> None:
    """A limit on the size of files stands for a full disk: the page's result is larger, and is not written."""
    # CPython 3.11 keeps what it could write of a compiled module, and trusts it the next time.
    command, environment = command_of(small, PYTHONDONTWRITEBYTECODE="1")
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


def test_what_is_damaged_is_executed_again_and_what_an_extension_made_is_made_again(small: Path) -> None:
    """Of what an executed page can be, two kinds in a build; `test_executed.py` has the others."""
    cell = 'import os\nprint(os.environ["OMP_NUM_THREADS"], "threads")'
    other = f"{TINY[: TINY.index('# Tiny')]}# Other\n\n```{{code-cell}}\n{cell}\n```\n"
    (small / "book" / "other.md").write_text(other, encoding="utf-8")
    (small / "book" / "tiny.md").write_text(TINY.replace('print("shown")', cell), encoding="utf-8")
    (small / "_toc.yml").write_text(FILES["_toc.yml"] + "  - file: book/other\n", encoding="utf-8")
    code, said = run_in(small, NNZ_JOBS="1", NNZ_THREADS="2")
    assert code == 0, said[-3000:]
    assert "2 pages, 1 at a time" in said
    pages = [small / "_build" / "pages" / f"{name}.ipynb" for name in ("tiny", "other")]
    assert all("2 threads" in page.read_text(encoding="utf-8") for page in pages)
    pages[0].write_text("{", encoding="utf-8")
    pages[1].unlink()
    pages[1].mkdir()
    strict = small / "book" / "_ext" / "nnz_strict.py"
    strict.write_text(strict.read_text(encoding="utf-8").replace("font-src", "object-src"), encoding="utf-8")
    code, said = run_in(small, "quick")
    assert code == 0, said[-3000:]
    assert "Executing 2 pages" in said
    assert all("1 threads" in page.read_text(encoding="utf-8") for page in pages)
    # And what makes pages has changed, so that all are made again, the one without cells, too.
    for name in ("tiny", "other", "ledger"):
        assert "object-src" in (small / "_build" / "html" / "book" / f"{name}.html").read_text(
            encoding="utf-8"
        )
