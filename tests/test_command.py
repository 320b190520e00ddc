"""The command line: what it prints, and what it says when something cannot be done."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nnz.app import command
from nnz.app.files import load_model
from nnz.app.lists import read_own, split_distinct
from nnz.app.trained import trained
from nnz.data import split_names
from nnz.evaluate import nll
from nnz.models import MODELS
from nnz.plumbing.datasets import sha256
from nnz.sample import sample_names, seeded

pytestmark = pytest.mark.support

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"] * 3


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_models: None) -> Path:
    """A store of their own for these tests, and a short list for the book's."""
    monkeypatch.setenv("NNZ_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("NNZ_NAMES", str(write(tmp_path / "names", NAMES)))
    monkeypatch.delenv("NNZ_BUILD", raising=False)
    monkeypatch.setattr(command, "JUDGED", 50)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


def write(path: Path, names: list[str]) -> Path:
    path.write_text("\n".join(names) + "\n", encoding="utf-8")
    return path


class Said:
    """What a command came to."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: Any) -> tuple[int, str, str]:
        try:
            code = command.main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *self.capsys.readouterr()


@pytest.fixture
def nnz(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command; returns its exit code, stdout and stderr."""
    return Said(capsys)


def fails(said: tuple[int, str, str], *parts: str) -> None:
    code, out, err = said
    assert code == 2
    assert out == ""
    assert err.startswith("nnz: error: ")
    assert err.count("\n") == 1, err
    for part in parts:
        assert part in err


def test_models_are_listed_with_what_they_are(nnz: Said) -> None:
    code, out, err = nnz("models")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(MODELS)
    assert "Kneser and Ney" in out


def test_names_are_drawn_as_the_package_draws_them(nnz: Said) -> None:
    words = ["sample", "--model", "bigram", "-n", 3, "--seed", 5]
    code, out, err = nnz(*words, "--prompt", "em", "--top-k", 5, "--temperature", 2)
    model = trained(MODELS["bigram"], split_distinct(NAMES)[0], seed=5)
    assert model.from_store
    how: dict[str, Any] = {"prompt": "em", "top_k": 5, "temperature": 2.0}
    g = torch.Generator().manual_seed(5)
    assert out.splitlines() == sample_names(model.model, 20, generator=g, **how)[:3]
    assert code == 0
    assert "bigram, trained on 18 names" in err
    assert "from the store" in nnz(*words)[2]


def test_no_prompt_is_the_same_as_an_empty_one(nnz: Said) -> None:
    words = ["sample", "--model", "bigram"]
    assert nnz(*words)[1] == nnz(*words, "--prompt", "")[1]
    _, out, err = nnz(*words)
    left_out = re.search(r"(\d+) of the 20 names w.* blank and left out", err)
    assert len(out.splitlines()) == 20 - (int(left_out[1]) if left_out else 0)
    assert nnz(*words, "-n", 0)[:2] == (0, "")


def test_training_reports_and_keeps_the_model_in_the_store(nnz: Said, folder: Path) -> None:
    code, out, _ = nnz("train", "--model", "trigram")
    assert code == 0
    assert "names         18 + 1 + 1" in out
    assert "in train too  0 of the 1 for dev, 0 of the 1 for test" in out
    for word in ("parameters", "seconds", "train loss", "dev loss", "test loss", "%"):
        assert word in out
    (kept,) = folder.glob("*.safetensors")
    assert f"kept in       {kept}" in out
    names = out.split("it makes up")[1].splitlines()[0]
    assert names.count(",") == 9


@pytest.mark.parametrize(
    ("letters", "model"),
    [
        (["Анна", "Ёлка", "Юрий", "Яна", "Глеб", "Олег"], "kneser-ney"),
        (["007", "42", "1", "12", "2001", "99"], "wavenet"),
        (["anna lena", "jean-luc", "o'neil", "zoë", "de la cruz", "bo"], "mixture"),
        (["啊", "安娜", "安", "娜娜", "李", "李安"], "bigram-net"),
    ],
)
def test_an_own_list_goes_to_a_file_and_comes_back(
    nnz: Said, tmp_path: Path, letters: list[str], model: str
) -> None:
    data, out = write(tmp_path / "own.txt", letters), tmp_path / "m.safetensors"
    words = ["--model", model, "--data", data, "--effort", 0.01]
    code, said, _ = nnz("train", *words, "--out", out)
    assert code == 0
    assert f"kept in       {out}" in said
    assert "names         4 + 1 + 1" in said
    assert "one name: no standard error" in said
    assert nll(load_model(out), letters) < 10
    prompt = letters[0][0]
    again = ["sample", "-n", 4, "--prompt", prompt]
    code, first, err = nnz(*again, "--file", out)
    assert (code, err) == (0, "")
    assert all(name.startswith(prompt) for name in first.splitlines())
    assert nnz(*again, *words)[1] == first  # what the store has is the same


def test_what_the_terminal_has_no_letter_for_ends_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "own", [letter * n for n in range(1, 31) for letter in "éüж"])
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    assert command.main(["train", "--model", "bigram", "--data", str(data)]) == 0
    said = out.buffer.getvalue().decode("ascii")
    assert r"\xe9" in said.split("it makes up")[1]
    assert re.search(r"dev loss      \d\.\d{4} \+/- \d", said)


