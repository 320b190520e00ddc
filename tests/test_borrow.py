"""A figure and a number of one page are shown on another, as they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rendered import built_by_sphinx

pytestmark = pytest.mark.support

CONF = """extensions = ["myst_parser", "nnz_borrow"]
numfig = True
"""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
HOME = """# Home

```{figure} picture.svg
:name: fig-home-square
:alt: A square.

At home.
```
"""
GUEST = """# Guest

```{borrowed} home fig-home-square
A *square*, borrowed from [](home.md).
```

It is {borrowed}`home home.size` wide.
"""


def built(folder: Path, guest: str = GUEST, size: str = "9.5") -> tuple[str, str]:
    """Build a page and one that borrows from it; return the HTML of the second and what was warned of."""
    (folder / "picture.svg").write_text(PICTURE, encoding="utf-8")
    glue = {"home.size": {"data": {"text/plain": repr(size)}, "metadata": {}}}
    outputs = folder / "jupyter_execute"
    outputs.mkdir(exist_ok=True)
    (outputs / "home.glue.json").write_text(json.dumps(glue), encoding="utf-8")
    out, warned = built_by_sphinx(folder, CONF, {"guest": guest, "home": HOME})
    return (out / "guest.html").read_text(encoding="utf-8"), warned


def test_a_figure_is_borrowed_with_its_description_and_has_a_caption_of_its_own_and_no_number(
    tmp_path: Path,
) -> None:
    html, warned = built(tmp_path)
    assert warned == ""
    figure = html.partition("<figure")[2].partition("</figure>")[0]
    assert 'alt="A square."' in figure
    assert 'src="_images/picture.svg"' in figure
    assert "<em>square</em>" in figure
    assert 'href="home.html"' in figure
    assert "Fig." not in figure
    assert "borrowed" in figure.partition(">")[0]  # by which the style knows it
    assert (tmp_path / "html" / "_images" / "picture.svg").is_file()


def test_a_number_is_borrowed_as_it_was_glued(tmp_path: Path) -> None:
    assert "It is 9.5 wide." in built(tmp_path)[0]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("fig-home-square", "fig-home-circle", "home has no 'fig-home-circle'"),
        ("{borrowed} home", "{borrowed} nowhere", "nowhere has no 'fig-home-square'"),
        ("home.size", "home.weight", "home has no 'home.weight'"),
    ],
)
def test_what_is_not_there_is_warned_of(tmp_path: Path, old: str, new: str, what: str) -> None:
    _, warned = built(tmp_path, GUEST.replace(old, new))
    assert f"borrowed: {what}" in warned
    assert warned.count("WARNING") == 1


def test_the_page_that_borrows_depends_on_the_other_and_on_what_that_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it is set again when either has changed."""
    monkeypatch.setenv("NNZ_PAGES", str(tmp_path / "pages"))
    built(tmp_path)
    environment = (tmp_path / "doctrees" / "environment.pickle").read_bytes()
    assert str(tmp_path / "pages" / "home.ipynb").encode() in environment
