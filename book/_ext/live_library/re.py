"""Regular expressions: Brython's own machine, without the enumeration of flags that `re` makes elsewhere."""


class RegexFlag(int):
    """A flag."""


for _names, _number in (
    ("NOFLAG", 0),
    ("I IGNORECASE", 2),
    ("L LOCALE", 4),
    ("M MULTILINE", 8),
    ("S DOTALL", 16),
    ("U UNICODE", 32),
    ("X VERBOSE", 64),
    ("A ASCII", 256),
):
    for _name in _names.split():
        globals()[_name] = RegexFlag(_number)
        setattr(RegexFlag, _name, globals()[_name])


class PatternError(Exception):
    """A pattern that is none."""

    def __init__(self, msg, pattern=None, pos=None):
        super().__init__(msg if pos is None else f"{msg} at position {pos}")


error = PatternError

# The module itself, whole, and last: what stands above is to be there when it is imported.
from python_re import *  # noqa: E402, F403
