"""The checks themselves: each finds, on a small bad page, the fault that it is there for, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser import checks
from browser.checks import Check, done
from browser.conftest import Silent, Tab

# A theme as the book's has: it follows the reader's system.
PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>A page</title>
<script>const dark = matchMedia('(prefers-color-scheme: dark)');
dark.onchange = () => document.documentElement.dataset.theme = dark.matches ? 'dark' : 'light';</script>
<style>body {{ color: #111; background: #fff }} [data-theme=dark] body {{ color: #eee; background: #111 }}</style>
<body><main><h1>A page</h1><article>{body}</article></main></body></html>"""
GRAY = "<style>[data-theme=dark] b { color: #333 }</style>"
LINK = "<pre>of a text <a href='#' style='color: #333; text-decoration: none'>a part</a></pre>"
SAME = "<pre>" + "<b>one</b> <b>two</b> " * 20 + "</pre>"

FOLD = "<details class=answer{}><summary>Show</summary><div>Four.</div></details>"
STUCK = """<div class=nnz-slide><input type=range min=0 max=1 aria-label=size><output>1</output>
<div class="at at-0">one</div><div class="at at-1">two</div><p class=say>One.</p></div>"""


def open_small(tab: Tab, folder: Path, body: str) -> None:
    path = folder / "small.html"
    path.write_text(PAGE.format(body=body), encoding="utf-8")
    tab.open(path.as_uri())


@pytest.mark.parametrize(
    ("check", "view", "body", "words"),
    [
        (checks.narrow, "phone, light", "<p id=w style='width: 400px'>w</p>", 'id="w"'),
        (checks.accessible, "wide, light", "<img src='data:,'>", "image-alt"),
        (checks.accessible, "phone, dark", GRAY + SAME, "color-contrast"),
        (
            checks.accessible,
            "wide, dark",
            GRAY + "<pre><b>=</b> <b>dark</b> <b>=</b></pre>",
            'data-text="">dark',
        ),
        (checks.accessible, "wide, light", LINK, "link-in-text-block"),
        (checks.titled, "wide, light", "<h1>Another</h1>", "one visible h1"),
        (checks.mathematics, "wide, light", "<span class=math>x</span>", "0 of 1"),
        (checks.mathematics, "wide, light", r"<p>\(x\)</p>", r"\\(x"),
        (checks.mathematics, "wide, light", "<mjx-merror>no</mjx-merror>", "no"),
        (checks.pictures, "wide, light", "<img alt='short' src='data:,'>", "say what"),
        (checks.pictures, "wide, light", f"<img alt='{'a' * 40}' src=no>", "not load"),
        (checks.sliders, "wide, light", STUCK, "slider 1 shows [[0, 1], [0, 1], [0, 1]] of 2 pictures"),
        (checks.answers, "wide, light", FOLD.format(" open"), "open before anybody"),
        (checks.answers, "wide, light", FOLD.format(""), "1 answers are not printed"),
    ],
)
def test_a_check_finds_its_fault(
    tab: Tab, tmp_path: Path, check: Check, view: str, body: str, words: str
) -> None:
    width, theme = view.split(", ")
    open_small(tab, tmp_path, "<p>Nothing is wrong.</p>")
    tab.show(width, theme)
    assert list(done([check], tab, view)) == []
    open_small(tab, tmp_path, body)
    tab.show(width, theme)
    fault, *_ = done([check], tab, view)
    assert fault.startswith(f"{view}: ")
    assert words in fault


def test_a_piece_of_each_look_is_judged_first_and_last(tab: Tab, tmp_path: Path) -> None:
    """Whatever differs in a color that it has, or that is behind it, or lies over something, is looked at."""
    odd = "<pre><b style='color: #ddd'>pale</b></pre>"
    behind = "<pre style='background: #222'><b>dark on dark</b></pre>"
    over = "<pre><b style='position: absolute; background: #222'>over</b></pre>"
    colored = f"<section style='background: #eee'>{SAME}</section>"
    pieces = (SAME, odd, behind, f"<section>{SAME}</section>", colored, f"<section>{SAME}</section>", over)
    open_small(tab, tmp_path, "".join(pieces))
    faults = list(checks.accessible(tab.page))
    assert len(faults) == 3, faults
    judged = tab.page.locator("b:not([data-alike])").all_inner_texts()
    assert judged == ["one", "two", "pale", "dark on dark", "one", "one", "two", "two", "over"]


