"""Files are written whole or not at all, and nothing that is no file is replaced by one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nnz.plumbing import files
from nnz.plumbing.files import check_readable, replaced

pytestmark = pytest.mark.support


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    with replaced(path) as beside:
        beside.write_text("one", encoding="utf-8")
        assert not path.exists()
    with pytest.raises(UnicodeEncodeError), replaced(path) as beside:
        beside.write_text("two\ud800", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_through_a_link_the_file_is_written_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    link, there = tmp_path / "link", tmp_path / "inner" / "file"
    there.write_text("old", encoding="utf-8")
    link.symlink_to(there)
    with replaced(link) as beside:
        beside.write_text("new", encoding="utf-8")
    assert link.is_symlink()
    assert there.read_text(encoding="utf-8") == "new"


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"), replaced(pipe):
        raise AssertionError("nothing is written")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_read_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError, match="none here"):
        check_readable(path, "none here")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        check_readable(tmp_path, "none here")
    path.touch()
    check_readable(path, "none here")
    monkeypatch.setattr(files.os, "access", lambda path, how: False)
    with pytest.raises(PermissionError, match="may not be read by this user"):
        check_readable(path, "none here")
