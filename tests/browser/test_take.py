"""What a reader takes along from the built book: notebooks that are valid, and one that is really run alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import nbformat

from browser.conftest import BUILT, ROOT
from nnz.press import copies, take
from nnz.press.pages import numbered

LIGHT = "backprop-network"  # the chapter that takes the least to run


def test_every_chapter_has_two_notebooks_that_are_valid_and_all_are_in_the_zip() -> None:
    folder = BUILT / copies.FOLDER
    wanted = {f"{kind}{name}.ipynb" for name in numbered(ROOT) for kind in ("", f"{copies.BARE}/")}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.ipynb")}
    assert {*found} == wanted
    with zipfile.ZipFile(BUILT / take.FOLDER / f"{take.NAME}-notebooks.zip") as archive:
        assert {*archive.namelist()} == {f"{take.NAME}/{name}" for name in (*found, "README.md")} | (
            {f"{take.NAME}/requirements.txt"} & {*archive.namelist()}
        )
    for name, path in found.items():
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert codes
        assert any(cell.outputs for cell in codes) == (not name.startswith(copies.BARE))
        assert not [cell for cell in codes if "nnz.press.claims" in cell.source or "claim(" in cell.source]
        text = "".join(cell.source for cell in notebook.cells)
        for left in ("{listing}", "{glue:", "{question}", "{workshop}", "{cite}", "{ref}", "\ue000"):
            assert left not in text


def test_a_bare_notebook_runs_in_an_empty_folder_with_the_installed_package_alone() -> None:
    command = [sys.executable, str(ROOT / "tools" / "notebooks.py"), LIGHT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 notebooks run alone." in done.stdout


def test_the_page_of_downloads_lists_what_is_there() -> None:
    text = (BUILT / take.PAGE).read_text(encoding="utf-8")
    listed = text.partition(take.BEGIN)[2].partition(take.END)[0]
    assert f"{take.NAME}-notebooks.zip" in listed
    for name in take.FILES:
        assert (f"{take.FOLDER}/{name}" in listed) <= (BUILT / take.FOLDER / name).is_file()
