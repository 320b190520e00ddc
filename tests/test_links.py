"""Links to other hosts are followed, and what cannot be reached is said, here with a host of the test's own."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import links  # noqa: E402

pytestmark = pytest.mark.support


class Host(http.server.BaseHTTPRequestHandler):
    """Has a page `/there`, one that moved for good, and no other."""

    def do_GET(self) -> None:
        codes = {"/there": 200, "/moved": 301}
        self.send_response(codes.get(self.path, 404))
        if self.path == "/moved":
            self.send_header("Location", "/there")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *said: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def book(folder: Path, *urls: str) -> Path:
    (folder / "conf.py").write_text("extensions = ['myst_parser']\nlinkcheck_retries = 1\n", encoding="utf-8")
    text = "# All\n\n" + "\n\n".join(f"[A link]({url})" for url in urls) + "\n"
    (folder / "index.md").write_text(text, encoding="utf-8")
    return folder


def test_what_cannot_be_reached_is_said_with_its_page_and_line(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("translate.ROOT", tmp_path)
    root = book(tmp_path, f"{host}/there", f"{host}/gone", f"{host}/moved", "http://127.0.0.1:9/nobody")
    assert links.main(root, tmp_path / "out") == 1
    said = capsys.readouterr().out
    assert f"index.md:5: {host}/gone (404" in said
    assert "index.md:9: http://127.0.0.1:9/nobody (" in said
    assert f"index.md:7: {host}/moved leads on to {host}/there" in said
    assert "/there (" not in said
    assert said.splitlines()[-1].startswith("Links to other hosts: ")


def test_when_all_are_reached_the_code_is_0(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("translate.ROOT", tmp_path)
    assert links.main(book(tmp_path, f"{host}/there", "#all"), tmp_path / "out") == 0
    assert capsys.readouterr().out == "Links to other hosts: 1 working.\n"
