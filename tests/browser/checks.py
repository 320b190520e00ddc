"""What must hold on a page, whichever it is. A check takes a page as it is shown and says all that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Error, Page

from browser.conftest import ROOT, Tab

Check = Callable[[Page], Iterator[str]]

# Faults of others that nothing here mends, by axe's name: what it is, why it does no harm, and its upstream issue.
ALLOWED: dict[str, str] = {}

# To judge the colors of texts and of links in them is most of axe's work. Of the pieces of a page that look alike,
# from the piece up to the whole (elements, classes, colors, sizes), it is asked about the first and the last, and
# in a later view of the page about none; once more of those without two letters or digits side by side, which it
# may leave open. Whatever is positioned may lie over anything, and looks like nothing else, unless it is clipped
# away. What is only said, and not shown, has no color.
MARK_ALIKE = """() => {
    const seen = window.lookedAt ??= {numbers: new Map(), pieces: new Set()}, numbers = seen.numbers;
    const looks = new Map(), over = new Set(), last = new Map(), theme = document.documentElement.dataset.theme;
    const number = key => numbers.get(key) ?? numbers.set(key, numbers.size).get(key);
    const look = element => {
        if (!element) return '';
        if (looks.has(element)) return looks.get(element);
        const s = getComputedStyle(element), above = look(element.parentElement);
        const lies = ['absolute', 'fixed', 'sticky'].includes(s.position) && s.clip === 'auto';
        const alone = lies || element.matches('nav, header, footer, main, aside, dialog, body');
        const key = JSON.stringify([above, element.localName, alone ? number(element) : '',
            element.getAttribute('class'), element.checkVisibility(), s.color, s.backgroundColor,
            s.backgroundImage, s.opacity, s.filter, s.mixBlendMode, s.textShadow, s.fontSize, s.fontWeight,
            s.display, s.visibility, s.clip, s.clipPath, s.transform]);
        looks.set(element, number(key));
        if (lies || over.has(above)) over.add(looks.get(element));
        return looks.get(element);
    };
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].filter(n => n.nodeType === Node.TEXT_NODE).map(n => n.data).join('');
        const text = own.trim() !== '' && !element.closest('svg title, mjx-assistive-mml');
        let alike = false;
        if (text || element.localName === 'a') {
            const key = `${theme} ${look(element)} ${/[\\p{L}\\p{N}]{2}/u.test(own)}`;
            alike = last.has(key) || seen.pieces.has(key) && !over.has(look(element));
            if (!seen.pieces.has(key) || over.has(look(element))) last.set(key, element);
        }
        element.toggleAttribute('data-alike', alike);
        element.toggleAttribute('data-text', text);
    }
    last.forEach((element, key) => { element.removeAttribute('data-alike'); seen.pieces.add(key); });
}"""
# Whether the page is, but for colors and sizes, what it was when axe last looked at it, as when the theme alone
# has become another; which of the theme's pictures are shown does not count.
AS_BEFORE = """() => {
    const ours = ['data-alike', 'data-text'];
    const is = [...document.querySelectorAll('body :not(.only-light, .only-dark)')].map(e => {
        const own = [...e.attributes].filter(a => !ours.includes(a.name));
        return [e.localName, e.checkVisibility(), ...own.map(a => `${a.name}=${a.value}`)].join();
    }).join('\\n');
    const same = is === window.was;
    window.was = is;
    return same;
}"""
# What axe asks of colors and sizes and pictures; whatever else it asks, it has then asked already.
OF_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "image-alt"]
BRING_AXE = """axe.configure({rules: [
    {id: 'color-contrast', selector: '[data-text]:not([data-alike]), input, select, textarea, button'},
    {id: 'link-in-text-block', selector: 'a[href]:not([data-alike])'},
]})"""
# The reference has a definition for each name, all made by one template: the first two of a module stand for all.
RUN_AXE = """runOnly => axe.run({exclude: [['dl.py:nth-of-type(n+3)']]}, {resultTypes: ['violations'],
    preload: false, ...runOnly && {runOnly}}).then(result => result.violations)"""

# The next Tab leads to the first link again, as on a page that nobody has touched.
FROM_THE_TOP = (
    "() => { const b = document.body; b.tabIndex = -1; b.focus(); b.blur(); b.removeAttribute('tabindex'); }"
)

# The outermost elements that reach beyond the right edge of the window, outside of boxes that scroll.
TOO_WIDE = """() => {
    const edge = document.documentElement.clientWidth;
    const beyond = e => e.getBoundingClientRect().right > edge + 0.5;
    const boxed = e => { for (let p = e.parentElement; p; p = p.parentElement)
        if (p !== document.body && getComputedStyle(p).overflowX !== 'visible') return true; return false; };
    return [...document.querySelectorAll('body *')].filter(e => beyond(e) && !boxed(e)
        && !beyond(e.parentElement)).map(e => e.cloneNode().outerHTML.slice(0, 160)).slice(0, 5);
}"""


def done(todo: Iterable[Check], tab: Tab, where: str) -> Iterator[str]:
    """Do some checks; one that the browser breaks off has found something, and the others go on."""
    for check in todo:
        tab.doing = f"{where}: {check.__name__}"
        try:
            yield from (f"{where}: {fault}" for fault in check(tab.page))
        except (AssertionError, Error) as error:
            first = str(error).strip().partition("\n")[0]
            yield f"{where}: {check.__name__} came to an end: {first}"


def narrow(page: Page) -> Iterator[str]:
    """Nothing makes the page wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    if wide > page.viewport_size["width"]:
        yield f"{wide} pixels wide, because of {page.evaluate(TOO_WIDE)}"


