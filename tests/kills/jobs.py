"""What the killed studies run: nothing is trained, and each run says in the diary where and when it began."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.study.trivial_job import run_job as trivial


def note(diary: str | Path, line: str) -> None:
    """Append one line, whole whatever dies: several processes write the same diary."""
    handle = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def run_job(job: dict, *, diary: str, life: str, nap: float) -> Iterator[dict]:
    """The trivial run, ``nap`` seconds an epoch longer."""
    note(diary, f"began {life} {os.getpid()} {job['seed']} {'final' if job['tests'] else 'trial'}")
    for record in trivial(job):
        time.sleep(nap)
        yield record
