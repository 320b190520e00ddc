"""What a site needs in public: previews, a map, a page for what is not there, and addresses that keep leading on.

Addresses are absolute, as previews and maps ask for, only where `site_url` is configured (nnz_following).
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import nnz_following
from nnz.press import moved
from nnz.press.cite import bibtex, citation

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300  # characters of a description
CARD = "_static/card.png"  # for all pages: our figures are SVG, which those who show links leave out
logger = logging.getLogger(__name__)
LOST = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8" /><title>Not found – {title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self'" />
<meta name="viewport" content="width=device-width, initial-scale=1" /><meta name="robots" content="noindex" />
<style>:root {{ color-scheme: light dark; background: Canvas; color: CanvasText }}
body {{ max-width: 36rem; margin: 4rem auto; padding: 0 1rem; font: 1.125rem/1.6 Charter, Georgia, serif }}
img {{ width: 4rem }}</style></head>
<body><main><img src="{root}_static/mark.svg" alt="" /><h1>There is no such page</h1>
<p>What you looked for is not here, or it has another address now.</p>
<ul><li><a href="{root}{first}">The first page of the book</a></li>
<li><a href="{root}search.html">Search</a></li>
<li><a href="{root}genindex.html">Index</a></li></ul></main></body></html>
"""


def first_sentence(doctree: nodes.document) -> str:
    """Return the first sentence of a page, or "" if it has none."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and "reading-time" not in paragraph["classes"]:
            said = " ".join(paragraph.astext().split())
            sentence = re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0]
            return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1].rsplit(' ', 1)[0]}…"
    return ""


def preview(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Say in the head of a page what it is about, for those who show a link to it."""
    if doctree is None:
        return
    there, said = nnz_following.of(app), first_sentence(doctree)
    tags = [
        ("name", "description", said),
        ("property", "og:type", "article"),
        ("property", "og:site_name", str(app.config.html_title)),
        ("property", "og:title", nnz_following.plain(context.get("title") or page)),
        ("property", "og:description", said),
    ]
    if there.site:
        tags += [
            ("property", "og:url", there.page(f"{page}.html")),
            ("property", "og:image", there.page(CARD)),
            ("property", "og:image:alt", str(app.config.html_title)),
            ("name", "twitter:card", "summary_large_image"),
        ]
    lines = [f'<meta {kind}="{name}" content="{escape(value)}" />\n' for kind, name, value in tags if value]
    context["metatags"] = context.get("metatags", "") + "".join(lines)


def old_anchors(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the anchors that a page once had lead on."""
    _, anchors = moved.moved(Path(app.srcdir))
    if page in anchors and doctree is not None:
        try:
            context["body"] = moved.with_old_anchors(context["body"], page, anchors[page])
        except moved.MovedError as error:
            logger.warning(str(error))


def finish(app: Sphinx, problem: Exception | None) -> None:
    """Write the pages and files that no template makes."""
    if problem or app.builder.name != "html":
        return
    out, there, title = Path(app.outdir), nnz_following.of(app), str(app.config.html_title)
    first = f"{app.config.root_doc}.html"
    if first != "index.html":
        text = moved.redirect("index", app.config.root_doc, title, "Open the book")
        (out / "index.html").write_text(text, encoding="utf-8")
    root = f"{urlsplit(there.site).path}/" if there.site else ""
    lost = LOST.format(title=escape(title), root=escape(root), first=escape(first))
    (out / "404.html").write_text(lost, encoding="utf-8")
    for page, target in moved.moved(Path(app.srcdir))[0].items():
        if (out / f"{page}.html").exists() and page in app.env.found_docs:
            logger.warning("book/moved.toml: the page %s is there, so it did not move; take it out.", page)
            continue
        path = out / f"{page}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(moved.redirect(page, target, title), encoding="utf-8")
    if there.site:
        names = sorted(app.env.found_docs)
        lines = [f"<url><loc>{escape(there.page(f'{name}.html'))}</loc></url>" for name in names]
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        from nnz.press import dress  # which a book without an address does not need

        card = dress.picture(dress.card(title, str(app.config.author)), dpi=100)
        (out / CARD).write_bytes(card)
        (out / "sitemap.xml").write_text("\n".join([head, *lines, "</urlset>\n"]), encoding="utf-8")


class Cite(SphinxDirective):
    """`{cite-this}`: the entry of BibTeX for the book."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / "CITATION.cff"))
        entry = bibtex(citation(ROOT), self.config.site_url or self.config.repository_url)
        return [nodes.literal_block(entry, entry, language="bibtex")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("nnz_following")
    app.add_directive("cite-this", Cite)
    app.connect("html-page-context", preview)
    app.connect("html-page-context", old_anchors)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
