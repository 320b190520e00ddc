"""Collections beside those that are built in."""

OrderedDict = dict


def __getattr__(name):
    if name in ("deque", "defaultdict"):
        import _collections

        return getattr(_collections, name)
    raise AttributeError(f"module 'collections' has no attribute {name!r} in this page")


class Counter(dict):
    """How often each thing comes."""

    def __init__(self, things=()):
        super().__init__()
        self.update(things)

    def __missing__(self, key):
        return 0

    def update(self, things):
        """Count these things too."""
        for thing in things:
            self[thing] += 1

    def most_common(self, n=None):
        """Return things and counts, the most frequent first."""
        return sorted(self.items(), key=lambda pair: -pair[1])[:n]
