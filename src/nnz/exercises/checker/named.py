"""Judging a dict of tensors name by name: which agree, which is the first that does not, and what may be why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnz.backprop import Values
from nnz.compare import compare
from nnz.exercises.checker.compare import describe, dtype_name, kind
from nnz.exercises.checker.observe import RESULT, Parts

KEYS = "the names"
GIVEN = "what was given"
MISSING = "not there yet"


@dataclass(frozen=True)
class Report:
    """What is said of a dict of tensors, name by name.

    Any two of them agree, as far as comparisons care: the first tensor that is wrong is compared, beside it.
    """

    shown: str
    lines: tuple[str, ...] = ()
    says: str = ""

    def __repr__(self) -> str:
        return self.shown


Cause = Callable[[str, Tensor], str]

# What these are sums of cancels, and what is left is rounding: it is measured by what is summed.
_TERMS = {"logit_maxes": "norm_logits", "b1": "hprebn"}

# How far off a tensor may be by rounding, as a share of its largest number.
SHARES = {torch.float32: 3e-6, torch.float64: 1e-12}


def line_of(name: str, yours: object, right: Values) -> str:
    """Say how the tensor of that name agrees with the right one, in the words of `nnz.compare.compare`."""
    expected = right[name]
    if yours is None or yours is ...:
        return f"{name}: {MISSING}"
    if not isinstance(yours, Tensor):
        return f"{name}: WRONG, {kind(yours)} where a tensor belongs"
    if not yours.is_floating_point():
        return f"{name}: WRONG dtype {dtype_name(yours)}, not {dtype_name(expected)}"
    yours = yours.detach().to(expected)
    if yours.isnan().any():
        return f"{name}: WRONG, with nan among its numbers"
    words = compare(name, yours, expected)
    if "WRONG by" not in words or torch.equal(yours, -expected):
        return words
    gap = (yours - expected).abs().max().item()
    scale = right.get(_TERMS.get(name, name), expected).abs().max().item()
    near = gap <= SHARES[expected.dtype] * scale
    return f"{name}: approximate, within {gap:.1e}" if near else words


def is_fine(line: str) -> bool:
    """Whether the line says that the tensors agree."""
    return line.split(": ")[1].startswith(("exact", "approximate"))


def told(result: Any, right: Values, changed: str = "", cause: Cause = lambda name, yours: "") -> Parts:
    """Judge a dict by name: a report, and beside it the first tensor that is wrong.

    Args:
        result: the reader's, which may be anything.
        right: the right tensors, in the order in which they are gone through.
        changed: what of the arguments was changed, in words.
        cause: says what may be behind a wrong tensor, or nothing.
    """
    if result is None or result is ...:
        return {RESULT: result}
    if not isinstance(result, Mapping):
        should = "the result should be a dict from names to tensors"
        says = f"{should}; yours is {kind(result)}"
        return {RESULT: Report(describe(result), says=says)}
    lines = {name: line_of(name, result.get(name), right) for name in right}
    there = sum(not line.endswith(MISSING) for line in lines.values())
    shown = f"a dict with {there} of the {len(right)} tensors"
    if changed:
        says = f"the tensor {changed} was changed in place; make a new one"
        return {RESULT: Report(shown, says=says), GIVEN: "changed"}
    wrong = [name for name, line in lines.items() if not is_fine(line)]
    if not wrong:
        return {RESULT: Report(shown, tuple(lines.values()))}
    yours = result.get(wrong[0])
    yours = None if yours is ... else yours
    parts: dict[str, object] = {wrong[0]: MISSING if yours is None else yours}
    tail = f"next to do: {wrong[0]}"
    if yours is not None:
        tail = f"begin with {wrong[0]}; what comes after it may be wrong for that alone"
    if any(f"d{name}" in result for name in right):
        parts[KEYS] = "with a d"
    why = cause(wrong[0], yours) if isinstance(yours, Tensor) else ""
    tails = [tail, f"probable cause: {wrong[0]}: {why}"] if why else [tail]
    says = "\n".join([*lines.values(), *tails])
    return {RESULT: Report(shown, tuple(lines.values()), says), **parts}


def changed_in(what: str, was: Values, now: Mapping[str, Any]) -> str:
    """Return the first tensor of a dict that is not as it was, such as params["C"], or nothing."""
    for name, before in was.items():
        after = now.get(name)
        fits = isinstance(after, Tensor) and after.dtype == before.dtype
        if not (fits and torch.equal(torch.as_tensor(after), before)):
            return f'{what}["{name}"]'
    return ""


def name_by_name(args: Sequence[Any], parts: Parts) -> str:
    """Say, as a property, what `told` found."""
    report: Any = parts[RESULT]
    says: str = report.says
    return says
