"""The type of weak references, which nobody here makes."""


class ref:
    """A weak reference."""
