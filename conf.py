"""The settings of the book, for Sphinx. The order of its chapters is in _toc.yml alone.

They are here and nowhere else: `jupyter-book build .` reads them by way of `book/_ext/nnz_settings.py`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [path for path in (str(ROOT / "src"), str(ROOT / "book" / "_ext")) if path not in sys.path]

project = html_title = "Neural Networks from Zero"
author = "The Neural Networks from Zero authors"
copyright = "2026"
language = "en"

# Where the book is published, if it is (nnz.press.addresses); what needs an address is absent without it.
repository_url = ""
repository_branch = "main"
site_url = ""
# The branch to which the notebooks were pushed, for Colab and Binder (CONTRIBUTING says how).
notebooks_branch = ""

extensions = [
    "sphinx_togglebutton",
    "sphinx_copybutton",
    "myst_nb",
    "sphinx_external_toc",
    "sphinx_multitoc_numbering",
    "sphinx_design",
    "sphinx_book_theme",
    "sphinx_exercise",
    "sphinx_proof",
    "sphinxcontrib.bibtex",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    # The book's own, in book/_ext.
    "nnz_site",
    "nnz_listing",
    "nnz_api",
    "nnz_exercises",
    "nnz_claims",
    "nnz_licenses",
    "nnz_workshop",
    "nnz_questions",
    "nnz_borrow",
    "nnz_play",
    "nnz_live",
    "nnz_following",
    "nnz_take",
    "nnz_public",
    "nnz_strict",
]

# What is read

external_toc_path = "_toc.yml"
external_toc_exclude_missing = True  # only what stands in it
use_multitoc_numbering = True
exclude_patterns = [
    "_build",
    ".*",
    ".*/**",
    "**/site-packages/**",
    "**.ipynb_checkpoints",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data",
    "tests",
    "locale",
]
bibtex_bibfiles = ["book/references.bib"]
myst_enable_extensions = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "substitution",
    "tasklist",
]
myst_url_schemes = ["mailto", "http", "https"]

# Translations: locale/<language>/LC_MESSAGES/<page>.po
locale_dirs = ["locale"]
gettext_compact = False

# What is executed

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = -1  # a slow machine is waited for
nb_output_stderr = "error"  # a warning printed by a cell is a fault of the page
nb_merge_streams = True
nb_render_markdown_format = "myst"

# How it looks

html_theme = "sphinx_book_theme"
html_logo = html_favicon = "book/_static/mark.svg"
html_static_path = ["book/_static"]
html_css_files = ["nnz-icons.css", "nnz.css", "nnz-print.css"]
html_js_files = ["nnz-slider.js", "nnz-page.js"]
html_show_sourcelink = True
html_sourcelink_suffix = ""
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark as the reader's system says
html_theme_options = {
    "logo": {"text": html_title, "alt_text": ""},
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],
    "show_navbar_depth": 1,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "path_to_docs": "",
    "pygments_light_style": "a11y-light",
    "pygments_dark_style": "a11y-dark",
    "toc_title": "On this page",
    "show_prev_next": True,
    "search_as_you_type": False,
}
numfig = True
numfig_secnum_depth = 1
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"
exercise_style = "solution_follow_exercise"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

# Links to other hosts, which `make links` follows
linkcheck_timeout = 30
linkcheck_retries = 2
linkcheck_anchors = False  # which many a host makes by a script
linkcheck_ignore = [r"https?://localhost.*"]

# What is warned of

suppress_warnings: list[str] = []
# Names of other projects: their inventories are on other hosts, and the build asks none.
OTHERS = (
    "torch types contextlib nnz.recipe._Model float32 optuna random Tensor collections os pathlib Path np numpy "
    "Protocol Iterable Sequence Mapping matplotlib Figure ast Any"
)
nitpick_ignore_regex = [("py:.*", f"({'|'.join(OTHERS.split())}).*")]
