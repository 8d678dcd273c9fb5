"""Odd files, each made from a phantom slice by changing one thing."""

from collections import Counter
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from study.data.dicom import AIR, Rejected, read_header, read_slices
from study.data.phantom import scans


@pytest.fixture
def image(tiny_phantom, tmp_path):
    scans.write_corpus(tiny_phantom, tmp_path / "source")
    return pydicom.dcmread(next((tmp_path / "source").rglob("0001.dcm")))


@pytest.fixture
def saved(tmp_path):
    def save(dataset, **options):
        dataset.save_as(tmp_path / "file", **options)
        return tmp_path / "file"

    return save


def _hu(image):
    return image.pixel_array.astype(int) - 1024


def test_units_go_through_slope_and_intercept(image, saved):
    expected = np.rint(np.clip(_hu(image) * 1.0002441, AIR, None))
    image.RescaleSlope, image.RescaleIntercept = "1.0002441", "-1024.25"
    (item,) = read_slices(saved(image))
    assert item.pixels.dtype == np.int16
    np.testing.assert_allclose(item.pixels, expected, atol=1)


def test_monochrome1_changes_how_it_is_shown_and_not_the_units(image, saved):
    image.PhotometricInterpretation = "MONOCHROME1"
    np.testing.assert_array_equal(read_slices(saved(image))[0].pixels, _hu(image))


def test_unsigned_padding_of_signed_pixels_becomes_air(image, saved):
    stored = _hu(image).astype("<i2")
    stored[:2] = -2000
    stored[2:4] = 500
    image.PixelRepresentation, image.BitsStored, image.HighBit, image.RescaleIntercept = 1, 16, 15, 0
    image.add_new("PixelPaddingValue", "US", 65536 - 2000)
    image.PixelData = stored.tobytes()
    (item,) = read_slices(saved(image))
    assert (item.pixels[:2] == AIR).all() and (item.pixels[2:4] == 500).all()


def test_a_range_of_padding_becomes_air(image, saved):
    stored = image.pixel_array.copy()
    stored[0], stored[1], stored[2] = 3000, 3500, 2999
    image.PixelData = stored.tobytes()
    image.add_new("PixelPaddingValue", "US", 3000)
    image.add_new("PixelPaddingRangeLimit", "US", 3500)
    (item,) = read_slices(saved(image))
    assert (item.pixels[:2] == AIR).all() and (item.pixels[2] == 2999 - 1024).all()


