"""The page of the package: every taught module is on it, from the table that the book is made by."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from nnz.press.pages import chapters, toc

pytestmark = pytest.mark.support


@pytest.fixture
def nnz_api(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root / "book" / "_ext")
    return import_module("nnz_api")


def test_the_reference_has_each_taught_module_once(root: Path, nnz_api: ModuleType) -> None:
    taught = [module for chapter in chapters(root).values() for module in chapter["modules"]]
    reference = "".join(nnz_api.reference(part) for part in nnz_api.modules())
    for module in taught:
        assert reference.count(f".. automodule:: nnz.{module}\n") == 1
    assert reference.count("automodule") == len(taught)


def test_every_part_has_its_page_and_the_page_of_the_package_what_is_not_taught(
    root: Path, nnz_api: ModuleType
) -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (root / "book").glob("api*.md")}
    assert nnz_api.NAMES in pages["api"]
    assert "automodule:: nnz.app.command" in pages.pop("api")
    marks = {name.removeprefix("api-"): nnz_api.MODULES.findall(page) for name, page in pages.items()}
    assert marks == {part: [part] for part in nnz_api.modules()}
    assert {path.stem for path in toc(root)} >= pages.keys()


def test_names_are_listed_with_the_anchors_that_they_had_on_one_page(nnz_api: ModuleType) -> None:
    listed = nnz_api.names()
    assert listed.count("](api-") == len(nnz_api.modules())
    assert '<span id="nnz.engine.Value"></span>{py:obj}`~nnz.engine.Value`' in listed
    assert "nnz.ngram._check_order" not in listed


def test_every_taught_module_has_tests_to_which_its_listings_lead(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(root / "book" / "_ext")
    listing = import_module("nnz_listing")
    taught = [module for chapter in chapters(root).values() for module in chapter["modules"]]
    assert [module for module in taught if not listing.test_file(f"nnz.{module}").is_file()] == []
    assert not listing.test_file("nnz.nothing").is_file()


def test_a_page_of_code_under_another_name_allows_the_script_that_has_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(root / "book" / "_ext")
    listing = import_module("nnz_listing")

    def page(name: str) -> str:
        script = f"OPTIONS.pagename = '_code/nnz/{name}';"
        policy = f"<meta content='script-src sha256-{listing.digest(script)}'>"
        return f"{policy}<script>{script}</script><a href='one_more'>_code/nnz/one_more</a>"

    assert listing.renamed(page("one"), "_code/nnz/one", "_code/nnz/two") == page("two")
    # As `printf abc | openssl dgst -sha256 -binary | base64` says.
    assert listing.digest("abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
