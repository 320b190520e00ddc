"""Make one file of the whole book from the site that was built: `make epub`, `make pdf`.

Nothing is executed. The file goes into `_build/html/take`, and the site's page of downloads then leads to it.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path

from nnz.press import dress, epub, formulas, printed, still, take
from nnz.press.addresses import configured
from nnz.press.settings import settings
from nnz.press.volume import Leaf, VolumeError, read

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
SUMMARY = (
    "A textbook that builds neural networks out of nothing, in small steps: from a number that knows its "
    "gradient to a trained WaveNet, and a GPT."
)


def about() -> epub.About:
    """Return what is said of the book where it is listed."""
    said = settings(ROOT)
    made = datetime.fromtimestamp(max(path.stat().st_mtime for path in (HTML / "book").glob("*.html")))
    return epub.About(said["project"], said["author"], take.edition(ROOT), made, SUMMARY)


def style(name: str) -> str:
    """Return a style sheet of the volume, with the colors of code and the style of drawn graphs."""
    own = (ROOT / "book" / "volume" / name).read_text(encoding="utf-8")
    return "\n".join([own, dress.code_style(), still.graph_style()])


def make_epub(volume: list[Leaf], path: Path) -> None:
    """Write the EPUB."""
    said = about()
    cover = dress.picture(dress.cover(said.title, said.author, said.edition))
    worn = epub.Dress(style("epub.css"), cover, {"STIXTwoMath.ttf": dress.math_font()})
    epub.write(path, volume, said, worn, formulas.all_mathml(volume))


def make_pdf(volume: list[Leaf], path: Path) -> None:
    """Write the PDF."""
    printed.write(path, volume, about(), style("print.css"), HTML.parent / "print")


def main() -> int:
    """Make what is asked for and say where it is and how large."""
    kinds = {"epub": make_epub, "pdf": make_pdf}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: python tools/volume.py {'|'.join(kinds)}")
    began = time.monotonic()
    path = HTML / take.FOLDER / f"{take.NAME}.{sys.argv[1]}"
    try:
        kinds[sys.argv[1]](read(ROOT, configured(ROOT).page), path)
    except (VolumeError, OSError) as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    take.refresh(HTML)
    print(f"{path} ({take.size(path)}, {time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
