"""A reader's own list: any alphabet, repetitions, tables, full stops, and files that are no list."""

from __future__ import annotations

import codecs
import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.app.files import load_model, save_model
from nnz.app.lists import NameList, names_to_use, read_own, split_distinct, vocabulary_of
from nnz.app.tables import separator_of
from nnz.bigram import BigramCounts
from nnz.data import Vocabulary, split_names, windows
from nnz.evaluate import nll
from nnz.models import MODELS
from nnz.packed import pack
from nnz.plumbing.datasets import DataError
from nnz.plumbing.paths import resource
from nnz.sample import begin_names, sample_names, seeded

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]
Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a list; returns its path."""

    def write(*lines: str, encoding: str = "utf-8", name: str = "own.txt") -> Path:
        path = tmp_path / name
        path.write_bytes("\n".join([*lines, ""]).encode(encoding))
        return path

    return write


# Repetitions


@given(st.lists(st.sampled_from("abcdefghij"), min_size=0, max_size=60))
def test_no_name_stands_in_two_parts_and_train_keeps_repetitions(more: list[str]) -> None:
    names = [*"abcdefghij", *more]
    train, dev, test = split_distinct(names)
    assert set(train) | set(dev) | set(test) == set(names)
    assert not set(train) & set(dev)
    assert not set(train) & set(test)
    assert not set(dev) & set(test)
    assert len(set(dev)) == len(dev)
    assert len(set(test)) == len(test)
    times = Counter(names)
    assert Counter(train) == {name: times[name] for name in train}


@given(st.integers(6, 200))
def test_without_repetitions_the_split_is_that_of_the_book(n: int) -> None:
    names = [str(i) for i in range(n)]
    assert split_distinct(names) == split_names(names)


def test_what_was_done_about_repetitions_is_said_in_a_line(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    names_to_use(written(*NAMES)).tell()
    assert capsys.readouterr().err == ""
    names_to_use(written(*NAMES * 4)).tell()
    said = capsys.readouterr().err
    assert "32 names, 8 of them different" in said
    assert said.count("\n") == 1


def test_the_book_s_list_keeps_the_split_of_the_lectures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNZ_NAMES", "NNZ_CACHE"):
        monkeypatch.delenv(name, raising=False)
    twice = NameList(NAMES * 2, Vocabulary(NAMES), own=False)
    assert twice.parts() == split_names(NAMES * 2)
    assert NameList(NAMES * 2, Vocabulary(NAMES)).parts() == split_distinct(NAMES * 2)
    copy = resource("data", "names-sample.txt")
    monkeypatch.setattr("nnz.plumbing.datasets.NAMES_SHA256", _sum(copy))
    assert not names_to_use(copy).own


def _sum(path: Path) -> str:
    from nnz.plumbing.datasets import sha256

    return sha256(path)


# Full stops


STOPS = ["st. john", "anna.com", "j. r. r.", "a.b", "dr. no", "u.s.a."]


def test_names_with_full_stops_have_another_end_mark() -> None:
    assert vocabulary_of(NAMES).end == "."
    vocabulary = vocabulary_of(STOPS)
    assert vocabulary.end not in "".join(STOPS)
    assert (vocabulary.chars[0], vocabulary.encode(vocabulary.end)) == (vocabulary.end, [0])
    X, Y = windows(STOPS, 2, vocabulary)
    assert vocabulary.decode(Y).split(vocabulary.end) == [*STOPS, ""]
    assert vocabulary.decode(X[0]) == vocabulary.end * 2
    assert pack(STOPS, vocabulary)[1].equal(Y)
    assert len(vocabulary) == len(set("".join(STOPS))) + 1


def test_a_model_of_names_with_full_stops_writes_them_and_goes_to_a_file(tmp_path: Path) -> None:
    model = BigramCounts(0.3, vocabulary_of(STOPS)).fit(STOPS)
    save_model(tmp_path / "m", model, MODELS["bigram"], about={})
    back = load_model(tmp_path / "m")
    assert back.vocabulary.chars == model.vocabulary.chars
    assert nll(back, STOPS) == nll(model, STOPS)
    drawn = sample_names(back, 50, generator=seeded(1), prompt="st. j")
    assert all(name.startswith("st. j") for name in drawn)
    assert any("." in name[5:] for name in drawn)
    with pytest.raises(ValueError, match=r"has '\\n', which ends a name"):
        begin_names(back, 1, "a\nb")


def test_an_end_mark_is_one_character_that_no_name_has() -> None:
    for names, end in ((["a.b"], "."), (["ab"], "a"), (["ab"], ""), (["ab"], "..")):
        with pytest.raises(ValueError, match=r"choose another: Vocabulary\(names, end=\.\.\.\)"):
            Vocabulary(names, end)
    with pytest.raises(ValueError, match=r"'a\\nb' cannot be a name: it is empty or contains '\\n'"):
        windows(["a\nb"], 1, Vocabulary(["a."], "\n"))


def test_an_unknown_character_is_said_without_thousands_of_known_ones() -> None:
    many = Vocabulary([chr(0x4E00 + i) for i in range(3000)])
    with pytest.raises(ValueError, match="'x' in 'x' is not in the vocabulary") as raised:
        many.encode("x")
    assert len(str(raised.value)) < 200


# Any alphabet


@pytest.mark.parametrize("space", ["\u3000", "\u00a0", "\u2007", "\u202f"])
def test_every_kind_of_space_in_a_name_is_a_space(written: Written, space: str) -> None:
    names = [f"佐藤{space}{name}" for name in NAMES]
    assert read_own(written(f"{space}{names[0]}{space}", *names[1:])) == [f"佐藤 {name}" for name in NAMES]


@pytest.mark.parametrize("char", ["\u200b", "\u200e", "\ufeff", "\u00ad", "\u2028", "\x0b", "\x7f"])
def test_what_cannot_be_seen_is_found_with_its_line(written: Written, char: str) -> None:
    with pytest.raises(DataError, match=r"line 2 of .* cannot be seen; take it out"):
        read_own(written("anna", f"b{char}o", *NAMES))


def test_a_letter_that_was_lost_is_found_with_its_line(written: Written) -> None:
    with pytest.raises(DataError, match=r"line 2 of .*a letter was lost"):
        read_own(written("anna", "zo\ufffd", *NAMES))


# Tables


ROWS = {
    "commas": [f"{name},F,{i * 7}" for i, name in enumerate(NAMES)],
    "tabs": [f"{name}\tF\t{i * 7}" for i, name in enumerate(NAMES)],
    "semicolons": [f"{name};F;{i},5" for i, name in enumerate(NAMES)],
    "vertical bars": [f"{name} | F | {i}" for i, name in enumerate(NAMES)],
    "spaces": [f"{name:12}{i / 7:.3f}  {i}" for i, name in enumerate(NAMES)],
}
ONE_SPACE = [f"{name} {i * 7}" for i, name in enumerate(NAMES)]
MARKDOWN = ["| Rufname | n |", "|:------|---:|", *(f"| {name} | {i} |" for i, name in enumerate(NAMES))]
QUOTED = [f'"{name}, the first","F"' for name in NAMES]


@pytest.mark.parametrize("kind", ROWS)
def test_a_column_of_a_table_has_the_names(
    written: Written, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    assert read_own(written(*ROWS[kind]), "1") == NAMES
    assert f"column 1 of a table with {kind} has 8 names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "column", "names"),
    [
        (ONE_SPACE, "1", NAMES),
        ([f"{i}. {name}" for i, name in enumerate(NAMES)], "2", NAMES),
        (QUOTED, "1", [f"{name}, the first" for name in NAMES]),
        (["name,sex,count", *ROWS["commas"]], "1", NAMES),
        (["name,sex,count", *ROWS["commas"]], "NAME", NAMES),
        (["given;s;x", *ROWS["semicolons"]], "1", NAMES),
        (["Rufname\tS\tN", *ROWS["tabs"]], "Rufname", NAMES),
        (["First name", *NAMES], "1", NAMES),
        (NAMES, "1", NAMES),
        ([f"{name},F,{i + 1}" for i, name in enumerate(NAMES)], "1", NAMES),  # a cell is no title
        (["# from a register", "", *ROWS["commas"]], "1", NAMES),
        ([f"{i},{name if i else ''},x" for i, name in enumerate(NAMES)], "2", NAMES[1:]),
        ([f"\t{name}\t" for name in NAMES], "2", NAMES),
        ([f'"{name}"' for name in NAMES], "1", NAMES),
        ([f"'{name} '" for name in NAMES], "1", NAMES),
        (MARKDOWN, "2", NAMES),
    ],
)
def test_headers_numbers_quotes_and_comments_are_no_names(
    written: Written, lines: list[str], column: str, names: list[str]
) -> None:
    assert read_own(written(*lines), column) == names


@pytest.mark.parametrize(
    ("column", "part"),
    [
        ("4", "there is no column 4; lines have 3, counted from 1"),
        ("0", "there is no column 0"),
        ("-1", "no column is called '-1'; the first line has 'emma', 'F', '0'"),
        ("surname", "no column is called 'surname'"),
    ],
)
def test_a_column_that_is_not_there_is_said_to_be_so(written: Written, column: str, part: str) -> None:
    with pytest.raises(DataError, match=part) as raised:
        read_own(written(*ROWS["commas"]), column)
    assert f"--column {column}" in str(raised.value)


@pytest.mark.parametrize(
    "lines",
    [
        [f'"{name},F,{i}' if i == 3 else f"{name},F,{i}" for i, name in enumerate(NAMES * 3)],
        [f"{name},F" if i % 3 else name for i, name in enumerate(NAMES * 3)],
    ],
    ids=["a quotation mark is not closed", "a third of the rows are short"],
)
def test_a_column_of_what_is_no_whole_table_is_not_the_whole_line(written: Written, lines: list[str]) -> None:
    with pytest.raises(DataError, match=r"most lines have commas.*too few have as many cells"):
        read_own(written(*lines), "1")


def test_a_row_that_is_too_short_is_found_with_its_line(written: Written) -> None:
    with pytest.raises(DataError, match=r"line 9 has no column 3: 'eva'; mend it"):
        read_own(written(*ROWS["commas"], "eva"), "3")


def test_a_column_of_the_book_s_list_is_refused(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    path = written(*NAMES)
    monkeypatch.setattr("nnz.plumbing.datasets.NAMES_SHA256", _sum(path))
    with pytest.raises(DataError, match="--column is for a table of your own"):
        names_to_use(path, "1")


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (
            ROWS["commas"],
            ["looks like a table with commas", "line 1 is 'emma,F,0'", "--column 1 takes 'emma'"],
        ),
        (ROWS["semicolons"], ["with semicolons", "--column 1 takes 'emma'"]),
        (ROWS["spaces"], ["with spaces", "--column 1"]),
        (ONE_SPACE, ["with spaces", "--column 1"]),
        ([f"{i}. {name}" for i, name in enumerate(NAMES)], ["--column 2 takes 'emma'"]),
        ([f"{i},{name}" for i, name in enumerate(["name", *NAMES])], ["--column 2 takes 'emma'"]),
        (MARKDOWN, ["with vertical bars", "--column 2 takes 'emma'"]),
        (
            [f'"{name}"' for name in NAMES],
            ["has quotation marks", "line 1 is '\"emma\"'", "--column 1 takes"],
        ),
        (
            [f"- {name}" for name in NAMES],
            ["has the mark of a list", "line 1 is '- emma'", "sed 's/^ *[^ ]* *//'"],
        ),
        ([f"<li>{name}</li>" for name in NAMES], ["looks like HTML", "save the names alone"]),
        (["name", *NAMES], ["line 1", "'name', is read as a name", "--column 1 leaves it out"]),
        (
            [", ".join(NAMES[: n % 3 + 3]) + f" {n}" for n in range(9)],
            ["has commas in most", "a line of its own"],
        ),
    ],
)
def test_a_list_that_looks_like_something_else_is_read_with_a_notice(
    written: Written, capsys: pytest.CaptureFixture[str], lines: list[str], parts: list[str]
) -> None:
    assert read_own(written(*lines)) == lines
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    "lines",
    [
        NAMES,
        ["Smith, John", *NAMES, *NAMES],
        ["de la cruz", "van der berg", "o'neil", "jean-luc", "x 2", "mary jane"],
        ["007", "42", "1", "12", "2001", "99"],
        [f"#{name}" for name in NAMES],
        STOPS,
        ["[emma]", *NAMES],
        ["-ann", "o'", "'t veld", "-", "x < y", '"ann" b', *NAMES],
    ],
)
def test_of_a_plain_list_nothing_is_said(
    written: Written, capsys: pytest.CaptureFixture[str], lines: list[str]
) -> None:
    assert read_own(written(*lines)) == lines
    assert capsys.readouterr().err == ""


def test_comments_are_left_out_and_counted(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_own(written("# mine", *NAMES)) == NAMES
    assert "line 1, '# mine', begins with # and is left out" in capsys.readouterr().err
    assert read_own(written("# mine", *NAMES, " # end")) == NAMES
    assert "2 lines begin with # and are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([", ".join(NAMES)], ["1 line with 8 names between commas", "tr ',' '\\n' <"]),
        ([";".join(NAMES)], ["between semicolons"]),
        (["\t".join(NAMES)], ["between tabs", "tr '\\t' '\\n'"]),
        ([" ".join(NAMES)], ["1 line with 8 names between spaces"]),
        ([",".join(NAMES[:4]), ",".join(NAMES[4:])], ["2 lines with 8 names between commas"]),
        ([", ".join(NAMES * 900)], ["1 line with 7200 names between commas"]),
        (ROWS["tabs"], ["looks like a table with tabs", "--column 1 takes 'emma'"]),
        (["x" * 5000, *NAMES], ["line 1", "5,000 characters", "may have 100"]),
        (["de la cruz", "van der berg"], ["has 2 names;"]),
        ([json.dumps(NAMES)], ["is a list in JSON", "json.load(sys.stdin.buffer)", "own-lines.txt"]),
        (json.dumps(NAMES, indent=1).split("\n"), ["is a list in JSON"]),
        ([json.dumps({"names": NAMES})], ["is JSON; expected one name on each line"]),
        ([json.dumps({"name": name}) for name in NAMES], ["has JSON on each line"]),
    ],
)
def test_what_cannot_be_a_list_is_an_error_that_says_what_to_do(
    written: Written, lines: list[str], parts: list[str]
) -> None:
    with pytest.raises(DataError) as raised:
        read_own(written(*lines))
    for part in ("own.txt", *parts):
        assert part in str(raised.value)


def test_the_advice_on_a_list_in_json_makes_names_of_it(written: Written) -> None:
    path = written(json.dumps([*NAMES, "zoé"]))
    with pytest.raises(DataError) as raised:
        read_own(path)
    advised = str(raised.value).partition("on each line: ")[2].rstrip(".")
    command = advised.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
    subprocess.run(command, shell=True, check=True, env=os.environ | {"PYTHONUTF8": "1"})
    assert read_own(path.with_name("own-lines.txt")) == [*NAMES, "zoé"]


def test_no_line_is_no_table() -> None:
    assert separator_of([]) is None


# Encodings


FRENCH = [f"{name}é" for name in NAMES]
RUSSIAN = ["анна", "ёлка", "юрий", "яна", "глеб", "олег"]
JAPANESE = ["太郎", "花子", "次郎", "美咲", "健", "愛"]


@pytest.mark.parametrize(
    ("lines", "encoding", "parts"),
    [
        (FRENCH, "latin-1", ["looks like Latin-1", "iconv -f LATIN1 -t UTF-8"]),
        ([*FRENCH, "o\u2019neil"], "cp1252", ["looks like Windows-1252", "iconv -f WINDOWS-1252 -t UTF-8"]),
        (FRENCH, "utf-16", ["begins as UTF-16 does", "iconv -f UTF-16 -t UTF-8"]),
        (NAMES, "utf-16-le", ["looks like UTF-16:", "iconv -f UTF-16LE -t UTF-8"]),
        (FRENCH, "utf-16-le", ["looks like UTF-16:", "iconv -f UTF-16LE -t UTF-8"]),
        (FRENCH, "utf-16-be", ["looks like UTF-16:", "iconv -f UTF-16BE -t UTF-8"]),
        (RUSSIAN, "utf-16-le", ["looks like UTF-16:", "UTF-16LE"]),
        (RUSSIAN, "utf-16-be", ["looks like UTF-16:", "UTF-16BE"]),
        (JAPANESE, "utf-16-le", ["looks like UTF-16:", "UTF-16LE"]),
        (FRENCH, "utf-32", ["begins as UTF-32 does"]),
        (FRENCH, "utf-32-be", ["looks like UTF-32:"]),
        (RUSSIAN, "cp1251", ["older encoding of another alphabet", "Windows-1251"]),
        (RUSSIAN, "koi8-r", ["older encoding of another alphabet", "KOI8-R"]),
        (JAPANESE, "shift-jis", ["older encoding of another alphabet", "Shift-JIS"]),
    ],
)
def test_another_encoding_is_named_with_what_to_do(
    written: Written, lines: list[str], encoding: str, parts: list[str]
) -> None:
    with pytest.raises(DataError) as raised:
        read_own(written(*lines, encoding=encoding))
    said = str(raised.value)
    assert "\n" not in said
    for part in ("own.txt is not a text file in UTF-8", "own-utf8.txt", *parts):
        assert part in said
    if "iconv -f" in said and "THAT" not in said:  # what is advised does it
        named = said.split("iconv -f ")[1].split(" ")[0]
        content = written(*lines, encoding=encoding).read_bytes()
        assert codecs.decode(content, named).removeprefix("\ufeff").split() == lines


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "a spreadsheet, a document or another zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a picture"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "a gzip archive"),
        (bytes(range(256)) * 4, "does not look like text at all"),
        ("\n".join(FRENCH).encode()[:-1], "look at line 8"),
        ("é\n".encode() * 9 + b"\xe9\n" + "é\n".encode() * 9, "look at line 10"),
    ],
)
def test_what_is_no_text_is_said_to_be_so(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "own"
    path.write_bytes(content)
    with pytest.raises(DataError, match=part):
        read_own(path)


def test_utf8_with_a_mark_is_read(written: Written) -> None:
    assert read_own(written(*FRENCH, encoding="utf-8-sig")) == FRENCH


# Small and large


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("names", [list("abcdef"), ["a" * n for n in range(1, 7)], [*NAMES[:5], "x" * 100]])
def test_the_smallest_lists_train_every_model(small_models: None, model: str, names: list[str]) -> None:
    vocabulary = vocabulary_of(names)
    train, dev, _ = split_distinct(names)
    fitted = MODELS[model].fit(train, generator=seeded(1), vocabulary=vocabulary, effort=0.01)
    assert torch.isfinite(torch.tensor(nll(fitted, dev)))
    assert len(sample_names(fitted, 3, generator=seeded(1))) == 3
