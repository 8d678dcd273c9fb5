"""What the killed studies run: nothing is trained, and each run says in the diary where and when it began."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.kills.gate import Gate, epoch_of
from tests.study.trivial_job import run_job as trivial
from trainables.contracts import EpochRecord, TrialJob


def note(diary: str | Path, line: str) -> None:
    """Append one line, whole whatever dies: several processes write the same diary."""
    handle = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def run_job(job: TrialJob, *, diary: str, life: str, gate: str | None) -> Iterator[EpochRecord]:
    """The trivial run, which waits at a gate where there is one."""
    phase = "final" if job.tests else "trial"
    note(diary, f"began {life} {os.getpid()} {job.seed} {phase}")
    for number, record in enumerate(trivial(job)):
        if gate and number == epoch_of(job.seed):
            Gate(gate).wait(phase, job.seed)
        yield record
