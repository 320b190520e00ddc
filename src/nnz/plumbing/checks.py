"""What a call was given, in words, and checks that several modules need; the standard library alone."""

from __future__ import annotations

from numbers import Integral
from reprlib import repr as shorten

__all__ = ["check_count", "check_sizes", "check_source", "given", "shorten"]


def given(thing: object) -> str:
    """Return what a thing is and of what kind, in a few words.

    >>> given(3)
    '3 (int)'
    """
    return f"{shorten(thing)} ({type(thing).__name__})"


def check_count(n: object, least: int, rule: str) -> None:
    """Raise a clear error unless `n` is a whole number of at least `least`; `rule` says so and why.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is one, and too small.
    """
    if not isinstance(n, Integral) or isinstance(n, bool):
        raise TypeError(f"{rule}; got {given(n)}.")
    if n < least:
        raise ValueError(f"{rule}; got {n}.")


def check_sizes(*, least: int = 1, **sizes: object) -> None:
    """Raise a ValueError that names the first size that is not a whole number of at least `least`.

    >>> check_sizes(n_embd=10, block_size=0)
    Traceback (most recent call last):
        ...
    ValueError: block_size is 0; it must be a whole number of at least 1.
    """
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < least:
            raise ValueError(f"{name} is {size!r}; it must be a whole number of at least {least}.")


def check_source(generator: object, *methods: str) -> None:
    """Raise a TypeError unless a source of random numbers has the methods that are asked of it."""
    if isinstance(generator, type) or not all(hasattr(generator, method) for method in methods):
        raise TypeError(
            f"generator is a source of random numbers, such as random.Random(1); got {given(generator)}."
        )
