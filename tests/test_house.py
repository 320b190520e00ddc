"""The rules of the house: the book keeps each, and each fails on a small page or module that breaks it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nnz.press import house, pages

pytestmark = pytest.mark.house

HEADER = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---
# One
"""

ALT = "A line that starts low, rises to a peak in the middle and falls again."
CAPTION = "What to see: the peak is in the middle, where most of the names are."
FIGURE = f"""
```{{code-cell}}
---
mystnb:
  image: {{alt: "{ALT}"}}
  figure: {{name: fig-one-peak, caption: "{CAPTION}"}}
---
figures.peak(names)
```
"""

GOOD = {
    "_toc.yml": "root: book/index\nparts:\n  - chapters:\n      - file: book/one\n      - file: book/two\n",
    "chapters.toml": (
        '[one]\nmodules = ["alpha", "beta"]\ntests = ["test_alpha", "test_beta"]\nseconds = 10\n'
        '[two]\nmodules = ["gamma"]\ntests = ["test_gamma"]\nseconds = 10\n'
    ),
    "book/claims/two.toml": '[[claim]]\nid = "two.speed"\nvaries = false\n',
    "book/index.md": "# Index\n\nIn 2003, eighty pages; see [](one.md).\n",
    "book/one.md": HEADER
    + "\nThe loss is {glue:text}`one.loss` at {given}`0.1`, by $x^{2}$.\n"
    + FIGURE
    + "\n```{listing} nnz.alpha.double\n```\n\n```{listing} nnz.beta.Pair\n:members: __init__\n```\n"
    + "\n```{listing} nnz.beta.Pair.total\n```\n",
    "book/glossary.md": (
        "# Glossary\n\n```{glossary}\nfan-in, fan-out\n  What comes and goes.\n  See [](one.md).\n\n"
        "key\n  Of a door.\n  See [](two.md).\n```\n"
    ),
    "book/notation.md": "# Notation\n\n| in formulas | what it is |\n|---|---|\n| $x$, $W_1$ | a context |\n",
    "book/two.md": HEADER + "\n```{listing} nnz.gamma.LIMIT nnz.gamma.most\n```\n",
    "src/nnz/__init__.py": '"""Package."""\n',
    "src/nnz/alpha.py": (
        '"""Twice.\n\nChapter: one.\n"""\n'
        "import math\n\nfrom nnz.plumbing.paths import resource\n\ndef double(x):\n    return 2 * x\n"
    ),
    "src/nnz/beta.py": (
        '"""Pairs.\n\nChapter: one.\n"""\n'
        "from nnz.alpha import double\n\nclass Pair:\n    size = 2\n"
        "    def __init__(self, a):\n        self.a = a\n"
        "    def total(self):\n        return double(self.a)\n    def _secret(self):\n        return 0\n"
    ),
    "src/nnz/gamma.py": '"""Most.\n\nChapter: two.\n"""\n'
    "from nnz.beta import Pair\n\nLIMIT = 3\n\ndef most(x: Pair):\n    return LIMIT\n",
    "src/nnz/plumbing/pipes.py": "from nnz.plumbing import paths\n",
    "src/nnz/app/kept.py": "from nnz.gamma import most\n",
    "src/nnz/app/other.py": "from nnz.plumbing import pipes\n",
    "src/nnz/__main__.py": "from nnz.gamma import most\n",  # taught by no chapter
    "tests/test_alpha.py": "import torch\n\ng = torch.Generator()\nx = torch.rand(3, generator=g)\n",
    "tests/test_beta.py": "from nnz.beta import Pair\n",
    "tests/test_gamma.py": "from nnz.gamma import most\n",
}


@pytest.fixture
def house_of(tmp_path: Path) -> Callable[..., Path]:
    """Build a small book that keeps all rules, with some of its files changed."""

    def build(**changes: tuple[str, str]) -> Path:
        for name, text in GOOD.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, (old, new) in changes.items():
            path = tmp_path / FILES[name]
            text = path.read_text(encoding="utf-8")
            assert old in text, f"the example is stale: {old!r}"
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return tmp_path

    return build


