"""The last word on every page of the site: a strict Content-Security-Policy, and nothing that no page needs.

What a template of the theme writes is changed when it has been written, in `mended`:

- The theme's icons come as a script of 1.5 MB with everything that Font Awesome has; those that the book shows are
  in nnz-icons.css.
- The index for searching is loaded by the page that searches, not by every page.
- Before any script has run a page has its colors.
- No attribute of an element holds a script, and each script in a page is named in its policy, by its hash.

A page whose header says `content_security_policy: script-src 'unsafe-eval'` is allowed that besides, alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "connect-src": "'self'",  # the page that searches quotes from those that it finds
    "form-action": "'self'",
    "base-uri": "'none'",
}
ASKED = "content_security_policy"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
CHARSET = '<meta charset="utf-8" />'
# Scripts that only the page that searches needs.
OF_SEARCH = r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
MENDED = {
    r"\s*<!-- So that users can add custom icons -->\s*<script [^>]*fontawesome\.js[^>]*></script>": "",
    # In a translation: Sphinx's few words for search results, which it makes by evaluating a text.
    r'\s*<script src="[^"]*translations\.js[^"]*"></script>': "",
    # The name of the page, which only a choice of versions would ask for; so pages of a kind have one policy.
    r"<script>DOCUMENTATION_OPTIONS\.(pagename = '[^']*');</script>": r"<!-- \1 -->",
    r'onclick="window\.print\(\)"': "data-print",
    # Light or dark before the theme's own script comes; and light for those who let no script run.
    r'(<html [^>]*)data-theme="auto"': r'\1data-theme="light"',
    r'getItem\("theme"\) \|\| "auto"': (
        'getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
    ),
    # What stands above the table of contents, such as the name of the book, is in a landmark, too.
    r'<div id="pst-primary-sidebar" ': '<div id="pst-primary-sidebar" role="navigation" aria-label="Book" ',
    # What unfolds the pages below a page has a name for those who do not see its arrow.
    r'<summary>(?=<span class="toctree-toggle")': '<summary aria-label="Pages below">',
    # The same settings of the same buttons, twice.
    r"(<script>var togglebuttonSelector = [^<]*</script>)(?=.*\1)": "",
}
# Names, spaces and brackets of code have the color of all text: nothing has to say so for each.
PLAIN = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')
# What the theme brings and no page asks for.
UNUSED = (
    "scripts/fontawesome.*",
    "**/*.map",
    "vendor/fontawesome",
    "locales",
    "sphinx-thebe.*",
    "webpack-macros.html",
    "sbt-webpack-macros.html",
)
FROM, TO = "/*!\n * Font Awesome Free", "html{--pst-header-height"


def policy(page: str, asked: str = "") -> str:
    """Return the policy for a page: that of the site, the hashes of its own scripts, and what it asked for."""
    allowed = {name: [sources] for name, sources in POLICY.items()}
    allowed["script-src"] += sorted({f"'sha256-{digest(script)}'" for script in INLINE.findall(page)})
    for directive in filter(None, map(str.strip, asked.split(";"))):
        name, _, sources = directive.partition(" ")
        if not sources or not re.fullmatch(r"[a-z]+-(?:src|action)", name):
            raise ExtensionError(
                f"{ASKED}: {directive!r} is no directive; write such as: script-src 'unsafe-eval'; "
                "worker-src blob:"
            )
        before = [source for source in allowed.get(name, []) if source != "'none'"]
        allowed[name] = [*before, sources]
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in allowed.items())


def digest(script: str) -> str:
    """Return what a policy calls a script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def mended(page: str, name: str, asked: str = "") -> str:
    """Return a page as it is kept.

    Args:
        page: as the theme's template made it.
        name: such as `book/engine`.
        asked: what its header asks for beyond the policy of the site.
    """
    for pattern, replacement in MENDED.items():
        page = re.sub(pattern, replacement, page, flags=re.DOTALL)
    page = PLAIN.sub(r"\1", page)
    if name != "search":
        page = re.sub(OF_SEARCH, "", page)
    said = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(page, asked))}" />'
    if CHARSET not in page:
        raise ExtensionError(
            f"{name}: the theme writes no {CHARSET} any more; the policy has no place to stand."
        )
    return page.replace(CHARSET, f"{CHARSET}\n    {said}", 1)


def watch(app: Sphinx) -> None:
    """Mend each page between the template that makes it and the file that keeps it."""
    if app.builder.format != "html" or not hasattr(app.builder, "templates"):
        return
    render: Callable[[str, dict[str, Any]], str] = app.builder.templates.render

    def render_and_mend(template: str, context: dict[str, Any]) -> str:
        page, name = render(template, context), context.get("pagename")
        if not (name and page.lstrip().lower().startswith("<!doctype html>")):
            return page  # such as a script that is made from a template
        asked = app.env.metadata.get(name, {}).get(ASKED, "")
        return mended(page, name, asked)

    app.builder.templates.render = render_and_mend


def without_icons(style: str) -> str:
    """Return the theme's style without Font Awesome's part of it, in place of which there is nnz-icons.css.

    Raises:
        ExtensionError: it does not stand where it stood.
    """
    if "Font Awesome" not in style:
        return style
    begin, end = style.find(FROM), style.find(TO)
    if not 0 <= begin < end:
        raise ExtensionError(
            "nnz_strict: the theme's style has Font Awesome in another place; look for it there."
        )
    return style[:begin] + style[end:]


def clear(app: Sphinx, problem: Exception | None) -> None:
    """Remove what the theme brings and no page asks for."""
    if problem or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    for pattern in UNUSED:
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in Path(app.outdir, "_code").rglob(
        "*.html"
    ):  # whose code may come into them after they are made
        text = path.read_text(encoding="utf-8")
        if (plain := PLAIN.sub(r"\1", text)) != text:
            path.write_text(plain, encoding="utf-8")
    style = static / "styles" / "pydata-sphinx-theme.css"
    if style.is_file():
        style.write_text(without_icons(style.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", watch, priority=900)
    app.connect("build-finished", clear, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
