"""Small questions between sections, and answers that are folded: `{question}`, `{answer}`, `{answer-start}`.

A question's text is the directive's body, and its answer an `{answer}` in it. What holds cells cannot stand in a
directive, since MyST-NB runs no cell there: it stands between `{answer-start}` and `{answer-end}`, and what the
fold is opened by may be named: `{answer-start} The whole derivation`.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator


class question(nodes.General, nodes.Element):
    """A question to the reader."""


class answer(nodes.General, nodes.Element):
    """What is folded; `summary` is what one sees of it."""


class border(nodes.General, nodes.Element):
    """Where an answer with cells begins, if it has a `summary`, or ends."""


class Question(SphinxDirective):
    """`{question}`: something to find out before one reads on."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        asked = question(classes=["question"])
        self.set_source_info(asked)
        asked += self.parse_content_to_nodes()
        if not any(isinstance(child, nodes.paragraph) for child in asked):
            raise self.error("question: there is no text; write what is asked, and the answer below it")
        return [asked]


class Answer(SphinxDirective):
    """`{answer}`: folded text without cells."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        if not self.content:
            raise self.error(
                "answer: there is no text; an answer with cells stands between answer-start and answer-end"
            )
        return [answer("", *self.parse_content_to_nodes(), summary="Answer", classes=["answer"])]


class AnswerStart(SphinxDirective):
    """`{answer-start}`: from here to `{answer-end}` all is folded, cells among it."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        node = border(summary=self.arguments[0] if self.arguments else "Show")
        self.set_source_info(node)
        return [node]


class AnswerEnd(SphinxDirective):
    """`{answer-end}`: here the fold ends."""

    def run(self) -> list[nodes.Node]:
        node = border(summary="")
        self.set_source_info(node)
        return [node]


class FoldAnswers(SphinxTransform):
    """Put what stands between `{answer-start}` and `{answer-end}` into the fold."""

    default_priority = 12  # as soon as cells have been gathered

    def apply(self, **kwargs: Any) -> None:
        for start in list(self.document.findall(border)):
            if start.parent is None or start not in start.parent:
                continue  # the end of one that has been folded
            place, inside = start.parent, start.parent.index(start) + 1
            end = next((n for n in range(inside, len(place)) if isinstance(place[n], border)), None)
            if not start["summary"] or end is None or place[end]["summary"]:
                said = "answer-start has no answer-end in its section" if start["summary"] else "answer-end"
                where = f"{start.source}:{start.line}"
                raise ExtensionError(
                    f"{where}: {said}; each answer-start needs one answer-end before the next heading"
                )
            folded = answer("", *place[inside:end], summary=start["summary"], classes=["answer"])
            place[inside - 1 : end + 1] = [folded]


def open_question(self: HTML5Translator, node: question) -> None:
    """Say that something is asked."""
    self.body.append('<div class="question"><p class="question-title">Question</p>\n')


def close_question(self: HTML5Translator, node: question) -> None:
    """Close it."""
    self.body.append("</div>\n")


def open_answer(self: HTML5Translator, node: answer) -> None:
    """Open the fold."""
    self.body.append(f'<details class="answer"><summary>{self.encode(node["summary"])}</summary>\n<div>')


def close_answer(self: HTML5Translator, node: answer) -> None:
    """Close it."""
    self.body.append("</div></details>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing around it."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(question, html=(open_question, close_question), text=(skip, skip), latex=(skip, skip))
    app.add_node(answer, html=(open_answer, close_answer), text=(skip, skip), latex=(skip, skip))
    for name, directive in (
        ("question", Question),
        ("answer", Answer),
        ("answer-start", AnswerStart),
        ("answer-end", AnswerEnd),
    ):
        app.add_directive(name, directive)
    app.add_transform(FoldAnswers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
