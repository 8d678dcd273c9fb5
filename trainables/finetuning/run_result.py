"""The plain records that a trial or a final run hands back: one a judgement, the last with the result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from study.vocabulary import LOSS
from trainables.contracts import EpochRecord, RunResult, TestSet, TrialJob
from trainables.finetuning import cross_validation
from trainables.scoring import metrics, patients
from trainables.scoring.predictions import (
    labels_of,
    prediction_rows,
    predictions_on,
    read_labels,
    score_rows,
    validation,
)


@dataclass
class Spent:
    """Wall seconds: of all the job's own work, and of the part that computed (without loading images and weights)."""

    seconds: float = 0.0
    device_seconds: float = 0.0

    @contextmanager
    def time(self, *, computing: bool) -> Iterator[None]:
        started = perf_counter()
        yield
        taken = perf_counter() - started
        self.seconds += taken
        self.device_seconds += taken if computing else 0.0


def check(job: TrialJob) -> None:
    """Raises ValueError for a job whose parts do not fit each other or that names no known objective."""
    metrics.get(job.objective)
    multi = job.multi
    least = 1 if multi else 2
    if job.classes < least:
        raise ValueError(f"a task needs {least} classes or more, got {job.classes}")
    for split, rows, labels in (("train", job.train, job.train_labels), ("val", job.val, job.val_labels)):
        if len(rows) != len(labels):
            raise ValueError(f"{split}: {len(rows)} rows, but {len(labels)} labels")
        if multi and any(len(label) != job.classes or not {0, 1}.issuperset(label) for label in labels):
            raise ValueError(f"{split}: a label is not a list of {job.classes} times 0 or 1")
        if not multi and any(not 0 <= label < job.classes for label in labels):
            raise ValueError(f"{split}: a label lies outside 0..{job.classes - 1}")
    if job.epochs < 1:
        raise ValueError(f"training needs 1 epoch or more, got {job.epochs}")
    if len(job.train) < 2:
        raise ValueError(f"training needs 2 images or more, got {len(job.train)}")
    if job.patient_score not in patients.RULES:
        raise ValueError(f"patient_score: {job.patient_score!r} is none of {', '.join(patients.RULES)}")
    cross_validation.check(job)


def epoch(
    parts: Sequence[TrialJob], p_vals: Sequence[np.ndarray], *, epoch: int, step: int, images: int, loss: float
) -> EpochRecord:
    """The record of one judgement. The score is the mean over the parts (folds) in which the objective is defined: None
    where all validation is empty or lacks a class. Curves hold defined values only.

    p_vals: each part's (number of its validation rows, classes). images: training images seen so far.
    """
    name = parts[0].objective
    pairs = [(labels_of(part, part.val_labels), p) for part, p in zip(parts, p_vals, strict=True)]
    means = {each: _mean([metrics.get(each)(labels, p) for labels, p in pairs]) for each in (name, "log_loss")}
    curves: list[list[Any]] = [
        ["train", LOSS, loss],
        *(["val", name, value] for name, value in means.items() if value is not None),
    ]
    return EpochRecord(epoch, step, images, metrics.objective(name, means[name]), curves)


def outcome(
    job: TrialJob,
    parts: Sequence[TrialJob],
    p_vals: Sequence[np.ndarray],
    predict: Callable[[TestSet], np.ndarray],
    spent: Spent,
    **facts: Any,
) -> RunResult:
    """The result in the last record. Only a final run (one with test sets) has scores and predictions, and reads test
    labels; thresholds are chosen on the validation rows of all parts together.

    predict: one test set -> probabilities (its rows, classes). facts: epochs, images, device, threads.
    """
    scores: list[list[Any]] = []
    predictions: list[list[Any]] = []
    if job.tests:
        val = validation(job, parts, p_vals)
        predictions += prediction_rows("val", None, val)
        for name, test in job.tests.items():
            labels = read_labels(test, multi=job.multi)
            with spent.time(computing=True):
                p = predict(test)
            predicted = predictions_on(job, test.rows, labels, p, test.patients)
            scores += score_rows(job, name, predicted, val)
            predictions += prediction_rows("test", name, predicted)
    return RunResult(
        **facts,
        seconds=spent.seconds,
        device_seconds=spent.device_seconds,
        scores=scores,
        predictions=predictions,
    )


def _mean(values: list[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None
