"""The page `live` in a real browser: its Python judges, computes, draws and prints what Python itself does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.checks import FROM_THE_TOP, accessible, narrow
from browser.conftest import BUILT, PATIENCE, ROOT, Tab
from nnz.draw import _number
from nnz.engine import Value, topological_order
from nnz.press.live import bundle, session

PAGE = BUILT / "book" / "live.html"
EXERCISES = [name for names in bundle.offered(ROOT / "src").values() for name in names]

# Hands in one code after another at a place of the page, and collects how it went, what is said, what was printed.
HAND_IN = """async ([selector, codes]) => {
    const place = document.querySelector(selector), area = place.querySelector('textarea');
    const said = place.querySelector('.said'), found = [];
    for (const code of codes) {
        area.value = code;
        area.dispatchEvent(new Event('input'));
        said.dataset.state = '';
        place.querySelector('button.main').click();
        while (['', 'busy'].includes(said.dataset.state)) await new Promise(done => setTimeout(done, 5));
        const printed = place.querySelector('.printed').textContent;
        found.push([said.dataset.state, said.textContent, printed]);
    }
    return found;
}"""
# The gradients that are to be seen, box by box.
SEEN = """place => [...place.querySelectorAll('svg text.grad.number')]
    .filter(text => getComputedStyle(text).display !== 'none').map(text => text.textContent)"""

# However slow the machine is, nothing is stopped but what is to be stopped.
PATIENT = "document.querySelectorAll('.nnz-live').forEach(place => { place.dataset.limit = 86400; })"

Answer = tuple[str, str, str]


def hand_in(page: Page, name: str, *codes: str) -> list[Answer]:
    """Return what the page says of codes that are written at the place of an exercise, or at that for any code."""
    selector = f'.nnz-live[data-kind="{name}"]' if name in ("run", "draw") else f'[data-name="{name}"]'
    answers: list[list[str]] = page.evaluate(HAND_IN, [selector, list(codes)])
    return [(state, said, printed) for state, said, printed in answers]


def python_says(name: str, code: str) -> Answer:
    """Return what Python itself says of the same code."""
    printed: list[str] = []
    answer = session.asked("run" if name == "run" else "check", name, code, printed.append)
    state, _, told = answer.partition("\n")
    if name == "run":
        state, told = ("error", told) if told else ("ran", "ran to its end")
    return state, told, "".join(printed)


@pytest.fixture
def live(tab: Tab) -> Page:
    page = tab.open(PAGE.as_uri())
    page.evaluate(PATIENT)
    return page


def sound(tab: Tab) -> Iterator[str]:
    """Say what the page asked of other hosts and which errors it reported."""
    yield from (f"asks another host: {url}" for url in tab.asked)
    yield from (f"reports an error: {error}" for error in tab.errors)


ANSWER = """
from nnz.press.live.session import find

exercise = find({name!r})
globals()[exercise.name] = {answer}
"""


def test_answers_and_slips_are_judged_as_python_judges_them(tab: Tab, live: Page) -> None:
    assert "Load Python" in live.locator("button.main").first.inner_text()
    differing = []
    for name in EXERCISES:
        exercise = session.find(name)
        answers = ["exercise.reference", "None", "[1.0]", "lambda *_, **named: 'text'", "lambda a: a"]
        answers += [f"exercise.wrong(exercise.known_slips[{i}])" for i in range(len(exercise.known_slips))]
        codes = [ANSWER.format(name=name, answer=answer) for answer in answers]
        codes += list(written(exercise))
        expected = [python_says(name, code) for code in codes]
        assert expected[0][0] == expected[len(answers)][0] == "right"
        for answer, found, right in zip(codes, hand_in(live, name, *codes), expected, strict=True):
            if found != right:
                differing.append((name, answer, found, right))
    assert differing == []
    assert list(sound(tab)) == []


def written(exercise: Any) -> Iterator[str]:
    """Yield the book's answer and the slips that are edits of it, as a reader would write them."""
    module = inspect.getmodule(exercise.reference)
    names = [name for name in exercise.reference.__code__.co_names if hasattr(module, name)]
    start = "from __future__ import annotations\nfrom collections.abc import *\nfrom typing import Any\n"
    start += f"from {exercise.reference.__module__} import {', '.join(names)}\n\n" * bool(names)
    yield start + exercise.solution()
    for slip in exercise.known_slips:
        edits = [change for change in slip.edits if change.of is None]
        changed = exercise.solution()
        for change in edits:
            changed = changed.replace(change.old, change.new)
        if edits and len(edits) == len(slip.edits):
            yield start + changed


