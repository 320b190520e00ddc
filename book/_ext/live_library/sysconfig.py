"""Where the library stands: beside all else that is in the page."""


def get_path(name):
    """Return the folder."""
    return "/page/"
