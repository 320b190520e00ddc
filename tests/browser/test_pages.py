"""Every page of the built book, in a real browser: alone, quiet, accessible, and never wider than the screen.

One visit a page, since loading and setting it cost much: all checks of the page are done in it, at both widths
and in both themes, and all that they found is reported together.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest
from playwright.sync_api import FloatRect, Page

from browser import checks, everyone
from browser.checks import done
from browser.code_pages import by_folder, code_of
from browser.conftest import BUILT, ROOT, Silent, Tab, pages
from browser.particular import AT_LAST, IN_EACH_VIEW

# The pages of code are all the same but for their title and their code (test_files.py): one of the package and one
# of the tests are looked at like any other page, and of the rest whether a line makes the page too wide.
STAND_FOR_ALL_CODE = ("_code/nnz/engine.html", "_code/tests/test_engine.html")
PAGES = [name for name in pages() if not name.startswith("_code/") or name in STAND_FOR_ALL_CODE]
CODE_IN = by_folder(name for name in pages() if name.startswith("_code/"))
TALLEST = 60_000  # pixels of a picture; JPEG has room for 65,535, and the browser writes nothing beyond
AT_ONCE = 20  # files whose code is put into one page, one after the other
OF_THE_BOOK = (
    checks.titled,
    checks.built_on,
    checks.mathematics,
    checks.pictures,
    checks.sliders,
    checks.answers,
    everyone.formulas_are_said,
)
# In one view of each page of the book.
IN_A_VIEW = {("phone", "light"): (everyone.formulas_start_at_the_left,)}
LEADS_TO = {"index.html": "**/book/index.html"}
# Opened from a folder, the page that searches may not read those that it found, to quote from them.
CANNOT = {"search.html": ("Failed to fetch", "blocked by CORS policy", "ERR_FAILED")}
PUT_IN = """([title, code]) => {
    document.querySelector('article h1').innerHTML = title;
    document.querySelector('article pre').innerHTML = code;
}"""
VIEWS = (("wide", "light"), ("wide", "dark"), ("phone", "dark"), ("phone", "light"))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.filterwarnings("default:looked at again")
def test_a_page_is_sound(tab: Tab, name: str) -> None:
    found = [f"{name}, {fault}" for fault in looked_at(tab, name)]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def looked_at(tab: Tab, name: str) -> list[str]:
    """Return all that is wrong with a page; if the browser falls silent, look again in a new one, and say so."""
    try:
        return tab.answers(lambda: list(visit(tab, name)))
    except Silent as silent:
        warnings.warn(f"looked at again in a new browser: {name}, {silent}", stacklevel=1)
    try:
        return tab.answers(lambda: list(visit(tab, name)))
    except Silent as silent:
        return [f"twice {silent}"]


def visit(tab: Tab, name: str) -> Iterator[str]:
    """Do all checks of one page, and say all that is wrong with it, and where."""
    page = tab.open((BUILT / name).as_uri(), LEADS_TO.get(name, ""))
    if name.startswith("book/"):
        yield from done(OF_THE_BOOK, tab, "wide, light")
    for width, theme in VIEWS:
        tab.show(width, theme)
        where = f"{width}, {theme}"
        once = IN_A_VIEW.get((width, theme), ()) if name.startswith("book/") else ()
        in_each = (checks.narrow, checks.accessible, *once, *IN_EACH_VIEW.get(name, ()))
        yield from done(in_each, tab, where)
        if os.environ.get("SHOTS"):
            keep_a_picture(page, name, f"{width}-{theme}")
    yield from reported(tab)
    if name in AT_LAST:
        tab.show("wide", "light")
        yield from done(AT_LAST[name], tab, "wide, light")
        yield from reported(tab, but=CANNOT.get(name, ()))


@pytest.mark.parametrize(
    "names",
    [names[at : at + AT_ONCE] for names in CODE_IN.values() for at in range(0, len(names), AT_ONCE)],
    ids=lambda names: names[0],
)
def test_no_line_of_code_makes_its_page_wider_than_a_phone(tab: Tab, names: list[str]) -> None:
    """The first page is opened, and the title and the code of each of the others put into it."""
    page = tab.open((BUILT / names[0]).as_uri(), width="phone")
    found = []
    for name in names:
        page.evaluate(PUT_IN, list(code_of(name)))
        found += [f"{name}, {fault}" for fault in done([checks.narrow], tab, "phone, light")]
    found += [f"{names[0]}, {fault}" for fault in reported(tab)]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def reported(tab: Tab, but: tuple[str, ...] = ()) -> Iterator[str]:
    """Say what the page asked of other hosts and which errors it reported, since this was last said."""
    yield from (f"asks another host: {url}" for url in tab.asked)
    for error in tab.errors:
        if not any(words in error for words in but):
            yield f"reports an error: {error}"
    tab.asked.clear()
    tab.errors.clear()


def keep_a_picture(page: Page, name: str, view: str) -> None:
    """Keep the whole page as the screen shows it, for people to look at; of a very long one, the beginning."""
    path = (ROOT / "_build" / "screenshots" / view / name.replace("/", "-")).with_suffix(".jpg")
    # A check may have left the page scrolled down: then what stays in view is drawn in the middle.
    page.evaluate("document.activeElement.blur(); scrollTo({top: 0, behavior: 'instant'})")
    height = page.evaluate("document.documentElement.scrollHeight")
    clip = FloatRect(x=0, y=0, width=page.evaluate("innerWidth"), height=min(height, TALLEST))
    page.screenshot(path=path, full_page=True, clip=clip, quality=60)
    assert path.stat().st_size > 0, f"{path} is empty"
