"""Predictions of a final run on images, and their scores, image by image and by patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq

from trainables.contracts import TestSet, TrialJob
from trainables.scoring import metrics, patients, thresholds


@dataclass(frozen=True)
class Predictions:
    """Images with what is true and what was predicted: rows of their store, labels (N,) or (N, findings), p (N, C) at
    the precision of the predictions table, so that scores are those of what is stored.

    Rounding makes ties of probabilities close to 1, and ties change an AUC in its third digit.
    """

    rows: list[int]
    labels: np.ndarray
    p: np.ndarray
    patients: Sequence[int] | None


def labels_of(job: TrialJob, labels: Sequence) -> np.ndarray:
    """A job's labels as whole numbers (N,), or (N, findings) of 0 and 1."""
    shape = (-1, job.classes) if job.multi else (-1,)
    return np.asarray(labels, dtype=np.int64).reshape(shape)


def predictions_on(
    job: TrialJob, rows: Sequence[int], labels: Sequence, p: np.ndarray, who: Sequence[int] | None
) -> Predictions:
    return Predictions(list(rows), labels_of(job, labels), p.astype(np.float32).astype(np.float64), who)


def validation(job: TrialJob, parts: Sequence[TrialJob], p_vals: Sequence[np.ndarray]) -> Predictions:
    """The validation images of all parts (folds) together."""
    rows = [row for part in parts for row in part.val]
    labels = [label for part in parts for label in part.val_labels]
    known = all(part.val_patients is not None for part in parts)
    who = [number for part in parts for number in part.val_patients or ()] if known else None
    return predictions_on(job, rows, labels, np.concatenate(p_vals), who)


def read_labels(test: TestSet, *, multi: bool) -> list[Any]:
    """Labels of the test rows, in their order, out of the Parquet file (row, digest, label; `labels` where there are
    several findings). ValueError if one is missing."""
    column = "labels" if multi else "label"
    with fsspec.open(test.labels_uri, "rb") as file:
        table = pq.read_table(file, columns=["row", column])
    known = dict(zip(table["row"].to_pylist(), table[column].to_pylist(), strict=True))
    missing = [row for row in test.rows if known.get(row) is None]
    if missing:
        raise ValueError(
            f"{test.labels_uri}: no label for {len(missing)} test rows, the first of them row {missing[0]}"
        )
    return [known[row] for row in test.rows]


def score_rows(job: TrialJob, name: str, test: Predictions, val: Predictions) -> list[list[Any]]:
    """`[test_set, unit, metric, value]` of a job's predictions: see `scored`."""
    found = scored(test, val, patient=job.patient_score, specificity=job.sensitivity_at, positive=job.positive)
    return [[name, *row] for row in found]


def scored(
    test: Predictions, val: Predictions, *, patient: str, specificity: float, positive: int | None
) -> list[list[Any]]:
    """`[unit, metric, value]`: unit "image", and where patients have several images also "patient" (the mean of a
    patient's probabilities) or "patient_max". Thresholds come from validation in the same unit."""
    units = {"image": ((test.labels, test.p), (val.labels, val.p))}
    if test.patients is not None and patients.several(test.patients):
        here = patients.gathered(test.patients, test.labels, test.p, rule=patient)
        there = None if val.patients is None else patients.gathered(val.patients, val.labels, val.p, rule=patient)
        if here is not None:
            nobody = val.labels[:0], val.p[:0]
            units["patient" if patient == "mean" else f"patient_{patient}"] = (here, nobody if there is None else there)
    rows = []
    for unit, (tested, validated) in units.items():
        found = metrics.evaluate(*tested)
        found |= thresholds.evaluate(*tested, *validated, specificity=specificity, positive=positive)
        rows += [[unit, metric, value] for metric, value in found.items()]
    return rows


def prediction_rows(split: str, name: str | None, images: Predictions) -> list[list[Any]]:
    """`[split, test_set, row, labels, p]`, a row an image."""
    labels = images.labels if images.labels.ndim == 2 else images.labels[:, None]
    each = zip(images.rows, labels.tolist(), images.p.tolist(), strict=True)
    return [[split, name, int(row), label, p] for row, label, p in each]
