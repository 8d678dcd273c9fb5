import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.data import cache

CLASS_OF = np.arange(96) % 2


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
    monkeypatch.setattr(cache, "resized", lambda ref, *, size, window: pixels)

    def make(**changes):
        job = {
            "backbone": "test_resnet",
            "image_size": 32,
            "window": [-1000.0, 1000.0],
            "images": {"uri": "images.arrow", "digest": "00"},
            "classes": 2,
            "train": list(range(48)),
            "val": list(range(48, 72)),
            "encoder": None,
            "features": None,
            "epochs": 2,
            "settings": {},
            "objective": "auc",
            "seed": 1,
            "threads": 1,
            "test": None,
            **changes,
        }
        job["train_labels"] = [int(CLASS_OF[row]) for row in job["train"]]
        job["val_labels"] = [int(CLASS_OF[row]) for row in job["val"]]
        return job

    return make


@pytest.fixture
def test_set(tmp_path):
    rows = list(range(72, 96))
    table = pa.table({"row": rows[::-1], "digest": [f"{row:032x}" for row in rows], "label": CLASS_OF[rows][::-1]})
    pq.write_table(table, tmp_path / "test_labels.parquet")
    return {"rows": rows, "labels_uri": str(tmp_path / "test_labels.parquet")}