def test_odd_but_harmless_lists_are_read(tmp_path: Path) -> None:
    text = "\ufeff  ann\r\n\r\nbo \rcy\nde\u0301\n\t\nfi\nfi\n\nمی\u200cنا"
    path = tmp_path / "own"
    path.write_bytes(text.encode())
    assert read_own(path) == ["ann", "bo", "cy", "d\xe9", "fi", "fi", "می\u200cنا"]


def test_a_prompt_may_write_its_accents_in_two_ways(nnz: Said, tmp_path: Path) -> None:
    data = write(tmp_path / "own", [f"zoé {n}" for n in range(6)])
    words = ["sample", "--model", "bigram", "--data", data, "-n", 1]
    assert nnz(*words, "--prompt", "e\u0301")[1][0] == "é"


# What cannot be done


@pytest.mark.parametrize("what", ["sample", "train"])
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["has no names in it"]),
        (b"\n \n\t\r\n", ["has no names in it"]),
        (b"\xff\xfe\x00a\x00", ["not a text file in UTF-8", "byte 0"]),
        (b"ann\n" * 9, ["has 9 names, all the same", "6 different"]),
        (b"ann\nbo\n" * 9, ["has 18 names, but only 2 different ones", "6 different"]),
        (b"a\nb\nc\nd\ne\n", ["has 5 names", "6 different ones or more"]),
        (b"ann\n" + b"x" * 101, ["line 2", "101 characters", "may have 100"]),
        (b"ann\nb\x00b\n", ["line 2", r"'\x00'", "control character"]),
        (b"ann\nb\tb\n", ["line 2", r"'\t'", "control character"]),
    ],
)
def test_a_list_that_is_none_is_said_to_be_so(
    nnz: Said, tmp_path: Path, what: str, content: bytes, parts: list[str]
) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes(content)
    fails(nnz(what, "--model", "bigram", "--data", path), "own.txt", *parts)


