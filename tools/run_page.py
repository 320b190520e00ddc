"""Execute the cells of one page and write them down with what they gave. `tools/build.py` runs it for each page.

    python tools/run_page.py book/engine.md out.ipynb KEY

Exit code 1 means that a cell failed; what it said is in `out.err`, which ends with the error.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.provisioning import local_provisioner
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbclient.exceptions import CellExecutionError, DeadKernelError

from nnz.plumbing.files import replaced
from nnz.plumbing.machine import end_with_parent
from nnz.press.client import client_of


def read(path: Path) -> Any:
    """Return a page as the notebook that MyST-NB reads it as, or None if it has no cells to run."""
    text = path.read_text(encoding="utf-8")
    reader = create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text)
    return reader.read(text) if reader else None


def execute(notebook: Any, folder: Path, launch: Callable[..., Any] | None = None) -> str:
    """Run all cells, outputs into the notebook; return the report of the cell that failed, or nothing.

    The kernel is a process begun from nothing, unless there is something else that launches it.
    """
    if launch:
        vars(local_provisioner)["launch_kernel"] = launch
    try:
        client_of(notebook, folder).execute()
    except CellExecutionError as error:
        return str(error)
    except DeadKernelError as error:
        return f"{error} Was there too little memory?"
    return ""


def seconds_by_cell(notebook: Any) -> list[float]:
    """Take the times that nbclient noted out of the cells and return the seconds of each."""
    taken = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            times = cell.metadata.pop("execution", {})
            stamps = [
                nbformat_time(times[key])
                for key in ("iopub.execute_input", "shell.execute_reply")
                if key in times
            ]
            taken.append(round(stamps[1] - stamps[0], 2) if len(stamps) == 2 else 0.0)
    return taken


def nbformat_time(stamp: str) -> float:
    """Return seconds since the epoch for a time as nbclient writes it."""
    from datetime import datetime

    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def main(page: str, out: str, key: str, *, launch: Callable[..., Any] | None = None) -> int:
    """Execute a page and return 1 if a cell failed."""
    end_with_parent()
    path, target = Path(page).resolve(), Path(out)
    notebook = read(path)
    report = execute(notebook, path.parent, launch)
    if report:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", report)
        target.with_suffix(".err").write_text(plain, encoding="utf-8")
        return 1
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    notebook.metadata["nnz"] = {
        "key": key,
        "seconds": round(used.ru_utime + used.ru_stime, 1),
        "megabytes": used.ru_maxrss // 1024,
        "cells": seconds_by_cell(notebook),
    }
    with replaced(target) as beside:
        beside.write_text(nbformat.writes(notebook), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
