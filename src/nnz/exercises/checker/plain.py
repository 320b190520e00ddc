"""Markdown as it is written for a page, in plain text for a terminal."""

from __future__ import annotations

import re
import textwrap

_WIDTH = 78
_TEX = (
    (r"\\(?:text|mathrm|operatorname)\{([^}]*)\}", r"\1"),
    (r"\\frac\{([^}]*)\}\{([^}]*)\}", r"\1/\2"),
    (r"\\sqrt\{([^}]*)\}", r"sqrt(\1)"),
    (r"\\bar\{([^}]*)\}", r"\1bar"),
    (r"\^\{(\w|[\d.-]+)\}", r"^\1"),
    (r"\^\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", r"^(\1)"),
    (r"\\(?:odot|cdot) ?", "* "),
    (r"\\d?dots", "..."),
    (r"\\times", "x"),
    (r"\\pm ?", "+-"),
    (r"\\top", "T"),
    (r"\\varepsilon", "eps"),
    (r"\\ell", "l"),
    (r"\\,", " "),
    (r"\\([a-z]+)", r"\1"),
    (r"\{,\}", ","),
    (r"[{}&\\]", ""),
)
_MARKDOWN = (
    (r"\s*\{(?:cite|eq)\}`[^`]*`", ""),
    (r"\s*\(\[\]\([\w-]+\)\)", ""),
    (r"\[\]\((\w+)\.md\)", r"the chapter \1"),
    (r"\{given\}`", "`"),
    (r"`([^`]*)`", lambda code: code[1] if re.search(r"\w", code[1]) else repr(code[1])),
    (r"\$([^$]*)\$", lambda formula: _formula(formula[1])),
    (r"(?<!\w)(\*\*?)(?=\S)([^*]*)(?<=\S)\1(?!\w)", r"\2"),
)


def _formula(tex: str) -> str:
    for pattern, instead in _TEX:
        tex = re.sub(pattern, instead, tex)
    return " ".join(tex.split())


def plain(markdown: str) -> str:
    r"""Return the text without marks, each paragraph filled, each line of a formula on one of its own.

    >>> print(plain("Write `f(x)`, the *root* $\\sqrt{x}$ {cite}`heron60`."))
    Write f(x), the root sqrt(x).
    """
    shown = []
    for paragraph in markdown.split("\n\n"):
        if paragraph.startswith("$$"):
            shown.append("\n".join("    " + _formula(line) for line in paragraph.splitlines()[1:-1]))
            continue
        for pattern, instead in _MARKDOWN:
            paragraph = re.sub(pattern, instead, paragraph)
        shown.append(textwrap.fill(paragraph, _WIDTH))
    return "\n\n".join(shown)
