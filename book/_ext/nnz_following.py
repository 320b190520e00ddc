"""Following up: what leads from a page to the repository, and its public address, where these are configured.

Settings: `repository_url`, `repository_branch` and `site_url`, all described in `nnz.press.addresses`.
Without them nothing of it is on the page.
"""

from __future__ import annotations

import re
import tomllib
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from nnz.press.addresses import AddressError, Addresses, addresses

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"repository_url": "", "repository_branch": Addresses().branch, "site_url": ""}


def settle(app: Sphinx, config: Config) -> None:
    """Check the addresses, and keep them as they are used: `app.config.repository_url` has no slash at its end."""
    try:
        found = addresses({name: config[name] for name in SETTINGS})
    except AddressError as error:
        raise ConfigError(str(error)) from None
    config.repository_url, config.repository_branch, config.site_url = found
    if found.site:
        config.html_baseurl = f"{found.site}/"


def of(app: Sphinx) -> Addresses:
    """Return the addresses of a build."""
    return Addresses(*(app.config[name] for name in SETTINGS))


def edition() -> str:
    """Return the version of the book, which is that of its package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def source_of(app: Sphinx, page: str) -> str:
    """Return the file that a page is made from, below the root; "" for an index, or code that is shown whole."""
    if page in app.env.found_docs:
        return Path(app.env.doc2path(page)).relative_to(app.srcdir).as_posix()
    return ""


def follow_up(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    """Put below a page where a fault of it is reported and where its source is."""
    path = source_of(app, page)
    if not path:
        context.pop("pageurl", None)  # pages of code are made alike, whatever their names
    if not (path and app.config.repository_url):
        return
    there, title = of(app), plain(context.get("title") or page)
    links = {
        "Report a fault on this page": there.fault(path, title, edition()),
        "Source of this page": there.source(path),
    }
    shown = " · ".join(f'<a href="{escape(link)}">{said}</a>' for said, link in links.items())
    context["body"] = context.get("body", "") + f'<p class="follow-up">{shown}</p>\n'


def plain(html: str) -> str:
    """Return a piece of HTML as text."""
    return unescape(re.sub("<[^>]*>", "", html))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the settings with Sphinx, and what follows from them."""
    for name, default in SETTINGS.items():
        app.add_config_value(name, default, "html", str)
    app.connect("config-inited", settle)
    app.connect("html-page-context", follow_up)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
