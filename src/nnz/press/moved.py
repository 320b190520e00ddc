"""Addresses that were public once: where each of them leads now, so that no link to the book breaks.

`book/moved.toml` has those that are gone, by hand: pages, and anchors of pages, each with where its readers are
led. `book/addresses.txt` has every address that any edition had. `python -m nnz.press.moved` adds those of the
built site to it; a test of the built site sees that each of them is still there, or leads on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from posixpath import dirname, relpath

ROOT = Path(__file__).resolve().parents[3]
# What is no address to keep: numbered by docutils, or made from code, whose names the reference has.
NOT_KEPT = re.compile(
    r"id\d+|index-\d+|L-\d+|.*-solution-\d+|(proof|exercise|solution)-content|"
    r"claim-.*|recording-.*|listing-.*|equation-.*|nnz\..*|module-.*|cite.*|nnz-.*"
)
REDIRECT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8" /><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
<meta http-equiv="refresh" content="0; url={where}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<style>:root {{ color-scheme: light dark; background: Canvas; color: CanvasText; font-family: serif }}</style>
</head>
<body><main><h1>{title}</h1><p><a href="{where}">{words}</a></p></main></body></html>
"""


class MovedError(ValueError):
    """What is said of an address that moved cannot be true."""


def moved(root: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return what book/moved.toml says: of pages, and of the anchors of each page."""
    path = root / "book" / "moved.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found.get("pages", {}), found.get("anchors", {})


def redirect(page: str, target: str, title: str, words: str = "The page is there now") -> str:
    """Return a page that leads its reader on, without a script.

    Args:
        page: where it stands, such as `book/old`, or `index`.
        target: a page, perhaps with an anchor, such as `book/new#section`.
        title: what it is called.
        words: what its link says.
    """
    return REDIRECT.format(title=escape(title), where=escape(link(page, target)), words=escape(words))


def link(page: str, target: str) -> str:
    """Return the address of a page and anchor, `book/new#section`, as seen from another page."""
    name, hash_, anchor = target.partition("#")
    here = relpath(f"{name or page}.html", dirname(page) or ".")
    return f"{here}{hash_}{anchor}" if name and name != page else f"#{anchor}"


def with_old_anchors(body: str, page: str, old: Mapping[str, str]) -> str:
    """Return the body of a page in which its old anchors lead on.

    One whose target is on this page stands at its beginning. For one that went to another page there is a line at
    the top, which only those see who followed a link to it.

    Raises:
        MovedError: an anchor is there all the same, or its target is not.
    """
    lines = []
    for name, target in old.items():
        if f'id="{name}"' in body:
            raise MovedError(f"book/moved.toml: {page}#{name} is there, so it did not move; take it out.")
        where, _, anchor = target.partition("#")
        if where not in ("", page):
            there = f'<a href="{escape(link(page, target))}">{escape(where)}</a>'
            lines.append(
                f'<p class="moved" id="{name}">What stood here is on another page now: {there}.</p>\n'
            )
        elif not anchor:
            lines.append(f'<span id="{name}"></span>')
        elif not (place := re.search(f'<[a-z0-9]+ [^>]*?id="{re.escape(anchor)}"[^>]*>', body)):
            raise MovedError(f"book/moved.toml: {page}#{name} leads to #{anchor}, which is not on the page.")
        else:
            body = f'{body[: place.end()]}<span id="{name}"></span>{body[place.end() :]}'
    return "".join(lines) + body


def addresses(page: str) -> Iterator[str]:
    """Yield the anchors of a built page that are to be kept."""
    article = re.search(r"<article\b.*</article>", page, re.DOTALL)
    for name in re.findall(r'<[a-z0-9]+ [^>]*?\bid="([^"]+)"', article[0] if article else ""):
        if not NOT_KEPT.fullmatch(name):
            yield name


def built(site: Path) -> set[str]:
    """Return what is to be kept of the addresses of a built site: pages, and the anchors of the book's pages."""
    found = set()
    for path in site.rglob("*.html"):
        name = path.relative_to(site).with_suffix("").as_posix()
        text = path.read_text(encoding="utf-8")
        if name.startswith("_static/") or 'http-equiv="refresh"' in text:
            continue
        found.add(name)
        if name.startswith("book/"):
            found |= {f"{name}#{anchor}" for anchor in addresses(text)}
    return found


def kept(root: Path) -> set[str]:
    """Return every address that any edition had."""
    path = root / "book" / "addresses.txt"
    return set(path.read_text(encoding="utf-8").split()) if path.is_file() else set()


def broken(root: Path, site: Path) -> list[str]:
    """Return the addresses of earlier editions that lead nowhere in a built site."""
    there = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in _texts(root, site, there)}
    lost = []
    for address in sorted(kept(root)):
        name, _, anchor = address.partition("#")
        if name not in there or (anchor and anchor not in ids.get(name, ())):
            lost.append(address)
    return lost


def _texts(root: Path, site: Path, there: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the pages of which an anchor is to be kept."""
    for name in {address.partition("#")[0] for address in kept(root) if "#" in address} & there:
        yield name, (site / f"{name}.html").read_text(encoding="utf-8")


def main() -> None:
    """Add the addresses of the built site to those that are kept."""
    now = built(ROOT / "_build" / "html")
    before = kept(ROOT)
    lines = sorted(before | now)
    (ROOT / "book" / "addresses.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(now - before)} addresses are new; {len(lines)} are kept.")


if __name__ == "__main__":
    main()
