"""The exercises: right answers pass, known slips are told apart, nothing a reader writes breaks the checker."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import itertools
import math
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnz import exercises as ex
from nnz.bigram import BigramCounts
from nnz.data import Vocabulary
from nnz.engine import Value
from nnz.evaluate import nll
from nnz.exercises import __main__ as command
from nnz.exercises import backprop_network, bigram, engine, network
from nnz.exercises.checker.compare import describe, freeze, leaves, mismatch, same
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input
from nnz.exercises.checker.slips import Edit, EditError, Slip
from nnz.exercises.contents import CONTENTS
from nnz.exercises.engine import maximum
from nnz.nn import MLP

pytestmark = pytest.mark.support

CHAPTERS = {name: import_module(f"nnz.exercises.{name.replace('-', '_')}") for name in CONTENTS}
EXERCISES: list[Exercise] = [e for module in CHAPTERS.values() for e in module.EXERCISES]
SLIPS = [(e, slip) for e in EXERCISES for slip in e.known_slips]


def each(values: list[Any] = EXERCISES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exercise", values, ids=lambda e: e.name)


def lines_of(result: object) -> list[str]:
    return str(result).splitlines()


def normalized(text: str) -> str:
    return "".join(text.split())


def test_the_table_of_contents_is_what_the_chapters_define() -> None:
    defined = {c: [e.name for e in m.EXERCISES] for c, m in CHAPTERS.items()}
    assert defined == {c: list(titles) for c, titles in CONTENTS.items()}
    for chapter, module in CHAPTERS.items():
        for exercise in module.EXERCISES:
            assert exercise.chapter == chapter
            assert exercise.reference is vars(module)[exercise.name]
            assert getattr(ex, exercise.name) is exercise
    for thing in ("name", "label", "title"):
        values = [getattr(exercise, thing) for exercise in EXERCISES]
        assert len(set(values)) == len(values)


MOST_CALLS = 3_000_000  # of functions in a check: half a second or so


@each()
def test_the_reference_is_right_and_soon_checked(exercise: Exercise) -> None:
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = replace(exercise).check(exercise.reference)
    finally:
        sys.setprofile(before)
    assert calls < MOST_CALLS
    assert result.state == "right"
    assert result
    assert lines_of(result)[0].startswith(f"✓ {exercise.title}: ")
    assert result.assert_ok() is result


def test_what_the_reference_and_the_slips_come_to_is_found_once() -> None:
    tried: Counter[str] = Counter()

    def counted(name: str, answer: Any) -> Any:
        @functools.wraps(answer)
        def counting(*args: Any) -> Any:
            tried[name] += 1
            return answer(*args)

        return counting

    known = ex.second_derivative
    slips = {slip.cause: counted(slip.cause, known.wrong(slip)) for slip in known.known_slips}
    reference = counted("reference", known.reference)
    exercise = replace(known, reference=reference, slips=slips)
    for _ in range(3):
        assert exercise.check(known.wrong(known.known_slips[-1])).state == "wrong"
        assert exercise.check(lambda f, x, h: 0.0).state == "wrong"
    assert set(tried) == {"reference", *slips}
    assert max(tried.values()) <= len(known.tried)


@each()
def test_the_stub_and_nothing_are_not_attempted(exercise: Exercise) -> None:
    space: dict[str, Any] = {}
    exec(exercise.stub, space)
    stub = space[exercise.name]
    assert list(inspect.signature(stub).parameters) == exercise.parameters
    assert stub.__doc__ == inspect.getdoc(exercise.reference)
    for answer in (None, ..., stub, lambda *_: None, lambda *_: ...):
        result = exercise.check(answer)
        assert result.state == "not attempted", result
        assert not result


@each()
def test_the_answer_fits_into_a_listing(exercise: Exercise) -> None:
    lines = inspect.getsource(exercise.reference).splitlines()
    assert [line for line in lines if len(line) > 84 and '"""' not in line] == []


@each()
def test_a_docstring_of_one_line_says_what_to_write(exercise: Exercise) -> None:
    doc = inspect.getdoc(exercise.reference)
    assert doc is not None
    assert len(doc.splitlines()) == 1
    assert exercise.name in exercise.task or exercise.name == "column_sums"
    assert f"def {exercise.name}(" in repr(exercise)
    assert exercise.title in repr(exercise)
    assert exercise.chapter in repr(exercise)


