"""Pages are executed by forks of a process that has imported what they need, and come out as without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import psutil
import pytest

from nnz.press.kernel import SET, use_own_python

pytestmark = pytest.mark.support

HEADER = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---
"""
CELLS = (
    "import os, random, sys\nprint(random.Random(1).random())\n_ = sys.stderr.write('beside')",
    "import matplotlib.pyplot as plt\nfigure = plt.figure(figsize=(1, 1))\n_ = figure.gca().plot([1, 3])",
    "print(os.environ['SAID'], os.path.basename(os.getcwd()), __name__, 'tools' in sys.path[0])",
    "1 + 1",
)


@pytest.fixture
def warm(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module; what it imports of the tools stands beside it."""
    monkeypatch.syspath_prepend(str(root / "tools"))
    import warm

    monkeypatch.delitem(sys.modules, "warm", raising=False)
    return warm


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in SET:  # put back afterwards
        monkeypatch.setenv(name, str(tmp_path))
    use_own_python(tmp_path / "kernels")
    backend = "module://matplotlib_inline.backend_inline"
    return {**os.environ, "SAID": "here", "MPLBACKEND": backend, "PYTHONUTF8": "1"}


def page_of(folder: Path, *cells: str) -> Path:
    path = folder / "small.md"
    blocks = "\n".join(f"```{{code-cell}}\n{cell}\n```\n" for cell in cells)
    path.write_text(HEADER + blocks, encoding="utf-8")
    return path


def wait_for(workers: Any, count: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while len(found) < count:
        found += workers.ended(10)
    return found


def outputs(path: Path) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["nnz"]["seconds"] > 0
    return [(cell.execution_count, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def test_a_page_comes_out_the_same_in_a_fork_as_in_a_process_of_its_own(
    warm: ModuleType, root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    page = page_of(tmp_path, *CELLS)
    broken = tmp_path / "broken.md"
    broken.write_text(page.read_text(encoding="utf-8").replace("1 + 1", "1 / 0"), encoding="utf-8")
    made = []
    for kind, pages in (
        (warm.Warm, {"one": page, "two": page, "broken": broken}),
        (warm.Cold, {"alone": page}),
    ):
        workers = kind(root, environment, ["matplotlib.pyplot"])
        for name, source in pages.items():
            target = tmp_path / f"{name}.ipynb"
            workers.begin(name, [str(source), str(target), "key"], target.with_suffix(".log"))
        ended = wait_for(workers, len(pages))
        workers.end()
        said = {name: (tmp_path / f"{name}.log").read_text(encoding="utf-8") for name in pages}
        assert dict(ended) == {name: int(name == "broken") for name in pages}, said
        made += [outputs(tmp_path / f"{name}.ipynb") for name in pages if name != "broken"]
    report = (tmp_path / "broken.err").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in report.splitlines()[-1]
    one, two, alone = map(json.dumps, made)
    assert one == two == alone
    (_, streams), (_, (picture,)), (_, (where,)), (_, (total,)) = made[0]
    assert {stream["name"] for stream in streams} == {"stdout", "stderr"}
    assert "image/png" in picture["data"]
    assert where["text"] == f"here {tmp_path.name} __main__ False\n"
    assert total["data"]["text/plain"] == "2"


def test_a_users_settings_and_spoilt_fonts_of_matplotlib_are_not_those_of_a_page(
    warm: ModuleType,
    root: Path,
    tmp_path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A spoilt list of fonts, as a program leaves it whose environment is deleted while it runs."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "matplotlibrc").write_text("lines.linewidth: 9\n", encoding="utf-8")
    users = environment | {"MPLCONFIGDIR": str(theirs), "MPL_IGNORE_SYSTEM_FONTS": ""}
    spoil = (
        "import json; from pathlib import Path; import matplotlib; from matplotlib import font_manager as fonts\n"
        "path = Path(matplotlib.get_cachedir(), f'fontlist-v{fonts.FontManager.__version__}.json')\n"
        "kept = json.loads(path.read_text())\n"
        "kept['ttflist'] = [font for font in kept['ttflist'] if font['name'] == 'DejaVu Sans']\n"
        "path.write_text(json.dumps(kept))\n"
    )
    subprocess.run([sys.executable, "-c", spoil], env=users, check=True)
    for name in ("MPLCONFIGDIR", "MATPLOTLIBRC"):
        monkeypatch.setenv(name, str(theirs))
    use_own_python(tmp_path / "kernels")
    ours = {**environment, **{name: os.environ[name] for name in SET if name in os.environ}}
    cell = (
        "import matplotlib as mpl\nfrom matplotlib.figure import Figure\nfigure = Figure()\n"
        "figure.text(0, 0, r'$\\mathcal{L}$')\nfigure.savefig('out.svg')\nprint(mpl.rcParams['lines.linewidth'])"
    )
    page = page_of(tmp_path, cell)
    said = []
    for at in (ours, users):
        workers = warm.Cold(root, at, [])
        workers.begin("page", [str(page), str(tmp_path / "page.ipynb"), "key"], tmp_path / "page.log")
        assert wait_for(workers, 1) == [("page", 0)], (tmp_path / "page.log").read_text(encoding="utf-8")
        workers.end()
        (result,) = outputs(tmp_path / "page.ipynb")
        said.append({stream["name"]: stream["text"] for stream in result[1]})
    assert said[0] == {"stdout": "1.5\n"}
    assert said[1]["stdout"] == "9.0\n"  # without it a user's settings win, and the fonts are missed
    assert "not found" in said[1]["stderr"]


def test_a_kernel_waits_where_nobody_else_can(
    warm: ModuleType, root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    cell = (
        "import ipykernel as kernel\nx = kernel.get_connection_info(unpack=True)\nx['transport'], x['ip'][0]"
    )
    where = "('ipc', '@')" if sys.platform == "linux" else "('tcp', '1')"
    page, log = page_of(tmp_path, cell), tmp_path / "page.log"
    for kind in (warm.Warm, warm.Cold):
        workers = kind(root, environment, [])
        workers.begin("page", [str(page), str(tmp_path / "page.ipynb"), "key"], log)
        assert wait_for(workers, 1) == [("page", 0)], log.read_text(encoding="utf-8")
        workers.end()
        ((_, (result,)),) = outputs(tmp_path / "page.ipynb")
        assert result["data"]["text/plain"] == where


def test_pages_whose_process_is_gone_have_failed(
    warm: ModuleType, root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    workers = warm.Warm(root, environment, [])
    page = page_of(tmp_path, "import time", "open('begun', 'w').close(); time.sleep(600)")
    workers.begin("stuck", [str(page), str(tmp_path / "out.ipynb"), "key"], tmp_path / "out.log")
    while not (tmp_path / "begun").exists():
        assert workers.ended(0.05) == []
    workers.process.kill()
    assert wait_for(workers, 1) == [("stuck", -9)]
    workers.begin("late", [str(page), str(tmp_path / "out.ipynb"), "key"], tmp_path / "out.log")
    assert wait_for(workers, 1) == [("late", -9)]
    workers.end()


def test_what_is_at_work_ends_with_whoever_asked(
    warm: ModuleType, root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    page = page_of(tmp_path, "import os, time", "open('begun', 'w').write(str(os.getpid())); time.sleep(600)")
    for kind in (warm.Warm, warm.Cold):
        (tmp_path / "begun").unlink(missing_ok=True)
        workers = kind(root, environment, [])
        workers.begin("stuck", [str(page), str(tmp_path / "out.ipynb"), "key"], tmp_path / "out.log")
        while not (tmp_path / "begun").exists() or not (tmp_path / "begun").read_text(encoding="utf-8"):
            workers.ended(0.05)
        kernel = int((tmp_path / "begun").read_text(encoding="utf-8"))
        workers.end()
        while is_at_work(kernel):
            time.sleep(0.05)


def is_at_work(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # which nobody may wait for
    except psutil.NoSuchProcess:
        return False
