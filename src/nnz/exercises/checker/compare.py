"""Comparing what an answer gave with what was expected, and saying in words how they differ."""

from __future__ import annotations

import math
import re
import reprlib
import sys
from collections.abc import Iterator
from numbers import Real
from typing import Any

from nnz.engine import Value


class _Shortened(reprlib.Repr):
    """Representations on one short line, the same in every run."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = 8
        self.maxstring = self.maxother = 80

    def repr_Value(self, value: Any, level: int) -> str:
        if not isinstance(value, Value):
            return self.repr_instance(value, level)
        grad = f", grad={value.grad!r}" if value.grad else ""
        return f"Value({value.data!r}{grad})"

    def repr_Tensor(self, tensor: Any, level: int) -> str:
        if not is_tensor(tensor):
            return self.repr_instance(tensor, level)
        return f"tensor({self.repr1(tensor.tolist(), level)})"

    def repr_ndarray(self, array: Any, level: int) -> str:
        if not is_array(array):
            return self.repr_instance(array, level)
        return f"array({self.repr1(array.tolist(), level)})"

    def repr_float(self, number: float, level: int) -> str:
        return repr(number)  # in full, where another object would be cut short

    def repr_float64(self, number: Any, level: int) -> str:
        return repr(float(number))  # as Python's own, whatever NumPy's version says


_shortened = _Shortened()


def describe(thing: object) -> str:
    """Return the thing on one short line, without addresses in memory, whatever its own repr does.

    >>> describe([Value(0.5), 2])
    '[Value(0.5), 2]'
    """
    try:
        text = _shortened.repr(thing)
    except Exception:
        return f"<{type(thing).__name__}>"
    return " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", text).split())


def is_tensor(thing: object) -> bool:
    """Whether it is a torch tensor; torch is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def is_array(thing: object) -> bool:
    """Whether it is a NumPy array; NumPy is not imported for the question."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(thing, numpy.ndarray)


def has_shape(thing: object) -> bool:
    """Whether it is a tensor or an array."""
    return is_tensor(thing) or is_array(thing)


def dtype_name(thing: Any) -> str:
    """Return the name of the dtype of a tensor or an array, such as "float64"."""
    return str(thing.dtype).removeprefix("torch.")


def kind(thing: object) -> str:
    """Return in words what a thing is, as far as comparisons care.

    >>> kind(2), kind(Value(2)), kind((1, 2)), kind(None)
    ('a number', 'a Value', 'a list', 'None')
    """
    if thing is None or thing is ...:
        return repr(thing)
    if isinstance(thing, Real) and not isinstance(thing, bool):
        return "a number"
    names = {Value: "a Value", str: "a string", list: "a list", tuple: "a list"}
    for cls, name in names.items():
        if isinstance(thing, cls):
            return name
    if has_shape(thing):
        return "a tensor" if is_tensor(thing) else "an array"
    return f"of type {type(thing).__name__}"


_REMEDIES = {
    ("a Value", "a number"): "a plain number has no graph behind it",
    ("a number", "a tensor"): "item() makes a number of a tensor with one entry",
    ("a number", "an array"): "item() makes a number of an array with one entry",
    ("a number", "a Value"): "the number of a Value is its data",
    ("a list", "a tensor"): "tolist() makes a list of a tensor",
    ("a list", "an array"): "tolist() makes a list of an array",
    ("an array", "a list"): "np.array() makes an array of a list",
    ("an array", "a tensor"): "numpy() makes an array of a tensor",
    ("a tensor", "an array"): "torch.from_numpy() makes a tensor of an array",
}


def mismatch(yours: Any, expected: Any, where: str) -> str:
    """Say how the two differ in type, length, shape or dtype, or where yours is nan; "" if they do not.

    Args:
        yours: what the answer gave.
        expected: what the reference gave.
        where: what it is, such as "the result".

    >>> mismatch([1.0], [1.0, 2.0], "the result")
    'the result should have 2 entries; yours has 1'
    """
    is_, should = kind(yours), kind(expected)
    if is_ != should:
        remedy = _REMEDIES.get((should, is_), "")
        return f"{where} should be {should}; yours is {is_}" + (f" ({remedy})" if remedy else "")
    if has_shape(expected):
        return _shape_mismatch(yours, expected, where)
    if should == "a list":
        if len(yours) != len(expected):
            return f"{where} should have {len(expected)} entries; yours has {len(yours)}"
        pairs = enumerate(zip(yours, expected, strict=True))
        found = (mismatch(a, b, f"entry {i} of {where}") for i, (a, b) in pairs)
        return next(filter(None, found), "")
    number = yours.data if should == "a Value" else yours
    if should in ("a number", "a Value") and math.isnan(number):
        return f"{where} is nan, which is not a number"
    return ""


def _shape_mismatch(yours: Any, expected: Any, where: str) -> str:
    if yours.shape != expected.shape:
        shapes = tuple(expected.shape), tuple(yours.shape)
        return f"{where} should have shape {shapes[0]}; yours has shape {shapes[1]}"
    dtypes = dtype_name(expected), dtype_name(yours)
    if any((name in dtypes[0]) != (name in dtypes[1]) for name in ("float", "bool")):
        return f"{where} should have a dtype such as {dtypes[0]}; yours has {dtypes[1]}"
    for path, number in leaves(yours):
        if isinstance(number, float) and math.isnan(number):
            return f"{where} is nan, which is not a number{place(path)}"
    return ""


def leaves(thing: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Walk over the numbers and strings in a thing, each with the indices that lead to it."""
    if has_shape(thing):
        thing = thing.tolist()
    if isinstance(thing, (list, tuple)):
        for i, entry in enumerate(thing):
            yield from leaves(entry, (*path, i))
    else:
        yield path, thing.data if isinstance(thing, Value) else thing


