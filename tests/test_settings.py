"""The settings of the book are in conf.py alone, and both ways to build it have the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nnz.press.settings import settings

pytestmark = pytest.mark.support

# What a build settles, as `sphinx` and as `jupyter-book build` begin it.
BEGIN = {
    "sphinx": "app = Sphinx(root, root, out, out, 'html', status=None)",
    "jupyter-book": """
from jupyter_book.config import get_final_config
options = {'latex_individualpages': False}
made, _ = get_final_config(user_yaml=root / '_config.yml', cli_config=options, sourcedir=root)
app = Sphinx(root, None, out, out, 'html', confoverrides=made, status=None)
""",
}
PROGRAM = """
import json, sys
from pathlib import Path
from sphinx.application import Sphinx
root, out = map(Path, sys.argv[1:])
{begin}
found = {{value.name: repr(value.value).partition(' at 0x')[0] for value in app.config}}
(out / 'settled.json').write_text(json.dumps([found, sorted(app.extensions)]), encoding='utf-8')
"""


def settled(root: Path, out: Path, begin: str) -> tuple[dict[str, str], list[str]]:
    out.mkdir()
    command = [sys.executable, "-c", PROGRAM.format(begin=BEGIN[begin]), str(root), str(out)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    found, extensions = json.loads((out / "settled.json").read_text(encoding="utf-8"))
    return found, extensions


def test_jupyter_book_builds_with_the_settings_of_conf_py(root: Path, tmp_path: Path) -> None:
    ours, loaded = settled(root, tmp_path / "ours", "sphinx")
    theirs, loaded_there = settled(root, tmp_path / "theirs", "jupyter-book")
    set_here = [
        name for name in settings(root) if name in ours and name not in ("extensions", "html_static_path")
    ]
    assert len(set_here) > 30
    assert {name: theirs[name] for name in set_here} == {name: ours[name] for name in set_here}
    assert set(loaded) <= set(loaded_there)
    # The day Jupyter Book goes, nothing of it is missed.
    assert not [name for name in loaded if "jupyter" in name or "thebe" in name or "comments" in name]


def test_a_setting_stands_in_conf_py_and_in_no_other_place(root: Path) -> None:
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    assert config == {
        "title": settings(root)["html_title"],
        "sphinx": {"local_extensions": {"nnz_settings": "book/_ext"}},
    }, "write into conf.py what _config.yml says beyond this; `make book` does not read it"


def test_settings_leave_the_path_of_modules_as_it_was(root: Path) -> None:
    before = sys.path[:]
    assert "repository_url" in settings(root)
    assert sys.path == before
