"""Kinds of collections."""

from _collections_abc import *  # noqa: F403
