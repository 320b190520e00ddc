"""What a reader can take along: files beside the pages of the site, and the list of those that are there."""

from __future__ import annotations

import re
import tomllib
import zipfile
from html import escape
from pathlib import Path

FOLDER = "take"  # below _build/html
NAME = "neural-networks-from-zero"
PAGE = "book/take.html"
BEGIN, END = "<!-- downloads -->", "<!-- end of downloads -->"
FILES = {
    f"{NAME}-notebooks.zip": "All chapters as notebooks, executed and bare (zip)",
    f"{NAME}.epub": "The whole book for reading devices (EPUB)",
    f"{NAME}.pdf": "The whole book for paper (PDF)",
}
NOTHING = "<p>This copy of the site has no downloads.</p>"


def edition(root: Path) -> str:
    """Return the version of the book, which is that of its package."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def put(archive: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
    """Put a file into a zip, with the same date always, so that the same volume is the same file."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, how)


def size(path: Path) -> str:
    """Return the size of a file in words.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     small, large = Path(folder, "a"), Path(folder, "b")
    ...     _ = small.write_bytes(b"1" * 2_400), large.write_bytes(b"1" * 7_350_000)
    ...     size(small), size(large)
    ('2 kB', '7.3 MB')
    """
    n = path.stat().st_size
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{max(1, round(n / 1e3))} kB"


def listed(html: Path) -> str:
    """Return the list of downloads: those that are there and were made from the pages that are there."""
    pages = [path.stat().st_mtime for path in (html / "book").glob("*.html") if path.name != Path(PAGE).name]
    newest = max(pages, default=0.0)
    there = [html / FOLDER / name for name in FILES]
    there = [path for path in there if path.is_file() and path.stat().st_mtime >= newest]
    lines = [
        f'<li><a href="../{FOLDER}/{escape(path.name)}" download>{escape(FILES[path.name])}</a>, {size(path)}</li>'
        for path in there
    ]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>" if lines else NOTHING


def refresh(html: Path) -> None:
    """Let the page of downloads list what is there now; a site without that page is left as it is."""
    page = html / PAGE
    if not page.is_file():
        return
    text = page.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
    page.write_text(between.sub(lambda _: f"\n{listed(html)}\n", text), encoding="utf-8")
