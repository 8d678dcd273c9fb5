"""One driver a study on an object store, whoever pauses, dies or loses an answer."""

import json
import os
import socket
import subprocess
import sys

import fsspec
import pytest

from study.ledger import Ledger, LockHeld, LockUnsupported, Overtaken, check, frame, lock
from study.ledger.lease import LEASE, leased
from study.ledger.segments import limit
from study.storage import Storage, s3_conditional

SHORT = 0.4


def abandoned(url: str) -> dict:
    """Make the lease look as a driver leaves it that died: held, never renewed."""
    storage = Storage(url)
    lease = json.loads(storage.read_bytes(LEASE)) | {"seconds": SHORT}
    lease["holder"] = {"pid": 1, "host": "gone", "since": "then"}
    storage.write_atomic(LEASE, json.dumps(lease).encode())
    return lease


def test_commits_carry_the_number_of_the_lease_and_each_driver_a_higher_one(bucket, make):
    import pyarrow.parquet as pq

    for number in (1, 2):
        with lock(bucket) as held:
            Ledger(held).commit("trials", make.trial(number), curves=make.curves(number))
            assert held.fence == number
        with fsspec.open(f"{bucket}/trials/000000.parquet") as file:
            assert pq.read_schema(file).metadata[b"labelcurve.fence"] == str(number).encode()
    assert frame(bucket, "trials").height == 2 and frame(bucket, "curves").height == 40
    assert check(bucket) == []


def test_a_second_driver_is_refused_as_soon_as_it_hears_of_the_first(bucket):
    with leased(Storage(bucket), seconds=20):  # long beside the time between two signs of life
        with pytest.raises(LockHeld) as caught, lock(bucket):
            pass
        assert f"process {os.getpid()} on {socket.gethostname()}" in str(caught.value)
        assert caught.value.exit_code == 5


def test_a_lease_that_was_given_back_is_taken_at_once_and_one_that_ran_out_after_its_time(bucket, said):
    for _ in range(2):
        with lock(bucket):
            pass
    assert said == []
    abandoned(bucket)
    with lock(bucket) as held:
        assert held.fence == 3
    assert len(said) == 1 and "process 1 on gone" in said[0]


def test_a_driver_that_was_overtaken_while_it_paused_commits_nothing_more(bucket, make):
    with lock(bucket) as paused:
        before = Ledger(paused)
        before.commit("trials", make.trial(1), curves=make.curves(1))
        abandoned(bucket)
        with lock(bucket) as successor:
            after = Ledger(successor)
            after.commit("trials", make.trial(2), curves=make.curves(2))
            for table, row in (("trials", make.trial(3)), ("finals", make.final(4))):
                # The second time the tables are looked at anew, which makes nobody the holder.
                with pytest.raises(Overtaken, match="has taken the study over") as caught:
                    before.commit(table, row, curves=make.curves(int(row["key"], 16)))
            assert caught.value.exit_code == 5
            with pytest.raises(Overtaken):
                paused.write_atomic("encoders/scratch-0.json", b"{}")
            after.commit("trials", make.trial(5), curves=make.curves(5))
    assert sorted(frame(bucket, "trials")["draw"]) == [0, 0, 0]
    assert {int(key, 16) for key in frame(bucket, "trials")["key"]} == {1, 2, 5}
    assert check(bucket) == [] and not Storage(bucket).exists("encoders/scratch-0.json")


def test_nor_does_it_begin_the_next_file_where_one_was_full(bucket, make):
    with lock(bucket) as paused:
        before = Ledger(paused)
        before.commit("trials", [make.trial(number) for number in range(limit("trials"))])
        abandoned(bucket)
        with lock(bucket) as successor:
            after = Ledger(successor)
            with pytest.raises(Overtaken):
                before.commit("trials", make.trial(5000))
            after.commit("trials", make.trial(5001))
    assert frame(bucket, "trials").height == limit("trials") + 1 and check(bucket) == []


def test_a_driver_that_died_between_sealing_a_file_and_beginning_the_next_is_succeeded(bucket, make, monkeypatch):
    with lock(bucket) as held:
        ledger = Ledger(held)
        ledger.commit("trials", [make.trial(number) for number in range(limit("trials"))])
        swap = Storage.swap

        def dying(storage, path, data, tag):
            if path == "trials/000001.parquet":
                raise OSError("the connection went")
            return swap(storage, path, data, tag)

        with monkeypatch.context() as patch:
            patch.setattr(Storage, "swap", dying)
            with pytest.raises(OSError, match="connection"):
                ledger.commit("trials", make.trial(5000))
        ledger.commit("trials", make.trial(5000))
    assert frame(bucket, "trials").height == limit("trials") + 1 and check(bucket) == []


