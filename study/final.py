"""The final runs: a cell's chosen setting trained again with fresh seeds, as Ray tasks."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ray
from ray.exceptions import RayError

from study.ended import EndedRun
from study.search.dealer import finite
from study.search.signals import HeldSignals
from study.search.worker import RunJob, describe, records, status_of

CRASH_RETRIES = 1
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class FinalJob:
    """A final run to do: its key, and a whole job with ``settings``, ``seed`` and ``test``."""

    key: str
    job: dict[str, Any]


@dataclass(kw_only=True)
class FinalDone(EndedRun):
    """An ended final run; its ``result`` holds scores and predictions."""

    key: str


def run_finals(
    jobs: Sequence[FinalJob],
    *,
    commit: Callable[[FinalDone], None],
    run_job: RunJob,
    cpus: float,
    gpus: float,
    slots: int,
) -> None:
    """Run all jobs, at most ``slots`` at a time on ``cpus`` and ``gpus`` each, and commit each as it ends.

    A failing run becomes a failed row and harms no other; one whose worker died is run once more. ``commit`` is called
    in this process; what it raises stops what is running and is raised here. SIGINT and SIGTERM end this between two
    commits and are then handed on to the handlers that were set before.
    """
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(run_final)
    code = ray.put(run_job)
    waiting = [(job, 1) for job in reversed(jobs)]
    running: dict[ray.ObjectRef, tuple[FinalJob, int, datetime]] = {}
    with HeldSignals() as signals:
        try:
            while waiting or running:
                signals.check()
                while waiting and len(running) < slots:
                    job, attempt = waiting.pop()
                    running[task.remote(code, job.job)] = (job, attempt, datetime.now(UTC))
                ended, _ = ray.wait(list(running), timeout=POLL_SECONDS)
                for reference in ended:
                    job, attempt, started_at = running.pop(reference)
                    try:
                        done = judged(job, ray.get(reference), started_at)
                    except RayError as error:
                        if attempt <= CRASH_RETRIES:
                            waiting.append((job, attempt + 1))
                            continue
                        line = describe(getattr(error, "cause", None) or error)
                        done = judged(job, [{"failed": status_of(line), "error": line}], started_at)
                    commit(done)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def run_final(run_job: RunJob, job: dict[str, Any]) -> list[dict[str, Any]]:
    """One final run on a worker: all its records, the last one telling how it ended."""
    with closing(records(run_job, job)) as stream:  # type: ignore[type-var]
        return list(stream)


def judged(job: FinalJob, rows: list[dict[str, Any]], started_at: datetime) -> FinalDone:
    """What a job's records come to."""
    epochs = [row for row in rows if "failed" not in row]
    last = rows[-1]
    status, error = last.get("failed", "completed"), last.get("error")
    if status == "completed" and finite(last["score"]) is None:
        status, error = "failed_nan", f"the score of epoch {last['epoch']} is {last['score']}"
    return FinalDone(
        key=job.key,
        settings=job.job["settings"],
        status=status,
        curves=[
            (row["epoch"], row["step"], split, metric, finite(value))
            for row in epochs
            for split, metric, value in row["curves"]
        ],
        result=last["result"] if status == "completed" else None,
        seed=job.job["seed"],
        error=error,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        epochs=epochs[-1]["epoch"] if epochs else 0,
        images=epochs[-1]["images"] if epochs else 0,
    )
