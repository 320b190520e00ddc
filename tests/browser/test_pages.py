"""Every page of the built book, in a real browser: alone, quiet, accessible, and never wider than the screen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from browser.conftest import BUILT, ROOT, WIDTHS, pages

PAGES = pages()
OF_THE_BOOK = [name for name in PAGES if name.startswith("book/")]
# The pages of code are all made by one template: axe looks at one file of the package and one of the tests.
CODE = [name for name in PAGES if name.startswith("_code/")]
FOR_AXE = {*PAGES} - {*CODE} | {
    "_code/nnz/engine.html",
    "_code/tests/test_engine.html",
}

# Faults of the theme that no setting mends. Each says what it is and why it does no harm here.
ALLOWED = {
    "label-content-name-mismatch": "theme buttons whose label says more than their picture or short text",
    "region": "the theme's logo block lies outside the landmarks; the link in it is also in the navigation",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_alone_quiet_narrow_and_accessible(
    open_page: Callable[..., Any], name: str
) -> None:
    """One visit, as loading costs most: no request, no error, no sideways scroll, nothing that axe finds."""
    assert set(PAGES) >= FOR_AXE
    visit = open_page(name)
    page = visit.page
    page.wait_for_timeout(200)
    assert visit.asked == []
    assert visit.errors == []
    for width, (w, h) in WIDTHS.items():
        page.set_viewport_size({"width": w, "height": h})
        assert page.evaluate("document.documentElement.scrollWidth") <= w
        for theme in ("light", "dark") if name in FOR_AXE else ():
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            page.wait_for_timeout(350)  # the theme's colours fade in
            assert [f"{width}, {theme}: {fault}" for fault in faults(page)] == []


def faults(page: Page) -> list[str]:
    """Return what axe finds on a page, apart from what is allowed."""
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:160]} {node['failureSummary'][:200]}"
        for fault in Axe().run(page).response["violations"]
        if fault["id"] not in ALLOWED
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("name", OF_THE_BOOK)
def test_a_page_has_one_title_a_language_and_says_which_data_it_was_built_on(
    open_page: Callable[..., Any], name: str
) -> None:
    page = open_page(name).page
    assert page.locator("h1:visible").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    built_on = page.locator(".built-on")
    assert built_on.count() == 1
    records = json.loads(
        (ROOT / "_build" / "claims.json").read_text(encoding="utf-8")
    ).values()
    assert {record["data_built_on"] for record in records} == {
        built_on.get_attribute("data-kind")
    }
    notices = page.locator(".data-notice").count()
    assert notices == (
        0 if built_on.get_attribute("data-kind") == "names.txt" else 1
    )


@pytest.mark.parametrize("name", OF_THE_BOOK)
def test_mathematics_is_set(open_page: Callable[..., Any], name: str) -> None:
    page = open_page(name).page
    assert (
        page.locator("mjx-container").count()
        == page.locator("span.math, div.math").count()
    )
    assert page.locator('mjx-merror, [data-mml-node="merror"]').count() == 0
    article = page.locator("article").inner_text()
    assert r"\(" not in article
    assert r"\[" not in article


@pytest.mark.parametrize("name", OF_THE_BOOK)
def test_every_picture_says_what_it_shows(
    open_page: Callable[..., Any], name: str
) -> None:
    for image in open_page(name).page.locator("article img").all():
        alt = image.get_attribute("alt") or ""
        assert len(alt) >= 40, image.evaluate("image => image.outerHTML")
        assert not re.search(r"\.(png|svg)$|<Figure", alt)
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_can_be_read_in_both_themes(
    open_page: Callable[..., Any], theme: str
) -> None:
    """The ink of a line figure, as the screen shows it, stands out from the page around it."""
    page = open_page("book/bigram.html", theme=theme).page
    image = page.locator("#fig-bigram-lengths img")
    image.scroll_into_view_if_needed()
    light, middle, dark = brightness(page, image.screenshot())
    assert light - dark > 130
    # Most of a line figure is the page behind it, and no white box stands in the dark.
    assert middle > 220 if theme == "light" else middle < 60


def brightness(page: Page, png: bytes) -> tuple[int, int, int]:
    """Return the brightness of a picture at its brightest, middle and darkest, leaving out one pixel in 1,000."""
    import base64

    values = page.evaluate(
        """async data => {
            const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
            canvas.drawImage(image, 0, 0);
            const d = canvas.getImageData(0, 0, image.width, image.height).data, out = [];
            for (let i = 0; i < d.length; i += 4) out.push(0.299*d[i] + 0.587*d[i+1] + 0.114*d[i+2]);
            out.sort((a, b) => a - b);
            return [0.999, 0.5, 0.001].map(share => out[Math.floor(out.length*share)]);
        }""",
        base64.b64encode(png).decode(),
    )
    return values[0], values[1], values[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_backward_pass_can_be_stepped_through(
    open_page: Callable[..., Any], width: str, theme: str
) -> None:
    """By mouse and by arrow keys; the gradients shown are those of the step, and the text can be read."""
    page = open_page("book/engine.html", theme=theme, width=width).page
    graph = page.locator("#fig-engine-steps .nnz-graph").first
    graph.scroll_into_view_if_needed()

    def shown() -> list[str]:
        return graph.locator("svg text.grad.number").evaluate_all(
            "texts => texts.filter(t => getComputedStyle(t).display != 'none').map(t => t.textContent)"
        )

    assert shown() == ["0", "0", "0", "0"]
    graph.get_by_label("2", exact=True).check()
    assert shown() == ["0", "1", "1", "1"]
    assert "c passes on its gradient" in graph.locator(".say").inner_text()
    page.keyboard.press("ArrowRight")
    assert shown() == ["1", "2", "1", "1"]
    assert (
        graph.locator("rect.lit-3").evaluate("r => getComputedStyle(r).strokeWidth")
        == "2.6px"
    )
    graph.get_by_label("4", exact=True).check()
    assert shown() == ["5", "2", "1", "1"]
    page.wait_for_timeout(350)  # the theme's colours fade in
    light, middle, dark = brightness(page, graph.locator("svg").screenshot())
    assert light - dark > 130
    assert middle > 220 if theme == "light" else middle < 60


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_table_of_counts_can_be_read(
    open_page: Callable[..., Any], width: str
) -> None:
    """Its cells are large enough for their counts; on a phone it scrolls inside its own box."""
    page = open_page("book/bigram.html", width).page
    box = page.locator("#fig-bigram-counts img").bounding_box()
    assert box is not None
    assert (
        box["width"] / 29 >= 22
    )  # pixels for a cell: 27 columns and two for the axis
    if width == "phone":
        scrolls = page.locator("#fig-bigram-counts").evaluate(
            "figure => [...function*(){for(let e=figure;e;e=e.parentElement)yield e}()]"
            ".some(e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto')"
        )
        assert scrolls


def test_search_finds_smoothing(open_page: Callable[..., Any]) -> None:
    visit = open_page("search.html?q=smoothing")
    visit.page.wait_for_selector("#search-results li a", timeout=15_000)
    hits = [
        link.inner_text()
        for link in visit.page.locator("#search-results li a").all()
    ]
    assert any("Counting pairs" in hit for hit in hits), hits
    assert visit.asked == []


def test_the_keyboard_reaches_search_content_and_solutions(
    open_page: Callable[..., Any],
) -> None:
    page = open_page("book/bigram.html").page
    page.keyboard.press("Tab")
    assert "skip" in page.evaluate("document.activeElement.innerText.toLowerCase()")
    page.keyboard.press("Control+k")
    page.wait_for_selector(
        "dialog[open] input[type=search], .search-button__wrapper.show input",
        timeout=5000,
    )
    page.keyboard.press("Escape")
    solution = page.locator(".solution.dropdown").first
    inside = solution.locator("p", has_text="column").first
    assert not inside.is_visible()
    solution.locator("button.toggle-button").first.focus()
    page.keyboard.press("Enter")
    inside.wait_for(state="visible", timeout=5000)


def test_solutions_are_there_in_print_and_without_javascript(
    open_page: Callable[..., Any],
) -> None:
    printed = open_page("book/bigram.html").page
    printed.emulate_media(media="print")
    plain = open_page("book/bigram.html", java_script_enabled=False).page
    for page in (printed, plain):
        solutions = page.locator(".solution.dropdown").all()
        assert len(solutions) >= 4
        for solution in solutions:
            assert solution.locator("p").last.is_visible()


def test_a_listing_shows_the_tested_file_under_its_true_numbers(
    open_page: Callable[..., Any],
) -> None:
    page = open_page("book/bigram.html").page
    lines = (ROOT / "src/nnz/bigram.py").read_text(encoding="utf-8").splitlines()
    pre = page.locator("#listing-bigram-bigramcounts-fit pre")
    numbers = [int(text) for text in pre.locator(".linenos").all_inner_texts()]
    shown = re.sub(r"^ *\d+", "", pre.inner_text(), flags=re.MULTILINE).splitlines()
    assert len(numbers) == len(shown) >= 4
    for number, line in zip(numbers, shown, strict=True):
        assert lines[number - 1].strip() == line.strip()
    page.locator("#listing-bigram-bigramcounts-fit .to-source").click()
    page.wait_for_url(f"**/_code/nnz/bigram.html#L-{numbers[0]}")
    assert "def fit" in page.locator(f"#L-{numbers[0]}").evaluate(
        "a => a.parentElement.innerText"
    )


def test_the_first_page_is_found_from_the_folder(
    open_page: Callable[..., Any],
) -> None:
    page = open_page("index.html").page
    page.wait_for_url("**/book/index.html")


def test_the_ledger_shows_every_claim(open_page: Callable[..., Any]) -> None:
    page = open_page("book/ledger.html").page
    rows = page.locator("table.ledger tbody tr").all_inner_texts()
    claims = json.loads(
        (ROOT / "_build" / "claims.json").read_text(encoding="utf-8")
    )
    assert len(rows) == len(claims)
    for claim_id, row in zip(claims, rows, strict=True):
        assert claim_id in row
        assert claims[claim_id]["verdict"] in row


class Anchors(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        for key, value in attrs:
            if value is None:
                continue
            if key in ("href", "src"):
                self.links.add(value)
            elif key in ("id", "name"):
                self.ids.add(value)


def test_every_link_leads_somewhere() -> None:
    read = {
        name: Anchors((BUILT / name).read_text(encoding="utf-8")) for name in PAGES
    }
    dead = []
    for name, page in read.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if re.match(r"[a-z]+:", target) or link in ("#", "#pst-back-to-top"):
                continue
            path = (
                (BUILT / name).parent / target.partition("?")[0]
                if target
                else BUILT / name
            )
            if not path.exists():
                dead.append(f"{name}: {link}")
            elif anchor and path.suffix == ".html":
                there = path.resolve().relative_to(BUILT).as_posix()
                if there in read and anchor not in read[there].ids:
                    dead.append(f"{name}: {link} (no such anchor)")
    assert dead == []


def test_the_downloaded_page_is_the_chapter() -> None:
    sources = list((BUILT / "_sources" / "book").glob("bigram.md*"))
    assert [Path(path).read_text(encoding="utf-8") for path in sources] == [
        (ROOT / "book" / "bigram.md").read_text(encoding="utf-8")
    ]