def test_a_write_that_was_overtaken_between_looking_and_writing_replaces_nothing(bucket, monkeypatch):
    with lock(bucket) as paused:
        paused.write_atomic("plan.json", b"old")
        tag = paused.tag("plan.json")
        abandoned(bucket)
        with lock(bucket) as successor:
            successor.write_atomic("plan.json", b"new")
            monkeypatch.setattr(paused, "tag", lambda path: tag)
            monkeypatch.setattr(paused, "renew", lambda: None)
            with pytest.raises(Overtaken):
                paused.write_atomic("plan.json", b"stale")
        assert successor.read_bytes("plan.json") == b"new"


PAUSED = """
import sys, time
sys.path[:0] = sys.argv[2:]
from rows import trial, curves
from study.ledger import Ledger, Storage
from study.ledger.lease import leased
with leased(Storage(sys.argv[1]), seconds=0.8) as held:
    ledger = Ledger(held)
    ledger.commit("trials", trial(1), curves=curves(1))
    print("committed", flush=True)
    sys.stdin.readline()
    try:
        ledger.commit("trials", trial(2), curves=curves(2))
    except Exception as error:
        print(type(error).__name__, error.exit_code, flush=True)
"""


def test_a_process_stopped_beyond_its_lease_cannot_commit_when_it_goes_on(bucket, make):
    import signal

    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED, bucket, os.getcwd(), os.path.dirname(__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "committed\n"
        process.send_signal(signal.SIGSTOP)
        with lock(bucket) as held:
            ledger = Ledger(held)
            ledger.commit("trials", make.trial(3), curves=make.curves(3))
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate("go\n", timeout=60)
            assert out == "Overtaken 5\n"
            ledger.commit("trials", make.trial(4), curves=make.curves(4))
    finally:
        process.kill()
    assert {int(key, 16) for key in frame(bucket, "trials")["key"]} == {1, 3, 4}
    assert frame(bucket, "curves").height == 60


@pytest.mark.parametrize("lost", ["trials", "curves", "lease.json"])
def test_a_lost_answer_after_a_put_that_succeeded_is_seen_to_be_ones_own(bucket, make, lossy, lost):
    with lock(bucket) as held:
        ledger = Ledger(held)
        ledger.commit("trials", make.trial(1), curves=make.curves(1))
        lossy.lose(lost)
        if lost == LEASE:
            held.renew()
        ledger.commit("trials", make.trial(2), curves=make.curves(2))
        assert lossy.lost == 1
        ledger.commit("trials", make.trial(3), curves=make.curves(3))
    assert frame(bucket, "trials").height == 3 and frame(bucket, "curves").height == 60 and check(bucket) == []


def test_a_store_that_overlooks_a_condition_is_refused_by_writing_to_it(bucket, monkeypatch):
    fs = Storage(bucket)._fs
    call = type(fs).call_s3
    for overlooked in ("IfMatch", "IfNoneMatch"):

        def forgetful(self, method, overlooked=overlooked, **words):
            return call(self, method, **{name: word for name, word in words.items() if name != overlooked})

        monkeypatch.setattr(type(fs), "call_s3", forgetful)
        with pytest.raises(LockUnsupported, match="overlooks If-Match or If-None-Match") as caught, lock(bucket):
            pass
        assert caught.value.exit_code == 5 and "\n" not in str(caught.value)
    monkeypatch.setattr(type(fs), "call_s3", call)
    assert Storage(bucket).list() == [], "nothing of the probe stays behind"


def test_a_bucket_that_is_not_there_is_an_error_of_the_surroundings(object_store):
    with pytest.raises(OSError), lock("s3://no-such-bucket/study"):
        pass


def test_a_conflict_of_two_writes_under_way_is_tried_again(bucket, monkeypatch):
    fs = Storage(bucket)._fs
    call, calls = type(fs).call_s3, []

    def busy(self, method, **words):
        calls.append(method)
        if calls == ["put_object"]:
            cause = Exception()
            cause.response = {"Error": {"Code": "ConditionalRequestConflict"}}
            raise OSError("busy") from cause
        return call(self, method, **words)

    monkeypatch.setattr(type(fs), "call_s3", busy)
    assert s3_conditional.write(fs, f"{bucket}/one".removeprefix("s3://"), b"1", None)
    assert calls.count("put_object") == 2
