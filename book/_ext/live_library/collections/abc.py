"""Kinds of collections."""

# As Python's own file does: all that is there under the name by which it is imported.
from _collections_abc import *  # noqa: F403
