"""A multi-label task: a column of 0 and 1 for each finding, in a CSV or an archive."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from study.data.frozen_task import freeze_task, preview_task
from study.data.labels_csv import read_labels
from study.data.slice_store import SliceStore
from study.data.task import Task
from study.errors import InputRefused

UNUSED = {"phantom": None, "outer_folds": None, "external": {}, "test_fraction": 0.3, "val_fraction": 0.25}


def labels_of(task):
    """row -> list of 0 and 1, of all images."""
    hidden = pl.read_parquet(task.test_labels_uri)
    known = task.samples.filter(pl.col("label").is_not_null())
    assert known.schema["label"] == hidden.schema["labels"] == pl.List(pl.Int8)
    return dict(known.select("row", "label").rows()) | dict(hidden.select("row", "labels").rows())


@pytest.fixture
def folder(tmp_path):
    rng, rows = np.random.default_rng(0), ["file,edema,other,effusion,patient"]
    for i in range(60):
        Image.fromarray(rng.integers(0, 256, (6, 5), np.uint8)).save(tmp_path / f"scan{i}.png")
        rows.append(f"scan{i}.png,{int(i % 3 == 0)},x,{int(i % 4 == 0)},P{i // 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return Task(images=tmp_path, labels=tmp_path / "labels.csv", findings=["edema", "effusion"])


def test_a_csv_may_have_a_column_of_each_finding(folder, tmp_path, key):
    task = freeze_task("chest", folder, store=tmp_path / "store", key=key, seed=0)
    assert (task.kind, task.classes, task.positive) == ("multi", ["edema", "effusion"], None)
    images = {np.asarray(Image.open(tmp_path / f"scan{i}.png")).tobytes(): i for i in range(60)}
    store = SliceStore.open(task.images.uri)
    for row, label in labels_of(task).items():
        i = images[store.pixels(row).tobytes()]
        assert label == [int(i % 3 == 0), int(i % 4 == 0)]
    assert preview_task("chest", folder, seed=0).split_hash == task.split_hash


def test_every_finding_is_seen_and_missed_in_every_role(folder):
    samples = preview_task("chest", folder, seed=0).samples
    for role in ("train", "val"):
        shown = samples.filter(role=role)["label"].list.to_struct(fields=["edema", "effusion"]).struct.unnest()
        assert shown.select(pl.all().n_unique()).row(0) == (2, 2)


def test_an_archive_may_have_several_columns_of_labels(tmp_path, key):
    rng, arrays = np.random.default_rng(0), {}
    for split, size in (("train", 24), ("val", 12), ("test", 12)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (size, 6, 5), np.uint8)
        arrays[f"{split}_labels"] = np.stack([np.arange(size) % 2, np.arange(size) % 3 == 0], 1).astype(np.uint8)
    np.savez(tmp_path / "chest.npz", **arrays)
    source = Task(npz=tmp_path / "chest.npz")
    task = freeze_task("chest", source, store=tmp_path / "store", key=key, seed=0)
    assert (task.kind, task.classes) == ("multi", ["0", "1"])
    store = SliceStore.open(task.images.uri)
    found = {(store.pixels(row).tobytes(), *label) for row, label in labels_of(task).items()}
    assert found == {
        (image.tobytes(), *map(int, label))
        for split in ("train", "val", "test")
        for image, label in zip(arrays[f"{split}_images"], arrays[f"{split}_labels"], strict=True)
    }
    source = source.model_copy(update={"positive": "1"})
    with pytest.raises(InputRefused, match="leave `positive` out"):
        preview_task("chest", source, seed=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,edema,label\na,1,x\n", "no column 'effusion' in line 1"),
        ("file,edema,effusion\na,1,2\n", "line 2: column 'effusion' holds '2'; a finding is 0 or 1"),
        ("file,edema,effusion\na,1,\n", "line 2: column 'effusion' is empty"),
        ("file,edema,effusion,edema\na,1,0,1\n", "column 'edema' stands twice"),
    ],
)
def test_what_is_wrong_with_a_finding_is_named(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputRefused, match=message):
        read_labels(tmp_path / "labels.csv", ["edema", "effusion"])


def test_a_finding_that_is_too_rare_is_refused_with_its_counts(folder):
    rows = folder.labels.read_text().splitlines()
    rare = [rows[0], *(",".join([row.split(",")[0], "0", *row.split(",")[2:]]) for row in rows[1:])]
    folder.labels.write_text("\n".join(rare))
    with pytest.raises(InputRefused, match=r"task chest: class 'edema' has 0 patients"):
        preview_task("chest", folder, seed=0)
