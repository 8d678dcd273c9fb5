"""The samples of a labelled folder, read, hashed and split, before any image is decoded."""

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from study.data.labels import SPLITS, LabelRow, classes_of, read_labels, some
from study.data.split import Patient, freeze, split_hash, token_of
from study.errors import InputRefused

SAMPLES = {
    "row": pl.Int64,
    "digest": pl.String,
    "patient": pl.String,
    "token": pl.String,
    "role": pl.String,
    "label": pl.Int32,
}


@dataclass(frozen=True)
class Sample:
    """One image: its CSV row, content digest, patient's token, role and class code."""

    row: LabelRow
    digest: str
    token: str
    role: str
    label: int


@dataclass(frozen=True)
class Split:
    """Samples in store order, which is by token, then digest."""

    classes: list[str]
    positive: str | None
    samples: list[Sample]

    @property
    def hash(self) -> str:
        """As ``split.split_hash``."""
        return split_hash([(s.digest, s.token, s.role, s.label) for s in self.samples])

    def frame(self, patient: Callable[[Sample], str]) -> pl.DataFrame:
        """Columns as ``SAMPLES``, a row a sample; test labels are null. ``patient`` says how patients are named."""
        rows = [
            (i, s.digest, patient(s), s.token, s.role, None if s.role == "test" else s.label)
            for i, s in enumerate(self.samples)
        ]
        return pl.DataFrame(rows, schema=SAMPLES, orient="row")

    def counts(self) -> dict[str, dict[str, int]]:
        """Images and patients a role, and images a class in train and val: the test labels' counts stay out of it."""
        counts: dict[str, dict[str, int]] = {}
        for role in SPLITS:
            own = [sample for sample in self.samples if sample.role == role]
            counts[role] = {"images": len(own), "patients": len({sample.token for sample in own})}
            if role != "test":
                by_class = Counter(self.classes[sample.label] for sample in own)
                counts[role] |= {f"class {label}": by_class[label] for label in self.classes}
        return counts


def split_folder(
    name: str,
    images: Path,
    labels: Path,
    positive: str | None,
    *,
    fractions: tuple[float, float],
    seed: int,
    say: Callable[[str], None],
) -> Split:
    """Samples of the CSV ``labels`` with files below ``images``; ``fractions`` are those of test and val.

    InputRefused for whatever is wrong, naming file and line.
    """
    rows, with_patients = read_labels(labels)
    classes, positive = classes_of(labels, rows, positive)
    if not with_patients:
        say(f"task {name}: {labels} has no column 'patient', so each image counts as a patient of its own")
    paths = paths_of(rows, images, labels)
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(_digest, paths))
    kept = _distinct(labels, rows, digests)
    if len(kept) < len(rows):
        say(f"task {name}: {len(rows) - len(kept)} rows repeat an image of the same patient and label; kept once")
    return split_rows(name, kept, classes, positive, fractions=fractions, seed=seed)


def split_rows(
    name: str,
    kept: dict[str, LabelRow],
    classes: list[str],
    positive: str | None,
    *,
    fractions: tuple[float, float],
    seed: int,
) -> Split:
    """The split of rows by their images' digests: given roles stay, and what has none is dealt, as ``freeze`` does."""
    by_patient: dict[str, list[tuple[LabelRow, str]]] = {}
    for digest, row in kept.items():
        by_patient.setdefault(row.patient, []).append((row, digest))
    tokens = {raw: token_of([digest for _, digest in own]) for raw, own in by_patient.items()}
    patients = [
        Patient(tokens[raw], tuple(classes.index(row.label) for row, _ in own), own[0][0].split)
        for raw, own in by_patient.items()
    ]
    test, val = fractions
    roles = freeze(name, patients, classes, test=test, val=val, seed=seed)
    samples = [
        Sample(row, digest, tokens[row.patient], roles[tokens[row.patient]], classes.index(row.label))
        for digest, row in kept.items()
    ]
    return Split(classes, positive, sorted(samples, key=lambda sample: (sample.token, sample.digest)))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read ({error.strerror})") from error


def _distinct(labels: Path, rows: list[LabelRow], digests: list[str]) -> dict[str, LabelRow]:
    """digest -> row. The same bytes may stand twice for one patient and label, but not for two."""
    kept: dict[str, LabelRow] = {}
    for row, digest in zip(rows, digests, strict=True):
        first = kept.setdefault(digest, row)
        for what in ("label", "patient", "split"):
            if getattr(first, what) != getattr(row, what):
                raise InputRefused(
                    f"{labels}: {first.file} (line {first.line}) and {row.file} (line {row.line}) are the same image "
                    f"with two {what}s; remove one"
                )
    return kept


def paths_of(rows: list[LabelRow], images: Path, labels: Path) -> list[Path]:
    """Where the rows' files lie. InputRefused names the first that are missing."""
    if not images.is_dir():
        raise InputRefused(f"{images}: there is no such folder of images")
    paths = [images / row.file for row in rows]
    missing = [f"{row.file} (line {row.line})" for row, path in zip(rows, paths, strict=True) if not path.is_file()]
    if missing:
        counted = f"{len(missing)} of {len(rows)} files are"
        raise InputRefused(f"{labels}: {counted} not in {images}: {some('file', missing)}")
    return paths
