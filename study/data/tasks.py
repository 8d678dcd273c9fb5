"""A labelled set into a frozen task: images in a store, samples with their roles, test labels in their own file."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from study.data import entries, phantom
from study.data.images import decode_grey
from study.data.labels import LabelRow, read_labels
from study.data.npz import read_archive
from study.data.pseudonyms import PHANTOM_KEY, PseudonymKey
from study.data.samples import Split, paths_of, split_folder
from study.data.store import StoreRef, StoreWriter
from study.errors import InputRefused

VERSION = 1  # raised whenever the same files would give another task
DOCUMENT = "task.json"
TEST_LABELS = {"row": pl.Int64, "digest": pl.String, "label": pl.Int32}


@dataclass(frozen=True)
class TaskPreview:
    """A task as ``freeze_task`` would split it. ``samples`` names patients by their content tokens, having no key."""

    name: str
    classes: list[str]
    positive: str | None
    split_hash: str
    samples: pl.DataFrame


@dataclass(frozen=True)
class FrozenTask:
    """A task on disk. ``samples`` has columns as ``SAMPLES``, a row an image of the store, null labels in test rows."""

    name: str
    classes: list[str]
    positive: str | None
    images: StoreRef
    split_hash: str
    samples: pl.DataFrame
    test_labels_uri: str


def freeze_task(
    name: str, source: Any, *, store: Path, key: PseudonymKey | None, seed: int, say: Callable[[str], None]
) -> FrozenTask:
    """The frozen task of ``source``, made unless it is in the store already.

    ``source`` is a labelled folder (``images``, ``labels``, ``positive``), an archive (``npz``, ``positive``) or a
    phantom (``phantom``: settings), with ``test_fraction`` and ``val_fraction``. Raises InputRefused for whatever is
    wrong with it, naming file and line.
    """
    settings = source.phantom
    key = PHANTOM_KEY if settings is not None else key
    if key is None:
        raise InputRefused("real images need a pseudonym key")
    identity = _identity(source, seed)
    listing = entries.fingerprint(identity) if settings is not None else _listing(identity, source)

    def make(entry: Path) -> None:
        with _opened(source) as (split_by, pixels):
            split = split_by(name, fractions=_fractions(source), seed=seed, say=say)
            _write(name, split, pixels, entry, key, listing)

    entry = entries.opened_or_made(Path(store), f"task-{name}-{listing[:12]}", key, DOCUMENT, make)
    content = entries.read(entry, DOCUMENT)
    say(f"task {name}: {_told(content['counts'], content['classes'])}")
    return FrozenTask(
        name,
        content["classes"],
        content["positive"],
        StoreRef(str(entry / "images.arrow"), content["images"]),
        content["split_hash"],
        pl.read_parquet(entry / "samples.parquet"),
        str(entry / "test_labels.parquet"),
    )


def preview_task(name: str, source: Any, *, seed: int) -> TaskPreview:
    """The split that ``freeze_task`` would make: files are hashed, but not decoded, and nothing is left behind."""
    with _opened(source) as (split_by, _):
        split = split_by(name, fractions=_fractions(source), seed=seed, say=lambda text: None)
    return TaskPreview(name, split.classes, split.positive, split.hash, split.frame(lambda sample: sample.token))


@contextmanager
def _opened(source: Any) -> Iterator[tuple[Callable[..., Split], Callable[[LabelRow], np.ndarray]]]:
    """What splits a source and what gives a row's pixels; a phantom lies in a temporary folder meanwhile."""
    if source.phantom is not None:
        with TemporaryDirectory() as folder:
            phantom.write_task(source.phantom, Path(folder))
            yield _folder(Path(folder), Path(folder) / "labels.csv", phantom.FINDING)
    elif source.npz is not None:
        archive = read_archive(Path(source.npz))
        yield partial(archive.split, positive=source.positive), archive.pixels
    else:
        yield _folder(Path(source.images), Path(source.labels), source.positive)


def _folder(
    images: Path, labels: Path, positive: str | None
) -> tuple[Callable[..., Split], Callable[[LabelRow], np.ndarray]]:
    def pixels(row: LabelRow) -> np.ndarray:
        try:
            return decode_grey((images / row.file).read_bytes())
        except (ValueError, OSError) as error:
            where = f"{labels}, line {row.line}: {row.file}"
            raise InputRefused(f"{where} {error}; mend it or remove the line") from error

    return partial(split_folder, images=images, labels=labels, positive=positive), pixels


def _fractions(source: Any) -> tuple[float, float]:
    return source.test_fraction, source.val_fraction


def _identity(source: Any, seed: int) -> list[Any]:
    settings = source.phantom
    what = phantom.identity(settings) if settings is not None else source.positive
    return ["task", VERSION, what, *_fractions(source), seed]


def _listing(identity: list[Any], source: Any) -> str:
    if source.npz is not None:
        return entries.fingerprint([*identity, "npz"], [("npz", _there(Path(source.npz)))])
    rows, _ = read_labels(Path(source.labels))
    paths = paths_of(rows, Path(source.images), Path(source.labels))
    labels = hashlib.sha256(Path(source.labels).read_bytes()).hexdigest()
    return entries.fingerprint([*identity, labels], {(row.file, path) for row, path in zip(rows, paths, strict=True)})


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputRefused(f"{path}: there is no such file of images and labels")
    return path


def _write(
    name: str,
    split: Split,
    pixels: Callable[[LabelRow], np.ndarray],
    entry: Path,
    key: PseudonymKey,
    listing: str,
) -> None:
    with StoreWriter(entry / "images.arrow", unit="grey") as writer:
        for sample in split.samples:
            patient = key.of(sample.row.patient)
            writer.append(pixels(sample.row), digest=sample.digest, patient=patient, series="", position=0.0)
        images_ref = writer.close()
    split.frame(lambda sample: key.of(sample.row.patient)).write_parquet(entry / "samples.parquet")
    hidden = [(i, s.digest, s.label) for i, s in enumerate(split.samples) if s.role == "test"]
    pl.DataFrame(hidden, schema=TEST_LABELS, orient="row").write_parquet(entry / "test_labels.parquet")
    content = {
        "version": VERSION,
        "name": name,
        "classes": split.classes,
        "positive": split.positive,
        "split_hash": split.hash,
        "images": images_ref.digest,
        "key_check": key.check,
        "listing": listing,
        "counts": split.counts(),
    }
    entries.write(entry, DOCUMENT, content)


def _told(counts: dict[str, dict[str, int]], classes: list[str]) -> str:
    roles = [f"{own['images']} {role} ({own['patients']} patients)" for role, own in counts.items()]
    return f"{', '.join(roles)}; classes {', '.join(classes)}"
