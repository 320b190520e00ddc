"""The stand-ins for parts of Python's library do what the real ones do, where the page `live` uses them."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import functools
import html
import importlib.util
import inspect
import itertools
import numbers
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nnz.engine import Value
from nnz.press.live import bundle

pytestmark = pytest.mark.support

# What stands in for these needs what the page alone has, or has nothing to be compared.
OF_THE_PAGE = {"os", "re", "collections.abc", "collections.__init__"}


@pytest.fixture
def stand_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Loads a stand-in beside the real module."""

    def loaded(name: str) -> ModuleType:
        path = root / bundle.STAND_INS / f"{name.replace('.', '/')}.py"
        spec = importlib.util.spec_from_file_location(f"stand_in_{name.replace('.', '_')}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    # Two of them import a third.
    monkeypatch.setitem(sys.modules, "linecache", loaded("linecache"))
    return loaded


def test_every_stand_in_can_be_read_and_says_what_it_is(root: Path, stand_in: Callable[[str], Any]) -> None:
    folder = root / bundle.STAND_INS
    for path in folder.rglob("*.py"):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        if name not in OF_THE_PAGE:
            assert stand_in(name).__doc__


def plain(a, b=2): ...  # type: ignore[no-untyped-def]
def starred(a, *rest, c, d=4, **named): ...  # type: ignore[no-untyped-def]
def by_name(*, e, f="x"): ...  # type: ignore[no-untyped-def]
def open_ended(*rest): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    "function", [plain, starred, by_name, open_ended, lambda: 1, lambda x, y: x, Value.__add__, len, Value]
)
def test_a_signature_reads_and_binds_as_the_real_one(
    function: Callable[..., object], stand_in: Callable[[str], Any]
) -> None:
    ours = stand_in("inspect")
    if not hasattr(function, "__code__"):
        with pytest.raises(ValueError, match="no signature"):
            ours.signature(function)
        return
    real = inspect.signature(function)
    bare = real.replace(
        parameters=[p.replace(annotation=inspect.Parameter.empty) for p in real.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )
    found = ours.signature(function)
    assert str(found) == str(bare)
    assert list(found.parameters) == list(bare.parameters)
    for n in range(5):
        said = []
        for one in (found, bare):
            try:
                one.bind(*range(n))
                said.append("")
            except TypeError as error:
                said.append(str(error).replace("keyword-only ", ""))
        assert said[0] == said[1]


DOCS = ["One line.", "One.\n\n    Two.\n      Three.\n    ", "\n    One.\n    ", "One.\n\tTwo."]


@pytest.mark.parametrize("doc", DOCS)
def test_docstrings_are_cleaned(doc: str, stand_in: Callable[[str], Any]) -> None:
    assert stand_in("inspect").cleandoc(doc) == inspect.cleandoc(doc)


def test_what_stands_in_a_page_is_escaped(stand_in: Callable[[str], Any]) -> None:
    text = "<a href=\"x\">'&amp;'</a>"
    ours = stand_in("html")
    assert ours.escape(text) == html.escape(text)
    assert ours.escape(text, quote=False) == html.escape(text, quote=False)


def test_a_context_manager_ends_what_it_began(stand_in: Callable[[str], Any]) -> None:
    for module in (stand_in("contextlib"), contextlib):
        done = []

        @module.contextmanager  # type: ignore[untyped-decorator]
        def within(name: str, done: list[str] = done) -> Iterator[str]:
            done.append(f"before {name}")
            try:
                yield name
            except KeyError:
                done.append("kept")
            finally:
                done.append(f"after {name}")

        with within("a") as given:
            assert given == "a"
        with within("b"):
            raise KeyError
        with pytest.raises(ValueError, match="through"), within("c"):
            raise ValueError("through")
        assert done == ["before a", "after a", "before b", "kept", "after b", "before c", "after c"]


def test_classes_of_fields_are_made(stand_in: Callable[[str], Any]) -> None:
    for module in (stand_in("dataclasses"), dataclasses):

        @module.dataclass(frozen=True)  # type: ignore[untyped-decorator]
        class Point:
            x: float
            y: float = 2.0
            more: list[int] = module.field(default_factory=list, repr=False)

        @module.dataclass(eq=False, repr=False)  # type: ignore[untyped-decorator]
        class Counted:
            start: int
            count: int = module.field(default=0, init=False)

            def __post_init__(self) -> None:
                self.count = self.start + 1

        point: Any = Point(1.0)
        assert repr(point).endswith("Point(x=1.0, y=2.0)")
        assert point == Point(1.0, y=2.0)
        assert point != Point(1.0, 3.0)
        assert module.replace(point, y=3.0).y == 3.0
        assert point.more is not Point(1.0).more
        with pytest.raises(AttributeError, match="cannot assign to field 'x'"):
            point.x = 5.0
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            Point()
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            Point(1.0, z=2)
        with pytest.raises(TypeError, match="takes"):
            Point(1.0, 2.0, [], 4)
        counted: Any = Counted(4)
        assert counted.count == 5
        assert counted != Counted(4)
        assert len({counted, Counted(4)}) == 2


THINGS = [
    1,
    True,
    0.5,
    1j,
    "a",
    [1],
    (1,),
    {1},
    {"a": 1},
    range(3),
    iter([]),
    len,
    None,
    Value,
    (x for x in ()),
]


def test_things_are_of_the_same_kinds(stand_in: Callable[[str], Any]) -> None:
    ours, collections_ = stand_in("numbers"), stand_in("_collections_abc")
    for thing in THINGS:
        for name in ("Number", "Real", "Integral"):
            assert isinstance(thing, getattr(ours, name)) == isinstance(thing, getattr(numbers, name))
        for name in ("Callable", "Iterable", "Iterator", "Sequence", "Mapping", "Set", "Sized", "Generator"):
            real = getattr(collections.abc, name)
            assert isinstance(thing, getattr(collections_, name)) == isinstance(thing, real), (thing, name)
    assert collections_.Callable[[int], str] is collections_.Callable


def test_functions_of_functions_do_the_same(stand_in: Callable[[str], Any]) -> None:
    for module in (stand_in("functools"), functools):
        calls = []

        @module.cache  # type: ignore[untyped-decorator]
        def square(x: int, calls: list[int] = calls) -> int:
            calls.append(x)
            return x * x

        class Lazy:
            @module.cached_property  # type: ignore[untyped-decorator]
            def value(self, calls: list[int] = calls) -> int:
                calls.append(0)
                return 7

        lazy = Lazy()
        assert [square(3), square(3), lazy.value, lazy.value] == [9, 9, 7, 7]
        assert calls == [3, 0]
        assert module.reduce(lambda a, b: a - b, [1, 2, 3], 10) == 4
        assert module.reduce(lambda a, b: a - b, [1, 2, 3]) == -4
        assert module.partial(divmod, 7)(2) == (3, 1)
        assert module.wraps(square)(lambda: 0).__name__ == "square"


def test_pairs_are_made_as_itertools_makes_them() -> None:
    space: dict[str, Any] = {}
    exec(bundle.ADDED["itertools"], space)
    for things in ([], [1], [1, 2, 3], "abcd", iter([1, 2])):
        kept = list(things)
        assert list(space["pairwise"](kept)) == list(itertools.pairwise(kept))


def test_things_are_counted(root: Path) -> None:
    space: dict[str, Any] = {}
    path = root / bundle.STAND_INS / "collections" / "__init__.py"
    exec(path.read_text(encoding="utf-8"), space)
    ours, real = space["Counter"]("abracadabra"), collections.Counter("abracadabra")
    assert dict(ours) == dict(real)
    assert ours.most_common(2) == real.most_common(2)
    assert ours["z"] == real["z"] == 0


def test_files_of_the_page_have_paths(stand_in: Callable[[str], Any]) -> None:
    lines, paths = stand_in("linecache"), stand_in("pathlib")
    assert lines.path_of("VFS.nnz.engine.py") == "/page/nnz/engine.py"
    assert lines.path_of("VFS.nnz.exercises/__init__.py") == "/page/nnz/exercises.py"
    assert lines.path_of("answer.py") == "answer.py"
    path = paths.Path("VFS.nnz.exercises.checker.calling.py").resolve()
    assert str(path.parents[2]) == "/page/nnz"
    assert path.name == "calling.py"
    assert stand_in("sysconfig").get_path("stdlib") == "/page/"
    lines.cache["answer.py"] = (4, None, ["x\n", "  y\n"], "answer.py")
    assert lines.getline("answer.py", 2) == "  y\n"
    assert lines.getline("answer.py", 3) == lines.getline("other.py", 1) == ""


def test_exceptions_and_their_calls_are_told(stand_in: Callable[[str], Any]) -> None:
    ours = stand_in("traceback")

    def failing() -> None:
        raise ValueError("no")

    for error in (ValueError("no"), KeyError("a"), RuntimeError(), Value):
        if isinstance(error, Exception):
            assert ours.format_exception_only(error) == traceback.format_exception_only(error)
    overflow = type("JavascriptError", (Exception,), {})("Maximum call stack size exceeded")
    assert ours.format_exception_only(overflow) == ["RecursionError: maximum recursion depth exceeded\n"]
    try:
        failing()
    except ValueError as error:
        found, real = ours.extract_tb(error.__traceback__), traceback.extract_tb(error.__traceback__)
    assert [(f.filename, f.lineno, f.name) for f in found] == [(f.filename, f.lineno, f.name) for f in real]
