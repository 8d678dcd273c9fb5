"""A folder of images with a CSV: ``file,label[,patient][,split]``."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, model_validator

from study.data import store_entries
from study.data.labels_csv import Coding, classes_of, read_labels
from study.data.readers.base import Labelled, TaskReader
from study.data.samples import distinct_rows, paths_of
from study.data.task_files import folder_pixels
from study.fields import DataFile, DataFolder

log = logging.getLogger(__name__)


class LabelledFolder(TaskReader):
    """``findings``: columns of the CSV that hold 0 or 1 each, in place of ``label``: a multi-label task."""

    images: DataFolder
    """The folder that the CSV's files lie below."""
    labels: DataFile
    """A CSV with the columns `file`, `label` and, where known, `patient` and `split`."""
    positive: str | None = None
    """The class that is coded as 1; the later name of two by default."""
    findings: Annotated[list[str], Field(min_length=2)] | None = None
    """Columns of 0 and 1 in place of `label`: a multi-label task."""

    @model_validator(mode="after")
    def _one_positive(self) -> "LabelledFolder":
        if self.findings and self.positive:
            raise ValueError("every one of several `findings` has its own positive; leave `positive` out")
        return self

    def identity(self) -> tuple[Any, dict[str, Any]]:
        return self.positive, {"findings": self.findings}

    def listing(self, identity: list[Any]) -> str:
        rows, _ = read_labels(self.labels, self.findings)
        paths = paths_of(rows, self.images, self.labels)
        labels = hashlib.sha256(self.labels.read_bytes()).hexdigest()
        files = {(row.file, path) for row, path in zip(rows, paths, strict=True)}
        return store_entries.fingerprint([*identity, labels], files)

    @contextmanager
    def opened(self, name: str) -> Iterator[Labelled]:
        rows, with_patients = read_labels(self.labels, self.findings)
        if self.findings:
            coding = Coding(self.findings, None, "multi")
        else:
            coding = Coding(*classes_of(self.labels, rows, self.positive))
        if not with_patients:
            where = f"task {name}: {self.labels}"
            log.info(f"{where} has no column 'patient', so each image counts as a patient of its own")
        kept = distinct_rows(name, rows, self.images, self.labels)
        yield Labelled(kept, coding, folder_pixels(self.images, self.labels))
