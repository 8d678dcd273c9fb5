"""A folder of images with a folder for each class, as torchvision's ``ImageFolder`` has it, with or without splits."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from study.data import store_entries
from study.data.image_files import decode_grey
from study.data.labels_csv import SPLITS, Coding, LabelRow, classes_of
from study.data.readers.base import Labelled, TaskReader
from study.errors import InputRefused
from study.fields import DataFolder

log = logging.getLogger(__name__)


class ImageFolder(TaskReader):
    """``folder``: holds CLASS/IMAGE, or {train,val,test}/CLASS/IMAGE, whose splits are kept. It names no patients, so
    each image counts as one of its own; other files than images are left out."""

    folder: DataFolder
    """Holds CLASS/IMAGE, or {train,val,test}/CLASS/IMAGE."""
    positive: str | None = None
    """The class that is coded as 1; the later name of two by default."""

    def identity(self) -> tuple[Any, dict[str, Any]]:
        return self.positive, {}

    def listing(self, identity: list[Any]) -> str:
        files = [(path.relative_to(self.folder).as_posix(), path) for path in self._images()]
        return store_entries.fingerprint([*identity, "folder"], files)

    @contextmanager
    def opened(self, name: str) -> Iterator[Labelled]:
        log.info(f"task {name}: {self.folder} names no patients, so each image counts as a patient of its own")
        kept: dict[str, LabelRow] = {}
        for line, path in enumerate(self._images()):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
            parts = path.relative_to(self.folder).parts
            split = parts[0] if len(parts) == 3 else None
            row = LabelRow(line, "/".join(parts), parts[-2], digest, split)
            first = kept.setdefault(digest, row)
            if (first.label, first.split) != (row.label, row.split):
                raise InputRefused(
                    f"{self.folder}: {first.file} and {row.file} are the same image under two names; remove one"
                )
        coding = Coding(*classes_of(self.folder, list(kept.values()), self.positive))
        yield Labelled(kept, coding, self._pixels)

    def _images(self) -> list[Path]:
        """All images, in order of name; InputRefused where there are none, or some lie where no class is named."""
        if not self.folder.is_dir():
            raise InputRefused(f"{self.folder}: there is no such folder of images")
        known = Image.registered_extensions()
        images = sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in known and path.is_file())
        places = [path.relative_to(self.folder).parts for path in images]
        split = all(len(parts) == 3 and parts[0] in SPLITS for parts in places)
        if not images or not (split or all(len(parts) == 2 for parts in places)):
            raise InputRefused(
                f"{self.folder}: holds {len(images)} images, and not all of them as CLASS/IMAGE, or all as "
                "train/CLASS/IMAGE, val/CLASS/IMAGE and test/CLASS/IMAGE"
            )
        return images

    def _pixels(self, row: LabelRow) -> np.ndarray:
        try:
            return decode_grey((self.folder / row.file).read_bytes())
        except (ValueError, OSError) as error:
            raise InputRefused(f"{self.folder / row.file} {error}; mend it or remove it") from error
