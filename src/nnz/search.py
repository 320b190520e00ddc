"""Looking for good settings: many small networks trained at once, and a study that outlives its process.

Chapter: fitting.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.exceptions import OptunaError
from optuna.samplers import TPESampler
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from nnz.train import LossError

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


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
