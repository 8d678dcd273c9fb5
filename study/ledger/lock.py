"""One writer a study. On a local disk the lock is the kernel's (flock): it ends with the process that holds it, however
that dies. On an object store it is a lease.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from study.errors import LockHeld
from study.storage.storage import Storage

from .lease import leased

LOCK = "lock"
ATTEMPTS, PAUSE_SECONDS = 4, 0.05


@contextmanager
def lock(root: str | Path) -> Iterator[Storage]:
    """Hold the study under `root` for writing, through the storage that this gives.

    On a local disk the file stays behind: what it says counts only while locked. On an object store it may be said that
    an earlier driver's lease is being waited for.

    Raises LockHeld, naming the holder where it is known, if any other `lock` on it is open, in this process or another;
    LockUnsupported where the root is neither a local folder nor in a store that keeps to conditional writes.
    """
    storage = Storage(root)
    if storage.local_root is None:
        storage.probe()
        with leased(storage) as held:
            yield held
    else:
        with _flocked(storage):
            yield storage


@contextmanager
def _flocked(storage: Storage) -> Iterator[None]:
    storage.mkdirs()
    assert storage.local_root is not None
    handle = os.open(storage.local_root / LOCK, os.O_RDWR | os.O_CREAT, 0o666)  # closed in children that exec
    try:
        if not try_lock(handle):
            raise LockHeld(
                f"{storage.root}: {read_holder(handle)} is writing to this study; wait until it ends, or stop it"
            )
        since = datetime.now(UTC).isoformat("T", "seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Whether the lock could be had. `holder` may have it for a moment, so a few attempts are made."""
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if attempt < ATTEMPTS - 1:
                time.sleep(PAUSE_SECONDS)
    return False


def read_holder(handle: int) -> str:
    """Who the open lock file says holds it."""
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (ValueError, KeyError, TypeError):  # caught between taking the lock and signing it
        return "another process"
