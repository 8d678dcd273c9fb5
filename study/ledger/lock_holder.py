"""Whether a driver is at work on a study, asked without being in its way."""

import fcntl
import os
from pathlib import Path

from study.storage.storage import Storage

from .lease import lease_holder
from .lock import LOCK, read_holder


def holder(root: str | Path) -> str | None:
    """The process that holds `lock(root)`, as `process 1 on host (since ...)`; None where nobody does.

    What the file says counts only while it is locked, so the kernel is asked: for as long as that takes, a shared lock
    is held, and a driver that starts at that moment tries again. On an object store the lease is taken at its word,
    which a driver that was killed has left standing.
    """
    storage = Storage(root)
    if storage.local_root is None:
        return lease_holder(storage)
    try:
        handle = os.open(storage.local_root / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return read_holder(handle)
    finally:
        os.close(handle)
