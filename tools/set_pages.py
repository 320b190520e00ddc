"""Sphinx's own command without Python's collector of circles, ending as soon as it has finished.

The collector would walk again and again over all that was read, which is kept to the end anyhow, and take a third
of the time; without it, some hundred megabytes more are needed. Nor is anything freed at the end: the system
does it.
"""

from __future__ import annotations

import gc
import os
import sys

from sphinx.cmd.build import main

if __name__ == "__main__":
    gc.disable()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
