"""The models of the book on the command line: `python -m nnz --help`."""

import sys

from nnz.app.entry import main

if __name__ == "__main__":
    sys.exit(main())
