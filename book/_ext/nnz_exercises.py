"""An exercise and its solution from the object that checks it: `{exercise} count_parameters`.

The exercise has the object's title, label and task, and says how an answer is checked. The folded solution
shows the reference answer; the directive's body stands above it. What comes below it, cells among it, stands
after the directive, in `{solution-start} label` and `{solution-end}`, and becomes part of the same solution.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx_exercise.directive import ExerciseDirective, SolutionDirective
from sphinx_exercise.nodes import solution_node

if TYPE_CHECKING:
    from nnz.exercises.checker.exercise import Exercise

CHECK = "`ex.{0}.check({0})` checks your answer, and `ex.{0}.hint()` helps a little."


def find(name: str, page: str) -> Exercise:
    """Return the exercise of that name, which has to belong to the page.

    Raises:
        ValueError: there is none, or it belongs to another chapter.
    """
    from nnz import exercises  # and torch with it, which a book without exercises does not need

    try:
        found: Exercise = getattr(exercises, name)
    except AttributeError as error:
        raise ValueError(str(error)) from None
    if found.chapter != page:
        raise ValueError(f"{name} is an exercise of the chapter {found.chapter!r}, not of {page!r}.")
    return found


class NamedExercise(ExerciseDirective):
    """`{exercise} name`: an exercise of `nnz.exercises` and, below it, its folded solution."""

    required_arguments = 1
    optional_arguments = 0
    option_spec: ClassVar[Any] = {}

    def run(self) -> list[nodes.Node]:
        try:
            exercise = find(self.arguments[0], Path(self.env.docname).name)
        except ValueError as error:
            raise self.error(f"exercise: {error}") from error
        source, _ = self.get_source_info()
        above, offset = self.content, self.content_offset
        self.env.note_dependency(str(Path(inspect.getfile(exercise.reference))))
        self.arguments, self.options = [exercise.title], {"label": exercise.label}
        self.content = lines([exercise.task, "", CHECK.format(exercise.name)], source)
        asked: list[nodes.Node] = super().run()
        listing = f"```{{listing}} {exercise.reference.__module__}.{exercise.name}"
        shown = SolutionDirective(
            "solution",
            [exercise.label],
            {"class": ["dropdown"]},
            above + lines(["", listing, "```"], source),
            self.lineno,
            offset,
            self.block_text,
            self.state,
            self.state_machine,
        )
        return [*asked, *shown.run()]


def lines(texts: list[str], source: str | None) -> StringList:
    """Return the lines of these texts for a nested parse."""
    return StringList([line for text in texts for line in text.split("\n")], source=source or "")


class JoinSolutions(SphinxTransform):
    """Make a solution that follows one of the same exercise part of it, once its cells have been gathered."""

    default_priority = 11

    def apply(self, **kwargs: Any) -> None:
        for solution in list(self.document.findall(solution_node)):
            place = solution.parent.index(solution)
            before = solution.parent[place - 1] if place else None
            if isinstance(before, solution_node) and before["target_label"] == solution["target_label"]:
                before.children[-1].extend(solution.children[-1].children)
                solution.parent.remove(solution)
                del self.env.sphinx_exercise_registry[solution["label"]]


def setup(app: Sphinx) -> dict[str, Any]:
    """Put this directive in the place of sphinx-exercise's own."""
    app.setup_extension("sphinx_exercise")
    app.add_directive("exercise", NamedExercise, override=True)
    app.add_transform(JoinSolutions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
