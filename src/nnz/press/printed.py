"""The volume as a PDF: one page of HTML that Chromium prints, with contents that know their page numbers.

It is printed twice. The first time says on which page each chapter begins; then the numbers are written into the
table of contents, whose lines keep their length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pikepdf
from bs4.element import Tag

from nnz.plumbing.files import replaced
from nnz.press import dress
from nnz.press.epub import About, sections
from nnz.press.formulas import browser_page
from nnz.press.still import classify
from nnz.press.volume import Leaf, VolumeError, new, packaged

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH = 605  # pixels of a line of text: 160 mm
LONG = 32  # lines of code above which a block may be cut by the end of a page
MATHJAX = ("sphinx-mathjax-offline", "tex-chtml.js")  # letters of fonts, which print well
SETTINGS = {
    "options": {"ignoreHtmlClass": "volume", "processHtmlClass": "math", "enableMenu": False},
}
# Waits for formulas, fonts and pictures; then makes smaller what is wider than a line.
FIT = """async () => {
    await MathJax.startup.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].map(image => image.decode().catch(() => {
        throw new Error(`the picture ${image.src.slice(0, 80)} cannot be shown`); })));
    for (const box of document.querySelectorAll('div.math')) {
        const formula = box.querySelector('mjx-math'), number = box.querySelector('.eqno');
        const room = box.clientWidth - (number ? 2 * number.offsetWidth + 12 : 0);
        const share = room / (formula?.getBoundingClientRect().width ?? room);
        if (share < 1) formula.style.fontSize = `${Math.floor(100 * share)}%`;
    }
    for (const table of document.querySelectorAll('table')) {
        for (let size = 95; table.offsetWidth > table.parentElement.clientWidth + 1 && size >= 50; size -= 5)
            table.style.fontSize = `${size}%`;
    }
    return document.querySelectorAll('mjx-merror').length;
}"""
NUMBER = """numbers => {
    for (const place of document.querySelectorAll('.page-number'))
        place.textContent = numbers[place.dataset.to] ?? '';
}"""


def write(path: Path, volume: Sequence[Leaf], about: About, style: str, folder: Path) -> None:
    """Write the volume as a PDF; a file that is there is replaced once the new one is whole.

    Args:
        path: of the file.
        volume: the leaves.
        about: title, author and edition.
        style: the style sheet.
        folder: where the page that is printed is written, and stays.

    Raises:
        VolumeError: a browser or a picture is missing, or a formula cannot be set.
    """
    page_file = folder / "book.html"
    page_file.parent.mkdir(parents=True, exist_ok=True)
    page_file.write_text(document(volume, about, style), encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with browser_page() as page, replaced(path) as beside:
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.emulate_media(media="print", color_scheme="light")
        page.goto(page_file.as_uri())
        if wrong := page.evaluate(FIT):
            raise VolumeError(f"MathJax cannot set {wrong} formulas; look at {page_file}.")
        printed(page, beside)
        page.evaluate(NUMBER, pages(beside))
        printed(page, beside)
        finish(beside, about)


def printed(page: Page, path: Path) -> None:
    """Let the browser print its page, with an outline and links."""
    page.pdf(path=path, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)


def pages(path: Path) -> dict[str, int]:
    """Return the number of the page on which each anchor of a PDF stands."""
    with pikepdf.open(path) as pdf:
        numbers: dict[Any, int] = {page.objgen: n for n, page in enumerate(pdf.pages, 1)}
        places = pdf.Root.get("/Dests", pikepdf.Dictionary())
        return {name.lstrip("/"): numbers[place[0].objgen] for name, place in places.items()}


def finish(path: Path, about: About) -> None:
    """Say in a PDF whose book it is, and write its small objects together, which takes a third of the room."""
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.docinfo["/Author"] = about.author
        pdf.docinfo["/Subject"] = about.summary
        del pdf.docinfo["/Creator"]
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def document(volume: Sequence[Leaf], about: About, style: str) -> str:
    """Return the whole volume as one page of HTML."""
    cover = dress.cover(about.title, about.author, about.edition)
    front = f'<div class="cover">{dress.vector(cover)}</div>{imprint(about)}{contents(volume)}'
    bodies = [front]
    for part, leaves in groupby(volume, key=lambda one: one.part):
        bodies += [f'<h1 class="part"><span>{escape(part)}</span></h1>'] if part else []
        bodies += [body(one, below=bool(part)) for one in leaves]
    heads = "\n".join(map(running_head, volume))
    mathjax = packaged(*MATHJAX)
    fonts = (mathjax.parent / "output" / "chtml" / "fonts" / "woff-v2").as_uri()
    script = f"<script>window.MathJax = {json.dumps({**SETTINGS, 'chtml': {'fontURL': fonts}})}</script>"
    script += f'<script defer src="{mathjax.as_uri()}"></script>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(about.title)}</title>'
        f'<meta name="author" content="{escape(about.author)}">'
        f"<style>{faces()}\n{style}\n{heads}</style>{script}</head>"
        f'<body class="volume">{"".join(bodies)}</body></html>\n'
    )


def faces() -> str:
    """Return the rules for the typeface of the site."""
    kinds = {
        "Regular": (400, "normal"),
        "It": (400, "italic"),
        "Semibold": (600, "normal"),
        "SemiboldIt": (600, "italic"),
    }
    return "\n".join(
        f'@font-face {{ font-family: "Source Serif"; font-weight: {weight}; font-style: {slant}; '
        f'src: url("{packaged("font-source-serif-pro", f"SourceSerifPro-{kind}.ttf").as_uri()}"); }}'
        for kind, (weight, slant) in kinds.items()
    )


def running_head(one: Leaf) -> str:
    """Return the rules for the head of a leaf's pages."""
    title = f"Answers: {one.title}" if one.name.endswith("-answers") else one.title
    said = title.replace("\\", "\\\\").replace('"', '\\"')
    kind = f"leaf-{one.name}"
    return f'@page {kind} {{ @top-right {{ content: "{said}"; }} }}\n#{one.name} {{ page: {kind}; }}'


