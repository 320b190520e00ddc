"""What must hold on one page, beyond what must hold on all."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Locator, Page

from browser.checks import Check
from browser.conftest import PATIENCE, ROOT, SETTLED

BRIGHTNESS = """async data => {
    const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    const d = canvas.getImageData(0, 0, image.width, image.height).data, out = [];
    for (let i = 0; i < d.length; i += 4) out.push(0.299*d[i] + 0.587*d[i+1] + 0.114*d[i+2]);
    out.sort((a, b) => a - b);
    return [0.999, 0.5, 0.001].map(share => Math.round(out[Math.floor(out.length*share)]));
}"""
SCROLLS = """figure => {
    for (let e = figure; e; e = e.parentElement)
        if (e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto') return true;
    return false;
}"""


def differs(what: str, found: Any, expected: Any) -> Iterator[str]:
    """Say so if something is not what it should be."""
    if found != expected:
        yield f"{what}: {found!r}, not {expected!r}"


def stands_out(what: str, picture: Locator) -> Iterator[str]:
    """The ink of a line figure, as the screen shows it, stands out from the page around it.

    Measured at the brightest, middle and darkest, leaving out one pixel in 1,000. Most of a line figure is
    the page behind it, and no white box stands in the dark.
    """
    page = picture.page
    picture.scroll_into_view_if_needed()
    png = base64.b64encode(picture.screenshot()).decode()
    light, middle, dark = page.evaluate(BRIGHTNESS, png)
    theme = page.evaluate("document.documentElement.dataset.theme")
    behind = middle > 220 if theme == "light" else middle < 60
    if light - dark <= 130 or not behind:
        yield f"{what} cannot be read: brightness {light} at most, {middle} in the middle, {dark} at least"


def lengths_can_be_read(page: Page) -> Iterator[str]:
    yield from stands_out("#fig-bigram-lengths", page.locator("#fig-bigram-lengths img"))


def cover_picture_can_be_read(page: Page) -> Iterator[str]:
    """It is the leaderboard's, with its description, and the caption says on which list of names it was made."""
    picture = page.locator("#borrowed-fig-leaderboard-book img")
    yield from stands_out("the picture of the cover", picture)
    if "name that it wrote" not in (picture.get_attribute("alt") or ""):
        yield "the picture of the cover has lost its description"
    if not re.search(r"\d names", page.locator("#borrowed-fig-leaderboard-book figcaption").inner_text()):
        yield "the cover does not say on which list of names its picture was made"


def counts_can_be_read(page: Page) -> Iterator[str]:
    """The cells of the table are large enough for their counts; on a phone it scrolls inside its own box."""
    box = page.locator("#fig-bigram-counts img").bounding_box()
    assert box is not None
    assert page.viewport_size is not None
    cell = box["width"] / 29  # 27 columns and two for the axis
    if cell < 22:
        yield f"#fig-bigram-counts: a cell is {cell:.1f} pixels wide, not 22"
    scrolls = page.locator("#fig-bigram-counts").evaluate(SCROLLS)
    if page.viewport_size["width"] < box["width"] and not scrolls:
        yield "#fig-bigram-counts does not scroll inside its own box"


def backward_pass_can_be_stepped_through(page: Page) -> Iterator[str]:
    """By mouse and by arrow keys; the gradients shown are those of the step, and the text can be read."""
    graph = page.locator("#fig-engine-steps .nnz-graph").first
    graph.scroll_into_view_if_needed()

    def shown() -> list[str]:
        texts: list[str] = graph.locator("svg text.grad.number").evaluate_all(
            "texts => texts.filter(t => getComputedStyle(t).display !== 'none').map(t => t.textContent)"
        )
        return texts

    yield from differs("gradients at first", shown(), ["0", "0", "0", "0"])
    graph.get_by_label("2", exact=True).check()
    yield from differs("gradients at step 2", shown(), ["0", "1", "1", "1"])
    if "L passes on its gradient" not in (say := graph.locator(".say").inner_text()):
        yield f"step 2 says {say!r}"
    page.keyboard.press("ArrowRight")
    yield from differs("gradients, arrow key", shown(), ["1", "2", "1", "1"])
    lit = graph.locator("rect.lit-3").evaluate("r => getComputedStyle(r).strokeWidth")
    yield from differs("the line around what step 3 is about", lit, "2.6px")
    graph.get_by_label("4", exact=True).check()
    yield from differs("gradients at step 4", shown(), ["5", "2", "1", "1"])
    page.evaluate(SETTLED)
    yield from stands_out("#fig-engine-steps", graph.locator("svg"))
    graph.get_by_label("0", exact=True).check()


def solutions_are_shown(page: Page, where: str) -> Iterator[str]:
    solutions = page.locator(".solution.dropdown").all()
    if len(solutions) < 4:
        yield f"{where}: {len(solutions)} solutions, not at least 4"
    for number, solution in enumerate(solutions, 1):
        if not solution.locator("p").last.is_visible():
            yield f"{where}: solution {number} is folded"


def solutions_are_there_in_print(page: Page) -> Iterator[str]:
    page.emulate_media(media="print")
    yield from solutions_are_shown(page, "in print")
    page.emulate_media(media="screen")


def solutions_are_there_without_javascript(page: Page) -> Iterator[str]:
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE)
        plain = context.new_page()
        plain.goto(page.url)
        yield from solutions_are_shown(plain, "without JavaScript")


