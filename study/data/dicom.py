"""One DICOM file to CT slices in Hounsfield units.

Reading is in two steps, so that a folder larger than memory can be put in order first: ``read_header`` looks at
everything but the pixels, ``read_slices`` decodes them. Either raises ``Rejected`` with a plain reason that names no
person and no path.

Hounsfield units are int16 in [-1024, 32767]: what lies below air (padding, the outside of the scanner's circle) is set
to air, and metal keeps its values. MONOCHROME1 says only how a screen should show the image: it changes nothing here.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

P = ParamSpec("P")
T = TypeVar("T")

AIR, HIGHEST = -1024, 32767
CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
_HEADER_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "PatientID", "PatientName", "StudyInstanceUID",
    "SeriesInstanceUID", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation",
    "SamplesPerPixel", "Rows", "Columns", "RescaleType",
]  # fmt: skip
_NOT_HOUNSFIELD = {"OD", "HGML", "MGML", "Z_EFF", "ED", "EDW", "PCT"}


class Rejected(Exception):
    """This file gives no slice; its text is the reason."""


@dataclass(frozen=True)
class Header:
    """What orders a file among others. ``patient`` and ``series`` are raw: they never leave the process."""

    path: Path
    patient: str
    series: str
    position: float
    instance: int
    uid: str

    @property
    def order(self) -> tuple[float, int, str]:
        return self.position, self.instance, self.uid


@dataclass(frozen=True)
class Slice:
    """Pixels (H, W) int16 in Hounsfield units, and the position in mm along the normal of the image plane."""

    pixels: np.ndarray
    position: float

    @property
    def digest(self) -> str:
        shape = f"{self.pixels.shape[0]}x{self.pixels.shape[1]}:".encode()
        return hashlib.sha256(shape + self.pixels.astype("<i2").tobytes()).hexdigest()[:32]


def _rejecting(read: Callable[P, T]) -> Callable[P, T]:
    """Whatever a file makes its reading raise is a reject: pydicom and its decoders raise what they like, wherever a
    damaged element is looked at, and one such file must not end the ingest of its archive."""

    @functools.wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except Rejected:
            raise
        except MemoryError as error:
            raise Rejected("needs more memory than there is") from error
        except OSError as error:
            raise Rejected("cannot be read") from error
        except Exception as error:
            raise Rejected("damaged DICOM file") from error

    return reading


@_rejecting
def read_header(path: Path, folder: str) -> Header:
    """The header of a CT file.

    ``folder``, the file's folder inside the source, stands in for what the file does not say: a missing series is its
    study's, or its folder's, slices; a missing patient is known by name, else by study, else by folder.
    """
    with _opened(path) as file:
        dataset = _parse(file, specific_tags=_HEADER_TAGS, stop_before_pixels=True)
    _refuse_unless_ct(dataset)
    study = _text(dataset, "StudyInstanceUID")
    patient = _text(dataset, "PatientID") or _text(dataset, "PatientName") or study or f"folder {folder}"
    series = _text(dataset, "SeriesInstanceUID") or study or f"folder {folder}"
    instance = _number(dataset.get("InstanceNumber"), 0)
    return Header(path, patient, series, _position(dataset, dataset), int(instance), _text(dataset, "SOPInstanceUID"))


@_rejecting
def read_slices(path: Path) -> list[Slice]:
    """The slices of a CT file, one a frame, in order of position. Raises Rejected when there are no usable pixels."""
    with _opened(path) as file:
        dataset = _parse(BytesIO(file.read()))
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise Rejected("no pixel data")
    try:
        stored = dataset.pixel_array
    except Exception as error:  # decoders raise whatever they like, and their texts may quote the file
        syntax = UID(getattr(dataset.file_meta, "TransferSyntaxUID", ""))
        name = syntax.name if syntax.is_transfer_syntax and not syntax.is_private else "unknown encoding"
        raise Rejected(f"pixels cannot be decoded ({name})") from error
    frames = stored[None] if stored.ndim == 2 else stored
    slices = [_slice(dataset, frame, i) for i, frame in enumerate(frames)]
    varied = [item for item in slices if item.pixels.min() < item.pixels.max()]
    if not varied:
        raise Rejected("constant image")
    return sorted(varied, key=lambda item: item.position)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise Rejected("cannot be opened") from error


def _parse(file: BinaryIO, **options: Any) -> Dataset:
    head = file.read(132)
    file.seek(0)
    if not head:
        raise Rejected("empty file")
    if head[128:] != b"DICM" and not _starts_like_dicom(head):
        raise Rejected("not a DICOM file")
    dataset = pydicom.dcmread(file, force=True, **options)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _guessed_syntax(dataset)
    return dataset


def _starts_like_dicom(head: bytes) -> bool:
    """Without a preamble, a data set begins with an element of group 2 or 8 in either byte order."""
    return len(head) >= 8 and head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def _guessed_syntax(dataset: Dataset) -> UID:
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _refuse_unless_ct(dataset: Dataset) -> None:
    kind = UID(_text(dataset, "SOPClassUID"))
    modality = _text(dataset, "Modality")
    if kind and kind not in CT_CLASSES:
        name = kind.name if kind.name != str(kind) else "of a private kind"
        raise Rejected(f"not a CT image: {name}")
    if not kind and not modality:
        raise Rejected("not a DICOM image")
    if modality and modality != "CT":
        raise Rejected("not a CT image: its modality is another")
    kinds = [str(value).strip().upper() for value in _several(dataset.get("ImageType"))]
    if "LOCALIZER" in kinds or "SCOUT" in kinds:
        raise Rejected("localizer")
    if _number(dataset.get("SamplesPerPixel"), 1) != 1:
        raise Rejected("colour image")
    if not dataset.get("Rows") or not dataset.get("Columns"):
        raise Rejected("no pixel data")
    if _text(dataset, "RescaleType").upper() in _NOT_HOUNSFIELD:
        raise Rejected("pixel values are not Hounsfield units")


def _slice(dataset: Dataset, stored: np.ndarray, frame: int) -> Slice:
    groups = _functional_groups(dataset, frame)
    values: np.ndarray
    if dataset.get("ModalityLUTSequence"):
        values = apply_modality_lut(stored, dataset).astype(np.float64)
    else:
        transform = _first(groups, "PixelValueTransformationSequence") or dataset
        slope, intercept = _number(transform.get("RescaleSlope")), _number(transform.get("RescaleIntercept"))
        if slope is None or intercept is None or slope == 0:
            raise Rejected("no rescale slope and intercept: Hounsfield units unknown")
        values = stored * np.float32(slope) + np.float32(intercept)
    units = np.rint(np.clip(values, AIR, HIGHEST)).astype("<i2")
    units[_padding(dataset, stored)] = AIR
    plane = _first(groups, "PlanePositionSequence") or dataset
    return Slice(units, _position(plane, _first(groups, "PlaneOrientationSequence") or dataset, fallback=float(frame)))


def _padding(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Mask (H, W) of padding. Its value comes as signed or unsigned, whatever the pixels are (63536 for -2000)."""
    ends = [_number(dataset.get(name)) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    values = [int(end) for end in ends if end is not None]
    if ends[0] is None or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, bool)
    bits = 8 * stored.dtype.itemsize
    values = [value % (1 << bits) for value in values]
    if stored.dtype.kind == "i":
        values = [value - (1 << bits) if value >> (bits - 1) else value for value in values]
    return (stored >= min(values)) & (stored <= max(values))