NUMBERS = """
import random

from nnz.engine import Value

for seed in range({start}, {start} + 50):
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2)) for _ in range(3)]
    nodes = list(leaves)
    for _ in range(8):
        a, b = rng.choice(nodes), rng.choice(nodes)
        way = rng.randrange(9)
        if way == 0: nodes.append(a + b)
        elif way == 1: nodes.append(a * b)
        elif way == 2: nodes.append(a - 2 * b)
        elif way == 3: nodes.append(a / (b * b + 1))
        elif way == 4: nodes.append(a.tanh() ** 3)
        elif way == 5: nodes.append(a.sigmoid() + b.relu())
        elif way == 6: nodes.append((a * a + 1).log())
        elif way == 7: nodes.append((b - a * a).exp())
        else: nodes.append((b * b + 0.5) ** a)
    try:
        nodes[-1].backward()
    except OverflowError as error:
        print(error)
    print(nodes[-1], [leaf.grad for leaf in leaves])
"""
DRAWS = """
import random

from nnz.nn import MLP

for seed in (0, 7, 2**70, "name 3", -5, 1.5):
    rng = random.Random(seed)
    print([rng.random() for _ in range(3)], rng.uniform(-1, 1), rng.gauss(0, 1), rng.normalvariate(1, 2))
    print(rng.randint(1, 10**20), rng.randrange(7), rng.choice("abc"), rng.choices([1, 2, 3], [1, 5, 2], k=5))
    print(rng.sample(range(50), 6), rng.getrandbits(70), rng.expovariate(2), rng.triangular(0, 1, 0.3))
    things = list(range(12))
    rng.shuffle(things)
    print(things)
model = MLP(3, [4, 1], generator=random.Random(5))
out = model([0.5, -1.0, 2.0])
out.backward()
print(model, out, [parameter.grad for parameter in model.parameters()])
print(1 / 3, 1e22, 1e-7, 2.5e-324, -0.0, 10**25, round(2.71828, 2), round(-0.5), f"{{2 / 3:.3g}}", 7 // -2, -7 % 3)
"""
MESSAGES = """
from nnz.draw import draw
from nnz.engine import Value, new_node
from nnz.nn import MLP, Neuron

a = Value(0.0, "a")
for wrong in (
    lambda: Value("a"), lambda: Value(1, 2), lambda: Value(1, "b", 3), lambda: Value(a), lambda: 1 / a,
    lambda: a.log(), lambda: (a - 2) ** 0.5, lambda: (a - 2) ** a, lambda: a ** -1, lambda: float(a),
    lambda: new_node(1.0, "", a, 1.0), lambda: new_node(1.0, "f", 2, 1.0), lambda: MLP(2, []), lambda: MLP(2, 3),
    lambda: Neuron(0), lambda: Neuron(2.5), lambda: Neuron(2)([1]), lambda: draw(3), lambda: a + "x",
    lambda: a.nothing, lambda: {}["key"], lambda: [][1], lambda: int("x"), lambda: undefined,
):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
print(len({a, Value(0.0)}), a == Value(0), a in [Value(0)], hash(a) == object.__hash__(a))
print(sorted([Value(2), a])[0])
"""
TRIED = """
from nnz.press.live.session import find

for name in {names}:
    exercise = find(name)
    print([given.show(name) for given in exercise.tried])
"""


def test_it_computes_what_python_computes_to_the_last_digit(tab: Tab, live: Page) -> None:
    codes = [NUMBERS.format(start=start) for start in range(0, 200, 50)]
    codes += [DRAWS.format(), MESSAGES, *(TRIED.format(names=[name]) for name in EXERCISES)]
    for code, found in zip(codes, hand_in(live, "run", *codes), strict=True):
        expected = python_says("run", code)
        assert expected[0] == "ran"
        for line, right in zip(found[2].splitlines(), expected[2].splitlines(), strict=False):
            assert line == right
        assert found == expected
    assert list(sound(tab)) == []


