"""Corpus and tasks: where images and labels come from."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from .base import Count, Name, StrictConfig


class PhantomSettings(StrictConfig):
    """Synthetic CT: anatomy, noise, and a labelled finding of a given visibility (0 hidden, 1 plain)."""

    patients: Count = 40
    slices: Count = 8
    size: Annotated[int, Field(ge=32)] = 96
    visibility: Annotated[float, Field(ge=0, le=1)] = 0.5
    prevalence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    labelled_patients: Count = 120
    labelled_slices: Count = 3
    seed: int = 0


class CorpusSource(StrictConfig):
    """One origin of unlabelled slices: a DICOM folder or a phantom."""

    dicom: Path | None = None
    phantom: PhantomSettings | None = None


class CorpusConfig(StrictConfig):
    """Unlabelled images: DICOM folders, a phantom, and the training images of tasks."""

    dicom: list[Path] = []
    phantom: PhantomSettings | None = None
    task_images: list[Name] = []

    def sources(self) -> list[CorpusSource]:
        folders = [CorpusSource(dicom=folder) for folder in self.dicom]
        return [*folders, CorpusSource(phantom=self.phantom)] if self.phantom else folders


class External(StrictConfig):
    """A further test set of a task's classes: an image folder with a CSV of which every row is tested."""

    images: Path
    labels: Path


class Task(StrictConfig):
    """A labelled set: an image folder with a CSV (``file,label[,patient][,split]``), an archive, or a phantom's.

    ``npz``: a NumPy archive of {train,val,test}_{images,labels}, as MedMNIST publishes them; its roles are kept.
    ``findings``: columns of the CSV that hold 0 or 1 each, in place of ``label``: a multi-label task. ``outer_folds``:
    where no test set can be spared, every patient is tested once, in a fold whose pool is all others.
    """

    images: Path | None = None
    labels: Path | None = None
    npz: Path | None = None
    phantom: PhantomSettings | None = None
    positive: str | None = None
    findings: Annotated[list[str], Field(min_length=2)] | None = None
    outer_folds: Annotated[int, Field(ge=2)] | None = None
    external: dict[Name, External] = {}
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25

    @model_validator(mode="after")
    def _one_source(self) -> "Task":
        folder, others = (self.images, self.labels), (self.npz, self.phantom)
        sources = [any(folder), *(other is not None for other in others)]
        if sum(sources) != 1 or any(folder) != all(folder):
            raise ValueError("give either `images` and `labels`, or `npz`, or `phantom`")
        if self.findings and not self.labels:
            raise ValueError("`findings` are columns of a labels CSV; an archive's are the columns of its labels")
        if self.findings and self.positive:
            raise ValueError("every one of several `findings` has its own positive; leave `positive` out")
        if self.outer_folds and self.npz:
            raise ValueError("an archive has a test set of its own; leave `outer_folds` out")
        if self.external and self.phantom:
            raise ValueError("a phantom has no `external` test sets: its pseudonym key is public")
        if "test" in self.external:
            raise ValueError("`test` is the name of the task's own test set; give the external one another")
        return self
