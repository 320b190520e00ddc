"""A page or two, built by Sphinx with the extensions of the book, without the book."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

EXTENSIONS = Path(__file__).parents[1] / "book" / "_ext"


def built_by_sphinx(folder: Path, conf: str, texts: dict[str, str], above: str = "") -> tuple[Path, str]:
    """Build these pages and an index of them; return the folder of their HTML and what was warned of.

    What an application tells docutils is forgotten with it: the next one of the same process would warn of
    directives that are registered already.
    """
    (folder / "conf.py").write_text(conf, encoding="utf-8")
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    contents = "\n".join(texts)
    index = f"# All\n\n{above}\n\n```{{toctree}}\n{contents}\n```\n"
    (folder / "index.md").write_text(index, encoding="utf-8")
    warned, before, out = StringIO(), sys.path[:], folder / "html"
    try:
        sys.path.insert(0, str(EXTENSIONS))
        with docutils_namespace():
            app = Sphinx(folder, folder, out, folder / "doctrees", "html", status=None, warning=warned)
            app.build()
    finally:
        sys.path[:] = before
    return out, warned.getvalue()


def built_page(folder: Path, conf: str, page: str) -> tuple[str, str]:
    """Build a page of the chapter `network`; return its HTML and what was warned of."""
    out, warned = built_by_sphinx(folder, conf, {"network": page})
    return (out / "network.html").read_text(encoding="utf-8"), warned
