"""Cross-validation inside a labelled subset: a job with folds as one job a fold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainables.contracts import TrialJob


def check(job: TrialJob) -> None:
    """Raises ValueError unless the folds part the training rows: each position in one of two folds or more."""
    folds = job.folds
    if folds is None:
        return
    count = len(job.train)
    if len(folds) < 2 or sorted(position for fold in folds for position in fold) != list(range(count)):
        raise ValueError(f"folds: want 2 or more that part the positions 0..{count - 1} of the training rows")
    if count - max(map(len, folds)) < 2:
        raise ValueError("folds: training needs 2 images or more outside every fold")
    if job.val:
        raise ValueError("folds: cross-validation inside the subset takes no validation rows besides")


def parts(job: TrialJob) -> list[TrialJob]:
    """Jobs that train one model each and judge it on their `val`: the job itself, or one a fold.

    A fold's part trains on the other folds and validates on its own; its seed is made of the job's and its number.
    """
    if job.folds is None:
        return [job]
    return [_part(job, fold, number) for number, fold in enumerate(job.folds)]


def whole(job: TrialJob) -> TrialJob | None:
    """The job that trains on all of the subset, where that is not what `parts` does already."""
    return None if job.folds is None else job.but(folds=None)


def _part(job: TrialJob, fold: Sequence[int], number: int) -> TrialJob:
    inside = set(fold)
    rest = [position for position in range(len(job.train)) if position not in inside]

    def at(values: Sequence[Any], positions: Sequence[int]) -> list[Any]:
        return [values[position] for position in positions]

    return job.but(
        folds=None,
        train=at(job.train, rest),
        train_labels=at(job.train_labels, rest),
        train_patients=None if job.train_patients is None else at(job.train_patients, rest),
        val=at(job.train, fold),
        val_labels=at(job.train_labels, fold),
        val_patients=None if job.train_patients is None else at(job.train_patients, fold),
        seed=int(np.random.SeedSequence([job.seed, number]).generate_state(1, np.uint32)[0]),
    )
