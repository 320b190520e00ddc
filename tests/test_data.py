"""Names, vocabulary, split and windows."""

from __future__ import annotations

import random
import string
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnz.data import END, LETTERS, Vocabulary, load_names, split_names, tally, windows
from nnz.plumbing.datasets import DataError, Source

NAMES = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=9), min_size=1, max_size=8)


def plain_windows(names: list[str], block_size: int) -> list[tuple[list[int], int]]:
    """Pair every character with its context one by one, as the chapter does first."""
    pairs = []
    for name in names:
        context = [0] * block_size
        for char in name + END:
            index = LETTERS.encode(char)[0]
            pairs.append((list(context), index))
            context = [*context, index][1:] if block_size else []
    return pairs


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Reading


def test_names_come_in_the_order_of_the_file_and_repetitions_stay(tmp_path: Path) -> None:
    assert load_names(write(tmp_path, "mia\nava\nmia")) == ["mia", "ava", "mia"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("mia\r\nava\r\n", ["mia", "ava"]),
        ("mia\n\n  \nava\n\n", ["mia", "ava"]),
        ("  mia \n\tava", ["mia", "ava"]),
        (b"\xef\xbb\xbfmia\nava", ["mia", "ava"]),
        ("mia", ["mia"]),
    ],
    ids=["CRLF", "blank lines", "spaces", "byte order mark", "one name, no line end"],
)
def test_harmless_differences_between_files_are_passed_over(
    tmp_path: Path, content: str | bytes, names: list[str]
) -> None:
    assert load_names(write(tmp_path, content)) == names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no names in it"),
        ("\n \n", "has no names in it"),
        ("mia\nAva\n", r"Line 2 of .*list.txt is 'Ava', and 'A' is not among.*lower case"),
        ("mia\nzoé\n", r"Line 2 of .* is 'zoé', and 'é' .*alphabet="),
        ("mia\nr2d2", r"Line 2 of .* is 'r2d2', and '2' is not"),
        ("mia,ava", r"Line 1 of .* and ',' is not"),
        ("m" * 60 + "!", r"Line 1 of .*mmm\.\.\.'"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", r"is not a text file in UTF-8"),
        (b"mia\x00ava", r"Line 1 of .*not among"),
    ],
    ids=["empty", "blank", "upper case", "accent", "digits", "comma", "long", "picture", "NUL"],
)
def test_a_file_that_is_no_list_of_names_is_refused_with_the_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_names(write(tmp_path, content))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names the folder"):
        load_names(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load_names(tmp_path / "nmaes.txt")


def test_another_alphabet_can_be_allowed(tmp_path: Path) -> None:
    path = write(tmp_path, "zoé\nñandú")
    names = load_names(path, alphabet=string.ascii_lowercase + "éñú")
    vocabulary = Vocabulary(names)
    assert vocabulary.decode(vocabulary.encode("ñandú")) == "ñandú"


# Vocabulary


def test_the_end_has_index_zero_and_letters_are_in_order() -> None:
    assert LETTERS.chars == (".", *string.ascii_lowercase)
    assert len(LETTERS) == 27
    assert LETTERS.encode(".az") == [0, 1, 26]


@given(st.lists(st.text("abcçdé'-", max_size=6), min_size=1))
def test_decoding_undoes_encoding(names: list[str]) -> None:
    vocabulary = Vocabulary(names)
    text = "".join(names)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode(torch.tensor(vocabulary.encode(text), dtype=torch.int64)) == text


def test_a_vocabulary_refuses_the_end_token_as_a_letter() -> None:
    with pytest.raises(ValueError, match="marks the ends of a name"):
        Vocabulary(["st.john"])


def test_an_unknown_character_and_an_impossible_index_are_named() -> None:
    with pytest.raises(ValueError, match="'é' in 'zoé' is not in the vocabulary"):
        LETTERS.encode("zoé")
    for index in (27, -1):
        with pytest.raises(ValueError, match=rf"index {index} is not in 0 to 26"):
            LETTERS.decode([1, index])


@pytest.mark.parametrize(("n", "more"), [(3, ""), (60, ""), (61, "...")])
def test_of_the_alphabet_that_lacks_a_character_at_most_sixty_are_said(n: int, more: str) -> None:
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(n - 1)])
    with pytest.raises(ValueError, match="is not in the vocabulary") as refused:
        vocabulary.encode("b" * 100)
    known = "".join(vocabulary.chars[:60]) + more
    assert str(refused.value) == f"'b' in {'b' * 40!r} is not in the vocabulary {known!r}."


