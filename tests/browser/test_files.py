"""What can be seen without a browser: that every link leads somewhere, and that the right files are there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

from browser.code_pages import by_folder, code_of, shell_of
from browser.conftest import BUILT, ROOT, pages
from nnz.press.pages import without_claims


class Anchors(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if value is None:
                continue
            if key in ("href", "src"):
                self.links.add(value)
            elif key in ("id", "name"):
                self.ids.add(value)


def test_every_link_leads_somewhere() -> None:
    read = {name: Anchors((BUILT / name).read_text(encoding="utf-8")) for name in pages()}
    dead = []
    for name, page in read.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if re.match(r"[a-z]+:", target) or link in ("#", "#pst-back-to-top"):
                continue
            path = (BUILT / name).parent / target.partition("?")[0] if target else BUILT / name
            if not path.exists():
                dead.append(f"{name}: {link}")
            elif anchor and path.suffix == ".html":
                there = path.resolve().relative_to(BUILT).as_posix()
                if there in read and anchor not in read[there].ids:
                    dead.append(f"{name}: {link} (no such anchor)")
    assert dead == []


def test_pages_of_code_are_the_same_but_for_their_title_and_their_code() -> None:
    """So what is seen of one holds for all of its folder; and code is nothing but text, colors and numbers."""
    folders = by_folder(name for name in pages() if name.startswith("_code/"))
    assert len(folders) > 5
    for names in folders.values():
        assert len({*map(shell_of, names)}) == 1, names
        for name in names:
            title, code = code_of(name)
            assert re.fullmatch(r"<code>(src/nnz|tests)/[\w/]+\.py</code>", title), name
            tags = {*re.findall(r"<[^>]*>", re.sub(r"#?L-\d+", "L-1", code))}
            others = {
                tag for tag in tags if not re.fullmatch(r'</?(span|a|code)>|<span class="[\w -]*">', tag)
            }
            assert others <= {'<a id="L-1" name="L-1">', '<a href="L-1">'}, (name, others)


def test_the_downloaded_page_is_the_chapter_without_its_claims() -> None:
    sources = list((BUILT / "_sources" / "book").glob("bigram.md*"))
    chapter = (ROOT / "book" / "bigram.md").read_text(encoding="utf-8")
    assert [path.read_text(encoding="utf-8") for path in sources] == [without_claims(chapter)]
    assert "claim(" in chapter
    assert "claim(" not in without_claims(chapter)
