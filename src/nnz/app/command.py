"""The models of the book on the command line: `python -m nnz`, or `nnz` where the package is installed."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch

from nnz.app import doctor, store
from nnz.app.files import load_model, save_model
from nnz.app.lists import composed, names_to_use
from nnz.app.resumable import devices, facts_in
from nnz.app.trained import Trained, trained
from nnz.bigram import Uniform
from nnz.contract import LanguageModel
from nnz.data import Vocabulary
from nnz.evaluate import resample, unseen
from nnz.experiments.judging import surprisals
from nnz.model_spec import ModelSpec
from nnz.models import MODELS, size_of, spec_of
from nnz.plumbing.progress import Bar, watched
from nnz.plumbing.terminal import INTERRUPTED, print_any_letter, shown
from nnz.sample import sample_names, seeded
from nnz.train import LossError

FIRST = 20  # names drawn side by side; then twice as many, and so on
AT_ONCE = 1000  # up to so many
MANY = 30_000  # names judged at once
JUDGED = 1000  # names drawn to see how many are new
MOST_EFFORT = 1_000_000
LISTS = 1000  # drawn from the dev names, for the error of their loss


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0, or 2 if what was asked for cannot be done, or 130 after Ctrl-C; of `doctor` 1 if something is missing.

    Raises:
        SystemExit: argparse stopped at a bad command, with code 2, or after showing its help, with code 0.
    """
    print_any_letter()
    try:
        options = vars(_parser().parse_args(argv))
        code = options.pop("run")(**options)
        if sys.stdout:  # which somebody may have closed
            sys.stdout.flush()
    except BrokenPipeError:  # who was reading has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError, LossError) as error:
        print(f"nnz: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return code or 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"nnz: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nnz", description="The models of the book.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[..., int | None]) -> argparse.ArgumentParser:
        what = (run.__doc__ or "").rstrip(".")
        added = commands.add_parser(name, help=what, description=what)
        added.set_defaults(run=run)
        return added

    command("models", _models)
    command("doctor", _doctor)
    sample, train = command("sample", _sample), command("train", _train)
    _add_sampling(sample)
    which = sample.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="its name; it is trained if it must be")
    which.add_argument("--file", type=Path, help="a file that train --out wrote")
    train.add_argument("--model", help="its name: see nnz models")
    train.add_argument("--out", type=Path, help="a file to keep the model in")
    _add_stopping(train)
    for added in (sample, train):
        listed = "a file with a name on each line, in any alphabet; the book's list by default"
        added.add_argument("--data", type=Path, help=listed)
        table = "if the file is a table: the column with the names, by its number from 1 or its title"
        added.add_argument("--column", metavar="N", help=table)
        added.add_argument("--seed", type=_seed, help="of all random numbers; 1 by default")
        shares = "the number of training steps is multiplied by it"
        added.add_argument("--effort", type=_positive, help=shares)
    return parser


def _add_stopping(train: argparse.ArgumentParser) -> None:
    """Add the options of training in parts, and on which device."""
    how = train.add_mutually_exclusive_group()
    kept = "a file from which training can go on: written now and then, and at Ctrl-C"
    how.add_argument("--checkpoint", type=Path, metavar="FILE", help=kept)
    on = "go on from such a file, with the same list, to the same model as without a stop"
    how.add_argument("--resume", type=Path, metavar="FILE", help=on)
    where = "where a network is trained: cpu (the default), cuda or mps, if it is there"
    train.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu", help=where)


def _add_sampling(sample: argparse.ArgumentParser) -> None:
    """Add the options of drawing names."""
    many = "how many names; with the same seed, fewer are the first of more"
    sample.add_argument("-n", type=int, default=20, help=many)
    sample.add_argument("--prompt", default="", help="how each name begins")
    milder = "below 1 favors what is likely; 0 takes the likeliest character each time"
    sample.add_argument("--temperature", type=float, default=1.0, help=milder)
    likely = "draw from the K likeliest characters alone"
    sample.add_argument("--top-k", type=int, metavar="K", help=likely)


def _seed(text: str) -> int:
    """Return a number that a generator can be seeded with."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 2^63 - 1")
    return int(text)


def _positive(text: str) -> float:
    """Return a number above 0, and not so large that steps can no longer be counted."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST_EFFORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and up to {MOST_EFFORT:,}")
    return value


def _models() -> None:
    """List the models of the book."""
    width = max(map(len, MODELS))
    for name, spec in MODELS.items():
        print(f"{name:{width}}  {spec.summary}")


def _doctor() -> int:
    """Look whether everything is there, and say what to do about what is not."""
    return 0 if doctor.report() else 1


