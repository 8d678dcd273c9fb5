import hashlib

import fsspec
import numpy as np
import pytest

from study.data import node_cache
from study.data.slice_store import StoreWriter
from study.storage.file_ref import FileRef


def _store(path, unit, image):
    with StoreWriter(path, unit=unit) as writer:
        writer.append(image, digest="d", patient="p", series="s", position=0)
        return writer.close()


def _remote(content: bytes, name: str) -> str:
    uri = f"memory://{name}"
    with fsspec.open(uri, "wb") as file:
        file.write(content)
    return uri


def test_a_local_path_is_used_where_it_lies(tmp_path):
    assert node_cache.local(FileRef(str(tmp_path / "x"), "")) == tmp_path / "x"


def test_a_remote_file_is_fetched_once(cache_folder):
    uri = _remote(b"content", "a.npy")
    ref = FileRef(uri, hashlib.sha256(b"content").hexdigest())
    path = node_cache.local(ref)
    fsspec.filesystem("memory").rm("a.npy")
    assert node_cache.local(ref) == path and path.read_bytes() == b"content" and path.suffix == ".npy"


def test_a_remote_file_that_changed_is_refused_and_not_kept(cache_folder):
    with pytest.raises(ValueError, match="has changed"):
        node_cache.local(FileRef(_remote(b"other", "b.bin"), "0" * 64))
    assert not list(cache_folder.glob("0*.bin"))


def test_units_are_scaled_to_the_whole_range(tmp_path):
    hu = np.array([[-2000, -1000], [0, 3000]], np.int16).clip(-1024)
    resized = node_cache.resized(_store(tmp_path / "hu", "hu", hu), size=2, window=(-1000, 1000))
    assert resized.dtype == np.uint16 and resized.shape == (1, 2, 2)
    np.testing.assert_array_equal(resized[0], [[0, 0], [32768, 65535]])
    grey = np.array([[0, 51], [102, 255]], np.uint8)
    resized = node_cache.resized(_store(tmp_path / "grey", "grey", grey), size=2, window=(-1000, 1000))
    np.testing.assert_array_equal(resized[0] / 65535, grey / 255)


def test_shrinking_is_antialiased(tmp_path):
    checkers = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    resized = node_cache.resized(_store(tmp_path / "a", "grey", checkers), size=8, window=(0, 1))
    np.testing.assert_allclose(resized / 65535, 0.5, atol=0.02)


def test_images_are_resized_once_a_node(tmp_path, monkeypatch):
    ref = _store(tmp_path / "a", "grey", np.eye(8, dtype=np.uint8))
    first = node_cache.resized(ref, size=4, window=(0, 1))
    monkeypatch.setattr(node_cache, "_resize", None)
    np.testing.assert_array_equal(node_cache.resized(ref, size=4, window=(0, 1)), first)


def test_a_window_upside_down_is_refused(tmp_path):
    ref = _store(tmp_path / "a", "hu", np.eye(8, dtype=np.int16))
    with pytest.raises(ValueError, match="not below"):
        node_cache.resized(ref, size=4, window=(400, -1000))
