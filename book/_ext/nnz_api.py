"""Write the reference of the taught modules: `{modules}` on the page of the package, from chapters.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from nnz.press.pages import chapters

ROOT = Path(__file__).resolve().parents[2]
MARK = "```{modules}\n```\n"
# What is documented twice: by a NamedTuple, and as an attribute that is a function.
TWICE = {"packed": "tokens, parents, rows", "recipe": "source"}


def reference() -> str:
    """Return a section for each taught module, in the order of the book."""
    lines = []
    for chapter in chapters(ROOT).values():
        for module in chapter["modules"]:
            lines += [f"### nnz.{module}", ""]
            lines += ["```{eval-rst}", f".. automodule:: nnz.{module}", "   :members:"]
            if module in TWICE:
                lines.append(f"   :exclude-members: {TWICE[module]}")
            lines += ["```", ""]
    return "\n".join(lines)


def put_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the mark by what it stands for, before the page is read."""
    if MARK in source[0]:
        app.env.note_dependency(str(ROOT / "chapters.toml"))
        source[0] = source[0].replace(MARK, reference())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
