"""The lines of the page that derives the backward pass are those of the module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nnz.backprop import NAMES, PARAMETERS
from nnz.press.pages import read_page


def as_on_the_page(line: str) -> str:
    """Return a line of the module or of the page with the names of the page, and without its comment."""
    line = re.sub(r"\bv\.", "", line.split("  #")[0].strip())
    line = re.sub(r"\blen\([XY]\)", "n", line).replace("EPS", "1e-5")
    return re.sub(r"\bY\b", "y", re.sub(r"\bX\b", "x", line))


def gradient_lines(code: str) -> set[str]:
    """Return the lines that make gradients."""
    made = r"(d[a-zA-Z]\w*|at_max)(\[.*?\]|\.index_add_)?\s*(=|\(0)"
    return {line for line in map(as_on_the_page, code.splitlines()) if re.match(made, line)}


def lines_of_the_module(root: Path, way: str, stages: Sequence[str]) -> list[str]:
    """Return the bodies of its functions for one way."""
    source = (root / "src/nnz/backprop.py").read_text(encoding="utf-8")
    return [source.split(f"def {stage}_{way}(")[1].split("    return ")[0] for stage in stages]


def test_the_lines_of_the_page_are_the_lines_of_the_module(root: Path) -> None:
    module = set()
    for body in lines_of_the_module(root, "backward", ("loss", "output", "norm", "hidden")):
        module |= gradient_lines(body)
    assert len(module) == 31
    cells = read_page(root / "book/backprop.md").cells
    page = set[str]().union(*(gradient_lines(cell.code) for cell in cells))
    # The tanh is derived twice there: as a person writes it, and rounded once.
    left = {line for line in module - page if not line.startswith("dhpreact")}
    assert left == set()


def test_the_forward_pass_of_the_page_is_that_of_the_module(root: Path) -> None:
    module = set()
    for body in lines_of_the_module(root, "forward", ("hidden", "norm", "output", "loss")):
        made = [
            line
            for line in body.splitlines()
            if re.match(r"    (?!n\b|first\b|second\b|third\b|last\b)\w+ =", line)
        ]
        module |= {as_on_the_page(line) for line in made}
    assert len(module) == len(NAMES) + 1 - len(PARAMETERS)
    text = (root / "book/backprop.md").read_text(encoding="utf-8")
    cells = [cell.code for cell in read_page(root / "book/backprop.md").cells]
    page = {as_on_the_page(line) for code in cells for line in code.splitlines()}
    assert module - page == set()
    # And each stands once more where its gradient is asked for.
    assert [line for line in module if sum(as_on_the_page(x) == line for x in text.splitlines()) < 2] == []
