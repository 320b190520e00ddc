"""What can be seen without a browser: links, anchors, downloads, old addresses, policies, and weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser import built
from browser.conftest import BUILT, ROOT, pages
from nnz.press import moved
from nnz.press.pages import without_claims

SHOWN = pages()  # which ends with a word if there is no built book


def test_every_link_leads_somewhere() -> None:
    assert [dead for name in built.all_pages() for dead in built.dead_links(name)] == []


def test_every_file_that_is_linked_is_what_it_says() -> None:
    links = {(name, link) for name in built.all_pages() for link in built.read(name).links}
    linked = {built.at(name, link).resolve() for name, link in links if not built.OUTSIDE.match(link)}
    files = sorted(path for path in linked if path.is_file() and path.suffix != ".html")
    assert files
    assert [path for path in files if not built.is_what_it_says(path)] == []


def test_every_file_that_a_style_asks_for_is_there() -> None:
    styles = sorted((BUILT / "_static").rglob("*.css"))
    assert styles
    assert [path for style in styles for path in built.styled_with(style) if not path.is_file()] == []


def test_every_address_of_an_earlier_edition_leads_somewhere() -> None:
    assert moved.kept(ROOT)
    assert moved.broken(ROOT, BUILT) == []


def test_every_page_has_a_strict_policy_and_no_attribute_holds_a_script() -> None:
    for name in built.all_pages():
        page = built.read(name)
        assert page.policy.startswith("default-src 'none'"), name
        assert "'unsafe-inline'" not in page.policy.partition("script-src")[2].partition(";")[0], name
        assert page.handlers == [], name


def test_no_page_is_heavy_and_the_site_is_small() -> None:
    weights = {name: built.weight(name) for name in SHOWN}
    heaviest = sorted(weights, key=weights.__getitem__, reverse=True)[:5]
    said = ", ".join(f"{name} {weights[name] / 1e6:.2f} MB" for name in heaviest)
    print(f"\nThe site has {built.size_of_site() / 1e6:.1f} MB. The heaviest pages: {said}.")
    assert [name for name in heaviest if weights[name] > built.HEAVIEST] == []
    assert built.size_of_site() <= built.LARGEST_SITE


def test_the_downloaded_page_is_the_chapter_without_its_claims() -> None:
    sources = list((BUILT / "_sources" / "book").glob("bigram.md*"))
    chapter = (ROOT / "book" / "bigram.md").read_text(encoding="utf-8")
    assert [path.read_text(encoding="utf-8") for path in sources] == [without_claims(chapter)]
    assert "claim(" in chapter
    assert "claim(" not in without_claims(chapter)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ipynb", b"{"),
        ("a.ipynb", b"{}"),
        ("a.zip", b"PK no"),
        ("a.epub", b"PK no"),
        ("a.pdf", b"<html>"),
        ("a.md", b"\n"),
        ("a.svg", b"<html>"),
        ("a.bin", b""),
    ],
)
def test_a_download_that_is_not_what_it_says_is_found(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert not built.is_what_it_says(path)


def test_a_page_is_taken_apart_into_all_that_leads_from_it() -> None:
    page = built.Read(
        '<meta http-equiv="refresh" content="0; url=a.html"><a href="b.html#c"></a>'
        '<img src="d.png" srcset="e.png 2x"><form action="f.html" onsubmit="g()"></form>'
        '<link rel="stylesheet" href="h.css"><i id="j"></i>'
    )
    assert page.links == {"a.html", "b.html#c", "d.png", "e.png", "f.html", "h.css"}
    assert (page.loads, page.ids, page.handlers) == ({"d.png", "h.css"}, {"j"}, ["form onsubmit"])
    assert page.leads_on == "a.html"