def _sample(
    model: str | None,
    file: Path | None,
    data: Path | None,
    column: str | None,
    seed: int | None,
    effort: float | None,
    n: int,
    **how: Any,
) -> None:
    """Print names that a model makes up."""
    how["prompt"] = composed(how["prompt"])
    seed = 1 if seed is None else seed
    if file is None:
        spec = spec_of(model or "")
        listed = names_to_use(data, column)
        _rehearse(listed.vocabulary, n, **how)
        listed.tell()
        chosen = _fit(spec, listed.parts()[0], listed.vocabulary, seed, effort).model
    elif data or effort or column:
        raise ValueError(
            "--data, --column and --effort are for training, and --file is trained; give --model instead."
        )
    else:
        chosen = load_model(file)
        _rehearse(chosen.vocabulary, n, **how)
    blank = 0
    for names in _drawn(chosen, n, seeded(seed), **how):
        shown = [name for name in names if name.strip()]
        blank += len(names) - len(shown)
        if shown:
            print(*shown, sep="\n")
    if blank:
        sys.stdout.flush()
        store.notice(f"{blank:,} of the {n:,} names {'was' if blank == 1 else 'were'} blank and left out")


def _drawn(model: LanguageModel, n: int, g: torch.Generator, **how: Any) -> Iterator[list[str]]:
    """Yield n names in parts, whose sizes do not depend on n: the first names of many are those of few."""
    size = FIRST
    while n > 0:
        yield sample_names(model, size, generator=g, **_greedy(how))[:n]
        n -= size
        size = min(2 * size, AT_ONCE)


def _greedy(how: dict[str, Any]) -> dict[str, Any]:
    """Return the options of drawing, with a temperature of 0 as what it comes to: the one likeliest character."""
    return how | {"temperature": 1.0, "top_k": 1} if how.get("temperature") == 0 else how


def _rehearse(vocabulary: Vocabulary, n: int, **how: Any) -> None:
    """Draw from a model that knows nothing, so that bad options are found before anything is trained."""
    if not 0 <= how["temperature"] < math.inf:
        raise ValueError(
            f"temperature is {how['temperature']}; it must be 0, for the likeliest letter each time, or above, and"
            " finite."
        )
    # Not `_greedy`, which would hide a number of kept letters that there cannot be.
    how["temperature"] = how["temperature"] or 1.0
    sample_names(Uniform(vocabulary), min(n, 1), generator=seeded(0), **how)


def _train(
    model: str | None,
    data: Path | None,
    column: str | None,
    out: Path | None,
    checkpoint: Path | None,
    resume: Path | None,
    device: str,
    seed: int | None,
    effort: float | None,
) -> None:
    """Train a model on a list of names, and say how good it is."""
    if resume:
        model, seed, effort = _begun(resume, model, seed, effort)
    spec = spec_of(model or _missing())
    seed = 1 if seed is None else seed
    for option, file in (("--out", out), ("--checkpoint", checkpoint)):
        if file:
            _check_out(file, option)
    in_parts = _in_parts(spec, checkpoint, resume, device)
    listed = names_to_use(data, column)
    listed.tell()
    parts = listed.parts()
    spec = spec.for_names(parts[0])
    try:
        result = _fit(spec, parts[0], listed.vocabulary, seed, effort, **in_parts)
    except KeyboardInterrupt:
        if (file := resume or checkpoint) and file.exists():
            store.notice(f"stopped; to go on, give the same list and --resume {file}")
        raise
    if out:
        _save(out, result, spec)
    _report(result, parts, seed)
    place = out or result.path or store.folder()
    print(f"kept in       {place if out or result.kept else 'no file'}")


def _save(out: Path, result: Trained, spec: ModelSpec) -> None:
    """Write the model to a file; if that fails, say that it need not be trained again."""
    try:
        save_model(out, result.model, spec, about=result.about)
    except OSError as error:
        why = f"--out {out} could not be written: {error.strerror or error}"
        kept = "what was trained is in the store, so try again" if result.kept else "try again"
        raise OSError(f"{why}; make room, or name another file, and {kept}.") from None


def _missing() -> NoReturn:
    raise ValueError("the following arguments are required: --model, or --resume; see nnz train --help.")


def _begun(file: Path, model: str | None, seed: int | None, effort: float | None) -> tuple[str, int, float]:
    """Return which model a checkpoint is of, its seed and its effort, unless they are given."""
    facts = facts_in(file)
    model = facts.get("model", "") if model is None else model
    seed = facts.get("seed", 1) if seed is None else seed
    return model, seed, facts.get("effort", 1.0) if effort is None else effort


