"""From cells to the plain values that a worker gets, and which weights, features and labels they may see."""

from collections.abc import Mapping

from study import identity, versions
from study.config import Scoring, Study
from study.data.frozen_task import FrozenTask
from study.data.samples import plain
from study.planning.plan import Cell
from study.storage.file_ref import FileRef
from trainables.contracts import CellJob, TestSet


def trial_job(study: Study, cell: Cell, task: FrozenTask, encoder: FileRef | None, features: FileRef | None) -> CellJob:
    """What every run of this cell gets besides settings, seed and test sets. It holds no path to a test label.

    Patients are numbers. With ``folds`` there is no ``val``: the positions of ``train`` that each fold holds out
    validate.
    """
    adaptation, subset = cell.factors["adaptation"], cell.subset
    binary = task.kind == "single" and len(task.classes) == 2
    return CellJob(
        adaptation=adaptation,
        backbone=study.backbone,
        image_size=study.image_size,
        window=study.window,
        images=task.images,
        classes=len(task.classes),
        label_kind=task.kind,
        positive=1 if binary else None,
        train=[row for row, _ in subset.train],
        train_labels=[plain(label) for _, label in subset.train],
        train_patients=subset.patient_numbers(subset.train),
        val=[row for row, _ in subset.val],
        val_labels=[plain(label) for _, label in subset.val],
        val_patients=subset.patient_numbers(subset.val),
        folds=subset.folds,
        encoder=encoder,
        features=features,
        epochs=study.adaptations[adaptation].epochs,
        updates=_updates(cell),
        objective=study.selection.objective,
        sensitivity_at=study.scoring.specificity,
        patient_score=study.scoring.patient,
        threads=study.resources.trial.cpus,
        gpus=study.resources.trial.gpus,
    )


def scored_on(task: FrozenTask) -> dict[str, TestSet]:
    """What a final run is scored on, for the first time with the way to the test labels: the task's own set and those
    from elsewhere."""
    own = task.samples.filter(role="test").sort("row")
    tests = {"test": _test(task.images, own["row"].to_list(), own["token"].to_list(), task.test_labels_uri)}
    for name, external in task.external.items():
        rows, tokens = external.samples["row"].to_list(), external.samples["token"].to_list()
        tests[name] = _test(external.images, rows, tokens, external.labels_uri)
    return tests


def fingerprint(study: Study, cell: Cell, task: FrozenTask, encoder: FileRef | None, settings: Mapping) -> str:
    """Hash of what is done at a key: settings, data, encoder and code. Where files lie plays no part.

    What a study leaves at its default is left out, so that runs of earlier versions keep theirs.
    """
    fixed = {name: getattr(study, name) for name in ("backbone", "image_size")} | {
        "window": list(study.window),
        "epochs": study.adaptations[cell.factors["adaptation"]].epochs,
        "objective": study.selection.objective,
    }
    if "length" in cell.factors:
        fixed["length"] = cell.factors["length"]
    if study.scoring != Scoring():
        fixed["scoring"] = study.scoring.model_dump()
    external = {name: each.images.digest for name, each in task.external.items()}
    return identity.digest(
        {
            "settings": dict(settings),
            "fixed": fixed,
            "data": [task.split_hash, cell.subset.hash, *([external] if external else [])],
            "encoder": encoder and encoder.digest,
            "results_version": versions.RESULTS,
        }
    )


def _updates(cell: Cell) -> int | None:
    return int(cell.factors["length"].removesuffix(" updates")) if "length" in cell.factors else None


def _test(images: FileRef, rows: list[int], tokens: list[str], labels_uri: str) -> TestSet:
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return TestSet(images, rows, [numbers[token] for token in tokens], labels_uri)
