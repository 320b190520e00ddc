"""What the package runs on says under which license it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnz.press import licenses

pytestmark = pytest.mark.support


def make(site: Path, name: str, *lines: str) -> None:
    """Install a package that is nothing but its metadata."""
    folder = site / f"{name}-1.5.dist-info"
    folder.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.5", *lines])
    (folder / "METADATA").write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_license_is_an_expression_a_short_text_or_a_classifier(site: Path) -> None:
    mit = "Classifier: License :: OSI Approved :: MIT License"
    make(site, "onea", "License-Expression: " + " AND ".join(["BSD-3-Clause"] * 9), "License: MIT", mit)
    make(site, "oneb", "License: Apache 2.0", mit)
    make(site, "onec", "License: Copyright (c) 2005. " + "All rights reserved by all of us. " * 3, mit)
    make(site, "oned", "License: UNKNOWN", mit)
    make(site, "onee", "Classifier: Topic :: Software Development")
    found = licenses.installed(["onea", "oneb>=1", "onec", "oned", "onee"])
    assert [package.license for package in found] == [
        *(" AND ".join(["BSD-3-Clause"] * 9), "Apache 2.0", "MIT License", "MIT License", licenses.UNKNOWN)
    ]
    assert found[1] == ("oneb", "1.5", "Apache 2.0")


def test_what_a_package_requires_is_listed_too_once_and_where_it_applies(site: Path) -> None:
    make(
        site,
        "top_one",
        "License: MIT",
        "Requires-Dist: below-one",
        "Requires-Dist: only-elsewhere; sys_platform == 'elsewhere'",
        "Requires-Dist: only-extra; extra == 'more'",
        "Requires-Dist: not-installed",
    )
    make(site, "below_one", "License: MIT", "Requires-Dist: top.one")
    make(site, "only_elsewhere", "License: MIT")
    make(site, "only_extra", "License: MIT")
    assert [package.package for package in licenses.installed(["Top-One"])] == ["below_one", "top_one"]
    with_extra = [package.package for package in licenses.installed(["top_one[more]", "below-one"])]
    assert with_extra == ["below_one", "only_extra", "top_one"]


def test_all_that_the_package_runs_on_states_its_license(root: Path) -> None:
    found = licenses.installed(licenses.runtime(root))
    assert {"torch", "numpy", "safetensors", "urllib3"} <= {package.package for package in found}
    assert [package for package in found if package.license == licenses.UNKNOWN] == []


def test_a_table_of_named_packages_has_no_others(tmp_path: Path, root: Path) -> None:
    conf = f"import sys\nsys.path.append({str(root / 'book/_ext')!r})\nextensions = ['nnz_licenses']\n"
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    (tmp_path / "index.rst").write_text("One\n===\n\n.. licenses:: brython filelock\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(tmp_path), str(tmp_path / "out")]
    subprocess.run(command, check=True)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("<tr") == 3
    assert "<p>brython</p>" in page
    assert "BSD" in page


def test_the_page_shows_them_in_a_table(tmp_path: Path, root: Path) -> None:
    conf = f"import sys\nsys.path.append({str(root / 'book/_ext')!r})\nextensions = ['nnz_licenses']\n"
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    (tmp_path / "index.rst").write_text("One\n===\n\n.. licenses::\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(tmp_path), str(tmp_path / "out")]
    subprocess.run(command, check=True)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    for package in licenses.installed(["safetensors", "filelock"]):
        assert f"<p>{package.package}</p></td>\n<td><p>{package.version}</p>" in page
