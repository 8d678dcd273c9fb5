"""The corpus: where unlabelled images come from."""

from pathlib import Path

from study.data.phantom.settings import PhantomSettings
from study.fields import DataFolder, Name, StrictConfig


class CorpusConfig(StrictConfig):
    """Unlabelled images: DICOM folders, a phantom, and the training images of tasks."""

    dicom: list[DataFolder] = []
    """Folders of DICOM files, read with all that lies below them."""
    phantom: PhantomSettings | None = None
    """Synthetic CT in place of, or beside, real images."""
    task_images: list[Name] = []
    """Tasks whose training images belong to the corpus."""

    def sources(self) -> list[Path | PhantomSettings]:
        """The origins of slices, each ingested by itself."""
        return [*self.dicom, self.phantom] if self.phantom else [*self.dicom]
