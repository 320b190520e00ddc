"""Looking for good settings: many small networks trained at once, and a study that outlives its process."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
import torch
import torch.nn.functional as F
from optuna.distributions import (
    BaseDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.exceptions import OptunaError
from optuna.samplers import TPESampler
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError
from torch import Tensor
from torch.func import grad, vmap

from nnz.data import LETTERS, Vocabulary
from nnz.mlp import BengioMLP, scores
from nnz.plumbing.undo import unmoved
from nnz.schedules import one_cycle
from nnz.train import LossError, batches, train

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Recipe:
    """All that decides a network of Bengio's kind but the names it learns from and its random numbers.

    Attributes:
        rate: the highest learning rate of a `one_cycle`.
        decay: AdamW's weight decay, on all weights.
        steps: how many steps.
        batch_size: how many windows each step looks at; None for all of them.
        block_size: see `nnz.mlp.BengioMLP`.
        n_embd: likewise.
        n_hidden: likewise.
        quiet: whether the first weights are quietened.
    """

    rate: float
    decay: float
    steps: int
    batch_size: int | None = None
    block_size: int = 3
    n_embd: int = 10
    n_hidden: int = 200
    quiet: bool = True

    def fit(
        self,
        names: Sequence[str],
        *,
        generator: torch.Generator,
        vocabulary: Vocabulary = LETTERS,
    ) -> BengioMLP:
        """Return a model of these sizes, trained.

        Args:
            names: what to learn from.
            generator: the source of the first weights and of the batches.
            vocabulary: the alphabet; a to z by default.

        Raises:
            LossError, ValueError: as `nnz.train.train` and `nnz.train.batches`; the generator is then as it was.
            KeyboardInterrupt: Ctrl-C; a half-trained model would not be what the recipe says.
        """
        sizes = (self.block_size, self.n_embd, self.n_hidden)
        with unmoved(generator):
            model = BengioMLP(*sizes, generator=generator, vocabulary=vocabulary)
            if self.quiet:
                model.quieten()
            weights, steps = model.parameters(), self.steps
            optimizer = torch.optim.AdamW(
                weights, betas=(0.9, 0.99), weight_decay=self.decay, fused=True
            )
            source = batches(model, names, self.batch_size, generator)
            schedule = one_cycle(self.rate, steps=steps)
            run = train(model, source, optimizer, steps=steps, schedule=schedule)
        if run.interrupted:
            raise KeyboardInterrupt  # a half-trained model is not this recipe's
        return model


def stack(models: Sequence[BengioMLP]) -> dict[str, Tensor]:
    """Return the weights of M models of one shape, each name with a tensor whose first axis is the model.

    Raises:
        ValueError: there is no model, or their weights differ in shape.
    """
    shapes = [{k: tuple(v.shape) for k, v in m.params.items()} for m in models]
    if not shapes or any(shape != shapes[0] for shape in shapes):
        given = f"got {len(shapes)} models of {len(set(map(str, shapes)))} shapes"
        raise ValueError(f"models are stacked if they have one shape; {given}.")
    return {
        name: torch.stack([model.params[name].detach() for model in models])
        for name in shapes[0]
    }


def train_together(
    models: Sequence[BengioMLP],
    names: Sequence[str],
    *,
    rates: Tensor,
    decays: Tensor,
    steps: int,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train M models of one shape at once, in place, by gradient descent on the same batches.

    Each step takes p - rate · (slope + decay · p), with a rate and a decay for each model.

    Args:
        models: M of them.
        names: what to learn from.
        rates: float of shape (M,).
        decays: float of shape (M,).
        steps: how many.
        batch_size: how many windows a step looks at.
        generator: the source of the batches.

    Raises:
        ValueError: the models differ in shape, there is not a rate and a decay for each, a rate is not above 0, a
            decay or steps is negative, or as `nnz.train.batches`.
        ArithmeticError: weights of a model are not finite in the end; all models are as they were before.
    """
    _check_rates(models, rates, decays, steps)
    params = stack(models)
    source = batches(models[0], names, batch_size, generator)
    slopes = vmap(grad(batch_loss), in_dims=(0, None, None))
    with unmoved(generator):
        for _ in range(steps):
            found = slopes(params, *next(source))
            for name, p in params.items():
                shape = -1, *[1] * (p.ndim - 1)
                rate, decay = rates.view(shape), decays.view(shape)
                params[name] = p - rate * (found[name] + decay * p)
        _check_finite(params, models, rates)
    unstack(params, models)


