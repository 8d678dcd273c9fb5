import os

import pytest

from study.storage import Storage


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path):
    return Storage(tmp_path / "a/b" if request.param == "local" else f"memory://{tmp_path.name}")


def test_what_is_written_is_read_listed_replaced_and_removed(storage):
    assert storage.list() == [] and storage.list("trials") == []
    storage.write_atomic("trials/1", b"one")
    storage.write_atomic("spec/001.yaml", b"a: 1")
    storage.write_atomic("trials/1", memoryview(b"two"))
    assert storage.read_bytes("trials/1") == b"two"
    assert storage.list("trials") == ["trials/1"] and storage.list() == ["spec/001.yaml", "trials/1"]
    storage.remove("trials/1")
    storage.remove("trials/1")
    assert not storage.exists("trials/1") and storage.exists("spec/001.yaml")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes("trials/1")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    storage = Storage(tmp_path)
    storage.write_atomic("spec/001.yaml", b"old")

    def read_only(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", read_only)
    with pytest.raises(OSError, match="Read-only"):
        storage.write_atomic("spec/001.yaml", b"new")
    assert storage.list() == ["spec/001.yaml"] and storage.read_bytes("spec/001.yaml") == b"old"


def test_the_root_stays_where_it_was_when_the_working_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = Storage("results")
    monkeypatch.chdir("/")
    storage.write_atomic("file", b"")
    assert (tmp_path / "results/file").exists() and storage.local_root == tmp_path / "results"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="sees open files through /proc")
def test_file_and_folders_are_flushed_before_a_write_returns(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.readlink(f"/proc/self/fd/{handle}")))
    Storage(tmp_path).write_atomic("trials/1", b"one")
    assert flushed[-1] == str(tmp_path / "trials"), "the folder last, after the rename"
    assert flushed[-2].startswith(str(tmp_path / "tmp/"))
    assert str(tmp_path) in flushed, "a new folder is itself an entry that can be lost"
