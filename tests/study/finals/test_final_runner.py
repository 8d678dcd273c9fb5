"""Final runs end each in one row, whatever becomes of the others."""

import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from study.execution.limits import Limits
from study.finals import final_runner
from study.finals.final_runner import FinalJob, run_finals
from tests.study.still_clock import StillClock
from trainables.contracts import EpochRecord, RunResult

RESULT = RunResult(2, 200, 0.1, 0.1, "cpu", 1, [["test", "image", "auc", 0.7]])

pytestmark = pytest.mark.usefixtures("ray_cluster")


def make_run_job():
    """A job of two epochs that breaks as its ``fault`` says, each once the file that it ``waits_for`` is there; a
    closure, so that workers need no test file."""

    def run_job(job):
        job = vars(job)
        if "running" in job:
            (Path(job["running"]) / f"{os.getpid()}-{time.monotonic()}").touch()
            time.sleep(0.2)
        for epoch in (1, 2):
            while "waits_for" in job and not os.path.exists(job["waits_for"]):
                time.sleep(0.01)
            score, fault = 0.5 + epoch / 10, job.get("fault") if epoch == 2 else None
            if fault == "killed" or fault == "killed once" and not os.path.exists(job["marker"]):
                if fault == "killed once":
                    Path(job["marker"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "exit":
                sys.exit(3)
            if fault == "hang":
                Path(job["marker"]).touch()
                time.sleep(10**6)
            if fault == "eats memory":
                bytearray(2**40)
            if fault == "oom in company" and not os.path.exists(job["marker"]):
                Path(job["marker"]).touch()
                raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
            if fault == "error":
                raise RuntimeError("two\nlines")
            if fault == "nan":
                score = math.nan
            yield EpochRecord(
                epoch, epoch * 10, epoch * 100, score, [["val", "auc", score]], RESULT if epoch == 2 else None
            )

    return run_job


def finals(jobs, *, commit=None, slots=2, limits=None):
    """What ``jobs`` (a fault or the like by key) end as, by key; each committed once."""
    done = []
    run_finals(
        [FinalJob(key, SimpleNamespace(settings={"lr": 0.1}, seed=7, **job)) for key, job in jobs.items()],
        commit=commit or done.append,
        run_job=make_run_job(),
        limits=limits or Limits(),
        cpus=1,
        gpus=0,
        slots=slots,
    )
    assert len({run.key for run in done}) == len(done)
    return {run.key: run for run in done}


def test_completed_run_brings_its_result_curves_and_costs():
    run = finals({"a": {}})["a"]
    assert (run.status, run.error, run.settings, run.seed) == ("completed", None, {"lr": 0.1}, 7)
    assert run.result == RESULT
    assert run.curves == [(1, 10, "val", "auc", 0.6), (2, 20, "val", "auc", 0.7)]
    assert (run.epochs, run.images) == (2, 200)
    assert run.started_at < run.ended_at


def test_failing_runs_become_rows_and_harm_no_other():
    runs = finals({"nan": {"fault": "nan"}, "error": {"fault": "error"}, "killed": {"fault": "killed"}, "fine": {}})
    assert {key: run.status for key, run in runs.items()} == {
        "nan": "failed_nan",
        "error": "failed_error",
        "killed": "failed_error",
        "fine": "completed",
    }
    assert runs["error"].error == "RuntimeError: two lines"
    assert runs["error"].epochs == 1 and runs["error"].result is None
    assert runs["nan"].result is None and runs["nan"].curves[-1] == (2, 20, "val", "auc", None)
    assert runs["killed"].error.startswith("WorkerCrashedError")


def test_runs_that_exit_hang_or_eat_memory_become_rows_and_harm_no_other(tmp_path, monkeypatch):
    hangs, done = tmp_path / "hangs", []
    monkeypatch.setattr(final_runner, "time", StillClock(lambda: hangs.exists() and len(done) == 3))
    faults = {"exit": "failed_error", "hang": "timed_out", "eats memory": "failed_oom"}
    jobs = {fault: {"fault": fault, "marker": str(hangs)} for fault in faults} | {"fine": {}}
    finals(jobs, limits=Limits(timeout=3.0, memory=4.0), commit=done.append)
    runs = {run.key: run for run in done}
    assert {key: run.status for key, run in runs.items()} == faults | {"fine": "completed"}
    assert runs["exit"].error == "SystemExit: 3" and runs["hang"].error == "no report in 3.0 s"
    assert len(done) == 4 and runs["exit"].epochs == runs["eats memory"].epochs == 1


def test_run_out_of_a_devices_memory_is_run_once_more_alone(tmp_path):
    starts = tmp_path / "starts"
    starts.mkdir()
    jobs = {str(number): {"running": str(starts)} for number in range(3)}
    jobs["0"] |= {"fault": "oom in company", "marker": str(tmp_path / "once")}
    runs = finals(jobs, limits=Limits(oom_alone=True))
    assert {run.status for run in runs.values()} == {"completed"}
    assert [*runs][-1] == "0" and len(list(starts.iterdir())) == 4
    assert finals({"a": {"fault": "oom in company", "marker": str(tmp_path / "twice")}})["a"].status == "failed_oom"


def test_run_whose_worker_died_once_is_run_again_without_a_trace(tmp_path):
    run = finals({"a": {"fault": "killed once", "marker": str(tmp_path / "died")}})["a"]
    assert run.status == "completed"
    assert [epoch for epoch, *_ in run.curves] == [1, 2]


def test_at_most_slots_runs_are_in_flight(tmp_path):
    assert len(finals({str(number): {"running": str(tmp_path)} for number in range(4)}, slots=1)) == 4
    starts = sorted(float(path.name.partition("-")[2]) for path in tmp_path.iterdir())
    assert len(starts) == 4
    assert all(later - earlier >= 0.2 for earlier, later in zip(starts, starts[1:], strict=False))


def test_runs_are_committed_as_they_end(tmp_path):
    order = []

    def commit(run):
        order.append(run.key)
        (tmp_path / run.key).touch()

    finals({"slow": {"waits_for": str(tmp_path / "quick")}, "quick": {}}, commit=commit)
    assert order == ["quick", "slow"]


def test_error_in_commit_stops_what_is_running():
    def commit(run):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        finals({"quick": {}, "slow": {"waits_for": "/never"}}, commit=commit)
    assert finals({"next": {}, "too": {}})["next"].status == "completed"


def terminate_once_there(folder):
    """SIGTERM to this process once there is a file in the folder."""
    while not any(folder.iterdir()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)


def test_signal_stops_the_runs_and_reaches_the_handler_from_before(tmp_path):
    class Stopped(Exception):
        pass

    def handler(*_):
        raise Stopped

    before = signal.signal(signal.SIGTERM, handler)
    try:
        began = tmp_path / "began"
        began.mkdir()
        threading.Thread(target=terminate_once_there, args=(began,), daemon=True).start()
        with pytest.raises(Stopped):
            finals({"slow": {"running": str(began), "waits_for": "/never"}})
    finally:
        signal.signal(signal.SIGTERM, before)
