"""From what was run to the rows of the ledger, with everything that shaped a number beside it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from study.data.frozen_task import FrozenTask
from study.execution.cell_context import CellContext
from study.execution.finished_run import FinishedRun
from study.planning.plan import Cell
from study.provenance import provenance
from study.vocabulary import DEFAULT_FACTORS, HYPERPARAMETERS


def run_row(
    context: CellContext, cell: Cell, run: FinishedRun, *, key: str, index: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The columns that `trials` and `finals` share."""
    result = run.result
    seconds = (result and result.seconds) or (run.ended_at - run.started_at).total_seconds()
    encoder = context.weights(cell)
    return {
        "key": key,
        "fingerprint": context.fingerprint(cell, settings),
        "study": context.study.name,
        "index": index,
        "status": run.status,
        **DEFAULT_FACTORS,
        **cell.factors,
        "n_train": len(cell.subset.train),
        "n_val": len(cell.subset.val),
        "n_patients": cell.subset.n_patients,
        "label_unit": "image",
        "seed": run.seed,
        "subset_hash": cell.subset.hash,
        "split_hash": context.task(cell).split_hash,
        "encoder_hash": encoder and encoder.digest,
        "corpus_hash": context.corpus_hash(cell),
        **{f"hp_{name}": settings.get(name) for name in HYPERPARAMETERS},
        "settings": json.dumps(dict(settings), sort_keys=True),
        "epochs": run.epochs,
        "images": run.images,
        "seconds": seconds,
        "device_seconds": result.device_seconds if result else seconds,
        "error": run.error,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "device": result and result.device,
        "threads": result.threads if result else context.study.resources.trial.cpus,
        **provenance(),
    }


def prediction_rows(key: str, task: FrozenTask, predictions: Iterable) -> list[dict]:
    """Worker predictions ``[split, test_set, row, labels, p]`` with each sample's digest and patient pseudonym."""
    tables = {None: task.samples, "test": task.samples} | {name: each.samples for name, each in task.external.items()}
    who = {
        (name, row): (digest, patient)
        for name, samples in tables.items()
        for row, digest, patient in samples.select("row", "digest", "patient").iter_rows()
    }
    return [
        {
            "key": key,
            "split": split,
            "test_set": test_set,
            "sample": who[test_set, row][0],
            "patient": who[test_set, row][1],
            "labels": labels,
            "p": p,
        }
        for split, test_set, row, labels, p in predictions
    ]


def score_rows(key: str, scores: Iterable) -> list[dict]:
    return [
        {"key": key, "test_set": test_set, "unit": unit, "metric": metric, "value": value}
        for test_set, unit, metric, value in scores
    ]


def curve_rows(key: str, curves: Iterable) -> list[dict]:
    return [
        {"key": key, "epoch": epoch, "step": step, "split": split, "metric": metric, "value": value}
        for epoch, step, split, metric, value in curves
    ]
