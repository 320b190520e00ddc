#!/bin/sh
# Find a Python that the book can use and let it make .venv. Plain sh, since there may be no Python at all.
set -u
good='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
make_with() { # a Python, and what venv.py is told; returns only if that Python is of no use
    python=$1
    shift
    if command -v "$python" >/dev/null 2>&1 && "$python" -c "$good" >/dev/null 2>&1; then
        exec "$python" tools/venv.py "$@"
    fi
}
if [ -n "${PYTHON:-}" ]; then
    tried=$PYTHON # one, however many spaces there are in its path
    make_with "$PYTHON" "$@"
else
    tried='python3.11 python3.12 python3.13 python3 python'
    for candidate in $tried; do
        make_with "$candidate" "$@"
    done
fi
{
    echo "make: no usable Python was found. Tried: $tried"
    echo "      The book needs Python 3.11 or newer with its venv module."
    echo "      Install one (on Debian and Ubuntu: apt install python3 python3-venv; on macOS: brew install python),"
    echo "      or name the one you have: make book PYTHON=/path/to/python3.11"
} >&2
exit 1
