"""Words that are alike, which nobody looks for in this page."""


def get_close_matches(word, words, n=3, cutoff=0.6):
    """Return none."""
    return []