def imprint(about: About) -> str:
    """Return the back of the title page."""
    return (
        f'<div class="imprint"><p><strong>{escape(about.title)}</strong><br>{escape(about.author)}</p>'
        f"<p>Edition {escape(about.edition)}, made on {about.made:%B} {about.made.day}, {about.made.year}.</p>"
        "<p>Text and figures are under the Creative Commons license CC BY 4.0, the code under the MIT license.</p>"
        "<p>All code was run, and all measured numbers were computed, when this copy was built. "
        "Answers to questions and solutions of exercises are at the back.</p></div>"
    )


def contents(volume: Sequence[Leaf]) -> str:
    """Return the table of contents, with room for the numbers of pages."""
    lines = []
    for part, leaves in groupby(volume, key=lambda one: one.part):
        lines += [f'<p class="of-part">{escape(part)}</p>'] if part else []
        for one in leaves:
            lines.append(line(one.name, one.title, "of-chapter"))
            if not one.name.endswith("-answers") and one.title[:1].isdigit():
                lines += [line(str(section["id"]), title, "of-section") for section, title in sections(one)]
    return f'<nav class="contents"><h1>Contents</h1>{"".join(lines)}</nav>'


def line(target: str, title: str, kind: str) -> str:
    """Return a line of the table of contents."""
    return (
        f'<p class="{kind}"><a href="#{target}"><span class="of">{escape(title)}</span>'
        f'<span class="page-number" data-to="{target}">000</span></a></p>'
    )


def body(one: Leaf, below: bool) -> str:
    """Return a leaf for the printed page; `below` a part its headings are one lower, for the outline."""
    for image in one.body.find_all("img"):
        source = str(image["src"])
        if source in one.images:
            image["src"] = one.images[source].as_uri()
        image.attrs.pop("loading", None)
    for block in one.body.select("div.highlight"):
        if block.get_text().count("\n") > LONG:
            classify(block, "long")
    if below:
        lower(one.body)
    if one.name.endswith("-answers") and (title := one.body.find("h2")):
        title.insert_before(new("p", "Answers and solutions", class_="kicker"))
    classify(one.body, "leaf")
    return one.body.decode(formatter="minimal")


def lower(body: Tag) -> None:
    """Make each heading one of the next level."""
    for heading in body.find_all(re.compile(r"^h[1-5]$")):
        classify(heading, f"as-{heading.name}")
        heading.name = f"h{int(heading.name[1]) + 1}"
