"""Reading a reader's file of answers."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

from nnz.exercises.checker.calling import exception_text, random_state_kept, reader_lines


class AnswersError(Exception):
    """A file of answers that cannot be used, and why."""


def read_answers(file: str, names: Collection[str]) -> dict[str, object]:
    """Return what a Python file defines under the given names, in their order.

    Raises:
        AnswersError: there is no such file, it cannot be run, or it defines none of the names.
        KeyboardInterrupt: the reader interrupted it.
    """
    path = Path(file)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise AnswersError(f"{file} {what}; give a Python file of answers.")
    defined = vars(_run(path))
    answers = {name: defined[name] for name in names if name in defined}
    if not answers:
        raise AnswersError(f"{file} defines no function that is named as an exercise: {', '.join(names)}.")
    return answers


def _run(path: Path) -> ModuleType:
    """Run a file as a module of its own, always from its source; it may import its neighbors."""
    module = ModuleType("answers_to_check")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for it
    search = sys.path[:]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with random_state_kept():
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        where = f"{error.filename or path}, line {error.lineno}"
        raise AnswersError(f"{where}: {exception_text(error)}") from None
    except BaseException as error:
        lines = [f"{path} cannot be run:", *reader_lines(error)]
        raise AnswersError("\n".join([*lines, exception_text(error)])) from None
    finally:
        sys.path[:] = search
    return module
