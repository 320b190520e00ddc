"""The page `live`: what it is given, what its Python answers, and that what is changed for it changes nothing."""

from __future__ import annotations

import ast
import random
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nnz import exercises as ex
from nnz.engine import Value
from nnz.exercises.contents import CONTENTS
from nnz.press.live import bundle, session
from rendered import built_page

pytestmark = pytest.mark.support

Printing = list[str]


def asked(verb: str, name: str, text: str) -> tuple[str, str, str]:
    """Ask as the page does, and return how it went, what is said, and what was printed."""
    printed: Printing = []
    state, _, told = session.asked(verb, name, text, printed.append).partition("\n")
    return state, told, "".join(printed)


def test_part_one_is_offered_and_what_needs_torch_or_numpy_is_not(root: Path) -> None:
    offered = bundle.offered(root / "src")
    assert offered == {chapter: list(CONTENTS[chapter]) for chapter in ("engine", "network", "live")}
    assert bundle.needed(root / "src", "nnz.exercises.bigram") is None
    assert bundle.needed(root / "src", "nnz.exercises.backprop_network") is None


def test_each_exercise_that_is_offered_has_one_place_on_the_page(root: Path) -> None:
    page = (root / "book" / "live.md").read_text(encoding="utf-8")
    names = [name for found in bundle.offered(root / "src").values() for name in found]
    places = [line.removeprefix("```{live} ") for line in page.splitlines() if line.startswith("```{live} ")]
    assert sorted(places) == sorted([*names, "run", "draw"])


def test_what_a_file_imports_is_found_without_what_types_alone_need(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(
        "import math\nfrom a.b import c\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\nelse:\n    import d\n\ndef f():\n    import numpy\n",
        encoding="utf-8",
    )
    found = set(bundle.imported(path))
    assert {"math", "a.b", "a.b.c", "d", "numpy"} <= found
    assert "torch" not in found


def test_the_page_is_given_the_files_of_the_book_as_they_are(root: Path) -> None:
    given = bundle.book_modules(root / "src")
    assert {"nnz.engine", "nnz.nn", "nnz.draw", "nnz.exercises.engine", bundle.SESSION} <= given.keys()
    changed = {name for name, *_ in bundle.CHANGES}
    for name, (kind, text, _, *package) in given.items():
        path = bundle.module_path(root / "src", name)
        assert path is not None
        assert kind == ".py"
        assert bool(package) == (path.name == "__init__.py")
        assert (text == path.read_text(encoding="utf-8")) == (name not in changed)


def test_a_change_that_fits_no_more_is_loud() -> None:
    with pytest.raises(ValueError, match=r"nnz\.engine: .*stands there 0 times, not once"):
        bundle.changed("nnz.engine", "nothing")


def expressions(of: Any, seed: int) -> list[Any]:
    """Return what comes of a random expression: the data and gradients of all its nodes."""
    rng = random.Random(seed)
    nodes = [of(rng.uniform(-2, 2)) for _ in range(4)]
    for _ in range(12):
        a, b = rng.choice(nodes), rng.choice(nodes)
        way = rng.randrange(6)
        nodes.append([a + b, a * b, a - b, a.tanh(), a.sigmoid(), a.relu() + b][way])
    nodes[-1].backward()
    return [(node.data, node.grad) for node in nodes]


def test_the_changed_engine_does_the_same_as_the_book_s(root: Path) -> None:
    """Every test that the engine's own code passes here is about hashes, since nothing else is changed."""
    source = bundle.changed("nnz.engine", (root / "src/nnz/engine.py").read_text(encoding="utf-8"))
    module = ModuleType("changed_engine")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "changed_engine.py", "exec"), vars(module))
        changed = module.Value
        for seed in range(50):
            assert expressions(changed, seed) == expressions(Value, seed)
        one, same = changed(1), changed(1)
        assert one == same
        assert hash(one) == object.__hash__(one)
        assert len({one, same}) == len({Value(1), Value(1)}) == 2
        assert one in {one: 0}
    finally:
        del sys.modules[module.__name__]


def test_the_script_brings_brython_its_library_and_the_book(root: Path) -> None:
    script = bundle.script(root)
    head, _, rest = script.partition("\n")
    assert head.startswith("// Brython 3.")
    assert rest.startswith("globalThis.nnzPython = {")
    assert bundle.megabytes(root) == f"{len(script.encode()) / 1e6:.1f} MB"
    assert len(script) < 3e6


