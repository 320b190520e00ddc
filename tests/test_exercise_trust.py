"""How far the exercises' checkers can be trusted: wrong answers that nobody thought of are told wrong, too."""

from __future__ import annotations

import copy
import inspect
import random
from dataclasses import replace
from typing import Any

import pytest

from exercise_mutants import REASONS, called_right, exercises, limited, mutants, reasons
from nnz.exercises.checker.drawn import DRAWS, Draw, drawn, shaped
from nnz.exercises.checker.exercise import Exercise
from nnz.exercises.checker.inputs import call

pytestmark = pytest.mark.support

EXERCISES = exercises()
KNOWN = reasons()
# Each is given nothing, or a list of names to learn from, and what it returns is judged by what it does.
WITHOUT_DRAWS = {"xor", "beat", "beat_the_table"}
DRAWN = [exercise for name, exercise in EXERCISES.items() if name not in WITHOUT_DRAWS]


def each(values: list[Exercise]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exercise", values, ids=lambda e: e.name)


def by_heart(exercise: Exercise) -> Any:
    """Return an answer that is right as often as the chosen inputs take, and then says the same over again."""
    said: list[Any] = []
    counted = replace(exercise, more=None)

    def counting(*args: Any) -> Any:
        said.append(exercise.reference(*args))
        return said[-1]

    assert counted.check(counting)
    times = 0

    def answer(*args: Any) -> Any:
        nonlocal times
        times += 1
        if times <= len(said):
            return exercise.reference(*args)
        return copy.copy(said[times % len(said)])

    return answer


@each(DRAWN)
def test_an_answer_that_knows_the_chosen_inputs_by_heart_is_told_wrong(exercise: Exercise) -> None:
    answer = by_heart(exercise)
    result = exercise.check(answer)
    assert not result
    if result.state != "not attempted":  # as is said where an answer was to change something and does nothing
        shown = [given.show(exercise.name) for given in exercise.tried[len(exercise.inputs) :]]
        assert result.text.splitlines()[1].removeprefix("tried: ") in shown
    assert replace(exercise, more=None).check(by_heart(exercise))


def test_all_exercises_with_arguments_to_draw_have_a_specification() -> None:
    assert {name for name, exercise in EXERCISES.items() if exercise.more is None} == WITHOUT_DRAWS


@each(DRAWN)
def test_the_drawn_inputs_are_the_same_in_every_run_and_short_ones_come_first(exercise: Exercise) -> None:
    again = replace(exercise)
    shown = [given.show(exercise.name) for given in exercise.tried]
    assert [given.show(exercise.name) for given in again.tried] == shown
    added = shown[len(exercise.inputs) :]
    assert len(added) == DRAWS
    assert added == sorted(added, key=len)
    assert len(set(added)) > 1
    assert "..." not in "".join(added)  # so that they can be typed


def test_what_is_drawn_is_what_its_name_says() -> None:
    draw = Draw(random.Random(3))
    for _ in range(200):
        assert len(set(draw.sizes(3))) == 3
        number = draw.number()
        assert number % 1 != 0
        assert 0.2 <= abs(number) < 3
        assert 0 < draw.positive(0.5, 2) <= 0.5
        chances = draw.chances(5)
        assert sum(chances) == pytest.approx(1)
        assert min(chances) > 0
        assert len(set(chances)) == 5
        assert sorted(draw.shuffled(4)) == [0, 1, 2, 3]
    x, rows, below, V, eps = shaped("B 2C, +C, B<V, #V, ~0.5")(draw).args
    args: Any = x, rows, below
    assert args[0].shape == (len(args[2]), 2 * len(args[1]))
    assert (args[1] > 0).all()
    assert isinstance(V, int)
    assert int(args[2].max()) < V
    assert isinstance(eps, float)


def test_the_draws_of_an_exercise_are_its_own() -> None:
    def specification(draw: Draw) -> Any:
        return call(draw.number(digits=9))

    one, other = ([given.args for given in drawn(specification, name)] for name in ("one", "other"))
    assert one != other


QUICK = 5  # of so many mutants one is tried here; all of them by `python tests/exercise_mutants.py`


@each(list(EXERCISES.values()))
def test_mutants_of_the_answer_are_told_wrong(exercise: Exercise) -> None:
    found = mutants(exercise)
    assert found
    tried = list(found)[::QUICK]
    right = {what for what in tried if called_right(exercise, found[what])}
    assert right <= KNOWN.get(exercise.name, {}).keys()


def test_what_is_called_right_though_changed_has_a_reason_and_is_still_called_right() -> None:
    assert KNOWN.keys() <= EXERCISES.keys()
    assert REASONS.read_text(encoding="utf-8").isascii()
    for name, changes in KNOWN.items():
        found = mutants(EXERCISES[name])
        for what, reason in changes.items():
            assert reason.startswith(("same: ", "free: ", "missed: ")), reason
            assert called_right(EXERCISES[name], found[what]), f"{name}: {what} is caught by now"


def test_at_most_one_in_a_hundred_that_do_something_else_is_missed() -> None:
    told = [reason.split(":")[0] for changes in KNOWN.values() for reason in changes.values()]
    total = sum(len(mutants(exercise)) for exercise in EXERCISES.values())
    assert total > 1000
    assert told.count("missed") <= (total - len(told) + told.count("missed")) / 100


def test_an_answer_without_an_end_counts_as_caught() -> None:
    exercise = EXERCISES["receptive_field"]
    with limited(0.1):
        assert not exercise.check(endless)
    source = inspect.getsource(endless).replace("endless(*_: object)", "receptive_field(kernel, dilations)")
    assert not called_right(exercise, source, seconds=0.1)


def endless(*_: object) -> None:
    while True:
        pass
