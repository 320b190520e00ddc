"""Finding the list of names: the order of the sources, and every way in which a download can go wrong."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnz.data import load_names
from nnz.plumbing import datasets
from nnz.plumbing.datasets import DataError, Source, book_source, locate, sha256
from nnz.plumbing.paths import resource

pytestmark = pytest.mark.support

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]
LIST = b"ann\nbo\ncy\n"


class Server:
    """A server on this machine whose answer each test chooses; it counts what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler: handler.send_error(500)
        self.asked = 0
        self.over = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/names.txt"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def send(content: bytes, length: int | None = None) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.fixture
def server(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, standing in for the place that names.txt is fetched from, with LIST as the pinned file."""
    running = Server()
    pinned = no_data / "pinned.txt"
    pinned.write_bytes(LIST)
    monkeypatch.setattr(datasets, "NAMES_SHA256", sha256(pinned))
    monkeypatch.setattr(datasets, "TIMEOUT", 600.0)  # however slow the machine
    monkeypatch.setenv("NNZ_NAMES_URL", running.url)
    yield running
    running.over.set()
    running.http.shutdown()
    running.http.server_close()


def cached(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").rglob("*") if path.is_file())


# The order of the sources


def test_a_path_comes_before_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, named = tmp_path / "mine.txt", tmp_path / "named.txt"
    mine.write_text("ann", encoding="utf-8")
    named.write_text("bo", encoding="utf-8")
    monkeypatch.setenv("NNZ_NAMES", str(named))
    assert load_names(mine) == ["ann"]
    assert load_names() == ["bo"]
    assert locate().kind == "own"


def test_a_variable_that_names_nothing_readable_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNZ_NAMES", str(tmp_path / "gone.txt"))
    with pytest.raises(FileNotFoundError, match=r"NNZ_NAMES names .*gone\.txt, and there is no such file"):
        load_names()
    monkeypatch.setenv("NNZ_NAMES", str(tmp_path))
    with pytest.raises(DataError, match="NNZ_NAMES names the folder"):
        load_names()


def test_an_empty_variable_counts_as_none(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer = send(LIST)
    monkeypatch.setenv("NNZ_NAMES", "")
    assert locate().kind == "names.txt"


def test_the_file_in_data_comes_before_a_download(
    server: Server, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (no_data / "data").mkdir()
    local = no_data / "data" / "names.txt"
    local.write_bytes(LIST)
    monkeypatch.setattr(datasets, "project_root", lambda: no_data)
    assert locate() == Source(local, "names.txt")
    assert server.asked == 0


def test_another_file_in_the_place_of_names_txt_is_an_error(
    no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (no_data / "data").mkdir()
    (no_data / "data" / "names.txt").write_text("ann\n", encoding="utf-8")
    monkeypatch.setattr(datasets, "project_root", lambda: no_data)
    with pytest.raises(DataError, match=r"is not the list the book is written on.*Delete it"):
        locate()


def test_a_copy_of_names_txt_is_known_wherever_it_is(server: Server, no_data: Path) -> None:
    assert locate(no_data / "pinned.txt").is_reference
    other = no_data / "other.txt"
    other.write_bytes(LIST + b"di\n")
    assert not locate(other).is_reference


# The download


def test_a_good_file_is_fetched_once(server: Server, no_data: Path) -> None:
    server.answer = send(LIST)
    assert load_names() == ["ann", "bo", "cy"]
    assert load_names() == ["ann", "bo", "cy"]
    assert locate().kind == "names.txt"
    assert (server.asked, cached(no_data)) == (1, ["names.txt"])


def test_a_wrong_sum_is_an_error_and_leaves_nothing_behind(server: Server, no_data: Path) -> None:
    server.answer = send(LIST.replace(b"bo", b"bp"))
    with pytest.raises(DataError, match="is not the pinned file"):
        load_names()
    assert cached(no_data) == []
    server.answer = send(LIST)
    assert load_names() == ["ann", "bo", "cy"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, no_data: Path) -> None:
    server.answer = send(LIST)
    fetched = locate().path
    fetched.write_bytes(b"ann\n")
    assert load_names() == ["ann", "bo", "cy"]
    assert server.asked == 2


def test_a_file_cut_short_without_a_length_is_an_error(server: Server, no_data: Path) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(LIST[:4])

    server.answer = answer
    with pytest.raises(DataError, match="changed or cut it short"):
        load_names()
    assert cached(no_data) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (send(LIST[:4], length=len(LIST)), "broken|Incomplete"),
        (lambda handler: handler.send_error(404), "404"),
        (lambda handler: handler.send_error(503), "503"),
    ],
    ids=["cut short", "404", "503"],
)
def test_without_a_whole_answer_the_sample_is_used_and_says_why(
    server: Server, no_data: Path, capsys: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    server.answer = answer
    source = locate()
    assert source.kind == "sample"
    assert source.path == resource("data", "names-sample.txt")
    assert any(word in source.notice for word in reason.split("|")), source.notice
    names = load_names()
    assert len(names) >= 4000
    said = capsys.readouterr().err
    assert "Using the" in said
    assert "names.txt could not be fetched" in said
    assert cached(no_data) == []


def test_without_any_answer_the_sample_is_used_after_a_while(
    server: Server, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "TIMEOUT", 0.1)
    server.answer = lambda handler: server.over.wait() and None
    source = locate()
    assert source.kind == "sample"
    assert "no answer for 0.1 s" in source.notice


def test_a_refused_connection_and_an_unknown_host_give_the_sample(
    no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locate().kind == "sample"
    monkeypatch.setenv("NNZ_NAMES_URL", "http://no-such-host.invalid/names.txt")
    assert locate().kind == "sample"


def test_a_cache_that_cannot_be_written_gives_the_sample(
    server: Server, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = send(LIST)
    blocked = no_data / "a-file"
    blocked.write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("NNZ_CACHE", str(blocked / "cache"))
    assert locate().kind == "sample"


def test_a_damaged_file_in_the_cache_without_a_network_gives_the_sample(no_data: Path) -> None:
    for damage in (lambda path: path.write_bytes(b"ann\n"), Path.mkdir):
        shutil.rmtree(no_data / "cache", ignore_errors=True)
        (no_data / "cache").mkdir()
        damage(no_data / "cache" / "names.txt")
        source = book_source()
        assert (source.kind, bool(source.notice)) == ("sample", True)
        assert source.path == resource("data", "names-sample.txt")


def test_a_good_file_in_a_cache_that_can_only_be_read_is_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **how: Any) -> None:
        raise PermissionError(13, "Permission denied")

    server.answer = send(LIST)
    fetched = locate()
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    monkeypatch.setattr("os.makedirs", refuse)
    assert locate() == fetched


# What whoever builds the book is told before the first page


def test_the_book_is_built_on_a_list_that_was_read_to_its_end(
    server: Server, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = send(LIST * 2)
    monkeypatch.setattr(datasets, "NAMES_SHA256", hashlib.sha256(LIST * 2).hexdigest())
    assert book_source().kind == "names.txt"
    (no_data / "own.txt").write_bytes(LIST * 2 + b"di\n")
    monkeypatch.chdir(no_data)
    monkeypatch.setenv("NNZ_NAMES", "own.txt")
    assert book_source() == Source(no_data / "own.txt", "own")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["has no names in it", "one name on each line"]),
        (b"ann\n" * 5, ["has 5 names", "Name a longer list"]),
        ("ann\nzo\xe9\n".encode(), ["Line 2", "'zo\xe9'", "a to z", "--data"]),
        (b"ann\nBo\n", ["Line 2", "'Bo'", "Write it in lower case"]),
        ("zo\xe9\n".encode("latin-1"), ["UTF-8 (", "byte 2", "save it as UTF-8"]),
        ("zo\xe9\n".encode("utf-16"), ["begins as UTF-16", "save it as UTF-8"]),
        (None, ["there is no such file", "Check the spelling"]),
        ("folder", ["names the folder", "expected a text file"]),
        ("secret", ["cannot be read: Permission denied"]),
    ],
    ids=["empty", "short", "accents", "upper case", "latin-1", "utf-16", "missing", "folder", "secret"],
)
def test_a_builder_is_told_in_one_line_what_to_do_about_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, parts: list[str]
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "named\nlist.txt"  # even so it is one line
    if content == "folder":
        path.mkdir()
    elif content:
        path.write_bytes(content if isinstance(content, bytes) else b"ann\n")
    elif content == b"":
        path.touch()
    if content == "secret":
        monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setenv("NNZ_NAMES", str(path))
    with pytest.raises(DataError) as raised:
        book_source()
    said = str(raised.value)
    assert "\n" not in said
    assert "load_names(path" not in said
    for part in (*parts, "list.txt"):
        assert part in said


def test_a_builder_is_told_of_a_damaged_copy(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_data / "data").mkdir()
    local = no_data / "data" / "names.txt"
    monkeypatch.setattr(datasets, "project_root", lambda: no_data)
    for damage in (lambda path: path.write_bytes(b"ann\n"), Path.mkdir):
        damage(local)
        with pytest.raises(DataError, match="Delete it to have it fetched again"):
            book_source()
        if local.is_file():
            local.unlink()


def test_a_builder_is_told_of_a_download_that_is_another_file(server: Server) -> None:
    server.answer = send(b"<html>Log in to this network</html>")
    with pytest.raises(DataError, match=r"is not the pinned file.*Try again"):
        book_source()


# What comes with the package


def test_the_sample_is_what_its_datasheet_says(root: Path) -> None:
    lines = (root / "data" / "names-sample.txt").read_text(encoding="ascii").splitlines()
    assert len(lines) >= 4000
    assert len(set(lines)) == len(lines)
    assert lines == sorted(lines)
    assert all(
        2 <= len(name) <= 15 and name.isascii() and name.islower() and name.isalpha() for name in lines
    )
    assert set("".join(lines)) == set("abcdefghijklmnopqrstuvwxyz")
    assert f"{len(lines):,}" in (root / "data" / "README.md").read_text(encoding="utf-8")


def test_names_txt_is_what_its_datasheet_says(reference: Source, root: Path) -> None:
    names = load_names()
    datasheet = (root / "data" / "README.md").read_text(encoding="utf-8")
    assert datasets.NAMES_SHA256 in datasheet
    if reference.is_reference:
        assert (len(names), len(set(names)), len(names) - len(set(names))) == (32033, 29494, 2539)
        assert Counter(names).most_common(1)[0][1] == 2


def test_an_installed_package_carries_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnz.plumbing import paths

    installed = tmp_path / "site-packages" / "nnz"
    (installed / "_data").mkdir(parents=True)
    shutil.copy(resource("data", "names-sample.txt"), installed / "_data")
    monkeypatch.setattr(paths, "PACKAGE", installed)
    assert paths.project_root() is None
    assert resource("data", "names-sample.txt") == installed / "_data" / "names-sample.txt"
    assert paths.place("book", "claims") == installed / "_data" / "claims"
    with pytest.raises(FileNotFoundError, match="Install nnz again"):
        resource("book", "glossary.md")
