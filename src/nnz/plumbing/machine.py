"""What there is on this machine: a processor, its cores, a browser; the standard library alone."""

from __future__ import annotations

import os
import platform
import re
import shutil
import threading
import time
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_BROWSER = "install it (Debian: apt install chromium), or name it in CHROMIUM"


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
            return found[1]
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def chromium() -> tuple[str | None, str]:
    """Return the path of Chromium, that which CHROMIUM names or the first there is, or None; and that in words."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    return found, found or (f"CHROMIUM={named} is no program" if named else "not found")


def end_with_parent() -> None:
    """End this process when the one that started it has ended, so that none goes on unseen."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