def test_a_list_that_cannot_be_opened_is_said_to_be_so(
    nnz: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "--model", "bigram", "--data"]
    fails(nnz(*words, tmp_path / "none"), "there is no file", "spelling")
    fails(nnz(*words, tmp_path), "is a folder")
    own = write(tmp_path / "own", NAMES)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    fails(nnz(*words, own), "own cannot be read: Permission denied")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("sample --model wavnet", "'wavnet'; is it wavenet or wavenet-tree"),
        ("train --model wavnet", "'wavnet'; is it wavenet or wavenet-tree"),
        ("sample --model mlp -n -1", "n is -1"),
        ("sample --model mlp -n many", "invalid int value: 'many'"),
        ("sample --model mlp --temperature 0 --top-k 28", "top_k is 28; with 27 characters"),
        ("sample --model mlp --temperature -1", "temperature is -1.0"),
        ("sample --model mlp --temperature nan", "temperature is nan"),
        ("sample --model mlp --temperature warm", "invalid float value: 'warm'"),
        ("sample --model mlp --top-k 0", "top_k is 0; with 27 characters"),
        ("sample --model mlp --top-k 28", "top_k is 28; with 27 characters"),
        ("sample --model mlp --prompt Em", "'E' in 'Em' is not in the vocabulary"),
        ("sample --model mlp --prompt e.m", "ends a name; leave it out"),
        ("sample --model mlp --seed -1", "'-1' is no whole number from 0"),
        ("sample --model mlp --seed 9223372036854775808", "no whole number"),
        ("sample --model mlp --effort 0", "'0' is no number above 0"),
        ("sample --model mlp --effort nan", "'nan' is no number above 0"),
        ("train --model mlp --effort 1e306", "'1e306' is no number above 0 and up to 1,000,000"),
        ("train --model mlp --effort much", "'much' is no number above 0"),
        ("sample", "one of the arguments --model --file is required"),
        ("sample --model mlp --file m", "not allowed with"),
        ("sample --file m --effort 2", "--file is trained"),
        ("sample --file m", "there is no model file m"),
        ("sample --file store", "store is a folder; name a file in it"),
        ("train --model mlp --resume store", "store is a folder; name a file in it"),
        ("sample --model mlp --temperature inf", "temperature is inf"),
        (f"train --model mlp --out {os.devnull}", "is no regular file"),
        ("train", "--model"),
        ("train --model mlp --out .", "is a folder"),
        ("train --model mlp --out no/m", "there is no folder no"),
        ("", "COMMAND"),
        ("smaple", "'smaple'"),
    ],
)
def test_bad_options_are_found_before_anything_is_trained(
    nnz: Said, monkeypatch: pytest.MonkeyPatch, folder: Path, words: str, part: str
) -> None:
    folder.mkdir()
    monkeypatch.setattr(command, "trained", None)
    fails(nnz(*words.split()), part)


def test_a_file_that_is_no_model_is_said_to_be_so(nnz: Said, tmp_path: Path) -> None:
    out = tmp_path / "m"
    nnz("train", "--model", "bigram", "--out", out)
    words = ["sample", "--file", out]
    fails(nnz(*words, "--prompt", "ü"), "'ü' in 'ü' is not in the vocabulary")
    fails(nnz(*words, "--top-k", 28), "top_k is 28; with 27")
    out.write_bytes(out.read_bytes()[:-3])
    fails(nnz(*words), "cut short")
    save_file({"W": torch.ones(2)}, out)
    fails(nnz(*words), "not written by nnz")


def test_a_store_that_cannot_be_written_to_keeps_nothing_and_does_not_say_so(
    nnz: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNZ_MODELS", str(write(tmp_path / "a file", NAMES)))
    code, out, err = nnz("train", "--model", "bigram")
    assert code == 0
    assert "no model can be kept" in err
    assert out.splitlines()[-1] == "kept in       no file"


def test_a_closed_stdout_is_no_error(monkeypatch: pytest.MonkeyPatch, nnz: Said) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert command.main(["sample", "--model", "bigram", "-n", "2"]) == 0


def test_a_full_disk_costs_the_file_and_not_the_training(
    nnz: Said, tmp_path: Path, folder: Path, disk_for: Callable[[int], AbstractContextManager[None]]
) -> None:
    words = ["train", "--model", "bigram", "--out", tmp_path / "m"]
    nnz(*words[:3])
    with disk_for(500):
        code, out, err = nnz(*words)
    assert (code, out) == (2, "")
    said = err.splitlines()[-1]
    assert said.startswith(f"nnz: error: --out {tmp_path / 'm'} could not be written")
    assert "is in the store, so try again" in said
    assert not (tmp_path / "m").exists()
    shutil.rmtree(folder)
    with disk_for(500):
        said = nnz(*words)[2].splitlines()[-1]
    assert said.endswith("and try again.")


@pytest.mark.parametrize("what", ["sample", "train"])
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["has no names in it"]),
        ("zo\xe9\n".encode("latin-1") * 9, ["UTF-8", "byte 2", "looks like Latin-1", "save it as UTF-8"]),
        ("zo\xe9\n".encode("utf-16") * 9, ["begins as UTF-16", "save it as UTF-8"]),
        (None, ["NNZ_NAMES", "there is no such file", "spelling"]),
        ("folder", ["NNZ_NAMES", "names the folder", "expected a text file"]),
    ],
    ids=["empty", "latin-1", "utf-16", "missing", "folder"],
)
def test_a_variable_that_names_no_list_is_said_in_a_line(
    nnz: Said,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    content: bytes | str | None,
    parts: list[str],
) -> None:
    path = tmp_path / "named"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setenv("NNZ_NAMES", str(path))
    fails(nnz(what, "--model", "bigram"), str(path), *parts)


