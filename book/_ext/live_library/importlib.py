"""Importing a module by its name."""

import sys


def import_module(name):
    """Return the module of that name."""
    __import__(name)
    return sys.modules[name]
