"""A page of the book taken apart: its header, prose, cells and listings; and the tables of chapters."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from nnz.press import executed

NOT_PROSE = {
    "code-cell",
    "listing",
    "code-block",
    "code",
    "math",
    "python",
    "bash",
    "text",
    "toml",
    "raw",
    "",
}


@dataclass
class Cell:
    """One executable cell of a chapter."""

    line: int
    options: dict[str, Any]
    code: str
    end: int = 0  # the line of its last fence

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return list(self.options.get("tags") or [])

    @property
    def of_claims(self) -> bool:
        """Whether it records claims and is not shown."""
        return executed.CLAIMS in self.tags


@dataclass
class Page:
    """What the rules look at in a page of the book."""

    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    prose: list[tuple[int, str]] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    listings: list[tuple[int, list[str], list[str] | None]] = field(default_factory=list)
    images: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The chapter's name, which is that of its file."""
        return self.path.stem


def read_page(path: Path) -> Page:
    """Take a page apart into its header, prose, cells and listings."""
    return _taken_apart(path, path.read_text(encoding="utf-8"))


@cache
def _taken_apart(path: Path, text: str) -> Page:
    page = Page(path)
    lines = text.splitlines()
    start = 0
    if lines and lines[0] == "---":
        end = lines.index("---", 1)
        page.header = yaml.safe_load("\n".join(lines[1:end])) or {}
        start = end + 1
    fences: list[tuple[str, str, int]] = []
    body: list[str] = []
    for number, line in enumerate(lines[start:], start=start + 1):
        fence = re.match(r"\s*(`{3,}|:{3,})(?:\{([^}]*)\})?\s*(.*)$", line)
        if fence and fences and fence[1].startswith(fences[-1][0]) and not fence[2] and not fence[3]:
            _close(page, fences.pop(), body, number)
            body = []
        elif fences and fences[-1][1].split(" ")[0] in NOT_PROSE:
            body.append(line)
        elif fence and (fence[2] is not None or fence[1][0] == "`"):
            fences.append((fence[1], f"{fence[2] or ''} {fence[3]}".strip(), number))
            body = []
            if fence[2] in ("figure", "image"):
                page.images.append(number)
        elif not re.match(r"\s*:[\w-]+:|\s*%", line):
            page.prose.append((number, line))
            page.images += [number] if "![" in line else []
    return page


def _close(page: Page, fence: tuple[str, str, int], body: list[str], end: int) -> None:
    kind, _, argument = fence[1].partition(" ")
    if kind == "code-cell":
        options: dict[str, Any] = {}
        if body and body[0].strip() == "---":
            last = next(index for index in range(1, len(body)) if body[index].strip() == "---")
            options, body = (yaml.safe_load("\n".join(body[1:last])) or {}, body[last + 1 :])
        while body and (short := re.match(r":([\w-]+):\s*(.*)", body[0])):
            options[short[1]], body = yaml.safe_load(short[2] or "null"), body[1:]
        page.cells.append(Cell(fence[2], options, "\n".join(body), end))
    elif kind == "listing":
        members = next((line.split(":", 2)[2] for line in body if line.startswith(":members:")), None)
        chosen = None if members is None else [name.strip() for name in members.split(",") if name.strip()]
        page.listings.append((fence[2], argument.split(), chosen))
    elif kind == "exercise":
        from nnz import exercises  # and torch with it, which other pages do not need

        if exercise := getattr(exercises, argument, None):
            page.prose += [(fence[2], line) for line in exercise.task.splitlines()]
            answer = f"{exercise.reference.__module__}.{argument}"
            page.listings.append((fence[2], [answer], None))


def toc(root: Path) -> list[Path]:
    """Return the pages of the book in its order."""
    settings = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [settings["root"]]
    for part in [settings, *settings.get("parts", [])]:
        names += [chapter["file"] for chapter in part.get("chapters", [])]
    return [root / f"{name}.md" for name in names]


def chapters(root: Path) -> dict[str, dict[str, Any]]:
    """Return chapters.toml, in the order of the table of contents."""
    table = tomllib.loads((root / "chapters.toml").read_text(encoding="utf-8"))
    order = [path.stem for path in toc(root)]
    return dict(
        sorted(table.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    )


def module_files(root: Path) -> dict[str, Path]:
    """Return the files of taught modules by module name: all but those that Python itself looks for."""
    files = [path for path in sorted((root / "src" / "nnz").glob("*.py")) if not path.stem.startswith("__")]
    return {path.stem: path for path in files}


def workshops(text: str) -> list[range]:
    """Return the lines of each section of a page that begins with `{workshop}`."""
    lines, found = text.splitlines(), []
    heads = [(i, len(m[1])) for i, line in enumerate(lines) if (m := re.match(r"(#+) ", line))]
    fenced = False
    inside = set[int]()
    for i, line in enumerate(lines):
        if re.match(r"\s*`{3,}", line):
            fenced = not fenced
        if fenced:
            inside.add(i)
    heads = [(i, level) for i, level in heads if i not in inside]
    for place, (i, level) in enumerate(heads):
        below = next((line for line in lines[i + 1 :] if line.strip()), "")
        if below.startswith("```{workshop}"):
            end = next((j for j, other in heads[place + 1 :] if other <= level), len(lines))
            found.append(range(i + 1, end + 1))
    return found
