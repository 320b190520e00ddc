"""Where the command line begins: with what can be said when something that it stands on is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nnz.app import doctor
from nnz.plumbing.terminal import INTERRUPTED


def main(argv: Sequence[str] | None = None) -> int:
    """Run `nnz.app.command.main`, or say in a line what it misses; `doctor` looks even then.

    Returns:
        What that returns, or 2 if it cannot be imported; of `doctor` 1 if something needed is missing.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        from nnz.app import command
    except ImportError as error:
        if given == ["doctor"]:
            return 0 if doctor.report() else 1
        reason = " ".join(str(error).split())
        print(f"nnz: error: {reason}; python -m nnz doctor says what to do.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # torch takes a while
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return command.main(given)
