"""A picture with a slider: all its positions are computed when the page is, and no kernel is asked again.

Without a script there are buttons; on the book's site a slider stands in their place.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from nnz.figures.style import SETTINGS

MOST = 16  # positions for which the style has rules

STYLE = """
.nnz-slide fieldset { border: 0; margin: 0 0 0.6rem; padding: 0; display: flex; flex-wrap: wrap;
  align-items: center; gap: 0.3rem 0.1rem;
  font: 14px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.nnz-slide legend { float: left; padding: 0 0.6rem 0 0; font-size: 1em; width: auto; margin: 0; }
.nnz-slide label { padding: 0 0.5rem 0 0.15rem; cursor: pointer; }
.nnz-slide .at { display: none; }
.nnz-slide .say { text-align: left; margin: 0.6rem 0 0; min-height: 3.2em; line-height: 1.5; }
.nnz-slide img { max-width: 100%; height: auto; }
""" + "".join(f".nnz-slide:has(.step-{i}:checked) .at-{i} {{ display: block; }}\n" for i in range(MOST))

_serial = itertools.count(1)


@dataclass(frozen=True)
class Positions:
    """A picture with positions to choose from, which notebooks show.

    Attributes:
        html: the pictures, what is said of them, and the buttons.
        text: what is said, for those who cannot see it.
    """

    html: str = field(repr=False)
    text: str

    def _repr_html_(self) -> str:
        return self.html


def positions(
    what: str,
    choices: Sequence[str],
    pictures: Sequence[Figure | str],
    says: Sequence[str],
    start: int = 0,
) -> Positions:
    """Return pictures of which one is shown, and the means to choose which.

    Args:
        what: the name of what is chosen, such as "nudge h".
        choices: the name of each position; at most 16.
        pictures: a figure for each, or HTML.
        says: what is to be seen in each; it is the picture's text for those who cannot see it.
        start: the position that is shown at first.

    Raises:
        ValueError: there is not one picture and one sentence for each choice, fewer than two choices or too many,
            or none at `start`.
    """
    n = len(choices)
    if not (2 <= n <= MOST and n == len(pictures) == len(says) and 0 <= start < n):
        raise ValueError(
            f"each of 2 to {MOST} positions has a picture and a sentence, and one is the first to be shown; got "
            f"{n} choices, {len(pictures)} pictures, {len(says)} sentences and start {start}."
        )
    name = f"nnz-slide-{next(_serial)}"
    buttons = "".join(
        f'<span><input type="radio" name="{name}" id="{name}-{i}" class="step-{i}"{" checked" * (i == start)}>'
        f'<label for="{name}-{i}">{escape(choice)}</label></span>'
        for i, choice in enumerate(choices)
    )
    shown = "".join(
        f'<div class="at at-{i}">{_html(picture, say)}</div>'
        for i, (picture, say) in enumerate(zip(pictures, says, strict=True))
    )
    said = "".join(f'<span class="at at-{i}">{escape(say)}</span>' for i, say in enumerate(says))
    html = (
        f'<div class="nnz-slide"><style>{STYLE}</style>'
        f"<fieldset><legend>{escape(what)}</legend>{buttons}</fieldset>"
        f'{shown}<p class="say" aria-live="polite">{said}</p></div>'
    )
    text = " ".join(f"{what} {choice}: {say}" for choice, say in zip(choices, says, strict=True))
    return Positions(html, text)


def _html(picture: Figure | str, say: str) -> str:
    """Return a picture as HTML; a figure as an image, which the site can make light in the dark."""
    if isinstance(picture, str):
        return picture
    file = io.StringIO()
    # Text stays text, which takes a quarter of the room: there are many pictures.
    with mpl.rc_context(SETTINGS | {"svg.fonttype": "none"}):
        picture.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    data = base64.b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(say)}">'
