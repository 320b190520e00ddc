"""Models of the book as pages take them: from the store, trained once for all of them."""

from __future__ import annotations

from nnz.app.trained import Trained, trained
from nnz.data import load_names, split_names
from nnz.experiments import scaled
from nnz.models import spec_of


def stored(name: str, seed: int = 1) -> Trained:
    """Return a model trained on the training names, for a share of its steps if they are few."""
    names = split_names(load_names())[0]
    return trained(spec_of(name), names, seed=seed, effort=scaled(1000, names) / 1000)
