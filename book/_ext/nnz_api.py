"""Write the reference of the taught modules: `{modules}` on the page of the package, from chapters.toml."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from nnz.press.pages import chapters

ROOT = Path(__file__).resolve().parents[2]
MARK = "```{modules}\n```\n"
FUNCTIONS = {"recipe": ["source"]}  # attributes that are functions, which would be documented twice


def twice(module: str) -> list[str]:
    """Return what a module would document twice: fields of its NamedTuples, and attributes that are functions."""
    tree = ast.parse((ROOT / "src" / "nnz" / f"{module}.py").read_text(encoding="utf-8"))
    fields = [
        line.target.id
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "NamedTuple" for base in node.bases)
        for line in node.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    ]
    return fields + FUNCTIONS.get(module, [])


def reference() -> str:
    """Return a section for each taught module, in the order of the book."""
    lines = []
    for chapter in chapters(ROOT).values():
        for module in chapter["modules"]:
            lines += [f"### nnz.{module}", ""]
            lines += ["```{eval-rst}", f".. automodule:: nnz.{module}", "   :members:"]
            if names := twice(module):
                lines.append(f"   :exclude-members: {', '.join(names)}")
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