# Split


def test_the_split_is_that_of_the_lectures(reference: Source) -> None:
    names = load_names()
    parts = split_names(names)
    guesses = [len(windows(part, 3)[1]) for part in parts]
    if reference.is_reference:
        assert [len(part) for part in parts] == [25626, 3203, 3204]
        assert guesses == [182625, 22655, 22866]
    assert sum(guesses) == sum(map(len, names)) + len(names)


@given(st.integers(6, 300))
def test_every_name_falls_in_one_part_and_no_part_is_empty(n: int) -> None:
    names = [str(number) for number in range(n)]
    parts = split_names(names)
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert all(parts)
    assert len(parts[0]) == int(0.8 * n)


def test_splitting_changes_neither_the_list_nor_the_shared_randomness() -> None:
    names = ["ann", "bo", "cy", "di", "ed", "fay"]
    state = random.getstate()
    first = split_names(names)
    assert names == ["ann", "bo", "cy", "di", "ed", "fay"]
    assert random.getstate() == state
    assert split_names(names) == first


@pytest.mark.parametrize("n", range(6))
def test_too_few_names_to_split_is_an_error(n: int) -> None:
    with pytest.raises(ValueError, match=f"{n} names cannot be split in three"):
        split_names(["ann"] * n)


# Windows


def test_the_windows_of_one_name_by_hand() -> None:
    X, Y = windows(["emma"], 3)
    assert [LETTERS.decode(x) for x in X] == ["...", "..e", ".em", "emm", "mma"]
    assert LETTERS.decode(Y) == "emma."
    assert X.dtype == Y.dtype == torch.int64


@given(NAMES, st.integers(0, 5))
def test_windows_agree_with_the_plain_loop(names: list[str], block_size: int) -> None:
    X, Y = windows(names, block_size)
    plain = plain_windows(names, block_size)
    assert X.shape == (len(plain), block_size)
    assert X.tolist() == [context for context, _ in plain]
    assert Y.tolist() == [char for _, char in plain]


def test_windows_of_a_whole_list_agree_with_the_plain_loop(sample: list[str]) -> None:
    plain = plain_windows(sample, 3)
    X, Y = windows(sample, 3)
    assert (X.tolist(), Y.tolist()) == ([c for c, _ in plain], [y for _, y in plain])


def test_windows_of_many_names_take_as_many_calls_as_those_of_few() -> None:
    """What a loop over the characters would take grows with them: it was a hundred times slower."""

    def calls(names: list[str]) -> int:
        seen: list[str] = []
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, arg: seen.append(event))
        try:
            windows(names, 3)
        finally:
            sys.setprofile(before)
        return len(seen)

    few = ["emma", "isabella", "christopher", "ava"]
    assert 10 < calls(few) == calls(few * 100)


def test_windows_take_any_alphabet() -> None:
    vocabulary = Vocabulary(["zoé"])
    X, Y = windows(["zoé"], 2, vocabulary)
    assert vocabulary.decode(Y) == "zoé."
    assert int(X.max()) < len(vocabulary)


@pytest.mark.parametrize(
    ("names", "block_size", "error", "message"),
    [
        ("emma", 3, TypeError, r"got one string; write \['emma'\]"),
        ([], 3, ValueError, "at least one name"),
        (["ann", ""], 3, ValueError, "'' cannot be a name"),
        (["st.john"], 3, ValueError, "'st.john' cannot be a name"),
        (["ann"], -1, ValueError, "block_size is -1"),
        (["zoé"], 1, ValueError, "'é' in .* is not in the vocabulary"),
    ],
)
def test_windows_refuse_what_they_would_read_wrongly(
    names: list[str], block_size: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        windows(names, block_size)


@given(NAMES, st.integers(1, 3))
def test_a_tally_holds_every_window(names: list[str], block_size: int) -> None:
    X, Y = windows(names, block_size)
    contexts, counts = tally(X, Y, 27)
    pairs = Counter(zip(map(tuple, X.tolist()), Y.tolist(), strict=True))
    assert int(counts.sum()) == len(Y)
    assert contexts.shape == (len({tuple(x) for x in X.tolist()}), block_size)
    for context, row in zip(contexts.tolist(), counts.tolist(), strict=True):
        for char, times in enumerate(row):
            assert pairs[tuple(context), char] == times
