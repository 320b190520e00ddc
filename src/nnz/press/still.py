"""What moves on the site, as it stands on paper: a few positions of each picture that has a slider."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import Tag

from nnz.plumbing.graphs import STYLE

SHOWN = 3  # positions of a picture: the first, the last, and what lies between
# What HTML writes in small letters when it is read, and SVG has in capitals.
CAPITALS = ("viewBox", "preserveAspectRatio", "markerWidth", "markerHeight", "refX", "refY", "textLength")


def still(body: Tag) -> None:
    """Replace sliders by some of their positions, and mend pictures that are written into the page."""
    for picture in body.select("div.nnz-slide, div.nnz-graph"):
        if picture.fieldset is not None:
            picture.replace_with(frames(picture))
    for svg in body.find_all("svg"):
        for name in CAPITALS:
            if name.lower() in svg.attrs:
                svg[name] = svg.attrs.pop(name.lower())
    for box in body.select("[tabindex], [aria-live]"):
        for name in ("tabindex", "aria-live"):
            box.attrs.pop(name, None)


def classify(tag: Tag, *more: str) -> None:
    """Give an element more classes."""
    tag["class"] = " ".join([*(str(kind) for kind in tag.get_attribute_list("class") if kind), *more])


def chosen(n: int) -> list[int]:
    """Return which of n positions are shown.

    >>> chosen(2), chosen(7)
    ([0, 1], [0, 3, 6])
    """
    return sorted({round(k * (n - 1) / (SHOWN - 1)) for k in range(SHOWN)}) if n > SHOWN else list(range(n))


def frames(picture: Tag) -> Tag:
    """Return a picture with a slider as some of its positions, each under the name of what is chosen."""
    legend, labels = picture.legend, picture.find_all("label")
    assert legend is not None
    what, names = legend.get_text(strip=True), [label.get_text(strip=True) for label in labels]
    out = BeautifulSoup('<div class="frames"></div>', "html.parser").div
    assert out is not None
    for n in chosen(len(names)):
        out.append(frame(picture, n, f"{what} {names[n]}"))
    if len(names) > len(chosen(len(names))):
        note = BeautifulSoup("<p class='frames-note'></p>", "html.parser").p
        assert note is not None
        note.string = f"On the site a slider shows all {len(names)} positions."
        out.append(note)
    return out


def frame(picture: Tag, n: int, name: str) -> Tag:
    """Return one position of a picture."""
    one = copy.copy(picture)
    for tag in one.select("fieldset, style"):
        tag.decompose()
    for tag in one.select(".at"):
        if f"at-{n}" in tag["class"]:
            kinds = [kind for kind in tag.get_attribute_list("class") if kind and not kind.startswith("at")]
            tag["class"] = " ".join(kinds)
        else:
            tag.decompose()
    for tag in one.select(f".lit-{n}"):
        classify(tag, "lit")
    classify(one, "frame")
    label = BeautifulSoup('<p class="frame-name"></p>', "html.parser").p
    assert label is not None
    label.string = name
    one.insert(0, label)
    return one


def graph_style() -> str:
    """Return the style of drawn graphs on light paper, without variables, which not all devices know."""
    values: dict[str, str] = dict(re.findall(r"(--nnz-\w+): (#\w+);", STYLE.partition("html[")[0]))
    rules = re.sub(r"var\((--nnz-\w+)\)", lambda match: values[str(match[1])], STYLE)
    kept = "\n".join(rule for rule in _rules(rules))
    return kept + "\n.nnz-graph .lit { stroke: " + values["--nnz-lit"] + "; stroke-width: 2.6; }\n"


def _rules(style: str) -> Iterator[str]:
    for rule in re.findall(r"[^{}]+\{[^}]*\}", style):
        head, _, body = rule.strip().partition("{")
        if not re.search(r"html\[|fieldset|legend|label|\.at\b|\.say|overflow", rule):
            yield f"{head.strip()} {{{re.sub(r'--nnz-[a-z]+: [^;]+;', '', body)}".replace("\n", " ")
