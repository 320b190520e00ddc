"""What stands in a traceback."""

import linecache


class FrameSummary:
    """One call that had not ended: where it stood."""

    def __init__(self, filename, lineno, name):
        self.filename, self.lineno, self.name = linecache.path_of(filename), lineno, name
        self.line = linecache.getline(self.filename, lineno).strip()


def extract_tb(trace):
    """Return the calls of a traceback, the outermost first."""
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(FrameSummary(code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return frames


def format_exception_only(error):
    """Return the type and the message of an exception."""
    try:
        text = str(error)
    except Exception:
        text = "<exception str() failed>"
    name = type(error).__name__
    if name == "JavascriptError" and ("stack size" in text or "too much recursion" in text):
        name, text = "RecursionError", "maximum recursion depth exceeded"
    return [f"{name}: {text}\n" if text else f"{name}\n"]
