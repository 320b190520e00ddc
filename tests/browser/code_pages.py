"""The pages of code, which are all the same but for their title and their code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from browser.conftest import BUILT

TITLE = re.compile(r"<h1>(<code>[^<]*</code>)</h1>")
CODE = re.compile(r'<pre tabindex="0">(.*?)</pre>', re.DOTALL)


def by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """Return pages by the folder that they are in."""
    folders: dict[str, list[str]] = {}
    for name in sorted(names):
        folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    return folders


def code_of(name: str) -> tuple[str, str]:
    """Return the title of a page of code and its code, as they stand in the file."""
    text = (BUILT / name).read_text(encoding="utf-8")
    (title,), (code,) = TITLE.findall(text), CODE.findall(text)
    return title, code


def shell_of(name: str) -> str:
    """Return what is left of a page of code without its title and its code."""
    text = (BUILT / name).read_text(encoding="utf-8")
    text = CODE.sub("", TITLE.sub("", text, count=1), count=1)
    text = re.sub(r"sha256-[\w+/=]+", "", text)  # in a policy, of the script with the name
    path = name.removeprefix("_code/").removesuffix(".html")
    source = path if path.startswith("tests/") else f"src/{path}"
    for own in (f"_code/{path}", f"<title>{source}.py "):
        assert own in text, f"{name} has no {own}"
        text = text.replace(own, "")
    return text
