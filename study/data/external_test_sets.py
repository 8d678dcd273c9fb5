"""Further test sets of a task, of patients whom it does not hold: frozen like its own, one entry of the store each."""

import hashlib
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from study import versions
from study.data import store_entries
from study.data.labels_csv import Coding, LabelRow, read_labels
from study.data.pseudonyms import PseudonymKey
from study.data.samples import Sample, distinct_rows, paths_of
from study.data.splits import token_of
from study.data.task_files import folder_pixels, write_images, write_test_labels
from study.errors import InputRefused
from study.fields import DataFile, DataFolder, StrictConfig
from study.storage.file_ref import FileRef
from study.suggestions import did_you_mean

log = logging.getLogger(__name__)

DOCUMENT = "external.json"
COLUMNS = {"row": pl.Int64, "digest": pl.String, "patient": pl.String, "token": pl.String}


class External(StrictConfig):
    """A further test set of a task's classes: an image folder with a CSV of which every row is tested."""

    images: DataFolder
    """The folder that the CSV's files lie below."""
    labels: DataFile
    """The CSV, with columns as a task's."""


@dataclass(frozen=True)
class ExternalSet:
    """A test set on disk. ``samples`` has columns as ``COLUMNS``, a row an image of its own store."""

    images: FileRef
    samples: pl.DataFrame
    labels_uri: str


def freeze_external(
    task: str, name: str, source: External, *, coding: Coding, known: Collection[str], store: Path, key: PseudonymKey
) -> ExternalSet:
    """The test set of ``source`` (``images``, ``labels``), made unless it is in the store already.

    ``coding``: the task's. ``known``: digests of the task's images. Raises InputRefused for a label that is no class of
    the task, a class that no image has, and an image that is the task's too, since its patient would be.
    """
    labels = Path(source.labels)
    rows, _ = _rows(source, coding)
    paths = paths_of(rows, Path(source.images), labels)
    identity = [
        "external",
        versions.EXTERNAL_TEST_SET,
        coding.classes,
        coding.kind,
        hashlib.sha256(labels.read_bytes()).hexdigest(),
    ]
    files = {(row.file, path) for row, path in zip(rows, paths, strict=True)}
    listing = store_entries.fingerprint(identity, files)

    def make(entry: Path) -> None:
        samples = external_samples(task, name, source, coding=coding, known=known)
        images = write_images(
            entry / "images.arrow", samples, folder_pixels(Path(source.images), labels), key, unit="grey"
        )
        table = [(i, s.digest, key.of(s.row.patient), s.token) for i, s in enumerate(samples)]
        pl.DataFrame(table, schema=COLUMNS, orient="row").write_parquet(entry / "samples.parquet")
        write_test_labels(entry / "test_labels.parquet", samples, coding.kind)
        store_entries.write(entry, DOCUMENT, {"images": images.digest, "key_check": key.check, "listing": listing})

    entry = store_entries.opened_or_made(Path(store), f"external-{task}-{name}-{listing[:12]}", key, DOCUMENT, make)
    samples = pl.read_parquet(entry / "samples.parquet")
    shared = set(samples["digest"]) & set(known)
    if shared:
        raise InputRefused(f"{labels}: {len(shared)} images are in task {task} too; remove them from one of the two")
    log.info(f"task {task}: external test set {name}: {len(samples)} images ({samples['token'].n_unique()} patients)")
    images = FileRef(str(entry / "images.arrow"), store_entries.read(entry, DOCUMENT)["images"])
    return ExternalSet(images, samples, str(entry / "test_labels.parquet"))


def external_samples(task: str, name: str, source: External, *, coding: Coding, known: Collection[str]) -> list[Sample]:
    """The samples, all in role test, by token and digest; refuses as ``freeze_external`` does, naming file and line."""
    labels = Path(source.labels)
    rows, with_patients = _rows(source, coding)
    if not with_patients:
        log.info(f"task {task}: {labels} has no column 'patient', so each image counts as a patient of its own")
    kept = distinct_rows(f"{task}, {name}", rows, Path(source.images), labels)
    for digest, row in kept.items():
        if digest in known:
            raise InputRefused(
                f"{labels}, line {row.line}: {row.file} is an image of task {task} too; "
                "an external test set holds none of the task's patients: remove it from one of the two"
            )
    by_patient: dict[str, list[str]] = {}
    for digest, row in kept.items():
        by_patient.setdefault(row.patient, []).append(digest)
    tokens = {raw: token_of(digests) for raw, digests in by_patient.items()}
    samples = [Sample(row, digest, tokens[row.patient], "test", coding.code(row.label)) for digest, row in kept.items()]
    return sorted(samples, key=lambda sample: (sample.token, sample.digest))


def _rows(source: External, coding: Coding) -> tuple[list[LabelRow], bool]:
    labels = Path(source.labels)
    findings = coding.classes if coding.kind == "multi" else None
    rows, with_patients = read_labels(labels, findings)
    seen = set()
    for row in rows:
        if findings is None and row.label not in coding.classes:
            where = f"{labels}, line {row.line} ({row.file})"
            raise InputRefused(f"{where}: the task has no class {row.label!r}{did_you_mean(row.label, coding.classes)}")
        code = coding.code(row.label)
        seen |= {code} if isinstance(code, int) else {place for place, value in enumerate(code) if value}
    for place, label in enumerate(coding.classes):
        if place not in seen:
            raise InputRefused(f"{labels}: no row is of class {label!r}; an external test set has all of its task's")
    return rows, with_patients
