"""Progress for a person who waits; silence in a build, in a test, or where output goes to a file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm


def watched() -> bool:
    """Whether somebody is looking: at a terminal, or at a notebook that is not being executed for the book."""
    if os.environ.get("NNZ_BUILD"):
        return False
    return sys.stderr.isatty() or in_notebook()


def in_notebook() -> bool:
    """Whether this is a kernel of Jupyter."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class Bar:
    """A progress bar that counts steps and shows values beside it; it prints nothing unless somebody is looking.

    Args:
        done: how many steps were done before.
        total: how many there are to be.
        show: whether to show it; by default, if `watched`.
    """

    def __init__(self, done: int, total: int, show: bool | None = None) -> None:
        hidden = not (watched() if show is None else show)
        self._bar = tqdm(initial=done, total=total, disable=hidden, unit="step")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def advance(self, **values: float) -> None:
        """Count a step."""
        if not self._bar.disable:
            shown = {name: f"{value:.4g}" for name, value in values.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update()


class Interrupt:
    """Whether Ctrl-C was pressed; false until then."""

    def __init__(self) -> None:
        self.asked = False

    def __bool__(self) -> bool:
        return self.asked


@contextmanager
def interrupt_kept() -> Iterator[Interrupt]:
    """Note the first Ctrl-C, and raise KeyboardInterrupt when the block has ended; the second raises it at once.

    So what was begun is ended, and nothing is left half changed. Outside the main thread signals do not arrive,
    and nothing is done; nor where Ctrl-C is ignored, as under nohup, for whoever ignores it wants to go on.
    """
    kept = Interrupt()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield kept
        return

    def note(number: int, frame: FrameType | None) -> None:
        if kept.asked:
            raise KeyboardInterrupt
        kept.asked = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield kept
    finally:
        signal.signal(signal.SIGINT, before)
    if kept.asked:
        raise KeyboardInterrupt