def test_everything_that_is_imported_in_the_page_is_there(root: Path) -> None:
    """Of the book's files and the stand-ins; Brython's own files import some modules that are built into it."""
    library = bundle.library_modules(root)
    built_in = {"sys", "builtins", "browser", "linecache", "_sys", "time", "_collections"}
    given = library | bundle.book_modules(root / "src")
    stand_ins = {".".join(path.relative_to(root / bundle.STAND_INS).with_suffix("").parts) for path in
                 (root / bundle.STAND_INS).rglob("*.py")}  # fmt: skip
    for name, (_, text, *_) in given.items():
        if name.startswith("nnz") or name in stand_ins:
            for node in ast.walk(ast.parse(str(text))):
                wanted = []
                if isinstance(node, ast.Import):
                    wanted = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    wanted = [node.module or ""]
                if "Exercise" not in ast.unparse(node):  # for types alone
                    assert set(wanted) <= given.keys() | built_in, name
    assert set(bundle.OFFERED) <= given.keys()


@pytest.mark.parametrize(
    "name", [name for chapter in ("engine", "network", "live") for name in CONTENTS[chapter]]
)
def test_a_reference_answer_is_right_and_a_beginning_not_attempted(
    root: Path, name: str, nnz_live: ModuleType
) -> None:
    exercise = getattr(ex, name)
    start = nnz_live.start_of(exercise)
    assert asked("check", name, start)[0] == "not attempted"
    answer = answer_of(exercise, start)
    assert asked("check", name, answer) == ("right", exercise.check(exercise.reference).text, "")
    assert asked("solution", name, "")[1] == exercise.solution()
    assert asked("hint", name, "2")[1] == exercise.numbered_hint(2)


def answer_of(exercise: Any, start: str) -> str:
    """Return the book's own answer as a reader would write it, below the imports that a place begins with."""
    imports = start[: start.index("def ")]
    return imports + "from __future__ import annotations\n" * (not imports) + bare(exercise.solution())


