"""The exercises on the pages: the `{exercise}` directive, and the tasks as pages and terminals show them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from nnz import exercises as ex
from nnz.exercises.checker.plain import plain
from nnz.exercises.contents import CONTENTS
from nnz.press import pages
from rendered import built_page

pytestmark = pytest.mark.support

CONF = """
from docutils import nodes
from docutils.parsers.rst import Directive

class Listing(Directive):
    required_arguments = 1
    def run(self):
        return [nodes.paragraph("", "listing of " + self.arguments[0])]

extensions = ["myst_parser", "nnz_exercises"]
exercise_style = "solution_follow_exercise"
myst_enable_extensions = ["dollarmath"]

def setup(app):
    app.add_directive("listing", Listing)
"""
PAGE = """# Networks

See {{ref}}`network-ex-xor` and {{numref}}`network-ex-count`.

```{{exercise}} count_parameters
```

```{{exercise}} {name}
Two *neurons* do it.
```

```{{solution-start}} network-ex-xor
```
It can be drawn.
```{{solution-end}}
```
"""


@pytest.mark.parametrize("chapter", CONTENTS)
def test_no_cell_checks_an_answer_that_the_tests_check(chapter: str, root: Path) -> None:
    """But for that of `beat`, whose numbers the text goes on to discuss."""
    page = (root / "book" / f"{chapter}.md").read_text(encoding="utf-8")
    checked = re.findall(r"^ex\.(\w+)\.check\(ex\.\1\.reference\)", page, re.MULTILINE)
    assert set(checked) <= {"beat"}


def test_an_exercise_and_its_solution_come_from_the_object(tmp_path: Path, root: Path) -> None:
    page, warned = built_page(tmp_path, CONF, PAGE.format(name="xor"))
    assert not warned
    assert "nnz_exercises" in (root / "conf.py").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]*>|\s+", " ", page))
    text = " ".join(text.split())
    assert "See Exercise 2 and Exercise 1" in text
    assert 'id="network-ex-count"' in page
    parts = [
        "Exercise 1 (Counting parameters)",
        "without building it: the count should come as fast for millions.",
        "ex.count_parameters.check(count_parameters) checks your answer",
        "Solution",
        "listing of nnz.exercises.network.count_parameters",
        "Exercise 2 (Exclusive or, by hand)",
        "Two hidden neurons are enough for XOR.",
        "Solution",
        "Two neurons do it.",
        "listing of nnz.exercises.network.xor",
        "It can be drawn.",
    ]
    at = text.index("See Exercise")
    for part in parts:
        at = text.index(part, at) + len(part)
    assert text.count("Solution") == 2
    assert len(re.findall(r'class="[^"]*\bsolution dropdown\b', page)) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exor", "no exercise is named 'exor'; the nearest: xor."),
        ("maximum", "maximum is an exercise of the chapter 'engine', not of 'network'."),
    ],
)
def test_an_exercise_that_does_not_belong_to_the_page_is_told(
    tmp_path: Path, name: str, message: str
) -> None:
    _, warned = built_page(tmp_path, CONF, PAGE.format(name=name))
    assert f"exercise: {message}" in warned


@pytest.mark.parametrize("chapter", CONTENTS)
def test_a_chapter_has_its_exercises_in_their_order(root: Path, chapter: str) -> None:
    found = [
        (block.name, block.argument) for block in pages.read_page(root / "book" / f"{chapter}.md").directives
    ]
    assert [argument for name, argument in found if name == "exercise"] == list(CONTENTS[chapter])
    labels = {getattr(ex, name).label for name in CONTENTS[chapter]}
    assert {argument for name, argument in found if name == "solution-start"} <= labels
    assert "exercise-start" not in dict(found)


@pytest.mark.parametrize("exercise", [getattr(ex, name) for names in CONTENTS.values() for name in names])
def test_a_task_is_plain_in_a_terminal(exercise: Any) -> None:
    shown = plain(exercise.task)
    assert not re.search(r"[\\`$]|\*\*|\w\{|\{(?:cite|eq|given|numref|ref)\}|\]\(", shown)
    assert all(len(line) <= 110 for line in shown.splitlines())
    assert shown in repr(exercise)


def test_the_rules_read_a_task_as_prose_and_an_answer_as_a_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "network.md"
    path.write_text("# Networks\n\n```{exercise} count_parameters\nBy rows.\n```\n", encoding="utf-8")
    monkeypatch.setattr(ex.count_parameters, "task", "It has\n\n337 parameters.")
    page = pages.read_page(path)
    assert {(3, "337 parameters."), (4, "By rows.")} <= set(page.prose)
    assert page.listings == [(3, ["nnz.exercises.network.count_parameters"], None)]
