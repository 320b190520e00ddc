"""The built site as one volume, for paper and reading devices: its pages in order, with answers at the back.

It is made from the pages that a build has written below `_build/html`, so nothing is executed or set again. The
result is a list of leaves. Links of one leaf to another are `#page--anchor`, whatever leaf the anchor is in.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urldefrag

import yaml
from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from nnz.press.still import classify, still

# What only a screen has a use for.
DROPPED = (
    "script, style, button, noscript, .headerlink, .toggle-button, p.checked, p.reading-time, p.follow-up, "
    "nav.contents, summary.screen-only, .screen-only, [hidden]"  # hidden: until a script has run
)
ELSEWHERE = "A script is at work here, on the page of this name of the book's site."
# The reference of the package is a list to search in, and downloads are of the site.
LEFT_OUT = {"api", "take", "changelog"}
ARTICLE = '<article class="bd-article">'
BACK = "Answers and solutions"
BOOK = PurePosixPath("book")
ABROAD = re.compile(r"[a-z][a-z0-9+.-]*:")


class VolumeError(ValueError):
    """The book is not there, or a page of it is not what a build writes."""


@dataclass
class Leaf:
    """One chapter of the volume, or the answers to one.

    Attributes:
        name: that of its page, such as `engine`; it begins all anchors of the page.
        title: with the chapter's number, if it has one.
        part: the title of the part that it stands in.
        body: a `section` whose first child is its `h1`.
    """

    name: str
    title: str
    part: str
    body: Tag
    images: dict[str, Path] = field(default_factory=dict)  # what `src` says, and the file


def order(root: Path) -> list[tuple[str, str]]:
    """Return the pages of the volume with their parts, in the order of the table of contents."""
    settings = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [(settings["root"], "")]
    for part in [settings, *settings.get("parts", [])]:
        pages += [(chapter["file"], part.get("caption", "")) for chapter in part.get("chapters", [])]
    return [(page, part) for page, part in pages if Path(page).name not in LEFT_OUT]


def read(root: Path, site: Callable[[str], str] = lambda page: "") -> list[Leaf]:
    """Return the volume: front matter, chapters, their answers, back matter.

    Args:
        root: of the repository; the book has been built in its `_build/html`.
        site: returns the public address of a page that is not in the volume, or "".

    Raises:
        VolumeError: there is no built book, or a page of it is missing.
    """
    html = root / "_build" / "html"
    if not (html / "index.html").is_file():
        raise VolumeError("there is no built book to make it from: run `make book` first.")
    leaves = [leaf(html, page, part) for page, part in order(root)]
    numbered = [n for n, one in enumerate(leaves) if one.title[:1].isdigit()]
    answers = [back for one in leaves if (back := taken_out(one))]
    last = numbered[-1] + 1 if numbered else len(leaves)
    volume = [*leaves[:last], *answers, *leaves[last:]]
    lead(volume, {posixpath.basename(page) for page, _ in order(root)}, site)
    return volume


def leaf(html: Path, page: str, part: str) -> Leaf:
    """Read one page, without what only a screen has a use for."""
    path = html / f"{page}.html"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise VolumeError(f"{page}.html is not in the built book; run `make book` again.") from None
    inner = text.partition(ARTICLE)[2].partition("</article>")[0]
    body = BeautifulSoup(inner, "html.parser").find("section")
    if body is None or body.h1 is None:
        raise VolumeError(f"{page}.html has no section with a title; was it built by `make book`?")
    for tag in body.select(DROPPED):
        tag.decompose()
    for tests in body.select("a.to-tests"):  # on paper, the way to the code is enough
        if isinstance(comma := tests.previous_sibling, NavigableString):
            comma.replace_with(comma.rstrip(", \n"))
        tests.decompose()
    for notice in body.select(".without"):  # what is said where no script has run
        notice.string = ELSEWHERE
    still(body)
    open_folds(body)
    name = posixpath.basename(page)
    found = Leaf(name, " ".join(body.h1.get_text().split()), part, body.extract())
    anchor(found)
    for image in body.find_all("img"):
        source = str(image["src"])
        if not ABROAD.match(source):
            found.images[source] = (path.parent / unquote(source)).resolve()
    return found


def anchor(one: Leaf) -> None:
    """Put the page's name before all anchors of it, and make them unique; the page itself has its name."""
    seen = set[str]()
    place = one.body.get("id")
    one.body["id"] = one.name
    for tag in one.body.find_all(id=True):
        wanted = f"{one.name}--{plain(str(tag['id']))}"
        if wanted in seen:
            del tag["id"]
        else:
            tag["id"] = wanted
            seen.add(wanted)
    if place and f"{one.name}--{plain(str(place))}" not in seen:
        mark = new("span", id=f"{one.name}--{plain(str(place))}")
        assert one.body.h1 is not None
        one.body.h1.insert_after(mark)


def plain(anchor: str) -> str:
    """Return an anchor in characters that an XML name may have."""
    return re.sub(r"[^\w.-]", "-", unquote(anchor))


def new(name: str, text: str = "", **attributes: str) -> Tag:
    """Return a new element; `class_` is its class."""
    attrs: dict[str, Any] = {key.rstrip("_"): value for key, value in attributes.items()}
    tag = BeautifulSoup("", "html.parser").new_tag(name, attrs=attrs)
    if text:
        tag.string = text
    return tag