def bare(source: str) -> str:
    """Return the source of a function without its notes of types."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for arg in node.args.args:
                arg.annotation = None
    return ast.unparse(tree) + "\n"


@pytest.fixture
def nnz_live(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root / "book" / "_ext")
    return import_module("nnz_live")


def test_a_beginning_has_the_imports_that_the_answer_needs(nnz_live: ModuleType) -> None:
    assert nnz_live.start_of(ex.gradient).startswith("import math\n\n\ndef gradient(a, b, c):\n")
    assert nnz_live.start_of(ex.xor).startswith("import random\nfrom nnz.nn import MLP\n\n\ndef xor():\n")
    assert nnz_live.start_of(ex.momentum_step).startswith("def momentum_step(")
    wanted = "from nnz.exercises.live import Number\n\n\ndef __add__(self, other):\n"
    assert nnz_live.start_of(ex.__add__).startswith(wanted)


def test_code_without_the_function_is_told_which_is_missing() -> None:
    state, told, _ = asked("check", "maximum", "def maximal(x, y): ...")
    assert state == "error"
    assert told.splitlines()[1] == "the code defines no function maximum; it begins def maximum(x, y):"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (
            "x = 1\ny = x / 0\n",
            ['  File "answer.py", line 2, in <module>', "    y = x / 0", "ZeroDivisionError: "],
        ),
        ("def f(:\n    pass\n", ['  File "answer.py", line 1', "    def f(:", "SyntaxError: "]),
        (
            "x = 1\n  y = 2\nz = 3\n",
            ['  File "answer.py", line 2', "    y = 2", "IndentationError: unexpected"],
        ),
        ("import no_such\n", ["ModuleNotFoundError: No module named 'no_such'"]),
        (
            "from nnz.engine import Value\nValue('a')\n",
            ['  File "nnz/engine.py", line ', "TypeError: a Value holds"],
        ),
        ("def f():\n    return f()\nf()\n", ["  ... and ", "RecursionError: "]),
        ("import sys\nsys.exit()\n", ["SystemExit"]),
        ("raise KeyboardInterrupt\n", ["KeyboardInterrupt"]),
        ("exec('x = = 1')", ['  File "answer.py", line 1, in <module>', "SyntaxError: invalid syntax"]),
    ],
)
def test_what_fails_is_shown_as_python_shows_it(code: str, lines: list[str]) -> None:
    state, told, _ = asked("run", "", code)
    assert state == "ran"
    for line in lines:
        assert any(found.startswith(line) for found in told.splitlines()), told
    assert "session.py" not in told
    assert len(told.splitlines()) < 20
    judged = asked("check", "maximum", code)
    assert judged[0] == "error"
    first, *rest = judged[1].splitlines()
    assert first == "error: A new operation"
    assert [rest[0], rest[-1]] == [told.splitlines()[0], told.splitlines()[-1]]


def test_a_mark_stands_below_the_place_of_a_misspelling() -> None:
    _, told, _ = asked("run", "", "def f():\n    return 1 +\n")
    lines = told.splitlines()
    assert lines[1] == "    return 1 +"
    assert lines[2].index("^") >= len(lines[1]) - 1


def test_what_the_package_is_needed_for_is_told() -> None:
    said = session.told(ModuleNotFoundError("No module named 'torch'"))
    assert said.endswith("library; install the package for more.)")
    assert "install" not in session.told(ModuleNotFoundError("No module named 'toolbox'"))


def test_what_is_printed_is_handed_on_up_to_a_limit() -> None:
    assert asked("run", "", "print('a', 1)\nprint(2)") == ("ran", "", "a 1\n2\n")
    printed = asked("run", "", f"for i in range({session.MOST_LETTERS}): print(i)")[2]
    assert len(printed) < session.MOST_LETTERS + 100
    assert printed.startswith("0\n1\n")
    assert printed.endswith("... and more, which is left out\n")
    assert sys.stdout is not None
    state, told, printed = asked("check", "maximum", "def maximum(x, y):\n    print(x.data)\n    return x")
    assert state == "wrong"
    assert printed.startswith("1.0\n")
    assert "the result is the argument x itself" in told


def test_an_expression_is_drawn_with_names_and_steps() -> None:
    state, html, _ = asked("draw", "", "a = 2\nb = -3  # below zero\n\nL = (a * b + 10) ** 2\n")
    assert state == "steps"
    assert html.count('type="radio"') == 5
    root = session.expression("a = 2\nL = tanh(a) * exp(0.5)")
    assert root.label == "L"
    assert root == Value(2).tanh() * Value(0.5).exp()
    root = session.expression("a = 2\nb = a\nb * b")
    assert {node.label for node, _ in root.operands} == {"a"}


def test_a_long_expression_is_drawn_all_at_once_and_a_larger_one_refused() -> None:
    state, html, _ = asked("draw", "", "a = 2\nL = " + " + ".join("a" * 30))
    assert state == "drawn"
    assert 'type="radio"' not in html
    assert ">30</text>" in html
    state, told, _ = asked("draw", "", "a = 2\nL = " + " + ".join("a" * 80))
    assert state == "error"
    assert "too large for a picture" in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "there is nothing to draw yet"),
        ("# nothing\n", "there is nothing to draw yet"),
        (
            "L = a * 2",
            "line 1, L = a * 2\nNameError: name 'a' is not defined; give it a number in a line above",
        ),
        ("a = 2\nL = (a * 2", "line 2, L = (a * 2\nSyntaxError: "),
        ("a = 'x'", "line 1, a = 'x'\nTypeError: a line gives a number or a Value; this one gives 'x'."),
        ("a = True", "TypeError: a line gives a number"),
        ("a = 0\nL = log(a)", "line 2, L = log(a)\nValueError: log(0.0): only positive numbers"),
        ("a == 2", "NameError"),
    ],
)
def test_a_line_that_cannot_be_computed_is_named(lines: str, message: str) -> None:
    state, told, _ = asked("draw", "", lines)
    assert state == "error"
    assert message in told


CONF = """
extensions = ["myst_parser", "nnz_exercises", "nnz_live"]
exercise_style = "solution_follow_exercise"
myst_enable_extensions = ["dollarmath"]
"""
PLACES = """# Networks

It is {live-weight}`now`, with {live-library}`these`.

```{live} second_derivative
```

```{live} run
print("<b>")
```
"""


def test_a_place_shows_its_code_and_task_and_brings_what_it_needs(tmp_path: Path, root: Path) -> None:
    page, warned = built_page(tmp_path, CONF, PLACES)
    unknown = [line for line in warned.splitlines() if "engine" not in line]  # there is no such page here
    assert unknown == []
    assert f'It is <span class="given">{bundle.megabytes(root)}</span>, with' in page
    assert '<span class="pre">random</span></code> and' in page
    assert '<h3 id="live-second-derivative">The slope of the slope<a' in page
    assert "The second derivative is the derivative of the derivative." in page
    place = page[page.index('data-name="second_derivative"') :]
    assert 'data-kind="check"' in page
    assert f'data-limit="{bundle.LIMIT}"' in place
    assert "&lt;b&gt;" in place
    assert page.count("nnz-live.js") == 1
    [script] = tmp_path.rglob("live/python.js")
    assert script.read_text(encoding="utf-8") == bundle.script(root)
    assert "Pierre Quentel" in (script.parent / "LICENSE.txt").read_text(encoding="utf-8")


def test_a_place_for_what_cannot_be_judged_there_is_refused(tmp_path: Path) -> None:
    _, warned = built_page(tmp_path, CONF, "# Networks\n\n```{live} column_sums\n```\n")
    assert "live: 'column_sums' is no exercise whose checker runs in the page" in warned
