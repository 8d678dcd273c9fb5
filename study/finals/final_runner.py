"""The final runs: a cell's chosen setting trained again with fresh seeds, as Ray tasks."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import ray
from ray.exceptions import RayError

from study.execution.finished_run import FinishedRun, finite
from study.execution.held_signals import HeldSignals
from study.execution.limits import Limits, no_report
from study.execution.worker import RunJob, describe, records, status_of
from study.execution.worker_failures import WorkerFailures, unwrapped
from study.vocabulary import COMPLETED
from trainables.contracts import EpochRecord, Failure, Record, TrialJob

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class FinalJob:
    """A final run to do: its key, and its job."""

    key: str
    job: TrialJob


@dataclass(kw_only=True)
class FinishedFinal(FinishedRun):
    """An ended final run; its ``result`` holds scores and predictions."""

    key: str


@dataclass
class Running:
    """A final run on its way: the workers that it has lost, and what it has reported since when."""

    job: FinalJob
    alone: bool
    started_at: datetime
    failures: WorkerFailures = field(default_factory=WorkerFailures)
    rows: list[Record] = field(default_factory=list)
    heard: float | None = None
    """When its worker last gave a sign, on the monotonic clock; None while it waits for one."""


def run_finals(
    jobs: Sequence[FinalJob],
    *,
    commit: Callable[[FinishedFinal], None],
    run_job: RunJob,
    limits: Limits,
    cpus: float,
    gpus: float,
    slots: int,
) -> None:
    """Run all jobs, at most ``slots`` at a time on ``cpus`` and ``gpus`` each, and commit each as it ends.

    A failing run becomes a failed row and harms no other; one whose worker died is run once more, or as often as its
    nodes go. ``commit`` is called in this process; what it raises stops what is running and is raised here. SIGINT and
    SIGTERM end this between two commits and are then handed on to the handlers that were set before.
    """
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0, num_returns="streaming")(run_final)
    code = ray.put(run_job)
    waiting = [Running(job, alone=False, started_at=datetime.now(UTC)) for job in reversed(jobs)]
    held_back: list[Running] = []
    running: dict[Any, Running] = {}

    def start(run: Running) -> None:
        stream = task.remote(code, run.job.job, limits.memory)
        running[stream] = Running(run.job, run.alone, datetime.now(UTC), run.failures)

    def end(stream: Any, rows: list[Record]) -> None:
        run = running.pop(stream)
        done = finished_final(run.job, rows, run.started_at)
        if done.status == "failed_oom" and limits.oom_alone and not run.alone:
            held_back.append(replace(run, alone=True))
        else:
            commit(done)

    with HeldSignals() as signals:
        try:
            while waiting or running or held_back:
                signals.check()
                while waiting and len(running) < slots:
                    start(waiting.pop())
                if not running:
                    start(held_back.pop(0))  # with nothing beside it
                ready: list[Any] = ray.wait(list(running), timeout=POLL_SECONDS)[0]
                for stream in ready:
                    run = running[stream]
                    try:
                        row = ray.get(next(stream))
                    except StopIteration:
                        end(stream, run.rows)
                    except RayError as error:
                        why = unwrapped(error)
                        if run.failures.may_retry(why):
                            del running[stream]
                            waiting.append(run)
                            continue
                        line = describe(why)
                        end(stream, [*run.rows, Failure(status_of(line), line)])
                    else:
                        run.heard = time.monotonic()
                        run.rows += [row] if row is not None else []
                for stream in silent(running, limits.timeout):
                    ray.cancel(stream, force=True)
                    end(stream, [*running[stream].rows, Failure("timed_out", no_report(limits.timeout))])
        finally:
            for stream in running:
                ray.cancel(stream, force=True)


def silent(running: Mapping[Any, Running], timeout: float | None) -> list[Any]:
    """The runs whose workers have given no sign for so many seconds."""
    now = time.monotonic()
    return [
        stream
        for stream, run in running.items()
        if timeout is not None and run.heard is not None and now - run.heard > timeout
    ]


def run_final(run_job: RunJob, job: TrialJob, memory: float | None) -> Iterator[Record | None]:
    """One final run on a worker: None as a sign that it begins, then its records, the last one telling how it ended."""
    yield None
    with closing(records(run_job, job, memory=memory)) as stream:  # type: ignore[type-var]
        yield from stream


def finished_final(job: FinalJob, rows: list[Record], started_at: datetime) -> FinishedFinal:
    """What a job's records come to."""
    epochs = [row for row in rows if isinstance(row, EpochRecord)]
    last = rows[-1]
    status, error = (last.status, last.error) if isinstance(last, Failure) else (COMPLETED, None)
    if isinstance(last, EpochRecord) and finite(last.score) is None:
        status, error = "failed_nan", f"the score of epoch {last.epoch} is {last.score}"
    return FinishedFinal(
        key=job.key,
        settings=dict(job.job.settings),
        status=status,
        curves=[
            (row.epoch, row.step, split, metric, finite(value)) for row in epochs for split, metric, value in row.curves
        ],
        result=last.result if isinstance(last, EpochRecord) and status == COMPLETED else None,
        seed=job.job.seed,
        error=error,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        epochs=epochs[-1].epoch if epochs else 0,
        images=epochs[-1].images if epochs else 0,
    )
