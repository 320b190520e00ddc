"""The page `live`, in which a Python runs: what it is given, and what the page asks of it."""
