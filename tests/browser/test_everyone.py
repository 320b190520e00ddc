"""The site without scripts, without motion and under its policy; and the checks themselves on bad pages."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from browser import checks, everyone
from browser.conftest import BUILT, FOLLOWED, Tab
from browser.test_checks import open_small

# Pages of each kind; that of a chapter is the one with most formulas.
OF_EACH_KIND = ("book/index.html", "book/backprop.html", "book/ledger.html")
POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'\">"


def test_pages_can_be_read_before_their_scripts_have_run(tab: Tab) -> None:
    context = tab.browser.new_context(java_script_enabled=False)
    faults = []
    try:
        for name in OF_EACH_KIND:
            page = context.new_page()
            page.goto((BUILT / name).as_uri())
            faults += [f"{name}: {fault}" for fault in everyone.bare(page)]
            page.close()
    finally:
        context.close()
    assert faults == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["book/index.html", "book/evaluation.html"])
def test_a_page_is_sound_on_a_tablet(tab: Tab, name: str, theme: Literal["light", "dark"]) -> None:
    """Between the two widths at which every page is looked at: the same template, tried on two pages."""
    tab.open((BUILT / name).as_uri())
    tab.show("phone", theme)
    tab.page.set_viewport_size({"width": 768, "height": 1024})
    tab.page.evaluate(FOLLOWED)
    assert [*checks.accessible(tab.page), *checks.narrow(tab.page)] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_for_what_is_not_there_is_for_everyone(tab: Tab, theme: Literal["light", "dark"]) -> None:
    tab.open((BUILT / "404.html").as_uri())
    tab.page.emulate_media(color_scheme=theme)
    tab.page.set_viewport_size({"width": 360, "height": 740})
    assert [*checks.accessible(tab.page), *checks.narrow(tab.page), *tab.errors] == []


def test_nothing_moves_for_those_who_asked_for_it(tab: Tab) -> None:
    context = tab.browser.new_context(reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto((BUILT / "book/reading.html").as_uri())
        moving = "[...document.querySelectorAll('*')].filter(e => { const s = getComputedStyle(e);"
        moving += " return s.transitionDuration.split(', ').some(t => parseFloat(t) > 0)"
        moving += " || s.animationName !== 'none' || s.scrollBehavior === 'smooth' }).length"
        assert page.evaluate(moving) == 0
    finally:
        context.close()


def test_a_script_that_its_page_does_not_name_does_not_run_and_is_an_error(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "strict.html"
    path.write_text(
        f"<head>{POLICY}<title>A page</title></head><script>document.title = 'run'</script>", encoding="utf-8"
    )
    tab.open(path.as_uri())
    assert tab.page.title() == "A page"
    assert any("Content Security Policy" in error for error in tab.errors), tab.errors


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("", ""),
        ("overflow: auto", ""),
        ("overflow: visible", "is cut off"),
        ("overflow: auto; direction: rtl", "does not start at the left"),
        ("overflow: auto; width: 500px", "reaches beyond the screen"),
    ],
)
def test_a_formula_that_does_not_fit_is_found(tab: Tab, tmp_path: Path, style: str, words: str) -> None:
    wide = "width: 600px" if style else "width: 10px"
    body = f"<details><summary>x</summary><div class=math><mjx-container style='display: block; {style}'>"
    body += f"<mjx-math style='display: inline-block; {wide}'>x</mjx-math></mjx-container></div></details>"
    open_small(tab, tmp_path, body)
    tab.show("phone", "light")
    faults = list(everyone.formulas_start_at_the_left(tab.page))
    assert bool(faults) == bool(words), faults
    assert all(words in fault for fault in faults[-1:])
    assert tab.page.locator("details[open]").count() == 0


def test_a_formula_that_cannot_be_said_is_found(tab: Tab, tmp_path: Path) -> None:
    said = "<mjx-math aria-hidden=true>x</mjx-math><mjx-assistive-mml><math></math></mjx-assistive-mml>"
    open_small(tab, tmp_path, f"<mjx-container>{said}</mjx-container>")
    assert list(everyone.formulas_are_said(tab.page)) == []
    open_small(tab, tmp_path, "<mjx-container><mjx-math>x</mjx-math></mjx-container>")
    assert len(list(everyone.formulas_are_said(tab.page))) == 1


def test_a_page_that_is_empty_without_scripts_is_found(tab: Tab, tmp_path: Path) -> None:
    open_small(tab, tmp_path, "<p hidden>All of it.</p>")
    hidden, colors = everyone.bare(tab.page)
    assert "1 pieces of text are hidden" in hidden
    assert "its background rgb(255, 255, 255)" in colors
