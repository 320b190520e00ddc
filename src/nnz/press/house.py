"""The rules of the house, as functions that read the repository and return what breaks them, in words.

`tests/test_house.py` holds the book to them, and shows each of them failing on a small bad example.
"""

from __future__ import annotations

import ast
import re
import symtable
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median
from typing import Any

from nnz.plumbing import dependencies
from nnz.press.listing import ListingError, definitions, find_all, is_public
from nnz.press.pages import book, chapters, module_files

HEADER = {"jupytext", "kernelspec"}
NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{3,})(?![\w])|\d+ ?%")
YEAR = re.compile(r"(?:19|20)\d\d")
# Layers of torch whose weights are drawn as they are made.
LAYERS = (
    r"torch\.nn\.(Linear|Bilinear|Embedding|Conv\dd|RNN\w*|GRU\w*|LSTM\w*|MultiheadAttention|Transformer\w*)"
)
DRAWS = {"rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "normal", "poisson", "dropout"}
DRAWS |= {
    "normal_",
    "uniform_",
    "random_",
    "exponential_",
    "bernoulli_",
    "rand_like",
    "randn_like",
    "randint_like",
}
PLOTTED = re.compile(r"\bfigures\.|\.savefig|\bplt\.")
# nnz.draw and nnz.figures.slides, as a cell's last line: they say themselves what they show.
DRAWN = re.compile(r"^(?:draw|steps|slides\.\w+)\(", re.MULTILINE)
# A number after a ±, and what it is an error of.
PLUS_MINUS = re.compile(r"[}`\d] ± [{`\d]")
ERROR_OF = re.compile(r"\((?:names|seeds|both|trials|places)\)")
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
GREEK = r"\\(?:alpha|beta|gamma|delta|varepsilon|eta|theta|kappa|lambda|mu|rho|sigma|tau|phi|ell)(?![a-z])"
TORCH = {"torch", "F", "torch.nn.functional"}
CLAIMS_MODULE, RECORDING = "nnz.press.claims", ("claim", "note")
LONGEST, NINE_IN_TEN, HALF = 25, 13, 6  # lines of a fragment


# Of code, in a taught module; and one that is read from beginning to end as a single class.
MOST_LINES = 150
WHOLE = {"engine"}


def unclaimed(root: Path) -> list[str]:
    """Every module belongs to one chapter, every chapter to the book, every test file to a chapter."""
    problems = []
    table = chapters(root)
    owners = Counter(module for chapter in table.values() for module in chapter["modules"])
    for module in module_files(root):
        if owners[module] != 1:
            problems.append(
                f"src/nnz/{module}.py is claimed by {owners[module]} chapters of chapters.toml, not by one"
            )
    problems += [
        f"chapters.toml names module {name!r}, which is not there"
        for name in owners
        if name not in module_files(root)
    ]
    pages = {page.name: page for page in book(root)}
    problems += [
        f"chapters.toml names {name!r}, which _toc.yml does not" for name in table if name not in pages
    ]
    for name, page in pages.items():
        if page.listings and name not in table:
            problems.append(f"{name} shows code of the package and is not in chapters.toml")
    for name, chapter in table.items():
        problems += [
            f"{name}: tests/{test}.py is not there"
            for test in chapter["tests"]
            if not (root / "tests" / f"{test}.py").is_file()
        ]
        if not chapter.get("seconds", 0) > 0:
            problems.append(f"{name} has no budget of seconds in chapters.toml")
    return problems


def untested(root: Path) -> list[str]:
    """A taught module has a file of tests of its own, which its chapter names."""
    return [
        f"src/nnz/{module}.py: {name} names no test_{module} among its tests in chapters.toml"
        for name, chapter in chapters(root).items()
        for module in chapter["modules"]
        if f"test_{module}" not in chapter["tests"]
    ]


def unplaced(root: Path) -> list[str]:
    """The docstring of a taught module ends with its chapter."""
    problems = []
    for name, chapter in chapters(root).items():
        for module in chapter["modules"]:
            path = module_files(root).get(module)
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path else None
            if path and (doc or "").splitlines()[-1:] != [f"Chapter: {name}."]:
                problems.append(f"src/nnz/{module}.py: end its docstring with the line 'Chapter: {name}.'")
    return problems


def long_modules(root: Path) -> list[str]:
    """A taught module has at most 150 lines of code, without docstrings, comments, blank lines and checks."""
    problems = []
    for name, path in module_files(root).items():
        n = len(lines_of_code(path.read_text(encoding="utf-8")))
        if n > MOST_LINES and name not in WHOLE:
            problems.append(f"src/nnz/{name}.py has {n} lines of code; more than {MOST_LINES} are two ideas")
    return problems


def lines_of_code(source: str) -> set[int]:
    """Return the numbers of the lines of code: without docstrings, comments, and functions that only check."""
    left = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_").startswith("check_"):
            left |= {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            doc = node.body[0]
            left |= {*range(doc.lineno, (doc.end_lineno or doc.lineno) + 1)}
    lines = enumerate(source.splitlines(), 1)
    return {i for i, line in lines if line.strip() and not line.strip().startswith("#")} - left


def forward_imports(root: Path) -> list[str]:
    """A taught module imports only modules that stand before it, and plumbing; plumbing imports plumbing alone."""
    problems = []
    before: set[str] = set()
    files = module_files(root)
    for name in (module for chapter in chapters(root).values() for module in chapter["modules"]):
        for line, module in _imports(files[name]) if name in files else []:
            first = module.split(".")[0]
            if first not in before | {"plumbing"}:
                problems.append(
                    f"src/nnz/{name}.py:{line} imports nnz.{module}, which does not come before it"
                )
        before.add(name)
    for path in sorted((root / "src" / "nnz" / "plumbing").glob("*.py")):
        problems += [
            f"src/nnz/plumbing/{path.name}:{line} imports nnz.{module}, which is no plumbing"
            for line, module in _imports(path)
            if module.split(".")[0] != "plumbing"
        ]
    return problems


def circles(root: Path) -> list[str]:
    """No file of the package imports, by way of others, itself, nor does a folder by way of another."""
    package = root / "src" / "nnz"
    files: dict[str, set[str]] = {}
    folders: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        files[name] = set(dependencies.imported(dependencies.parsed(path), package)) - {name}
        if len(parts) > 1:
            above = {
                other.partition(".")[0]
                for other in files[name]
                if (package / other.partition(".")[0]).is_dir()
            }
            folders.setdefault(parts[0], set()).update(above - {parts[0]})
    faults = []
    for arrows in (files, folders):
        try:
            TopologicalSorter(arrows).prepare()
        except CycleError as error:
            faults.append(f"src/nnz: these import each other in a circle: {' <- '.join(error.args[1])}")
    return faults


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.ImportFrom) and node.module == "nnz":
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nnz."):
            yield node.lineno, node.module.removeprefix("nnz.")
        elif isinstance(node, ast.Import):
            yield from (
                (node.lineno, alias.name.removeprefix("nnz."))
                for alias in node.names
                if alias.name.startswith("nnz.")
            )


def public_definitions(path: Path) -> list[str]:
    """Return what a module defines in public: its constants, functions and classes, and their methods."""
    names = []
    for name, node in definitions(ast.parse(path.read_text(encoding="utf-8")).body).items():
        if not is_public(name):
            continue
        names.append(name)
        if isinstance(node, ast.ClassDef):
            inner = definitions(node.body)
            names += [
                f"{name}.{method}"
                for method, what in inner.items()
                if is_public(method) and isinstance(what, ast.FunctionDef)
            ]
    return names


def not_shown_once(root: Path) -> list[str]:
    """Every public definition of a taught module is shown in a chapter, once."""
    problems = []
    shown: Counter[str] = Counter()
    for page in book(root):
        for line, wanted, members in page.listings:
            try:
                excerpts = find_all(root / "src", wanted, members)
            except ListingError as error:
                problems.append(f"{page.file}:{line}: {error}")
            else:
                shown.update(f"{excerpt.module}.{part}" for excerpt in excerpts for part in excerpt.names)
    claimed = {module for chapter in chapters(root).values() for module in chapter["modules"]}
    for module, path in module_files(root).items():
        for name in public_definitions(path) if module in claimed else []:
            if (times := shown[f"nnz.{module}.{name}"]) != 1:
                problems.append(f"nnz.{module}.{name} is shown {times} times; each definition is shown once")
    return problems


def typed_numbers(root: Path) -> list[str]:
    """A measured number comes to the page by glue; one that was chosen or quoted says so with {given}."""
    problems = []
    for page in book(root):
        for line, text in page.prose:
            bare = re.sub(r"\{[\w:.-]+\}(`+)[^`]*\1|\]\([^)]*\)|<https?:[^>]*>|https?://\S+", " ", text)
            bare = re.sub(
                r"\$\$?[^$]*\$\$?", lambda math: " ".join(re.findall(r"\d+\.\d{3,}", math[0])), bare
            )
            for number in NUMBER.finditer(bare):
                if not YEAR.fullmatch(number[0]):
                    problems.append(
                        f"{page.file}:{line}: {number[0]!r} is typed; glue it if it was measured, else {{given}}"
                    )
    return problems


def bad_headers(root: Path) -> list[str]:
    """A page with cells needs the whole notebook header, or it is not executed, and nothing says so."""
    problems = []
    for page in book(root):
        if page.cells and not set(page.header) >= HEADER:
            problems.append(
                f"{page.file} has cells but no {' and no '.join(sorted(HEADER - set(page.header)))} in its header"
            )
        elif page.cells and page.header["kernelspec"].get("name") != "python3":
            problems.append(
                f"{page.file}: the kernel must be python3, not {page.header['kernelspec'].get('name')!r}"
            )
    return problems


def bad_figures(root: Path) -> list[str]:
    """Every figure has a name fig-<chapter>-<idea>, a caption, and alt text that says what it shows."""
    problems = []
    for page in book(root):
        problems += [f"{page.file}:{line}: pictures are made by code, in a cell" for line in page.images]
        for cell in page.cells:
            options = cell.options.get("mystnb") or {}
            graph = DRAWN.search(cell.code)
            if not (graph or PLOTTED.search(cell.code) or "figure" in options):
                continue
            figure, alt = (options.get("figure") or {}, (options.get("image") or {}).get("alt") or "")
            where = f"{page.file}:{cell.line}"
            if not str(figure.get("name", "")).startswith(f"fig-{page.name}-"):
                problems.append(f"{where}: a figure needs a name that starts with fig-{page.name}-")
            if len(str(figure.get("caption", ""))) < 40:
                problems.append(f"{where}: a figure needs a caption that says what to see")
            if not graph and (len(alt) < 40 or alt == figure.get("caption")):
                problems.append(
                    f"{where}: a figure needs alt text that says what it shows to someone who cannot see it"
                )
    return problems


def nameless_draws(root: Path) -> list[str]:
    """Every random draw names its generator, in modules, tests and cells; a cell fills torch's layers itself."""
    return _in_code(root, ("src", "tests"), _draws) + _in_code(root, (), _layers)


def _in_code(
    root: Path, folders: Sequence[str], find: Callable[[str], Iterator[tuple[int, str]]]
) -> list[str]:
    """Return what is found in the Python of some folders, and in the cells of the book."""
    found = [
        f"{path.relative_to(root)}:{line}: {what}"
        for name in folders
        for path in (root / name).rglob("*.py")
        for line, what in find(path.read_text(encoding="utf-8"))
    ]
    return found + [
        f"{page.file}:{cell.above + line}: {what}"
        for page in book(root)
        for cell in page.cells
        for line, what in find(cell.code)
    ]


def _draws(code: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_parsed(code)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = ast.unparse(node.func)
        owner, _, name = called.rpartition(".")
        named = {keyword.arg for keyword in node.keywords}
        if called.endswith("manual_seed") and owner in ("torch", "torch.random"):
            yield (node.lineno, f"{called} seeds what everybody shares; make a torch.Generator")
        elif owner in ("np.random", "numpy.random") and name not in (
            "default_rng",
            "Generator",
            "SeedSequence",
        ):
            yield (
                node.lineno,
                f"{called} draws from numpy's shared state; use numpy.random.default_rng(seed)",
            )
        elif owner in ("np.random", "numpy.random") and name == "default_rng" and not node.args:
            yield node.lineno, f"{called} without a seed is different each time"
        elif owner == "random" and name not in ("Random", "getstate"):
            yield (node.lineno, f"{called} draws from Python's shared state; use random.Random(seed)")
        elif name in DRAWS and (owner in TORCH or name.endswith("_")) and "generator" not in named:
            yield node.lineno, f"{called} draws without generator="


def _layers(code: str) -> Iterator[tuple[int, str]]:
    if ".copy_(" in code:
        return
    for node in ast.walk(_parsed(code)):
        if isinstance(node, ast.Call) and re.fullmatch(LAYERS, ast.unparse(node.func)):
            yield node.lineno, f"{ast.unparse(node.func)} draws from what everybody shares; fill it by copy_"


@cache
def _parsed(code: str) -> ast.Module:
    """Parse Python, or a cell with lines that are for IPython."""
    lines = ["" if x.startswith(("%", "!")) else x for x in code.splitlines()]
    return ast.parse("\n".join(lines))


def over_budget(seconds: Mapping[str, float], table: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A chapter's code runs within its budget of seconds, and every chapter that runs code has one."""
    problems = []
    for name, taken in seconds.items():
        budget = table.get(name, {}).get("seconds", 20)  # pages that teach nothing get little
        if taken > budget:
            problems.append(
                f"{name} ran for {taken:.0f} s of a core; its budget in chapters.toml is {budget} s"
            )
    return problems


def long_fragments(root: Path) -> list[str]:
    """Half of the fragments have six lines or fewer, nine in ten thirteen or fewer, none over 25."""
    problems = []
    for page in book(root):
        sizes = []
        for cell in page.cells:
            if not cell.of_claims and "remove-input" not in cell.tags:
                sizes.append((cell.line, sum(bool(line.strip()) for line in cell.code.splitlines())))
        for line, wanted, members in page.listings:
            excerpts = find_all(root / "src", wanted, members)
            sizes.append(
                (line, sum(bool(text.text.strip()) for excerpt in excerpts for text in excerpt.lines))
            )
        problems += [
            f"{page.file}:{line}: a fragment of {size} lines; show it in parts"
            for line, size in sizes
            if size > LONGEST
        ]
        if len(sizes) >= 10:
            ordered = sorted(size for _, size in sizes)
            if median(ordered) > HALF:
                problems.append(f"{page.file}: half of its fragments have more than {HALF} lines")
            if ordered[int(0.9 * len(ordered)) - 1] > NINE_IN_TEN:
                problems.append(f"{page.file}: more than one fragment in ten has over {NINE_IN_TEN} lines")
    return problems


def unmarked_timings(root: Path) -> list[str]:
    """A cell that records a claim that varies is tagged `timing`, and so is the shown cell before it.

    No two builds are held to what such cells print.
    """
    varying = {
        entry["id"]
        for file in sorted((root / "book" / "claims").glob("*.toml"))
        for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("claim", [])
        if entry.get("varies")
    }
    problems = []
    for page in book(root):
        shown = None
        for cell in page.cells:
            shown = shown if cell.of_claims else cell
            found = varying & set(re.findall(r"""claim\(\s*["']([^"']+)""", cell.code))
            for one, what in ((cell, "records"), (shown, "prints what is recorded as")):
                if found and one and "timing" not in one.tags:
                    problems.append(
                        f"{page.file}:{one.line}: {what} {sorted(found)[0]}, which varies; tag the cell timing"
                    )
    return problems


def timed_apart(root: Path) -> list[str]:
    """Times that are compared are measured in turn, by one call of `least_seconds`: none stands in a loop."""
    problems = []
    for page in book(root):
        for cell in page.cells:
            loops = [node for node in ast.walk(_parsed(cell.code)) if isinstance(node, ast.For | ast.While)]
            inner = {node for loop in loops for part in loop.body for node in ast.walk(part)}
            if any(isinstance(x, ast.Call) and ast.unparse(x.func) == "least_seconds" for x in inner):
                problems.append(
                    f"{page.file}:{cell.line}: least_seconds in a loop measures at different moments;"
                    " give it all that is compared at once"
                )
    return problems


def shown_claims(root: Path) -> list[str]:
    """No cell that a reader sees records claims; that is done in cells with the tag `claims`."""
    problems = []
    for page in book(root):
        for cell in page.cells:
            if cell.of_claims:
                continue
            for node in ast.walk(_parsed(cell.code)):
                if (name := _recording_call(node)) is not None:
                    problems.append(
                        f"{page.file}:{cell.line}: {name}(...) is in a shown cell, not in one of claims"
                    )
                elif _imports_claims(node):
                    problems.append(
                        f"{page.file}:{cell.line}: a shown cell imports {CLAIMS_MODULE}; only claims cells need it"
                    )
    return problems


def _recording_call(node: ast.AST) -> str | None:
    """Return which of claim and note a node calls, if any; `history.note` is another."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RECORDING:
        return node.func.id
    return None


def _imports_claims(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return node.module == CLAIMS_MODULE or CLAIMS_MODULE in names
    return isinstance(node, ast.Import) and any(alias.name == CLAIMS_MODULE for alias in node.names)


def borrowed_names(root: Path) -> list[str]:
    """No shown cell has to do with a name that a claims cell binds: the page runs without its claims cells."""
    problems = []
    for page in book(root):
        shown = set[str]().union(*(_globals(cell.code) for cell in page.cells if not cell.of_claims))
        for cell in page.cells:
            bound = _bound(cell.code) & shown if cell.of_claims else set()
            problems += [
                f"{page.file}:{cell.line}: a claims cell binds {name!r}, which is a name of a shown cell"
                for name in sorted(bound - {"_"})
            ]
    return problems


def needed_workshops(root: Path) -> list[str]:
    """No cell outside of the workshops needs a name that a workshop alone binds or shows: they can be left out."""
    problems = []
    for page in book(root):
        shown = [
            (line, text.split(".")[2])
            for line, wanted, _ in page.listings
            for text in wanted
            if text.count(".") > 1
        ]
        in_spine = {name for line, name in shown if not _in_any(line, page.workshops)}
        spine, aside = set[str](), set[str]()
        for cell in page.cells:
            if cell.of_claims:
                continue  # what the reader does not see
            if _in_any(cell.line, page.workshops):
                aside |= _bound(cell.code)
                continue
            above = {
                name for line, name in shown if line < cell.line and _in_any(line, page.workshops)
            } - in_spine
            needed = (_globals(cell.code) - _bound(cell.code) - spine) & aside | _globals(cell.code) & above
            problems += [
                f"{page.file}:{cell.line}: needs {name!r}, which only a workshop has"
                for name in sorted(needed)
            ]
            spine |= _bound(cell.code)
    return problems


def needed_terms(root: Path) -> list[str]:
    """No text below a workshop, outside of them all, has a term that the workshop defines."""
    problems = []
    for page in book(root):
        for lines in page.workshops:
            inner = " ".join(line for number, line in page.prose if number in lines)
            terms = "|".join(sorted({re.escape(term) for term in re.findall(r"\*\*([^*`$]+)\*\*", inner)}))
            for number, line in page.prose if terms else ():
                below = number >= lines.stop and not _in_any(number, page.workshops)
                if below and (term := re.search(rf"\b({terms})s?\b", line)):
                    problems.append(
                        f"{page.file}:{number}: needs the term {term[1]!r}, which a workshop defines"
                    )
    return problems


def unlisted_terms(root: Path) -> list[str]:
    """What a page sets in bold is a term, and stands in the glossary with a link to where it is defined."""
    glossary = (root / "book" / "glossary.md").read_text(encoding="utf-8")
    heads = [line for line in glossary.splitlines() if line[:1].strip()]
    listed = {term for line in heads for term in line.lower().split(", ")}
    problems = [
        f"glossary.md: {entry.splitlines()[0]!r} has no link to the section that defines it"
        for entry in glossary.split("\n\n")
        if "\n  " in entry and not re.search(r"\[\]\(|\{(?:prf:)?ref\}|\{eq\}", entry)
    ]
    problems += [
        f"glossary.md: {head!r} stands there twice"
        for head, n in Counter(heads).items()
        if n > 1 and head[0].isalpha()
    ]
    for page in book(root):
        for number, line in page.prose:
            for term in re.findall(r"\*\*([^*]+)\*\*", re.sub(r"`[^`]*`", "", line)):
                if not {term.lower(), term.lower().removesuffix("s")} & listed:
                    problems.append(f"{page.file}:{number}: {term!r} is in bold and not in the glossary")
    return problems


def unnamed_errors(root: Path) -> list[str]:
    """Every number with a ± says of what it is: on its line, in the cell that prints it, or above its table."""
    problems = []
    for page in book(root):
        heads = {n: f"{table.title} {table.columns}" for table in page.tables for n in table.lines}
        for number, line in page.prose:
            if PLUS_MINUS.search(line) and not ERROR_OF.search(line + heads.get(number, "")):
                problems.append(f"{page.file}:{number}: a ± without (names), (seeds) or (both)")
        for cell in page.cells:
            if PLUS_MINUS.search(cell.code) and not ERROR_OF.search(cell.code):
                problems.append(f"{page.file}:{cell.line}: prints a ± without (names), (seeds) or (both)")
    return problems


def nameless_columns(root: Path) -> list[str]:
    """Every column of a table has a name in words: a screen reader says nothing of a formula in its place."""
    return [
        f"{page.file}:{table.lines.start}: a column of this table has no name"
        for page in book(root)
        for table in page.tables
        if any(re.fullmatch(r"(\$[^$]*\$)?", column.strip()) for column in table.columns)
    ]


def unknown_letters(root: Path) -> list[str]:
    """Every letter of a formula is in the table of notation.md, or begins a formula in the text: `$q$`, `$q = 1$`.

    And a raised dot multiplies: what stands for any character is a star.
    """
    table = (root / "book" / "notation.md").read_text(encoding="utf-8")
    listed = MATH.findall(" ".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    problems = []
    for page in book(root):
        prose = page.prose
        lines = Counter(number for number, _ in prose)
        prose = [(number, line) for number, line in prose if lines[number] == 1]  # tasks are in modules
        text = "\n".join(re.sub(r"(`+)[^`]*\1", "", line) for _, line in prose)
        formulas = [(prose[text.count("\n", 0, math.start())][0], math[0]) for math in MATH.finditer(text)]
        begins = [first[0] for _, math in formulas if (first := re.match(r"\$(\\[a-z]+|\w)", math))]
        known = set[str]().union(*map(_letters, listed + begins))
        for line, math in formulas:
            problems += [
                f"{page.file}:{line}: nobody says what {letter} is; begin a formula with it, or tell notation.md"
                for letter in sorted(_letters(math) - known)
            ]
            if re.search(r"[(,] *\\cdot|\\cdot *([),]|\\mid)|[A-Za-z]\\cdot\)", math):
                problems.append(f"{page.file}:{line}: a raised dot multiplies; a star is for any character")
    return problems


def _letters(formula: str) -> set[str]:
    """Return the letters of a formula, without its words and the names of functions."""
    bare = re.sub(r"\\(?:text\w*|math\w+|operatorname|begin|end)\{[^}]*\}", " ", formula)
    return {*re.findall(GREEK, bare), *re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", bare))}


def _in_any(line: int, sections: Sequence[range]) -> bool:
    return any(line in lines for lines in sections)


def _tables(code: str) -> Iterator[symtable.SymbolTable]:
    """Yield the scopes of a cell, its own first."""
    left = [symtable.symtable(ast.unparse(_parsed(code)), "cell", "exec")]
    while left:
        yield (table := left.pop(0))
        left += table.get_children()


def _globals(code: str) -> set[str]:
    """Return the names of the page that a cell reads or binds, in functions too."""
    own, *inner = _tables(code)
    return {name.get_name() for name in own.get_symbols()} | {
        name.get_name() for table in inner for name in table.get_symbols() if name.is_global()
    }


def _bound(code: str) -> set[str]:
    """Return the names of the page that a cell binds."""
    own, *inner = _tables(code)
    names = {name.get_name() for name in own.get_symbols() if name.is_assigned() or name.is_imported()}
    return names | {
        name.get_name()
        for table in inner
        for name in table.get_symbols()
        if name.is_declared_global() and name.is_assigned()
    }


def lost_fences(root: Path) -> list[str]:
    """A line that opens a directive has no backquote after the fence: Markdown would take it for text."""
    return [
        f"{page.file}:{number}: a backquote in the title of a directive, which then is none"
        for page in book(root)
        for number, line in enumerate(page.path.read_text(encoding="utf-8").splitlines(), 1)
        if re.match(r"\s*`{3,}\{[^`]*`", line)
    ]


def busy_claims(root: Path) -> list[str]:
    """A claims cell stands directly below a cell, and only reads: imports, values by a name, loops, and claims."""
    problems = []
    for page in book(root):
        lines = page.path.read_text(encoding="utf-8").splitlines()
        ends = {cell.end for cell in page.cells}
        for cell in page.cells:
            if not cell.of_claims:
                continue
            above = cell.line - 1
            while above and not lines[above - 1].strip():
                above -= 1
            if above not in ends:
                problems.append(
                    f"{page.file}:{cell.line}: a claims cell stands directly below the cell it reads"
                )
            problems += [
                f"{page.file}:{cell.line}: {ast.unparse(statement).splitlines()[0]!r} in a claims cell"
                for statement in _not_read_only(_parsed(cell.code).body)
            ]
    return problems


def _not_read_only(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        if isinstance(statement, (ast.For, ast.If)):
            yield from _not_read_only([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Assign):
            if not all(_is_name(target) for target in statement.targets):
                yield statement
        elif isinstance(statement, ast.Expr):
            if _recording_call(statement.value) is None:
                yield statement
        elif not isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement


def _is_name(target: ast.expr) -> bool:
    """Whether an assignment to it binds names, and changes no object."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_name(part) for part in target.elts)
    return isinstance(target, ast.Name)


def locale_texts(root: Path) -> list[str]:
    """Every text that is read, written or heard from a process names its encoding: the locale's may be ASCII."""
    return _in_code(root, ("src", "tests", "tools", "book/_ext"), _locale_texts)


def _locale_texts(code: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_parsed(code)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {key.arg: ast.unparse(key.value) for key in node.keywords}
            asked = _asks_for_text(called, node, given)
            if asked and "encoding" not in given:
                yield node.lineno, f'{called} without encoding="utf-8"'


def _asks_for_text(called: str, call: ast.Call, given: Mapping[str | None, str]) -> bool:
    """Whether a call reads, writes or hears text, and not bytes."""
    name = called.rpartition(".")[2]
    if name in ("run", "Popen", "check_output"):
        return "True" in (given.get("text"), given.get("universal_newlines"))
    if name != "open":
        return name in ("read_text", "write_text")
    place = 1 if called == "open" else 0
    modes = [ast.unparse(mode) for mode in call.args[place : place + 1]]
    mode = given.get("mode", modes[0] if modes else "'r'")
    return bool(re.fullmatch(r"'[rwax+t]+'", mode))  # other things are opened, too


# What reads or writes pickles, which can run any code when they are opened.
PICKLERS = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
PICKLING = {"read_pickle", "to_pickle", "load_state_dict_from_url"}


def pickles(root: Path) -> list[str]:
    """Nothing is kept in a pickle or read from one: not by its modules, nor by way of torch, numpy or pandas."""
    return _in_code(root, ("src", "tools", "book/_ext"), _pickles)


def _pickles(code: str) -> Iterator[tuple[int, str]]:
    tree = _parsed(code)
    torches = {"torch"}  # the names that torch goes by, and modules of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            torches |= {alias.asname or alias.name for alias in node.names if _top(alias.name) == "torch"}
        elif isinstance(node, ast.ImportFrom) and _top(node.module or "") == "torch" and not node.level:
            torches |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [_top(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = [_top(node.module or "")]
            if named == ["torch"]:
                named = [f"torch.{alias.name}" for alias in node.names if alias.name in ("load", "save")]
        elif isinstance(node, ast.Call):
            named = _called_pickler(node)
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            of_torch = owner in torches or owner.startswith("torch.")
            named = [f"torch.{node.attr}"] if of_torch and node.attr in ("load", "save") else [node.attr]
        else:
            continue
        for name in named:
            if name in PICKLERS | PICKLING | {"torch.load", "torch.save", "allow_pickle"}:
                yield (
                    node.lineno,
                    f"{name} reads or writes pickles; keep tensors in safetensors, and all else in JSON",
                )


def _called_pickler(call: ast.Call) -> list[str]:
    """Return what a call imports by a name in text, and whether it lets numpy open a pickle."""
    allowed = [
        key for key in call.keywords if key.arg == "allow_pickle" and ast.unparse(key.value) != "False"
    ]
    called = ast.unparse(call.func).rpartition(".")[2]
    imports = called in ("__import__", "import_module") and call.args
    named = [_top(str(call.args[0].value))] if imports and isinstance(call.args[0], ast.Constant) else []
    return [*named, *("allow_pickle" for _ in allowed)]


def _top(module: str) -> str:
    return module.partition(".")[0]


RULES = (
    pickles,
    unclaimed,
    untested,
    unplaced,
    long_modules,
    forward_imports,
    circles,
    not_shown_once,
    typed_numbers,
    bad_headers,
    bad_figures,
    nameless_draws,
    long_fragments,
    unmarked_timings,
    timed_apart,
    shown_claims,
    borrowed_names,
    needed_workshops,
    needed_terms,
    unlisted_terms,
    unnamed_errors,
    nameless_columns,
    unknown_letters,
    lost_fences,
    busy_claims,
    locale_texts,
)