def test_a_modality_table_is_followed(image, saved):
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "OW", (np.arange(4096) // 2).astype("<u2").tobytes())
    table.ModalityLUTType = "HU"
    del image.RescaleSlope, image.RescaleIntercept
    image.ModalityLUTSequence = Sequence([table])
    np.testing.assert_array_equal(read_slices(saved(image))[0].pixels, image.pixel_array // 2)


def test_frames_of_an_enhanced_image_are_slices_in_order_of_position(image, saved):
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    first, second = _hu(image), np.maximum(_hu(image)[::-1], -500)
    image.NumberOfFrames = 2
    image.PixelData = np.stack([first + 1024, second + 500]).astype("<u2").tobytes()
    del image.RescaleSlope, image.RescaleIntercept, image.ImagePositionPatient, image.ImageOrientationPatient
    image.PerFrameFunctionalGroupsSequence = Sequence([_group(30.0, -1024), _group(10.0, -500)])
    slices = read_slices(saved(image))
    assert [item.position for item in slices] == [10.0, 30.0]
    np.testing.assert_array_equal(slices[0].pixels, second)
    np.testing.assert_array_equal(slices[1].pixels, first)


def _group(z, intercept):
    group, place, turn, values = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [0, 0, z]
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    values.RescaleSlope, values.RescaleIntercept = 1, intercept
    group.PlanePositionSequence, group.PlaneOrientationSequence = Sequence([place]), Sequence([turn])
    group.PixelValueTransformationSequence = Sequence([values])
    return group


def test_a_file_without_preamble_is_read(image, saved):
    expected = _hu(image)
    image.preamble = None
    del image.file_meta
    path = saved(image, implicit_vr=False, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\x00"
    np.testing.assert_array_equal(read_slices(path)[0].pixels, expected)


def test_compressed_pixels_are_the_same_image(image, saved):
    expected = _hu(image)
    image.compress(RLELossless)
    np.testing.assert_array_equal(read_slices(saved(image))[0].pixels, expected)


def test_position_is_along_the_normal_of_the_plane(image, saved):
    image.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]  # sagittal: the normal is -x
    image.ImagePositionPatient = [12.5, 3, 4]
    assert read_header(saved(image), "").position == -12.5


def test_missing_ids_have_stated_substitutes(image, saved):
    del image.PatientID
    assert read_header(saved(image), "a/b").patient == str(image.PatientName)
    del image.PatientName, image.StudyInstanceUID, image.SeriesInstanceUID
    header = read_header(saved(image), "a/b")
    assert header.patient == header.series == "folder a/b"


def _localizer(image):
    image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def _capture(image):
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


def _dose(image):
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"


def _colour(image):
    image.SamplesPerPixel, image.PhotometricInterpretation = 3, "RGB"


def _no_pixels(image):
    del image.PixelData


def _short(image):
    image.PixelData = image.PixelData[:100]


def _constant(image):
    image.PixelData = bytes(len(image.PixelData))


def _unscaled(image):
    del image.RescaleSlope, image.RescaleIntercept


def _energy(image):
    image.RescaleType = "Z_EFF"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_localizer, "localizer"),
        (_capture, "not a CT image: Secondary Capture Image Storage"),
        (_dose, "not a CT image: X-Ray Radiation Dose SR Storage"),
        (_colour, "colour image"),
        (_no_pixels, "no pixel data"),
        (_short, "pixels cannot be decoded"),
        (_constant, "constant image"),
        (_unscaled, "no rescale slope"),
        (_energy, "not Hounsfield units"),
    ],
)
def test_what_gives_no_slice_is_rejected_with_its_reason(image, saved, spoil, reason):
    spoil(image)
    path = saved(image)
    with pytest.raises(Rejected, match=reason):
        read_header(path, "")
        read_slices(path)


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty file"), (b"file,label\n" * 40, "not a DICOM file")])
def test_other_files_are_rejected(tmp_path, content, reason):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Rejected, match=reason):
        read_header(tmp_path / "x", "")


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("PerFrameFunctionalGroupsSequence", "OB", b"no frames"),
        ("ModalityLUTSequence", "OB", b"no table"),
    ],
)
def test_whatever_a_damaged_element_raises_is_a_reject(image, saved, name, kind, value):
    image.add_new(name, kind, value)
    with pytest.raises(Rejected, match="damaged DICOM file"):
        read_header(saved(image), "folder"), read_slices(saved(image))


def mutated(rng, whole, dataset, saved):
    """The file with something wrong in it: bytes flipped, cut off, taken out, or an element of another type."""
    how = rng.integers(4)
    if how == 3:
        other = pydicom.dcmread(BytesIO(whole))
        elements = [each for each in other if each.tag.group >= 8]
        element = elements[rng.integers(len(elements))]
        for _ in range(2):
            element.VR = rng.choice(["US", "SH", "DS", "IS", "OB", "FD", "UI", "SQ", "UN"])
        try:
            return saved(other).read_bytes()
        except Exception:  # pydicom itself does not write all of it
            return whole[: rng.integers(len(whole))]
    damaged = bytearray(whole)
    if how == 0:
        for at in rng.integers(0, min(len(whole), 2000), rng.integers(1, 12)):
            damaged[at] = rng.integers(256)
    elif how == 1:
        del damaged[rng.integers(1, len(whole)) :]
    else:
        start = rng.integers(132, 2000)
        del damaged[start : start + rng.integers(1, 60)]
    return bytes(damaged)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_is_slices_or_a_reject_and_nothing_else(image, saved):
    image.PerFrameFunctionalGroupsSequence = Sequence([Dataset()])
    image.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence = Sequence([Dataset()])
    path = saved(image)
    whole, rng, outcomes = path.read_bytes(), np.random.default_rng(8), Counter()
    for _ in range(400):
        path.write_bytes(mutated(rng, whole, image, saved))
        try:
            read_header(path, "folder")
            outcomes[len(read_slices(path)) > 0] += 1
        except Rejected as rejected:
            assert str(path) not in str(rejected)
            outcomes["rejected"] += 1
    assert outcomes[True] > 20 and outcomes["rejected"] > 100
