"""The mirror that a driver tells of what it has committed. It never raises and never makes the driver wait."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Full, Queue
from typing import Protocol

from .aim_repository import Repository
from .network_filesystems import network_disk
from .tracked_run import Entry, Row, pretraining

log = logging.getLogger(__name__)

SYNC = "`labelcurve aim sync RESULTS`"

WAITING = 500
"""Runs that wait for Aim at most."""

LAST_SECONDS, HURRIED_SECONDS = 60.0, 1.0
"""How long the end of a study waits for Aim: one that came to its end, and one that is stopped."""


class Mirror(Protocol):
    """What is told of a study, in rows of the ledger, each after its commit. No method raises or waits."""

    def pretraining(self, rows: Sequence[Row]) -> None:
        """All logged steps of one pre-training run."""

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        """One trial and its rows of `curves`."""

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        """One final run and its rows of `scores`."""


class Writer(Protocol):
    """Where entries go; may raise and may take its time."""

    def write(self, entry: Entry) -> None: ...

    def close(self) -> None: ...


@contextmanager
def open_mirror(folder: Path | None) -> Iterator[Mirror]:
    """A mirror into an Aim repository in `folder`; without one, or where Aim cannot be used (said aloud), none."""
    if folder is None or not _usable(folder):
        yield NullMirror()
        return
    mirror = Background(lambda: Repository(folder))
    try:
        yield mirror
    except BaseException:
        mirror.close(HURRIED_SECONDS)
        raise
    mirror.close(LAST_SECONDS)


def _usable(folder: Path) -> bool:
    kind = network_disk(folder)
    if kind:
        log.info(
            f"no Aim mirror: {folder} is on {kind}, where Aim's files break; {SYNC} --repo FOLDER makes one elsewhere"
        )
        return False
    try:
        import aim  # noqa: F401
    except Exception as error:  # it is compiled, so it can be there and yet fail to load
        log.info(f"Aim cannot be used here, so the study goes on without it: {error!r}")
        return False
    return True


class NullMirror:
    """No tracker."""

    def pretraining(self, rows: Sequence[Row]) -> None:
        pass

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        pass

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        pass


class Background:
    """Hands entries to a thread of its own, which opens the writer and is the only one to use it.

    The writer's first exception switches the mirror off for good. When it falls behind by more than `waiting` entries,
    what comes is left out. Both are said once.
    """

    def __init__(self, opened: Callable[[], Writer], *, waiting: int = WAITING) -> None:
        self._opened = opened
        self._entries: Queue[Entry | None] = Queue(waiting)
        self._received = self._written = 0
        self._failed = self._behind = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="mirror")
        self._thread.start()

    def pretraining(self, rows: Sequence[Row]) -> None:
        if rows:
            self._receive(pretraining(rows))

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        self._receive(Entry("trials", row, curves))

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        self._receive(Entry("finals", row, scores))

    def close(self, seconds: float) -> None:
        """Let the writer come to its end, for so long; whatever it is at then ends with the process."""
        until = time.monotonic() + seconds
        try:
            self._entries.put(None, timeout=seconds)
        except Full:
            pass
        self._thread.join(max(0.0, until - time.monotonic()))
        lacking = self._received - self._written
        if lacking:
            log.info(f"{lacking} runs are not in Aim; {SYNC} adds them")

    def _receive(self, entry: Entry) -> None:
        self._received += 1
        if self._failed:
            return
        try:
            self._entries.put_nowait(entry)
        except Full:
            if not self._behind:
                log.info(f"Aim is slower than the study and is not waited for: runs are left out; {SYNC} adds them")
            self._behind = True

    def _work(self) -> None:
        try:
            writer = self._opened()
            try:
                while (entry := self._entries.get()) is not None:
                    writer.write(entry)
                    self._written += 1
            finally:
                writer.close()
        except Exception as error:
            self._failed = True
            log.info(f"Aim failed and is left alone from here on; the study goes on without it: {error!r}")
