"""The volume as an EPUB 3: a zip of XHTML pages with formulas in MathML, pictures, contents and a cover.

Nothing in it needs a script, a network, or a color. What a reading system asks for is in the standard:
https://www.w3.org/TR/epub-33/.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from bs4.element import NavigableString, Tag

from nnz.plumbing.files import replaced
from nnz.press.formulas import Formula, written
from nnz.press.take import put
from nnz.press.volume import Leaf, VolumeError, new

TYPES = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".css": "text/css",
    ".ttf": "font/ttf",
    ".xhtml": "application/xhtml+xml",
}
XHTML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
    '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
    'lang="en" xml:lang="en">\n'
    '<head><meta charset="utf-8"/><title>{title}</title><link rel="stylesheet" href="{css}"/></head>\n'
    '<body epub:type="{kind}">\n{body}\n</body>\n</html>\n'
)
CONTAINER = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>\n'
)
ACCESS = {
    "accessMode": ("textual", "visual"),
    "accessModeSufficient": ("textual",),
    "accessibilityFeature": (
        "alternativeText",
        "displayTransformability",
        "MathML",
        "readingOrder",
        "structuralNavigation",
        "tableOfContents",
    ),
    "accessibilityHazard": ("none",),
    "accessibilitySummary": (
        "Figures have descriptions, formulas are MathML, and code is text. "
        "Sliders of the site stand as a few of their positions.",
    ),
}


class About(NamedTuple):
    """What a library is told about the book."""

    title: str
    author: str
    edition: str
    made: datetime
    summary: str


class Dress(NamedTuple):
    """What a volume wears: the style sheet, the picture of the cover (PNG), fonts by the names of their files."""

    style: str
    cover: bytes
    fonts: Mapping[str, bytes]


def write(
    path: Path, volume: Sequence[Leaf], about: About, dress: Dress, mathml: Mapping[Formula, str]
) -> None:
    """Write the volume as an EPUB; a file that is there is replaced once the new one is whole.

    Raises:
        VolumeError: a picture is missing.
    """
    files: dict[str, bytes] = {"style.css": dress.style.encode(), "images/cover.png": dress.cover}
    files |= {f"fonts/{name}": font for name, font in dress.fonts.items()}
    homes = {str(tag["id"]): one.name for one in volume for tag in [one.body, *one.body.find_all(id=True)]}
    for one in volume:
        files |= pictures(one)
        files[f"{one.name}.xhtml"] = page(one, homes, mathml).encode()
    files["cover.xhtml"] = cover_page(about).encode()
    files["contents.xhtml"] = contents(volume).encode()
    package = opf(volume, about, files)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        put(archive, "mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        put(archive, "META-INF/container.xml", CONTAINER.encode())
        put(archive, "book/book.opf", package.encode())
        for name in sorted(files):
            put(archive, f"book/{name}", files[name])


def pictures(one: Leaf) -> dict[str, bytes]:
    """Return the pictures of a leaf by their names in the book, and let the leaf say these names.

    Raises:
        VolumeError: one is missing.
    """
    found: dict[str, bytes] = {}
    for image in one.body.find_all("img"):
        source = str(image["src"])
        if source.startswith("data:image/svg+xml;base64,"):
            content = base64.b64decode(source.partition(",")[2])
            name = f"images/{hashlib.sha256(content).hexdigest()[:20]}.svg"
        elif source in one.images and one.images[source].is_file():
            content, name = one.images[source].read_bytes(), f"images/{one.images[source].name}"
        else:
            raise VolumeError(f"the picture {source} of {one.name} is not in the built book; build it again.")
        found[name] = content
        image["src"] = name
        image.attrs.pop("loading", None)
    return found


def page(one: Leaf, homes: Mapping[str, str], mathml: Mapping[Formula, str]) -> str:
    """Return a leaf as XHTML."""
    for a in one.body.find_all("a", href=re.compile("^#")):
        home = homes[str(a["href"])[1:]]
        if home != one.name:
            a["href"] = f"{home}.xhtml" + ("" if a["href"] == f"#{home}" else str(a["href"]))
    for number in one.body.select(".linenos"):  # a device would copy and speak them with the code
        number.decompose()
    formulas = list(mark_formulas(one))
    tidy(one.body)
    kind = "backmatter" if one.part.startswith(("Back", "Answers")) else "bodymatter"
    body = one.body.decode(formatter="minimal")
    for n, formula in enumerate(formulas):
        body = body.replace(f"\ue000{n}\ue001", mathml[formula], 1)
    return XHTML.format(title=escape(one.title), css="style.css", kind=kind, body=body)


def mark_formulas(one: Leaf) -> Iterator[Formula]:
    """Put a mark in the place of each formula of a leaf, and yield the formulas."""
    for n, place in enumerate(one.body.select(".math")):
        number = place.select_one(".eqno")
        if number is not None:
            number.extract()
        formula = written(place, one.name)
        place.clear()
        place.append(NavigableString(f"\ue000{n}\ue001"))
        if number is not None:
            place.append(new("span", number.get_text(), class_="eqno"))
        yield formula


def tidy(body: Tag) -> None:
    """Take out what HTML forgives and XHTML does not, and what only the site's style or scripts use."""
    for tag in [body, *body.find_all(True)]:
        for name in list(tag.attrs):
            if name.startswith(("data-", "on")) or name in ("align", "border", "valign", "title", "loading"):
                del tag.attrs[name]
        if tag.name == "a" and "name" in tag.attrs:
            del tag.attrs["name"]


