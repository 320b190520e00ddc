"""The lines of the files that there are in the page."""

cache = {}


def path_of(file):
    """Return the path that a file of the page would have in a folder."""
    if not file.startswith("VFS."):
        return file
    name = file.removeprefix("VFS.").removesuffix(".py").removesuffix("/__init__")
    return f"/page/{name.replace('.', '/')}.py"


def getlines(file):
    """Return all lines of a file, with their ends; none of a file that is not there."""
    if file in cache:
        return cache[file][2]
    if not file.startswith("/page/"):
        return []
    from browser import scope

    name = file.removeprefix("/page/").removesuffix(".py").replace("/", ".")
    found = getattr(scope.__BRYTHON__.VFS, name, None)
    return found[1].splitlines(keepends=True) if found else []


def getline(file, number):
    """Return one line of a file, counted from 1; nothing if there is none."""
    lines = getlines(file)
    return lines[number - 1] if 0 < number <= len(lines) else ""
