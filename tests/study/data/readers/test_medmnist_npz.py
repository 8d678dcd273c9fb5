"""An archive of arrays is a task like any other: its roles are kept, and what is wrong with it is refused by name."""

import numpy as np
import polars as pl
import pytest

from study.data.frozen_task import freeze_task, preview_task
from study.data.slice_store import SliceStore
from study.data.task import Task
from study.errors import InputRefused

SIZES = {"train": 24, "val": 12, "test": 12}


def arrays(classes=3, colours=()):
    rng = np.random.default_rng(0)
    made = {}
    for split, size in SIZES.items():
        made[f"{split}_images"] = rng.integers(0, 256, (size, 6, 5, *colours), np.uint8)
        made[f"{split}_labels"] = (np.arange(size) % classes).astype(np.uint8)[:, None]
    return made


@pytest.fixture
def archive(tmp_path):
    def write(**given):
        np.savez(tmp_path / "organ.npz", **given)
        return Task(npz=tmp_path / "organ.npz")

    return write


def test_images_roles_and_labels_are_those_of_the_file(archive, tmp_path, key, said):
    given = arrays()
    source = archive(**given)
    task = freeze_task("organ", source, store=tmp_path / "store", key=key, seed=0)
    store, hidden = SliceStore.open(task.images.uri), pl.read_parquet(task.test_labels_uri)
    labels = {**dict(task.samples.select("row", "label").rows()), **dict(hidden.select("row", "label").rows())}
    found = {
        (store.pixels(row).tobytes(), role, labels[row]) for row, role in task.samples.select("row", "role").rows()
    }
    assert found == {
        (image.tobytes(), split, int(label[0]))
        for split in SIZES
        for image, label in zip(given[f"{split}_images"], given[f"{split}_labels"], strict=True)
    }
    assert task.samples.filter(role="test")["label"].is_null().all() and len(hidden) == SIZES["test"]
    assert task.samples["token"].n_unique() == len(store) == 48
    assert preview_task("organ", source, seed=7).split_hash == task.split_hash
    assert any("names no patients" in line for line in said)


def test_classes_are_in_the_order_of_their_numbers(archive):
    preview = preview_task("organ", archive(**arrays(classes=11)), seed=0)
    assert preview.classes == [str(number) for number in range(11)] and preview.positive is None
    two = preview_task("organ", archive(**arrays(classes=2)), seed=0)
    assert (two.classes, two.positive) == (["0", "1"], "1")


def test_colours_become_their_mean_and_flat_labels_are_labels(archive, tmp_path, key):
    given = {name: array[:, 0] if name.endswith("labels") else array for name, array in arrays(colours=(3,)).items()}
    task = freeze_task("organ", archive(**given), store=tmp_path / "store", key=key, seed=0)
    store = SliceStore.open(task.images.uri)
    means = {np.rint(image.mean(-1)).astype(np.uint8).tobytes() for image in given["val_images"]}
    rows = task.samples.filter(role="val")["row"]
    assert {store.pixels(row).tobytes() for row in rows} == means


def test_an_image_of_two_roles_is_tested_and_not_trained_on(archive):
    given = arrays()
    given["train_images"][0] = given["test_images"][0]
    given["train_images"][3] = given["val_images"][0]
    assert dict(preview_task("organ", archive(**given), seed=0).samples["role"].value_counts().rows()) == {
        **SIZES,
        "train": 22,
    }
    given["train_images"][1] = given["test_images"][0]
    with pytest.raises(InputRefused, match=r"test_images\[0\] \(label 0\) and train_images\[1\] \(label 1\)"):
        preview_task("organ", archive(**given), seed=0)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"val_labels": None}, "there is no array val_labels; there are train_images, "),
        ({"val_images": np.zeros((12, 6, 5))}, r"array val_images is not 8 bits \(float64, shape \(12, 6, 5\)\)"),
        ({"val_images": np.zeros((12, 30), np.uint8)}, "array val_images holds no list of images"),
        ({"val_images": np.zeros((12, 6, 5, 2), np.uint8)}, "array val_images holds no list of images"),
        ({"test_labels": np.zeros((11, 1), np.uint8)}, "array test_labels has 11 labels for 12 images"),
        ({"val_labels": np.zeros((12, 14), np.uint8)}, "array val_labels .*, with 1 an image, differ"),
        (
            {"train_labels": np.full((24, 14), 2)},
            "array train_labels gives several labels an image, .* neither 0 nor 1",
        ),
        ({"train_labels": np.zeros(24)}, "array train_labels holds no list of class numbers"),
        ({"train_labels": np.array([None] * 24)}, "array train_labels is damaged or holds no plain numbers"),
    ],
)
def test_an_array_that_cannot_be_used_is_named(archive, change, line):
    given = {name: array for name, array in {**arrays(), **change}.items() if array is not None}
    with pytest.raises(InputRefused, match=rf"organ\.npz: {line}") as refused:
        preview_task("organ", archive(**given), seed=0)
    assert "\n" not in str(refused.value)


def test_what_is_no_archive_is_refused(archive, tmp_path, key):
    source = archive(**arrays())
    whole = source.npz.read_bytes()
    with source.npz.open("wb") as file:
        np.save(file, np.zeros(3))
    single = source.npz.read_bytes()
    for content in (b"", b"file,label\n", whole[: len(whole) // 2], single):
        source.npz.write_bytes(content)
        with pytest.raises(InputRefused, match=r"organ\.npz: .*archive"):
            preview_task("organ", source, seed=0)
    source.npz.unlink()
    with pytest.raises(InputRefused, match=r"organ\.npz: there is no such file"):
        freeze_task("organ", source, store=tmp_path / "store", key=key, seed=0)
