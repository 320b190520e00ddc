"""Text that is to be read in a page."""


def escape(text, quote=True):
    """Return the text with the signs that a page would take for its own replaced."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#x27;") if quote else text
