"""A made-up study as the tables of a ledger, for what stands on its page."""

import numpy as np

from analysis.report.results import Results
from analysis.tables import StudyTables
from tests.analysis.conftest import key_of, study_of

from .world import Study


def tables(made: Study, pool: int = 400, *, patients: bool = True) -> StudyTables:
    """One final seed a run. A share of 1 is the full size, from which the shares of the pool are known. patients: named
    in the predictions."""
    w, test = made.world, made.test
    finals, scores, predictions = [], [], []
    places = [(name, size, *run, p) for (name, size), runs in made.p.items() for run, p in runs.items()]
    for name, size, draw, encoder, p in places:
        for fold in range(w.folds):
            key = key_of(name, size, draw, encoder, fold)
            finals.append({
                "key": key, "fingerprint": key, "study": "made", "status": "completed", "index": 0, "task": "made",
                "initialisation": name, "pretrain_seed": encoder, "size_kind": "share", "size_value": w.shares[size],
                "draw": draw, "adaptation": "linear", "n_train": w.labels[size], "n_val": 0,
                "n_patients": round(w.shares[size] * pool), "label_unit": "image", "split_hash": "split",
                "subset_hash": f"{size}-{draw}-{fold}", "encoder_hash": f"{name}-{encoder}", "selection": "search",
                "search_budget": 4, "fold": fold if w.folds > 1 else None,
            })  # fmt: skip
            at = {"key": key, "test_set": "test"}
            value = test.components_of(p, fold).estimate
            scores.append(at | {"unit": "image", "metric": "auc", "value": value})
            predictions += [
                at | {"split": "test", "sample": f"s{k:04}", "patient": f"p{test.patient[k]:03}" if patients else None}
                | _predicted(test.labels[k], p[k])
                for k in np.flatnonzero(test.fold == fold)
            ]  # fmt: skip
    return study_of(finals=finals, scores=scores, predictions=predictions)


def _predicted(labels: np.ndarray, p: np.ndarray) -> dict[str, list]:
    if len(p) == 1:
        return {"labels": [int(labels[0])], "p": [1 - float(p[0]), float(p[0])]}
    return {"labels": labels.astype(int).tolist(), "p": p.tolist()}


def results(made: Study) -> Results:
    """What the sections of its report are written from."""
    return Results(tables(made), "made", {}, [], {}, "auc", next(iter(made.world.auc)))
