"""How the book is cited: CITATION.cff as an entry of BibTeX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SPECIAL = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "&%$#_{}"}}


def citation(root: Path) -> dict[str, Any]:
    """Return what CITATION.cff says."""
    found: dict[str, Any] = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return found


def bibtex(said: Mapping[str, Any], url: str = "") -> str:
    """Return the entry for what a CITATION.cff says, at an address if there is one."""
    authors = " and ".join(f"{{{_escaped(_name(author))}}}" for author in said["authors"])
    fields = {
        "author": authors,
        "title": f"{{{_escaped(str(said['title']))}}}",
        "year": str(said["date-released"])[:4],
        "version": _escaped(str(said["version"])),
        "note": f"Version {_escaped(str(said['version']))}",
        "url": url,
    }
    width = max(map(len, fields))
    lines = [f"  {name:{width}} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@misc{nnz,", *lines, "}"])


def _name(author: Mapping[str, str]) -> str:
    """Return the name of a person or of a group."""
    parts = (author.get("name"), author.get("given-names"), author.get("family-names"))
    return " ".join(filter(None, parts))


def _escaped(text: str) -> str:
    return "".join(SPECIAL.get(sign, sign) for sign in text)
