"""The page in which one writes code: `{live}` is a place to write, and what runs there is put beside the pages.

`{live} gradient` is the place for the answer to that exercise, with its task if it belongs to another page;
`{live} run` is one for any code, and `{live} draw` one for an expression that is drawn: the body of the directive
stands in it at first. Without scripts it is a block of code. `{live-offered}` lists the exercises, and the roles
`{live-weight}` and `{live-library}` say what a browser has to load, and what code may import.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from nnz_exercises import CHECK, lines

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "nnz-live.js"


class place(nodes.General, nodes.Element):
    """A place to write; `kind` is what is done with what is written, `named` the exercise, `title` what it is."""


class heading(nodes.General, nodes.TextElement):
    """The title of an exercise of another page."""


def start_of(exercise: Any) -> str:
    """Return what an answer begins with: the imports that the book's own answer needs, and the function's head."""
    module = ast.parse(Path(inspect.getfile(exercise.reference)).read_text(encoding="utf-8"))
    source = ast.parse(inspect.getsource(exercise.reference))
    used = {node.id for part in source.body[0].body for node in ast.walk(part) if isinstance(node, ast.Name)}
    found = []
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            if names:
                node.names = names
                found.append(ast.unparse(node))
        elif isinstance(node, ast.ClassDef) and node.name in used:
            found.append(f"from {exercise.reference.__module__} import {node.name}")
    return "\n".join(found) + "\n\n\n" * bool(found) + str(exercise.stub)


class Live(SphinxDirective):
    """`{live} name`: a place to write."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        self.env.metadata[self.env.docname]["nnz_live"] = True
        name = self.arguments[0]
        if name in ("run", "draw"):
            title = {"run": "Any code", "draw": "An expression"}[name]
            return [_place(name, "", title, "\n".join(self.content))]
        from nnz import exercises as ex
        from nnz.press.live import bundle

        if name not in {known for names in bundle.offered(ROOT / "src").values() for known in names}:
            raise self.error(f"live: {name!r} is no exercise whose checker runs in the page")
        exercise = getattr(ex, name)
        self.env.note_dependency(inspect.getfile(exercise.reference))
        found: list[nodes.Node] = []
        if exercise.chapter != Path(self.env.docname).name:
            found = self._asked(exercise)
        return [*found, _place("check", name, exercise.title, start_of(exercise))]

    def _asked(self, exercise: Any) -> list[nodes.Node]:
        """Return the title and the task of an exercise of another page."""
        source, _ = self.get_source_info()
        title = heading(exercise.title, exercise.title, ids=[f"live-{exercise.name.replace('_', '-')}"])
        told = f"From [](/book/{exercise.chapter}.md), where its [answer](#{exercise.label}) is folded away. "
        task = nodes.container(classes=["live-task"])
        self.state.nested_parse(
            lines([exercise.task, "", told + CHECK.format(exercise.name)], source), self.content_offset, task
        )
        return [title, task]


def _place(kind: str, name: str, title: str, code: str) -> place:
    return place("", nodes.literal_block(code, code, language="python"), kind=kind, named=name, title=title)


class Offered(SphinxDirective):
    """`{live-offered}`: the exercises whose checkers run in the page, and what of the rest."""

    def run(self) -> list[nodes.Node]:
        from nnz.exercises.contents import CONTENTS
        from nnz.press.live import bundle

        source, _ = self.get_source_info()
        found = bundle.offered(ROOT / "src")
        rows = [
            f"- {', '.join(CONTENTS[chapter][name] for name in names)} ([](/book/{chapter}.md))"
            for chapter, names in found.items()
            if chapter != Path(self.env.docname).name
        ]
        listed = nodes.container()
        self.state.nested_parse(lines(rows, source), self.content_offset, listed)
        return list(listed.children)


def weight(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Say what the browser has to load."""
    from nnz.press.live import bundle

    return [nodes.inline(rawtext, bundle.megabytes(ROOT), classes=["given"])], []


def library(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Say which modules of Python's library code may import."""
    from nnz.press.live import bundle

    found: list[nodes.Node] = []
    for i, module in enumerate(bundle.OFFERED):
        before = "" if not i else " and " if i == len(bundle.OFFERED) - 1 else ", "
        found += [nodes.Text(before), nodes.literal(module, module)]
    return found, []


def open_place(self: HTML5Translator, node: place) -> None:
    """Open what a script makes a place to write of."""
    from nnz.press.live import bundle

    title, name, weight = self.attval(node["title"]), self.attval(node["named"]), bundle.megabytes(ROOT)
    self.body.append(
        f'<div class="nnz-live" data-kind="{node["kind"]}" data-name="{name}" data-title="{title}" '
        f'data-weight="{weight}" data-limit="{bundle.LIMIT}">'
    )


def close_place(self: HTML5Translator, node: place) -> None:
    """Close it."""
    self.body.append("</div>\n")


def open_heading(self: HTML5Translator, node: heading) -> None:
    """Open a title."""
    self.body.append(f'<h3 id="{node["ids"][0]}">')


def close_heading(self: HTML5Translator, node: heading) -> None:
    """Close it, with a link to itself."""
    link = f'<a class="headerlink" href="#{node["ids"][0]}" title="Link to this heading">#</a>'
    self.body.append(f"{link}</h3>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write nothing around it."""


def bring_script(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Add the script to the pages that have a place to write."""
    if app.builder.name == "html" and app.env.metadata.get(page, {}).get("nnz_live"):
        app.add_js_file(SCRIPT)


def put_python(app: Sphinx, problem: Exception | None) -> None:
    """Put the Python of the page beside the pages, with its license, if there is such a page."""
    used = any(facts.get("nnz_live") for facts in app.env.metadata.values())
    if problem or app.builder.name != "html" or not used:
        return
    from nnz.press.live import bundle

    folder = Path(app.outdir) / "_static" / "live"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "python.js").write_text(bundle.script(ROOT), encoding="utf-8")
    (folder / "LICENSE.txt").write_text(bundle.license_text(ROOT), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(place, html=(open_place, close_place), text=(skip, skip), latex=(skip, skip))
    app.add_node(heading, html=(open_heading, close_heading), text=(skip, skip), latex=(skip, skip))
    app.add_directive("live", Live)
    app.add_directive("live-offered", Offered)
    app.add_role("live-weight", weight)
    app.add_role("live-library", library)
    app.connect("html-page-context", bring_script)
    app.connect("build-finished", put_python)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
