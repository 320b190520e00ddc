#!/bin/sh
# Find a Python that the book can use and let it make .venv. Plain sh, since there may be no Python at all.
set -u
good='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    candidates='python3.11 python3.12 python3.13 python3 python'
fi
for candidate in $candidates; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$good" >/dev/null 2>&1; then
        exec "$candidate" tools/venv.py "$@"
    fi
done
{
    echo "make: no usable Python was found. Tried: $candidates"
    echo "      The book needs Python 3.11 or newer with its venv module."
    echo "      Install one (on Debian and Ubuntu: apt install python3 python3-venv; on macOS: brew install python),"
    echo "      or name the one you have: make book PYTHON=/path/to/python3.11"
} >&2
exit 1
