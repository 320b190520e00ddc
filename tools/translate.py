"""Translations: `make gettext` says what is to be translated, `make translation TO=de` sets the book in German.

What Sphinx finds to translate goes into _build/gettext, a file for each page. A translation is a file of the same
name below locale/<language>/LC_MESSAGES, such as locale/de/LC_MESSAGES/book/reading.po. `make gettext` brings all
of them up to date, and `make gettext TO=fr PAGE=book/reading` begins one. What is not translated stays in English.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
LOCALE = ROOT / "locale"


def stop(message: str) -> None:
    """End with a message for a person, and no traceback."""
    sys.exit(f"make: {message}")


def language(name: str) -> Locale:
    """Return a language by its code, such as `de` or `pt_BR`."""
    try:
        return Locale.parse(name)
    except (ValueError, UnknownLocaleError):
        stop(f"{name!r} is no code of a language; write it such as TO=de or TO=pt_BR.")
        raise


def sphinx(*options: str, executed: bool = False) -> int:
    """Run Sphinx on the book, with what its pages gave when they were executed, or without."""
    path = [str(ROOT / "src"), str(ROOT / "book" / "_ext"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NNZ_PAGES"},
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONUTF8": "1",
        **({"NNZ_PAGES": str(BUILD / "pages")} if executed else {}),
    }
    command = [sys.executable, "-m", "sphinx", *options]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def templates() -> Path:
    """Write what is to be translated, and return the folder."""
    out = BUILD / "gettext"
    options = ("-Q", "-b", "gettext", "-D", "nb_execution_mode=off", "-d", str(BUILD / ".gettext"))
    if sphinx(*options, str(ROOT), str(out)):
        stop("Sphinx found nothing to translate; `make quick` says what is wrong with the pages.")
    return out


def read(path: Path, locale: Locale | None = None) -> Catalog:
    """Return a file of messages."""
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def updated(path: Path, template: Path, locale: Locale) -> Catalog:
    """Write a translation with the messages that its page has now, and return it."""
    begun = Catalog(
        locale=locale, project="nnz", version="0", msgid_bugs_address="-", language_team=str(locale)
    )
    catalog = read(path, locale) if path.is_file() else begun
    catalog.update(read(template), no_fuzzy_matching=False, update_creation_date=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=100, no_location=True)
    return catalog


def said_of(catalog: Catalog) -> tuple[int, int]:
    """Return how many messages are translated for certain, and how many there are."""
    messages = [message for message in catalog if message.id]
    return sum(bool(message.string) and not message.fuzzy for message in messages), len(messages)


def gettext(to: str, page: str) -> None:
    """Write what is to be translated, begin a translation if asked for, and bring all up to date."""
    found = templates()
    if bool(to) != bool(page):
        stop("to begin a translation give both, such as: make gettext TO=fr PAGE=book/reading")
    if page and not (found / f"{page}.pot").is_file():
        stop(f"there is no page {page!r}; name it as below the root of the book, such as book/reading.")
    begun = {(language(to), LOCALE / to / "LC_MESSAGES" / f"{page}.po")} if to else set()
    begun |= {(language(path.relative_to(LOCALE).parts[0]), path) for path in LOCALE.rglob("*.po")}
    print(f"What is to be translated is in {found}")
    for locale, path in sorted(begun, key=lambda pair: pair[1]):
        name = path.relative_to(LOCALE / path.relative_to(LOCALE).parts[0] / "LC_MESSAGES").with_suffix(
            ".pot"
        )
        if not (found / name).is_file():
            print(f"{path.relative_to(ROOT)}: its page is not there any more")
            continue
        done, of = said_of(updated(path, found / name, locale))
        print(f"{path.relative_to(ROOT)}: {done} of {of} translated")


def translation(to: str) -> int:
    """Set the executed pages in a language, into _build/<language>/html."""
    if not to or not (LOCALE / to).is_dir():
        there = ", ".join(sorted(path.name for path in LOCALE.iterdir() if path.is_dir()))
        stop(f"say which translation, such as TO=de; there are: {there}.")
    if not any((BUILD / "pages").glob("*.ipynb")):
        stop("the pages have not been executed yet. Run `make book` first (or `make quick`).")
    out = BUILD / to
    options = ("-q", "-b", "html", "-D", f"language={to}", "-d", str(out / ".doctrees"))
    if result := sphinx(*options, str(ROOT), str(out / "html"), executed=True):
        return result
    print(f"The translation is at {out / 'html' / 'index.html'}")
    return 0


def main() -> int:
    """Do what is asked for and return the exit code."""
    kind, to, page = [*sys.argv[1:], "", "", ""][:3]
    if kind == "gettext":
        gettext(to, page)
        return 0
    if kind == "translation":
        return translation(to)
    sys.exit("usage: python tools/translate.py gettext [language page] | translation language")


if __name__ == "__main__":
    sys.exit(main())
