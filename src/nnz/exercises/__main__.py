"""The exercises on the command line: `python -m nnz.exercises --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from nnz import exercises
from nnz.exercises.checker.answers import AnswersError, read_answers
from nnz.exercises.checker.exercise import Exercise
from nnz.exercises.contents import CONTENTS, unknown
from nnz.plumbing.terminal import print_any_letter

ALL = [name for titles in CONTENTS.values() for name in titles]
_BAD = ("wrong", "error")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0, or 1 if an answer that was checked is wrong or raises, or 2 if what was asked for cannot be done.

    Raises:
        SystemExit: argparse stopped at a bad command, with code 2, or after showing its help, with code 0.
    """
    print_any_letter()
    options = vars(_parser().parse_args(argv))
    run = options.pop("run", lambda: _list(None))
    try:
        code: int = run(**options)
    except AnswersError as error:
        print(error, file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nnz.exercises", description="The exercises of the book.")
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(name: str, run: Any, what: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what)
        added.set_defaults(run=run)
        return added

    for name, run, what in (
        ("list", _list, "list the exercises"),
        ("stub", _stub, "print a file of answers to begin with"),
    ):
        command(name, run, what).add_argument(
            "chapter", nargs="?", choices=list(CONTENTS), help="this chapter alone"
        )
    checks = "check a Python file of functions named as the exercises"
    command("check", _check, checks).add_argument("file")
    hint = command("hint", _hint, "print a hint")
    hint.add_argument("name")
    hint.add_argument("number", nargs="?", type=int, default=1, help="which one")
    command("solution", _solution, "print an answer").add_argument("name")
    return parser


def _list(chapter: str | None) -> int:
    print(exercises.listing(chapter))
    return 0


def _stub(chapter: str | None) -> int:
    names = CONTENTS[chapter] if chapter else ALL
    stubs = [_find(name) for name in names]
    print("\n\n".join(f"# {exercise.title}\n{exercise.stub}" for exercise in stubs), end="")
    return 0


def _hint(name: str, number: int) -> int:
    exercise = _find(name)
    try:
        print(exercise.numbered_hint(number))
    except ValueError as error:
        raise AnswersError(str(error)) from None
    return 0


def _solution(name: str) -> int:
    print(_find(name).solution(), end="")
    return 0


def _find(name: str) -> Exercise:
    if name not in ALL:
        raise AnswersError(unknown(name))
    found: Exercise = getattr(exercises, name)
    return found


def _check(file: str) -> int:
    answers = read_answers(file, ALL)
    results = {name: _find(name).check(answers[name]) for name in answers}
    for name, result in results.items():
        print(f"{result.state:14} {name}")
    bad = [result for result in results.values() if result.state in _BAD]
    for result in bad:
        print(f"\n{result}")
    tried = {name for name in results if results[name].state != "not attempted"}
    if missing := [name for name in ALL if name not in tried]:
        print(f"\nnot attempted ({len(missing)}): {', '.join(missing)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
