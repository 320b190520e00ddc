"""What leads from a page to the repository is there when an address is configured, and absent when not."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sphinx.errors import ConfigError

from nnz.press.addresses import AddressError, Addresses, addresses, configured
from rendered import built_by_sphinx

pytestmark = pytest.mark.support

CONF = """extensions = ['myst_parser', 'nnz_following']
project = 'Small'
html_theme = 'basic'
"""
REPOSITORY = "https://host.example/owner/book"
PAGES = {"one": "# One & `two`\n\nText.\n"}


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNZ_REPOSITORY_URL", "NNZ_SITE_URL"):
        monkeypatch.delenv(name, raising=False)


def links(page: str) -> dict[str, str]:
    """Return the links below a page, by what they say."""
    found = re.findall(r'<p class="follow-up">(.*?)</p>', page)
    return {said: unescape(link) for line in found for link, said in re.findall(r'href="(.*?)">(.*?)<', line)}


def test_without_an_address_a_page_has_no_such_links(tmp_path: Path) -> None:
    out, warned = built_by_sphinx(tmp_path, CONF, PAGES)
    page = (out / "one.html").read_text(encoding="utf-8")
    assert not warned
    assert "follow-up" not in page
    assert "canonical" not in page


def test_with_addresses_a_page_leads_to_its_source_a_form_and_its_own_public_address(tmp_path: Path) -> None:
    conf = f"{CONF}repository_url = '{REPOSITORY}/'\nsite_url = 'https://site.example/book/'\n"
    out, warned = built_by_sphinx(tmp_path, conf, PAGES)
    page = (out / "one.html").read_text(encoding="utf-8")
    assert not warned
    found = links(page)
    assert found["Source of this page"] == f"{REPOSITORY}/blob/main/one.md"
    form = urlsplit(found["Report a fault on this page"])
    assert form._replace(query="").geturl() == f"{REPOSITORY}/issues/new"
    asked = parse_qs(form.query)
    assert asked["title"] == ["Fault on the page “One & two”"]
    assert "one.md" in asked["body"][0]
    assert '<link rel="canonical" href="https://site.example/book/one.html"' in page
    index = (out / "genindex.html").read_text(encoding="utf-8")  # which has no source
    assert not links(index)
    assert "canonical" not in index


def test_the_environment_goes_before_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNZ_REPOSITORY_URL", REPOSITORY)
    assert addresses({"repository_url": "https://other.example"}).repository == REPOSITORY


@pytest.mark.parametrize(
    ("repository", "source", "form"),
    [
        ("https://github.com/o/b", "/blob/main/book/x.md", "/issues/new?title="),
        ("https://gitlab.host.example/o/b", "/-/blob/main/book/x.md", "/-/issues/new?issue%5Btitle%5D="),
        ("https://codeberg.org/o/b", "/src/branch/main/book/x.md", "/issues/new?title="),
    ],
)
def test_each_kind_of_host_has_its_own_forms(repository: str, source: str, form: str) -> None:
    there = Addresses(repository)
    assert there.source("book/x.md") == repository + source
    assert there.fault("book/x.md", "X", "1").startswith(repository + form)


def test_what_is_not_known_has_no_address() -> None:
    assert Addresses().source("book/x.md") == ""
    assert Addresses().fault("book/x.md", "X", "1") == ""
    assert Addresses().page("index.html") == ""
    assert Addresses(site="https://a.example/b").page("ä.html") == "https://a.example/b/%C3%A4.html"


@pytest.mark.parametrize(
    "given", ["host/owner", "ftp://host/x", "https://", "https://a b/", "https://a/?b", "https://a/#b"]
)
def test_what_is_no_address_of_a_site_is_refused_with_what_to_write(given: str, tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"site_url \(or NNZ_SITE_URL\) is .*; give an address such as"):
        addresses({"site_url": given})
    with pytest.raises(ConfigError, match="repository_url"):
        built_by_sphinx(tmp_path, f"{CONF}repository_url = {given!r}\n", PAGES)


def test_the_book_itself_names_no_address(root: Path) -> None:
    """Nobody publishes it from here; and all that reads its settings gets the same."""
    assert configured(root) == Addresses()
