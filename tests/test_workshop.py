"""What a first reading can leave out: it is folded and marked, and the minutes are counted apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from rendered import built_by_sphinx

pytestmark = pytest.mark.support

CONF = 'extensions = ["myst_parser", "nnz_workshop"]'
PAGE = """# Networks

{spine}

## Deeper

```{{workshop}}
```

{folded}

### Still deeper

Some words.

## Further

See [](#deeper).
"""


def built(folder: Path, page: str, name: str = "network") -> tuple[str, str]:
    """Build a page of that text and one with all times; return the HTML of both."""
    out, _ = built_by_sphinx(folder, CONF, {name: page}, above="```{times}\n```")
    found = [(out / f"{page}.html").read_text(encoding="utf-8") for page in (name, "index")]
    return found[0], found[1]


def test_a_workshop_is_folded_and_marked_and_counted_apart(tmp_path: Path) -> None:
    page = PAGE.format(spine="word " * 800, folded="word " * 400)
    html, index = built(tmp_path, page)
    head, _, rest = html.partition('<details class="workshop">')
    inside, _, after = rest.partition("</details>")
    assert "About 2 minutes." in inside
    assert "Still deeper" in inside
    assert "Further" in after
    assert "Deeper" in head
    assert html.count(" · workshop") >= 1
    assert html.count("<details") == html.count("</details>") == 1
    assert "About 4 minutes to read, and 2 more for its workshops." in head
    cells = [line for line in index.splitlines() if "<td>" in line]
    assert "".join(cells).count("<p>4</p>") == 2  # of the chapter, and of all
    assert "".join(cells).count("<p>2</p>") == 2


def test_a_single_minute_is_one(tmp_path: Path) -> None:
    html, _ = built(tmp_path, PAGE.format(spine="word " * 800, folded="word"))
    assert "About 1 minute.</summary>" in html


def test_code_takes_longer_than_words_and_what_is_no_chapter_says_no_time(tmp_path: Path) -> None:
    code = "# One\n\n```python\n" + "x = 1\n" * 60 + "```\n"
    assert "About 3 minutes to read." in built(tmp_path, code)[0]
    assert "minutes to read" not in built(tmp_path, code, name="other")[0]


def test_a_workshop_that_stands_elsewhere_is_an_error(tmp_path: Path) -> None:
    from sphinx.errors import ExtensionError

    page = "# One\n\nWords.\n\n```{workshop}\n```\n"
    with pytest.raises(ExtensionError, match=r"network.md:5: workshop has to stand right below a heading"):
        built(tmp_path, page)


def test_the_minutes_of_some_chapters_are_added_up_and_a_name_that_is_none_is_warned_of(
    tmp_path: Path,
) -> None:
    page = "# One\n\n" + "word " * 800 + "\n\n## Deeper\n\n```{workshop}\n```\n\n" + "word " * 400
    texts = {"network": page, "bigram": "# Two\n\n" + "word " * 600}
    above = "All: {minutes}`network bigram` minutes, {minutes}`networks` none."
    out, warned = built_by_sphinx(tmp_path, CONF, texts, above)
    assert "All: 7 minutes, 0 none." in (out / "index.html").read_text(encoding="utf-8")
    assert "there is no chapter 'networks'" in warned
    assert warned.count("WARNING") == 1
