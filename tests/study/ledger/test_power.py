"""After a power cut or an error of the disk, each commit is there whole or not at all, and what was reported stays."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from study.ledger import Ledger, check, frame
from study.storage import storage

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="sees open files through /proc")


class Disk:
    """What a power cut leaves below a folder: of each file what was flushed, of each folder the entries when it was.

    `after` is called behind every flush, rename, removal and new folder, each of which may be the last.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._content: dict[int, bytes] = {}
        self._entries: dict[Path, dict[str, int | None]] = {}
        self.after: Callable[[], None] = lambda: None
        real = {name: getattr(os, name) for name in ("fsync", "replace", "mkdir", "remove", "unlink")}

        def seen(name: str) -> Callable:
            def call(*words, **named):
                if name == "fsync":
                    self._flushed(Path(os.readlink(f"/proc/self/fd/{words[0]}")))
                done = real[name](*words, **named)
                self.after()
                return done

            return call

        for name in real:
            patch.setattr(os, name, seen(name))

    def _flushed(self, path: Path) -> None:
        if path.is_dir():
            self._entries[path] = self._now(path)
        else:
            self._content[path.stat().st_ino] = path.read_bytes()

    @staticmethod
    def _now(folder: Path) -> dict[str, int | None]:
        return {path.name: None if path.is_dir() else path.stat().st_ino for path in folder.iterdir()}

    def left(self, target: Path, *, names: bool) -> None:
        """Write into `target` what a cut at this moment leaves: flushed names alone, or (`names`) all of them, which a
        file system may have written out on its own; of the bytes what was flushed."""
        pending = [(self._folder, target)]
        while pending:
            source, copy = pending.pop()
            Path(copy).mkdir()
            for name, inode in (self._now(source) if names else self._entries.get(source, {})).items():
                if inode is None:
                    pending.append((source / name, copy / name))
                else:
                    (copy / name).write_bytes(self._content.get(inode, b""))


def cut_at_every_moment(folder: Path, make, patch: pytest.MonkeyPatch) -> int:
    """Commit a few trials; at each step of each commit, look at what a cut would leave. Returns how many it were."""
    disk, reported, begun, cuts = Disk(folder / "disk", patch), [], [], 0
    (folder / "disk").mkdir()
    busy = False

    def look() -> None:
        nonlocal busy, cuts
        if busy:
            return
        busy = True
        for names in (False, True):
            cuts += 1
            disk.left(folder / f"cut-{cuts}", names=names)
            root = folder / f"cut-{cuts}" / "study"
            trials, curves = frame(root, "trials"), frame(root, "curves").group_by("key").len()
            keys = set(trials["key"])
            assert set(reported) <= keys <= {*reported, *begun}
            assert set(curves["key"]) == keys and set(curves["len"]) <= {20}
            assert {finding.kind for finding in check(root)} <= {"orphan", "leftover"}
            Ledger(root)
            assert check(root) == []
        busy = False

    disk.after = look
    ledger = Ledger(folder / "disk" / "study")
    for number in range(3):
        begun[:] = [make.trial(number)["key"]]
        ledger.commit("trials", make.trial(number), curves=make.curves(number))
        reported += begun
    return cuts


def test_a_power_cut_at_any_step_leaves_whole_commits_and_all_that_were_reported(tmp_path, make, monkeypatch):
    assert cut_at_every_moment(tmp_path, make, monkeypatch) > 2 * 3 * 6


@pytest.mark.parametrize("forgotten", ["_flush", "_flush_folder"])
def test_a_flush_that_were_forgotten_would_be_seen(tmp_path, make, monkeypatch, forgotten):
    real = storage._flush_folder
    monkeypatch.setattr(storage, "_flush_folder", real if forgotten == "_flush" else lambda folder: None)
    if forgotten == "_flush":
        monkeypatch.setattr(storage, "_flush", lambda handle: None)
    with pytest.raises((AssertionError, storage.LedgerError)):
        cut_at_every_moment(tmp_path, make, monkeypatch)


class Failing:
    """A disk that fails at its n-th operation from now on, once."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left, self.number = -1, 0
        for name in ("fsync", "replace", "mkdir"):
            patch.setattr(os, name, self._counted(getattr(os, name)))
        patch.setattr(storage, "open", self._counted(self._open), raising=False)

    def _open(self, path, mode):
        file = open(path, mode)
        disk = self

        class File:
            write = staticmethod(disk._counted(file.write))
            flush, fileno = file.flush, file.fileno

            def __enter__(self):
                return self

            def __exit__(self, *error):
                file.close()

        return File()

    def _counted(self, call: Callable) -> Callable:
        def counted(*words, **named):
            self.left -= 1
            if self.left == -1:
                raise OSError(self.number, os.strerror(self.number))
            return call(*words, **named)

        return counted


def test_a_disk_that_fails_at_any_step_ends_in_its_error_and_running_again_goes_on(tmp_path, make, monkeypatch):
    disk = Failing(monkeypatch)
    for step in range(100):
        root = tmp_path / str(step)
        ledger = Ledger(root)
        ledger.commit("trials", make.trial(1), curves=make.curves(1))
        disk.left, disk.number = step, (errno.ENOSPC, errno.EROFS, errno.EIO)[step % 3]
        try:
            ledger.commit("finals", make.final(2), make.curves(2), scores=make.scores(2))
            break
        except OSError as error:
            assert error.errno == disk.number
        assert frame(root, "trials").height == 1 and frame(root, "curves").height == 20 * (
            1 + frame(root, "finals").height
        )
        again = ledger if step % 2 else Ledger(root)
        if make.final(2)["key"] not in again:
            again.commit("finals", make.final(2), make.curves(2), scores=make.scores(2))
        assert frame(root, "curves").height == 40 and frame(root, "scores").height == 1 and check(root) == []
        assert list((root / "tmp").iterdir()) == [], "the disk keeps its room"
    assert 15 <= step < 100
