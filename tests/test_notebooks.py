"""Notebooks of chapters: what a page shows, as cells that run, with and without outputs and answers."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nnz.press import copies, notebooks, take
from nnz.press.addresses import Addresses
from nnz.press.needed import needed
from nnz.press.notebooks import NotebookError, Piece
from small_site import executed, small_site

pytestmark = pytest.mark.support
HOME = Addresses("https://github.com/owner/book", "main", "https://example.org/book")


def stub(name: str) -> str:
    return f"def {name}():\n    raise NotImplementedError"


@pytest.fixture
def parts(tmp_path: Path) -> list[Piece]:
    return notebooks.chapter(small_site(tmp_path), "book/one", executed(), lambda page: "", stub)


def made(parts: list[Piece], bare: bool) -> Any:
    return notebooks.notebook(parts, bare, [Piece("What it is.")], {"name": "python"})


def codes(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def words(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_an_executed_notebook_has_the_cells_of_the_page_with_what_they_gave(parts: list[Piece]) -> None:
    notebook = made(parts, bare=False)
    shown = ["start = 1", "start + 1", "needed = 3", "spare = 4", "print(needed)", "hidden = 5"]
    assert codes(notebook) == shown
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4, 5, 6]
    assert cells[1].outputs[0].data == {"text/plain": "2"}
    assert cells[1].outputs[0].execution_count == 2
    assert "image/svg+xml" in cells[4].outputs[0].data
    nbformat.validate(notebook)


def test_a_bare_notebook_has_no_outputs_and_no_answers(parts: list[Piece]) -> None:
    notebook = made(parts, bare=True)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    for word in ("Because of", "So it is written", "It is `1`", "details"):
        assert word in words(made(parts, bare=False))
        assert word not in words(notebook)
    assert "Why?" in words(notebook)
    assert "Proved." in words(notebook)
    nbformat.validate(notebook)


def test_an_answer_stays_where_a_later_cell_needs_it_and_exercises_get_a_cell(parts: list[Piece]) -> None:
    task = f"{stub('f')}\n\nex.f.check(f)"
    assert codes(made(parts, bare=True)) == ["start = 1", "start + 1", "needed = 3", "print(needed)", task]
    assert "(Cells below need this piece of the answer; its code is hidden.)" in words(made(parts, bare=True))
    hidden = [cell.source for cell in made(parts, bare=True).cells if cell.metadata.get("jupyter")]
    assert hidden == ["needed = 3"]


def test_text_formulas_tables_and_listings_are_readable(parts: list[Piece]) -> None:
    text = words(made(parts, bare=False))
    assert text.startswith("# 1. One\n\nWhat it is.\n\nText with $a < b$, see\ntwo, the part")
    assert "## First part" in text
    assert "$$\nx_1 \\tag{1.1}\n$$" in text
    assert "From the package, not run here." in text
    assert "```python\ndef f():\n    return 1\n```" in text
    assert "*Fig. 1.1 It rises.*" in text
    assert "> **Question.** Why?" in text
    assert "> **Exercise 1.1 (The task)**" in text
    assert "[outside](https://example.org/x)" in text
    assert "two.html" not in text


def test_links_lead_to_the_site_where_its_address_is_known(tmp_path: Path) -> None:
    parts = notebooks.chapter(small_site(tmp_path), "book/one", executed(), HOME.page, stub)
    text = words(made(parts, bare=False))
    assert "[two](https://example.org/book/book/two.html#there)" in text
    assert "[part](https://example.org/book/book/one.html#first-part)" in text
    assert "[code](https://example.org/book/_code/nnz/one.html#L-1)" in text


def test_a_page_with_other_cells_is_refused(tmp_path: Path) -> None:
    ran = executed()
    del ran.cells[0]
    with pytest.raises(NotebookError, match="shows 6 cells, and 5 were executed"):
        notebooks.chapter(small_site(tmp_path), "book/one", ran, lambda page: "", stub)


def test_what_an_answer_binds_is_needed_only_if_it_is_read_before_it_is_bound_again() -> None:
    assert needed([("x = 1", True), ("x = 2", False), ("print(x)", False)]) == [False, True, True]
    assert needed([("x = 1", True), ("x = x + 1", False)]) == [True, True]
    assert needed([("x = 1", True), ("x += 1", False)]) == [True, True]
    assert needed([("for i in y: pass", True), ("for i in range(2): print(i)", False)]) == [False, True]
    assert needed([("x = 1", True), ("def f(): return x", False)]) == [True, True]
    assert needed([("a = 1", True), ("b = a", True), ("%timeit b\nprint(b)", False)]) == [True, True, True]
    keeps = ("kept = {}\ndef keep(n):\n    kept[n] = 1", False)
    assert needed([keeps, ("keep('a')", True), ("print(2)", True), ("kept['a']", False)]) == [
        True,
        True,
        False,
        True,
    ]
    assert needed([("rows = []", False), ("rows.append(1)", True), ("rows", False)]) == [True, True, True]
    assert needed([("rows = []", False), ("print(rows)", True), ("rows", False)]) == [True, False, True]
    assert needed([("import math", True), ("lambda: math.pi", False)]) == [True, True]


def written(root: Path, there: Addresses = Addresses()) -> Path:  # noqa: B008
    html = small_site(root)
    ran = root / "one.ipynb"
    nbformat.write(executed(), ran)
    copies.write(html, {"book/one": ran}, there, "0.1", stub)
    return html


def test_a_build_writes_each_chapter_twice_and_one_zip_of_all(tmp_path: Path) -> None:
    html = written(tmp_path)
    folder = html / copies.FOLDER
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.ipynb"))
    assert found == ["bare/one.ipynb", "one.ipynb"]
    with zipfile.ZipFile(html / take.FOLDER / f"{take.NAME}-notebooks.zip") as archive:
        names = archive.namelist()
        assert names == [f"{take.NAME}/{name}" for name in ("README.md", *found)]
        for name in found:
            assert archive.read(f"{take.NAME}/{name}") == (folder / name).read_bytes()
            nbformat.validate(nbformat.reads(archive.read(f"{take.NAME}/{name}").decode(), as_version=4))


def test_in_several_processes_notebooks_come_out_the_same_and_a_wrong_page_is_refused(tmp_path: Path) -> None:
    html, wrong = written(tmp_path), executed()
    alone = {path: path.read_bytes() for path in (html / copies.FOLDER).rglob("*.ipynb")}
    for path in alone:
        path.unlink()
    pages = {"book/one": tmp_path / "one.ipynb"}
    assert set(copies.write(html, pages, Addresses(), "0.1", stub, jobs=2)) == set(alone)
    assert {path: path.read_bytes() for path in alone} == alone
    del wrong.cells[0]
    nbformat.write(wrong, pages["book/one"])
    with pytest.raises(NotebookError, match="shows 6 cells, and 5 were executed"):
        copies.write(html, pages, Addresses(), "0.1", stub, jobs=2)


def test_without_a_repository_a_notebook_says_how_to_install_and_has_no_cell_for_it(tmp_path: Path) -> None:
    html = written(tmp_path)
    notebook = nbformat.read(html / copies.FOLDER / "bare" / "one.ipynb", as_version=4)
    assert "`pip install .` in the folder of the book's repository" in words(notebook)
    assert codes(notebook)[0] == "start = 1"


def test_with_a_repository_a_notebook_can_install_the_package_itself(tmp_path: Path) -> None:
    html = written(tmp_path, HOME)
    notebook = nbformat.read(html / copies.FOLDER / "bare" / "one.ipynb", as_version=4)
    assert 'pip install -q "nnz @ git+https://github.com/owner/book"' in codes(notebook)[0]
    with zipfile.ZipFile(html / take.FOLDER / f"{take.NAME}-notebooks.zip") as archive:
        assert archive.read(f"{take.NAME}/requirements.txt") == b"nnz @ git+https://github.com/owner/book\n"


def test_notebooks_that_are_newer_than_their_page_are_left_and_those_of_no_page_removed(
    tmp_path: Path,
) -> None:
    html = written(tmp_path)
    bare, gone = html / copies.FOLDER / "bare" / "one.ipynb", html / copies.FOLDER / "gone.ipynb"
    gone.write_text("{}", encoding="utf-8")
    later = bare.stat().st_mtime + 60
    for path in (bare, html / copies.FOLDER / "one.ipynb"):
        os.utime(path, (later, later))
    copies.write(html, {"book/one": tmp_path / "one.ipynb"}, Addresses(), "0.1", stub)
    assert bare.stat().st_mtime == later
    assert not gone.exists()
    os.utime(html / "book" / "one.html", (later + 60, later + 60))
    copies.write(html, {"book/one": tmp_path / "one.ipynb"}, Addresses(), "0.1", stub)
    assert bare.stat().st_mtime != later


def test_colab_and_binder_are_offered_only_where_the_notebooks_are_published() -> None:
    def offered(there: Addresses, branch: str) -> dict[str, str]:
        return {
            one["text"]: one["url"] for one in copies.buttons("one", lambda file: f"../{file}", there, branch)
        }

    own = {
        ".ipynb, executed": "../take/notebooks/one.ipynb",
        ".ipynb, bare": "../take/notebooks/bare/one.ipynb",
    }
    assert offered(Addresses(), "notebooks") == offered(HOME, "") == own
    assert offered(HOME, "notebooks") == own | {
        "Colab": "https://colab.research.google.com/github/owner/book/blob/notebooks/bare/one.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/book/notebooks?labpath=bare/one.ipynb",
    }
    lab = Addresses("https://gitlab.com/owner/book", "main", "")
    assert offered(lab, "n") == own | {
        "Binder": "https://mybinder.org/v2/gl/owner%2Fbook/n?labpath=bare/one.ipynb"
    }
    assert offered(Addresses("https://codeberg.org/owner/book", "main", ""), "n") == own


def test_only_downloads_that_are_there_and_not_older_than_the_pages_are_listed(tmp_path: Path) -> None:
    html = small_site(tmp_path)
    take.refresh(html)
    page = html / take.PAGE
    assert take.NOTHING in page.read_text(encoding="utf-8")
    book = html / take.FOLDER / f"{take.NAME}.epub"
    book.parent.mkdir()
    book.write_bytes(b"1" * 3000)
    newest = max(path.stat().st_mtime for path in (html / "book").glob("*.html"))
    os.utime(book, (newest + 5, newest + 5))
    take.refresh(html)
    take.refresh(html)
    text = page.read_text(encoding="utf-8")
    assert f'<a href="../take/{take.NAME}.epub" download>' in text
    assert text.count("3 kB") == text.count(take.BEGIN) == text.count(take.END) == 1
    assert "<p>after</p>" in text
    os.utime(book, (newest - 5, newest - 5))
    take.refresh(html)
    assert "epub" not in page.read_text(encoding="utf-8")
