"""What runs the cells of a notebook: nbclient, reaching its kernel by a name that no other process can take."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from traitlets.config import Config


def client_of(notebook: Any, folder: Path) -> NotebookClient:
    """Return what runs the cells of a notebook in a folder.

    By itself Jupyter looks for five free ports, lets go of them, and hopes that they are free still when the
    kernel wants them: on a busy machine a page may end before its first cell. Linux has sockets with names.
    """
    settings = Config()
    if sys.platform == "linux":
        settings.KernelManager.transport = "ipc"
        settings.KernelManager.ip = f"@{uuid.uuid4()}"  # @: a name that is no file's
    return NotebookClient(
        notebook,
        config=settings,
        timeout=None,
        kernel_name="python3",
        record_timing=True,
        resources={"metadata": {"path": str(folder)}},
    )
