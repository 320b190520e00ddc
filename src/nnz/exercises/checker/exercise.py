"""An exercise: what is asked, what is tried, the hints, the known slips, and a reference answer."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nnz.exercises.checker.calling import random_state_kept
from nnz.exercises.checker.drawn import Specification, drawn
from nnz.exercises.checker.examine import examine
from nnz.exercises.checker.inputs import Input
from nnz.exercises.checker.observe import Answer, Drive, Outcome, Property, observe, returned
from nnz.exercises.checker.plain import plain
from nnz.exercises.checker.result import Result, Text
from nnz.exercises.checker.slips import EditError, How, Slip, edit
from nnz.exercises.contents import CONTENTS

__all__ = ["Exercise", "edit"]


@dataclass(eq=False, repr=False)
class Exercise:
    """An exercise of the book with its checker; `nnz.exercises` hands them out by name.

    Attributes:
        label: the chapter's name, `-ex-`, and a word; the exercise's label in the book.
        reference: an answer that is right. Its name is the exercise's.
        task: what is asked for, in Markdown, which the book shows as it is.
        hints: from a nudge to nearly there.
        inputs: what an answer is tried on, from the smallest to the largest, chosen to tell the slips apart.
        slips: known wrong answers, by what is said of them: an edit of the reference, or several, or an answer.
        drive: how an answer is called, and what of it is compared.
        properties: what holds of every right answer: each takes the arguments and the parts that `drive` returns,
            and says what does not hold, or nothing.
        changes: the parameters that an answer may change.
        more: draws an input; an answer that got through those chosen is tried on a few that are drawn, always
            the same, so that nothing fits but what was asked for.
        tolerance: how far a number may be from the reference's, absolutely or as a share of it.
    """

    label: str
    reference: Answer
    task: str
    hints: tuple[str, ...]
    inputs: tuple[Input, ...]
    slips: Mapping[str, How]
    drive: Drive = returned
    properties: tuple[Property, ...] = ()
    changes: tuple[str, ...] = ()
    more: Specification | None = None
    tolerance: float = 1e-6
    _hints_shown: int = field(default=0, init=False)
    _known: dict[tuple[int, int], Outcome] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.task = inspect.cleandoc(self.task)

    @property
    def name(self) -> str:
        """The name of the function that is asked for."""
        return self.reference.__name__

    @property
    def chapter(self) -> str:
        """The chapter that the exercise belongs to."""
        return self.label.split("-ex-")[0]

    @property
    def title(self) -> str:
        """The title, as it stands in the book."""
        return CONTENTS[self.chapter][self.name]

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters."""
        return list(inspect.signature(self.reference).parameters)

    @property
    def stub(self) -> Text:
        """The function to start from, with its head and what it should do, and nothing done yet."""
        says = (inspect.getdoc(self.reference) or "").splitlines()[0]
        body = f'"""{says}"""\nraise NotImplementedError\n'
        head = f"def {self.name}({', '.join(self.parameters)}):\n"
        return Text(head + textwrap.indent(body, "    "))

    @cached_property
    def tried(self) -> tuple[Input, ...]:
        """All that an answer is tried on: the inputs that were chosen, and those that are drawn."""
        return self.inputs + (drawn(self.more, self.name) if self.more else ())

    @cached_property
    def known_slips(self) -> tuple[Slip, ...]:
        """The known wrong answers."""
        return tuple(Slip(cause, how) for cause, how in self.slips.items())

    def check(self, answer: object) -> Result:
        """Judge an answer: not attempted, error, wrong or right.

        The shared random states are afterwards as they were, whatever the answer does to them.

        Args:
            answer: the reader's function.

        Raises:
            KeyboardInterrupt: the reader interrupted it. Nothing else that the answer raises gets out.
        """
        with random_state_kept():
            try:
                return examine(self, answer)
            except EditError:
                raise  # the package does not fit itself
            except Exception as error:  # a result that cannot even be compared
                text = f"error: {self.title}\nthe result could not be examined: "
                return Result("error", text + type(error).__name__)

    def hint(self) -> Text:
        """Return the next hint; after the last one, the word that there are no more."""
        self._hints_shown += 1
        if self._hints_shown <= len(self.hints):
            return self.numbered_hint(self._hints_shown)
        self._hints_shown = 0
        return Text(f"No more hints; the next call begins again. ex.{self.name}.solution() shows an answer.")

    def numbered_hint(self, number: int) -> Text:
        """Return one of the hints, counted from 1.

        Raises:
            ValueError: there is no hint of that number.
        """
        count = len(self.hints)
        if not 1 <= number <= count:
            raise ValueError(f"{self.name} has hints 1 to {count}; got {number}.")
        return Text(f"hint {number} of {count}: {self.hints[number - 1]}")

    def solution(self) -> Text:
        """Return the source of the reference answer."""
        return Text(inspect.getsource(self.reference))

    def observe(self, answer: Answer, index: int) -> Outcome:
        """Try an answer on the input of that index, and keep what came of it."""
        given = self.tried[index]
        return observe(answer, given, self.drive, self.parameters, self.changes)

    def known(self, answer: Answer, index: int) -> Outcome:
        """Return what comes of the reference or of a slip, which is tried on each input once for all checks."""
        place = id(answer), index
        if place not in self._known:
            outcome = self.observe(answer, index)
            if outcome.failure:  # its traceback would keep all it had in hand
                outcome.failure = outcome.failure.with_traceback(None)
            self._known[place] = outcome
        return self._known[place]

    def wrong(self, slip: Slip) -> Answer:
        """Return the wrong answer that a slip comes to."""
        return slip.answer(self.reference)

    def __repr__(self) -> str:
        verbs = " ".join(f"ex.{self.name}.{verb}" for verb in ("check(answer)", "hint()"))
        head = f"{self.title} (chapter {self.chapter})\n\n{plain(self.task)}"
        return f"{head}\n\n{self.stub}\n{verbs} ex.{self.name}.solution()"