def place(path: tuple[int, ...]) -> str:
    """Return " at index 1" for (1,), " at index (0, 2)" for (0, 2) and nothing for ()."""
    return f" at index {path[0] if len(path) == 1 else path}" if path else ""


def difference(yours: Any, expected: Any, tolerance: float) -> str:
    """Say how far apart two things of the same structure are, and where most; "" if they agree.

    Numbers agree if they are no further apart than the tolerance, or than that share of the larger one.

    >>> difference([1.0, 2.5], [1.0, 2.0], 1e-6)
    'largest difference: 0.5 at index 1'
    """
    gaps = []
    for (path, a), (_, b) in zip(leaves(yours), leaves(expected), strict=True):
        if isinstance(b, str) and a != b:
            return f"first difference:{place(path) or ' in the text'}"
        if isinstance(b, Real) and not math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance):
            gaps.append((abs(a - b), path))
    if not gaps:
        return ""
    gap, path = max(gaps, key=lambda found: found[0])
    return f"largest difference: {gap:.6g}{place(path)}"


def same(yours: Any, expected: Any, tolerance: float = 1e-9) -> bool:
    """Whether two things have the same structure and agree; nan agrees with nan."""
    pairs = list(leaves(yours)), list(leaves(expected))
    if [path for path, _ in pairs[0]] != [path for path, _ in pairs[1]]:
        return False
    for (_, a), (_, b) in zip(*pairs, strict=True):
        if kind(a) != kind(b):
            return False
        if kind(a) == "a number":
            both_nan = math.isnan(a) and math.isnan(b)
            if not (both_nan or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)):
                return False
        elif isinstance(a, (str, bool)) and a != b:
            return False
    return kind(yours) == kind(expected)


def freeze(thing: Any) -> Any:
    """Return the numbers and strings inside a thing as they are now, in lists, tensors and arrays of their own."""
    if isinstance(thing, Value):
        return [thing.data, thing.grad]
    if isinstance(thing, (list, tuple)):
        return [freeze(entry) for entry in thing]
    if isinstance(thing, dict):
        return [freeze(item) for item in thing.items()]
    if is_tensor(thing):
        return thing.clone()
    if is_array(thing):
        return thing.copy()
    if isinstance(thing, (Real, str)) or not hasattr(thing, "__dict__"):
        return thing
    return None if callable(thing) else freeze(vars(thing))
