"""The plain records that a trial or a final run hands back: one an epoch, the last with the result."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq

from trainables import metrics


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


def check(job: Mapping[str, Any]) -> None:
    """Raises ValueError for a job whose rows and labels do not fit each other or that names no known objective."""
    metrics.get(job["objective"])
    if job["classes"] < 2:
        raise ValueError(f"a task needs 2 classes or more, got {job['classes']}")
    for split in ("train", "val"):
        rows, labels = job[split], job[f"{split}_labels"]
        if len(rows) != len(labels):
            raise ValueError(f"{split}: {len(rows)} rows, but {len(labels)} labels")
        if any(not 0 <= label < job["classes"] for label in labels):
            raise ValueError(f"{split}: a label lies outside 0..{job['classes'] - 1}")
    if job["epochs"] < 1:
        raise ValueError(f"training needs 1 epoch or more, got {job['epochs']}")
    if len(job["train"]) < 2:
        raise ValueError(f"training needs 2 images or more, got {len(job['train'])}")


def epoch(
    job: Mapping[str, Any], p_val: np.ndarray, *, epoch: int, step: int, images: int, loss: float
) -> dict[str, Any]:
    """The record of one epoch. The score is None where validation is empty or lacks a class; curves hold defined
    values only.

    p_val: (number of validation rows, classes). images: training images seen so far.
    """
    judged = {name: metrics.get(name)(np.asarray(job["val_labels"]), p_val) for name in (job["objective"], "log_loss")}
    curves = [["train", "loss", loss], *(["val", name, value] for name, value in judged.items() if value is not None)]
    score = metrics.objective(job["objective"], judged[job["objective"]])
    return {"epoch": epoch, "step": step, "images": images, "score": score, "curves": curves, "result": None}


def outcome(
    job: Mapping[str, Any], p_val: np.ndarray, predict: Callable[[list[int]], np.ndarray], spent: Spent, **facts: Any
) -> dict[str, Any]:
    """The result in the last record. Only a final run (`job["test"]` set) has scores and predictions, and reads test
    labels.

    predict: rows -> probabilities (rows, classes), asked for the test rows alone. facts: epochs, images, device,
    threads.
    """
    scores: list[list[Any]] = []
    predictions: list[list[Any]] = []
    if job["test"] is not None:
        labels = test_labels(job["test"])
        with spent.time(computing=True):
            p_test = as_stored(predict(job["test"]["rows"]))
        judged = metrics.evaluate(np.asarray(labels), p_test)
        scores = [["test", "image", name, value] for name, value in judged.items()]
        predictions = _rows("val", job["val"], job["val_labels"], as_stored(p_val))
        predictions += _rows("test", job["test"]["rows"], labels, p_test)
    return {
        **facts,
        "seconds": spent.seconds,
        "device_seconds": spent.device_seconds,
        "scores": scores,
        "predictions": predictions,
    }


def as_stored(p: np.ndarray) -> np.ndarray:
    """Probabilities at the precision of the predictions table, so that scores are those of what is stored.

    Rounding makes ties of probabilities close to 1, and ties change an AUC in its third digit.
    """
    return p.astype(np.float32).astype(np.float64)


def test_labels(test: Mapping[str, Any]) -> list[int]:
    """Labels of the test rows, in their order, out of the Parquet file (row, digest, label). ValueError if one is
    missing."""
    with fsspec.open(test["labels_uri"], "rb") as file:
        table = pq.read_table(file, columns=["row", "label"])
    known = dict(zip(table["row"].to_pylist(), table["label"].to_pylist(), strict=True))
    missing = [row for row in test["rows"] if known.get(row) is None]
    if missing:
        raise ValueError(
            f"{test['labels_uri']}: no label for {len(missing)} test rows, the first of them row {missing[0]}"
        )
    return [known[row] for row in test["rows"]]


def _rows(split: str, rows: list[int], labels: list[int], p: np.ndarray) -> list[list[Any]]:
    return [[split, int(row), [int(label)], each] for row, label, each in zip(rows, labels, p.tolist(), strict=True)]