def test_a_variable_may_name_a_list_in_any_alphabet(
    nnz: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write(tmp_path / "own", ["zo\xe9", "\xe5sa", "\xf8ystein", "\xf8", "a", "ys"])
    monkeypatch.setenv("NNZ_NAMES", str(own))
    words = ["sample", "--model", "bigram", "-n", 3]
    code, out, _ = nnz(*words)
    assert code == 0
    assert nnz(*words, "--data", own)[1] == out


def test_a_damaged_copy_of_the_book_s_list_is_said_in_a_line(
    nnz: Said, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (no_data / "data").mkdir()
    copy = write(no_data / "data" / "names.txt", NAMES)
    monkeypatch.setattr("nnz.plumbing.datasets.project_root", lambda: no_data)
    fails(nnz("sample", "--model", "bigram"), str(copy), "Delete it to have it")


def test_the_embedded_list_is_named_when_it_is_used(nnz: Said, no_data: Path) -> None:
    code, _, err = nnz("sample", "--model", "bigram", "-n", 1)
    assert code == 0
    assert "names of the embedded sample" in err


# The process


MODULE = "import runpy; runpy.run_module('nnz', run_name='__main__')"
TOLD = """
import sys
from nnz.app import command
from nnz.plumbing import progress
progress.Bar.advance = lambda self, **values: print("a step", file=sys.stderr)
sys.exit(command.main())
"""


def start(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_a_reader_who_has_read_enough_is_no_error() -> None:
    with start(MODULE, "sample", "--model", "bigram", "-n", "100000") as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.readline()
        run.stdout.close()
        said = run.stderr.read()
    assert run.returncode == 0
    assert "Traceback" not in said
    assert "Error" not in said


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_training_and_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    out, data = tmp_path / "m", write(tmp_path / "own", NAMES[:8])
    words = ["train", "--model", "wavenet-tree", "--data", str(data)]
    with start(TOLD, *words, "--out", str(out)) as run:
        assert run.stdout
        assert run.stderr
        for _ in range(10):
            assert run.stderr.readline() == "a step\n"
        run.send_signal(signal.SIGINT)
        said = run.stderr.readlines()
        assert run.stdout.read() == ""
    assert run.returncode == 130
    assert said[-1] == "interrupted\n"
    assert "Traceback" not in "".join(said)
    assert not out.exists()
    assert not [p for p in folder.iterdir() if p.suffix != ".lock"]


# A list with repetitions, a table, full stops


def test_a_list_with_repetitions_says_how_it_was_split(nnz: Said, tmp_path: Path) -> None:
    names = [f"{a}{b}" for a in "abcdef" for b in "xyz"] + ["once"]
    data = write(tmp_path / "own", names * 4)
    code, out, err = nnz("train", "--model", "bigram", "--data", data)
    assert code == 0
    assert "76 names, 19 of them different: the split is by different names" in err
    assert "names         60 + 2 + 2" in out
    assert "in train too  0 of the 2 for dev, 0 of the 2 for test" in out


def test_the_book_s_list_says_how_many_names_stand_in_train(
    nnz: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = write(tmp_path / "names", NAMES)
    monkeypatch.setattr("nnz.plumbing.datasets.NAMES_SHA256", sha256(names))
    _, out, err = nnz("train", "--model", "bigram")
    train, dev, test = split_names(NAMES)
    assert "names         19 + 2 + 3" in out
    stand = [sum(name in train for name in part) for part in (dev, test)]
    assert f"in train too  {stand[0]} of the 2 for dev, {stand[1]} of the 3 for test" in out
    assert sum(stand)
    assert "different" not in err


def test_a_table_and_full_stops_go_all_the_way(nnz: Said, tmp_path: Path) -> None:
    data, out = tmp_path / "own.csv", tmp_path / "m"
    lines = ["who;n", *(f"st. {name};{i}" for i, name in enumerate(NAMES[:8]))]
    data.write_text("\n".join(lines), encoding="utf-8")
    words = ["--model", "mlp", "--data", data, "--column", "who", "--effort", 0.1]
    code, _, err = nnz("train", *words, "--out", out)
    assert code == 0
    assert "column 1 of a table with semicolons has 8 names; its first line, 'who n', is left out" in err
    code, said, _ = nnz("sample", "--file", out, "-n", 3, "--prompt", "st. e")
    assert code == 0
    assert all(name.startswith("st. e") for name in said.splitlines())
    assert nnz("sample", *words, "-n", 3, "--prompt", "st. e")[1] == said
    fails(nnz("sample", "--file", out, "--column", "1"), "--column and --effort are for training")


# Drawing


@pytest.mark.parametrize("model", ["bigram", "gated"])
def test_fewer_names_are_the_first_of_more(nnz: Said, model: str) -> None:
    words = ["sample", "--model", model, "--seed", 2, "--prompt", "e", "-n"]
    most = nnz(*words, 70)[1].splitlines()
    assert len(most) == 70
    for n in (1, 5, 20, 21, 61):
        assert nnz(*words, n)[1].splitlines() == most[:n]
    assert len(set(most[:20])) > 1
    assert most[20:40] != most[:20]


def test_many_names_are_drawn_in_few_batches(monkeypatch: pytest.MonkeyPatch, nnz: Said) -> None:
    sizes: list[int] = []

    def counted(model: Any, n: int, **how: Any) -> list[str]:
        sizes.append(n)
        return sample_names(model, n, **how)

    monkeypatch.setattr(command, "sample_names", counted)
    nnz("sample", "--model", "bigram", "-n", 5000)
    drawn = sizes[1:]  # after the rehearsal
    assert len(drawn) < 12
    assert sum(drawn) < 2 * 5000


def test_a_temperature_of_0_takes_the_likeliest_character(nnz: Said) -> None:
    words = ["sample", "--model", "trigram", "-n", 4, "--prompt", "e"]
    greedy = nnz(*words, "--temperature", 0)[1].splitlines()
    assert greedy == nnz(*words, "--top-k", 1)[1].splitlines()
    assert len(set(greedy)) == 1
    assert greedy == nnz(*words, "--temperature", 0, "--top-k", 3, "--seed", 9)[1].splitlines()
    assert "0 takes the likeliest" in " ".join(nnz("sample", "--help")[1].split())


def test_blank_names_are_left_out_and_counted(nnz: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(model: Any, n: int, **how: Any) -> list[str]:
        return ["ann", "", "  ", "bo"][:n] + ["cy"] * max(0, n - 4)

    monkeypatch.setattr(command, "sample_names", drawn)
    _, out, err = nnz("sample", "--model", "bigram", "-n", 4)
    assert out == "ann\nbo\n"
    assert "2 of the 4 names were blank and left out" in err
    _, out, err = nnz("sample", "--model", "bigram", "-n", 2)
    assert out == "ann\n"
    assert "1 of the 2 names was blank" in err
    assert "blank" not in nnz("sample", "--model", "bigram", "-n", 1)[2]
    report = nnz("train", "--model", "bigram")[1]
    assert "blank names   4.0% of 50" in report
    assert "it makes up   ann, bo, cy" in report


def test_a_pipe_that_has_only_ascii_ends_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "own", [f"Ёлка{letter}" for letter in "абвгдежзийклмнопрстуфхцчшщ"])
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for words in (["train"], ["sample", "-n", "3"]):
        with start(MODULE, *words, "--model", "bigram", "--data", str(data)) as run:
            out, err = run.communicate()
        assert run.returncode == 0, err
        assert r"\u04" in out


# Stopping and going on


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(tmp_path: Path, nnz: Said, folder: Path) -> None:
    words = [
        "--data",
        str(write(tmp_path / "own", NAMES[:8])),
        "--model",
        "gated",
        "--seed",
        "4",
        "--effort",
        "300",
    ]
    kept = tmp_path / "run"
    slow = TOLD.replace("import sys\n", "import sys, time\n").replace(
        'print("a step", file=sys.stderr)', '(print("a step", file=sys.stderr), time.sleep(0.01))'
    )
    with start(slow, "train", *words, "--checkpoint", str(kept)) as run:
        assert run.stderr
        for _ in range(10):
            run.stderr.readline()
        run.send_signal(signal.SIGINT)
        said = run.stderr.readlines()
    assert run.returncode == 130
    assert said[-2:] == [
        f"nnz: stopped; to go on, give the same list and --resume {kept}.\n",
        "interrupted\n",
    ]
    assert not [p for p in folder.iterdir() if p.suffix != ".lock"]
    taken = len(load_file(kept)["losses"])
    assert 10 <= taken < 1200


def test_a_run_goes_on_with_what_it_was_begun_with(nnz: Said, tmp_path: Path, folder: Path) -> None:
    data = write(tmp_path / "own", NAMES[:8])
    words = ["train", "--data", data, "--model", "mixture", "--seed", 4, "--effort", 2]
    whole, out = tmp_path / "whole", tmp_path / "m"
    nnz(*words, "--out", whole)
    shutil.rmtree(folder)
    assert nnz(*words, "--checkpoint", tmp_path / "run")[0] == 0
    fails(nnz(*words, "--checkpoint", tmp_path / "run"), "is there already; go on by --resume")
    shutil.rmtree(folder)
    again = ["train", "--resume", tmp_path / "run"]
    fails(nnz(*again, "--data", data, "--model", "mlp"), "begun with --model mixture; here it is mlp")
    code, said, err = nnz(*again, "--data", data, "--seed", 5)
    assert (code, said) == (2, "")
    assert "begun with --seed 4; here it is 5" in err.splitlines()[-1]
    code, said, err = nnz(*again)
    assert (code, said) == (2, "")
    assert "begun on another list" in err.splitlines()[-1]
    assert nnz(*again, "--data", data, "--out", out)[0] == 0
    first, second = load_model(whole), load_model(out)
    assert sample_names(first, 9, generator=seeded(1)) == sample_names(second, 9, generator=seeded(1))
    assert nll(first, NAMES) == nll(second, NAMES)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("train --model bigram --checkpoint run", "--checkpoint is for networks, and bigram only counts"),
        ("train --model bigram --device cuda", "--device is for networks"),
        ("train --model mlp --checkpoint no/run", "there is no folder no"),
        ("train --model mlp --checkpoint .", "is a folder"),
        ("train --model mlp --checkpoint names", "is there already"),
        ("train --resume run", "there is no checkpoint run; nnz train --checkpoint run begins one"),
        ("train --resume names", "names is no checkpoint"),
        ("train --resume a --checkpoint b --model mlp", "not allowed with"),
        ("train --model mlp --device tpu", "invalid choice: 'tpu'"),
    ],
)
def test_what_cannot_be_stopped_or_gone_on_with_is_said(nnz: Said, words: str, part: str) -> None:
    before = Path("names").read_bytes()
    fails(nnz(*words.split()), part)
    assert Path("names").read_bytes() == before


def test_a_device_that_is_not_there_is_said(nnz: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "devices", lambda: ["cpu", "mps"])
    fails(
        nnz("train", "--model", "mlp", "--device", "cuda"), "finds no cuda", "--device may be cpu or mps here"
    )


# Large lists


def test_a_long_list_is_judged_in_parts(nnz: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["train", "--model", "kneser-ney"]
    whole = nnz(*words)[1]
    monkeypatch.setattr(command, "MANY", 5)
    parts = nnz(*words)[1]
    assert [line for line in whole.splitlines() if "loss" in line] == [
        line for line in parts.splitlines() if "loss" in line
    ]


LARGE = """
import resource, sys
from nnz.app import command
code = command.main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("model", ["bigram", "trigram"])
def test_a_hundred_thousand_names_take_little_memory(tmp_path: Path, model: str) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"{a}{b}{c}{d}{b}{a}" for a in letters for b in letters for c in letters for d in "aeious"]
    data = write(tmp_path / "own", names)
    with start(LARGE, "train", "--model", model, "--data", str(data)) as run:
        out, err = run.communicate()
    assert run.returncode == 0, err
    assert "names         84,364 + 10,546 + 10,546" in out
    assert int(err.splitlines()[-1]) < 1_500_000  # kilobytes, of which torch takes some hundred thousand
