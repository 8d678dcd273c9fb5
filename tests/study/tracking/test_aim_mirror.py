"""Whatever a mirror does, the study neither fails nor waits."""

import threading

import pytest

from study.tracking.aim_mirror import Background
from study.tracking.network_filesystems import network_disk

ROW = {"key": "0123456789abcdef", "study": "one"}


class Kept:
    """A writer that keeps keys, each once `go` lets it."""

    def __init__(self, go: threading.Event | None = None) -> None:
        self.keys: list[str] = []
        self.closed = False
        self._go = go

    def write(self, entry) -> None:
        if self._go is not None:
            self._go.wait()
        self.keys.append(entry.key)

    def close(self) -> None:
        self.closed = True


def test_what_is_told_arrives_in_order_before_the_end(said):
    writer = Kept()
    mirror = Background(lambda: writer)
    for number in range(50):
        mirror.trial(ROW | {"key": str(number)}, [])
    mirror.close(30)
    assert writer.keys == [str(number) for number in range(50)] and writer.closed and said == []


@pytest.mark.parametrize("when", ["opening", "writing"])
def test_an_exception_is_told_once_and_switches_the_mirror_off(when, said):
    class Broken(Kept):
        def write(self, entry) -> None:
            raise RuntimeError("the repository is corrupt")

    def opened():
        if when == "opening":
            raise RuntimeError("the repository is corrupt")
        return Broken()

    mirror = Background(opened)
    for _ in range(3):
        mirror.final(ROW, [])
    mirror.close(30)
    assert len(said) == 2 and "the repository is corrupt" in said[0] and "3 runs are not in Aim" in said[1]


def test_a_writer_that_hangs_is_not_waited_for_and_what_it_lacks_is_counted(said):
    go = threading.Event()
    writer = Kept(go)
    mirror = Background(lambda: writer, waiting=4)
    for number in range(20):
        mirror.trial(ROW | {"key": str(number)}, [])
    mirror.close(0.01)
    assert writer.keys == []
    assert len(said) == 2 and "runs are left out" in said[0]
    assert "20 runs are not in Aim" in said[1] and "labelcurve aim sync" in said[1]
    go.set()


def test_one_that_falls_behind_writes_what_it_took(said):
    go = threading.Event()
    writer = Kept(go)
    mirror = Background(lambda: writer, waiting=4)
    for number in range(20):
        mirror.trial(ROW | {"key": str(number)}, [])
    go.set()
    mirror.close(30)
    assert writer.keys[:4] == ["0", "1", "2", "3"] and len(writer.keys) < 20
    assert f"{20 - len(writer.keys)} runs are not in Aim" in said[1]


def test_network_disks_are_told_by_the_deepest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    near = tmp_path / "near disk"
    escaped = str(near).replace(" ", "\\040")
    mounts.write_text(f"disk / ext4 rw 0 0\nhost:/export {tmp_path} nfs4 rw 0 0\ndisk {escaped} xfs rw 0 0\n")
    assert network_disk(tmp_path / "results" / "study", mounts=mounts) == "nfs4"
    assert network_disk(near / "results", mounts=mounts) is None
    assert network_disk(tmp_path.parent, mounts=mounts) is None
    assert network_disk(tmp_path, mounts=tmp_path / "absent") is None
