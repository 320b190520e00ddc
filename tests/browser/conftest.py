"""A real browser on the built book. A missing browser or book is a failure here, never a skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
WIDTHS = {"wide": (1440, 900), "phone": (360, 740)}


def find_browser() -> str:
    """Return the path of Chromium, or fail with what to do."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.fail(
        "the browser tests need Chromium: install it (Debian: apt install chromium), "
        "or name it in the environment variable CHROMIUM.",
        pytrace=False,
    )


def pages() -> list[str]:
    """Return every page of the built book, by its path below _build/html."""
    if not (BUILT / "index.html").is_file():
        pytest.exit(
            "there is no built book to look at: run `make book` first.",
            returncode=1,
        )
    return sorted(
        path.relative_to(BUILT).as_posix()
        for path in BUILT.rglob("*.html")
        if "_static" not in path.parts
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run"],
        )
        yield running
        running.close()


class Visit:
    """A page opened from the folder, as somebody without a network would, and all that it did wrong meanwhile."""

    def __init__(self, context: BrowserContext, name: str, scripted: bool) -> None:
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)
        context.route("http*://**", lambda route: route.abort())
        self.page.goto(
            (BUILT / name.partition("?")[0]).as_uri()
            + name[len(name.partition("?")[0]) :]
        )
        self.page.wait_for_load_state("load")
        if scripted and self.page.locator("span.math, div.math").count():
            self.page.wait_for_selector(
                "mjx-container", state="attached", timeout=30_000
            )
            self.page.wait_for_function(
                "MathJax.startup && MathJax.startup.promise.then(() => true)"
            )

    def _note(self, request: Request) -> None:
        url = request.url
        if not url.startswith(("file:", "data:", "blob:", "about:")):
            self.asked.append(url)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[object]:
    """Return a function that opens a page at a width and in a theme."""
    contexts: list[BrowserContext] = []

    def visit(
        name: str, width: str = "wide", theme: str = "light", **options: object
    ) -> Visit:
        w, h = WIDTHS[width]
        context = browser.new_context(
            viewport={"width": w, "height": h}, color_scheme=theme, **options
        )
        contexts.append(context)
        return Visit(
            context, name, options.get("java_script_enabled", True) is True
        )

    yield visit
    for context in contexts:
        context.close()
