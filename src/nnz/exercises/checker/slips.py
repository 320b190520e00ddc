"""Known wrong answers, most of them written as an edit of the right one."""

from __future__ import annotations
import __future__

import inspect
import linecache
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nnz.exercises.checker.observe import Answer


class EditError(Exception):
    """An edit that does not fit the source any more."""


@dataclass(frozen=True)
class Edit:
    """A change of the source of the reference, or of a function or class that it uses."""

    old: str
    new: str
    of: Callable[..., object] | None = None


def edit(old: str, new: str, of: Callable[..., object] | None = None) -> Edit:
    """Return the edit that puts `new` for `old`, which has to stand exactly once in the code.

    Args:
        old: the text that goes.
        new: the text that comes.
        of: the function or class that is changed; the reference itself by default.
    """
    return Edit(old, new, of)


How = Edit | tuple[Edit, ...] | Answer  # what makes a wrong answer: edits of the reference, or itself


class Slip:
    """A known wrong turn: what is said of it, and the answer that takes it.

    Args:
        cause: what is said of it.
        how: an edit of the reference, several that are made together, or the wrong answer itself.
    """

    def __init__(self, cause: str, how: How) -> None:
        self.cause = cause
        self.how = how
        self._made: dict[Answer, Answer] = {}

    def answer(self, reference: Answer) -> Answer:
        """Return the wrong answer, which is made once.

        Raises:
            EditError: the text to change does not stand in the source exactly once.
        """
        if reference not in self._made:
            self._made[reference] = (
                self.how if callable(self.how) else edited(reference, self.edits, self.cause)
            )
        return self._made[reference]

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits that it is made by; none, if it is an answer of its own."""
        return self.how if isinstance(self.how, tuple) else (self.how,) if isinstance(self.how, Edit) else ()


def edited(reference: Answer, edits: Sequence[Edit], cause: str) -> Answer:
    """Return the reference with some edits made.

    What is edited besides it is what the edited reference finds under its name; nothing else sees the change.
    """
    changes: dict[Any, list[Edit]] = {reference: []}
    for change in edits:
        changes.setdefault(change.of or reference, []).append(change)
    own = changes.pop(reference)
    where = f"{reference.__name__}, slip {cause!r}"
    instead = {of.__name__: _compiled(of, _changed(of, those, where), cause) for of, those in changes.items()}
    made: Answer = _compiled(reference, _changed(reference, own, where), cause, instead)
    return made


def _changed(thing: Any, edits: Sequence[Edit], where: str) -> str:
    """Return the source of a thing after edits, each of which is found in the code as it was, docstring aside."""
    source = inspect.getsource(thing)
    code = re.sub('""".*?"""', lambda doc: "\0" * len(doc[0]), source, count=1, flags=re.DOTALL)
    for change in edits:
        if (found := code.count(change.old)) != 1:
            raise EditError(f"{where}: {change.old!r} stands {found} times in {thing.__name__}, not once.")
    done, end = "", 0
    for change in sorted(edits, key=lambda change: code.index(change.old)):
        start = code.index(change.old)
        if start < end:
            raise EditError(f"{where}: {change.old!r} overlaps the edit before it in {thing.__name__}.")
        done, end = done + source[end:start] + change.new, start + len(change.old)
    return done + source[end:]


def _compiled(
    thing: Any, source: str, cause: str, instead: Mapping[str, object] = MappingProxyType({})
) -> Any:
    """Run changed source in a copy of the names around the thing; tracebacks and inspect find its lines."""
    space = vars(sys.modules[thing.__module__]) | dict(instead)
    file = f"{inspect.getsourcefile(thing)}, {thing.__name__}: {cause}"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    flags = __future__.annotations.compiler_flag
    exec(compile(source, file, "exec", flags, dont_inherit=True), space)
    return space[thing.__name__]
