import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from study.data.phantom import scans
from study.data.phantom.anatomy import BONE, Anatomy
from study.data.phantom.settings import PhantomSettings


def _bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("write", [scans.write_corpus, scans.write_task])
def test_the_same_settings_give_the_same_bytes(write, tiny_phantom, tmp_path):
    write(tiny_phantom, tmp_path / "a")
    write(tiny_phantom, tmp_path / "b")
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    tiny_phantom = tiny_phantom.model_copy(update={"seed": tiny_phantom.seed + 1})
    write(tiny_phantom, tmp_path / "c")
    images = {digest for name, digest in _bytes(tmp_path / "a").items() if not name.endswith(".csv")}
    assert images.isdisjoint(_bytes(tmp_path / "c").values())


def test_the_corpus_is_real_dicom(tiny_phantom, tmp_path):
    scans.write_corpus(tiny_phantom, tmp_path)
    files = sorted(tmp_path.rglob("*.dcm"))
    assert len(files) == tiny_phantom.patients * tiny_phantom.slices
    image = pydicom.dcmread(files[0])
    units = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    assert image.Modality == "CT" and units.shape == (32, 32)
    assert units.min() < -900 and units.max() > 200
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in files}) == len(files)


def test_the_finding_is_what_visibility_makes_of_it(tiny_phantom, tmp_path):
    brightness = {}
    for visibility in (0.0, 0.5, 1.0):
        tiny_phantom = tiny_phantom.model_copy(update={"visibility": visibility})
        scans.write_task(tiny_phantom, tmp_path / str(visibility))
        rows = [line.split(",") for line in (tmp_path / str(visibility) / "labels.csv").read_text().split()[1:]]
        means = {"finding": [], "normal": []}
        for file, label, _ in rows:
            means[label].append(np.asarray(Image.open(tmp_path / str(visibility) / file)).mean())
        brightness[visibility] = {label: np.mean(values) for label, values in means.items()}
    assert brightness[0.0]["finding"] < brightness[0.5]["finding"] < brightness[1.0]["finding"]
    assert len({own["normal"] for own in brightness.values()}) == 1


def test_prevalence_is_the_share_of_patients(tiny_phantom, tmp_path):
    tiny_phantom = tiny_phantom.model_copy(update={"prevalence": 0.25})
    scans.write_task(tiny_phantom, tmp_path)
    rows = [line.split(",") for line in (tmp_path / "labels.csv").read_text().split()[1:]]
    assert len(rows) == 24 and len({patient for _, label, patient in rows if label == "finding"}) == 3


def test_more_patients_leave_the_others_as_they_were(tiny_phantom, tmp_path):
    scans.write_corpus(tiny_phantom, tmp_path / "a")
    more = tiny_phantom.model_copy(update={"patients": 4})
    scans.write_corpus(more, tmp_path / "b")
    assert _bytes(tmp_path / "a").items() <= _bytes(tmp_path / "b").items()


def _spine(visibility: float) -> float:
    """How far to the right of the middle the spine lies, in half sides of the image."""
    patient = Anatomy(64, np.random.default_rng(3), "rotation")
    bone = patient.slice(0.5, visibility, np.random.default_rng(4)) > 0.7 * BONE
    return float(np.nonzero(bone)[1].mean()) / 31.5 - 1


def test_a_rotation_turns_the_chest_as_far_as_its_visibility_says():
    assert _spine(1.0) < _spine(0.5) < _spine(0.0), "clockwise, the spine lying at the bottom"


def test_a_rotation_is_not_told_by_brightness(tiny_phantom, tmp_path):
    turned = tiny_phantom.model_copy(update={"finding": "rotation", "visibility": 1.0, "labelled_patients": 40})
    scans.write_task(turned, tmp_path)
    means = {"finding": [], "normal": []}
    for row in (tmp_path / "labels.csv").read_text().split()[1:]:
        file, label, _ = row.split(",")
        means[label].append(np.asarray(Image.open(tmp_path / file)).mean())
    apart = abs(np.mean(means["finding"]) - np.mean(means["normal"]))
    assert apart < 0.5 * np.std(means["normal"])


def test_hidden_findings_leave_the_same_patients():
    slices = [
        Anatomy(32, np.random.default_rng(5), finding).slice(0.3, 0.0, np.random.default_rng(6))
        for finding in ("opacity", "rotation")
    ]
    assert np.array_equal(*slices)


def test_an_opacity_goes_without_saying_and_another_finding_does_not():
    """So tasks and corpora that were stored before there was a choice are found again."""
    opacity, rotation = (scans.identity(PhantomSettings(finding=finding)) for finding in ("opacity", "rotation"))
    assert set(opacity) == {
        *("phantom", "patients", "slices", "size", "visibility", "prevalence", "seed"),
        *("labelled_patients", "labelled_slices"),
    }
    assert rotation == opacity | {"finding": "rotation"}
