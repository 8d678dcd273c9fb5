"""An external test set is frozen like a task's own, has its classes, and shares no image with it."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from study.data.frozen_task import freeze_task, preview_task
from study.data.slice_store import SliceStore
from study.data.task import Task
from study.errors import InputRefused


@pytest.fixture
def source(tmp_path):
    """A task of 24 patients, and 8 images of 4 others at another place."""
    rng = np.random.default_rng(0)

    def folder(name, images, patients):
        (tmp_path / name).mkdir()
        rows = ["file,label,patient"]
        for i in range(images):
            Image.fromarray(rng.integers(0, 256, (6, 5), np.uint8)).save(tmp_path / name / f"scan{i}.png")
            rows.append(f"scan{i}.png,{'ill' if i % 2 else 'well'},{name}-Doe-{i % patients}")
        (tmp_path / name / "labels.csv").write_text("\n".join(rows))
        return {"images": tmp_path / name, "labels": tmp_path / name / "labels.csv"}

    return Task(**folder("here", 36, 24), positive="ill", external={"elsewhere": folder("elsewhere", 8, 4)})


@pytest.fixture
def frozen(source, tmp_path, key):
    def freeze(task=source):
        return freeze_task("scans", task, store=tmp_path / "store", key=key, seed=0)

    return freeze


def test_images_patients_and_labels_belong_together(source, frozen, tmp_path):
    external = frozen().external["elsewhere"]
    store, labels = SliceStore.open(external.images.uri), pl.read_parquet(external.labels_uri)
    assert len(store) == 8 and labels["row"].to_list() == list(range(8)) == external.samples["row"].to_list()
    assert labels["digest"].to_list() == store.digests == external.samples["digest"].to_list()
    assert external.samples["patient"].n_unique() == external.samples["token"].n_unique() == 4
    files = {np.asarray(Image.open(path)).tobytes(): path.stem for path in (tmp_path / "elsewhere").glob("*.png")}
    for row, label in labels.select("row", "label").iter_rows():
        assert int(files[store.pixels(row).tobytes()][4:]) % 2 == label
    assert "label" not in external.samples.columns


def test_the_task_is_the_same_with_and_without(source, frozen):
    beside = frozen()
    alone = frozen(source.model_copy(update={"external": {}}))
    assert (alone.images, alone.split_hash) == (beside.images, beside.split_hash)
    assert alone.samples.equals(beside.samples) and alone.external == {}


def test_an_image_of_the_task_is_refused_by_file_and_line(source, frozen, tmp_path):
    inside = (tmp_path / "here" / "scan5.png").read_bytes()
    (tmp_path / "elsewhere" / "scan3.png").write_bytes(inside)
    for freeze in (frozen, lambda: preview_task("scans", source, seed=0)):
        with pytest.raises(InputRefused, match=r"labels.csv, line 5: scan3.png is an image of task scans too"):
            freeze()


def test_an_image_that_joins_the_task_later_is_refused_too(source, frozen, tmp_path):
    frozen()
    outside = (tmp_path / "elsewhere" / "scan3.png").read_bytes()
    (tmp_path / "here" / "scan5.png").write_bytes(outside)
    with pytest.raises(InputRefused, match="1 images are in task scans too"):
        frozen()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",well,", ",wel,", r"line 2 \(scan0.png\): the task has no class 'wel'; did you mean 'well'"),
        (",ill,", ",well,", "no row is of class 'ill'; an external test set has all of its task's"),
    ],
)
def test_its_classes_are_those_of_the_task(source, frozen, tmp_path, old, new, message):
    path = tmp_path / "elsewhere" / "labels.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputRefused, match=message):
        frozen()
    with pytest.raises(InputRefused, match=message):
        preview_task("scans", source, seed=0)
