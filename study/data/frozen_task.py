"""A labelled set into a frozen task: images in a store, samples with their roles, test labels in their own file."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from study.data import store_entries
from study.data.external_test_sets import ExternalSet, external_samples, freeze_external
from study.data.labels_csv import Coding, read_labels
from study.data.npz_archive import read_archive
from study.data.phantom import scans
from study.data.pseudonyms import PHANTOM_KEY, PseudonymKey
from study.data.samples import Split, paths_of, split_folder
from study.data.splits import Shares
from study.data.task_files import Pixels, folder_pixels, write_images, write_test_labels
from study.errors import InputRefused
from study.identity import digest
from study.storage.file_ref import FileRef
from study.vocabulary import Kind

VERSION = 1  # raised whenever the same files would give another task
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


def freeze_task(
    name: str, source: Any, *, store: Path, key: PseudonymKey | None, seed: int, say: Callable[[str], None]
) -> FrozenTask:
    """The frozen task of ``source``, made unless it is in the store already.

    ``source`` is a labelled folder (``images``, ``labels``, ``positive`` or ``findings``), an archive (``npz``,
    ``positive``) or a phantom (``phantom``: settings), with ``test_fraction``, ``val_fraction``, ``outer_folds`` and
    ``external`` test sets. Raises InputRefused for whatever is wrong with it, naming file and line.
    """
    settings = source.phantom
    key = PHANTOM_KEY if settings is not None else key
    if key is None:
        raise InputRefused("real images need a pseudonym key")
    identity = _identity(source, seed)
    listing = store_entries.fingerprint(identity) if settings is not None else _listing(identity, source)

    def make(entry: Path) -> None:
        with _opened(source) as (split_by, pixels):
            splits = split_by(name, shares=_shares(source), seed=seed, say=say)
            _write(name, splits, pixels, entry, key, listing)

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
        say(f"{where}: {_told(split['counts'], coding.classes)}")
    folds = [opened(f"-{fold}", split) for fold, split in enumerate(splits)]
    digests = set(pl.read_parquet(entry / "samples.parquet", columns=["digest"])["digest"])
    external = {
        other: freeze_external(name, other, given, coding=coding, known=digests, store=store, key=key, say=say)
        for other, given in source.external.items()
    }
    return opened("", content, folds=folds, external=external)


def preview_task(name: str, source: Any, *, seed: int) -> TaskPreview:
    """The split that ``freeze_task`` would make: files are hashed, but not decoded, and nothing is left behind."""

    def quiet(text: str) -> None: ...

    with _opened(source) as (split_by, _):
        splits = split_by(name, shares=_shares(source), seed=seed, say=quiet)
    coding = splits[0].coding
    known = {sample.digest for sample in splits[0].samples}
    for other, given in source.external.items():
        external_samples(name, other, given, coding=coding, known=known, say=quiet)

    def seen(split: Split, folds: Sequence[TaskPreview] = ()) -> TaskPreview:
        samples = split.frame(lambda sample: sample.token)
        hash_ = digest([fold.split_hash for fold in folds]) if folds else split.hash
        return TaskPreview(name, coding.classes, coding.positive, hash_, samples, coding.kind, folds)

    return seen(splits[0]) if len(splits) == 1 else seen(splits[0].outer(), [seen(split) for split in splits])


@contextmanager
def _opened(source: Any) -> Iterator[tuple[Callable[..., list[Split]], Pixels]]:
    """What splits a source and what gives a row's pixels; a phantom lies in a temporary folder meanwhile."""
    if source.phantom is not None:
        with TemporaryDirectory() as folder:
            scans.write_task(source.phantom, Path(folder))
            yield _folder(Path(folder), Path(folder) / "labels.csv", scans.FINDING, None)
    elif source.npz is not None:
        archive = read_archive(Path(source.npz))
        yield partial(archive.split, positive=source.positive), archive.pixels
    else:
        yield _folder(Path(source.images), Path(source.labels), source.positive, source.findings)


def _folder(
    images: Path, labels: Path, positive: str | None, findings: list[str] | None
) -> tuple[Callable[..., list[Split]], Pixels]:
    split_by = partial(split_folder, images=images, labels=labels, positive=positive, findings=findings)
    return split_by, folder_pixels(images, labels)


def _shares(source: Any) -> Shares:
    return Shares(source.test_fraction, source.val_fraction, source.outer_folds)


def _identity(source: Any, seed: int) -> list[Any]:
    """What is left out where it is not used keeps the entries of earlier versions."""
    settings = source.phantom
    what = scans.identity(settings) if settings is not None else source.positive
    used = {"findings": source.findings, "outer_folds": source.outer_folds}
    used = {name: value for name, value in used.items() if value}
    return ["task", VERSION, what, source.test_fraction, source.val_fraction, seed, *([used] if used else [])]


def _listing(identity: list[Any], source: Any) -> str:
    if source.npz is not None:
        return store_entries.fingerprint([*identity, "npz"], [("npz", _there(Path(source.npz)))])
    rows, _ = read_labels(Path(source.labels), source.findings)
    paths = paths_of(rows, Path(source.images), Path(source.labels))
    labels = hashlib.sha256(Path(source.labels).read_bytes()).hexdigest()
    return store_entries.fingerprint(
        [*identity, labels], {(row.file, path) for row, path in zip(rows, paths, strict=True)}
    )


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputRefused(f"{path}: there is no such file of images and labels")
    return path


def _write(name: str, splits: list[Split], pixels: Pixels, entry: Path, key: PseudonymKey, listing: str) -> None:
    folds = splits if len(splits) > 1 else []
    whole = splits[0].outer() if folds else splits[0]
    images = write_images(entry / "images.arrow", whole.samples, pixels, key)
    for of, split in [("", whole), *((f"-{fold}", split) for fold, split in enumerate(folds))]:
        split.frame(lambda sample: key.of(sample.row.patient)).write_parquet(entry / f"samples{of}.parquet")
        write_test_labels(entry / f"test_labels{of}.parquet", split.samples, split.coding.kind)
    content = {
        "version": VERSION,
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


def _told(counts: dict[str, dict[str, int]], classes: list[str]) -> str:
    roles = [f"{own['images']} {role} ({own['patients']} patients)" for role, own in counts.items()]
    return f"{', '.join(roles)}; classes {', '.join(classes)}"
