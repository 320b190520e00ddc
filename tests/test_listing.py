"""Finding source by name: what the {listing} directive shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnz.press.listing import ListingError, find, find_all

pytestmark = pytest.mark.support

MODULE = '''\
"""A module."""

import math

LIMIT = 3  # a constant


def area(r: float) -> float:
    """Return the area.

    A long docstring.
    """
    # keep this comment
    return math.pi * r**2


def bare():
    """Only a docstring."""


class Disc:
    """A disc."""

    sides = 0

    def __init__(self, r):
        self.r = r

    @property
    def area(self):
        """Return it."""
        return area(self.r)

    def grow(self):
        """Grow.

        By one.
        """

        def inner():
            """Inside."""
            return 1

        self.r += inner()
'''


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src" / "pkg"
    folder.mkdir(parents=True)
    (folder / "shapes.py").write_text(MODULE, encoding="utf-8")
    return tmp_path / "src"


def test_a_function_is_shown_without_its_docstring_under_its_true_numbers(source: Path) -> None:
    excerpt = find(source, "pkg.shapes.area")
    assert excerpt.text == (
        "def area(r: float) -> float:\n    # keep this comment\n    return math.pi * r**2\n"
    ).replace("    # keep this comment\n", "")
    assert [line.number for line in excerpt.lines] == [8, 14]
    for line in excerpt.lines:
        assert MODULE.splitlines()[line.number - 1] == line.text


def test_a_method_is_dedented_and_keeps_its_decorator(source: Path) -> None:
    excerpt = find(source, "pkg.shapes.Disc.area")
    assert excerpt.text == "@property\ndef area(self):\n    return area(self.r)\n"


def test_docstrings_of_inner_functions_go_too(source: Path) -> None:
    assert '"""' not in find(source, "pkg.shapes.Disc.grow").text
    assert "self.r += inner()" in find(source, "pkg.shapes.Disc.grow").text


def test_a_function_that_is_only_a_docstring_keeps_it(source: Path) -> None:
    assert find(source, "pkg.shapes.bare").text == 'def bare():\n    """Only a docstring."""\n'


def test_a_class_is_shown_whole_or_by_its_head_and_some_members(source: Path) -> None:
    whole = find(source, "pkg.shapes.Disc")
    assert whole.names == ("Disc", "Disc.sides", "Disc.__init__", "Disc.area", "Disc.grow")
    some = find(source, "pkg.shapes.Disc", ["__init__"])
    assert some.names == ("Disc", "Disc.__init__")
    assert some.text == "class Disc:\n    sides = 0\n\n    def __init__(self, r):\n        self.r = r\n"
    assert find(source, "pkg.shapes.Disc", []).text == "class Disc:\n    sides = 0\n"


def test_several_objects_are_shown_together(source: Path) -> None:
    limit, disc = find_all(source, ["pkg.shapes.LIMIT", "pkg.shapes.Disc"], ["__init__"])
    assert limit.text == "LIMIT = 3  # a constant\n"
    assert disc.names == ("Disc", "Disc.__init__")


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("pkg.shapes.aera", None, r"defines no 'aera'; it defines LIMIT, area"),
        ("pkg.shapes.Disc.shrink", None, r"pkg.shapes.Disc defines no 'shrink'"),
        ("pkg.shapes.area.inner", None, "pkg.shapes.area defines no 'inner'"),
        ("pkg.shape.area", None, "no module of that name"),
        ("pkg.shapes", None, "is a module"),
        ("pkg.shapes.Disc", ["radius"], "has no member 'radius'"),
        ("pkg.shapes.area", ["x"], "is not a class"),
    ],
)
def test_a_name_that_is_not_there_is_an_error_that_says_what_is(
    source: Path, name: str, members: list[str] | None, message: str
) -> None:
    with pytest.raises(ListingError, match=message):
        find(source, name, members)


def test_members_need_one_class_to_be_chosen_from(source: Path) -> None:
    with pytest.raises(ListingError, match="names 0"):
        find_all(source, ["pkg.shapes.LIMIT", "pkg.shapes.area"], ["x"])


def test_a_file_that_changed_is_read_anew(source: Path) -> None:
    path = source / "pkg" / "shapes.py"
    find(source, "pkg.shapes.LIMIT")
    path.write_text(MODULE.replace("LIMIT = 3", "LIMIT = 4"), encoding="utf-8")
    import os

    os.utime(path, ns=(1, 1))
    assert "LIMIT = 4" in find(source, "pkg.shapes.LIMIT").text
