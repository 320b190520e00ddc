"""What a model of the book is made of: its name, its settings, and its recipe if it is trained.

Chapter: leaderboard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from nnz.contract import LanguageModel
from nnz.data import LETTERS, Vocabulary
from nnz.mixture import Mixture
from nnz.plumbing.undo import unmoved
from nnz.recipe import Recipe


@dataclass(frozen=True)
class ModelSpec:
    """A model of the book that can be asked for by name: how it is made, and how it is trained.

    Attributes:
        name: by which it is asked for.
        summary: what it is, in a line.
        build: makes one from its settings and a vocabulary; a network from a generator, too.
        settings: what a file must hold beside the numbers, in words and numbers that JSON has.
        recipe: how it is trained; None for models that count.
        whole: whether it is trained on whole names, so that contexts need room for the longest: a setting
            `block_size` is the least that it has.
    """

    name: str
    summary: str
    build: Callable[..., LanguageModel]
    settings: Mapping[str, Any]
    recipe: Recipe | None = None
    whole: bool = False

    def for_names(self, names: Sequence[str]) -> Self:
        """Return the spec with contexts that have room for a dot and the longest of these names."""
        room = 1 + max(map(len, names), default=0)
        if not self.whole or room <= self.settings["block_size"]:
            return self
        return replace(self, settings={**self.settings, "block_size": room})

    def make(
        self, vocabulary: Vocabulary, generator: torch.Generator
    ) -> LanguageModel:
        """Return a model that has learned nothing."""
        drawn = {"generator": generator} if self.recipe else {}
        return self.build(**self.settings, **drawn, vocabulary=vocabulary)

    def learn(self, model: Any, names: Sequence[str], **how: Any) -> None:
        """Let a model learn from names, in place; `how` is as for `Recipe.fit`."""
        if self.recipe:
            self.recipe.fit(model, names, **how)
        else:
            model.fit(names)

    def fit(
        self,
        names: Sequence[str],
        *,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
        effort: float = 1.0,
        show: bool | None = None,
    ) -> LanguageModel:
        """Return such a model, trained; arguments and errors are those of `nnz.models.fit`."""
        if not 0 < effort < math.inf:
            raise ValueError(f"effort is {effort}; it must be above 0, and finite.")
        how: dict[str, Any] = {"generator": generator, "effort": effort}
        spec = self.for_names(names)
        with unmoved(generator):
            model = spec.make(vocabulary, generator)
            spec.learn(model, names, show=show, **how)
        return model


@dataclass(frozen=True)
class MixtureSpec(ModelSpec):
    """A mixture: its settings have for each part, by its name, a share and the settings of that.

    Attributes:
        of: the specs of the parts; those that are the same divide their share.
    """

    of: tuple[ModelSpec, ...] = ()

    def parts(self) -> list[ModelSpec]:
        """Return the specs of its parts, with the settings that they have here."""
        return [replace(s, settings=self.settings[s.name][1]) for s in self.of]

    def shares(self) -> list[float]:
        """Return the share of each part."""
        names = [spec.name for spec in self.of]
        return [self.settings[name][0] / names.count(name) for name in names]

    def for_names(self, names: Sequence[str]) -> Self:
        """Return the spec with parts whose contexts have room for these names."""
        parts = [part.for_names(names) for part in self.parts()]
        settings = {s.name: [self.settings[s.name][0], s.settings] for s in parts}
        return replace(self, settings=settings)

    def make(
        self, vocabulary: Vocabulary, generator: torch.Generator
    ) -> LanguageModel:
        """Return a mixture of models that have learned nothing."""
        models = [part.make(vocabulary, generator) for part in self.parts()]
        return Mixture(models, self.shares())

    def learn(self, model: Any, names: Sequence[str], **how: Any) -> None:
        """Let each part learn, one after another."""
        for spec, part in zip(self.parts(), model.models, strict=True):
            spec.learn(part, names, **how)
