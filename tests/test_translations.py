"""A translation keeps what a translator must not change, and what it has reaches the page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from rendered import built_by_sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import translate  # noqa: E402

pytestmark = pytest.mark.support

BEGUN = sorted((ROOT / "locale").rglob("*.po"))
# Links, roles and code: the same in every language.
KEPT = re.compile(r"\]\([^)]*\)|\{[\w:.-]+\}`[^`]*`|(?<![}`])`[^`]+`")
PAGE = "# How\n\nRead `all` of [it](#how).\n\nNot yet.\n"


def of(path: Path) -> tuple[translate.Locale, Catalog]:
    locale = translate.language(path.relative_to(ROOT / "locale").parts[0])
    return locale, translate.read(path, locale)


def catalog(folder: Path, **said: str) -> Path:
    """Write a translation of some messages of the page `one`."""
    path = folder / "locale" / "de" / "LC_MESSAGES" / "one.po"
    path.parent.mkdir(parents=True)
    made = Catalog(locale="de")
    for source, text in {"How": "Wie", "Read `all` of [it](#how).": "Lies es `all` [hier](#how)."}.items():
        made.add(source, said.get(source, text))
    with path.open("wb") as file:
        write_po(file, made)
    return path


def test_there_is_a_translation_to_begin_with() -> None:
    assert ROOT / "locale/de/LC_MESSAGES/book/reading.po" in BEGUN


@pytest.mark.parametrize("path", BEGUN, ids=lambda path: "-".join(path.parts[-4:]))
def test_a_translation_keeps_links_roles_and_code(path: Path) -> None:
    _, messages = of(path)
    for message in messages:
        if message.id and message.string:
            assert sorted(KEPT.findall(message.string)) == sorted(KEPT.findall(message.id)), message.id


@pytest.mark.parametrize("path", BEGUN, ids=lambda path: "-".join(path.parts[-4:]))
def test_a_translation_that_is_kept_is_of_a_page_that_is_there(path: Path) -> None:
    page = Path(*path.relative_to(ROOT / "locale").parts[2:]).with_suffix(".md")
    assert (ROOT / page).is_file()
    done, there = translate.said_of(of(path)[1])
    assert done == there, f"{there - done} messages are not translated; make gettext marks them"


def test_the_page_is_shown_in_the_language_where_it_is_translated(tmp_path: Path) -> None:
    catalog(tmp_path)
    conf = (
        "extensions = ['myst_parser']\nlanguage = 'de'\nlocale_dirs = ['locale']\ngettext_compact = False\n"
    )
    out, _ = built_by_sphinx(
        tmp_path, f"{conf}html_theme = 'basic'\nmyst_heading_anchors = 2\n", {"one": PAGE}
    )
    page = (out / "one.html").read_text(encoding="utf-8")
    assert '<html lang="de"' in page
    plain = re.sub("<[^>]*>", "", page)
    assert "Lies es all hier." in plain
    assert "Not yet." in plain


def test_a_translation_is_brought_up_to_date_and_loses_nothing(tmp_path: Path) -> None:
    path, template = catalog(tmp_path), tmp_path / "one.pot"
    changed = Catalog()
    for source in ("How", "Read `all` of [it](#how) twice.", "New."):
        changed.add(source)
    with template.open("wb") as file:
        write_po(file, changed)
    found = translate.updated(path, template, translate.language("de"))
    assert translate.said_of(found) == (1, 3)
    again = translate.read(path, translate.language("de"))
    assert again["How"].string == "Wie"
    assert again[
        "Read `all` of [it](#how) twice."
    ].fuzzy  # what was said of the old one is kept as a proposal


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["gettext", "xx_nowhere", "book/reading"], "is no code of a language"),
        (["gettext", "fr"], "give both"),
        (["gettext", "fr", "book/nothing"], "there is no page 'book/nothing'"),
        (["translation", ""], "such as TO=de; there are: de"),
        (["translation", "fr"], "there are: de"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    asked: list[str], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(translate, "templates", lambda: tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "reading.pot").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["translate.py", *asked])
    with pytest.raises(SystemExit, match=re.escape(words)):
        translate.main()
