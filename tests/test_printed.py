"""The page that Chromium prints: whole, with contents, and each chapter under a head of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nnz.press import printed, volume
from nnz.press.epub import About
from small_site import small_site

pytestmark = pytest.mark.support
ABOUT = About("A <book>", "The authors", "0.1", datetime(2026, 1, 2, tzinfo=UTC), "About it")


@pytest.fixture
def page(tmp_path: Path) -> str:
    small_site(tmp_path)
    return printed.document(volume.read(tmp_path), ABOUT, "p {}")


def test_every_link_inside_of_the_page_leads_somewhere(page: str) -> None:
    anchors = {*re.findall(r' id="([^"]+)"', page)}
    inside = {*re.findall(r'href="#([^"]+)"', page)} - {*re.findall(r'xlink:href="#([^"]+)"', page)}
    assert {"one", "two--there", "one-answers--answer-1"} <= inside <= anchors


def test_the_contents_leave_room_for_the_numbers_of_pages(page: str) -> None:
    wanted = re.findall(r'<span class="page-number" data-to="([^"]+)">', page)
    assert wanted == [
        "index",
        "one",
        "one--first-part",
        "one--deeper",
        "one--exercises",
        "two",
        "two--there",
        "one-answers",
    ]


def test_every_chapter_has_a_running_head_and_stands_below_its_part_in_the_outline(page: str) -> None:
    assert '@page leaf-one { @top-right { content: "1. One"; } }' in page
    assert '@page leaf-one-answers { @top-right { content: "Answers: 1. One"; } }' in page
    heads = re.findall(r"<(h[1-3])\b[^>]*>(?:<[^>]*>)*([^<]+)", page)
    assert heads[:6] == [
        ("h1", "Contents"),
        ("h1", "The book"),
        ("h1", "Beginnings"),
        ("h2", "1. "),
        ("h3", "First part"),
        ("h3", "Deeper"),
    ]


def test_pictures_and_fonts_are_files_of_this_machine_and_nothing_is_asked_of_another(page: str) -> None:
    sources = re.findall(r'(?:src="|url\(")([^"]+)"', page)
    assert any(source.endswith("_images/line.svg") for source in sources)
    assert all(source.startswith(("file:", "data:")) for source in sources)


def test_a_quote_in_a_title_ends_no_rule(tmp_path: Path) -> None:
    small_site(tmp_path)
    one = volume.read(tmp_path)[1]
    one.title = 'The "one"'
    assert 'content: "The \\"one\\"";' in printed.running_head(one)
