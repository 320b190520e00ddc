"""The notebooks that a build writes beside its pages: each chapter executed and bare, and one zip of all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import nbformat

from nnz.plumbing.files import replaced
from nnz.press import notebooks, take
from nnz.press.addresses import Addresses
from nnz.press.notebooks import Piece
from nnz.press.take import put

FOLDER = f"{take.FOLDER}/notebooks"
BARE = "bare"
INSTALL = """\
# The package of the book, on a machine that does not have it yet, such as one of Colab's.
try:
    import nnz
except ImportError:
    %pip install -q "nnz @ git+{repository}"
"""
README = """\
# Neural Networks from Zero: the notebooks

Edition {edition}. Each chapter stands here twice: in this folder as it was executed when the book was built,
and in `{bare}` without outputs, answers and solutions.

They run anywhere after the book's package has been installed, from the top to the bottom:

    pip install {package}

Text and figures are under the Creative Commons license CC BY 4.0, the code under the MIT license.
"""


def package(there: Addresses) -> str:
    """Return what pip is told to install: the repository by its address, or the folder in which one stands."""
    return f'"nnz @ git+{there.repository}"' if there.repository else "."


def preface(bare: bool, edition: str, there: Addresses) -> Iterator[Piece]:
    """Yield what stands below a notebook's title."""
    kind = "without outputs, answers and solutions" if bare else "as it was executed when the book was built"
    where = "" if there.repository else " in the folder of the book's repository"
    said = f"A chapter of *Neural Networks from Zero*, edition {edition}, {kind}."
    if there.site:
        said = said.replace("*Neural Networks from Zero*", f"[*Neural Networks from Zero*]({there.site})")
    yield Piece(f"{said}\nTo run it, install the book's package once: `pip install {package(there)}`{where}.")
    if there.repository:
        yield Piece(INSTALL.format(repository=there.repository).rstrip(), cell={"outputs": []})


def write(
    html: Path,
    pages: Mapping[str, Path],
    there: Addresses,
    edition: str,
    stub: Callable[[str], str],
    jobs: int = 1,
) -> list[Path]:
    """Write the notebooks of chapters below the built site, those that are older than their pages, and the zip.

    Args:
        html: the built site.
        pages: the executed page, a notebook, for each chapter, which is named as its page on the site is.
        there: the addresses that links lead to.
        edition: of the book.
        stub: returns what an answer to an exercise of that name begins with.
        jobs: how many at once, in processes forked from this one, where a system can.

    Raises:
        NotebookError: a page has other cells than those that were executed.
    """
    make = partial(both, html, there=there, edition=edition, stub=stub)
    if jobs > 1 and "fork" in get_all_start_methods():
        with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
            made = [*pool.map(make, pages.keys(), pages.values())]
    else:
        made = [*map(make, pages.keys(), pages.values())]
    written = [path for paths in made for path in paths]
    for old in {*(html / FOLDER).rglob("*.ipynb")} - {*written}:
        old.unlink()
    if written:
        zipped(
            html, sorted(written), README.format(edition=edition, bare=BARE, package=package(there)), there
        )
    return written


def both(
    html: Path, page: str, ran: Path, there: Addresses, edition: str, stub: Callable[[str], str]
) -> list[Path]:
    """Write the two notebooks of a chapter, unless they are newer than its page, and return their paths."""
    name = Path(page).name
    paths = {False: html / FOLDER / f"{name}.ipynb", True: html / FOLDER / BARE / f"{name}.ipynb"}
    newest = max(path.stat().st_mtime for path in (ran, html / f"{page}.html"))
    if not all(path.is_file() and path.stat().st_mtime > newest for path in paths.values()):
        executed = nbformat.read(ran, as_version=4)
        parts = notebooks.chapter(html, page, executed, there.page, stub)
        for bare, path in paths.items():
            language = executed["metadata"].get("language_info", {"name": "python"})
            made = notebooks.notebook(parts, bare, list(preface(bare, edition, there)), language)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replaced(path) as beside:
                beside.write_text(nbformat.writes(made) + "\n", encoding="utf-8")
    return [*paths.values()]


def zipped(html: Path, written: Sequence[Path], readme: str, there: Addresses) -> None:
    """Write the zip of all notebooks; the same notebooks give the same file."""
    top = html / take.FOLDER / f"{take.NAME}-notebooks.zip"
    with replaced(top) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        put(archive, f"{take.NAME}/README.md", readme.encode())
        if there.repository:  # what Binder installs
            put(archive, f"{take.NAME}/requirements.txt", f"nnz @ git+{there.repository}\n".encode())
        for path in written:
            inner = path.relative_to(html / FOLDER).as_posix()
            put(archive, f"{take.NAME}/{inner}", path.read_bytes())


def buttons(name: str, to: Callable[[str], str], there: Addresses, branch: str) -> list[dict[str, Any]]:
    """Return the links of a chapter's page to its notebooks, as the theme takes them.

    Args:
        name: of the chapter.
        to: returns the way from the page to a file of the site.
        there: the addresses of the repository and the site.
        branch: the branch of the repository that holds the notebooks, or "": then no service can open them.
    """
    shown = [
        button(to(f"{FOLDER}/{name}.ipynb"), ".ipynb, executed", "Download the notebook with its outputs"),
        button(
            to(f"{FOLDER}/{BARE}/{name}.ipynb"),
            ".ipynb, bare",
            "Download the notebook without outputs and answers",
        ),
    ]
    owned = urlsplit(there.repository).path.strip("/")
    kind = {"github": "gh", "gitlab": "gl"}.get(there.host, "")
    if not (there.repository and branch and kind):
        return shown
    file, safe = f"{BARE}/{name}.ipynb", quote(branch, safe="")
    if kind == "gh":
        colab = f"https://colab.research.google.com/github/{owned}/blob/{safe}/{file}"
        shown.append(button(colab, "Colab", "Open the bare notebook in Colab"))
    owned = owned if kind == "gh" else quote(owned, safe="")
    binder = f"https://mybinder.org/v2/{kind}/{owned}/{safe}?labpath={quote(file)}"
    return [*shown, button(binder, "Binder", "Open the bare notebook in Binder")]


def button(url: str, text: str, tip: str) -> dict[str, Any]:
    """Return one link for the theme's menu."""
    return {"type": "link", "url": url, "text": text, "tooltip": tip, "icon": "fas fa-code"}
