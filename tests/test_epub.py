"""The EPUB: a zip that a reading device opens, pages that are XML, links and pictures that are in it."""

from __future__ import annotations

import posixpath
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urldefrag
from xml.etree import ElementTree

import pytest

from nnz.press import epub, volume
from nnz.press.epub import About, Dress
from nnz.press.formulas import Formula
from nnz.press.volume import VolumeError
from small_site import small_site

pytestmark = pytest.mark.support
ABOUT = About("A <book>", "The authors", "0.1", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "About & more")
MATHML = {
    Formula("a < b", False): '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>a</mi></math>',
    Formula("x_1", True): '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi></math>',
}
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def book(tmp_path: Path) -> zipfile.ZipFile:
    small_site(tmp_path)
    return made(tmp_path)


def made(root: Path, name: str = "book.epub") -> zipfile.ZipFile:
    leaves = volume.read(root)
    epub.write(root / name, leaves, ABOUT, Dress("p {}", b"png", {"math.ttf": b"font"}), MATHML)
    return zipfile.ZipFile(root / name)


def test_the_first_file_says_what_it_is_and_is_not_compressed(book: zipfile.ZipFile) -> None:
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert book.read("mimetype") == b"application/epub+zip"
    assert b'full-path="book/book.opf"' in book.read("META-INF/container.xml")


def test_every_page_is_xml_without_scripts_and_all_that_it_names_is_there(book: zipfile.ZipFile) -> None:
    names = {*book.namelist()}
    pages = {name: ElementTree.fromstring(book.read(name)) for name in names if name.endswith(".xhtml")}
    assert {"book/one.xhtml", "book/one-answers.xhtml", "book/contents.xhtml", "book/cover.xhtml"} <= {*pages}
    for name, page in pages.items():
        assert page.find(f".//{XHTML}script") is None
        for element in page.iter():
            assert not [key for key in element.attrib if key.startswith("on")]
            for target in (element.get("src"), element.get("href")):
                if not target or target.startswith("https:"):
                    continue
                path, anchor = urldefrag(target)
                where = posixpath.normpath(posixpath.join("book", path)) if path else name
                assert where in names
                if anchor:
                    assert pages[where].find(f".//*[@id='{anchor}']") is not None


def test_the_package_lists_every_file_and_what_a_library_asks_for(book: zipfile.ZipFile) -> None:
    package = ElementTree.fromstring(book.read("book/book.opf"))
    items = {item.get("href"): item for item in package.iter("{http://www.idpf.org/2007/opf}item")}
    assert {f"book/{name}" for name in items} | {"mimetype", "META-INF/container.xml", "book/book.opf"} == {
        *book.namelist()
    }
    assert "mathml" in items["one.xhtml"].get("properties", "")
    assert items["contents.xhtml"].get("properties") == "nav"
    assert items["images/cover.png"].get("properties") == "cover-image"
    said = "".join(package.itertext())
    for word in (
        "A <book>",
        "The authors",
        "About & more",
        "2026-01-02T03:04:05Z",
        "alternativeText",
        "MathML",
    ):
        assert word in said
    spine = [item.get("idref") for item in package.iter("{http://www.idpf.org/2007/opf}itemref")]
    assert spine == [
        f"f-{name}.xhtml" for name in ("cover", "contents", "index", "one", "two", "one-answers")
    ]


def test_formulas_are_mathml_and_keep_their_numbers(book: zipfile.ZipFile) -> None:
    page = book.read("book/one.xhtml").decode()
    assert page.count("<math ") == 2
    assert '<mi>x</mi></math><span class="eqno">(1.1)</span>' in page
    assert "\\(" not in page


def test_code_has_no_numbers_of_lines_which_a_device_would_copy(book: zipfile.ZipFile) -> None:
    assert "linenos" not in book.read("book/one.xhtml").decode()
    assert "def f():\n    return 1" in book.read("book/one.xhtml").decode()


def test_the_contents_have_parts_chapters_and_sections(book: zipfile.ZipFile) -> None:
    contents = book.read("book/contents.xhtml").decode()
    assert '<li><span>Beginnings</span><ol><li><a href="one.xhtml">1. One</a><ol>' in contents
    assert '<a href="one.xhtml#one--first-part">First part</a>' in contents


def test_the_same_volume_is_the_same_file(tmp_path: Path) -> None:
    small_site(tmp_path)
    made(tmp_path, "a.epub")
    made(tmp_path, "b.epub")
    assert (tmp_path / "a.epub").read_bytes() == (tmp_path / "b.epub").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.epub") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_missing_picture_is_an_error_that_leaves_no_file(tmp_path: Path) -> None:
    html = small_site(tmp_path)
    (html / "_images" / "line.svg").unlink()
    with pytest.raises(VolumeError, match=r"line\.svg of one is not in the built book"):
        made(tmp_path)
    assert not (tmp_path / "book.epub").exists()
