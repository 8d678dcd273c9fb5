"""What a frozen task and its external test sets have in common on disk: an image store and a file of test labels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from study.data.image_files import decode_grey
from study.data.labels_csv import LabelRow
from study.data.pseudonyms import PseudonymKey
from study.data.samples import Sample, plain
from study.data.slice_store import StoreWriter, Unit
from study.errors import InputRefused
from study.storage.file_ref import FileRef

TEST_LABELS = {"row": pl.Int64, "digest": pl.String, "label": pl.Int32}
TEST_FINDINGS = {"row": pl.Int64, "digest": pl.String, "labels": pl.List(pl.Int8)}
Pixels = Callable[[LabelRow], np.ndarray]


def write_images(path: Path, samples: Sequence[Sample], pixels: Pixels, key: PseudonymKey, *, unit: Unit) -> FileRef:
    """The samples' images, in their order."""
    with StoreWriter(path, unit=unit) as writer:
        for sample in samples:
            patient = key.of(sample.row.patient)
            writer.append(pixels(sample.row), digest=sample.digest, patient=patient, series="", position=0.0)
        return writer.close()


def write_test_labels(path: Path, samples: Sequence[Sample], kind: str) -> None:
    """Row, digest and label of the samples in role test: ``label``, or ``labels`` with a 0 or 1 for each finding."""
    rows: list[tuple[Any, ...]] = [(i, s.digest, plain(s.label)) for i, s in enumerate(samples) if s.role == "test"]
    schema: Any = TEST_FINDINGS if kind == "multi" else TEST_LABELS
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)


def folder_pixels(images: Path, labels: Path) -> Pixels:
    """What decodes a row's file below ``images``; raises InputRefused naming the row of ``labels``."""

    def pixels(row: LabelRow) -> np.ndarray:
        try:
            return decode_grey((images / row.file).read_bytes())
        except (ValueError, OSError) as error:
            where = f"{labels}, line {row.line}: {row.file}"
            raise InputRefused(f"{where} {error}; mend it or remove the line") from error

    return pixels
