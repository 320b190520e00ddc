"""Give the settings of conf.py to a build that does not read it: that of `jupyter-book build .`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from nnz.press.settings import settings

ROOT = Path(__file__).resolve().parents[2]


def put_in(app: Sphinx, config: Config) -> None:
    """Set all of them, whatever Jupyter Book has made of its own."""
    for name, value in settings(ROOT).items():
        if name in config and name != "extensions":
            setattr(config, name, value)


def setup(app: Sphinx) -> dict[str, Any]:
    """Load the extensions that Jupyter Book has not, and put the settings in before others look at them."""
    for name in settings(ROOT)["extensions"]:
        app.setup_extension(name)
    app.connect("config-inited", put_in, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
