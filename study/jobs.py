"""From cells to the plain values that a worker gets, and which weights, features and labels they may see."""

from collections.abc import Mapping

from study import keys
from study.data.tasks import FrozenTask
from study.plan import Cell
from study.spec import Study
from trainables import adaptations


def trial_job(study: Study, cell: Cell, task: FrozenTask, encoder: dict, features: dict | None) -> dict:
    """What a trial of this cell gets besides settings and seed. It holds no path to a test label.

    From scratch, each run draws fresh weights from its own seed, unless its adaptation needs one fixed encoder.
    """
    adaptation = cell.factors["adaptation"]
    fresh = cell.factors["initialisation"] == "scratch" and not adaptations.get(adaptation).on_features
    return {
        "adaptation": adaptation,
        "backbone": study.backbone,
        "image_size": study.image_size,
        "window": list(study.window),
        "images": {"uri": task.images.uri, "digest": task.images.digest},
        "classes": len(task.classes),
        "train": [row for row, _ in cell.subset.train],
        "train_labels": [label for _, label in cell.subset.train],
        "val": [row for row, _ in cell.subset.val],
        "val_labels": [label for _, label in cell.subset.val],
        "encoder": None if fresh else encoder,
        "features": features,
        "epochs": study.adaptations[adaptation].epochs,
        "objective": study.selection.objective,
        "threads": study.resources.trial.cpus,
        "test": None,
    }


def final_job(job: dict, task: FrozenTask, settings: Mapping, seed: int) -> dict:
    """The same job with the chosen settings, a fresh seed, and for the first time the way to the test labels."""
    rows = task.samples.filter(role="test")["row"].sort().to_list()
    return job | {"settings": dict(settings), "seed": seed, "test": {"rows": rows, "labels_uri": task.test_labels_uri}}


def fingerprint(study: Study, cell: Cell, task: FrozenTask, job: dict, settings: Mapping) -> str:
    """Hash of what is done at a key: settings, data, encoder and code. Where files lie plays no part."""
    encoder = job["encoder"]
    return keys.digest(
        {
            "settings": dict(settings),
            "fixed": {name: job[name] for name in ("backbone", "image_size", "window", "epochs", "objective")},
            "data": [task.split_hash, cell.subset.hash],
            "encoder": encoder and encoder["digest"],
            "results_version": keys.RESULTS_VERSION,
        }
    )
