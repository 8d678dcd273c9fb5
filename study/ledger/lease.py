"""One writer a study on an object store: a lease that is renewed, runs out, and numbers its holders.

What keeps a driver out whose lease was taken over is not the time but the number: whoever takes the lease rewrites the
growing file of every table under its own (see segments.py), and from then on each conditional write of an earlier
holder is refused. Time decides only how long a newcomer watches the lease unchanged, by its own clock, before it takes
over; no two machines' clocks are compared.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from study.errors import LockHeld, Overtaken
from study.storage.storage import Storage

log = logging.getLogger(__name__)

LEASE = "lease.json"
SECONDS = 60.0
"""How long a lease may stand unchanged before another driver takes it over."""
BEATS = 4
"""How often in that time it is renewed, and looked at."""


class Leased(Storage):
    """A study's storage while its lease is held: each write looks first whether it still is.

    A file is written under the tag that it had before that look, so a holder that pauses between the two and is
    overtaken meanwhile replaces nothing of its successor's.
    """

    def __init__(self, root: str, lease: dict[str, Any], tag: str) -> None:
        super().__init__(root)
        self.fence = int(lease["number"])
        self._lease, self._tag = lease, tag
        self._one_at_a_time = threading.Lock()

    def write_atomic(self, path: str, data: bytes | memoryview) -> None:
        """`Storage.write_atomic`. Raises Overtaken where another driver holds the study by now."""
        tag = self.tag(path)
        self.renew()
        if self.swap(path, data, tag) is None:
            raise overtaken(self)

    def remove(self, path: str) -> None:
        self.renew()
        super().remove(path)

    def renew(self) -> None:
        """Write the lease anew, unchanged but for a count. Raises Overtaken where it is another's by now."""
        with self._one_at_a_time:
            beaten = self._lease | {"beat": self._lease["beat"] + 1}
            tag = self.swap(LEASE, _bytes(beaten), self._tag)
            if tag is None:
                raise overtaken(self)
            self._lease, self._tag = beaten, tag

    def release(self) -> None:
        """Let the next driver take the lease at once."""
        with self._one_at_a_time:
            self.swap(LEASE, _bytes(self._lease | {"holder": None}), self._tag)


def overtaken(storage: Storage) -> Overtaken:
    """The error for a driver that is no longer the one: who is, and what to do."""
    return Overtaken(
        f"{storage.root}: this driver was not heard of for too long, and {_other(storage)} has taken the study over; "
        "nothing more was written; what it had not committed runs again there"
    )


@contextmanager
def leased(storage: Storage, *, seconds: float = SECONDS) -> Iterator[Leased]:
    """Hold a study on an object store. A holder that is not heard of for the seconds that it promised is overtaken.

    Raises LockHeld, naming the holder, once it has been heard of.
    """
    held = _take(storage, seconds)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(held, ended, seconds / BEATS), daemon=True)
    beating.start()
    try:
        yield held
    finally:
        ended.set()
        beating.join()
        try:
            held.release()
        except OSError:
            pass  # the next driver waits until it has run out


def _take(storage: Storage, seconds: float) -> Leased:
    before, tag = _read(storage)
    if before is not None and before["holder"] is not None:
        tag = _watched(storage, before, tag)
    lease = {
        "number": before["number"] + 1 if before is not None else 1,
        "beat": 0,
        "seconds": seconds,
        "holder": {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat("T", "seconds"),
            "id": uuid.uuid4().hex,
        },
    }
    taken = storage.swap(LEASE, _bytes(lease), tag)
    if taken is None:
        raise _held(storage)
    return Leased(storage.root, lease, taken)


def _watched(storage: Storage, lease: dict, tag: str | None) -> str | None:
    """Wait until the lease has run out; its tag then. Raises LockHeld as soon as its holder is heard of."""
    log.info(f"{_named(lease)} holds the study; waiting {lease['seconds']:.0f} s to see whether it is still there")
    until = time.monotonic() + lease["seconds"]
    while time.monotonic() < until:
        time.sleep(lease["seconds"] / BEATS / 4)
        now, tag_now = _read(storage)
        if now is not None and now["holder"] is None:
            return tag_now
        if tag_now != tag:
            raise _held(storage)
    return tag


def _beat(held: Leased, ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds):
        try:
            held.renew()
        except Overtaken:
            return  # the next write says so, in the thread that does the work
        except OSError:
            continue  # the store may answer again before the lease has run out


def _read(storage: Storage) -> tuple[dict | None, str | None]:
    try:
        content, tag = storage.read_tagged(LEASE)
    except FileNotFoundError:
        return None, None
    return json.loads(content), tag


def _held(storage: Storage) -> LockHeld:
    return LockHeld(
        f"{storage.root}: {_other(storage)} is writing to this study; wait until it ends, or stop it and wait a minute"
    )


def lease_holder(storage: Storage) -> str | None:
    """Who holds the lease, as `process 1 on host (since ...)`; None where nobody does."""
    lease, _ = _read(storage)
    return _named(lease) if lease is not None and lease["holder"] else None


def _other(storage: Storage) -> str:
    return lease_holder(storage) or "another driver"


def _named(lease: dict) -> str:
    holder = lease["holder"]
    return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"


def _bytes(lease: dict) -> bytes:
    return json.dumps(lease).encode()
