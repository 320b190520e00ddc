"""`{licenses}`: a table of what the package runs on, with the versions and licenses of this build.

`{licenses} brython` is one of the packages that are named, without what they need in turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from nnz.press.licenses import UNKNOWN, installed, runtime
from nnz_tables import row, table

ROOT = Path(__file__).resolve().parents[2]


class Licenses(SphinxDirective):
    """Writes the table; a package that does not state its license stops the build."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / "pyproject.toml"))
        named = self.arguments[0].split() if self.arguments else []
        packages = installed(named or runtime(ROOT))
        if named:
            packages = [package for package in packages if package.package in named]
        if unstated := [package.package for package in packages if package.license == UNKNOWN]:
            raise ExtensionError(f"these packages do not state their license: {', '.join(unstated)}")
        return [table(dict.fromkeys(("package", "version", "license"), 30), (row(*p) for p in packages))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("licenses", Licenses)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
