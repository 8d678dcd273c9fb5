import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.data import node_cache
from trainables.contracts import FileRef, TestSet, TrialJob

IMAGES = FileRef("images.arrow", "00")
CLASS_OF = np.arange(96) % 2
FINDINGS_OF = np.stack([CLASS_OF, np.arange(96) % 3 == 0, np.arange(96) % 10 == 1], 1).astype(int)
"""The class as a finding, and two more that nothing in the images tells of."""


@pytest.fixture
def pixels():
    """96 images, 32 px; class 1 has a bright blob, which a few images hide."""
    generator = np.random.default_rng(0)
    images = generator.uniform(0.2, 0.4, (96, 32, 32))
    blobs = generator.integers(8, 20, (96, 2))
    for image, label, (y, x) in zip(images, CLASS_OF, blobs, strict=True):
        image[y : y + 6, x : x + 6] += 0.45 * label * (generator.random() > 0.1)
    return (images * 65535).astype(np.uint16)


@pytest.fixture
def trial(pixels, monkeypatch):
    """Makes jobs of trials on the images above: 48 train, 24 validate, 24 lie in the test set."""
    monkeypatch.setattr(node_cache, "resized", lambda ref, *, size, window: pixels)

    def make(**changes):
        job = {
            "adaptation": "full",
            "backbone": "test_resnet",
            "image_size": 32,
            "window": (-1000.0, 1000.0),
            "images": IMAGES,
            "classes": 2,
            "label_kind": "single",
            "positive": None,
            "train": list(range(48)),
            "train_patients": None,
            "val": list(range(48, 72)),
            "val_patients": None,
            "folds": None,
            "encoder": None,
            "features": None,
            "epochs": 2,
            "updates": None,
            "settings": {},
            "objective": "auc",
            "sensitivity_at": 0.9,
            "patient_score": "mean",
            "seed": 1,
            "threads": 1,
            "gpus": 0,
            "tests": {},
            **changes,
        }
        labels = FINDINGS_OF if job["label_kind"] == "multi" else CLASS_OF
        return TrialJob(**{f"{split}_labels": labels[job[split]].tolist() for split in ("train", "val")} | job)

    return make


@pytest.fixture
def test_set(tmp_path):
    rows = list(range(72, 96))
    table = pa.table({"row": rows[::-1], "digest": [f"{row:032x}" for row in rows], "label": CLASS_OF[rows][::-1]})
    pq.write_table(table, tmp_path / "test_labels.parquet")
    return TestSet(IMAGES, rows, None, str(tmp_path / "test_labels.parquet"))


@pytest.fixture
def findings(tmp_path):
    """What makes a job of the trial above multi-label, and its test set."""
    rows = list(range(72, 96))
    labels = pa.array(FINDINGS_OF[rows].tolist(), pa.list_(pa.int8()))
    pq.write_table(pa.table({"row": rows, "digest": [f"{row:032x}" for row in rows], "labels": labels}), tmp_path / "f")
    return {"label_kind": "multi", "classes": 3}, TestSet(IMAGES, rows, None, str(tmp_path / "f"))