@pytest.mark.parametrize(
    ("exercise", "slip"), SLIPS, ids=[f"{e.name}-{e.known_slips.index(s)}" for e, s in SLIPS]
)
def test_each_slip_is_found_and_named(exercise: Exercise, slip: Slip) -> None:
    result = exercise.check(exercise.wrong(slip))
    assert result.state in ("wrong", "error")
    assert lines_of(result)[0] == f"{result.state}: {exercise.title}"
    assert lines_of(result)[1].startswith("tried: ")
    assert lines_of(result)[-1] == f"probable cause: {slip.cause}"
    assert "NameError" not in result.text  # of an edit that says what the module does not know
    with pytest.raises(AssertionError) as raised:
        result.assert_ok()
    assert str(raised.value) == result.text


@each()
def test_there_are_enough_slips_and_hints_and_all_differ(exercise: Exercise) -> None:
    assert len(exercise.known_slips) >= 3
    texts = {exercise.check(exercise.wrong(slip)).text for slip in exercise.known_slips}
    assert len(texts) == len(exercise.known_slips)
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert 2 <= len(exercise.hints) <= 3


@each()
def test_nothing_that_is_shown_unasked_contains_the_solution(exercise: Exercise) -> None:
    definition = ast.parse(inspect.getsource(exercise.reference)).body[0]
    assert isinstance(definition, ast.FunctionDef)
    source = inspect.getsource(exercise.reference).splitlines()
    secret = [
        normalized(line) for line in source[definition.body[1].lineno - 1 :] if len(normalized(line)) >= 12
    ]
    assert secret
    shown = [*exercise.hints, exercise.task, repr(exercise), exercise.stub]
    shown += [exercise.check(exercise.wrong(slip)).text for slip in exercise.known_slips]
    shown += [exercise.check(exercise.reference).text]
    for text in shown:
        assert not [line for line in secret if line in normalized(text)]
    assert secret[-1] in normalized(exercise.solution())


@each()
def test_hints_come_in_order_and_then_begin_again(exercise: Exercise) -> None:
    for _ in range(2):
        for number, hint in enumerate(exercise.hints, start=1):
            count = len(exercise.hints)
            assert exercise.hint() == f"hint {number} of {count}: {hint}"
        assert exercise.hint().startswith("No more hints")


@each()
def test_the_solution_is_shown_as_source_and_is_right(exercise: Exercise) -> None:
    shown = exercise.solution()
    assert repr(shown) == str(shown)  # a notebook shows it without quotes
    space = dict(vars(CHAPTERS[exercise.chapter]))
    exec(shown, space)
    assert exercise.check(space[exercise.name])


@each()
def test_a_check_says_the_same_every_time(exercise: Exercise) -> None:
    for slip in exercise.known_slips[:2]:
        first, second = (exercise.check(exercise.wrong(slip)).text for _ in range(2))
        assert first == second


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (
            (edit("h**3", "h"),),
            "second_derivative, slip 'why': 'h**3' stands 0 times in second_derivative, not once.",
        ),
        ((edit("f(x", "f(-x"),), "'f(x' stands 3 times in second_derivative"),
        ((edit("f(x + h)", "0"), edit("h) - 2", "h) - 3")), "'h) - 2' overlaps the edit before it"),
        ((edit("x > y", "x", of=engine.maximum),), "'x > y' stands 0 times in maximum, not once"),
    ],
)
def test_an_edit_that_does_not_fit_is_loud(edits: tuple[Edit, ...], message: str) -> None:
    exercise = replace(ex.second_derivative, slips={"why": edits})
    with pytest.raises(EditError, match=re.escape(message)):
        exercise.check(lambda f, x, h: 0.0)


def test_an_edit_is_made_once_and_has_a_source_and_lines() -> None:
    slip = Slip("it is divided by zero", edit("h**2", "(h - h)"))
    wrong: Any = slip.answer(engine.second_derivative)
    assert slip.answer(engine.second_derivative) is wrong
    assert "/ (h - h)" in inspect.getsource(wrong)
    with pytest.raises(ZeroDivisionError) as raised:
        wrong(abs, 1.0, 0.5)
    assert "/ (h - h)" in str(raised.traceback[-1].statement)
    assert engine.second_derivative(abs, 1.0, 0.5) == 0


