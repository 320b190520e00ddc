"""A page of the book taken apart: its header, prose, cells, listings and tables; and the tables of chapters.

The blocks of a page are those that MyST's own parser sees, so that no rule reads what no reader is shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from docutils.parsers.rst.directives.misc import TestDirective
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser

from nnz.press.listing import names_in

# As in conf.py.
EXTENSIONS = ("amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution", "tasklist")
NOT_PROSE = {"code-cell", "listing", "code-block", "code", "math", "raw"}
CLAIMS = "claims"  # the tag of cells that record claims; they are not shown


class PageError(ValueError):
    """A page cannot be taken apart."""


@dataclass
class Directive:
    """A fenced block of a page. One without a name is plain code."""

    line: int
    end: int  # the line of its last fence
    name: str
    argument: str
    options: dict[str, Any]
    body: list[str]
    above: int  # the line above its body


@dataclass
class Cell:
    """One executable cell of a chapter."""

    line: int
    options: dict[str, Any]
    code: str
    above: int  # the line above its code
    end: int  # the line of its last fence

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return list(self.options.get("tags") or [])

    @property
    def of_claims(self) -> bool:
        """Whether it records claims and is not shown."""
        return CLAIMS in self.tags


@dataclass
class Table:
    """A table: the lines that it takes, its title, and the names of its columns."""

    lines: range
    title: str
    columns: list[str]


@dataclass
class Page:
    """What the rules look at in a page of the book."""

    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    prose: list[tuple[int, str]] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    listings: list[tuple[int, list[str], list[str] | None]] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    workshops: list[range] = field(default_factory=list)  # the lines of each section that `{workshop}` begins
    images: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The chapter's name, which is that of its file."""
        return self.path.stem

    @property
    def file(self) -> str:
        """Its file, as the rules name it."""
        return self.path.name


def read_page(path: Path) -> Page:
    """Take a page apart into its header, prose, cells, listings and tables.

    Raises:
        PageError: a fence has no end, or what should be YAML is none.
    """
    return _with_exercises(path, path.read_text(encoding="utf-8"))


def cells_of(path: Path) -> list[Cell]:
    """Return the cells of a page alone, for which nothing has to be known of its exercises.

    Raises:
        PageError: see `read_page`.
    """
    return _taken_apart(path, path.read_text(encoding="utf-8")).cells


def without_claims(text: str) -> str:
    """Return the source of a page without its claims cells: what a reader downloads, and what runs alone."""
    lines = text.splitlines(keepends=True)
    for cell in reversed(_taken_apart(Path("page.md"), text).cells):
        if cell.of_claims:
            end = cell.end + (lines[cell.end : cell.end + 1] == ["\n"])
            del lines[cell.line - 1 : end]
    return "".join(lines)


@cache
def _parser() -> MarkdownIt:
    """Return the parser of MyST for blocks; what stands in a line is left as it is."""
    config = MdParserConfig(enable_extensions=set(EXTENSIONS), disable_syntax=["inline"])
    return create_md_parser(config, RendererHTML)


@cache
def _taken_apart(path: Path, text: str) -> Page:
    page = Page(path)
    tokens, lines = _parser().parse(text + "\n"), text.splitlines()
    if lines and lines[0].startswith("---"):
        page.header = _header(path, tokens)
    page.workshops = _workshops(tokens, len(lines))
    hidden = _read(page, tokens, 0)
    page.prose += [(number, line) for number, line in enumerate(lines, 1) if number not in hidden]
    page.prose.sort(key=lambda numbered: numbered[0])
    page.images += [number for number, line in page.prose if "![" in line]
    return page


@cache
def _with_exercises(path: Path, text: str) -> Page:
    """Put the tasks of a page's exercises to its prose, and their solutions to its listings."""
    page = _taken_apart(path, text)
    asked = [(one.line, one.argument) for one in page.directives if one.name == "exercise"]
    if not asked:
        return page
    from nnz import exercises  # and torch with it, which other pages do not need

    prose, listings = [*page.prose], [*page.listings]
    for line, name in asked:
        if exercise := getattr(exercises, name, None):
            prose += [(line, task) for task in exercise.task.splitlines()]
            listings.append((line, [f"{exercise.reference.__module__}.{name}"], None))
    prose.sort(key=lambda numbered: numbered[0])
    listings.sort(key=lambda listing: listing[0])
    return replace(page, prose=prose, listings=listings)


def _header(path: Path, tokens: Sequence[Token]) -> dict[str, Any]:
    if not tokens or tokens[0].type != "front_matter":
        raise PageError(f"{path.name}:1: the header has no end; it ends with a line ---")
    try:
        header = yaml.safe_load(tokens[0].content) or {}
    except yaml.YAMLError as error:
        raise PageError(f"{path.name}:1: the header is no YAML: {error}") from error
    if not isinstance(header, dict):
        raise PageError(f"{path.name}:1: the header has no names and values, but is {header!r}")
    return header


def _workshops(tokens: Sequence[Token], last: int) -> list[range]:
    heads = [i for i, token in enumerate(tokens) if token.type == "heading_open" and not token.level]
    found = []
    for place, i in enumerate(heads):
        if any(token.info.startswith("{workshop}") for token in tokens[i + 3 : i + 4]):
            later = (tokens[j] for j in heads[place + 1 :] if tokens[j].tag <= tokens[i].tag)
            found.append(range(_first(tokens[i]), next(map(_first, later), last + 1)))
    return found