EXPRESSIONS = (
    "a = 2\nb = -3\nc = 10\nL = tanh((a * b + c) * 0.1)",
    "a = 3\nb = a + a\nd = b + a\nL = b + d",
    "x = 0.5\ny = sigmoid(x) * relu(x - 2) + x ** 3 / exp(x)\nlog(y * y + 1)",
)


def moments(root: Value) -> list[list[str]]:
    """Return all gradients at each step of going back, as they are to be read."""
    order = topological_order(root)
    for node in order:
        node.grad = 0.0
    found = [[_number(node.grad) for node in order]]
    root.grad = 1.0
    found.append([_number(node.grad) for node in order])
    for node in [node for node in reversed(order) if node.op]:
        for operand, slope in node.operands:
            operand.grad += slope * node.grad
        found.append([_number(node.grad) for node in order])
    stepped = [node.grad for node in order]
    for node in order:
        node.grad = 0.0
    root.backward()
    assert stepped == [node.grad for node in order]
    return found


def test_a_typed_expression_is_drawn_and_gone_back_through(tab: Tab, live: Page) -> None:
    place = live.locator('.nnz-live[data-kind="draw"]')
    for lines in EXPRESSIONS:
        assert hand_in(live, "draw", lines)[0][:2] == ("right", "drawn; choose a step")
        steps = place.get_by_role("radio")
        right = moments(session.expression(lines))
        assert steps.count() == len(right)
        steps.first.focus()
        for number, grads in enumerate(right):
            assert place.evaluate(SEEN) == grads, (lines, number)
            if number + 1 < len(right):
                live.keyboard.press("ArrowRight")
        assert place.locator(".say").inner_text()
    label = '<img src=x onerror="document.title=1">'
    wrong = hand_in(
        live, "draw", f"a = Value(2, '{label}')\na * a", "a = 2\nL = b", "a = 1\n" + "a = a + a\n" * 30
    )
    assert [state for state, *_ in wrong] == ["right", "error", "right"]
    assert "name 'b' is not defined; give it a number" in wrong[1][1]
    assert "too long for steps" in wrong[2][1]
    assert place.locator("img").count() == 0
    assert place.get_by_role("radio").count() == 0
    assert list(sound(tab)) == []


FAILING = (
    (
        "x = 1\nprint(x)\ny = x / 0\n",
        "error",
        "line 3, in <module>\n    y = x / 0\nZeroDivisionError: division by zero",
    ),
    ("def f(:\n    pass\n", "error", '  File "answer.py", line 1\n    def f(:\n'),
    ("x = 1\n  y = 2\nz = 3\n", "error", '  File "answer.py", line 2\n    y = 2\n'),
    ("def f(n):\n    return f(n + 1)\nf(0)\n", "error", "RecursionError: maximum recursion depth exceeded"),
    ("import torch\n", "error", "ModuleNotFoundError: No module named 'torch' (This page has"),
    ("from nnz.engine import Value\nValue(0).log()\n", "error", "line 2, in <module>\n    Value(0).log()\n"),
    ("import sys\nsys.exit()\n", "error", "SystemExit"),
    (
        "from collections import Counter, defaultdict\nprint(Counter('abb').most_common(1))\n",
        "ran",
        "ran to its end",
    ),
)


def test_a_reader_can_write_fail_stop_leave_and_come_back(tab: Tab, live: Page) -> None:
    yields_to_stop_and_to_the_limit(live)
    for (_, state, words), found in zip(
        FAILING, hand_in(live, "run", *(c for c, *_ in FAILING)), strict=True
    ):
        assert found[0] == state
        assert words in found[1]
    assert found[2] == "[('b', 2)]\n"
    can_be_written_with_keys_alone(live)
    for width, theme in (("phone", "dark"), ("wide", "light")):
        tab.show(width, theme)
        assert [*narrow(live), *accessible(live)] == []
    assert list(sound(tab)) == []
    is_kept_and_set_back(live)
    says_what_to_do_without_scripts(live)


