"""Questions to the reader, and answers that are folded, with cells or without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rendered import built_page

pytestmark = pytest.mark.support

CONF = 'extensions = ["myst_parser", "nnz_questions"]'
PAGE = """# Networks

````{question}
What is *two* times two?

```{answer}
Four.
```
````

Find the slope.

```{answer-start}
```
It is 3.

    x = 3
```{answer-end}
```

Further on.

```{answer-start} The way <there>
```
By foot.
```{answer-end}
```
"""


def test_answers_are_folded_and_what_is_asked_is_not(tmp_path: Path) -> None:
    html, warned = built_page(tmp_path, CONF, PAGE)
    assert not warned
    folds = re.findall(r'<details class="answer"><summary>(.*?)</summary>(.*?)</details>', html, re.DOTALL)
    assert [said for said, _ in folds] == ["Answer", "Show", "The way &lt;there&gt;"]
    assert [re.sub(r"<[^>]*>|\s+", "", inside) for _, inside in folds] == ["Four.", "Itis3.x=3", "Byfoot."]
    outside = re.sub(r"<details.*?</details>", "", html, flags=re.DOTALL)
    for text in ("Question", "<em>two</em> times two?", "Find the slope.", "Further on."):
        assert text in outside
    assert outside.index("times two?") < outside.index("Find the slope.") < outside.index("Further on.")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# One\n\nText.\n\n```{answer-start}\n```\n\nMore.\n", r"network.md:5: answer-start has no"),
        ("# One\n\nText.\n\n```{answer-end}\n```\n\nMore.\n", r"network.md:5: answer-end; each"),
        (
            "# One\n\n```{answer-start}\n```\n\n## Two\n\n```{answer-end}\n```\n",
            r"network.md:3: answer-start has",
        ),
        (
            "# One\n\n```{answer-start}\n```\na\n```{answer-start}\n```\n",
            r"network.md:3: answer-start has no",
        ),
    ],
)
def test_a_fold_without_its_end_is_an_error(page: str, said: str, tmp_path: Path) -> None:
    from sphinx.errors import ExtensionError

    with pytest.raises(ExtensionError, match=said):
        built_page(tmp_path, CONF, page)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# One\n\n```{answer}\n```\n", "an answer with cells stands between"),
        ("# One\n\n````{question}\n```{answer}\nFour.\n```\n````\n", "write what is asked"),
    ],
)
def test_an_empty_question_or_answer_is_warned_of(page: str, said: str, tmp_path: Path) -> None:
    assert said in built_page(tmp_path, CONF, page)[1]
