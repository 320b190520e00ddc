"""A built site of four pages, as small as one can be that has everything which the volume treats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_notebook, new_output

from nnz.figures.positions import positions

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>'
PAGE = (
    "<html><body><nav>aside</nav><article class='none'></article>"
    '<article class="bd-article">\n<section id="{id}">\n{body}</section>\n</article>'
    "<footer>f</footer></body></html>"
)
CELL = (
    '<div class="cell docutils container"><div class="cell_input docutils container">'
    '<div class="highlight-ipython3 notranslate"><div class="highlight"><pre><span></span>{code}\n</pre>'
    "</div></div></div>"
    "{output}</div>\n"
)
OUTPUT = (
    '<div class="cell_output docutils container"><div class="output stream highlight-myst-ansi">'
    '<div class="highlight"><pre><span></span>2\n</pre></div></div></div>'
)
FIGURE = (
    '<div class="cell_output docutils container"><figure class="align-default" id="fig-one">'
    '<img alt="A line." src="../_images/line.svg" /><figcaption><p><span class="caption-number">Fig. 1.1 </span>'
    '<span class="caption-text">It rises.</span><a class="headerlink" href="#fig-one">#</a></p></figcaption>'
    "</figure></div>"
)
TABLES = [f"<table><tr><td>{c}</td></tr></table>" for c in "ABCDE"]
SLIDER = positions("step", list("abcde"), TABLES, list("vwxyz"))
ONE = f"""\
<h1><span class="section-number">1. </span>One<a class="headerlink" href="#one" title="Link">#</a></h1>
<p class="reading-time">About 3 minutes.</p>
<p>Text with <span class="math notranslate nohighlight">\\(a &lt; b\\)</span>, see
<a href="two.html#there">two</a>, the <a href="#first-part">part</a>, the
<a href="../_code/nnz/one.html#L-1">code</a>, <a href="take.html">files</a>,
<a href="two.html">all of two</a> and <a href="https://example.org/x">outside</a>.</p>
{CELL.format(code="start = 1", output="")}<p class="checked"><a href="ledger.html">checked</a></p>
<section id="first-part"><h2>First part<a class="headerlink" href="#first-part">#</a></h2>
{CELL.format(code="start + 1", output=OUTPUT)}
<div class="math notranslate nohighlight" id="equation-e">
<span class="eqno">(1.1)<a class="headerlink" href="#equation-e">#</a></span>\\[
x_1
\\]</div>
<div class="question"><p class="question-title">Question</p>
<p>Why?</p>
<details class="answer"><summary>Answer</summary>
<div><p>Because of <em>this</em>.</p></div></details>
</div>
<div class="question"><p class="question-title">Question</p>
<p>Write it.</p>
</div>
<details class="answer"><summary>Show</summary>
<div><p>So it is written.</p>
{CELL.format(code="needed = 3", output="")}{CELL.format(code="spare = 4", output="")}</div></details>
<details class="answer"><summary>The proof</summary><div><p>Proved.</p></div></details>
{CELL.format(code="print(needed)", output=FIGURE)}
<div class="output text_html">{SLIDER.html}</div>
</section>
<section class="workshop" id="deeper"><h2>Deeper</h2><details class="workshop">
<summary>Workshop: none needs it</summary>
<div class="literal-block-wrapper listing docutils container" id="listing-f"><div class="code-block-caption">
<span class="caption-number">Listing 1.1 </span><span class="caption-text"><code>f</code> in
<a href="../_code/nnz/one.html#L-3">nnz/one.py</a></span></div><div class="highlight-python notranslate">
<div class="highlight"><pre><span></span><span class="linenos">3</span>def f():
<span class="linenos">4</span>    return 1
</pre></div></div></div></details></section>
<section id="exercises"><h2>Exercises</h2>
<div class="exercise admonition" id="one-ex-f">
<p class="admonition-title"><span class="caption-number">Exercise 1.1 </span> (The task)</p>
<section id="exercise-content"><p>Write <code>f</code>. <code>ex.f.check(f)</code> checks it.</p></section></div>
<div class="solution dropdown admonition" id="book/one-solution-1">
<p class="admonition-title">Solution</p>
<section id="solution-content"><p>It is <code>1</code>.</p>
{CELL.format(code="hidden = 5", output="")}</section></div>
<div class="exercise admonition" id="one-ex-g"><p class="admonition-title">Exercise 1.2 (Another)</p>
<section id="exercise-content"><p>Think.</p></section></div>
</section>
"""
TWO = """\
<h1>2. Two</h1>
<section id="there"><h2>There</h2><p>Back to <a href="one.html#fig-one">the figure</a>.</p></section>
"""
SOURCES = ("start = 1", "start + 1", "needed = 3", "spare = 4", "print(needed)", "hidden = 5")
TOC = (
    "format: jb-book\nroot: book/index\nparts:\n  - caption: Beginnings\n    chapters:\n"
    "      - file: book/one\n      - file: book/two\n      - file: book/take\n"
)


def small_site(root: Path) -> Path:
    """Write the site below a folder and return the folder of its pages."""
    html = root / "_build" / "html"
    (html / "_images").mkdir(parents=True)
    (html / "book").mkdir()
    (html / "_images" / "line.svg").write_text(PICTURE, encoding="utf-8")
    (html / "index.html").write_text("<html></html>", encoding="utf-8")
    pages = {
        "index": ("welcome", "<h1>The book</h1><p>Begin.</p>"),
        "one": ("one", ONE),
        "two": ("two", TWO),
        "take": ("take", "<h1>Take</h1><!-- downloads --><p>old</p><!-- end of downloads --><p>after</p>"),
    }
    for name, (ident, body) in pages.items():
        text = PAGE.format(id=ident, body=body)
        (html / "book" / f"{name}.html").write_text(text, encoding="utf-8")
    (root / "_toc.yml").write_text(TOC, encoding="utf-8")
    return html


def executed() -> Any:
    """Return the page `one` as the notebook that was executed, with cells of claims, which are not on the page."""
    made = new_notebook(metadata={"language_info": {"name": "python"}})
    for n, source in enumerate(SOURCES):
        cell = new_code_cell(source, id=f"c{n}", execution_count=2 * n + 1)
        made.cells += [cell, new_code_cell("claim('x', 1)", id=f"d{n}", metadata={"tags": ["claims"]})]
    result = new_output("execute_result", {"text/plain": "2"}, execution_count=3)
    made.cells[2].outputs = [result]
    made.cells[8].outputs = [new_output("display_data", {"image/svg+xml": PICTURE})]
    return made
