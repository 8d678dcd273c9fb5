"""Whatever cannot be used ends with one clear line and exit code 2 (5 for the lock), before anything is computed."""

import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.numpy import save_file

from study.cli import main
from study.ledger import lock


@pytest.fixture
def folder(tmp_path):
    """A labelled set of 40 images, a study file for it, and an empty DICOM folder."""
    (tmp_path / "lung").mkdir()
    (tmp_path / "scans").mkdir()
    pixels = np.random.default_rng(0)
    lines = ["file,label"]
    for i in range(40):
        Image.fromarray(pixels.integers(0, 255, (40, 40), dtype=np.uint8)).save(tmp_path / "lung" / f"{i}.png")
        lines.append(f"{i}.png,{'ill' if i % 2 else 'healthy'}")
    (tmp_path / "lung" / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def command(folder, *, text=lambda text: text, **changes):
    study = {
        "name": "mine",
        "image_size": 64,
        "tasks": {"lung": {"images": "lung", "labels": "lung/labels.csv", "positive": "ill"}},
        "adaptations": {"linear": {"sizes": {"share": [0.5, 1.0]}}},
    }
    path = folder / "study.yaml"
    path.write_text(text(yaml.safe_dump(study | changes)))
    return ["run", str(path), "--results", str(folder / "results")]


def refused(capsys, arguments, *words, code=2):
    assert main(arguments) == code
    said = capsys.readouterr().err.strip()
    assert said.startswith("labelcurve: ") and "\n" not in said
    for word in words:
        assert word in said
    return said


def no_compute(folder):
    return not list((folder / "results").glob("*/encoders/*")) and not list((folder / "results").glob("*/trials/*"))


def test_a_misspelt_key(folder, capsys):
    refused(
        capsys,
        command(folder, text=lambda t: t.replace("tasks:", "taks:")),
        "study.yaml",
        "taks",
        "did you mean 'tasks'",
    )


@pytest.mark.parametrize("size", [0, 0.0])
def test_a_size_of_0(folder, capsys, size):
    kind = "count" if isinstance(size, int) else "share"
    refused(
        capsys, command(folder, adaptations={"linear": {"sizes": {kind: [size]}}}), f"sizes.{kind}.0", "greater than 0"
    )


def test_a_size_too_small_for_its_classes(folder, capsys):
    small = {"linear": {"sizes": {"count": [2]}}}
    refused(capsys, command(folder, adaptations=small), "task lung", "smallest that works in all draws is count 4")
    assert no_compute(folder)


def test_a_method_that_does_not_exist(folder, capsys):
    methods = {"methods": {"moco": {}}}
    refused(capsys, command(folder, pretraining=methods, corpus={"dicom": ["scans"]}), "moco", "moco_v2")


def test_a_missing_folder(folder, capsys):
    tasks = {"lung": {"images": "lnug", "labels": "lung/labels.csv"}}
    refused(capsys, command(folder, tasks=tasks), "tasks.lung.images", str(folder / "lnug"))
    methods = {"methods": {"moco_v2": {}}}
    refused(capsys, command(folder, pretraining=methods, corpus={"dicom": ["nowhere"]}), "corpus.dicom", "nowhere")


def test_a_dicom_folder_without_a_usable_image(folder, capsys):
    (folder / "scans" / "notes.txt").write_text("no image")
    methods = {"methods": {"moco_v2": {}}}
    refused(capsys, command(folder, pretraining=methods, corpus={"dicom": ["scans"]}), str(folder / "scans"))
    assert no_compute(folder)


def test_labels_with_one_class(folder, capsys):
    labels = folder / "lung" / "labels.csv"
    labels.write_text(labels.read_text().replace("ill", "healthy"))
    tasks = {"lung": {"images": "lung", "labels": "lung/labels.csv"}}
    refused(capsys, command(folder, tasks=tasks), "labels.csv", "healthy")
    assert no_compute(folder)


def test_a_weights_file_of_the_wrong_shape(folder, capsys):
    save_file({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, folder / "w.safetensors")
    refused(capsys, command(folder, weights={"mine": "w.safetensors"}), "weights.mine", "w.safetensors")
    assert no_compute(folder)


def test_a_file_that_holds_no_weights(folder, capsys):
    (folder / "w.pth").write_text("these are no weights")
    refused(capsys, command(folder, weights={"mine": "w.pth"}), "weights.mine", "w.pth")
    refused(capsys, command(folder, weights={"mine": "absent.pth"}), "weights.mine", "absent.pth")
    assert no_compute(folder)


def test_a_backbone_that_does_not_exist(folder, capsys):
    refused(capsys, command(folder, backbone="resnet19"), "resnet19")


def test_a_second_driver_on_the_same_study(folder, capsys):
    with lock(str(folder / "results" / "mine")):
        refused(capsys, command(folder), "mine", code=5)
    assert no_compute(folder)


def test_plan_writes_nothing(folder):
    _, study, *_ = command(folder)
    before = sorted(folder.rglob("*"))
    run = subprocess.run(
        [sys.executable, "-m", "labelcurve", "plan", study], capture_output=True, text=True, check=True
    )
    assert "6 cells" in run.stdout and "30 trials" in run.stdout
    assert sorted(folder.rglob("*")) == before


def test_status_of_a_folder_without_results(folder, capsys):
    assert main(["status", str(folder)]) == 2
    assert "no study has left results here" in capsys.readouterr().err