def _check_finite(
    params: Mapping[str, Tensor], models: Sequence[BengioMLP], rates: Tensor
) -> None:
    """Stop before weights that are no numbers are copied into a model."""
    good = torch.ones(len(models), dtype=torch.bool)
    for name, p in params.items():
        copied = p.to(models[0].params[name].dtype)  # as unstack will do
        good &= copied.isfinite().flatten(1).all(dim=1)
    if not good.all():
        shown = ", ".join(f"{rate:.4g}" for rate in rates[~good])
        raise ArithmeticError(
            f"{int((~good).sum())} of {len(good)} models have weights that are not finite: at rate {shown};"
            " none was changed. Take smaller rates."
        )


def _check_rates(
    models: Sequence[BengioMLP], rates: Tensor, decays: Tensor, steps: int
) -> None:
    """Stop before a rate that is none, or one that is missing."""
    if not len(rates) == len(decays) == len(models):
        given = f"got {len(rates)} and {len(decays)} for {len(models)}"
        raise ValueError(f"each model needs a rate and a decay; {given}.")
    if not ((rates > 0) & rates.isfinite()).all():
        raise ValueError(
            f"rates must be above 0, and finite; got {rates.tolist()}."
        )
    if steps < 0 or not ((decays >= 0) & decays.isfinite()).all():
        given = f"got {steps} steps and decays {decays.tolist()}"
        raise ValueError(f"steps and decays are 0 or more, and finite; {given}.")


def batch_loss(params: Mapping[str, Tensor], X: Tensor, Y: Tensor) -> Tensor:
    """Return the loss of one model on a batch, as a function of its weights."""
    return F.cross_entropy(scores(params, X), Y)


@torch.no_grad()
def unstack(params: Mapping[str, Tensor], models: Sequence[BengioMLP]) -> None:
    """Copy stacked weights back into their models.

    Raises:
        ValueError: they are not those of as many models of these shapes; nothing is copied then.
    """
    _check_stacked(params, models)
    for name, tensors in params.items():
        for model, tensor in zip(models, tensors, strict=True):
            model.params[name].copy_(tensor)


def _check_stacked(
    params: Mapping[str, Tensor], models: Sequence[BengioMLP]
) -> None:
    """Stop before anything is copied, unless all of it can be."""
    here = {name: tuple(tensors.shape) for name, tensors in params.items()}
    for model in models:
        wanted = {k: (len(models), *p.shape) for k, p in model.params.items()}
        if here != wanted:
            raise ValueError(
                f"{len(models)} models have weights {wanted}; got {here}."
            )


_Space = Mapping[str, BaseDistribution]


def open_study(
    storage: str | os.PathLike[str], space: _Space, name: str = "nnz"
) -> optuna.Study:
    """Open a study in a database, and make it if it is not there. It remembers the space it searches.

    Args:
        storage: a file for SQLite; or the address of a database server, such as `postgresql://host/studies`.
        space: each setting with the values that it may have.
        name: of the study, in the database.

    Raises:
        ValueError: the study that is there searches another space, or the file is no study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = str(storage) if "://" in str(storage) else f"sqlite:///{storage}"
    try:
        study = optuna.create_study(
            storage=url, study_name=name, load_if_exists=True
        )
    except (OptunaError, SQLAlchemyError) as error:
        raise ValueError(f"{storage} cannot hold a study: {error}") from error
    if "space" not in study.user_attrs and not study.trials:
        texts = {key: distribution_to_json(space[key]) for key in space}
        study.set_user_attr("space", texts)
    there = {
        key: json_to_distribution(text)
        for key, text in study.user_attrs.get("space", {}).items()
    }
    if there != dict(space):
        raise ValueError(
            f"the study {name!r} in {storage} searches {there or 'nobody knows what'}, not {dict(space)}."
            " Give the new search another file or another name."
        )
    return study


def search(
    study: optuna.Study,
    space: _Space,
    objective: Callable[[dict[str, Any]], float],
    *,
    trials: int,
    seed: int = 0,
) -> None:
    """Try settings until `trials` of them have ended, in this process and others on the same study together.

    What is tried depends on the trials that have ended and the seed, so that a search that was interrupted goes on
    as it would have gone. Settings that make the loss explode are noted as pruned, which counts as worse than all
    others. As many processes as share the study may end as many trials less one more than was asked for.

    Args:
        study: from `open_study`.
        space: the same as there.
        objective: from settings to the loss; lower is better.
        trials: how many in all, those of before included.
        seed: another one for each process that shares the study.
    """
    while (done := len(study.get_trials(deepcopy=False, states=_ENDED))) < trials:
        study.sampler = TPESampler(
            seed=1000 * seed + done, multivariate=True, constant_liar=False
        )
        trial = study.ask(dict(space))
        try:
            value = objective(trial.params)
        except LossError:
            value = math.inf
        if value < math.inf:
            study.tell(trial, value)
        else:  # not a number, or exploded: worse than all others
            study.tell(trial, state=TrialState.PRUNED)