FILES = {
    "toc": "_toc.yml",
    "table": "chapters.toml",
    "claims": "book/claims/two.toml",
    "index": "book/index.md",
    "glossary": "book/glossary.md",
    "one": "book/one.md",
    "two": "book/two.md",
    "alpha": "src/nnz/alpha.py",
    "beta": "src/nnz/beta.py",
    "gamma": "src/nnz/gamma.py",
    "pipes": "src/nnz/plumbing/pipes.py",
    "test": "tests/test_alpha.py",
}


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_book_keeps_the_rule(rule: Callable[[Path], list[str]], root: Path) -> None:
    assert rule(root) == []


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_small_book_keeps_the_rule(
    rule: Callable[[Path], list[str]], house_of: Callable[..., Path]
) -> None:
    assert rule(house_of()) == []


def cell(code: str, options: str = "") -> str:
    return f"```{{code-cell}}\n{options}{code}\n```\n"


def with_claims(code: str, between: str = "", shown: str = "total = 3") -> tuple[str, str]:
    """Return the change of a page that adds a shown cell and, below it, a claims cell."""
    claims = cell(code, ":tags: [claims]\n")
    return ("```{listing}", cell(shown) + f"\n{between}\n" + claims + "\n```{listing}")


BROKEN: list[tuple[str, Callable[[Path], list[str]], dict[str, tuple[str, str]], str]] = [
    (
        "a module does not say to which chapter it belongs",
        house.unplaced,
        {"beta": ("\n\nChapter: one.\n", "")},
        "beta.py: end its docstring with the line 'Chapter: one.'",
    ),
    (
        "a module names the chapter that it has left",
        house.unplaced,
        {"gamma": ("Chapter: two.", "Chapter: one.")},
        "gamma.py: end its docstring with the line 'Chapter: two.'",
    ),
    (
        "a module has grown too long",
        house.long_modules,
        {"gamma": ("LIMIT = 3\n", "LIMIT = 3\n" + "x = 1  # so\n# not this\n\n" * 148)},
        "gamma.py has 152 lines of code",
    ),
    (
        "a module imports one of a later chapter",
        house.forward_imports,
        {"alpha": ("import math", "from nnz.gamma import LIMIT")},
        "alpha.py:5 imports nnz.gamma",
    ),
    (
        "a module imports one of a later row, inside a function",
        house.forward_imports,
        {"alpha": ("    return 2", "    import nnz.beta\n    return 2")},
        "imports nnz.beta",
    ),
    (
        "a module imports the exercises",
        house.forward_imports,
        {"gamma": ("from nnz.beta", "from nnz import exercises\nfrom nnz.beta")},
        "imports nnz.exercises",
    ),
    (
        "a module imports what stands above it, by way of which all models could come",
        house.forward_imports,
        {"alpha": ("import math", "from nnz.app.kept import most")},
        "alpha.py:5 imports nnz.app.kept",
    ),
    (
        "plumbing imports what is taught",
        house.forward_imports,
        {"pipes": ("from nnz.plumbing import paths", "from nnz.alpha import double")},
        "plumbing/pipes.py:1 imports nnz.alpha, which is no plumbing",
    ),
    (
        "two files import each other, one of them inside a function",
        house.circles,
        {"alpha": ("    return 2", "    import nnz.beta\n    return 2")},
        "these import each other in a circle: ",
    ),
    (
        "a file imports one that imports it, by the name of its folder",
        house.circles,
        {"gamma": ("    return LIMIT", "    from nnz.app import kept\n    return LIMIT")},
        "these import each other in a circle: ",
    ),
    (
        "two folders import each other, though no two files do",
        house.circles,
        {"pipes": ("from nnz.plumbing import paths", "from nnz.app import kept")},
        "these import each other in a circle: app <- plumbing <- app",
    ),
    (
        "a relative import cannot hide it",
        house.forward_imports,
        {"alpha": ("import math", "from .gamma import LIMIT")},
        "imports nnz.gamma",
    ),
    (
        "the order of the table of contents counts",
        house.forward_imports,
        {
            "toc": (
                "      - file: book/one\n      - file: book/two",
                "      - file: book/two\n      - file: book/one",
            )
        },
        "gamma.py:5 imports nnz.beta",
    ),
    (
        "a module that no chapter claims",
        house.unclaimed,
        {"table": ('modules = ["gamma"]', "modules = []")},
        "gamma.py is claimed by 0",
    ),
    (
        "a module that two chapters claim",
        house.unclaimed,
        {"table": ('modules = ["gamma"]', 'modules = ["gamma", "alpha"]')},
        "alpha.py is claimed by 2",
    ),
    (
        "a chapter claims a module that is not there",
        house.unclaimed,
        {"table": ('"gamma"', '"gamma", "delta"')},
        "module 'delta', which is not there",
    ),
    (
        "a chapter that the book does not have",
        house.unclaimed,
        {"toc": ("      - file: book/two\n", "")},
        "names 'two', which _toc.yml does not",
    ),
    (
        "a page shows code and is no chapter",
        house.unclaimed,
        {"index": ("# Index", "# Index\n\n```{listing} nnz.alpha.double\n```\n")},
        "index shows code of the package",
    ),
    (
        "a test that is not there",
        house.unclaimed,
        {"table": ("test_alpha", "test_omega")},
        "tests/test_omega.py is not there",
    ),
    (
        "a module without tests of its own",
        house.untested,
        {"table": ('["test_gamma"]', '["test_alpha"]')},
        "gamma.py: two names no test_gamma",
    ),
    (
        "a chapter without a budget",
        house.unclaimed,
        {"table": ("seconds = 10", "seconds = 0")},
        "one has no budget",
    ),
    (
        "a function is not shown",
        house.not_shown_once,
        {"one": ("```{listing} nnz.alpha.double\n```", "")},
        "nnz.alpha.double is shown 0 times",
    ),
    (
        "a method is not shown",
        house.not_shown_once,
        {"one": ("```{listing} nnz.beta.Pair.total\n```", "")},
        "nnz.beta.Pair.total is shown 0 times",
    ),
    (
        "a method is shown twice",
        house.not_shown_once,
        {"one": (":members: __init__\n", "")},
        "nnz.beta.Pair.total is shown 2 times",
    ),
    (
        "a constant is not shown",
        house.not_shown_once,
        {"two": ("nnz.gamma.LIMIT ", "")},
        "nnz.gamma.LIMIT is shown 0 times",
    ),
    (
        "a listing of something that is not there",
        house.not_shown_once,
        {"one": ("nnz.alpha.double", "nnz.alpha.duoble")},
        "defines no 'duoble'",
    ),
    ("a loss in the text", house.typed_numbers, {"one": ("by $x", "from 2.4540 by $x")}, "'2.4540' is typed"),
    (
        "a count in the text",
        house.typed_numbers,
        {"one": ("by $x", "of 228,146 by $x")},
        "'228,146' is typed",
    ),
    ("a count without commas", house.typed_numbers, {"one": ("by $x", "of 5438 by $x")}, "'5438' is typed"),
    ("a share in the text", house.typed_numbers, {"one": ("by $x", "13 % by $x")}, "'13 %' is typed"),
    ("a loss in backquotes", house.typed_numbers, {"one": ("by $x", "`2.4540` $x")}, "'2.4540' is typed"),
    ("a loss in a formula", house.typed_numbers, {"one": ("$x^{2}$", "$2.454$")}, "'2.454' is typed"),
    (
        "a loss in a note",
        house.typed_numbers,
        {"index": ("# Index", "# Index\n\n```{note} It is 2.45\nor 2.46.\n```\n")},
        "'2.46' is typed",
    ),
    ("a page that is no chapter", house.typed_numbers, {"index": ("eighty", "83.5")}, "'83.5' is typed"),
    (
        "no jupytext in the header",
        house.bad_headers,
        {"one": ("jupytext: {text_representation: {extension: .md, format_name: myst}}\n", "")},
        "one.md has cells but no jupytext",
    ),
    (
        "no header at all",
        house.bad_headers,
        {"index": ("# Index", "# Index\n\n" + cell("1 + 1"))},
        "index.md has cells but no jupytext and no kernelspec",
    ),
    (
        "somebody's own kernel",
        house.bad_headers,
        {"one": ("name: python3", "name: nnz-dev")},
        "must be python3, not 'nnz-dev'",
    ),
    (
        "a figure without alt text",
        house.bad_figures,
        {"one": (f'  image: {{alt: "{ALT}"}}\n', "")},
        "needs alt text",
    ),
    ("alt text that is a file name", house.bad_figures, {"one": (ALT, "figure.png")}, "needs alt text"),
    ("alt text that repeats the caption", house.bad_figures, {"one": (ALT, CAPTION)}, "needs alt text"),
    ("a figure without a caption", house.bad_figures, {"one": (CAPTION, "Names")}, "needs a caption"),
    (
        "a timing that two builds would be held to",
        house.unmarked_timings,
        {
            "claims": ("false", "true"),
            "two": ("```{listing}", cell('claim("two.speed", 3)') + "\n```{listing}"),
        },
        "two.md:7: records two.speed, which varies",
    ),
    (
        "times that are compared and measured at different moments",
        house.timed_apart,
        {
            "two": (
                "```{listing}",
                cell("for size in (1, 2):\n    least_seconds(lambda: size)") + "\n```{listing}",
            )
        },
        "two.md:7: least_seconds in a loop measures at different moments",
    ),
    (
        "a timing that is printed by the cell before its claim",
        house.unmarked_timings,
        {
            "claims": ("false", "true"),
            "two": (
                "```{listing}",
                cell("print(3)")
                + "\n"
                + cell('claim("two.speed", 3)', ":tags: [claims, timing]\n")
                + "\n```{listing}",
            ),
        },
        "two.md:7: prints what is recorded as two.speed, which varies",
    ),
    (
        "a claim in a shown cell",
        house.shown_claims,
        {"two": ("```{listing}", cell('for x in y:\n    claim(f"two.{x}", 3)') + "\n```{listing}")},
        "two.md:7: claim(...) is in a shown cell",
    ),
    (
        "a note in a shown cell",
        house.shown_claims,
        {"two": ("```{listing}", cell('note("two.speed", 3)', ":tags: [timing]\n") + "\n```{listing}")},
        "two.md:7: note(...) is in a shown cell",
    ),
    (
        "a shown cell that imports claim",
        house.shown_claims,
        {"two": ("```{listing}", cell("from nnz.press.claims import claim as c") + "\n```{listing}")},
        "two.md:7: a shown cell imports nnz.press.claims",
    ),
    (
        "a shown cell that imports the module",
        house.shown_claims,
        {"two": ("```{listing}", cell("from nnz.press import claims") + "\n```{listing}")},
        "two.md:7: a shown cell imports nnz.press.claims",
    ),
    (
        "a cell of the spine that reads what only a workshop binds",
        house.needed_workshops,
        {
            "two": (
                "# One",
                "# One\n\n## Deeper\n\n```{workshop}\n```\n\n"
                + cell("# no heading\nfound = 1")
                + "\n### Still\n\n"
                + cell("deep = found")
                + "\n## On\n\n"
                + cell("print(found)"),
            )
        },
        "needs 'found', which only a workshop has",
    ),
    (
        "a function of the spine that calls a workshop's",
        house.needed_workshops,
        {
            "two": (
                "# One",
                "# One\n\n## Deeper\n\n```{workshop}\n```\n\n"
                + cell("def f():\n    return 1")
                + "\n## On\n\n"
                + cell("def g():\n    return f()"),
            )
        },
        "needs 'f', which only a workshop has",
    ),
    (
        "a cell of the spine that imports what a workshop alone shows",
        house.needed_workshops,
        {
            "two": (
                "# One\n\n```{listing} nnz.gamma.LIMIT nnz.gamma.most\n```\n",
                "# One\n\n## Deeper\n\n```{workshop}\n```\n\n```{listing} nnz.gamma.LIMIT nnz.gamma.most\n```\n"
                + "\n## On\n\n"
                + cell("from nnz.gamma import most\nmost(1)"),
            )
        },
        "needs 'most', which only a workshop has",
    ),
    (
        "a column without a name",
        house.nameless_columns,
        {"one": ("# One", "# One\n\n| | loss |\n|---|---|\n| bigram | low |\n")},
        "a column of this table has no name",
    ),
    (
        "a column of a list-table without a name",
        house.nameless_columns,
        {
            "one": (
                "# One",
                "# One\n\n```{list-table} Losses\n:header-rows: 1\n\n* -\n  - loss\n* - a\n  - b\n```\n",
            )
        },
        "a column of this table has no name",
    ),
    (
        "an error of nobody knows what",
        house.unnamed_errors,
        {"one": ("by $x", "by {given}`0.3` ± {given}`0.1`, by $x")},
        "a ± without (names)",
    ),
    (
        "an error of nobody knows what in a table",
        house.unnamed_errors,
        {
            "one": (
                "# One",
                "# One\n\n```{list-table} Losses\n* - loss\n* - {given}`0.3` ± {given}`0.1`\n```\n",
            )
        },
        "a ± without (names)",
    ),
    (
        "a printed error of nobody knows what",
        house.unnamed_errors,
        {"two": ("# One", '# One\n\n```{code-cell}\nprint(f"{1} ± {2}")\n```\n')},
        "prints a ± without",
    ),
    (
        "a term that the glossary lacks",
        house.unlisted_terms,
        {"one": ("by $x^{2}$", "by **keys**, **fan-out** and a **door**")},
        "one.md:7: 'door' is in bold and not in the glossary",
    ),
    (
        "an entry of the glossary that leads nowhere",
        house.unlisted_terms,
        {"glossary": ("\n  See [](two.md).", "")},
        "glossary.md: 'key' has no link",
    ),
    (
        "an entry of the glossary that stands there twice",
        house.unlisted_terms,
        {"glossary": ("key\n", "key\n  Of a lock.\n  See [](one.md).\n\nkey\n")},
        "glossary.md: 'key' stands there twice",
    ),
    (
        "a letter that nobody introduces",
        house.unknown_letters,
        {"one": ("by $x^{2}$", "by $x^{2} \\eta$, and $q$ by $q = \\text{rate} \\cdot W_1$")},
        "one.md:7: nobody says what \\eta is",
    ),
    (
        "a letter in a formula that stands by itself",
        house.unknown_letters,
        {"one": ("by $x^{2}$.", "by\n\n$$\nx = \\frac{1}{2} + r .\n$$ (eq-half)\n\n")},
        "nobody says what r is",
    ),
    (
        "a raised dot that multiplies nothing",
        house.unknown_letters,
        {"one": ("by $x^{2}$", "by $x(x\\cdot)$")},
        "one.md:7: a raised dot multiplies",
    ),
    (
        "a text that has a term from a workshop",
        house.needed_terms,
        {
            "two": (
                "# One",
                "# One\n\n## Deeper\n\n```{workshop}\n```\n\nThis is a **key**.\n\n## On\n\nBoth keys.\n",
            )
        },
        "needs the term 'key', which a workshop defines",
    ),
    (
        "a shown cell that reads what a claims cell bound",
        house.borrowed_names,
        {"one": with_claims("mean = total / 2"), "two": with_claims("mean = total / 2", shown="print(mean)")},
        "two.md:12: a claims cell binds 'mean', which is a name of a shown cell",
    ),
    (
        "a function of a shown cell that reads it",
        house.borrowed_names,
        {"two": with_claims("mean = total / 2", shown="def f():\n    return mean")},
        "claims cell binds 'mean'",
    ),
    (
        "a shown cell that needs an import of a claims cell",
        house.borrowed_names,
        {"two": with_claims("import math", shown="math.pi")},
        "claims cell binds 'math'",
    ),
    (
        "a loop of a claims cell that overwrites a name of the page",
        house.borrowed_names,
        {"two": with_claims('for total in (1, 2):\n    claim(f"two.{total}", total)')},
        "claims cell binds 'total'",
    ),
    (
        "a title of a directive with a backquote",
        house.lost_fences,
        {"two": ("```{listing}", "```{list-table} Of {given}`2` rows\n* - one\n```\n\n```{listing}")},
        "a backquote in the title of a directive",
    ),
    (
        "a claims cell that prints",
        house.busy_claims,
        {"two": with_claims("print(total)")},
        "two.md:12: 'print(total)' in a claims cell",
    ),
    (
        "a claims cell that changes an object, in a loop",
        house.busy_claims,
        {"two": with_claims("for x in y:\n    if x:\n        y.remove(x)")},
        "'y.remove(x)' in a claims cell",
    ),
    (
        "a claims cell that assigns to an item",
        house.busy_claims,
        {"two": with_claims("first, y[0] = 1, 2")},
        "'first, y[0] = (1, 2)' in a claims cell",
    ),
    (
        "a claims cell that adds to a name",
        house.busy_claims,
        {"two": with_claims("total += 1")},
        "'total += 1' in a claims cell",
    ),
    (
        "a claims cell that defines a function",
        house.busy_claims,
        {"two": with_claims("def f():\n    return 1")},
        "'def f():' in a claims cell",
    ),
    (
        "a claims cell below a paragraph",
        house.busy_claims,
        {"two": with_claims('claim("two.speed", total)', between="It is so.\n")},
        "two.md:13: a claims cell stands directly below the cell it reads",
    ),
    (
        "a graph without a caption",
        house.bad_figures,
        {"two": ("```{listing}", cell("draw(node)") + "\n```{listing}")},
        "needs a caption",
    ),
    ("a figure with another name", house.bad_figures, {"one": ("fig-one-peak", "peak")}, "fig-one-"),
    (
        "a figure with no options at all",
        house.bad_figures,
        {"two": ("```{listing}", cell("figures.peak(x)") + "\n```{listing}")},
        "two.md:7: a figure needs a name",
    ),
    (
        "a picture that no code made",
        house.bad_figures,
        {"index": ("# Index", "# Index\n\n![A fine picture of names](x.png)")},
        "pictures are made by code",
    ),
    (
        "a draw without a generator in a test",
        house.nameless_draws,
        {"test": (", generator=g", "")},
        "test_alpha.py:4: torch.rand draws without generator=",
    ),
    (
        "a draw in a module",
        house.nameless_draws,
        {"alpha": ("return 2 * x", "return x.normal_()")},
        "x.normal_ draws without",
    ),
    (
        "a draw in a cell",
        house.nameless_draws,
        {"two": ("```{listing}", cell("import random\nrandom.shuffle(x)") + "\n```{listing}")},
        "two.md:9: random.shuffle draws from Python's shared state",
    ),
    (
        "a seed for everybody",
        house.nameless_draws,
        {"two": ("```{listing}", cell("torch.manual_seed(0)") + "\n```{listing}")},
        "seeds what everybody shares",
    ),
    (
        "a layer of torch draws its weights from what all share",
        house.nameless_draws,
        {"two": ("```{listing}", cell("x = torch.nn.Linear(3, 2).weight") + "\n```{listing}")},
        "two.md:8: torch.nn.Linear draws from what everybody shares; fill it by copy_",
    ),
    (
        "numpy's shared state",
        house.nameless_draws,
        {"alpha": ("return 2 * x", "return np.random.randn(x)")},
        "numpy's shared state",
    ),
    (
        "numpy without a seed",
        house.nameless_draws,
        {"alpha": ("return 2 * x", "return np.random.default_rng()")},
        "without a seed",
    ),
    (
        "a fragment that fills the screen",
        house.long_fragments,
        {"two": ("```{listing}", cell("x = 1\n" * 26) + "\n```{listing}")},
        "two.md:7: a fragment of 26 lines",
    ),
    (
        "too many long fragments",
        house.long_fragments,
        {"two": ("```{listing}", cell("x = 1\n" * 9) * 12 + "\n```{listing}")},
        "half of its fragments have more than 6",
    ),
    (
        "more than one in ten too long",
        house.long_fragments,
        {"two": ("```{listing}", cell("x = 1") * 12 + cell("x = 1\n" * 14) * 3 + "\n```{listing}")},
        "more than one fragment in ten",
    ),
    (
        "a file read in the locale's encoding",
        house.locale_texts,
        {"alpha": ("return 2 * x", "return x.read_text()")},
        'src/nnz/alpha.py:10: x.read_text without encoding="utf-8"',
    ),
    (
        "a file opened in it",
        house.locale_texts,
        {"alpha": ("return 2 * x", "return open(x, 'w')")},
        "alpha.py:10: open without",
    ),
    (
        "a path opened in it",
        house.locale_texts,
        {"test": ("x = torch", "import pathlib\npathlib.Path('b').open()\nx = torch")},
        "test_alpha.py:5: pathlib.Path('b').open without",
    ),
    (
        "a pickle that is opened",
        house.pickles,
        {"alpha": ("import math\n", "import math\nimport pickle\n")},
        "src/nnz/alpha.py:6: pickle reads or writes pickles",
    ),
    (
        "a pickle by another name",
        house.pickles,
        {"beta": ("from nnz.alpha import double\n", "from joblib import load as open_it\n")},
        "beta.py:5: joblib reads",
    ),
    (
        "a pickle by torch, in a cell",
        house.pickles,
        {"two": ("```{listing}", cell("torch.save(x, 'b.pt')") + "\n```{listing}")},
        "two.md:8: torch.save reads",
    ),
    (
        "by torch under another name",
        house.pickles,
        {"alpha": ("return 2 * x", "import torch as t; return t.load(x)")},
        "alpha.py:10: torch.load reads",
    ),
    (
        "by a function of torch",
        house.pickles,
        {"alpha": ("import math\n", "from torch import load\n")},
        "alpha.py:5: torch.load reads",
    ),
    (
        "by a module of torch",
        house.pickles,
        {"alpha": ("return 2 * x", "return torch.jit.load(x)")},
        "alpha.py:10: torch.load reads",
    ),
    (
        "by numpy",
        house.pickles,
        {"alpha": ("return 2 * x", "return np.load(x, allow_pickle=True)")},
        "alpha.py:10: allow_pickle reads",
    ),
    (
        "by a name in text",
        house.pickles,
        {"alpha": ("return 2 * x", "return importlib.import_module('marshal').loads(x)")},
        "alpha.py:10: marshal reads",
    ),
    (
        "by pandas",
        house.pickles,
        {"two": ("```{listing}", cell("frame.to_pickle('x')") + "\n```{listing}")},
        "to_pickle reads",
    ),
    (
        "a process heard in it",
        house.locale_texts,
        {"two": ("```{listing}", cell("run('a', text=True)") + "\n```{listing}")},
        "two.md:8: run without",
    ),
]


