"""A made-up study as the tables of a ledger, for what stands on its page."""

from analysis.report.results import Results
from analysis.tables import StudyTables
from tests.analysis.conftest import key_of, study_of

from .world import Study


def tables(made: Study, pool: int = 400) -> StudyTables:
    """One final seed a run. A share of 1 is the full size, from which the shares of the pool are known."""
    w = made.world
    finals, scores, predictions = [], [], []
    for (name, size), runs in made.p.items():
        share = w.shares[size]
        for (draw, encoder), p in runs.items():
            key = key_of(name, size, draw, encoder)
            finals.append({
                "key": key, "fingerprint": key, "study": "made", "status": "completed", "index": 0, "task": "made",
                "initialisation": name, "pretrain_seed": encoder, "size_kind": "share", "size_value": share,
                "draw": draw, "adaptation": "linear", "n_train": w.labels[size], "n_val": 0,
                "n_patients": round(share * pool), "label_unit": "image", "subset_hash": f"{size}-{draw}",
                "split_hash": "split", "encoder_hash": f"{name}-{encoder}", "selection": "search", "search_budget": 4,
            })  # fmt: skip
            value = made.points[name, size].scores[draw, encoder]
            at = {"key": key, "test_set": "test"}
            scores.append(at | {"unit": "image", "metric": "auc", "value": value})
            predictions += [
                at | {"split": "test", "sample": f"s{image:04}", "patient": f"p{made.patient[image]:03}",
                      "labels": [int(made.labels[image, 0])], "p": [1 - float(p[image, 0]), float(p[image, 0])]}
                for image in range(len(p))
            ]  # fmt: skip
    return study_of(finals=finals, scores=scores, predictions=predictions)


def results(made: Study) -> Results:
    """What the sections of its report are written from."""
    first = next(iter(made.world.auc))
    return Results(tables(made), "made", {}, [], {}, "auc", first)