def _functional_groups(dataset: Dataset, frame: int) -> list[Dataset]:
    """Where an enhanced image keeps a frame's attributes: its own group, then the shared one."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    return [*own[frame : frame + 1], *(dataset.get("SharedFunctionalGroupsSequence") or [])]


def _first(groups: list[Dataset], name: str) -> Dataset | None:
    return next((group[name].value[0] for group in groups if group.get(name)), None)


def _position(plane: Dataset, orientation: Dataset, fallback: float = 0.0) -> float:
    """Distance in mm along the plane's normal: (row x column) . position; the slice location where that is missing."""
    corner = _numbers(plane.get("ImagePositionPatient"), 3)
    axes = _numbers(orientation.get("ImageOrientationPatient"), 6) or [1, 0, 0, 0, 1, 0]
    if corner is not None:
        return float(np.cross(axes[:3], axes[3:]) @ np.asarray(corner))
    return float(_number(plane.get("SliceLocation"), fallback))


def _text(dataset: Dataset, name: str) -> str:
    try:
        return str(dataset.get(name) or "").strip(" \0")
    except Exception:  # an undecodable value counts as missing
        return ""


def _several(value: Any) -> list:
    if value is None:
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _numbers(value: Any, count: int) -> list[float] | None:
    numbers = [_number(item) for item in _several(value)]
    return numbers if len(numbers) == count and None not in numbers else None


def _number(value: Any, default: Any = None) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if np.isfinite(number) else default
