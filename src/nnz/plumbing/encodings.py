"""What a file that is no UTF-8 looks like, and how to make UTF-8 of it."""

from __future__ import annotations

import codecs
import shlex
from pathlib import Path

# A mark that also begins with another's comes first.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
WIDE = ("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE")
KINDS = {
    b"PK\x03\x04": "a spreadsheet, a document or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or document of an office program",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
}
ENTIRE = 1 << 16  # bytes that are looked at
OTHERS = "Windows-1251, KOI8-R, Shift-JIS, EUC-KR, GB18030 or Big5"


def advice(content: bytes, path: Path) -> str:
    """Return in a few words what bytes that are no UTF-8 look like, and what to do about them."""
    for start, kind in KINDS.items():
        if content.startswith(start):
            return f"it looks like {kind}: save its names as a text file in UTF-8"
    if wide := wide_encoding(content):
        return converted(wide, path)
    shown = content[:ENTIRE]
    if sum(byte < 32 and byte not in b"\t\n\r\f" for byte in shown) > len(shown) / 100:
        return "it does not look like text at all: name a text file, or save it as UTF-8"
    if _mostly_utf8(content):
        lost = content[: _first_bad(content)].count(b"\n") + 1
        return f"all but a few bytes of it are UTF-8: look at line {lost}, mend it, and save it as UTF-8"
    if _mostly_high(shown):
        return (
            f"it looks like an older encoding of another alphabet, such as {OTHERS}: find out which, and save it "
            f"as UTF-8, in an editor or by {_command('THAT', path)}"
        )
    return converted("WINDOWS-1252" if any(128 <= byte < 160 for byte in content) else "LATIN1", path)


def wide_encoding(content: bytes) -> str | None:
    """Return which encoding of two or four bytes a character, with or without a mark, bytes look like, if one."""
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return name
    if b"\0" not in content:  # the end of a line, at the least, would have one
        return None
    size = min(len(content), ENTIRE)
    return next((name for name in WIDE if _reads_well(content[: size - size % 4 or size], name)), None)


def converted(encoding: str, path: Path) -> str:
    """Return what to do about a file in that encoding."""
    known = {"LATIN1": "Latin-1", "WINDOWS-1252": "Windows-1252", "UTF-16LE": "UTF-16", "UTF-16BE": "UTF-16"}
    shown = {"UTF-32LE": "UTF-32", "UTF-32BE": "UTF-32"} | known
    begins = "begins as" if encoding in MARKS.values() else "looks like"
    does = " does" if encoding in MARKS.values() else ""
    return (
        f"it {begins} {shown.get(encoding, encoding)}{does}: save it as UTF-8, in an editor or by "
        f"{_command(encoding, path)}"
    )


def _command(encoding: str, path: Path) -> str:
    new = path.with_name(f"{path.stem}-utf8{path.suffix}")
    return f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(new))}"


def _reads_well(content: bytes, encoding: str) -> bool:
    """Whether bytes are text in an encoding: visible characters and spaces alone, in lines or mostly Latin."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    if "\n" not in text and content.count(0) < 0.4 * len(content):
        return False  # one stray byte of 0 makes no UTF-16
    return bool(text) and all(char.isprintable() or char.isspace() for char in text)


def _first_bad(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(content)


def _mostly_utf8(content: bytes) -> bool:
    """Whether far more characters beyond ASCII are good UTF-8 than bytes are bad."""
    good = sum(char > "\x7f" for char in content.decode(errors="ignore"))
    bad = content.decode(errors="replace").count("\ufffd")
    return good > 4 * bad


def _mostly_high(content: bytes) -> bool:
    """Whether most of the letters are beyond ASCII, as in a text of another alphabet."""
    high = sum(byte > 127 for byte in content)
    return high > sum(chr(byte).isalpha() for byte in content if byte < 128)
