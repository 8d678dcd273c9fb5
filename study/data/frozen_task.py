"""A labelled set into a frozen task: images in a store, samples with their roles, test labels in their own file."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from study import versions
from study.data import store_entries
from study.data.external_test_sets import ExternalSet, external_samples, freeze_external
from study.data.labels_csv import Coding
from study.data.pseudonyms import PHANTOM_KEY, PseudonymKey
from study.data.readers import Labelled
from study.data.samples import Split, split_rows
from study.data.slice_store import Unit
from study.data.splits import Shares
from study.data.task import Task
from study.data.task_files import write_images, write_test_labels
from study.errors import InputRefused
from study.identity import digest
from study.storage.file_ref import FileRef
from study.vocabulary import Kind

log = logging.getLogger(__name__)

DOCUMENT = "task.json"


@dataclass(frozen=True)
class TaskPreview:
    """A task as ``freeze_task`` would split it. ``samples`` names patients by their content tokens, having no key."""

    name: str
    classes: list[str]
    positive: str | None
    split_hash: str
    samples: pl.DataFrame
    kind: Kind = "single"
    folds: "Sequence[TaskPreview]" = ()


@dataclass(frozen=True)
class FrozenTask:
    """A task on disk. ``samples`` has columns as ``SAMPLES``, a row an image of the store, null labels in test rows.

    ``folds``: with outer folds, the task as it is in each of them, with samples and test labels of its own; the task
    itself then has role ``outer`` and no label in every row. ``external``: further test sets by name.
    """

    name: str
    classes: list[str]
    positive: str | None
    images: FileRef
    split_hash: str
    samples: pl.DataFrame
    test_labels_uri: str
    kind: Kind = "single"
    folds: "Sequence[FrozenTask]" = ()
    external: Mapping[str, ExternalSet] = field(default_factory=dict)


def freeze_task(name: str, source: Task, *, store: Path, key: PseudonymKey | None, seed: int) -> FrozenTask:
    """The frozen task of ``source``, made unless it is in the store already.

    Raises InputRefused for whatever is wrong with it, naming file and line.
    """
    reader = source.reader
    key = PHANTOM_KEY if reader.public else key
    if key is None:
        raise InputRefused("real images need a pseudonym key")
    listing = reader.listing(_identity(source, seed))

    def make(entry: Path) -> None:
        with reader.opened(name) as labelled:
            _write(name, _split(name, source, labelled, seed), labelled, reader.unit, entry, key, listing)

    entry = store_entries.opened_or_made(Path(store), f"task-{name}-{listing[:12]}", key, DOCUMENT, make)
    content = store_entries.read(entry, DOCUMENT)
    coding = Coding(content["classes"], content["positive"], content.get("kind", "single"))
    images = FileRef(str(entry / "images.arrow"), content["images"])

    def opened(of: str, split: dict[str, Any], **more: Any) -> FrozenTask:
        samples = pl.read_parquet(entry / f"samples{of}.parquet")
        labels = str(entry / f"test_labels{of}.parquet")
        at = (images, split["split_hash"], samples, labels, coding.kind)
        return FrozenTask(name, coding.classes, coding.positive, *at, **more)

    splits = content.get("folds", [])
    for fold, split in enumerate(splits or [content]):
        where = f"task {name}, fold {fold}" if splits else f"task {name}"
        log.info(f"{where}: {_described(split['counts'], coding.classes)}")
    folds = [opened(f"-{fold}", split) for fold, split in enumerate(splits)]
    digests = set(pl.read_parquet(entry / "samples.parquet", columns=["digest"])["digest"])
    external = {
        other: freeze_external(name, other, given, coding=coding, known=digests, store=store, key=key)
        for other, given in source.external.items()
    }
    return opened("", content, folds=folds, external=external)


def preview_task(name: str, source: Task, *, seed: int) -> TaskPreview:
    """The split that ``freeze_task`` would make: files are hashed, but not decoded, and nothing is left behind."""

    with source.reader.opened(name) as labelled:
        splits = _split(name, source, labelled, seed)
    coding = splits[0].coding
    known = {sample.digest for sample in splits[0].samples}
    for other, given in source.external.items():
        external_samples(name, other, given, coding=coding, known=known)

    def seen(split: Split, folds: Sequence[TaskPreview] = ()) -> TaskPreview:
        samples = split.frame(lambda sample: sample.token)
        hash_ = digest([fold.split_hash for fold in folds]) if folds else split.hash
        return TaskPreview(name, coding.classes, coding.positive, hash_, samples, coding.kind, folds)

    return seen(splits[0]) if len(splits) == 1 else seen(splits[0].outer(), [seen(split) for split in splits])


def _split(name: str, source: Task, labelled: Labelled, seed: int) -> list[Split]:
    """One split, or one an outer fold."""
    shares = Shares(source.test_fraction, source.val_fraction, source.outer_folds)
    return split_rows(name, labelled.rows, labelled.coding, shares=shares, seed=seed)


def _identity(source: Task, seed: int) -> list[Any]:
    """What is left out where it is not used keeps the entries of earlier versions."""
    what, used = source.reader.identity()
    used = {name: value for name, value in (used | {"outer_folds": source.outer_folds}).items() if value}
    return ["task", versions.TASK, what, source.test_fraction, source.val_fraction, seed, *([used] if used else [])]


def _write(
    name: str, splits: list[Split], labelled: Labelled, unit: Unit, entry: Path, key: PseudonymKey, listing: str
) -> None:
    folds = splits if len(splits) > 1 else []
    whole = splits[0].outer() if folds else splits[0]
    images = write_images(entry / "images.arrow", whole.samples, labelled.pixels, key, unit=unit)
    for of, split in [("", whole), *((f"-{fold}", split) for fold, split in enumerate(folds))]:
        split.frame(lambda sample: key.of(sample.row.patient)).write_parquet(entry / f"samples{of}.parquet")
        write_test_labels(entry / f"test_labels{of}.parquet", split.samples, split.coding.kind)
    content = {
        "version": versions.TASK,
        "name": name,
        "classes": whole.coding.classes,
        "positive": whole.coding.positive,
        "kind": whole.coding.kind,
        "split_hash": digest([split.hash for split in folds]) if folds else whole.hash,
        "images": images.digest,
        "key_check": key.check,
        "listing": listing,
        "counts": whole.counts(),
        "folds": [{"split_hash": split.hash, "counts": split.counts()} for split in folds],
    }
    store_entries.write(entry, DOCUMENT, content)


def _described(counts: dict[str, dict[str, int]], classes: list[str]) -> str:
    roles = [f"{own['images']} {role} ({own['patients']} patients)" for role, own in counts.items()]
    return f"{', '.join(roles)}; classes {', '.join(classes)}"
