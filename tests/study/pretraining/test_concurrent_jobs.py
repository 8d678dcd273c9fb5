"""Jobs run together where they may, one behind the other where they must."""

import threading

import pytest

from study.pretraining.concurrent_jobs import ConcurrentJob, side_by_side


def test_as_many_jobs_run_at_once_as_there_are_slots():
    both = threading.Barrier(2, timeout=250)
    jobs = {name: ConcurrentJob(lambda: both.wait() is not None) for name in "abcd"}
    assert dict(side_by_side(jobs, slots=2)) == dict.fromkeys("abcd", True)
    active, most, guard = 0, 0, threading.Lock()

    def job():
        nonlocal active, most
        with guard:
            active += 1
            most = max(most, active)
        with guard:
            active -= 1

    list(side_by_side({name: ConcurrentJob(job) for name in "abcd"}, slots=1))
    assert most == 1


def test_a_job_waits_until_its_forerunner_was_taken_in():
    taken = []
    jobs = {
        "second": ConcurrentJob(lambda: list(taken), after="first"),
        "first": ConcurrentJob(lambda: None),
        "free": ConcurrentJob(lambda: None, "?"),
    }
    for name, result in side_by_side(jobs, slots=3):
        taken.append(name)
        if name == "second":
            assert "first" in result
    assert sorted(taken) == ["first", "free", "second"]


def test_one_failure_lets_the_others_end_and_is_raised_after_them():
    together = threading.Barrier(2, timeout=250)

    def fail():
        together.wait()
        raise RuntimeError("no disk")

    ended = []
    jobs = {
        "bad": ConcurrentJob(fail),
        "good": ConcurrentJob(together.wait),
        "behind": ConcurrentJob(lambda: None, after="bad"),
    }
    with pytest.raises(RuntimeError, match="no disk"):
        for name, _ in side_by_side(jobs, slots=2):
            ended.append(name)
    assert ended == ["good"]