@pytest.mark.parametrize(
    ("rule", "changes", "problem"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_the_rule_finds(
    rule: Callable[[Path], list[str]],
    changes: dict[str, tuple[str, str]],
    problem: str,
    house_of: Callable[..., Path],
) -> None:
    problems = rule(house_of(**changes))
    assert any(problem in found for found in problems), problems


def test_the_book_is_held_to_every_rule_that_can_fail() -> None:
    assert {rule for _, rule, _, _ in BROKEN} == set(house.RULES)


def test_claims_cells_that_only_read_are_left_alone(house_of: Callable[..., Path]) -> None:
    code = (
        "import math\n\nfrom nnz.press.claims import claim, note\n\n"
        "low, high = min(values), max(values)\n"
        'for one in values:\n    if one > low:\n        claim(f"two.{one}", math.sqrt(one))\n'
        'note("two.most", max(total for total in values))'
    )
    shown = "values = [1, 2]\nhistory.note(values)\nsum(one_by_one for one_by_one in values)"
    changed = house_of(two=with_claims(code, shown=shown))
    for rule in (house.shown_claims, house.borrowed_names, house.busy_claims):
        assert rule(changed) == []


def test_a_claims_cell_is_no_fragment_for_a_reader(house_of: Callable[..., Path]) -> None:
    claims = "\n".join(f'claim("two.{number}", 1)' for number in range(30))
    assert house.long_fragments(house_of(two=with_claims(claims))) == []


def test_what_holds_no_pickle_may_be_read(house_of: Callable[..., Path]) -> None:
    code = (
        "import json\n\nfrom safetensors.torch import load_file, save_file\n\n"
        "json.load(x)\nnp.load(x)\nnp.load(x, allow_pickle=False)\ncopy.copy(pickled)\nmodel.load(x)"
    )
    changed = house_of(two=("```{listing}", cell(code) + "\n```{listing}"))
    assert house.pickles(changed) == []


def test_bytes_have_no_encoding_to_name(house_of: Callable[..., Path]) -> None:
    code = "run('a'); open(x, 'rb'); x.open('rb+'); return open(x, encoding='utf-8')"
    changed = house_of(alpha=("return 2 * x", code))
    assert house.locale_texts(changed) == []


def test_a_chapter_over_its_budget_is_found() -> None:
    table = {"one": {"seconds": 10}}
    assert house.over_budget({"one": 9.9}, table) == []
    assert house.over_budget({"one": 10.1}, table) == [
        "one ran for 10 s of a core; its budget in chapters.toml is 10 s"
    ]
    assert house.over_budget({"ledger": 30}, table) == [
        "ledger ran for 30 s of a core; its budget in chapters.toml is 20 s"
    ]


def test_names_txt_and_what_was_built_are_not_in_the_repository(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, encoding="utf-8", check=True
    ).stdout
    tracked = listed.split()
    assert "src/nnz/data.py" in tracked
    assert "data/names.txt" not in tracked
    assert not [name for name in tracked if name.startswith(("_build/", ".venv/"))]
    scripts = {name for name in tracked if name.endswith(".js")}
    # Our own; those of others come with their packages.
    assert [name for name in scripts if not name.startswith("book/_static/nnz-")] == []


def test_every_marker_of_a_chapter_selects_its_tests(root: Path, request: pytest.FixtureRequest) -> None:
    """`pytest -m bigram` runs that chapter's tests alone: those collected here, and any that could be."""
    chapters = pages.chapters(root)
    conftest = request.config.pluginmanager.get_plugin(str(root / "tests/conftest.py"))
    assert conftest

    class Item:
        """As little of a test as has a file and takes marks."""

        def __init__(self, path: Path) -> None:
            self.path, self.marks = path, set[str]()

        def add_marker(self, name: str) -> None:
            self.marks.add(name)

    files = [*(root / "tests").glob("test_*.py"), *(root / "src").rglob("*.py")]
    items = [Item(path) for path in files]
    conftest.pytest_collection_modifyitems(items)
    marks = {item.path: item.marks for item in items}
    for name, chapter in chapters.items():
        for test in chapter["tests"]:
            assert name in marks[root / "tests" / f"{test}.py"]
        assert name not in marks[root / "tests" / "test_house.py"]
    for collected in request.session.items:
        own = {mark.name for mark in collected.iter_markers()} & set(chapters)
        assert own == marks.get(collected.path, set())
    known = " ".join(request.config.getini("markers"))
    assert all(f"{name}: the tests of the chapter" in known for name in chapters)


def test_the_page_of_a_part_says_of_each_of_its_chapters_what_it_is_about(root: Path) -> None:
    """And the cover leads to each part."""
    cover = (root / "book" / "index.md").read_text(encoding="utf-8")
    part, told = "", list[str]()
    for path in pages.toc(root):
        if path.stem.startswith("part-"):
            part = path.read_text(encoding="utf-8")
            assert f"\n[]({path.name})\n: " in cover
        elif f"\n[]({path.name})\n: " in part:
            told.append(path.stem)
    assert told == pages.numbered(root)


def test_the_exercises_that_teachers_are_told_to_set_are_there(root: Path) -> None:
    from nnz.exercises.contents import CONTENTS

    page = pages.read_page(root / "book" / "teachers.md")
    tables = [directive for directive in page.directives if directive.name == "list-table"]
    weeks = [" ".join(table.body).split("* - ")[2:] for table in tables]
    assert [len(table) for table in weeks] == [7, 14]
    for table in weeks:
        named = set[str]()
        for week in table:
            chapters = set(re.findall(r"\((\S+)\.md\)", week))
            (minutes,) = re.findall(r"\{minutes\}`([^`]+)`", week)
            assert minutes.split() == [name for name in pages.chapters(root) if name in chapters]
            exercises = re.findall(
                r"`(\w+)`", week.partition("{minutes}")[2].partition("`")[2].partition("`")[2]
            )
            assert exercises
            assert all(any(name in CONTENTS[chapter] for chapter in chapters) for name in exercises), week
            named |= chapters
        assert named == {*pages.numbered(root)}
