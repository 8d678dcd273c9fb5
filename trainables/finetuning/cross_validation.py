"""Cross-validation inside a labelled subset: a job with folds as one job a fold."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Job = Mapping[str, Any]


def check(job: Job) -> None:
    """Raises ValueError unless the folds part the training rows: each position in one of two folds or more."""
    folds = job.get("folds")
    if folds is None:
        return
    count = len(job["train"])
    if len(folds) < 2 or sorted(position for fold in folds for position in fold) != list(range(count)):
        raise ValueError(f"folds: want 2 or more that part the positions 0..{count - 1} of the training rows")
    if count - max(map(len, folds)) < 2:
        raise ValueError("folds: training needs 2 images or more outside every fold")
    if job["val"]:
        raise ValueError("folds: cross-validation inside the subset takes no validation rows besides")


def parts(job: Job) -> list[Job]:
    """Jobs that train one model each and judge it on their `val`: the job itself, or one a fold.

    A fold's part trains on the other folds and validates on its own; its seed is made of the job's and its number.
    """
    if job.get("folds") is None:
        return [job]
    return [_part(job, fold, number) for number, fold in enumerate(job["folds"])]


def whole(job: Job) -> Job | None:
    """The job that trains on all of the subset, where that is not what `parts` does already."""
    return None if job.get("folds") is None else {**job, "folds": None}


def _part(job: Job, fold: list[int], number: int) -> Job:
    inside = set(fold)
    rest = [position for position in range(len(job["train"])) if position not in inside]

    def at(name: str, positions: list[int]) -> list:
        return [job[name][position] for position in positions]

    patients = job.get("train_patients")
    seed = int(np.random.SeedSequence([job["seed"], number]).generate_state(1, np.uint32)[0])
    return {
        **job,
        "folds": None,
        "train": at("train", rest),
        "train_labels": at("train_labels", rest),
        "val": at("train", fold),
        "val_labels": at("train_labels", fold),
        "val_patients": patients and at("train_patients", fold),
        "seed": seed,
    }