def _in_parts(spec: ModelSpec, checkpoint: Path | None, resume: Path | None, device: str) -> dict[str, Any]:
    """Return how a network is trained if not in one go, or raise a clear error if it cannot be so."""
    networks = [part for part in getattr(spec, "of", (spec,)) if part.recipe]
    asked = {"--checkpoint": checkpoint, "--resume": resume, "--device": device != "cpu"}
    if not networks and (options := [option for option, value in asked.items() if value]):
        raise ValueError(
            f"{options[0]} is for networks, and {spec.name} only counts, in one go; leave it out."
        )
    if device not in (there := devices()):
        raise ValueError(
            f"this torch finds no {device} on this machine; --device may be {' or '.join(there)} here."
        )
    if checkpoint and checkpoint.exists():
        raise ValueError(
            f"--checkpoint {checkpoint} is there already; go on by --resume, or name another file."
        )
    if resume and (begun := facts_in(resume).get("model")) != spec.name:
        raise ValueError(f"{resume} was begun with --model {begun}; here it is {spec.name}.")
    if not (file := resume or checkpoint) and device == "cpu":
        return {}
    return {"file": file, "resume": resume is not None, "device": device}


def _fit(
    spec: ModelSpec,
    names: Sequence[str],
    vocabulary: Vocabulary,
    seed: int,
    effort: float | None,
    **in_parts: Any,
) -> Trained:
    """Return a trained model, and say on stderr where it came from."""
    effort = 1.0 if effort is None else effort
    if len(names) > MANY and watched():
        store.notice(f"training {spec.name} on {len(names):,} names")
    result = trained(spec, names, vocabulary=vocabulary, seed=seed, effort=effort, **in_parts)
    whence = "from the store" if result.from_store else f"on {len(names):,} names"
    store.notice(f"{spec.name}, trained {whence} in {result.seconds:.1f} s of the processor")
    return result


def _report(result: Trained, parts: Sequence[Sequence[str]], seed: int) -> None:
    """Print how large and how good a model is, and what it makes up."""
    model, g = result.model, seeded(seed)
    known, dev, test = parts
    stand = [len(part) - len(unseen(part, known)) for part in (dev, test)]
    print(f"names         {' + '.join(f'{len(part):,}' for part in parts)}")
    print(
        f"in train too  {stand[0]:,} of the {len(dev):,} for dev, {stand[1]:,} of the {len(test):,} for test"
    )
    print(f"parameters    {size_of(model):,}")
    print(f"seconds       {result.seconds:.1f}")
    print(f"train loss    {_loss(model, known):.4f} nats per character")
    print(f"dev loss      {_dev_loss(model, dev, g)}")
    print(f"test loss     {_loss(model, test):.4f}")
    drawn = [name for name in sample_names(model, JUDGED, generator=g) if name.strip()]
    print(f"blank names   {1 - len(drawn) / JUDGED:.1%} of {JUDGED:,}")
    print(f"new names     {len(unseen(drawn, known)) / max(1, len(drawn)):.1%} of the others")
    print(f"it makes up   {', '.join(drawn[:10])}")


def _loss(model: LanguageModel, names: Sequence[str]) -> float:
    """Return the mean loss; of a long list part by part, with progress, and in the memory that a part takes."""
    if len(names) <= MANY:
        return surprisals(model, names).mean().item()
    total, characters = 0.0, 0
    with Bar(0, math.ceil(len(names) / MANY)) as bar:
        for start in range(0, len(names), MANY):
            costs = surprisals(model, names[start : start + MANY])
            total, characters = total + costs.sum().item(), characters + len(costs)
            bar.advance(nats=total / characters)
    return total / characters


def _dev_loss(model: LanguageModel, dev: Sequence[str], g: torch.Generator) -> str:
    """Return the loss with its standard error, if there are names enough for one."""
    if len(dev) < 2:
        return f"{_loss(model, dev):.4f} (one name: no standard error)"
    lengths = torch.tensor([len(name) + 1 for name in dev])
    owner = torch.arange(len(dev)).repeat_interleave(lengths)  # of each character
    totals = owner.bincount(weights=surprisals(model, dev))
    estimate = resample(totals, lengths, g, LISTS)
    return f"{estimate.value:.4f} {shown('±', '+/-')} {estimate.standard_error:.4f}"


def _check_out(out: Path, option: str) -> None:
    """Raise a clear error unless a file can be written there."""
    if out.is_dir():
        raise ValueError(f"{option} {out} is a folder; name a file in it.")
    if out.exists() and not out.is_file():
        raise ValueError(f"{option} {out} is no regular file; name another.")
    out = out.resolve() if out.is_symlink() else out
    if not out.parent.is_dir():
        raise ValueError(f"{option} {out}: there is no folder {out.parent}; make it.")
    if not os.access(out.parent, os.W_OK):
        raise ValueError(f"{option} {out}: nothing can be written to {out.parent}.")
