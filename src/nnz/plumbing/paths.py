"""Where the files beside the code are: in a checkout, or inside an installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def project_root() -> Path | None:
    """Return the folder of the checkout that this package runs from, or None when it was installed."""
    root = PACKAGE.parents[1]
    return root if (root / "chapters.toml").is_file() else None


def place(folder: str, name: str) -> Path:
    """Return where a checkout keeps a file or a folder, and an installed package keeps it in `_data`."""
    root = project_root()
    return root / folder / name if root else PACKAGE / "_data" / name


def resource(folder: str, name: str) -> Path:
    """Return the path of a file that a checkout keeps in `folder` and an installed package in `_data`.

    Raises:
        FileNotFoundError: if it is in neither place, which means that the installation is incomplete.
    """
    path = place(folder, name)
    if not path.is_file():
        raise FileNotFoundError(f"{name} was expected at {path}. Install nnz again, or clone the book again.")
    return path