def _first(token: Token) -> int:
    """Return the number of a block's first line."""
    return 1 + (token.map or [0])[0]


def _read(page: Page, tokens: Sequence[Token], above: int) -> set[int]:
    """Put the blocks that begin below a line into the page, and return the lines that are no prose."""
    hidden = set[int]()
    for i, token in enumerate(tokens):
        lines = range(above + 1 + token.map[0], above + 1 + token.map[1]) if token.map else range(0)
        if token.type in ("front_matter", "myst_line_comment"):
            hidden.update(lines)
        elif token.type == "table_open":
            head = takewhile(lambda token: token.type != "thead_close", tokens[i:])
            page.tables.append(Table(lines, "", [token.content for token in head if token.type == "inline"]))
        elif token.type in ("fence", "colon_fence"):
            directive = _directive(page.path, token, lines)
            _add(page, directive)
            if not directive.name or directive.name in NOT_PROSE:
                hidden.update(lines)
            else:
                hidden |= {*range(lines.start, directive.above + 1), directive.end}
                inner = _parser().parse("\n".join(directive.body) + "\n")
                if directive.name == "list-table":
                    page.tables.append(Table(lines, directive.argument, _columns(inner)))
                hidden |= _read(page, inner, directive.above)
    return hidden


def _columns(table: Sequence[Token]) -> list[str]:
    """Return what stands in the first row of a list-table: a list in the first item of a list."""
    columns: list[str] = []
    for token in takewhile(lambda token: token.type != "list_item_close" or token.level != 1, table):
        if token.type == "list_item_open" and token.level == 3:
            columns.append("")
        elif token.type == "inline" and columns:
            columns[-1] += token.content
    return columns


def _directive(path: Path, token: Token, lines: range) -> Directive:
    """Return a fenced block with its options read as MyST and MyST-NB read them.

    Raises:
        PageError: it has no end, or the options of a cell are no YAML.
    """
    where = f"{path.name}:{lines.start}"
    if len(lines) != token.content.count("\n") + 2:
        raise PageError(f"{where}: the block that begins with {token.markup}{token.info} has no end")
    first, _, argument = token.info.strip().partition(" ")
    name = first[1:-1] if first.startswith("{") and first.endswith("}") else ""
    if not name:
        body = token.content.splitlines()
        return Directive(lines.start, lines[-1], "", token.info.strip(), {}, body, lines.start)
    # A block that begins with another one in colons has no options: MyST puts a blank line before it, too.
    blank = token.content.startswith(":::")
    parsed = parse_directive_text(
        TestDirective, "", "\n" * blank + token.content, validate_options=name != "code-cell"
    )
    if name == "code-cell" and parsed.warnings:
        raise PageError(f"{where}: the options of this cell are no YAML: {parsed.warnings[0].msg}")
    above = lines.start + parsed.body_offset - blank
    return Directive(lines.start, lines[-1], name, argument.strip(), parsed.options, parsed.body, above)


def _add(page: Page, directive: Directive) -> None:
    """Put a directive into the page, and what it means."""
    page.directives.append(directive)
    line, argument = directive.line, directive.argument
    if directive.name == "code-cell":
        page.cells.append(
            Cell(line, directive.options, "\n".join(directive.body), directive.above, directive.end)
        )
    elif directive.name in ("figure", "image"):
        page.images.append(line)
    elif directive.name == "listing":
        members = names_in(directive.options.get("members"))
        page.listings.append((line, argument.split(), members))


def toc(root: Path) -> list[Path]:
    """Return the pages of the book in its order, those below another page after it."""
    settings = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [settings["root"]]
    for part in [settings, *settings.get("parts", [])]:
        for chapter in part.get("chapters", []):
            names += [page["file"] for page in [chapter, *chapter.get("sections", [])]]
    return [root / f"{name}.md" for name in names]


def by_part(root: Path) -> dict[str, list[str]]:
    """Return the chapters of each part by the name of its own page, `part-scalars` as `scalars`."""
    found: dict[str, list[str]] = {}
    of_this: list[str] = []
    chapters_of_parts = numbered(root)
    for path in toc(root):
        if path.stem.startswith("part-"):
            of_this = found[path.stem.removeprefix("part-")] = []
        elif path.stem in chapters_of_parts:
            of_this.append(path.stem)
    return found


def book(root: Path) -> list[Page]:
    """Return the pages of the book in its order, taken apart."""
    return [read_page(path) for path in toc(root)]


def chapters(root: Path) -> dict[str, dict[str, Any]]:
    """Return chapters.toml, in the order of the table of contents."""
    table = tomllib.loads((root / "chapters.toml").read_text(encoding="utf-8"))
    order = [path.stem for path in toc(root)]
    return dict(
        sorted(table.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    )


def numbered(root: Path) -> list[str]:
    """Return the chapters that have a number, in their order; a page with exercises such as `live` has none."""
    parts = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    return [Path(page["file"]).name for part in parts if part.get("numbered") for page in part["chapters"]]


def module_files(root: Path) -> dict[str, Path]:
    """Return the files of taught modules by module name: all but those that Python itself looks for."""
    files = [path for path in sorted((root / "src" / "nnz").glob("*.py")) if not path.stem.startswith("__")]
    return {path.stem: path for path in files}
