"""Where the book's repository and its published site are, if that is known, and what follows from it.

Both are settings of the book, empty unless somebody publishes it: `repository_url` and `site_url`. The environment
variables `NNZ_REPOSITORY_URL` and `NNZ_SITE_URL` go before them, so that whoever publishes a copy changes no file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from nnz.press.settings import settings

BODY = "On the page {page}, edition {edition}:\n\n(What is wrong, and what did you expect?)\n"


class AddressError(ValueError):
    """An address cannot be used."""


class Addresses(NamedTuple):
    """The two addresses and the branch that the book is built from; an address that is not known is empty."""

    repository: str = ""
    branch: str = "main"
    site: str = ""

    @property
    def host(self) -> str:
        """Whose forms of addresses the repository has: `github`, `gitlab` or `gitea` (Forgejo, Codeberg)."""
        name = urlsplit(self.repository).netloc
        if "gitlab" in name:
            return "gitlab"
        return "gitea" if any(word in name for word in ("codeberg", "gitea", "forgejo")) else "github"

    def source(self, path: str) -> str:
        """Return the address of a file, given by its path below the root, or "" without a repository."""
        between = {"github": "blob", "gitlab": "-/blob", "gitea": "src/branch"}[self.host]
        return self.repository and f"{self.repository}/{between}/{quote(self.branch)}/{quote(path)}"

    def fault(self, path: str, title: str, edition: str) -> str:
        """Return the address of a form, filled in, for a fault of the page that comes from a file; or ""."""
        title, body = f"Fault on the page “{title}”", BODY.format(page=path, edition=edition)
        if self.host == "gitlab":
            query = urlencode({"issue[title]": title, "issue[description]": body})
            return self.repository and f"{self.repository}/-/issues/new?{query}"
        return self.repository and f"{self.repository}/issues/new?{urlencode({'title': title, 'body': body})}"

    def page(self, name: str) -> str:
        """Return the public address of a page or a file of the site, such as `book/engine.html`, or ""."""
        return self.site and f"{self.site}/{quote(name)}"


def addresses(given: Mapping[str, Any]) -> Addresses:
    """Return the addresses that settings such as those of conf.py give, or the environment.

    Raises:
        AddressError: one is no address of a site, or has a question mark or a hash.
    """
    repository = _checked("repository_url", given)
    branch = str(given.get("repository_branch") or Addresses().branch)
    return Addresses(repository, branch, _checked("site_url", given))


def configured(root: Path) -> Addresses:
    """Return the addresses that the book in this folder has, for programs that are no part of its build."""
    return addresses(settings(root))


def _checked(name: str, settings_of: Mapping[str, Any]) -> str:
    """Return the address of that name without a slash at its end."""
    variable = f"NNZ_{name.upper()}"
    given = os.environ.get(variable) or str(settings_of.get(name) or "")
    parts = urlsplit(given)
    whole = parts.scheme in ("http", "https") and parts.netloc and not (parts.query or parts.fragment)
    if given and not (whole and given.split() == [given]):
        raise AddressError(
            f"{name} (or {variable}) is {given!r}; give an address such as https://host/owner/book, "
            "or leave it empty."
        )
    return given.rstrip("/")
