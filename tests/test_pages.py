"""A page is taken apart as MyST takes it apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnz.press import pages
from nnz.press.pages import Page, PageError, Table
from nnz.press.settings import settings

pytestmark = pytest.mark.support

HEADER = "---\nkernelspec: {name: python3}\n---\n"


def taken_apart(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return pages.read_page(path)


def test_blocks_are_told_apart_by_the_syntax_that_the_book_is_built_with(root: Path) -> None:
    assert sorted(pages.EXTENSIONS) == sorted(settings(root)["myst_enable_extensions"])


@pytest.mark.parametrize("chapter", ["dilated", "backprop-network"])
def test_the_cells_of_a_page_are_those_that_are_run(root: Path, chapter: str) -> None:
    """What MyST-NB makes of a page has the same cells, with the same code and options."""
    from myst_nb.core.read import read_myst_markdown_notebook

    path = root / "book" / f"{chapter}.md"
    cells = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))["cells"]
    run = [(cell["source"], cell["metadata"]) for cell in cells if cell["cell_type"] == "code"]
    assert [(cell.code, cell.options) for cell in pages.read_page(path).cells] == run


def test_a_page_is_header_prose_cells_and_listings(tmp_path: Path) -> None:
    page = taken_apart(
        tmp_path,
        f"{HEADER}# One\n\nText.\n% a comment\n\n```{{code-cell}}\n:tags: [timing]\n\nx = 1\n\ny = 2\n```\n"
        "```{listing} nnz.a.B nnz.a.c\n:members: x, y\n```\n\n```{listing} nnz.a.d\n```\n```python\n337\n```\n",
    )
    assert page.header == {"kernelspec": {"name": "python3"}}
    assert [line for _, line in page.prose if line] == ["# One", "Text."]
    assert page.prose[:3] == [(4, "# One"), (5, ""), (6, "Text.")]
    (cell,) = page.cells
    assert (cell.line, cell.above, cell.end, cell.code) == (9, 11, 15, "x = 1\n\ny = 2")
    assert cell.tags == ["timing"]
    assert page.listings == [(16, ["nnz.a.B", "nnz.a.c"], ["x", "y"]), (20, ["nnz.a.d"], None)]


def test_a_directive_in_a_directive_is_read_where_it_stands(tmp_path: Path) -> None:
    page = taken_apart(
        tmp_path,
        "# One\n\n`````{question}\n:class: wide\n\nHow many?\n\n:::{answer}\n```{listing} nnz.a.b\n```\nThree.\n"
        ":::\n`````\n\n- ```{figure} x.png\n  A picture.\n  ```\n\n~~~{note}\n![Names](y.png)\n~~~\n",
    )
    assert [(found.name, found.line, found.end) for found in page.directives] == [
        ("question", 3, 13),
        ("answer", 8, 12),
        ("listing", 9, 10),
        ("figure", 15, 17),
        ("note", 19, 21),
    ]
    assert page.listings == [(9, ["nnz.a.b"], None)]
    assert page.images == [15, 20]
    assert [line.strip() for _, line in page.prose if line] == [
        "# One",
        "How many?",
        "Three.",
        "A picture.",
        "![Names](y.png)",
    ]


def test_what_is_no_directive_is_code_and_a_fence_in_a_text_is_text(tmp_path: Path) -> None:
    page = taken_apart(
        tmp_path,
        "Write ```` ```{note} ````.\n\n````markdown\n```{code-cell}\n1\n```\n````\n\n"
        "```json\n337\n```\n\n$$\n337\n$$\n",
    )
    assert page.cells == []
    assert [line for _, line in page.prose if line] == ["Write ```` ```{note} ````.", "$$", "337", "$$"]


def test_a_table_has_its_columns(tmp_path: Path) -> None:
    page = taken_apart(
        tmp_path,
        "| | loss |\n|---|:-:|\n| a | 1 |\n\n````{note}\n```{list-table} Losses\n:header-rows: 1\n\n"
        "* - a loss\n    in nats\n  -\n  - $x$\n* - 1\n  - - 2\n    - 3\n  - 4\n```\n````\n",
    )
    assert page.tables == [
        Table(range(1, 4), "", ["", "loss"]),
        Table(range(6, 18), "Losses", ["a loss\nin nats", "", "$x$"]),
    ]


def test_a_workshop_ends_with_its_section(tmp_path: Path) -> None:
    workshop = "```{workshop}\n```\n"
    page = taken_apart(
        tmp_path,
        f"# One\n\n## Deeper\n\n{workshop}\n```python\n# no heading\n```\n\n### Still\n\n## On\n\nText.\n\n"
        f"{workshop}\nLast\n----\n\n{workshop}\nText.\n",
    )
    assert page.workshops == [range(3, 14), range(21, 28)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# One\n\n```{code-cell}\n1 + 1\n",
            r"page\.md:3: the block that begins with ```\{code-cell\} has no end",
        ),
        (
            "# One\n\n````{note}\nText.\n```\n",
            r"page\.md:3: the block that begins with ````\{note\} has no end",
        ),
        (":::{note}\nText.", r"page\.md:1: the block that begins with :::\{note\} has no end"),
        ("- ```\n  a\n\nText.\n\n```\nb\n```\n", r"page\.md:1: the block that begins with ``` has no end"),
        (
            "````{question}\nWhat?\n```{answer}\nThis.\n````\n",
            r"page\.md:3: the block that begins with ```\{answer\} has no end",
        ),
        ("---\nkernelspec: {\n---\n", r"page\.md:1: the header is no YAML"),
        ("---\nkernelspec\n---\n", r"page\.md:1: the header has no names and values, but is 'kernelspec'"),
        ("---\nkernelspec: x\n", r"page\.md:1: the header has no end"),
        ("\n```{code-cell}\n:tags: [a\n1\n```\n", r"page\.md:2: the options of this cell are no YAML"),
        (
            "\n```{code-cell}\n---\ntags: {\n---\n1\n```\n",
            r"page\.md:2: the options of this cell are no YAML",
        ),
    ],
    ids=[
        "a cell",
        "a longer fence than its end",
        "colons",
        "in a list",
        "an answer in a question",
        "a header that is no YAML",
        "a header of words",
        "a header without an end",
        "options of a cell",
        "options of a cell, above",
    ],
)
def test_a_broken_page_is_an_error_that_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        taken_apart(tmp_path, text)


def test_an_empty_page_has_nothing(tmp_path: Path) -> None:
    assert taken_apart(tmp_path, "") == Page(tmp_path / "page.md")


def test_only_claims_cells_are_taken_out_of_a_page() -> None:
    """However their tags are written; a fence that is longer, or in a text, is no cell of claims."""
    kept = "Text `claims`.\n\n```{code-cell}\n:tags: [timing]\nx = ['claims']\n```\n\n````{note}\nno cell\n````\n"
    for claims in (
        "```{code-cell}\n:tags: [claims]\nclaim(1)\n```\n\n",
        "```{code-cell}\n:tags: [claims, timing]\nnote(1)\n```\n",
        "````{code-cell}\n---\ntags: [claims]\n---\ntext = '```'\n````\n\n",
    ):
        assert pages.without_claims(claims + kept) == kept
        assert pages.without_claims(kept + "\n" + claims) == kept + "\n"
    assert pages.without_claims(kept) == kept
