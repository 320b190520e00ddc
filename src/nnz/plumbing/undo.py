"""What a call that is refused half-way has changed, put back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_Notes = list[tuple[Callable[[Tensor], object], Tensor]]


class _Open(threading.local):
    """The notes of the innermost block that is open in a thread."""

    notes: _Notes | None = None


_open = _Open()


class unmoved:
    """Put everything that was noted in a block back as it was, if the block ends in an exception.

    Whoever is about to change what outlasts a call, such as a running average, says so by `note`; outside of
    such a block that costs nothing. Blocks may stand in one another.

    Args:
        generators: those of torch that are noted at the beginning.
    """

    def __init__(self, *generators: torch.Generator) -> None:
        self.generators = generators

    def __enter__(self) -> None:
        self.outer, self.notes = _open.notes, _Notes()
        _open.notes = self.notes
        if self.generators:
            note(*self.generators)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _open.notes = self.outer
        if kind is not None and issubclass(kind, Exception):
            with torch.no_grad():
                for put_back, state in reversed(self.notes):
                    put_back(state)
        elif self.outer is not None:
            self.outer += self.notes


def note(*things: Any) -> None:
    """Keep tensors and generators as they are now, for the block that is open, if there is one."""
    if _open.notes is None:
        return
    for thing in things:
        if isinstance(thing, torch.Generator):
            _open.notes.append((thing.set_state, thing.get_state()))
        else:
            _open.notes.append((thing.copy_, thing.detach().clone()))
