"""What the package runs on, and under which license: from what the installed packages say themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UNKNOWN = "not stated"
LONGEST = 60  # characters of a license's name; what is longer is its text


class Licensed(NamedTuple):
    """An installed package, its version, and the name of its license."""

    package: str
    version: str
    license: str


def runtime(root: Path) -> list[str]:
    """Return what pyproject.toml asks for, for the package itself to run."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def installed(requirements: Iterable[str]) -> list[Licensed]:
    """Return the packages that meet these requirements here, and all that they require in turn, by name."""
    found: dict[str, Licensed] = {}
    left = [(Requirement(text), "") for text in requirements]
    while left:
        wanted, extra = left.pop()
        name = canonicalize_name(wanted.name)
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        try:
            package = distribution(wanted.name)
        except PackageNotFoundError:
            continue  # what the lists of other systems ask for
        if name not in found:
            found[name] = Licensed(package.metadata["Name"], package.version, license_of(package))
            left += [(Requirement(text), "") for text in package.requires or ()]
        for extra in wanted.extras:
            left += [(Requirement(text), extra) for text in package.requires or () if "extra" in text]
    return [found[name] for name in sorted(found)]


def license_of(package: Distribution) -> str:
    """Return the name of a package's license: an expression, else its name if it is short, else a classifier."""
    metadata = cast(Mapping[str, str | None], package.metadata)
    if expression := metadata.get("License-Expression"):
        return expression
    named = (metadata.get("License") or "").strip()
    if named and named != "UNKNOWN" and "\n" not in named and len(named) <= LONGEST:
        return named
    classifiers = package.metadata.get_all("Classifier") or []
    named = ", ".join(c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: "))
    return named or UNKNOWN