def test_an_edit_of_a_helper_is_seen_by_the_edited_answer_alone() -> None:
    slip = Slip("a bias too many", edit("x.data > y.data", "x.data < y.data", of=engine.maximum))
    wrong: Any = slip.answer(larger_of_two)
    assert wrong(1.0, 2.0) == 1.0
    assert larger_of_two(1.0, 2.0) == engine.maximum(Value(1.0), Value(2.0)).data == 2.0


def larger_of_two(a: float, b: float) -> float:
    return maximum(Value(a), Value(b)).data


class Hostile:
    """Fails at whatever is done to it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


def raising(error: BaseException) -> Callable[..., object]:
    def answer(*_: object) -> object:
        raise error

    return answer


def endless(*_: object) -> object:
    return endless(*_)


ENDLESS_LIST: list[object] = []
ENDLESS_LIST.append(ENDLESS_LIST)
ODD = [
    Hostile(),
    ENDLESS_LIST,
    [],
    "",
    "text",
    math.nan,
    [math.nan] * 3,
    math.inf,
    True,
    1j,
    10**5000,
    Value(math.nan),
    torch.tensor(math.nan),
    torch.ones(2, 2, dtype=torch.int64),
    np.ones(3),
    {},
    object(),
    int,
    [None],
    [("a", None)],
    MLP,
    (x for x in ()),
]


@each()
def test_a_check_never_raises(exercise: Exercise) -> None:
    for odd in ODD:
        result = exercise.check(lambda *_, odd=odd: odd)
        assert result.state in ("wrong", "error"), result
        assert "0x" not in result.text
        if not callable(odd):
            assert exercise.check(odd).state == "error"
    for error in (
        ValueError("no"),
        SystemExit(3),
        MemoryError(),
        GeneratorExit(),
        Unprintable(),
        AssertionError(),
        StopIteration(),
        BaseExceptionGroup("many", [ValueError("one")]),
    ):
        result = exercise.check(raising(error))
        assert result.state == "error"
        assert type(error).__name__ in result.text
    assert "RecursionError" in exercise.check(endless).text


def test_an_interruption_gets_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        ex.gradient.check(raising(KeyboardInterrupt()))


def test_an_answer_that_is_no_function_is_told_so() -> None:
    result = ex.gradient.check([1.0, 2.0, 3.0])
    assert result.state == "error"
    assert "expected the function gradient(a, b, c) itself" in result.text
    assert "got [1.0, 2.0, 3.0], a list" in result.text


def test_a_wrong_number_of_arguments_is_told() -> None:
    result = ex.gradient.check(lambda a, b: [a, b])
    assert result.state == "error"
    assert "called as gradient(a, b, c), and yours takes (a, b)" in result.text
    assert ex.gradient.check(lambda *abc: engine.gradient(*abc))
    assert ex.gradient.check(lambda a, b, c, d=1: engine.gradient(a, b, c))


def helper(x: float) -> float:
    return 1 / (x - x)


def calls_helper(f: Any, point: list[float], h: float) -> list[float]:
    return [helper(x) for x in point]


def test_an_error_shows_the_reader_s_lines_and_no_others() -> None:
    result = ex.forward_difference.check(calls_helper)
    assert result.state == "error"
    lines = lines_of(result)
    assert lines[1] == "tried: forward_difference(f, [3.0], 0.5) where f(x) = x * x"
    assert lines[2].startswith("ZeroDivisionError: ")
    assert "    return 1 / (x - x)" in lines
    assert "    return [helper(x) for x in point]" in lines
    frames = [line for line in lines if ", line " in line]
    assert all("test_exercises.py, line " in line for line in frames)
    assert "watched" not in result.text
    assert "observe.py" not in result.text


def test_an_error_inside_the_package_or_torch_points_at_the_reader_s_call() -> None:
    result = ex.maximum.check(lambda x, y: (x - 100).log())
    assert "ValueError: log(-99.0)" in result.text
    assert "engine.py" not in result.text
    assert "(x - 100).log()" in result.text
    result = ex.column_sums.check(lambda counts: counts.sum(dim=5))
    assert "IndexError" in result.text
    assert "counts.sum(dim=5)" in result.text


def test_a_deep_recursion_is_shown_in_part() -> None:
    lines = lines_of(ex.gradient.check(endless))
    assert "  ... and more calls between ..." in lines
    assert len(lines) < 20


def test_an_argument_that_was_changed_is_named() -> None:
    def sorts(scores: list[Value], targets: list[int]) -> Value:
        loss = network.logistic_loss(scores, targets)
        targets.sort(key=lambda y: -y)
        return loss

    text = ex.logistic_loss.check(sorts).text
    assert "the argument targets was changed: it was [-1, 1], and after" in text
    assert "it is [1, -1]" in text

    def subtracts(counts: torch.Tensor) -> torch.Tensor:
        sums = bigram.column_sums(counts)
        counts -= 1
        return sums

    text = ex.column_sums.check(subtracts).text
    assert "the argument counts was changed: it was tensor([[1, 2], [4, 3]])" in text

    def goes_back(logits: list[Value], target: int) -> Value:
        loss = engine.softmax_nll(logits, target)
        loss.backward()
        return loss

    assert "the argument logits was changed" in ex.softmax_nll.check(goes_back).text


def test_an_argument_moved_and_moved_back_is_not_held_against_anyone() -> None:
    def there_and_back(f: Any, point: list[float], h: float) -> list[float]:
        slopes = []
        for i in range(len(point)):
            here = f(*point)
            point[i] += h
            slopes.append((f(*point) - here) / h)
            point[i] -= h
        return slopes

    assert ex.forward_difference.check(there_and_back)


def test_types_lengths_and_shapes_are_told() -> None:
    for exercise, answer, part in [
        (ex.gradient, lambda a, b, c: [1.0], "should have 3 entries; yours has 1"),
        (ex.gradient, lambda a, b, c: "abc", "should be a list; yours is a string"),
        (ex.gradient, lambda a, b, c: [1.0, None, 2.0], "entry 1 of the result"),
        (ex.gradient, lambda a, b, c: [1.0, math.nan, 2.0], "entry 1 of the result is nan"),
        (ex.softmax_nll, lambda logits, t: 0.2, "should be a Value; yours is a number"),
        (ex.relative_loss, lambda names: torch.tensor(0.5), "item()"),
        (ex.relative_loss, lambda names: math.nan, "is nan"),
        (ex.column_sums, lambda c: c.sum(0, keepdim=True) / 2, "(2,); yours has shape (1, 2)"),
        (ex.column_sums, lambda c: c.sum(0), "such as float32; yours has int64"),
        (ex.column_sums, lambda c: c.sum(0) / 0 * 0, "is nan, which is not a number at index 0"),
        (ex.xor, lambda: MLP(2, [3, 1], generator=random.Random(0)), "expected MLP of"),
    ]:  # fmt: skip
        result = exercise.check(answer)
        assert result.state == "wrong"
        assert part in result.text, result


def test_a_wrong_number_is_shown_with_its_distance_but_not_the_right_one() -> None:
    result = ex.column_sums.check(lambda c: torch.tensor([1.5, 1.0]))
    assert lines_of(result)[2:] == [
        "yours: tensor([1.5, 1.0]), float32 of shape (2,)",
        "largest difference: 0.285714 at index 1",
    ]
    assert "0.714" not in result.text


def test_a_result_that_is_cut_off_from_its_inputs_is_told() -> None:
    def cut(logits: list[Value], target: int) -> Value:
        powers = [math.exp(logit.data) for logit in logits]
        return Value(-math.log(powers[target] / sum(powers)))

    result = ex.softmax_nll.check(cut)
    assert "after backward() each of their gradients is 0" in result.text
    assert "leaves the graph" in lines_of(result)[-1]


def test_a_value_that_is_handed_back_is_told() -> None:
    result = ex.maximum.check(max)
    assert "the result is the argument y itself" in result.text


def test_a_cause_is_given_only_if_one_slip_alone_fits() -> None:
    result = ex.gradient.check(lambda a, b, c: [0.0, 0.0, 0.0])
    assert "probable cause" not in result.text
    half = ex.momentum_step.check(lambda parameters, velocities, rate, momentum: velocities.append(0.0))
    assert half.state == "wrong"
    assert "probable cause" not in half.text

    def undivided(names: list[str]) -> float:  # on the first input two slips give this
        loss = bigram.relative_loss(names) * math.log(2)
        return loss if names == ["a"] else 0.0

    result = ex.relative_loss.check(undivided)
    assert "tried: relative_loss(['a'])" in result.text
    assert "probable cause" not in result.text


def test_the_smallest_input_that_fails_is_the_one_shown() -> None:
    def right_below_three(nin: int, nouts: list[int]) -> int:
        wrong = nin == 3 or nin == 784
        return network.count_parameters(nin, nouts) + wrong

    text = ex.count_parameters.check(right_below_three).text
    assert "tried: count_parameters(3, [4, 5, 2])" in text
    assert "1 too many" in text


def test_an_answer_that_fails_on_large_scores_only_is_told_where() -> None:
    def naive(scores: list[Value], targets: list[int]) -> Value:
        return sum(
            ((1 + (-s * y).exp()).log() for s, y in zip(scores, targets, strict=True)), Value(0)
        ) / len(scores)

    result = ex.logistic_loss.check(naive)
    assert result.state == "wrong"
    assert "Value(-1000.0)" in lines_of(result)[1]
    assert "exp of a large number is larger than any float" in result.text


@each()
def test_the_random_states_are_put_back(exercise: Exercise) -> None:
    def states() -> tuple[Any, ...]:
        numpy_state = getattr(np.random, "get_state")()  # noqa: B009
        key = numpy_state[1].tolist(), numpy_state[2]
        return random.getstate(), key, torch.get_rng_state().tolist()

    def reseeding(*_: object) -> object:
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(7)
        raise ValueError

    before = states()
    for answer in (reseeding, exercise.reference, exercise.wrong(exercise.known_slips[0])):
        exercise.check(answer)
        assert states() == before


def test_what_a_reader_prints_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def loud(f: Any, x: float, h: float) -> float:
        print("at", x)
        return engine.second_derivative(f, x, h)

    assert ex.second_derivative.check(loud)
    printed = capsys.readouterr().out
    assert printed.startswith("at 3.0\nat -1.5\nat 0.7\n")
    assert printed == "".join(f"at {given.args[1]}\n" for given in ex.second_derivative.tried)


def test_an_unknown_exercise_is_met_with_the_nearest_names() -> None:
    with pytest.raises(AttributeError, match=r"nearest: softmax_nll, safe_softmax\."):
        _ = ex.softmax
    with pytest.raises(AttributeError, match=r"no exercise .*see listing\(\)"):
        _ = ex.qqqqqq


def test_listing_and_dir_have_every_exercise_in_the_book_s_order() -> None:
    text = ex.listing()
    places = [text.index(f"  {e.name} ") for e in EXERCISES]
    assert places == sorted(places)
    assert all(e.title in text for e in EXERCISES)
    assert {e.name for e in EXERCISES} <= set(dir(ex))
    assert ex.listing("network") in text
    assert "maximum" not in ex.listing("network")
    with pytest.raises(ValueError, match="no chapter 'networks' has exercises"):
        ex.listing("networks")


def test_part_one_needs_no_torch() -> None:
    code = (
        "import sys; import nnz.exercises as ex; ex.listing(); "
        "assert ex.forward_difference.check(ex.forward_difference.reference); "
        "assert ex.xor.check(ex.xor.reference); "
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


RIGHT = "def second_derivative(f, x, h):\n    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2\n"
WRONG = "def count_parameters(n_in, n_outs):\n    return n_in * n_outs[0]\n"
RAISES = "def gradient(a, b, c):\n    return [a, b, d]\n"


@pytest.fixture
def answers(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "answers.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_with(*argv: str) -> tuple[int, str, str]:
        try:
            code = command.main(argv)
        except SystemExit as stop:
            code = int(str(stop.code))
        return code, *capsys.readouterr()

    return run_with


def test_the_command_lists(run: Run) -> None:
    assert run() == (0, ex.listing() + "\n", "")
    assert run("list") == run()
    assert run("list", "bigram") == (0, ex.listing("bigram") + "\n", "")
    assert run("list", "nothing")[0] == 2
    assert run("dance")[0] == 2


def test_the_command_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "nnz.exercises", "solution", "xor"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == ex.xor.solution()


def test_the_command_checks_where_letters_are_lacking(
    answers: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    raises = "def gradient(a, b, c):\n    raise ValueError('zoé')\n"
    assert command.main(["check", answers(raises)]) == 1
    out.flush()
    assert rb"zo\xe9" in out.buffer.getvalue()


def test_the_command_checks_a_file(run: Run, answers: Callable[[str], str]) -> None:
    stub = str(ex.maximum.stub)
    code, out, err = run("check", answers(RIGHT + WRONG + RAISES + stub))
    assert (code, err) == (1, "")
    assert lines_of(out)[:4] == [
        "error          gradient",
        "not attempted  maximum",
        "right          second_derivative",
        "wrong          count_parameters",
    ]
    assert "NameError: name 'd' is not defined" in out
    assert "  answers.py, line 6, in gradient\n    return [a, b, d]" in out
    assert "wrong: Counting parameters\ntried: count_parameters(1, [1])" in out
    missing = lines_of(out)[-1]
    assert missing.startswith(f"not attempted ({len(EXERCISES) - 3}): ")
    assert "maximum" in missing


def test_a_file_without_anything_wrong_is_fine(run: Run, answers: Callable[[str], str]) -> None:
    assert run("check", answers(RIGHT))[0] == 0
    stubs = run("stub")[1]
    code, out, _ = run("check", answers(stubs))
    assert code == 0
    assert f"not attempted ({len(EXERCISES)}): " in out


def test_a_file_is_read_anew_each_time(run: Run, answers: Callable[[str], str]) -> None:
    assert run("check", answers(RIGHT))[0] == 0
    assert run("check", answers(RIGHT.replace("- 2", "- 3")))[0] == 1


def test_stubs_are_for_one_chapter_or_all(run: Run) -> None:
    _, out, _ = run("stub", "network")
    names = [node.name for node in ast.parse(out).body]
    assert names == list(CONTENTS["network"])
    assert len(ast.parse(run("stub")[1]).body) == len(EXERCISES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", "answers.py, line 1: SyntaxError: '(' was never closed"),
        ("ok = 1\ndef f(:\n", "answers.py, line 2: SyntaxError: "),
        ("x = 1\ny = z\n", "answers.py, line 2, in <module>\n    y = z\nNameError"),
        ("import sys\nsys.exit(0)\n", "cannot be run:"),
        ("x = 1\n", "defines no function that is named as an exercise: gradient,"),
        ("", "defines no function"),
        ("x = '\0'\n", "null byte"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_why(
    run: Run, answers: Callable[[str], str], text: str, message: str
) -> None:
    code, out, err = run("check", answers(text))
    assert (code, out) == (2, "")
    assert message in err


def test_a_file_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", str(tmp_path / "nothing.py"))
    assert code == 2
    assert "nothing.py does not exist" in err
    code, _, err = run("check", str(tmp_path))
    assert code == 2
    assert "is a folder" in err
    (tmp_path / "latin.py").write_bytes("x = 'é'\n".encode("latin-1"))
    code, _, err = run("check", str(tmp_path / "latin.py"))
    assert code == 2
    assert "SyntaxError" in err
    assert run("check")[0] == 2


def test_a_file_may_import_its_neighbors_and_leaves_the_path_alone(
    run: Run, answers: Callable[[str], str], tmp_path: Path
) -> None:
    neighbor = "exercises_neighbor"
    (tmp_path / f"{neighbor}.py").write_text(RIGHT, encoding="utf-8")
    before = sys.path[:]
    importing = f"import sys\nfrom {neighbor} import second_derivative\nsys.path.insert(0, 'x')\n"
    assert run("check", answers(importing))[0] == 0
    assert sys.path == before
    del sys.modules[neighbor]


def test_the_command_gives_hints_and_solutions(run: Run) -> None:
    first = ex.xor.hints[0]
    assert run("hint", "xor") == (0, f"hint 1 of 3: {first}\n", "")
    assert run("hint", "xor", "3")[1].startswith("hint 3 of 3: ")
    assert run("hint", "xor", "4")[::2] == (2, "xor has hints 1 to 3; got 4.\n")
    assert run("solution", "xor") == (0, str(ex.xor.solution()), "")
    for verb in ("hint", "solution"):
        code, _, err = run(verb, "softmax")
        assert code == 2
        assert "no exercise is named 'softmax'; the nearest: softmax_nll, safe_softmax." in err


def test_the_gradient_at_the_point_of_the_lecture_s_exercise() -> None:
    expected = [-12.353553390593273, 10.25699027111255, 0.0625]
    assert engine.gradient(2, 3, 4) == pytest.approx(expected, abs=1e-12)


def test_the_softmax_loss_of_the_lecture_s_exercise() -> None:
    logits = [Value(x) for x in (0.0, 3.0, -2.0, 1.0)]
    loss = engine.softmax_nll(logits, 3)
    loss.backward()
    assert loss.data == pytest.approx(2.1755153626167147, abs=1e-12)
    assert [logit.grad for logit in logits] == pytest.approx(
        [0.041772570515350445, 0.8390245074625319, 0.005653302662216329, -0.8864503806400986], abs=1e-12
    )


def test_the_logistic_loss_is_torch_s() -> None:
    numbers, targets = [0.7, -1.3, 40.0, -1000.0], [1, 1, -1, -1]
    scores = [Value(x) for x in numbers]
    loss = network.logistic_loss(scores, targets)
    loss.backward()
    theirs = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    margins = theirs * torch.tensor(targets)
    expected = torch.nn.functional.softplus(-margins, threshold=1e9).mean()
    expected.backward()
    assert loss.data == pytest.approx(expected.item(), rel=1e-12)
    assert theirs.grad is not None
    ours = [score.grad for score in scores]
    assert ours == pytest.approx(theirs.grad.tolist(), abs=1e-12)


def test_the_step_with_momentum_is_torch_s() -> None:
    ours, velocities = [Value(1.5), Value(-0.5)], [0.0, 0.0]
    theirs = torch.tensor([1.5, -0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
    for _ in range(5):
        for parameter in ours:
            parameter.grad = 2 * parameter.data
        network.momentum_step(ours, velocities, 0.1, 0.9)
        optimizer.zero_grad()
        (theirs**2).sum().backward()
        optimizer.step()
    data = [parameter.data for parameter in ours]
    assert data == pytest.approx(theirs.tolist(), rel=1e-12)


def test_the_count_of_parameters_is_that_of_the_network() -> None:
    assert network.count_parameters(2, [16, 16, 1]) == 337
    model = MLP(3, [4, 5, 2], generator=random.Random(0))
    assert network.count_parameters(3, [4, 5, 2]) == len(model.parameters())


@pytest.mark.parametrize("k", [0, 0.5])
def test_the_likeliest_names_are_those_of_a_search_through_all(k: float) -> None:
    words = ["ab", "abba", "ba", "a", "bab"]
    model = BigramCounts(k=k, vocabulary=Vocabulary(words)).fit(words)
    every = ["".join(letters) for length in range(1, 9) for letters in itertools.product("ab", repeat=length)]
    chances = {word: math.exp(-nll(model, [word]) * (len(word) + 1)) for word in every}
    best = sorted(chances.values(), reverse=True)[:8]
    found = bigram.likeliest(model, 8)
    assert [chance for _, chance in found] == pytest.approx(best, rel=1e-9)
    for word, chance in found:
        assert chance == pytest.approx(chances[word], rel=1e-9)


def test_the_inputs_of_the_likeliest_name_have_no_ties() -> None:
    for given in ex.likeliest.inputs:
        model, n = given.fresh()
        found = bigram.likeliest(model, n + 1)
        chances = [chance for _, chance in found]
        gaps = [a - b for a, b in itertools.pairwise(chances)]
        assert all(gap > 1e-6 for gap in gaps), found


def test_names_backwards_have_the_same_loss(sample: list[str]) -> None:
    names = sample[:300]
    gap = bigram.backwards_loss(names, BigramCounts()) - nll(BigramCounts().fit(names), names)
    assert abs(gap) < 1e-12


def test_column_sums_are_one_for_counts_of_names(sample: list[str]) -> None:
    counts = BigramCounts().fit(sample).counts
    sums = bigram.column_sums(counts)
    torch.testing.assert_close(sums, (counts / counts.sum(dim=1)).sum(dim=0))
    torch.testing.assert_close(sums, torch.ones(27))


def test_truth_values_are_told_apart_and_from_whole_numbers() -> None:
    yes, no = torch.tensor([True]), torch.tensor([False])
    assert same(yes, yes)
    assert not same(yes, no)
    assert mismatch(torch.tensor([1]), yes, "the result") == (
        "the result should have a dtype such as bool; yours has int64"
    )


@pytest.mark.parametrize(
    ("yours", "expected", "message"),
    [
        (np.ones(2), np.ones((2, 1)), "have shape (2, 1); yours has shape (2,)"),
        (np.ones(2, int), np.ones(2), "a dtype such as float64; yours has int64"),
        (np.array([True]), np.array([1]), "a dtype such as int64; yours has bool"),
        (np.array([[1.0, np.nan]]), np.ones((1, 2)), " is nan, "),
        (np.array([[1.0, np.nan]]), np.ones((1, 2)), " at index (0, 1)"),
        (np.ones(2, np.float32), np.ones(2), ""),
        (torch.ones(2), np.ones(2), "an array; yours is a tensor (numpy() makes"),
        ([1.0, 1.0], np.ones(2), "an array; yours is a list (np.array() makes"),
        (np.ones(2), torch.ones(2), "a tensor; yours is an array (torch.from_"),
        (np.ones(2), [1.0, 1.0], "a list; yours is an array (tolist() makes"),
        (np.ones(1), 1.0, "a number; yours is an array (item() makes"),
        (np.float64(1.0), 1.0, ""),
    ],
)
def test_arrays_are_compared_as_tensors_are(yours: object, expected: object, message: str) -> None:
    found = mismatch(yours, expected, "the result")
    assert message in found
    assert bool(found) == bool(message)


def test_arrays_are_looked_into_entry_by_entry() -> None:
    array = np.array([[0.5, math.nan]])
    assert [path for path, _ in leaves([array])] == [(0, 0, 0), (0, 0, 1)]
    assert same(array, array.copy())
    assert not same(array, np.array([[0.5, 1.5]]))
    assert not same(np.ones(2), torch.ones(2))
    assert not same(np.ones(2), [1.0, 1.0])
    frozen = freeze({"x": array})[0][1]
    array[0, 0] = 2.0
    assert frozen[0, 0] == 0.5
    shown = describe([np.array([[1.5, 2.0]]), np.array(0.5), np.float64(0.1)])
    assert shown == "[array([[1.5, 2.0]]), array(0.5), 0.1]"


def test_an_array_that_is_changed_or_handed_back_is_told() -> None:
    def changing(X: Any, slope: Any) -> Any:
        result = backprop_network.example_gradients(X, slope)
        X[0, 0] += 0.25
        return result

    text = ex.example_gradients.check(changing).text
    assert "the argument X was changed: it was array([[1.5, -2.0], " in text
    assert "after the call it is array([[1.75, -2.0], " in text
    text = ex.example_gradients.check(lambda X, slope: slope).text
    assert "the result is the argument dZ itself" in text
    text = ex.example_gradients.check(lambda X, slope: X @ slope).text
    assert "float64 of shape (2, 3)\nthe result should have shape (2, 2, 3)" in text


@pytest.mark.parametrize("given", ex.linear_backward.inputs, ids=lambda g: "")
def test_the_gradients_of_a_layer_are_torch_s(given: Input) -> None:
    X, W, slope = (torch.from_numpy(arg) for arg in given.fresh())
    b = torch.zeros(W.shape[1], dtype=W.dtype)
    leaf = [p.requires_grad_() for p in (X, W, b)]
    expected = torch.autograd.grad(X @ W + b, leaf, slope)
    ours = backprop_network.linear_backward(*given.fresh())
    for left, right in zip(ours, expected, strict=True):
        np.testing.assert_allclose(left, right.numpy(), rtol=1e-12)
    each_one = [torch.autograd.grad(X[i] @ W + b, W, slope[i])[0].numpy() for i in range(len(X))]
    found = backprop_network.example_gradients(given.args[0], given.args[2])
    np.testing.assert_allclose(found, each_one, rtol=1e-12)


def test_the_error_in_one_direction_is_that_of_the_measured_gradient() -> None:
    f, x, *_ = ex.numerical_gradient.inputs[0].fresh()  # exact for squares
    rng = np.random.default_rng(3)
    claimed, direction = rng.normal(size=(2, 3))
    off = backprop_network.numerical_gradient(f, x, 0.25) - claimed
    expected = abs(off @ direction) / np.linalg.norm(direction)
    found = backprop_network.directional_error(f, x, claimed, direction, 0.25)
    assert found == pytest.approx(expected, rel=1e-9)
