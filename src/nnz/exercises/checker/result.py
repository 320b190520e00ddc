"""What a check, a hint or a solution hands back: text that a notebook shows as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["not attempted", "error", "wrong", "right"]


class Text(str):
    """A string that a notebook and the prompt show as it reads, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, repr=False)
class Result:
    """What came of checking an answer; true only if the answer is right.

    Attributes:
        state: "not attempted", "error", "wrong" or "right".
        text: what there is to say about it, in one line or more.

    >>> result = Result("wrong", "wrong: A gradient on paper")
    >>> result
    wrong: A gradient on paper
    >>> bool(result)
    False
    """

    state: State
    text: str

    def __bool__(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        return self.text

    def assert_ok(self) -> Result:
        """Return this result if the answer is right, for use in a test.

        Raises:
            AssertionError: the answer is anything but right; the message is the text.
        """
        if not self:
            raise AssertionError(self.text)
        return self
