"""What a site needs in public: previews, a map, a page for what is not there, and old addresses that lead on."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from nnz.press import moved
from nnz.press.cite import bibtex, citation
from rendered import built_by_sphinx

pytestmark = pytest.mark.support

CONF = """extensions = ['myst_parser', 'nnz_public']
project = html_title = 'Small'
html_theme = 'basic'
"""
SITE = "site_url = 'https://site.example/book'\n"
PAGES = {
    "one": (
        "# One\n\nA first “sentence”\nof two lines. A second.\n\n![Dots in a row](dots.svg)\n\n## Here\n\nText.\n"
    ),
    "two": "# Two\n\n## There\n\nText.\n\n```{cite-this}\n```\n",
}
MOVED = """[pages]
"deep/old" = "two#there"

[anchors.one]
before = "#here"
gone = "two#there"
top = "#"
"""


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNZ_REPOSITORY_URL", "NNZ_SITE_URL"):
        monkeypatch.delenv(name, raising=False)


def build(folder: Path, conf: str = CONF, said: str = MOVED) -> tuple[Path, str]:
    (folder / "dots.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    (folder / "book").mkdir()
    (folder / "book" / "moved.toml").write_text(said, encoding="utf-8")
    return built_by_sphinx(folder, conf, PAGES)


def tags(page: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:name|property)="([^"]*)" content="([^"]*)"', page)
    return {name: unescape(content) for name, content in found}


def test_a_page_says_what_it_is_about(tmp_path: Path) -> None:
    out, warned = build(tmp_path)
    assert not warned
    found = tags((out / "one.html").read_text(encoding="utf-8"))
    assert found["description"] == found["og:description"] == "A first “sentence” of two lines."
    assert found["og:title"] == "One"
    assert "og:image" not in found  # which has to be absolute
    assert not (out / "sitemap.xml").exists()


def test_with_an_address_there_are_a_map_and_pictures(tmp_path: Path) -> None:
    out, warned = build(tmp_path, CONF + SITE)
    assert not warned
    one, two = (tags((out / f"{name}.html").read_text(encoding="utf-8")) for name in ("one", "two"))
    assert one["og:url"] == "https://site.example/book/one.html"
    assert one["og:image"] == two["og:image"] == "https://site.example/book/_static/card.png"
    assert one["og:image:alt"] == "Small"
    with Image.open(out / "_static" / "card.png") as card:
        assert card.size == (1200, 630)
    listed = re.findall("<loc>(.*?)</loc>", (out / "sitemap.xml").read_text(encoding="utf-8"))
    assert listed == [f"https://site.example/book/{name}.html" for name in ("index", "one", "two")]
    assert 'href="/book/search.html"' in (out / "404.html").read_text(encoding="utf-8")


def test_a_page_that_is_not_there_is_answered_by_one_without_scripts(tmp_path: Path) -> None:
    text = (build(tmp_path)[0] / "404.html").read_text(encoding="utf-8")
    assert 'href="index.html"' in text
    assert "<script" not in text


def test_old_addresses_lead_on(tmp_path: Path) -> None:
    out, warned = build(tmp_path)
    assert not warned
    old = (out / "deep" / "old.html").read_text(encoding="utf-8")
    assert 'http-equiv="refresh" content="0; url=../two.html#there"' in old
    assert '<a href="../two.html#there">' in old
    assert "<script" not in old
    one = (out / "one.html").read_text(encoding="utf-8")
    assert '<section id="here"><span id="before"></span>' in one
    assert re.search(r'<p class="moved" id="gone">[^<]*<a href="two.html#there">', one)
    assert '<span id="top"></span>' in one


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('[anchors.one]\nhere = "#one"\n', "one#here is there, so it did not move"),
        ('[anchors.one]\nx = "#nowhere"\n', "one#x leads to #nowhere, which is not on the page"),
        ('[pages]\none = "two"\n', "the page one is there, so it did not move"),
    ],
)
def test_what_did_not_move_or_leads_nowhere_is_warned_of(tmp_path: Path, said: str, words: str) -> None:
    assert words in build(tmp_path, said=said)[1]


def test_an_address_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    out, _ = build(tmp_path)
    listed = ["one", "one#here", "one#gone", "deep/old", "two#lost", "lost"]
    (tmp_path / "book" / "addresses.txt").write_text("\n".join(listed), encoding="utf-8")
    assert moved.broken(tmp_path, out) == ["lost", "two#lost"]


def test_addresses_that_were_numbered_or_made_from_code_are_not_kept() -> None:
    page = '<article><section id="a"><div id="id3"></div><a id="L-4"></a><dt id="nnz.x"></dt></section></article>'
    assert list(moved.addresses(page)) == ["a"]


def test_the_entry_of_bibtex_says_what_the_citation_file_says(root: Path, tmp_path: Path) -> None:
    said = citation(root)
    entry = bibtex(said, "https://site.example/book")
    assert entry.startswith("@misc{nnz,\n")
    for value in (said["title"], said["authors"][0]["name"], str(said["date-released"])[:4], said["version"]):
        assert str(value) in entry
    assert "url     = {https://site.example/book}" in entry
    assert "url" not in bibtex(said)
    page = (build(tmp_path)[0] / "two.html").read_text(encoding="utf-8")
    assert "@misc{nnz," in unescape(re.sub("<[^>]*>", "", page))


def test_names_of_persons_and_signs_of_tex_are_written_as_bibtex_reads_them() -> None:
    person = {"given-names": "A. B.", "family-names": "Com & Co"}
    said = {"authors": [person, {"name": "G"}], "title": "100 %", "date-released": "2026-01-01", "version": 1}
    assert r"{A. B. Com \& Co} and {G}" in bibtex(said)
    assert r"{{100 \%}}" in bibtex(said)
