"""Write the reference of the taught modules: `{modules}` for the page of a part, `{names}` for that of all."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from nnz.press.pages import by_part, chapters

ROOT = Path(__file__).resolve().parents[2]
MODULES = re.compile(r"```\{modules\} ([a-z-]+)\n```\n")
NAMES = "```{names}\n```\n"
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


def reference(part: str) -> str:
    """Return a section for each module that a part of the book teaches, in its order."""
    lines = []
    for module in modules()[part]:
        lines += [f"## nnz.{module}", ""]
        lines += ["```{eval-rst}", f".. automodule:: nnz.{module}", "   :members:"]
        if names := twice(module):
            lines.append(f"   :exclude-members: {', '.join(names)}")
        lines += ["```", ""]
    return "\n".join(lines)


def modules() -> dict[str, list[str]]:
    """Return the modules that each part teaches, by the part."""
    table = chapters(ROOT)
    return {part: [m for name in of for m in table[name]["modules"]] for part, of in by_part(ROOT).items()}


def public(module: str) -> list[str]:
    """Return the names of a module's public classes and functions, in their order."""
    tree = ast.parse((ROOT / "src" / "nnz" / f"{module}.py").read_text(encoding="utf-8"))
    kinds = ast.ClassDef | ast.FunctionDef
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def names() -> str:
    """Return a list of all that is taught, with a link to each name, part by part and module by module.

    Each name has the anchor that its definition has on the page of its part: they all stood on one page once.
    """
    lines = []
    for part, of in modules().items():
        lines += [f"[](api-{part}.md)"]
        for module in of:
            links = [
                f'<span id="nnz.{module}.{name}"></span>{{py:obj}}`~nnz.{module}.{name}`'
                for name in public(module)
            ]
            lines += [f": {{py:mod}}`nnz.{module}`: {', '.join(links)}"]
        lines += [""]
    return "\n".join(lines)


def put_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace a mark by what it stands for, before the page is read."""
    if found := MODULES.search(source[0]):
        source[0] = source[0].replace(found[0], reference(found[1]))
    elif NAMES in source[0]:
        source[0] = source[0].replace(NAMES, names())
    else:
        return
    for name in ("chapters.toml", "_toc.yml"):
        app.env.note_dependency(str(ROOT / name))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
