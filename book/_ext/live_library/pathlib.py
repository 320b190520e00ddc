"""Paths of files that are in the page."""

from linecache import path_of


class Path:
    """A path, which is only looked at."""

    def __init__(self, path):
        self._text = path_of(str(path))

    def __str__(self):
        return self._text

    def resolve(self):
        """Return the path, which is a whole one."""
        return self

    @property
    def name(self):
        """The name of the file."""
        return self._text.rpartition("/")[2]

    @property
    def parents(self):
        """The folders that it stands in, the nearest first."""
        parts = self._text.split("/")
        return [Path("/".join(parts[:end]) or "/") for end in range(len(parts) - 1, 0, -1)]