def yields_to_stop_and_to_the_limit(page: Page) -> None:
    """Endless code is stopped by its button and by itself, and the page judges again."""
    place = page.locator('[data-name="maximum"]')
    place.locator("textarea").fill("print('begun')\nwhile True:\n    pass\n")
    for loading in (True, False):
        place.locator("button.main").click()
        if not loading:
            place.locator(".printed", has_text="begun").wait_for()
        place.locator("button.stop").click()
        assert place.locator(".said").inner_text() == "stopped"
    place.locator("button.main").click()
    place.locator(".printed", has_text="begun").wait_for()
    others = page.locator('[data-name="xor"] button.main')
    assert others.get_attribute("aria-disabled") == "true"
    place.locator("button.stop").click()
    assert place.locator(".said").inner_text() == "stopped"
    place.evaluate("place => { place.dataset.limit = 1; }")
    place.locator("button.main").click()
    place.locator(".said", has_text="still running after 1 seconds").wait_for()
    assert page.evaluate("document.querySelectorAll('[data-limit=\"86400\"]').length") == len(EXERCISES) + 1
    page.evaluate(PATIENT)
    assert place.locator("button.stop").is_hidden()
    assert hand_in(page, "xor", "xor = None")[0][0] == "not attempted"


def can_be_written_with_keys_alone(page: Page) -> None:
    """Tab indents, Enter keeps the indentation, Escape and Tab leave; hints and the answer come when asked for."""
    place = page.locator('[data-name="second_derivative"]')
    area = place.locator("textarea")
    area.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("def f(x):")
    page.keyboard.press("Enter")
    page.keyboard.type("if x:")
    page.keyboard.press("Enter")
    page.keyboard.type("return 1")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("a")
    page.keyboard.press("Tab")
    assert area.input_value() == "def f(x):\n    if x:\n        return 1\n    a    "
    page.keyboard.press("Control+z")
    assert area.input_value() == "def f(x):\n    if x:\n        return 1\n    a"
    assert place.locator(".numbers").inner_text() == "1\n2\n3\n4"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert place.locator("button.main").evaluate("button => button === document.activeElement")
    page.keyboard.press("Enter")
    place.locator(".said", has_text="the code defines no function second_derivative").wait_for()
    exercise: Any = session.find("second_derivative")
    for number in (1, 2, 1):
        place.get_by_role("button", name="Hint").press("Enter")
        place.locator(".said", has_text=f"hint {number} of 2").wait_for()
    place.get_by_role("button", name="Answer").press("Enter")
    place.locator(".said", has_text="def second_derivative").wait_for()
    assert place.locator(".said pre").inner_text() == exercise.solution()
    page.evaluate(FROM_THE_TOP)


def is_kept_and_set_back(page: Page) -> None:
    """What was written is there again in a new visit, until it is set back; and that can be undone."""
    browser = page.context.browser
    assert browser is not None
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        area = context.new_page().locator('[data-name="xor"] textarea')
        area.page.goto(page.url)
        first = area.input_value()
        assert first.endswith("raise NotImplementedError")
        area.fill("mine")
        for text, button in (("mine", "Reset"), (first, "Undo the reset"), ("mine", "Reset")):
            assert area.input_value() == text
            area.page.get_by_role("button", name=f"{button}: Exclusive or, by hand").click()
        area.page.get_by_role("button", name="Undo the reset: Exclusive or, by hand").click()
        area.page.reload()
        assert area.input_value() == "mine"


def says_what_to_do_without_scripts(page: Page) -> None:
    """The codes to begin with can be read, and nothing offers what it cannot do."""
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE)
        plain = context.new_page()
        plain.goto(page.url)
        assert plain.locator("textarea, .nnz-live button").count() == 0
        for name in EXERCISES:
            assert f"def {name}(" in plain.locator(f'[data-name="{name}"] pre').inner_text()
        assert "python -m nnz.exercises check answers.py" in plain.locator("article").inner_text()
