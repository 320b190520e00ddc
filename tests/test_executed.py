"""Which pages run again: those whose cells, or anything they depend on, are new, and no other."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from nnz.plumbing import datasets
from nnz.press import executed
from nnz.press.kernel import SET, use_own_python
from nnz.press.pages import chapters, read_page, without_claims

pytestmark = pytest.mark.support


def keys(root: Path, around: str = "around") -> dict[str, str]:
    pages = {
        path.stem: [cell.code for cell in read_page(path).cells] for path in (root / "book").glob("*.md")
    }
    return {name: executed.key(name, cells, root, around) for name, cells in pages.items() if cells}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A book of three pages: on a leaf, on what uses it, and on neither."""
    files = {
        "src/nnz/leaf.py": "ONE = 1\n",
        "src/nnz/branch.py": "def f():\n    from nnz.leaf import ONE\n    return ONE\n",
        "src/nnz/other.py": "TWO = 2\n",
        "src/nnz/unused.py": "from nnz.leaf import ONE\n",
        "src/nnz/exercises/__init__.py": "",
        "src/nnz/exercises/three_words.py": "ANSWER = 42\n",
        "book/claims/one.toml": "",
        "book/recorded/one.run.json": "{}",
        "book/recorded/far.run.json": "{}",
        "book/one.md": "```{code-cell}\nfrom nnz import leaf\n```\n",
        "book/two.md": "```{code-cell}\nimport nnz.branch\n```\n```{code-cell}\nrecording('far.run')\n```\n",
        "book/three-words.md": "```{code-cell}\nfrom nnz.other import TWO\nfrom nnz import exercises as ex\n```\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("src/nnz/leaf.py", {"one", "two"}),
        ("src/nnz/branch.py", {"two"}),
        ("src/nnz/other.py", {"three-words"}),
        ("src/nnz/unused.py", set()),
        ("src/nnz/exercises/three_words.py", {"three-words"}),
        ("book/claims/one.toml", {"one"}),
        ("book/recorded/one.run.json", {"one"}),
        ("book/recorded/far.run.json", {"two"}),
    ],
)
def test_a_change_runs_the_pages_that_depend_on_it_and_no_other(
    small: Path, file: str, again: set[str]
) -> None:
    before = keys(small)
    with open(small / file, "a", encoding="utf-8") as changed:
        changed.write("# changed\n")
    after = keys(small)
    assert {name for name in after if after[name] != before[name]} == again


def test_a_change_of_prose_runs_nothing_and_one_of_a_cell_its_page(small: Path) -> None:
    before = keys(small)
    page = small / "book" / "one.md"
    page.write_text("A sentence.\n\n" + page.read_text(encoding="utf-8"), encoding="utf-8")
    assert keys(small) == before
    page.write_text("```{code-cell}\nfrom nnz import leaf as it\n```\n", encoding="utf-8")
    assert {name for name, key in keys(small).items() if key != before[name]} == {"one"}


def test_another_list_of_names_runs_every_page(small: Path) -> None:
    before, after = keys(small, "names.txt"), keys(small, "sample")
    assert all(before[name] != after[name] for name in before)


