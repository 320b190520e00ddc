"""What every page of the site keeps to: a policy that names each of its scripts, and nothing unneeded."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

import pytest
from sphinx.errors import ThemeError

from rendered import EXTENSIONS, built_by_sphinx

pytestmark = pytest.mark.support

CONF = f"""extensions = ['myst_parser', 'sphinx_togglebutton', 'sphinx_design', 'nnz_strict']
project = 'Small'
html_theme = 'sphinx_book_theme'
html_static_path = [{str(EXTENSIONS.parent / "_static")!r}]
html_css_files = ['nnz-icons.css']
html_context = {{'default_mode': 'auto'}}
html_theme_options = {{'use_fullscreen_button': False}}
"""
PAGES = {
    "one": (
        "# One\n\n```{note}\nA note.\n```\n\n```python\nf(x)  # why\n```\n\n"
        "```{admonition} Folded\n:class: dropdown\nText.\n```\n"
    ),
    "two": "---\ncontent_security_policy: \"script-src 'unsafe-eval'; worker-src blob:\"\n---\n\n# Two\n",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_by_sphinx(tmp_path_factory.mktemp("strict"), CONF, PAGES)[0]


def read(out: Path, name: str) -> str:
    return (out / f"{name}.html").read_text(encoding="utf-8")


def policy(page: str) -> dict[str, list[str]]:
    """Return the sources of each directive of a page's policy."""
    (content,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    return {name: rest for name, *rest in (part.split() for part in unescape(content).split(";"))}


@pytest.mark.parametrize("name", ["index", "one", "two", "search", "genindex"])
def test_each_script_of_a_page_is_a_file_or_named_by_its_hash(out: Path, name: str) -> None:
    page = read(out, name)
    allowed = policy(page)
    assert allowed["default-src"] == ["'none'"]
    scripts = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    assert scripts
    for script in scripts:
        made = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{made}'" in allowed["script-src"]
    assert "'unsafe-inline'" not in allowed["script-src"]
    assert not re.search(r"<[a-z]+\b[^>]*\son[a-z]+=", page), "an attribute holds a script"
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_a_page_is_allowed_more_if_it_asks_and_no_other_page_is(out: Path) -> None:
    assert "'unsafe-eval'" in policy(read(out, "two"))["script-src"]
    assert policy(read(out, "two"))["worker-src"] == ["blob:"]
    assert "'unsafe-eval'" not in policy(read(out, "one"))["script-src"]


def test_what_is_no_directive_is_refused(tmp_path: Path) -> None:
    page = PAGES["two"].replace("worker-src blob:", "everything")
    with pytest.raises(ThemeError, match="'everything' is no directive; write such as: script-src"):
        built_by_sphinx(tmp_path, CONF, {"two": page})


def test_a_page_has_its_colors_before_a_script_has_run(out: Path) -> None:
    assert re.search(r'<html [^>]*data-theme="light"', read(out, "one"))
    assert 'matches ? "dark" : "light"' in read(out, "one")


def test_what_weighs_much_and_is_not_needed_is_gone(out: Path) -> None:
    page = read(out, "one")
    assert not [word for word in ("fontawesome", "searchindex", "searchtools") if word in page]
    assert "searchindex.js" in read(out, "search")
    static = [path.relative_to(out).as_posix() for path in (out / "_static").rglob("*") if path.is_file()]
    assert not [name for name in static if re.search(r"fontawesome|\.map$|locales|thebe", name)]
    style = (out / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert "Font Awesome Free" not in style
    assert "--pst-header-height" in style


def test_the_policy_does_not_depend_on_the_name_of_a_page(out: Path) -> None:
    """So a page that is made from another, with another name and title, keeps to it."""
    pages = [read(out, name) for name in ("index", "one")]
    assert len({policy(page)["script-src"][-1] for page in pages}) == 1
    assert policy(pages[0]) == policy(pages[1])
    assert "<!-- pagename = 'one' -->" in pages[1]


def test_a_translation_evaluates_no_text(tmp_path: Path) -> None:
    page = read(built_by_sphinx(tmp_path, f"{CONF}language = 'de'\n", PAGES)[0], "search")
    assert '<html lang="de"' in page
    assert "translations.js" not in page


def test_code_has_no_marks_for_what_has_no_color_of_its_own(out: Path) -> None:
    page = read(out, "one")
    assert "f(x)  # why" in re.sub("<[^>]*>", "", page)
    assert '<span class="c1"># why</span>' in page
    assert not re.search(r'<span class="(n|p|w)">', page)


def test_each_icon_that_a_page_shows_is_drawn(out: Path) -> None:
    drawn = (out / "_static" / "nnz-icons.css").read_text(encoding="utf-8")
    shown = set(re.findall(r"\bfa-[a-z-]+", "".join(read(out, name) for name in ("one", "search"))))
    assert {"fa-bars", "fa-magnifying-glass", "fa-moon"} <= shown
    shown -= {"fa-solid", "fa-regular", "fa-brands", "fa-lg"}  # which say how, and not what
    assert not [icon for icon in shown if f".{icon} " not in drawn and f".{icon}," not in drawn]
