"""Chapters as notebooks that run alone: executed, and bare, without outputs and answers.

The text comes from a page of the built site, where numbers, references and listings stand as a reader sees them;
the cells, and what they gave, come from the executed page. What only the builder needs is in neither: the cells
that record claims are not on the page. `bound` says which answers a bare notebook has to keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import nbformat
from bs4.element import NavigableString, Tag
from markdownify import MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nnz.press.needed import needed
from nnz.press.volume import ABROAD, BOOK, leaf, new

CHECKED = re.compile(r"\bex\.(\w+)\.check\(\1\)")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


class NotebookError(ValueError):
    """A page and its cells do not belong together."""


@dataclass
class Piece:
    """A part of a chapter in its order: text, or a cell.

    Attributes:
        text: Markdown, or the source of a cell.
        cell: the cell of the executed page, or None for text.
        folded: whether it is an answer or a solution, which a bare notebook leaves out.
        bare: whether only a bare notebook has it.
    """

    text: str
    cell: Mapping[str, Any] | None = None
    folded: bool = False
    bare: bool = False


class Converter(MarkdownConverter):
    """Turns the blocks of a page into Markdown for a notebook."""

    class Options:
        """As notebooks read it best."""

        heading_style = "atx"
        bullets = "-"
        sup_symbol = "<sup>"
        sub_symbol = "<sub>"

    def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
        """Write a block of code, with its language where that is Python."""
        box = el.find_parent("div", class_=re.compile("^highlight-"))
        python = box is not None and any("python" in name for name in box["class"])
        code = el.get_text().rstrip("\n")
        fence = "````" if "```" in code else "```"
        return f"\n\n{fence}{'python' if python else 'text'}\n{code}\n{fence}\n\n"

    def convert_dt(self, el: Any, text: str, parent_tags: Any) -> str:
        """Write a term on a line of its own: notebooks know no lists of definitions."""
        return f"\n\n**{text.strip()}**\n\n"

    def convert_dd(self, el: Any, text: str, parent_tags: Any) -> str:
        """Write what is said of a term below it."""
        return f"\n\n{text.strip()}\n\n"


def chapter(
    html: Path, page: str, there: Mapping[str, Any], site: Callable[[str], str], stub: Callable[[str], str]
) -> list[Piece]:
    """Return a chapter as pieces.

    Args:
        html: the built site.
        page: the path of the page in it, without `.html`.
        there: the executed page, a notebook.
        site: returns the public address of a page of the site, or "".
        stub: returns what an answer to an exercise of that name begins with.

    Raises:
        NotebookError: the page has other cells than the executed page.
    """
    body = leaf(html, page, "").body
    shown = [
        cell
        for cell in there["cells"]
        if cell["cell_type"] == "code" and "claims" not in cell["metadata"].get("tags", [])
    ]
    boxes = [box for box in body.select("div.cell") if not box.find_parent("div", class_="cell")]
    if len(boxes) != len(shown):
        raise NotebookError(
            f"{page} shows {len(boxes)} cells, and {len(shown)} were executed; build again with `make quick`."
        )
    for n, box in enumerate(boxes):
        box["data-cell"] = str(n)
        box["data-caption"] = caption(box)
        for around in box.parents:  # said once here, and not looked for at each level
            around["data-cells"] = "inside"
    follow(body, page, site)
    for title in body.select(".admonition-title"):
        strong = new("strong", " ".join(title.get_text().split()))
        title.clear()
        title.append(strong)
    for mark in body.select(".linenos"):
        mark.decompose()
    for head in body.select(".listing .code-block-caption"):
        head.insert(0, NavigableString("From the package, not run here. "))
    return list(pieces(body, shown, stub, folded=False))


def caption(box: Tag) -> str:
    """Return the caption of the figure that a cell drew, or nothing."""
    said = box.find("figcaption")
    return Converter().convert(said.decode_contents()).strip() if said else ""


def follow(body: Tag, page: str, site: Callable[[str], str]) -> None:
    """Let links lead to the site, if its address is known; else they become plain text."""
    for a in body.find_all("a"):
        href = str(a.get("href") or "")
        path, inner = urldefrag(href)
        if ABROAD.match(href):
            continue
        name = BOOK.joinpath(path).as_posix() if path else f"{page}.html"
        address = site(re.sub(r"^book/\.\./", "", name)) if href else ""
        if address:
            a["href"] = address + (f"#{inner}" if inner else "")
        else:
            a.unwrap()


def pieces(
    place: Tag, shown: Sequence[Mapping[str, Any]], stub: Callable[[str], str], folded: bool
) -> Iterator[Piece]:
    """Yield what is inside of a block, in its order."""
    for child in list(place.children):
        if not isinstance(child, Tag):
            continue
        kinds = set(child.get("class") or [])
        if "data-cell" in child.attrs:
            yield Piece(
                shown[int(str(child["data-cell"]))]["source"], shown[int(str(child["data-cell"]))], folded
            )
            if child["data-caption"]:
                yield Piece(f"*{child['data-caption']}*".replace("**", "*"), None, folded)
        elif "exercise" in kinds:
            text = markdown(child)
            yield Piece(quoted(text), None, folded)
            if found := CHECKED.search(child.get_text()):
                yield Piece(f"{stub(found[1])}\n\nex.{found[1]}.check({found[1]})", None, folded, bare=True)
        elif kinds & {"solution", "answer"} and child.name != "section":
            if "data-cells" not in child.attrs:
                yield Piece(unfolded(child), None, folded=True)
                continue
            yield Piece(f"**{'Solution' if 'solution' in kinds else 'Answer'}**", None, folded=True)
            yield from pieces(without_title(child), shown, stub, folded=True)
        elif "question" in kinds:
            yield from question(child, folded)
        elif "data-cells" in child.attrs or child.name == "section":
            yield from pieces(child, shown, stub, folded)
        elif text := markdown(child):
            yield Piece(text, None, folded)


def question(child: Tag, folded: bool) -> Iterator[Piece]:
    """Yield what is asked, and its answer if that is part of the question."""
    for title in child.select(".question-title"):
        title.decompose()
    folds = [fold.extract() for fold in child.select("details.answer")]
    yield Piece(quoted(f"**Question.** {markdown(child)}"), None, folded)
    for fold in folds:
        yield Piece(unfolded(fold), None, folded=True)


def without_title(child: Tag) -> Tag:
    """Return a folded block without the words that open it."""
    for title in child.select("summary, .admonition-title"):
        title.decompose()
    return child


def unfolded(child: Tag) -> str:
    """Return a folded block without cells as Markdown that a notebook folds."""
    said = "Solution" if "solution" in (child.get("class") or []) else "Answer"
    inner = markdown(without_title(child))
    return f"<details><summary>{said}</summary>\n\n{inner}\n\n</details>"


def quoted(text: str) -> str:
    """Return Markdown set off from the text around it."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def markdown(block: Tag) -> str:
    """Return a block of a page as Markdown, formulas between dollars."""
    formulas = []
    for n, place in enumerate(
        [block] if "math" in (block.get("class") or []) else block.find_all(class_="math")
    ):
        formulas.append(formula(place))
        place.clear()
        place.append(NavigableString(f"\ue000{n}\ue001"))
    if block.name in HEADINGS:
        return f"{'#' * int(block.name[1])} {Converter().convert(block.decode_contents()).strip()}"
    text = re.sub(r"\n{3,}", "\n\n", Converter().convert_soup(block)).strip()
    for n, written in enumerate(formulas):
        text = text.replace(f"\ue000{n}\ue001", written)
    return text


