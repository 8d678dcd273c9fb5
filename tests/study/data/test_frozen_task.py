import hashlib
import random

import numpy as np
import polars as pl
import pytest
from PIL import Image

from study.data import frozen_task
from study.data.frozen_task import freeze_task, preview_task
from study.data.pseudonyms import PseudonymKey
from study.data.samples import SAMPLES
from study.data.slice_store import SliceStore
from study.data.task import Task
from study.data.task_files import TEST_LABELS
from study.errors import InputRefused


def labelled(**given):
    """A task's source as the study file gives it."""
    return Task(**given)


@pytest.fixture
def folder(tmp_path):
    """24 patients with one or two images each, half of them ill, and no split."""
    rng = np.random.default_rng(0)
    rows = ["file,label,patient"]
    (tmp_path / "images").mkdir()
    for i in range(36):
        Image.fromarray(rng.integers(0, 256, (6, 5 + i % 3), np.uint8)).save(tmp_path / "images" / f"scan{i}.png")
        rows.append(f"scan{i}.png,{'ill' if i % 2 else 'well'},Doe-{i % 24}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return labelled(images=tmp_path / "images", labels=tmp_path / "labels.csv", positive="ill")


@pytest.fixture
def frozen(tmp_path, key):
    def freeze(source, key=key, store="store", seed=0):
        return freeze_task("scans", source, store=tmp_path / store, key=key, seed=seed)

    return freeze


def test_images_samples_and_labels_belong_together(folder, frozen):
    task = frozen(folder)
    store = SliceStore.open(task.images.uri)
    hidden = pl.read_parquet(task.test_labels_uri)
    assert dict(task.samples.schema) == SAMPLES and dict(hidden.schema) == TEST_LABELS
    assert task.classes == ["well", "ill"] and task.positive == "ill" and len(store) == 36
    labels = {
        row["row"]: row["label"] for row in [*task.samples.to_dicts(), *hidden.to_dicts()] if row["label"] is not None
    }
    for i in range(36):
        data = (folder.images / f"scan{i}.png").read_bytes()
        row = store.digests.index(hashlib.sha256(data).hexdigest()[:32])
        np.testing.assert_array_equal(store.pixels(row), np.asarray(Image.open(folder.images / f"scan{i}.png")))
        assert labels[row] == i % 2 and task.samples["digest"][row] == store.digests[row]


def test_test_labels_lie_in_their_own_file_only(folder, frozen):
    task = frozen(folder)
    by_role = {role: own for (role,), own in task.samples.group_by("role")}
    assert by_role["test"]["label"].is_null().all()
    assert by_role["train"]["label"].is_not_null().all() and by_role["val"]["label"].is_not_null().all()
    assert pl.read_parquet(task.test_labels_uri)["row"].to_list() == by_role["test"]["row"].to_list()


def test_no_patient_is_in_two_roles(folder, frozen):
    samples = frozen(folder).samples
    assert samples.group_by("patient").agg(pl.col("role").n_unique())["role"].max() == 1
    assert samples["patient"].n_unique() == samples["token"].n_unique() == 24


def test_row_order_names_and_key_change_neither_order_nor_split(folder, frozen):
    first = frozen(folder)
    header, *rows = folder.labels.read_text().split()
    random.Random(0).shuffle(rows)
    for i in range(36):
        (folder.images / f"scan{i}.png").rename(folder.images / f"{36 - i}.jpg")
    rows = [",".join([f"{36 - int(row.split('.')[0][4:])}.jpg", *row.split(",")[1:]]) for row in rows]
    folder.labels.write_text("\n".join([header, *rows]))
    second = frozen(folder, key=PseudonymKey(b"another key of mine"), store="other")
    assert second.split_hash == first.split_hash
    assert second.samples.drop("patient").equals(first.samples.drop("patient"))
    assert not set(second.samples["patient"]) & set(first.samples["patient"])


def test_nothing_written_names_a_patient_or_a_file(folder, frozen, tmp_path):
    frozen(folder)
    for path in (tmp_path / "store").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"Doe" not in content and b"scan1" not in content and str(tmp_path).encode() not in content


def test_a_second_freeze_reads_no_image(folder, frozen, monkeypatch):
    first = frozen(folder)
    monkeypatch.setattr(frozen_task, "_split", None)
    second = frozen(folder)
    assert second.images == first.images and second.samples.equals(first.samples)
    with pytest.raises(InputRefused, match="another pseudonym key"):
        frozen(folder, key=PseudonymKey(b"another key of mine"))


def test_the_preview_is_the_frozen_split(folder, frozen, tmp_path, tiny_phantom):
    task = frozen(folder)
    before = sorted(tmp_path.rglob("*"))
    preview = preview_task("scans", folder, seed=0)
    assert sorted(tmp_path.rglob("*")) == before
    assert (preview.split_hash, preview.classes) == (task.split_hash, task.classes)
    assert preview.samples.drop("patient").equals(task.samples.drop("patient"))
    source = labelled(phantom=tiny_phantom)
    assert preview_task("scans", source, seed=0).split_hash == frozen(source, key=None).split_hash


def test_the_phantom_is_frozen_with_its_public_key(tiny_phantom, frozen):
    first = frozen(labelled(phantom=tiny_phantom), key=None)
    second = frozen(labelled(phantom=tiny_phantom), key=None, store="other")
    assert first.classes == ["normal", "finding"]
    assert first.images.digest == second.images.digest and first.samples.equals(second.samples)


def test_images_without_patients_are_patients_and_it_is_said(folder, frozen, said):
    rows = folder.labels.read_text().split()
    folder.labels.write_text("\n".join(row.rpartition(",")[0] for row in rows))
    assert frozen(folder).samples["patient"].n_unique() == 36
    assert any("no column 'patient'" in line for line in said)


def test_missing_and_unreadable_files_are_named(folder, frozen, tmp_path):
    (folder.images / "scan4.png").write_bytes(b"no image")
    with pytest.raises(InputRefused, match=r"labels.csv, line 6: scan4.png cannot be decoded"):
        frozen(folder)
    assert not list((tmp_path / "store").glob("task-*"))
    for i in range(4, 10):
        (folder.images / f"scan{i}.png").unlink()
    with pytest.raises(InputRefused, match=r"6 of 36 files are not in .*scan4.png \(line 6\), .* and 3 more"):
        frozen(folder)
    folder = folder.model_copy(update={"images": tmp_path / "nowhere"})
    with pytest.raises(InputRefused, match="no such folder of images"):
        preview_task("scans", folder, seed=0)


def test_a_repeated_image_is_kept_once_unless_it_contradicts_itself(folder, frozen, said):
    text = folder.labels.read_text()
    (folder.images / "copy.png").write_bytes((folder.images / "scan0.png").read_bytes())
    folder.labels.write_text(text + "\ncopy.png,well,Doe-0\n")
    assert len(frozen(folder).samples) == 36 and any("kept once" in line for line in said)
    for label, patient, what in (("ill", "Doe-0", "label"), ("well", "Doe-1", "patient")):
        folder.labels.write_text(f"{text}\ncopy.png,{label},{patient}\n")
        with pytest.raises(InputRefused, match=rf"scan0.png \(line 2\) and copy.png \(line 38\).*two {what}s"):
            frozen(folder)


def test_the_official_split_of_real_images_is_kept(real_data, frozen):
    root = real_data / "covid-ct"
    source = labelled(images=root, labels=root / "labels.csv", positive="COVID")
    roles = preview_task("covid", source, seed=0).samples["role"].value_counts().rows()
    assert dict(roles) == {"train": 425, "val": 118, "test": 203}


def test_real_images_without_a_split_are_split_by_patient(real_data, frozen):
    root = real_data / "ct-ich"
    task = frozen(labelled(images=root, labels=root / "labels.csv", positive="haemorrhage"))
    assert len(SliceStore.open(task.images.uri)) == 527 and task.samples["patient"].n_unique() == 41
    assert task.samples.group_by("patient").agg(pl.col("role").n_unique())["role"].max() == 1
