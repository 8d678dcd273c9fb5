"""The search on Ray Tune gives what the scheduler decides, and loses nothing to crashes, signals and errors of ours."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from study.execution.limits import Limits
from study.search import tune_adapters, tune_runner
from tests.study.still_clock import StillClock
from trainables.contracts import EpochRecord, RunResult

DRIVER = Path(__file__).with_name("quick_search.py")
spec = importlib.util.spec_from_file_location("quick_search", DRIVER)
quick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick)

KILLED_AT = 9

pytestmark = pytest.mark.usefixtures("ray_cluster")


def searched(cells, **options):
    """The trials of a search, by cell and index; each of them committed once."""
    done = []
    quick.quick_search(cells, commit=done.append, **options)
    assert len({(trial.cell, trial.index) for trial in done}) == len(done)
    return {(trial.cell, trial.index): trial for trial in done}


def rows(trials):
    return {place: quick.row_of(trial) for place, trial in trials.items()}


@pytest.fixture(scope="module")
def whole(ray_cluster):
    return rows(searched(quick.CELLS))


def test_search_prints_nothing_and_leaves_no_file(ray_cluster, tmp_path, capfd, said):
    trials = searched([("one", 3, {}), ("two", 2, {})], folder=tmp_path)
    assert (len(trials), said) == (5, [])
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert all(trial.started_at <= trial.ended_at for trial in trials.values())


def test_order_of_cells_and_of_ending_changes_nothing(whole):
    assert {row["status"] for row in whole.values()} == {"completed", "pruned"}
    slow_first = [("three", 6, {"nap": 0.1}), ("two", 6, {}), ("one", 6, {"nap": 0.01})]
    assert rows(searched(slow_first)) == whole


def test_search_whose_driver_was_killed_goes_on_as_if_it_had_not_been(ray_cluster, whole, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, str(DRIVER), ray_cluster, str(ledger), str(KILLED_AT)]
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=250)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    first = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(first) == KILLED_AT - 1
    resumed = rows(searched(quick.CELLS, history=first))
    both = {**{(row["cell"], row["index"]): row for row in first}, **resumed}
    assert len(both) == len(first) + len(resumed)
    assert json.loads(json.dumps(list(sorted(both.items())))) == json.loads(json.dumps(list(sorted(whole.items()))))


def test_failure_of_each_kind_is_a_status_and_other_cells_do_not_notice(whole, capfd):
    faults = {
        "nan": "failed_nan",
        "floating point": "failed_nan",
        "error": "failed_error",
        "oom": "failed_oom",
        "killed": "failed_error",
    }
    trials = searched([("one", 2, {}), *((fault, 2, {"fault": fault}) for fault in faults)])
    assert {place[0]: trial.status for place, trial in trials.items() if place[0] != "one"} == faults
    assert len(trials) == 12
    assert {place: row for place, row in rows(trials).items() if place[0] == "one"} == {
        place: whole[place] for place in [("one", 0), ("one", 1)]
    }
    assert trials["error", 0].error == "RuntimeError: two lines"
    assert "ActorDiedError" in trials["killed", 0].error
    assert "Trial" not in "".join(capfd.readouterr())  # the raylet's own line on a dead worker may be there


def test_trials_that_exit_crash_hang_or_eat_memory_end_as_rows_and_other_cells_do_not_notice(
    whole, tmp_path, monkeypatch
):
    hangs, done = tmp_path / "hangs", []
    monkeypatch.setattr(tune_adapters, "time", StillClock(lambda: hangs.exists() and len(done) == 6))
    faults = {
        "exit": "failed_error",
        "abrupt exit": "failed_error",
        "segfault": "failed_error",
        "hang": "timed_out",
        "eats memory": "failed_oom",
    }
    cells = [("one", 2, {}), *((fault, 1, {"fault": fault, "marker": str(hangs)}) for fault in faults)]
    quick.quick_search(cells, commit=done.append, limits=Limits(timeout=4.0, memory=2.0))
    trials = {(trial.cell, trial.index): trial for trial in done}
    assert len(trials) == len(done) == 7
    assert {place[0]: trial.status for place, trial in trials.items() if place[0] != "one"} == faults
    assert rows(trials)["one", 0] == whole["one", 0] and rows(trials)["one", 1] == whole["one", 1]
    assert trials["exit", 0].error == "SystemExit: 3" and trials["hang", 0].error == "no report in 4.0 s"
    assert {trials[fault, 0].epochs for fault in ("exit", "eats memory")} == {1}


def test_search_in_rounds_gives_the_trials_of_one(whole, monkeypatch):
    monkeypatch.setattr(tune_runner, "ROUND", 7)
    assert rows(searched(quick.CELLS)) == whole


def test_trials_of_a_generation_run_side_by_side_as_one_after_another(ray_cluster):
    job = {"nap": 0.05}
    assert rows(searched([("one", 6, job)], generation=3, slots=3)) == rows(
        searched([("one", 6, {})], generation=3, slots=1)
    )


def test_trial_whose_worker_died_once_is_run_again_without_a_trace(ray_cluster, whole, tmp_path):
    job = {"fault": "killed once", "marker": str(tmp_path / "died")}
    assert rows(searched([("one", 1, job)]))["one", 0] == whole["one", 0]


def test_error_in_commit_ends_the_search_and_the_next_one_finishes(whole, tmp_path):
    class DiskFull(Exception):
        pass

    committed = []

    def commit(done):
        if len(committed) == 3:
            raise DiskFull
        committed.append(quick.row_of(done))

    with pytest.raises(DiskFull):
        quick.quick_search([*quick.CELLS[:2], ("three", 6, {"nap": 600})], commit=commit, folder=tmp_path)
    assert len(committed) == 3
    assert list(tmp_path.iterdir()) == []
    first = {(row["cell"], row["index"]): row for row in committed}
    assert {**first, **rows(searched(quick.CELLS, history=committed))} == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_search_soon_and_reaches_the_handler_from_before(ray_cluster, number):
    class Stopped(Exception):
        pass

    def handler(*_):
        raise Stopped

    committed = []

    def commit(done):
        os.kill(os.getpid(), number)
        committed.append(done)

    before = signal.signal(number, handler)
    try:
        with pytest.raises(Stopped):
            quick.quick_search([("quick", 4, {}), ("slow", 4, {"nap": 600})], commit=commit)
        assert len(committed) == 1
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


def test_worker_that_goes_on_to_the_next_trial_keeps_no_thread_and_no_open_job(ray_cluster):
    def run_job(job):
        open_before = getattr(sys, "_open_jobs", 0)
        sys._open_jobs = open_before + 1
        try:
            for epoch in range(1, 6):
                counts = [["worker", "open", open_before], ["worker", "threads", threading.active_count()]]
                score = random.Random(job["seed"]).random()
                result = RunResult(5, 5, 0.1, 0.1, str(os.getpid()), 1) if epoch == 5 else None
                yield EpochRecord(epoch, epoch, epoch, score, counts, result)
        finally:
            sys._open_jobs -= 1

    trials = searched([("one", 12, {})], run_job=run_job, slots=1)
    assert "pruned" in {trial.status for trial in trials.values()}
    assert len({trial.result.device for trial in trials.values() if trial.result}) == 1
    counts = [(metric, value) for trial in trials.values() for _, _, _, metric, value in trial.curves]
    assert {value for metric, value in counts if metric == "open"} == {0}
    assert len({value for metric, value in counts if metric == "threads"}) == 1


def test_finished_search_starts_nothing(ray_cluster, whole):
    assert searched(quick.CELLS, history=whole.values()) == {}