def test_what_a_page_asks_and_reports_is_noted(tab: Tab, tmp_path: Path) -> None:
    """Even what it does after it was loaded; and nothing of it is left for the next page."""
    late = "setTimeout(() => { fetch('https://a.host/x'); console.error('cry'); missing() }, 100)"
    open_small(tab, tmp_path, f"<script>{late}</script><img src='http://10.1.2.3/y'>")
    tab.show("phone", "light")
    assert sorted(tab.asked) == ["http://10.1.2.3/y", "https://a.host/x"]
    assert any("cry" in error for error in tab.errors)
    assert any("missing is not defined" in error for error in tab.errors)
    open_small(tab, tmp_path, "<p>Nothing is wrong.</p>")
    assert (tab.asked, tab.errors) == ([], [])


def test_a_check_that_the_browser_breaks_off_is_a_finding(tab: Tab, tmp_path: Path) -> None:
    def breaks(page: checks.Page) -> checks.Iterator[str]:
        yield "the first"
        page.evaluate("missing()")

    open_small(tab, tmp_path, "")
    first, second = done([breaks], tab, "wide, light")
    assert first == "wide, light: the first"
    assert "breaks came to an end" in second
    assert "missing is not defined" in second


def test_nothing_is_remembered_from_one_page_to_the_next(tab: Tab, tmp_path: Path) -> None:
    was = "const html = document.documentElement; html.lang = localStorage.was ?? 'new';"
    for _ in range(2):
        open_small(tab, tmp_path, f"<script>{was} localStorage.was = 'here'</script>")
        assert tab.page.evaluate("html.lang") == "new"
        assert tab.page.evaluate("localStorage.was") == "here"


@pytest.mark.parametrize("endless", ["new Promise(() => {})", "(() => { for (;;); })()"])
def test_a_browser_that_falls_silent_is_ended_and_the_next_page_is_opened_in_a_new_one(
    tab: Tab, tmp_path: Path, endless: str
) -> None:
    def stuck(page: checks.Page) -> checks.Iterator[str]:
        yield page.evaluate(endless)

    open_small(tab, tmp_path, "")
    with pytest.raises(Silent, match=r"within 2 s, phone, dark: stuck"):
        tab.answers(lambda: list(done([stuck], tab, "phone, dark")), seconds=2)
    open_small(tab, tmp_path, "<p>Nothing is wrong.</p>")
    assert tab.answers(lambda: list(done([checks.narrow], tab, "wide, light"))) == []


def test_a_transition_that_is_folded_away_is_not_waited_for(tab: Tab, tmp_path: Path) -> None:
    """Chromium lets it end and never says so."""
    moving = "<style>b { transition: color 0.1s } [data-theme=dark] b { color: #fff }</style>"
    open_small(tab, tmp_path, f"{moving}<details><summary>Show</summary><p><b>one</b></p></details>")
    color = "getComputedStyle(document.querySelector('b')).color"
    light = tab.page.evaluate(color)
    tab.page.emulate_media(color_scheme="dark")
    tab.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert tab.page.evaluate(color) == light, "it has not begun"
    assert tab.answers(lambda: [str(tab.show("wide", "dark"))], seconds=20) == ["None"]


def test_in_a_later_view_only_what_looks_otherwise_is_judged_again(tab: Tab, tmp_path: Path) -> None:
    """Another theme has other colors; another width what is shown or set otherwise, or lies over."""
    narrow = "<style>@media (max-width: 400px) { i { color: #ddd } u { display: inline !important } }</style>"
    small = "<i>paler</i> <u style='display: none; color: #ddd'>shown</u>"
    over = "<b style='position: absolute; top: 0'>over</b>"
    open_small(tab, tmp_path, GRAY + narrow + f"<pre><b>one</b> {small} {over}</pre>")
    found = {}
    for width, theme in (("wide", "light"), ("wide", "dark"), ("phone", "dark"), ("phone", "light")):
        tab.show(width, theme)
        faults = list(checks.accessible(tab.page))
        found[width, theme] = (
            tab.page.locator(":is(b, i, u):not([data-alike])").all_inner_texts(),
            len(faults),
        )
    assert found["wide", "light"] == (["one", "paler", "shown", "over"], 0)
    assert found["wide", "dark"] == (["one", "paler", "shown", "over"], 2)
    assert found["phone", "dark"] == (["paler", "shown", "over"], 1)
    assert found["phone", "light"] == (["paler", "shown", "over"], 2)


def test_where_another_theme_shows_something_else_all_is_asked_again(tab: Tab, tmp_path: Path) -> None:
    hidden = "<style>button { display: none } [data-theme=dark] button { display: inline }</style>"
    open_small(tab, tmp_path, f"{hidden}<button></button>")
    for theme in ("light", "dark"):
        tab.show("wide", theme)
        assert any("button-name" in fault for fault in checks.accessible(tab.page)) == (theme == "dark")
