"""A real browser on the built book. A missing browser or book is a failure here, never a skip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import ConsoleMessage, Error, Page, Playwright, Request, sync_playwright

from nnz.plumbing import machine

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
# Playwright itself turns off updates and what else runs in the background. No name of a host leads anywhere.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
WIDTHS = {"wide": (1440, 900), "phone": (360, 740)}
# Milliseconds. Every wait is for a condition: only what is broken takes so long, however slow the machine.
PATIENCE = 300_000
# Seconds. What a page is asked to compute has no such limit: after so long without an answer, Chromium is ended. A
# page takes a minute at most, and a machine that is so much slower would not come to the end of the gate.
SILENCE = 1200.0
# What a page has to do by itself before anybody looks at it. An animation without an end is not waited for. Nor is
# the promise that one has ended: it is never kept where what moves is folded away.
SETTLED = """async () => {
    const over = image => image.complete || image.loading === 'lazy'
        || new Promise(done => image.onload = image.onerror = done);
    await Promise.all([...document.images].map(over));
    await Promise.all([document.fonts.ready, globalThis.MathJax?.startup?.promise]);
    const runs = animation => animation.playState === 'running'
        && animation.effect?.getComputedTiming().endTime !== Infinity;
    for (let frame = 0; frame < 2 || document.getAnimations().some(runs); frame++)
        await new Promise(requestAnimationFrame);
}"""

# The theme lets the keyboard reach what scrolls 300 ms after the last change of width. A timer that is set later
# for as long ends later, however busy the machine is.
FOLLOWED = "() => new Promise(done => setTimeout(done, 300))"


def find_browser() -> str:
    """Return the path of Chromium, or fail with what to do."""
    program, found = machine.chromium()
    if not program:
        pytest.fail(f"Chromium: {found}; {machine.NO_BROWSER}", pytrace=False)
    return program


def is_a_page(path: Path) -> bool:
    """Whether a file is a page as the theme makes them; of those that only lead on, that at the root is."""
    if "_static" in path.parts or path == BUILT / "404.html":
        return False
    with path.open(encoding="utf-8") as file:
        return path == BUILT / "index.html" or 'http-equiv="refresh"' not in file.read(900)


def pages() -> list[str]:
    """Return every page of the built book, by its path below _build/html, the largest first."""
    if not (BUILT / "index.html").is_file():
        pytest.exit("there is no built book to look at: run `make book` first.", returncode=1)
    found = [path for path in BUILT.rglob("*.html") if is_a_page(path)]
    found.sort(key=lambda path: (-path.stat().st_size, path))
    return [path.relative_to(BUILT).as_posix() for path in found]


class Silent(Exception):
    """The browser did not answer, and was ended."""


class Tab:
    """One tab, in which a worker opens one page after another, and what the page in it did wrong.

    A new tab for each page would cost more than the page: all scripts would be compiled anew.
    """

    def __init__(self, playwright: Playwright) -> None:
        self.playwright = playwright
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.doing = ""
        self.start()

    def start(self) -> None:
        """Start Chromium without a window, and in it a tab."""
        chromium = self.playwright.chromium
        self.browser = chromium.launch(executable_path=find_browser(), args=FLAGS, timeout=PATIENCE)
        self.context = self.browser.new_context()
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script("localStorage.clear(); sessionStorage.clear()")
        self.page = self._new_page()

    def _new_page(self) -> Page:
        self.crashed = False
        page = self.context.new_page()
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)
        page.on("crash", lambda _: setattr(self, "crashed", True))
        return page

    def answers(self, visit: Callable[[], list[str]], seconds: float = SILENCE) -> list[str]:
        """Return what a visit found; raise Silent, with a new browser in place, if it came to no end."""
        silent = threading.Event()

        def end() -> None:
            silent.set()
            for driver in psutil.Process().children():
                for process in driver.children(recursive=True):
                    process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            found = visit()
        except Error:
            if not silent.is_set():
                raise
        finally:
            timer.cancel()
            timer.join()
        if silent.is_set():
            doing = self.doing
            self.start()
            raise Silent(f"no answer within {seconds:g} s, {doing}")
        return found

    def open(self, url: str, leads_to: str = "", width: str = "wide") -> Page:
        """Open a page, light and at some width, as somebody without a network would who was never here before.

        Some pages lead to another by themselves: wait until that one is there.
        """
        if self.crashed:
            self.page = self._new_page()
        self.page.goto(
            "about:blank"
        )  # so that what the page before has still to report is not taken for this one's
        w, h = WIDTHS[width]
        self.page.set_viewport_size({"width": w, "height": h})
        self.page.emulate_media(media="screen", color_scheme="light")
        self.asked.clear()
        self.errors.clear()
        self.doing = "opening the page"
        self.page.goto(url, wait_until="commit" if leads_to else "load")
        if leads_to:
            self.page.wait_for_url(leads_to)
        self.page.evaluate(SETTLED)
        return self.page

    def show(self, width: str, theme: str) -> None:
        """Give the window a width and the reader's system a theme, and wait until the page has followed.

        The page is at its top and the mouse in the corner, whatever was done with it before.
        """
        self.doing = f"showing it {width} and {theme}"
        w, h = WIDTHS[width]
        resized = self.page.viewport_size != {"width": w, "height": h}
        self.page.set_viewport_size({"width": w, "height": h})
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        self.page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        self.page.mouse.move(0, 0)
        self.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        self.page.evaluate(SETTLED)
        if resized:
            self.page.evaluate(FOLLOWED)

    def _note(self, request: Request) -> None:
        url = request.url
        if not url.startswith(("file:", "data:", "blob:", "about:")):
            self.asked.append(url)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture(scope="session")
def tab() -> Iterator[Tab]:
    """The one tab of this worker."""
    with sync_playwright() as playwright:
        one = Tab(playwright)
        yield one
        one.browser.close()
