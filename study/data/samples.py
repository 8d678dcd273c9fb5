"""The samples of a labelled folder, read, hashed and split, before any image is decoded."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from study.data.labels_csv import SPLITS, Coding, LabelRow, some
from study.data.splits import Shares, SplitPatient, freeze, freeze_folds, split_hash, token_of
from study.errors import InputRefused

log = logging.getLogger(__name__)

SAMPLES = {
    "row": pl.Int64,
    "digest": pl.String,
    "patient": pl.String,
    "token": pl.String,
    "role": pl.String,
    "label": pl.Int32,
}
"""Of a task whose images have one label; with several findings, ``label`` is a list of 0 and 1 (see ``schema``)."""


HIDDEN = ("test", "outer")


def schema(kind: str) -> dict[str, Any]:
    return SAMPLES | ({"label": pl.List(pl.Int8)} if kind == "multi" else {})


@dataclass(frozen=True)
class Sample:
    """One image: its CSV row, content digest, patient's token, role and coded label."""

    row: LabelRow
    digest: str
    token: str
    role: str
    label: int | tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """Samples in store order, which is by token, then digest."""

    coding: Coding
    samples: list[Sample]

    @property
    def hash(self) -> str:
        """As ``splits.split_hash``."""
        return split_hash([(s.digest, s.token, s.role, s.label) for s in self.samples])

    def outer(self) -> "Split":
        """Without roles: what all outer folds have in common, and so without a label that may be read."""
        return Split(self.coding, [replace(sample, role="outer") for sample in self.samples])

    def frame(self, patient: Callable[[Sample], str]) -> pl.DataFrame:
        """Columns as ``SAMPLES``, a row a sample; labels of test and of outer folds are null.

        ``patient`` says how patients are named.
        """
        rows = [
            (i, s.digest, patient(s), s.token, s.role, None if s.role in HIDDEN else plain(s.label))
            for i, s in enumerate(self.samples)
        ]
        return pl.DataFrame(rows, schema=schema(self.coding.kind), orient="row")

    def counts(self) -> dict[str, dict[str, int]]:
        """Images and patients a role, and images a class in train and val: the test labels' counts stay out of it."""
        counts: dict[str, dict[str, int]] = {}
        for role in SPLITS:
            own = [sample for sample in self.samples if sample.role == role]
            counts[role] = {"images": len(own), "patients": len({sample.token for sample in own})}
            if role != "test":
                by_class = Counter(name for sample in own for name in self._shown(sample))
                counts[role] |= {f"class {label}": by_class[label] for label in self.coding.classes}
        return counts

    def _shown(self, sample: Sample) -> list[str]:
        if isinstance(sample.label, int):
            return [self.coding.classes[sample.label]]
        return [name for name, value in zip(self.coding.classes, sample.label, strict=True) if value]


def distinct_rows(name: str, rows: list[LabelRow], images: Path, labels: Path) -> dict[str, LabelRow]:
    """The rows by their files' digests; a file that stands twice with the same label and patient is kept once."""
    paths = paths_of(rows, images, labels)
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(_digest, paths))
    kept = _distinct(labels, rows, digests)
    if len(kept) < len(rows):
        log.info(f"task {name}: {len(rows) - len(kept)} rows repeat an image of the same patient and label; kept once")
    return kept


def split_rows(name: str, kept: Mapping[str, LabelRow], coding: Coding, *, shares: Shares, seed: int) -> list[Split]:
    """Splits of rows by their images' digests: given roles stay, and what has none is dealt, as ``freeze`` does."""
    by_patient: dict[str, list[tuple[LabelRow, str]]] = {}
    for digest, row in kept.items():
        by_patient.setdefault(row.patient, []).append((row, digest))
    tokens = {raw: token_of([digest for _, digest in own]) for raw, own in by_patient.items()}
    patients = [
        SplitPatient(tokens[raw], tuple(code for row, _ in own for code in _codes(coding, row)), own[0][0].split)
        for raw, own in by_patient.items()
    ]
    findings, names = coding.kind == "multi", coding.classes
    if findings:
        names = [code for finding in coding.classes for code in (f"without {finding}", finding)]
    if shares.outer_folds:
        folds, val = shares.outer_folds, shares.val
        dealt = freeze_folds(name, patients, names, folds=folds, val=val, seed=seed, findings=findings)
    else:
        dealt = [freeze(name, patients, names, test=shares.test, val=shares.val, seed=seed, findings=findings)]
    rows = sorted(kept.items(), key=lambda each: (tokens[each[1].patient], each[0]))
    return [
        Split(
            coding,
            [
                Sample(row, digest, tokens[row.patient], roles[tokens[row.patient]], coding.code(row.label))
                for digest, row in rows
            ],
        )
        for roles in dealt
    ]


def plain(label: int | tuple[int, ...]) -> int | list[int]:
    """A coded label as tables hold it."""
    return label if isinstance(label, int) else list(label)


def _codes(coding: Coding, row: LabelRow) -> list[int]:
    code = coding.code(row.label)
    return [code] if isinstance(code, int) else [2 * place + value for place, value in enumerate(code)]


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
