import hashlib

import numpy as np
import pytest

from study.data.slice_store import SliceStore, StoreWriter


def _write(path, images, unit="hu"):
    with StoreWriter(path, unit=unit) as writer:
        for i, image in enumerate(images):
            writer.append(image, digest=f"d{i}", patient=f"p{i}", series="s", position=i / 2)
        return writer.close()


def test_images_of_different_sizes_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(-1024, 3071, shape).astype(np.int16) for shape in [(3, 5), (8, 2), (1, 1), (512, 512)]]
    store = SliceStore.open(_write(tmp_path / "a.arrow", images).uri)
    assert len(store) == 4 and store.unit == "hu"
    assert store.digests == ["d0", "d1", "d2", "d3"] and store.positions == [0, 0.5, 1, 1.5]
    for i, image in enumerate(images):
        np.testing.assert_array_equal(store.pixels(i), image)


def test_many_batches_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr("study.data.slice_store._BATCH_BYTES", 40)
    images = [np.full((3, 3), i, np.uint8) for i in range(23)]
    store = SliceStore.open(_write(tmp_path / "a.arrow", images, "grey").uri)
    assert [int(store.pixels(i)[0, 0]) for i in range(23)] == list(range(23))


def test_pixels_are_a_read_only_view(tmp_path):
    store = SliceStore.open(_write(tmp_path / "a.arrow", [np.zeros((4, 4), np.uint8)], "grey").uri)
    assert not store.pixels(0).flags.writeable and not store.pixels(0).flags.owndata


def test_the_digest_is_that_of_the_file_and_repeats(tmp_path):
    images = [np.arange(12, dtype=np.int16).reshape(3, 4)]
    first, second = (_write(tmp_path / name, images) for name in ("a.arrow", "b.arrow"))
    assert first.digest == second.digest == hashlib.sha256((tmp_path / "a.arrow").read_bytes()).hexdigest()


def test_an_unfinished_store_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), StoreWriter(tmp_path / "a.arrow", unit="grey") as writer:
        writer.append(np.zeros((2, 2), np.uint8), digest="d", patient="p", series="s", position=0)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_pixels_of_another_type_are_refused(tmp_path):
    with StoreWriter(tmp_path / "a.arrow", unit="hu") as writer, pytest.raises(ValueError, match="float64"):
        writer.append(np.zeros((2, 2)), digest="d", patient="p", series="s", position=0)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "a.arrow").write_bytes(b"something else, and long enough to look at")
    with pytest.raises(ValueError, match="no slice store"):
        SliceStore.open(tmp_path / "a.arrow")
