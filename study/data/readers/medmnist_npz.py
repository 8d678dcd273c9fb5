"""A labelled set in one NumPy archive, as MedMNIST publishes them: ``{train,val,test}_{images,labels}``."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from study.data import store_entries
from study.data.labels_csv import SPLITS, Coding, LabelRow, classes_of
from study.data.readers.base import Labelled, TaskReader
from study.errors import InputRefused
from study.fields import DataFile

log = logging.getLogger(__name__)

LAYOUT = "images are uint8 (N, H, W) or (N, H, W, 3), labels whole numbers (N,) or (N, 1), or 0 and 1 (N, findings)"


class MedmnistNpz(TaskReader):
    """``npz``: an archive of {train,val,test}_{images,labels}; its roles are kept."""

    npz: DataFile
    """A NumPy archive of {train,val,test}_{images,labels}, as MedMNIST publishes them."""
    positive: str | None = None
    """The class that is coded as 1; the later name of two by default."""

    def check(self, *, outer_folds: int | None, external: Mapping[str, Any]) -> None:
        if outer_folds:
            raise ValueError("an archive has a test set of its own; leave `outer_folds` out")

    def identity(self) -> tuple[Any, dict[str, Any]]:
        return self.positive, {}

    def listing(self, identity: list[Any]) -> str:
        if not self.npz.is_file():
            raise InputRefused(f"{self.npz}: there is no such file of images and labels")
        return store_entries.fingerprint([*identity, "npz"], [("npz", self.npz)])

    @contextmanager
    def opened(self, name: str) -> Iterator[Labelled]:
        archive = read_archive(self.npz)
        kept, coding = archive.samples(name, self.positive)
        yield Labelled(kept, coding, archive.pixels)


@dataclass(frozen=True)
class Archive:
    """The archive's images by the name that a row has in ``file``, for example ``train_images[17]``.

    An image is (H, W) or (H, W, 3) uint8. The roles are those of the file. It names no patients, so each image is its
    own, known by its content: the same image in another archive is the same patient.
    """

    path: Path
    rows: list[LabelRow]
    images: dict[str, np.ndarray]
    findings: int = 0
    """Columns of the labels where each image has several, else 0."""

    def pixels(self, row: LabelRow) -> np.ndarray:
        """uint8 (H, W): 8-bit grey values without unit, of three colours their rounded mean."""
        image = self.images[row.file]
        return image if image.ndim == 2 else np.rint(image.mean(-1)).astype(np.uint8)

    def samples(self, name: str, positive: str | None) -> tuple[dict[str, LabelRow], Coding]:
        """The rows by their images' content with the label numbers as class names, in the order of the numbers; of
        several labels an image, each column is a finding named by its number.

        An image that stands several times is kept once, in test before val before train, so that nothing is tested
        that was trained on. InputRefused when it stands there with two labels.
        """
        log.info(f"task {name}: {self.path} names no patients, so each image counts as a patient of its own")
        kept: dict[str, LabelRow] = {}
        for row in sorted(self.rows, key=lambda row: SPLITS.index(str(row.split)), reverse=True):
            first = kept.setdefault(row.patient, row)
            if first.label != row.label:
                raise InputRefused(
                    f"{self.path}: {first.file} (label {first.label}) and {row.file} (label {row.label}) are the same "
                    "image with two labels; remove one"
                )
        if len(kept) < len(self.rows):
            log.info(
                f"task {name}: {len(self.rows) - len(kept)} images of {self.path} repeat another; each is kept once, "
                "in test before val before train"
            )
        if self.findings:
            if positive is not None:
                raise InputRefused(f"{self.path}: every one of its findings has its own positive; leave `positive` out")
            coding = Coding([str(number) for number in range(self.findings)], None, "multi")
        else:
            coding = Coding(*classes_of(self.path, list(kept.values()), positive, order=int))
        return kept, coding


def read_archive(path: Path) -> Archive:
    """The archive at ``path``. Raises InputRefused naming the file and the array that cannot be used."""
    arrays = _arrays(path)
    shape = arrays["train_labels"].shape
    findings = shape[1] if len(shape) == 2 and shape[1] > 1 else 0
    rows, images = [], {}
    for split in SPLITS:
        pixels, labels = _checked(path, split, arrays, findings)
        for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            file = f"{split}_images[{i}]"
            digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()[:32]
            rows.append(LabelRow(i, file, ";".join(map(str, label)), digest, split))
            images[file] = image
    return Archive(path, rows, images, findings)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    wanted = [f"{split}_{what}" for split in SPLITS for what in ("images", "labels")]
    try:
        file = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputRefused(f"{path}: there is no such file of images and labels") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputRefused(f"{path}: not a NumPy archive (.npz)") from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise InputRefused(f"{path}: holds a single array and is no archive (.npz) of {', '.join(wanted)}")
    arrays = {}
    with file:
        for name in wanted:
            if name not in file.files:
                raise InputRefused(f"{path}: there is no array {name}; there are {', '.join(file.files) or 'none'}")
            try:
                arrays[name] = file[name]
            except (OSError, ValueError, EOFError, BadZipFile) as error:
                raise InputRefused(f"{path}: array {name} is damaged or holds no plain numbers; {LAYOUT}") from error
    return arrays


def _checked(
    path: Path, split: str, arrays: dict[str, np.ndarray], findings: int
) -> tuple[np.ndarray, list[list[int]]]:
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]

    def refuse(what: str, array: np.ndarray, why: str) -> InputRefused:
        return InputRefused(f"{path}: array {split}_{what} {why} ({array.dtype}, shape {array.shape}); {LAYOUT}")

    if images.dtype != np.uint8:
        raise refuse("images", images, "is not 8 bits")
    if not (images.ndim == 3 or images.ndim == 4 and images.shape[3] == 3) or 0 in images.shape[1:]:
        raise refuse("images", images, "holds no list of images")
    if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2):
        raise refuse("labels", labels, "holds no list of class numbers")
    if len(labels) != len(images):
        raise refuse("labels", labels, f"has {len(labels)} labels for {len(images)} images")
    labels = labels.reshape(len(labels), -1)
    if labels.shape[1] != max(1, findings) and labels.size:
        raise refuse("labels", labels, f"and train_labels, with {max(1, findings)} an image, differ")
    if findings and not np.isin(labels, (0, 1)).all():
        raise refuse("labels", labels, "gives several labels an image, of which some are neither 0 nor 1")
    return images, labels.tolist()
