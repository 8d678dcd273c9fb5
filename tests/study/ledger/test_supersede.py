"""A failed run that is set aside leaves its key free, and is never lost on the way."""

import pytest

from study.ledger import ATTEMPTS, Ledger, check, frame


class Killed(Exception):
    pass


def trial(key, status="failed_oom", seed=1):
    return {"key": key, "fingerprint": "f", "status": status, "seed": seed, "settings": "{}"}


@pytest.fixture
def root(tmp_path):
    ledger = Ledger(tmp_path)
    for key, status in {"a": "completed", "b": "failed_oom", "c": "timed_out"}.items():
        ledger.commit("trials", trial(key, status), curves=[{"key": key, "value": 1.0}])
    return tmp_path


def test_a_superseded_row_stands_in_attempts_and_its_key_may_be_stored_again(root):
    ledger = Ledger(root)
    assert ledger.supersede("trials", {"b", "unknown"}) == 1
    assert ledger.keys("trials") == {"a", "c"}
    assert frame(root, "curves")["key"].to_list() == ["a", "c"]
    ledger.commit("trials", trial("b", "completed", seed=2), curves=[{"key": "b", "value": 2.0}])
    again = Ledger(root)
    assert again.keys("trials") == {"a", "b", "c"} and check(root) == []
    assert frame(root, ATTEMPTS).select("table", "key", "status", "seed").rows() == [("trials", "b", "failed_oom", 1)]
    assert frame(root, "curves")["value"].to_list() == [1.0, 1.0, 2.0]


def test_a_writer_that_dies_in_between_loses_nothing_and_asks_again(root):
    def die(name):
        if name == "between-attempts-and-removal":
            raise Killed

    with pytest.raises(Killed):
        Ledger(root, failpoint=die).supersede("trials", {"b"})
    assert sorted(frame(root, "trials")["key"]) == ["a", "b", "c"] and check(root) == []
    ledger = Ledger(root)
    assert ledger.supersede("trials", {"b"}) == 1
    assert ledger.keys("trials") == {"a", "c"} and len(ledger.rows(ATTEMPTS)) == 1


def test_a_run_that_fails_again_has_each_of_its_attempts_kept(root):
    ledger = Ledger(root)
    for seed in (1, 2):
        assert ledger.supersede("trials", {"c"}) == 1
        ledger.commit("trials", trial("c", "timed_out", seed=seed + 1))
    assert [row["seed"] for row in ledger.rows(ATTEMPTS)] == [1, 2]
    assert ledger.supersede("trials", set()) == 0
