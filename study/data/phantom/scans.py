"""A phantom: synthetic chest CT of patients who do not exist, for the quickstart and for tests.

The corpus is real DICOM (Hounsfield units through slope and intercept), the labelled set 8-bit PNGs with a CSV, both
byte-identical for the same settings. A patient with the finding shows it on every slice. It is one of two:

- ``opacity``: a soft round spot in a lung. ``visibility`` scales its contrast (at 1 it is as dense as a vessel), and
  healthy lungs hold vessels, so a classifier has to learn what sets a faint wide spot apart from bright narrow ones.
- ``rotation``: the chest is turned clockwise, as scoliosis turns it, by an angle that ``visibility`` scales, beyond how
  each patient happens to lie. It shows everywhere in a slice and changes no region's brightness: what is needed to
  fill in hidden parts of a slice tells it, and features that were not trained hardly do. So it is built to reward
  pre-training, and how far it does says nothing about real scans.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from study import versions
from study.data.phantom.anatomy import Anatomy
from study.data.phantom.settings import PhantomSettings

FINDING, NORMAL = "finding", "normal"
WINDOW = (-1000.0, 400.0)  # Hounsfield units shown as 0..255 in the labelled set
_FIELDS = ("patients", "slices", "size", "visibility", "prevalence", "seed", "labelled_patients", "labelled_slices")
_INTERCEPT = -1024
_SPACING = 5.0  # mm between slices
_FIELD_OF_VIEW = 400.0  # mm


def identity(settings: PhantomSettings) -> dict[str, Any]:
    """All that shapes the images, for a fingerprint; an opacity, the first finding there was, goes without saying."""
    named = {} if settings.finding == "opacity" else {"finding": settings.finding}
    return {"phantom": versions.PHANTOM, **{name: getattr(settings, name) for name in _FIELDS}, **named}


def write_corpus(settings: PhantomSettings, folder: Path) -> None:
    """``patients`` x ``slices`` DICOM files, one series a patient, below ``folder``."""
    for patient in range(settings.patients):
        rng = _generator(settings, "corpus", patient)
        anatomy = Anatomy(settings.size, rng, settings.finding)
        finding = rng.random() < settings.prevalence
        place = Path(folder) / f"phantom-{patient:04d}"
        place.mkdir(parents=True, exist_ok=True)
        for i in range(settings.slices):
            pixels = anatomy.slice(i / max(1, settings.slices - 1), settings.visibility if finding else 0.0, rng)
            _dicom(settings, patient, i, pixels).save_as(place / f"{i:04d}.dcm", enforce_file_format=True)


def write_task(settings: PhantomSettings, folder: Path) -> None:
    """``labels.csv`` (file, label, patient) and 8-bit PNGs in ``images/``, as a labelled image folder."""
    (Path(folder) / "images").mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / "labels.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label", "patient"])
        for name, label, patient, image in _labelled(settings):
            (Path(folder) / name).write_bytes(image)
            rows.writerow([name, label, patient])


def _labelled(settings: PhantomSettings) -> Iterator[tuple[str, str, str, bytes]]:
    count = settings.labelled_patients
    order = _generator(settings, "findings", 0).permutation(count)
    ill = set(order[: round(settings.prevalence * count)].tolist())
    for patient in range(count):
        rng = _generator(settings, "task", patient)
        anatomy = Anatomy(settings.size, rng, settings.finding)
        for i in range(settings.labelled_slices):
            height = i / max(1, settings.labelled_slices - 1)
            pixels = anatomy.slice(height, settings.visibility if patient in ill else 0.0, rng)
            label = FINDING if patient in ill else NORMAL
            yield f"images/{patient:04d}-{i:02d}.png", label, f"labelled-{patient:04d}", _png(pixels)


def _generator(settings: PhantomSettings, part: str, patient: int) -> np.random.Generator:
    """Patients are drawn independently, so that more of them, or more slices, leave the others as they were."""
    text = f"labelcurve phantom {versions.PHANTOM} {settings.seed} {part} {patient}"
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def _png(hu: np.ndarray) -> bytes:
    low, high = WINDOW
    grey = np.rint(np.clip((hu - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def _uid(settings: PhantomSettings, *parts: object) -> UID:
    text = f"labelcurve phantom {versions.PHANTOM} {settings.seed} {parts}"
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], 'big')}")


def _dicom(settings: PhantomSettings, patient: int, i: int, hu: np.ndarray) -> Dataset:
    """A CT Image Storage data set. Everything that pydicom would date or number by itself is set here."""
    spacing = _FIELD_OF_VIEW / settings.size
    item = Dataset()
    item.SOPClassUID = CTImageStorage
    item.SOPInstanceUID = _uid(settings, "image", patient, i)
    item.StudyInstanceUID = _uid(settings, "study", patient)
    item.SeriesInstanceUID = _uid(settings, "series", patient)
    item.FrameOfReferenceUID = _uid(settings, "frame", patient)
    item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    item.Modality = "CT"
    item.PatientID = item.PatientName = f"phantom-{settings.seed}-{patient:04d}"
    item.InstanceNumber = i + 1
    item.ImagePositionPatient = [-_FIELD_OF_VIEW / 2, -_FIELD_OF_VIEW / 2, i * _SPACING]
    item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    item.PixelSpacing = [round(spacing, 6)] * 2
    item.SliceThickness = _SPACING
    item.SamplesPerPixel = 1
    item.PhotometricInterpretation = "MONOCHROME2"
    item.Rows, item.Columns = hu.shape
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 12, 11, 0
    item.RescaleSlope, item.RescaleIntercept, item.RescaleType = 1, _INTERCEPT, "HU"
    item.PixelData = np.clip(np.rint(hu) - _INTERCEPT, 0, 4095).astype("<u2").tobytes()
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.ImplementationClassUID = UID("2.25.80302813137786398554742050926734630921603366648225212145404")
    item.file_meta.ImplementationVersionName = "LABELCURVE"
    return item
