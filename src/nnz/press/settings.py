"""The settings of the book, from conf.py, for all that is no Sphinx."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def settings(root: Path) -> dict[str, Any]:
    """Return what the conf.py of a folder sets, without what it imports and its constants in capitals."""
    before = sys.path[:]
    try:
        found = runpy.run_path(str(root / "conf.py"))
    finally:
        sys.path[:] = before
    return {
        name: value
        for name, value in found.items()
        if not (name.startswith("_") or name.isupper() or isinstance(value, ModuleType | type))
    }
