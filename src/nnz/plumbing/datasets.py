"""Find a list of names, know which one it is, and read it line by line without letting anything odd pass.

The book is written on `names.txt`, which is fetched and never committed. `locate` says which file will be
read; `read_names` reads it. Chapters use both through `nnz.data.load_names`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase

import pooch
import requests

from nnz.plumbing.encodings import advice, converted, wide_encoding
from nnz.plumbing.paths import project_root, resource

NAMES_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
NAMES_URL = (
    "https://raw.githubusercontent.com/karpathy/makemore/8f79bd0126eaef5eb82d346c9f85ae20ea1c476a/names.txt"
)
ENOUGH = 6  # names; fewer cannot be split in three
TIMEOUT = 10.0  # seconds without a byte before a download is given up

ELSE_TRAIN = (
    "The book is written for the letters a to z: name another list in NNZ_NAMES, or none; models for any "
    "alphabet are trained by python -m nnz train --model mlp --data"
)


@dataclass(frozen=True)
class Source:
    """A list of names on disk, and what the book may say about it."""

    path: Path
    kind: str  # "names.txt", "sample" or "own"
    notice: str = ""

    @property
    def is_reference(self) -> bool:
        """Whether this is, byte for byte, the list that the book's claims were recorded on."""
        return self.kind == "names.txt"


class DataError(ValueError):
    """A list of names that cannot be used, with what was found, what was expected and what to do."""


def sha256(path: Path) -> str:
    """Return the SHA-256 sum of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_reference(path: Path) -> bool:
    """Whether a file can be read and is, byte for byte, names.txt."""
    try:
        return sha256(path) == NAMES_SHA256
    except OSError:
        return False


def locate(path: str | os.PathLike[str] | None = None) -> Source:
    """Return the list of names to use.

    In this order: `path`; the file that the environment variable `NNZ_NAMES` names; `data/names.txt` in the
    checkout; a download, pinned to a commit and checked by its SHA-256 sum; the sample that comes with nnz.

    Raises:
        FileNotFoundError: the file asked for is not there.
        DataError: the file asked for is a folder, or a copy of names.txt has the wrong sum.
    """
    if path is not None:
        return _own(Path(path), "load_names(path)")
    if named := os.environ.get("NNZ_NAMES"):
        return _own(Path(named), "the environment variable NNZ_NAMES")
    root = project_root()
    if root and (local := root / "data" / "names.txt").exists():
        if _is_reference(local):
            return Source(local, "names.txt")
        raise DataError(
            f"{local} is not the list the book is written on: its sha256 should be {NAMES_SHA256}. "
            "Delete it to have it fetched again; to use a list of your own, name it in NNZ_NAMES instead."
        )
    return _download()


def _own(path: Path, asked_by: str) -> Source:
    if path.is_dir():
        raise DataError(
            f"{asked_by} names the folder {path}; expected a text file with one name on each line."
        )
    if not path.exists():
        raise FileNotFoundError(f"{asked_by} names {path}, and there is no such file. Check the spelling.")
    if not path.is_file():
        raise DataError(
            f"{asked_by} names {path}, which can be read only once; write the list into a file, and name that."
        )
    return Source(path, "names.txt" if _is_reference(path) else "own")


def _download() -> Source:
    store = pooch.create(
        path=pooch.os_cache("nnz"),
        base_url="",
        registry={"names.txt": f"sha256:{NAMES_SHA256}"},
        urls={"names.txt": os.environ.get("NNZ_NAMES_URL", NAMES_URL)},
        env="NNZ_CACHE",
    )
    pooch.get_logger().setLevel("ERROR")
    try:
        watched = sys.stderr.isatty()  # progress for a person, none in a build
        downloader = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=watched)
        fetched = store.fetch("names.txt", downloader=downloader)
    except (requests.RequestException, OSError) as error:
        notice = f"names.txt could not be fetched ({_reason(error)})"
        return Source(resource("data", "names-sample.txt"), "sample", notice)
    except ValueError as error:  # a wrong sum; pooch has removed what it fetched
        raise DataError(
            f"What was fetched as names.txt is not the pinned file: its sha256 is not {NAMES_SHA256}. "
            "Something between here and there changed or cut it short. Try again; if it stays so, name a good "
            "copy in the environment variable NNZ_NAMES."
        ) from error
    return Source(Path(fetched), "names.txt")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError):
        return str(error)
    if isinstance(error, requests.Timeout):
        return f"no answer for {TIMEOUT:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return f"{type(error).__name__}: {error}"[:160]


def text_of(path: Path) -> str:
    """Return the text in a file.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it is a folder, cannot be read, or is not text in UTF-8; what it looks like is said.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a text file with one name on each line.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}; check the spelling.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"{error.reason} at byte {error.start}"
        raise DataError(f"{path} is not a text file in UTF-8 ({why}); {advice(content, path)}.") from None
    if "\0" in text and (wide := wide_encoding(content)):
        raise DataError(f"{path} is not a text file in UTF-8; {converted(wide, path)}.")
    return text


def read_names(source: Source, alphabet: str) -> list[str]:
    r"""Read one name per line.

    A byte order mark, `\r\n` line ends, blank lines and spaces around a name are passed over. Names that stand
    twice stay twice.

    Raises:
        DataError: the file is empty or is not text, or a line has a character outside `alphabet`.
    """
    names = _names_in(
        source.path, alphabet, "Change the line, or allow more characters: load_names(path, alphabet=...)."
    )
    if source.notice and not os.environ.get("NNZ_BUILD"):  # a built page has a banner
        print(f"Using the {len(names):,} names of the embedded sample: {source.notice}.", file=sys.stderr)
    return names


def book_source() -> Source:
    """Return the list that the book is built on, by its full path, once it has been read to its end.

    It asks before the first page what every page would ask.

    Raises:
        DataError: there is no such list, or the book cannot be built on it. What is said is one line, and
            something that whoever builds can do.
    """
    try:
        source = locate()
        names = _names_in(source.path, ascii_lowercase, f"{ELSE_TRAIN} {source.path}")
        if len(names) < ENOUGH:
            raise DataError(
                f"{source.path} has {len(names)} names; the book needs {ENOUGH} at least, and thousands to be "
                "worth reading. Name a longer list in NNZ_NAMES, or none."
            )
    except (DataError, OSError) as error:
        raise DataError(" ".join(str(error).split())) from None
    return replace(source, path=source.path.resolve())


def _names_in(path: Path, alphabet: str, advice: str) -> list[str]:
    """Return the names in a file; advice is for a character that is not in the alphabet."""
    allowed = set(alphabet)
    names = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        name = line.strip()
        if not allowed.issuperset(name):
            strange = [char for char in dict.fromkeys(name) if char not in allowed]
            if name.lower() != name and set(name.lower()) <= allowed:
                advice = "Write it in lower case."
            raise DataError(_explain(path, number, name, strange, alphabet, advice))
        if name:
            names.append(name)
    if not names:
        raise DataError(f"{path} has no names in it; expected one name on each line.")
    return names


def _explain(path: Path, number: int, name: str, strange: list[str], alphabet: str, advice: str) -> str:
    shown = name if len(name) <= 40 else name[:40] + "..."
    return (
        f"Line {number} of {path} is {shown!r}, and {', '.join(map(repr, strange[:5]))} "
        f"is not among the characters allowed, {alphabet!r}. {advice}"
    )