def formula(place: Tag) -> str:
    r"""Return a formula as notebooks write it; a number that it has becomes its tag.

    >>> from nnz.press.volume import new
    >>> formula(new("span", r"\(x^2\)"))
    '$x^2$'
    """
    number = place.find(class_="eqno")
    tag = f" \\tag{{{number.get_text().strip('()')}}}" if number is not None else ""
    if number is not None:
        number.extract()
    text = place.get_text().strip()
    inner = text[2:-2].strip()
    return f"$$\n{inner}{tag}\n$$" if text.startswith("\\[") else f"${inner}$"


def notebook(
    parts: Sequence[Piece], bare: bool, preface: Sequence[Piece], language: Mapping[str, Any]
) -> Any:
    """Return the pieces of a chapter as a notebook.

    Args:
        parts: the chapter.
        bare: without outputs and answers; a cell of an answer stays if a later one needs it.
        preface: what stands below the title.
        language: what the kernel said of itself.
    """
    kept = list(chosen(parts, bare))
    kept[1:1] = preface
    made = new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": dict(language),
        }
    )
    count = 0
    for n, piece in enumerate(joined(kept)):
        if piece.cell is None and not piece.bare:
            made.cells.append(new_markdown_cell(piece.text, id=f"cell-{n}"))
            continue
        cell = new_code_cell(piece.text, id=f"cell-{n}")
        if piece.folded and bare:
            cell.metadata["jupyter"] = {"source_hidden": True}
        if piece.cell is not None and not bare:
            count += 1
            fill(cell, piece.cell["outputs"], count)
        made.cells.append(cell)
    nbformat.validate(made)
    return made


def chosen(parts: Sequence[Piece], bare: bool) -> Iterator[Piece]:
    """Yield the pieces that a notebook has."""
    if not bare:
        yield from (piece for piece in parts if not piece.bare)
        return
    codes = [(piece.text, piece.folded) for piece in parts if piece.cell is not None]
    keep = iter(needed(codes))
    for piece in parts:
        wanted = next(keep) if piece.cell is not None else not piece.folded
        if wanted and piece.folded:
            yield Piece("*(Cells below need this piece of the answer; its code is hidden.)*")
        if wanted:
            yield piece


def joined(parts: Sequence[Piece]) -> Iterator[Piece]:
    """Put pieces of text that follow each other into one, up to the next heading."""
    left: list[str] = []
    for piece in parts:
        code = piece.cell is not None or piece.bare
        if left and (code or piece.text.startswith("#")):
            yield Piece("\n\n".join(left))
            left = []
        if code:
            yield piece
        else:
            left.append(piece.text)
    if left:
        yield Piece("\n\n".join(left))


def fill(cell: Any, outputs: Sequence[Mapping[str, Any]], count: int) -> None:
    """Put the outputs of an executed page into a cell."""
    cell.execution_count = count
    for output in outputs:
        facts = {key: value for key, value in output.items() if key not in ("output_type", "metadata")}
        if output["output_type"] == "execute_result":
            facts["execution_count"] = count
        cell.outputs.append(new_output(output["output_type"], **facts))
