"""Serve the built book to a browser on this machine alone: `make serve`."""

from __future__ import annotations

import functools
import http.server
import sys
import webbrowser
from pathlib import Path

BUILT = Path(__file__).resolve().parents[1] / "_build" / "html"


def main() -> None:
    """Serve `_build/html` on the port given, or say why that is not possible."""
    try:
        port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    except ValueError:
        sys.exit(f"make: PORT={sys.argv[1]} is not a number. Try: make serve PORT=8001")
    if not (BUILT / "index.html").exists():
        sys.exit("make: there is no built book yet. Run `make book` first (or `make quick`).")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(BUILT))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        sys.exit(
            f"make: port {port} cannot be used ({error}). Try another: make serve PORT={port % 60000 + 1}"
        )
    with server:
        address = f"http://localhost:{server.server_port}/"
        print(f"The book is at {address} (Ctrl+C stops it)", flush=True)
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
