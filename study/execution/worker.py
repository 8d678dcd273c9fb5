"""What a worker does around one job: run it to its end and say in plain values how it failed."""

from collections.abc import Callable, Iterator
from contextlib import closing

from study.execution.limits import memory_cap
from study.execution.release_memory import tidy
from trainables.contracts import EpochRecord, Failure, Record, TrialJob

RunJob = Callable[[TrialJob], Iterator[Record]]

OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError", "out of memory", "can't allocate memory", "low on memory")
NO_RESULT = "the job ended without a result"


def records(run_job: RunJob, job: TrialJob, *, memory: float | None = None) -> Iterator[Record]:
    """The job's records; the last one holds its ``result`` or is a `Failure`.

    ``memory``: GiB that the process may hold meanwhile. Errors that leave the process unusable are raised, so that the
    next job gets a fresh one.
    """
    finished = False
    try:
        with memory_cap(memory), closing(run_job(job)) as stream:  # type: ignore[type-var]
            for record in stream:
                finished = isinstance(record, EpochRecord) and record.result is not None
                yield record
    except (Exception, SystemExit) as error:
        if spoils_process(error):
            raise
        yield Failure(status_of(describe(error)), describe(error))
        return
    finally:
        tidy()
    if not finished:
        yield Failure("failed_error", NO_RESULT)


def describe(error: BaseException) -> str:
    """An exception as one line that begins with its type."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def status_of(error: str) -> str:
    """The status of a trial that ended with this error line.

    Errors are told apart by name, since neither torch nor a CUDA build need be there to see one.
    """
    if error.startswith("FloatingPointError"):
        return "failed_nan"
    return "failed_oom" if any(sign in error for sign in OUT_OF_MEMORY) else "failed_error"


def spoils_process(error: BaseException) -> bool:
    """Whether no later work can succeed in this process: a failed CUDA kernel breaks the device's context for good."""
    return type(error).__name__ == "AcceleratorError"
