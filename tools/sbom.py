"""Write what the package runs on as a bill of materials, in the format CycloneDX: `make sbom`.

The packages, versions and licenses of the colophon, as they are installed here, and which of them needs which.
Needs the optional group `sbom` of pyproject.toml.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nnz.press.licenses import installed, runtime

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "_build" / "sbom.json"


def component(name: str, version: str, license: str, kind: ComponentType) -> Component:
    """Return what a bill says of one package."""
    key = canonicalize_name(name)
    url = PackageURL("pypi", name=key, version=version)
    terms = LicenseFactory().make_from_string(license)
    return Component(name=name, version=version, type=kind, purl=url, bom_ref=f"{url}", licenses=[terms])


def bill(root: Path) -> Bom:
    """Return the bill of the package in a checkout."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bom = Bom()
    whole = component(project["name"], project["version"], project["license"], ComponentType.LIBRARY)
    bom.metadata.component = whole
    parts = {
        canonicalize_name(package.package): component(*package, ComponentType.LIBRARY)
        for package in installed(runtime(root))
    }
    for part in parts.values():
        bom.components.add(part)
    needs = {whole: runtime(root)} | {part: requires(name) or [] for name, part in parts.items()}
    for one, texts in needs.items():
        names = [canonicalize_name(need.name) for need in map(Requirement, texts) if applies(need)]
        bom.register_dependency(one, [parts[name] for name in names if name in parts])
    return bom


def applies(need: Requirement) -> bool:
    """Whether a requirement is one of this system, and of no extra."""
    return need.marker is None or need.marker.evaluate({"extra": ""})


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(JsonV1Dot6(bill(ROOT)).output_as_string(indent=1) + "\n", encoding="utf-8")
    print(f"wrote {OUT.relative_to(ROOT)}", file=sys.stderr)