def test_what_surrounds_the_pages_tells_lists_of_names_apart(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for names in ("emma\nava\n", "emma\navi\n"):
        (tmp_path / "list.txt").write_text(names, encoding="utf-8")
        monkeypatch.setenv("NNZ_NAMES", str(tmp_path / "list.txt"))
        found.append(executed.surroundings(root))
        assert datasets.sha256(tmp_path / "list.txt") in found[-1]
    assert found[0] != found[1]


def test_in_the_book_a_root_moves_its_readers_and_a_leaf_its_own_page(root: Path) -> None:
    """From the book's real import graph: `engine` is a root, an exercise a leaf, `gated` comes last."""
    package = root / "src" / "nnz"
    readers: dict[str, set[str]] = {}
    for name in chapters(root):
        cells = [cell.code for cell in read_page(root / "book" / f"{name}.md").cells]
        for module in executed.imports_of(name, cells, package):
            readers.setdefault(module, set()).add(name)
    assert {"engine", "network"} <= readers["engine"]
    assert readers["moons"] <= {"engine", "network", "backprop-network"}
    assert readers["exercises.ngram"] == {"ngram"}
    assert {"dilated", "leaderboard"} <= readers["gated"]
    assert not readers["gated"] & {"engine", "network", "bigram", "ngram", "mlp"}


def executed_page(folder: Path, **changes: Any) -> Path:
    cell = {
        "cell_type": "code",
        "source": "1 + 1",
        "metadata": {},
        "execution_count": 1,
        "id": "one",
        "outputs": [],
    }
    notebook = {
        "cells": [cell],
        "metadata": {"nnz": {"key": "k", "seconds": 1.0}},
        "nbformat": 4,
        "nbformat_minor": 5,
        **changes,
    }
    path = folder / "page.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_a_damaged_executed_page_counts_as_none(tmp_path: Path) -> None:
    assert executed.code_cells(executed.read(executed_page(tmp_path))) == ["1 + 1"]
    assert executed.facts(tmp_path / "page.ipynb") == {"key": "k", "seconds": 1.0}
    assert executed.read(tmp_path / "missing.ipynb") is executed.facts(tmp_path / "missing.ipynb") is None
    whole = executed_page(tmp_path).read_text(encoding="utf-8")
    for cut in (0, 1, len(whole) // 2, len(whole) - 2):
        (tmp_path / "page.ipynb").write_text(whole[:cut], encoding="utf-8")
        assert executed.read(tmp_path / "page.ipynb") is executed.facts(tmp_path / "page.ipynb") is None
    assert executed.read(executed_page(tmp_path, metadata={})) is None
    assert executed.facts(tmp_path / "page.ipynb") is None


def test_a_page_runs_without_its_claims_cells_and_gives_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two notebooks are really executed: the page as it stands, and what a reader sees of it."""
    header = "---\njupytext: {text_representation: {extension: .md, format_name: myst}}\n"
    header += "kernelspec: {name: python3, display_name: Python 3}\n---\n"
    claims = "```{code-cell}\n:tags: [claims]\n"
    claims += 'from nnz.press.claims import note\n\nnote("small.draw", draw)\n```\n'
    page = tmp_path / "small.md"
    page.write_text(
        f"{header}```{{code-cell}}\nimport random\n\nsource = random.Random(1)\ndraw = source.random()\n```\n\n"
        f"{claims}\n```{{code-cell}}\nprint(draw, source.random())\n```\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(root / "tools"))
    run_page = runpy.run_path(str(root / "tools" / "run_page.py"))
    for name in SET:  # put back afterwards
        monkeypatch.setenv(name, str(tmp_path))
    use_own_python(tmp_path / "kernels")
    notebook = run_page["read"](page)
    page.write_text(without_claims(page.read_text(encoding="utf-8")), encoding="utf-8")
    bare = run_page["read"](page)
    assert len(executed.code_cells(notebook)) == 3
    assert [cell for cell in executed.code_cells(bare) if "note" in cell] == []
    assert len(executed.code_cells(bare)) == 2
    assert run_page["execute"](notebook, tmp_path) == ""
    assert run_page["execute"](bare, tmp_path) == ""
    first, glued, last = (cell.outputs for cell in notebook.cells)
    assert [output["metadata"]["scrapbook"]["name"] for output in glued if "metadata" in output] == [
        "small.draw"
    ]
    texts = [[output.get("text") for output in cell.outputs] for cell in bare.cells]
    assert texts == [[output.get("text") for output in outputs] for outputs in (first, last)]
    assert texts[1][0].count("0.") == 2


def test_streams_that_were_cut_by_chance_are_compared_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "tools"))
    printed = runpy.run_path(str(root / "tools" / "pages.py"))["printed"]
    piece = {"output_type": "stream", "name": "stdout"}
    whole = [{**piece, "text": "one two"}]
    cut = [{**piece, "text": "one "}, {"output_type": "display_data", "data": {}}, {**piece, "text": "two"}]
    assert dict(printed(whole)) == {"stdout": "one two"}
    assert dict(printed(cut)) == {"display_data 0": cut[1], "stdout": "one two"}
