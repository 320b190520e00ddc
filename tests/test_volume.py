"""The volume: what the site has, in order, with answers at the back and links that lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnz.press import volume
from nnz.press.still import graph_style
from nnz.press.volume import Leaf, VolumeError
from small_site import small_site

pytestmark = pytest.mark.support


@pytest.fixture
def leaves(tmp_path: Path) -> dict[str, Leaf]:
    small_site(tmp_path)
    return {leaf.name: leaf for leaf in volume.read(tmp_path)}


def text(leaf: Leaf) -> str:
    return " ".join(leaf.body.get_text().split())


def test_pages_come_in_the_order_of_the_book_and_answers_after_the_last_chapter(
    leaves: dict[str, Leaf],
) -> None:
    assert list(leaves) == ["index", "one", "two", "one-answers"]
    assert [leaf.part for leaf in leaves.values()] == ["", "Beginnings", "Beginnings", volume.BACK]
    assert leaves["one"].title == "1. One"


def test_what_only_a_screen_needs_is_gone(leaves: dict[str, Leaf]) -> None:
    assert "Workshop: none needs it" in text(leaves["one"])  # what opened a fold says what stands in it
    for word in ("aside", "#", "About 3 minutes", "checked"):
        assert word not in text(leaves["one"])
    assert leaves["one"].body.select("script, style, details, .headerlink") == []


def test_answers_stand_at_the_back_and_lead_both_ways(leaves: dict[str, Leaf]) -> None:
    chapter, back = leaves["one"].body, leaves["one-answers"].body
    for there, here in (("Because of this.", chapter), ("So it is written.", chapter), ("It is 1.", chapter)):
        assert there not in " ".join(here.get_text().split())
        assert there in text(leaves["one-answers"])
    questions = [q.get_text() for q in chapter.select(".question-title")]
    assert questions == ["Question 1.1", "Question 1.2"]
    for place, other in ((chapter, back), (back, chapter)):
        for a in place.select("p.to-answer a, p.to-question a"):
            assert other.find(id=str(a["href"])[1:]) is not None
    assert len(chapter.select("p.to-answer")) == len(back.select("p.to-question")) == 3


def test_a_fold_that_answers_no_question_stays_where_it_is(leaves: dict[str, Leaf]) -> None:
    assert "The proof Proved." in leaves["one"].body.get_text(" ")


def test_links_lead_to_anchors_of_the_volume_or_are_text(leaves: dict[str, Leaf]) -> None:
    links = {a.get_text(): a["href"] for a in leaves["one"].body.find_all("a")}
    assert links["two"] == "#two--there"
    assert links["all of two"] == "#two"
    assert links["part"] == "#one--first-part"
    assert links["outside"] == "https://example.org/x"
    assert not {"code", "files", "nnz/one.py"} & {*links}
    assert {a["href"] for a in leaves["two"].body.find_all("a")} == {"#one--fig-one"}


def test_pages_that_are_not_in_the_volume_are_linked_where_the_site_is_known(tmp_path: Path) -> None:
    small_site(tmp_path)
    one = volume.read(tmp_path, lambda page: f"https://example.org/{page}")[1]
    links = {a.get_text(): a["href"] for a in one.body.find_all("a")}
    assert links["code"] == "https://example.org/_code/nnz/one.html#L-1"
    assert links["files"] == "https://example.org/book/take.html"


def test_anchors_are_unique_in_the_whole_volume(leaves: dict[str, Leaf]) -> None:
    found = [tag["id"] for leaf in leaves.values() for tag in [leaf.body, *leaf.body.find_all(id=True)]]
    assert len(found) == len({*found})
    assert {"one", "one--one", "one--exercise-content", "one-answers--solution-1"} <= {*found}


def test_a_slider_becomes_three_of_its_positions(leaves: dict[str, Leaf]) -> None:
    frames = leaves["one"].body.select(".frame")
    assert [frame.get_text(" ", strip=True) for frame in frames] == ["step a A v", "step c C x", "step e E z"]
    assert leaves["one"].body.select("input, fieldset") == []
    assert "all 5 positions" in text(leaves["one"])


def test_drawn_graphs_keep_the_capitals_of_svg(tmp_path: Path) -> None:
    html = small_site(tmp_path)
    page = html / "book" / "two.html"
    page.write_text(
        page.read_text(encoding="utf-8").replace("<p>Back", '<svg viewBox="0 0 1 1"></svg><p>Back'),
        encoding="utf-8",
    )
    assert '<svg viewBox="0 0 1 1">' in volume.read(tmp_path)[2].body.decode()


def test_what_scripts_would_fill_is_said_to_be_elsewhere(tmp_path: Path) -> None:
    html = small_site(tmp_path)
    page = html / "book" / "two.html"
    filled = (
        '<p class="without">No script has run.</p><div hidden><label for="a">A</label><input id="a"></div>'
    )
    page.write_text(page.read_text(encoding="utf-8").replace("<p>Back", f"{filled}<p>Back"), encoding="utf-8")
    body = volume.read(tmp_path)[2].body
    assert volume.ELSEWHERE in body.get_text()
    assert body.select("label, input, [hidden]") == []


def test_the_style_of_drawn_graphs_needs_no_variables_and_no_dark_theme() -> None:
    assert ".nnz-graph rect { fill: #f6f5f1;" in graph_style()
    assert "var(" not in graph_style()
    assert "dark" not in graph_style()


def test_without_a_built_book_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="run `make book` first"):
        volume.read(tmp_path)


def test_a_page_that_is_missing_or_not_of_the_book_is_named(tmp_path: Path) -> None:
    html = small_site(tmp_path)
    (html / "book" / "two.html").write_text("<html></html>", encoding="utf-8")
    with pytest.raises(VolumeError, match=r"two\.html has no section with a title"):
        volume.read(tmp_path)
    (html / "book" / "two.html").unlink()
    with pytest.raises(VolumeError, match=r"two\.html is not in the built book"):
        volume.read(tmp_path)


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(VolumeError, match="no-such-package with font"):
        volume.packaged("no-such-package", "font")
