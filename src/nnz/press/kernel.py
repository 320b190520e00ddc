"""The Python in which the cells of a page run: this environment's own, whatever else the machine offers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# What is changed of the environment.
SET = ("IPYTHONDIR", "JUPYTER_PATH", "MATPLOTLIBRC", "MPLCONFIGDIR", "MPL_IGNORE_SYSTEM_FONTS")


def use_own_python(folder: Path) -> None:
    """Let the kernel `python3` be this very Python, without a user's settings, here and in processes begun here.

    Jupyter looks for kernels in `JUPYTER_PATH` first, then in the user's folder and the environment's; so a
    kernel of that name goes to the front. IPython's own folder, with a user's startup files, is left aside.
    So is matplotlib's, see `use_own_matplotlib`.

    Args:
        folder: where to write, below the build.
    """
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": argv, "display_name": "Python 3", "language": "python"}
    spec.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    (folder / "ipython").mkdir(exist_ok=True)
    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    before = [
        part for part in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if part and part != str(folder)
    ]
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(folder), *before])
    use_own_matplotlib(folder / "matplotlib")


def use_own_matplotlib(folder: Path) -> None:
    """Let matplotlib take nothing from a user or the machine, here and in processes begun here.

    Neither settings, nor the list of fonts in a user's cache, which any program of theirs may have spoilt: one
    that ran while its environment was deleted leaves a list without matplotlib's own fonts, and every figure
    warns. Nor the machine's fonts, as figures use those that come with matplotlib.

    Args:
        folder: where matplotlib may write.
    """
    folder.mkdir(exist_ok=True)
    os.environ |= {"MPLCONFIGDIR": str(folder), "MPL_IGNORE_SYSTEM_FONTS": "1"}
    os.environ.pop("MATPLOTLIBRC", None)
