"""Context managers that are made of generators."""


class _Made:
    def __init__(self, steps):
        self.steps = steps

    def __enter__(self):
        return next(self.steps)

    def __exit__(self, kind, error, trace):
        if error is None:
            next(self.steps, None)
            return False
        try:
            self.steps.throw(error)
        except StopIteration as ended:
            return ended is not error
        except BaseException as raised:
            if raised is error:
                return False
            raise
        raise RuntimeError("generator didn't stop after throw()")


def contextmanager(function):
    """Return a function that makes a context manager of what this generator does before and after its yield."""

    def make(*args, **named):
        return _Made(function(*args, **named))

    return make
