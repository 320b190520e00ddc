"""`{playground}`: the models of the book, run in the page by scripts of our own; weights are loaded if asked for.

After the build the trained models of its store become scripts in `_static/play/` (`nnz.press.playground`); nothing
is trained for it. A model that the store has not is left out, and the page says so if there is none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from nnz.plumbing.paths import PACKAGE

SCRIPTS = ("nnz-play-models.js", "nnz-play-draw.js", "nnz-play.js")
STYLE = "nnz-play.css"
# All that the scripts fill. As long as none has run, only the first paragraph is seen.
CONTROLS = """<div class="nnz-play" id="nnz-play">
<p class="without">Here a script of the page shows the models at work. It has not run in this browser.</p>
<p class="trouble" role="alert" hidden></p>
<div class="with" hidden>
<h3 id="play-models">Models</h3>
<p>A model's numbers are loaded when you choose it. The one that you chose last writes.</p>
<ul class="models" aria-labelledby="play-models"></ul>
<p><button type="button" class="all"></button></p>
<h3 id="play-write">A name, letter by letter</h3>
<p class="field"><label for="play-text">Start of a name</label>
<input id="play-text" type="text" autocomplete="off" autocapitalize="none" spellcheck="false"
 aria-describedby="play-odd"></p>
<p id="play-odd" role="alert"></p>
<div class="buttons" role="group" aria-labelledby="play-write">
<button type="button" class="likeliest">Add the likeliest</button>
<button type="button" class="draw">Draw a letter</button>
<button type="button" class="finish">Draw to the end</button>
<button type="button" class="back">Go back</button>
<button type="button" class="clear">Clear</button>
</div>
<p class="say" role="status"></p>
<div class="settings" role="group" aria-label="How letters are drawn">
<p><label for="play-temperature">Temperature</label>
<input id="play-temperature" type="range" min="0.1" max="2" step="0.1" value="1"><output
 for="play-temperature">1</output></p>
<p><label for="play-top">Letters kept</label>
<input id="play-top" type="range" min="1" max="2" step="1" value="2"><output for="play-top"></output></p>
<p><label for="play-seed">Seed</label>
<input id="play-seed" type="number" min="0" max="4294967295" step="1" value="1">
<button type="button" class="next">Next seed</button></p>
</div>
<h3 id="play-bars">What comes next</h3>
<p class="after">No model is loaded yet.</p>
<ul class="bars" aria-labelledby="play-bars"></ul>
<h3 id="play-costs">How surprised each model is</h3>
<p class="cost-note">Type a name, and load a model or more.</p>
<div class="scroll" role="region" tabindex="0" aria-labelledby="play-costs" hidden><table class="costs">
<caption></caption><thead></thead><tbody></tbody></table></div>
<h3 id="play-names">Twenty names</h3>
<p><button type="button" class="twenty">Draw twenty names</button></p>
<p class="names-note"></p>
<ol class="names" aria-labelledby="play-names"></ol>
</div>
</div>
"""


ELSEWHERE = "The playground is on the page of this name in the book's site; it needs a browser."


class playground_place(nodes.General, nodes.Element):
    """Where the playground stands."""


class Playground(SphinxDirective):
    """`{playground}`: a page has one."""

    def run(self) -> list[nodes.Node]:
        self.env.metadata[self.env.docname]["nnz_play"] = True
        return [playground_place()]


def put_controls(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the controls into a page of the site; in any other form of the book say that they are there."""
    for place in list(doctree.findall(playground_place)):
        on_site = app.builder.name == "html"
        place.replace_self(
            nodes.raw("", CONTROLS, format="html") if on_site else nodes.paragraph("", ELSEWHERE)
        )


def bring_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    """Give the page of the playground its scripts and its style, and no other page."""
    if app.env.metadata.get(page, {}).get("nnz_play"):
        app.add_css_file(STYLE)
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")


def are_there(folder: Path) -> bool:
    """Whether the scripts were written after all that they are made of: models, executed pages, code."""
    if "NNZ_PAGES" not in os.environ:
        return False
    stored, pages = (Path(os.environ[name]) for name in ("NNZ_MODELS", "NNZ_PAGES"))
    sources = [*stored.rglob("*"), *pages.glob("*.ipynb"), *PACKAGE.rglob("*.py")]
    written = folder / "models.js"
    return written.exists() and written.stat().st_mtime > max(path.stat().st_mtime for path in sources)


def write_models(app: Sphinx, problem: Exception | None) -> None:
    """Write the scripts of the models that the store has, if some page has a playground."""
    used = any(facts.get("nnz_play") for facts in app.env.metadata.values())
    if problem or app.builder.name != "html" or not used:
        return
    folder = Path(app.outdir, "_static", "play")
    if are_there(folder):
        return
    from nnz.press import playground  # and torch with it

    about = playground.write(folder, playground.models(only_stored=True))
    if not about["models"]:
        logging.getLogger(__name__).info("The playground has no models: this build has trained none.")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("playground", Playground)
    app.connect("doctree-resolved", put_controls)
    app.connect("html-page-context", bring_scripts)
    # Before the claims are judged, which may end the build.
    app.connect("build-finished", write_models, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
