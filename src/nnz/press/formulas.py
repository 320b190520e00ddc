"""The formulas of the volume as MathML, by the MathJax that sets them on the site, in a hidden browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from bs4.element import Tag

from nnz.plumbing import machine
from nnz.press.volume import Leaf, VolumeError, packaged

if TYPE_CHECKING:
    from playwright.sync_api import Page

WRITTEN = re.compile(r"\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)
MATHJAX = ("sphinx-mathjax-offline", "tex-svg.js")
SETTINGS = "window.MathJax = {startup: {typeset: false}, options: {enableMenu: false}}"
CONVERT = """async formulas => {
    await MathJax.startup.promise;
    const done = [];
    for (const [tex, display] of formulas) done.push(await MathJax.tex2mmlPromise(tex, {display}));
    return done;
}"""
FLAGS = ("--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")


class Formula(NamedTuple):
    """A formula in LaTeX, and whether it stands on lines of its own."""

    tex: str
    display: bool


@contextmanager
def browser_page() -> Iterator[Page]:
    """Give a page of a browser without a window.

    Raises:
        VolumeError: there is no Chromium, or no playwright to drive it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise VolumeError("playwright is not installed; `make venv` installs it.") from None
    program, found = machine.chromium()
    if not program:
        raise VolumeError(f"formulas are set in Chromium, and it is {found}: {machine.NO_BROWSER}.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            page = chromium.new_page()
            page.set_default_timeout(0)  # a slow machine is waited for
            yield page
        finally:
            chromium.close()


def written(place: Tag, name: str) -> Formula:
    """Return the formula that a place on a page has, as the site writes it.

    Raises:
        VolumeError: what stands there is no formula.
    """
    found = WRITTEN.search(place.get_text())
    if found is None:
        raise VolumeError(f"{name}: {place.get_text()[:60]!r} should be a formula, and is not understood.")
    shown = found[2] is not None
    return Formula((found[2] if shown else found[1]).strip(), shown)


def all_mathml(volume: Sequence[Leaf]) -> dict[Formula, str]:
    """Return the MathML of all formulas of the volume.

    Raises:
        VolumeError: MathJax or a browser is missing, or a formula cannot be set.
    """
    places = [(one.name, place) for one in volume for place in one.body.select(".math")]
    formulas = list(dict.fromkeys(written(place, name) for name, place in places))
    with browser_page() as page:
        page.set_content("<!DOCTYPE html><title>formulas</title>")
        page.evaluate(SETTINGS)
        page.add_script_tag(path=packaged(*MATHJAX))
        made = page.evaluate(CONVERT, [list(formula) for formula in formulas])
    for formula, mathml in zip(formulas, made, strict=True):
        if "<merror" in mathml:
            raise VolumeError(f"MathJax cannot set the formula {formula.tex!r}.")
    return {formula: neat(formula, mathml) for formula, mathml in zip(formulas, made, strict=True)}


def neat(formula: Formula, mathml: str) -> str:
    r"""Return MathML without what only MathJax reads, with its source for who cannot show it.

    >>> neat(Formula("x", False), '<math xmlns="m">\n  <mi data-mjx-texclass="ORD">x</mi>\n</math>')
    '<math alttext="x" xmlns="m"><mi>x</mi></math>'
    >>> neat(Formula("x", False), '<math><mtable columnalign="right left"></mtable></math>')
    '<math alttext="x"><mtable class="aligned" columnalign="right left"></mtable></math>'
    """
    bare = re.sub(r' data-mjx-[\w-]+="[^"]*"', "", mathml)
    bare = re.sub(r">\s+<", "><", bare).strip()
    bare = re.sub(r'<mtable (?=[^>]*columnalign="right)', '<mtable class="aligned" ', bare)
    said = escape(" ".join(formula.tex.split()))
    return re.sub(r"^<math\b", lambda _: f'<math alttext="{said}"', bare)