def accessible(page: Page) -> Iterator[str]:
    """Axe finds nothing, apart from what is allowed."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(BRING_AXE)
    page.evaluate(MARK_ALIKE)
    rules = OF_LOOKS if page.evaluate(AS_BEFORE) else None
    for fault in page.evaluate(RUN_AXE, rules):
        for node in fault["nodes"] if fault["id"] not in ALLOWED else ():
            summary = " ".join(node["failureSummary"].split())
            yield f"{fault['id']} ({fault['impact']}): {node['html'][:160]} {summary[:240]}"


def titled(page: Page) -> Iterator[str]:
    """It has one title, and says in which language it is."""
    titles = page.locator("h1:visible").all_inner_texts()
    if len(titles) != 1:
        yield f"one visible h1 is expected, not {titles}"
    if (language := page.evaluate("document.documentElement.lang")) != "en":
        yield f"the language is {language!r}, not 'en'"


def built_on(page: Page) -> Iterator[str]:
    """It says which list of names it was built on, and says so loudly if that was not names.txt."""
    records = json.loads((ROOT / "_build" / "claims.json").read_text(encoding="utf-8"))
    built = {record["data_built_on"] for record in records.values()}
    said = [footer.get_attribute("data-kind") for footer in page.locator(".built-on").all()]
    if len(said) != 1 or built != {*said}:
        yield f".built-on says {said}, but the claims were computed on {built}"
    notices = page.locator(".data-notice").count()
    if notices != (0 if said == ["names.txt"] else 1):
        yield f"{notices} .data-notice on a page that was built on {said}"


def mathematics(page: Page) -> Iterator[str]:
    """All mathematics is set, and none of it is wrong."""
    written = page.locator("span.math, div.math").count()
    if (made := page.locator("mjx-container").count()) != written:
        yield f"MathJax set {made} of {written} formulas"
    for error in page.locator('mjx-merror, [data-mml-node="merror"]').all():
        yield f"MathJax reports: {error.evaluate('e => e.outerHTML')[:240]}"
    article = page.locator("article").inner_text()
    for mark in (r"\(", r"\["):
        if mark in article:
            at = article.index(mark)
            yield f"mathematics as typed: {article[at : at + 60]!r}"


def pictures(page: Page) -> Iterator[str]:
    """Every picture is there and says what it shows."""
    for image in page.locator("article img").all():
        alt = image.get_attribute("alt") or ""
        said = len(alt) >= 40 and not re.search(r"\.(png|svg)$|<Figure", alt)
        there = image.evaluate("image => image.complete && image.naturalWidth > 0")
        if not (said and there):
            what = "does not load" if said else "does not say what it shows"
            yield f"a picture {what}: {image.evaluate('i => i.outerHTML')[:240]}"


def sliders(page: Page) -> Iterator[str]:
    """The keyboard moves every slider, and what is shown, read out and said moves with it."""
    for number, slide in enumerate(page.locator(".nnz-slide").all(), 1):
        fold = slide.evaluate(
            "s => { const d = s.closest('details:not([open])'); if (d) d.open = true; return !!d; }"
        )
        slider, frames = slide.get_by_role("slider"), slide.locator("div.at")
        states = []
        for key in ("Home", "ArrowRight", "End"):
            slider.press(key)
            shown = [n for n in range(frames.count()) if frames.nth(n).is_visible()]
            states.append((shown, slide.locator("output").inner_text(), slide.locator(".say").inner_text()))
        places = [shown for shown, _, _ in states]
        if places != [[0], [1], [frames.count() - 1]]:
            yield f"slider {number} shows {places} of {frames.count()} pictures: first, second, last"
        for what, texts in (
            ("reads", {name for _, name, _ in states}),
            ("says", {say for _, _, say in states}),
        ):
            if len(texts) < min(3, frames.count()) or "" in texts:
                yield f"slider {number} {what} {texts} in different positions"
        slider.press("Home")
        if fold:
            slide.evaluate("s => { s.closest('details').open = false; }")
    page.evaluate(FROM_THE_TOP)


def answers(page: Page) -> Iterator[str]:
    """No answer is seen before the keyboard opens it; on paper all are there."""
    folds = page.locator("details.answer")
    if not folds.count():
        return
    inside = folds.locator("> div")
    if any(answer.is_visible() for answer in inside.all()):
        yield "an answer is open before anybody opened it"
    page.emulate_media(media="print")
    hidden = sum(not answer.is_visible() for answer in inside.all())
    if hidden:
        yield f"{hidden} answers are not printed"
    page.emulate_media(media="screen")
    summary = folds.first.locator("summary")
    summary.press("Enter")
    if not inside.first.is_visible():
        yield "Enter does not open the first answer"
    summary.press("Enter")
    page.evaluate(FROM_THE_TOP)
