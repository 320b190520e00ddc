"""Tensors by name: taking over those of a file or of another model, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class TakesState:
    """A model that can take over the state of another one, given that it has a `state_dict`."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that the model has learned, by name, in the memory it is in."""
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy what `state_dict` of such a model returned into this one.

        Raises:
            ValueError: names, types or shapes differ, or numbers are not finite. Nothing is changed then.
        """
        copy_into(self.state_dict(), state)


@torch.no_grad()
def copy_into(mine: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Copy tensors into those of the same names, in place.

    Args:
        mine: what a model has, in the memory that it is in.
        given: finite tensors of the same names, types and shapes.

    Raises:
        ValueError: they are others. Nothing is copied then.
    """
    check_names(mine, given)
    for name, x in given.items():
        check_like(name, x, mine[name])
        if not x.isfinite().all():
            raise ValueError(f"{name} has numbers that are not finite.")
    for name, x in given.items():
        mine[name].copy_(x)


def check_names(wanted: Mapping[str, object], given: Mapping[str, object]) -> None:
    """Raise a clear error unless the names are the same."""
    if odd := sorted(wanted.keys() ^ given.keys()):
        raise ValueError(
            f"tensors are missing or too many: {', '.join(odd[:3])}; wanted are {', '.join(wanted)}."
        )


def check_like(name: str, x: Tensor, y: Tensor) -> None:
    """Raise a clear error unless a tensor has the type and the shape of another."""
    if (x.dtype, x.shape) != (y.dtype, y.shape):
        raise ValueError(
            f"{name} is {x.dtype} of shape {tuple(x.shape)}, not {y.dtype} of shape {tuple(y.shape)}."
        )


def check_counts(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Raise a clear error unless these are counts, 0 or more, of the wanted names, types and shapes."""
    check_names(wanted, given)
    for name, x in given.items():
        check_like(name, x, wanted[name])
        if (x < 0).any():
            raise ValueError(f"{name} has a count below 0: {int(x.min())}.")


def numbered(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of several parts under one roof, those of part 0 as "0.name"."""
    return {f"{i}.{key}": x for i, part in enumerate(states) for key, x in part.items()}


def parts_of(state: Mapping[str, Tensor], n: int) -> list[dict[str, Tensor]]:
    """Return the tensors of n parts, of which `numbered` made a whole.

    Raises:
        ValueError: there are others.
    """
    parts: list[dict[str, Tensor]] = [{} for _ in range(n)]
    for name, x in state.items():
        number, _, rest = name.partition(".")
        if not number.isdecimal() or int(number) >= n:
            raise ValueError(f"{name!r} is of none of {n} parts.")
        parts[int(number)][rest] = x
    return parts