def open_folds(body: Tag) -> None:
    """Open what is folded on the site, all but the answers to questions: those are taken out later."""
    for fold in body.select("details.workshop, details.hide, details.answer"):
        summary = fold.find("summary")
        if "answer" in fold["class"]:
            asked = fold.find_parent("div", class_="question") or before(fold)
            if asked is not None:
                continue
        if isinstance(summary, Tag):
            said = summary.get_text(" ", strip=True)
            summary.decompose()
            if "hide" not in fold["class"]:
                fold.insert(0, new("p", said, class_="fold-title"))
        fold.name = "div"
        classify(fold, "unfolded")


def before(fold: Tag) -> Tag | None:
    """Return the question that stands directly above an answer, if one does."""
    above = fold.find_previous_sibling()
    return above if isinstance(above, Tag) and "question" in (above.get("class") or []) else None


def taken_out(one: Leaf) -> Leaf | None:
    """Take the answers and solutions out of a chapter, and return them as a leaf, or None if there are none."""
    number = re.match(r"[\d.]*\d", one.title)
    name = f"{one.name}-answers"
    back = new("section", id=name)
    back.append(new("h1", one.title))
    questions = list(answered(one.body, number[0] if number else "", one.name, name))
    solutions = list(solved(one.body, one.name, name))
    for title, parts in (("Answers to the questions", questions), ("Solutions of the exercises", solutions)):
        if parts:
            section = new("section", id=f"{name}--{title.split()[0].lower()}")
            section.append(new("h2", title))
            section.extend(parts)
            back.append(section)
    if not questions + solutions:
        return None
    return Leaf(name, one.title, BACK, back, one.images)


def answered(body: Tag, number: str, page: str, back: str) -> Iterator[Tag]:
    """Number the questions of a page, and yield their answers; each leads to the other."""
    for n, asked in enumerate(body.select("div.question"), 1):
        which = f"{number}.{n}" if number else str(n)
        asked["id"] = f"{page}--question-{n}"
        for title in asked.select(".question-title"):
            title.string = f"Question {which}"
        below = asked.find_next_sibling()
        folds = [*asked.select("details.answer"), *([below] if isinstance(below, Tag) else [])]
        folds = [fold for fold in folds if fold.name == "details" and "answer" in fold["class"]]
        if not folds:
            continue
        answer = new("section", id=f"{back}--answer-{n}", class_="answer")
        title = new("h3", f"Answer {which}")
        answer.append(title)
        for fold in folds:
            if isinstance(summary := fold.find("summary"), Tag):
                summary.decompose()
            answer.extend(list(fold.contents))
            fold.decompose()
        asked.append(link(f"#{back}--answer-{n}", f"Answer {which}", "to-answer"))
        answer.append(link(f"#{page}--question-{n}", f"Back to question {which}", "to-question"))
        yield answer


def solved(body: Tag, page: str, back: str) -> Iterator[Tag]:
    """Yield the solutions of a page's exercises; each exercise leads to its solution, and back."""
    for n, solution in enumerate(body.select("div.solution"), 1):
        exercise = solution.find_previous_sibling("div", class_="exercise")
        if not isinstance(exercise, Tag):
            continue
        title = exercise.select_one(".admonition-title")
        assert title is not None
        said = re.sub(r"\((.*)\)$", r"· \1", " ".join(title.get_text().split()))
        title.string = said
        exercise.append(link(f"#{back}--solution-{n}", "Solution", "to-answer"))
        if own := solution.select_one(".admonition-title"):
            own.decompose()
        found = new("section", id=f"{back}--solution-{n}", class_="answer")
        found.append(new("h3", said))
        found.append(solution.extract())
        solution.name, solution["class"] = "div", "solved"
        found.append(link(f"#{exercise['id']}", "Back to the exercise", "to-question"))
        yield found


def link(target: str, text: str, kind: str) -> Tag:
    """Return a paragraph that is a link."""
    paragraph = new("p", class_=kind)
    paragraph.append(new("a", text, href=target))
    return paragraph


def packaged(package: str, name: str) -> Path:
    """Return the path of a file inside an installed package.

    Raises:
        VolumeError: the package, or the file in it, is not there.
    """
    try:
        found = [Path(str(path.locate())) for path in files(package) or [] if path.name == name]
    except PackageNotFoundError:
        found = []
    if not found:
        raise VolumeError(f"the package {package} with {name} is not installed; `make venv` installs it.")
    return found[0]


def lead(volume: Sequence[Leaf], pages: set[str], site: Callable[[str], str]) -> None:
    """Let every link lead to an anchor of the volume, or to a public address; others become plain text."""
    anchors = {str(tag["id"]) for one in volume for tag in [one.body, *one.body.find_all(id=True)]}
    for one in volume:
        page = one.name.removesuffix("-answers")
        for a in one.body.find_all("a"):
            href = str(a.get("href") or "")
            target = destination(href, page, pages, site)
            if href and (not target.startswith("#") or target[1:] in anchors) and target:
                a["href"] = target
            else:
                a.unwrap()


def destination(href: str, page: str, pages: set[str], site: Callable[[str], str]) -> str:
    """Return where a link of a page leads to: `#page--anchor`, an address, or "" if it cannot be followed."""
    if ABROAD.match(href):
        return href
    path, inner = urldefrag(href)
    if not path:
        return href if "--" in inner else f"#{page}--{plain(inner)}"
    there = posixpath.normpath(posixpath.join("book", path))
    name = posixpath.basename(there).removesuffix(".html")
    if posixpath.dirname(there) == "book" and name in pages:
        return f"#{name}--{plain(inner)}" if inner else f"#{name}"
    address = site(there)
    return address and address + (f"#{inner}" if inner else "")
