"""What makes a page one for everyone: formulas that can be reached and read out, and pages without scripts."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

# On a phone. Folds are opened for the moment: a formula in one of them has no size before.
FORMULAS = """() => {
    const closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach(fold => fold.open = true);
    const edge = document.documentElement.clientWidth, found = [];
    for (const box of document.querySelectorAll('div.math mjx-container')) {
        const around = box.getBoundingClientRect(), inside = box.querySelector('mjx-math').getBoundingClientRect();
        if (!around.width) continue;
        const text = box.textContent.slice(0, 60);
        if (around.right > edge + 0.5) found.push(`reaches beyond the screen: ${text}`);
        if (box.scrollLeft || inside.left < around.left - 0.5) found.push(`does not start at the left: ${text}`);
        if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === 'visible')
            found.push(`is cut off: ${text}`);
    }
    closed.forEach(fold => fold.open = false);
    return found.slice(0, 5);
}"""
# To a screen reader a formula is MathML; what the eye sees is hidden from it.
UNSAID = """() => [...document.querySelectorAll('mjx-container')].filter(box =>
    !box.querySelector('mjx-assistive-mml > math') || !box.querySelector('mjx-math[aria-hidden=true]'))
    .map(box => box.outerHTML.slice(0, 100)).slice(0, 5)"""
# What a page is without its scripts: is there something in the way, has it its colors, does anything move?
BARE = """() => {
    const text = document.querySelector('article, main').innerText, style = getComputedStyle(document.body);
    const hidden = [...document.querySelectorAll('article p, article pre, article h2')].filter(e =>
        !e.closest('details, .toggle, .nnz-slide, .moved') && !e.checkVisibility()).length;
    return [text.length, hidden, document.documentElement.dataset.theme, style.backgroundColor];
}"""


def formulas_start_at_the_left(page: Page) -> Iterator[str]:
    """A formula that is wider than the screen scrolls in its own box, and begins where it begins."""
    yield from (f"a formula {fault}" for fault in page.evaluate(FORMULAS))


def formulas_are_said(page: Page) -> Iterator[str]:
    """A screen reader has every formula as MathML."""
    yield from (f"no screen reader can say {formula}" for formula in page.evaluate(UNSAID))


def bare(page: Page) -> Iterator[str]:
    """A page that runs no script is there to be read, in colors of its own."""
    length, hidden, theme, background = page.evaluate(BARE)
    if length < 100 or hidden:
        yield f"without scripts {length} letters are there, and {hidden} pieces of text are hidden"
    if theme != "light" or background in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"):
        yield f"without scripts its theme is {theme!r} and its background {background}"