def cover_page(about: About) -> str:
    """Return the page of the cover."""
    said = escape(f"{about.title}, by {about.author}")
    body = f'<div class="cover"><img src="images/cover.png" alt="Cover: {said}." role="doc-cover"/></div>'
    return XHTML.format(title="Cover", css="style.css", kind="cover", body=body)


def contents(volume: Sequence[Leaf]) -> str:
    """Return the table of contents: parts, chapters, sections; it is a page of the book, too."""
    lines = []
    for part, leaves in groupby(volume, key=lambda one: one.part):
        inner = "".join(entry(one) for one in leaves)
        lines.append(f"<li><span>{escape(part)}</span><ol>{inner}</ol></li>" if part else inner)
    listed = f'<nav epub:type="toc" role="doc-toc" id="toc"><h1>Contents</h1><ol>{"".join(lines)}</ol></nav>'
    marks = [("cover.xhtml", "cover", "Cover"), ("contents.xhtml", "toc", "Contents")]
    marks.append((f"{volume[0].name}.xhtml", "bodymatter", "Beginning"))
    shown = "".join(f'<li><a epub:type="{kind}" href="{to}">{said}</a></li>' for to, kind, said in marks)
    marked = f'<nav epub:type="landmarks" hidden=""><h2>Landmarks</h2><ol>{shown}</ol></nav>'
    return XHTML.format(title="Contents", css="style.css", kind="frontmatter", body=listed + marked)


def entry(one: Leaf) -> str:
    """Return the lines of a leaf in the table of contents."""
    inner = "".join(
        f'<li><a href="{one.name}.xhtml#{section["id"]}">{escape(title)}</a></li>'
        for section, title in sections(one)
    )
    below = f"<ol>{inner}</ol>" if inner else ""
    return f'<li><a href="{one.name}.xhtml">{escape(one.title)}</a>{below}</li>'


def sections(one: Leaf) -> list[tuple[Tag, str]]:
    """Return the sections of a leaf that have an anchor, with their titles."""
    found = []
    for section in one.body.find_all("section", id=True, recursive=False):
        if section.h2 is not None:
            title = " ".join(section.h2.get_text().split())
            found.append((section, title))
    return found


def opf(volume: Sequence[Leaf], about: About, files: dict[str, bytes]) -> str:
    """Return the package: what a library is told, all files, and the order of the pages."""
    spine = ["cover", "contents", *(one.name for one in volume)]
    lines = "".join(item(name, files[name]) for name in sorted(files))
    refs = "".join(f'<itemref idref="{named(f"{name}.xhtml")}"/>' for name in spine)
    access = "".join(
        f'<meta property="schema:{key}">{escape(value)}</meta>'
        for key, values in ACCESS.items()
        for value in values
    )
    ident = uuid.uuid5(uuid.NAMESPACE_URL, f"{about.title} {about.edition}")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">urn:uuid:{ident}</dc:identifier><dc:title>{escape(about.title)}</dc:title>'
        f"<dc:creator>{escape(about.author)}</dc:creator><dc:language>en</dc:language>"
        f"<dc:description>{escape(about.summary)}</dc:description>"
        "<dc:rights>Text and figures: CC BY 4.0. Code: MIT.</dc:rights>"
        f'<meta property="dcterms:modified">{about.made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</meta>{access}'
        f"</metadata>\n<manifest>{lines}</manifest>\n<spine>{refs}</spine></package>\n"
    )


def item(name: str, content: bytes) -> str:
    """Return a file's line in the package."""
    has = [word for word, mark in (("mathml", b"<math "), ("svg", b"<svg ")) if mark in content]
    has = has if name.endswith(".xhtml") else []
    has += ["nav"] * (name == "contents.xhtml") + ["cover-image"] * (name == "images/cover.png")
    said = f' properties="{" ".join(has)}"' if has else ""
    kind = TYPES[Path(name).suffix]
    return f'<item id="{named(name)}" href="{name}" media-type="{kind}"{said}/>'


def named(file: str) -> str:
    """Return the identifier of a file in the package."""
    return "f-" + re.sub(r"[^\w.-]", "-", file)