def keyboard_reaches_search_content_and_solutions(page: Page) -> Iterator[str]:
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.innerText")
    if "skip" not in first.lower():
        yield f"the first Tab leads to {first!r}, not to a link that skips the navigation"
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input[type=search], .search-button__wrapper.show input")
    page.keyboard.press("Escape")
    solution = page.locator(".solution.dropdown").first
    inside = solution.locator("p", has_text="column").first
    if inside.is_visible():
        yield "the first solution is open before anybody opened it"
    solution.locator("button.toggle-button").first.focus()
    page.keyboard.press("Enter")
    inside.wait_for(state="visible")


def listing_shows_the_tested_file_under_its_true_numbers(page: Page) -> Iterator[str]:
    lines = (ROOT / "src/nnz/bigram.py").read_text(encoding="utf-8").splitlines()
    listing = page.locator("#listing-bigram-bigramcounts-fit")
    pre = listing.locator("pre")
    numbers = [int(text) for text in pre.locator(".linenos").all_inner_texts()]
    shown = re.sub(r"^ *\d+", "", pre.inner_text(), flags=re.MULTILINE).splitlines()
    if not len(numbers) == len(shown) >= 4:
        yield f"BigramCounts.fit: {len(numbers)} numbers at {len(shown)} lines"
    for number, line in zip(numbers, shown, strict=False):
        expected = lines[number - 1].strip()
        yield from differs(f"bigram.py, line {number}", line.strip(), expected)
    listing.locator(".to-source").click()
    page.wait_for_url(f"**/_code/nnz/bigram.html#L-{numbers[0]}")
    there = page.locator(f"#L-{numbers[0]}").evaluate("a => a.parentElement.innerText")
    if "def fit" not in there:
        yield f"the link below BigramCounts.fit does not lead to its first line but to {there[:80]!r}"


def search_finds_smoothing(page: Page) -> Iterator[str]:
    page.goto(page.url + "?q=smoothing")
    hits = page.locator("#search-results li a")
    hits.first.wait_for()
    page.evaluate(SETTLED)
    if not any("Counting pairs" in hit for hit in hits.all_inner_texts()):
        yield f"the search for smoothing finds only {hits.all_inner_texts()}"


def ledger_shows_every_claim(page: Page) -> Iterator[str]:
    rows = page.locator("table.ledger:not(.recordings) tbody tr").all_inner_texts()
    claims = json.loads((ROOT / "_build" / "claims.json").read_text(encoding="utf-8"))
    yield from differs("rows of the ledger", len(rows), len(claims))
    for (claim_id, claim), row in zip(claims.items(), rows, strict=False):
        if not (claim_id in row and claim["verdict"] in row):
            yield f"the ledger's row of {claim_id}, which {claim['verdict']}, is {row!r}"


def mark_leads_to_its_claims(page: Page) -> Iterator[str]:
    """The keyboard goes from the mark below a cell to the row of its claim; on paper there is no mark."""
    mark = page.locator("p.checked a").first
    page.emulate_media(media="print")
    if mark.is_visible():
        yield "the mark of a cell is printed"
    page.emulate_media(media="screen")
    title, name = mark.get_attribute("title") or "", mark.get_attribute("aria-label") or ""
    statement = title.splitlines()[0].rpartition(": ")[0]
    if not name.startswith("checked: ") or statement not in name:
        yield f"the mark of {title!r} is called {name!r}"
    mark.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/ledger.html#claim-network-neuron")
    row = page.locator("tr:target")
    row.wait_for(state="visible")
    if statement not in row.inner_text():
        yield f"the mark of {title!r} leads to {row.inner_text()!r}"


# At each width, in both themes.
IN_EACH_VIEW: dict[str, tuple[Check, ...]] = {
    "book/bigram.html": (lengths_can_be_read, counts_can_be_read),
    "book/engine.html": (backward_pass_can_be_stepped_through,),
    "book/index.html": (cover_picture_can_be_read,),
}
# At the end of the visit, wide and light, in this order: the keyboard opens a solution, the listing leads away.
AT_LAST: dict[str, tuple[Check, ...]] = {
    "book/bigram.html": (
        solutions_are_there_in_print,
        solutions_are_there_without_javascript,
        keyboard_reaches_search_content_and_solutions,
        listing_shows_the_tested_file_under_its_true_numbers,
    ),
    "book/ledger.html": (ledger_shows_every_claim,),
    "book/network.html": (mark_leads_to_its_claims,),
    "search.html": (search_finds_smoothing,),
}
