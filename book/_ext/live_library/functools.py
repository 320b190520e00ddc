"""Functions that make functions."""


class cached_property:
    """A property that is computed once."""

    def __init__(self, function):
        self.function, self.name = function, function.__name__

    def __get__(self, thing, kind=None):
        if thing is None:
            return self
        if self.name not in thing.__dict__:
            thing.__dict__[self.name] = self.function(thing)
        return thing.__dict__[self.name]


def reduce(function, things, *start):
    """Return what comes of the function, used on what has come so far and the next thing."""
    things = iter(things)
    so_far = start[0] if start else next(things)
    for thing in things:
        so_far = function(so_far, thing)
    return so_far


def partial(function, *args, **named):
    """Return the function with some of its arguments given."""
    return lambda *more, **others: function(*args, *more, **{**named, **others})


def wraps(wrapped):
    """Return what gives a function the name and the docstring of another."""

    def named(function):
        function.__name__, function.__doc__ = wrapped.__name__, wrapped.__doc__
        return function

    return named


def cache(function):
    """Return the function with a memory of what it returned."""
    known = {}

    def remembering(*args):
        if args not in known:
            known[args] = function(*args)
        return known[args]

    return wraps(function)(remembering)


def lru_cache(size=None):
    """Return the same as `cache`; nothing is ever forgotten."""
    return cache(size) if callable(size) else cache
