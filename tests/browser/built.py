"""The built site as files: what a page links to, what it loads and weighs, and what a download really is."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

from browser.conftest import BUILT

# A page and all that it loads by itself, as a server sends it: texts compressed, as pictures and fonts are.
HEAVIEST = 1.5e6
LARGEST_SITE = 40e6
TEXT = {".html", ".css", ".js", ".svg", ".json"}
MODELS = re.compile(
    r"(^|/)(models?|take|_static/play)/|\.safetensors"
)  # models and downloads: loaded when a reader asks for them, with their size said
LOADED = {("script", "src"), ("img", "src"), ("source", "src"), ("video", "poster"), ("object", "data")}
LED = {"href", "src", "action", "poster", "data", "srcset"}
OUTSIDE = re.compile(r"[a-z][a-z+.-]*:|//")


class Read(HTMLParser):
    """A page taken apart: its links, its anchors, what it loads, and which attributes of it hold a script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.loads: set[str] = set()
        self.handlers: list[str] = []
        self.policy = ""
        self.leads_on = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.handlers += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.links |= set(map(str.strip, (given[name] for name in LED - {"srcset"} if name in given)))
        self.links |= {part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()}
        self.loads |= {given[name] for kind, name in LOADED if kind == tag and name in given}
        if tag == "link" and {"stylesheet", "preload", "icon"} & set(given.get("rel", "").split()):
            self.loads.add(given["href"])
        if tag == "meta" and given.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = given.get("content", "")
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.leads_on = given.get("content", "").partition("url=")[2]
            self.links.add(self.leads_on)


@cache
def read(name: str) -> Read:
    """Return a page of the site, taken apart."""
    return Read((BUILT / name).read_text(encoding="utf-8"))


def all_pages() -> list[str]:
    """Return every page of the site, those that lead on among them."""
    found = (path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.html"))
    return sorted(name for name in found if not name.startswith("_static/"))


def at(name: str, link: str) -> Path:
    """Return the file to which a link on a page leads."""
    target = unquote(urldefrag(link)[0]).partition("?")[0]
    return (BUILT / name).parent / target if target else BUILT / name


def dead_links(name: str) -> Iterator[str]:
    """Yield what leads nowhere from a page: a file that is not there, or an anchor that its page has not."""
    for link in sorted(read(name).links):
        if OUTSIDE.match(link) or link in ("#", "#pst-back-to-top"):
            continue
        path, anchor = at(name, link), urldefrag(unquote(link))[1]
        if not path.exists():
            yield f"{name}: {link}"
        elif anchor and path.suffix == ".html":
            there = path.resolve().relative_to(BUILT.resolve()).as_posix()
            if anchor not in read(there).ids:
                yield f"{name}: {link} (no such anchor)"


def styled_with(path: Path) -> Iterator[Path]:
    """Yield the files that a style asks for."""
    for found in re.findall(r"url\(['\"]?([^'\")]+)", path.read_text(encoding="utf-8")):
        if not OUTSIDE.match(found) and not found.startswith("#"):
            yield path.parent / found.partition("?")[0].partition("#")[0]


def loaded(name: str) -> set[Path]:
    """Return the files that a page loads by itself; of the fonts for formulas, those that most formulas need."""
    there = {at(name, link).resolve() for link in read(name).loads if not OUTSIDE.match(link)}
    for style in [path for path in there if path.suffix == ".css"]:
        there |= {path.resolve() for path in styled_with(style)}
    if any("mathjax" in path.as_posix() for path in there):
        fonts = BUILT.resolve() / "_static/mathjax/output/chtml/fonts/woff-v2"
        there |= {
            fonts / f"MathJax_{part}.woff"
            for part in ("Zero", "Main-Regular", "Math-Italic", "Size1-Regular")
        }
    return {*there, (BUILT / name).resolve()}


@cache
def sent(path: Path) -> int:
    """Return how many bytes of a file a server sends."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6, mtime=0)) if path.suffix in TEXT else len(data)


def weight(name: str) -> int:
    """Return what a page weighs with all that it loads, but for models."""
    return sum(sent(path) for path in loaded(name) if not MODELS.search(path.as_posix()))


def size_of_site() -> int:
    """Return the bytes of the whole site as a folder, but for models."""
    found = (path for path in BUILT.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in found if not MODELS.search(path.relative_to(BUILT).as_posix()))


def _is_zip(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return bool(archive.namelist()) and archive.testzip() is None


def _is_notebook(path: Path) -> bool:
    return json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4


# What a file has to be to be what its name says.
KINDS: dict[str, Callable[[Path], bool]] = {
    ".ipynb": _is_notebook,
    ".zip": _is_zip,
    ".epub": lambda path: _is_zip(path) and path.read_bytes()[30:58] == b"mimetypeapplication/epub+zip",
    ".pdf": lambda path: path.read_bytes().startswith(b"%PDF-"),
    ".md": lambda path: path.read_text(encoding="utf-8").strip() != "",
    ".txt": lambda path: path.read_text(encoding="utf-8").strip() != "",
    ".svg": lambda path: "<svg" in path.read_text(encoding="utf-8"),
    ".png": lambda path: path.read_bytes().startswith(b"\x89PNG"),
    ".woff": lambda path: path.read_bytes().startswith(b"wOFF"),
}


def is_what_it_says(path: Path) -> bool:
    """Whether a file can be opened as what it is; one of a kind that is not known has to have something in it."""
    try:
        return KINDS.get(path.suffix, lambda found: found.stat().st_size > 0)(path)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return False
