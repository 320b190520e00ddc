"""Follow the links of the book that lead to other hosts: `make links`. It needs a network; no gate waits for it.

No page is executed. What cannot be reached is said with the page, the line and the reason, and the exit code is 1.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import translate

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "_build" / "links"
BAD = ("broken", "timeout")


def records(text: str) -> list[dict[str, Any]]:
    """Return what Sphinx found of each link to another host, from its output.json."""
    found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [record for record in found if str(record["uri"]).startswith(("http://", "https://"))]


def report(found: Iterable[dict[str, Any]]) -> tuple[list[str], int]:
    """Return what is to be said of the links, and how many cannot be reached."""
    found = sorted(found, key=lambda record: (record["filename"], record["lineno"]))
    count = Counter(record["status"] for record in found)
    lines = [
        f"{record['filename']}:{record['lineno']}: {record['uri']} ({record['info'] or record['status']})"
        for record in found
        if record["status"] in BAD
    ]
    lines += [
        f"{record['filename']}:{record['lineno']}: {record['uri']} leads on to {record['info']}"
        for record in found
        if record["status"] == "redirected" and record["code"] in (301, 308)
    ]
    bad = sum(count[status] for status in BAD)
    total = ", ".join(f"{n} {status}" for status, n in count.most_common()) or "none"
    return [*lines, f"Links to other hosts: {total}."], bad


def main(root: Path = ROOT, out: Path = OUT) -> int:
    """Follow them and say what was found."""
    options = ("-Q", "-b", "linkcheck", "-D", "nb_execution_mode=off", "-d", str(out / ".doctrees"))
    translate.sphinx(*options, str(root), str(out))  # whose exit code also counts what is no link
    made = out / "output.json"
    if not made.is_file():
        sys.exit("make: the pages could not be read; `make quick` says what is wrong with them.")
    lines, bad = report(records(made.read_text(encoding="utf-8")))
    print("\n".join(lines))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
