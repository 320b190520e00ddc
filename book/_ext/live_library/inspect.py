"""What a function takes, what it says of itself, and its source."""

import linecache
import sys

_STAR, _STARS = 4, 8  # in the flags of a function's code


class Parameter:
    """One of the things that a function takes."""

    empty = object()

    def __init__(self, name, default=empty, stars="", by_name=False):
        self.name, self.default, self.stars, self.by_name = name, default, stars, by_name

    def __str__(self):
        default = "" if self.default is Parameter.empty else f"={self.default!r}"
        return self.stars + self.name + default


class Signature:
    """All that a function takes."""

    def __init__(self, parameters):
        self.parameters = {one.name: one for one in parameters}

    def __str__(self):
        shown, starred = [], False
        for one in self.parameters.values():
            if one.by_name and not starred:
                shown.append("*")
            starred = starred or one.by_name or one.stars == "*"
            shown.append(str(one))
        return f"({', '.join(shown)})"

    def bind(self, *args):
        """Raise a TypeError unless the function can be called with these."""
        places = [one for one in self.parameters.values() if not one.stars and not one.by_name]
        if len(args) > len(places) and not any(one.stars == "*" for one in self.parameters.values()):
            raise TypeError("too many positional arguments")
        for one in [*places[len(args) :], *(one for one in self.parameters.values() if one.by_name)]:
            if one.default is Parameter.empty:
                raise TypeError(f"missing a required argument: {one.name!r}")


def signature(function):
    """Return what a function takes; of what is not written in Python it cannot be told."""
    code = getattr(function, "__code__", None)
    if code is None:
        raise ValueError(f"no signature found for {function!r}")
    n, more = code.co_argcount, code.co_kwonlyargcount
    names, defaults = code.co_varnames, function.__defaults__ or ()
    missing = [Parameter.empty] * (n - len(defaults))
    found = [Parameter(*pair) for pair in zip(names[:n], [*missing, *defaults], strict=True)]
    rest = list(names[n + more :])
    if code.co_flags & _STAR:
        found.append(Parameter(rest.pop(0), stars="*"))
    by_name = function.__kwdefaults__ or {}
    for name in names[n : n + more]:
        found.append(Parameter(name, by_name.get(name, Parameter.empty), by_name=True))
    if code.co_flags & _STARS:
        found.append(Parameter(rest.pop(0), stars="**"))
    return Signature(found)


def cleandoc(text):
    """Return the text of a docstring without the indentation that it has in its file."""
    lines = text.expandtabs().splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    lines = [lines[0].lstrip(), *(line[margin:] for line in lines[1:])]
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


def getdoc(thing):
    """Return the docstring of a thing, if it has one."""
    return cleandoc(thing.__doc__) if thing.__doc__ else None


def getsourcefile(thing):
    """Return the path of the file that a function or class is written in."""
    if hasattr(thing, "__code__"):
        return linecache.path_of(thing.__code__.co_filename)
    return linecache.path_of(sys.modules[thing.__module__].__file__)


def getsource(function):
    """Return the source of a function: its first line, and all that is indented below it."""
    lines = linecache.getlines(getsourcefile(function))
    start = function.__code__.co_firstlineno - 1
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " )"):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return "".join(lines[start:end])
