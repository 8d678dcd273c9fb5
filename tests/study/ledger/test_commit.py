import errno
import math
import os
from datetime import datetime

import numpy as np
import pytest

from study.ledger import Contradiction, Ledger, frame
from study.ledger.schemas import COMMITTED, TABLES
from study.ledger.segments import limit


def test_what_was_committed_is_read_back(tmp_path, make):
    ledger = Ledger(tmp_path)
    ledger.commit("trials", make.trial(1), curves=make.curves(1))
    ledger.commit("finals", make.final(2), make.curves(2), make.predictions(2), make.scores(2))
    assert ledger.keys("trials") == {make.trial(1)["key"]} and make.final(2)["key"] in ledger
    assert ledger.rows("trials")[0]["settings"] == '{"lr": 0.001}'
    assert ledger.rows("trials")[0]["started_at"] == make.NOW
    assert ledger.rows("predictions")[0]["p"] == [0.25, 0.75]
    assert frame(tmp_path, "curves").height == 40
    assert Ledger(tmp_path).keys("finals") == {make.final(2)["key"]}


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_ledger_has_every_table_with_all_its_columns(tmp_path, table):
    assert frame(tmp_path, table).columns == TABLES[table].names
    assert frame(tmp_path, table).height == 0


def test_trials_have_no_column_and_no_row_for_a_test_score(tmp_path, make):
    ledger = Ledger(tmp_path)
    assert not [name for name in TABLES["trials"].names if "test" in name]
    with pytest.raises(ValueError, match="carries no scores"):
        ledger.commit("trials", make.trial(1), scores=make.scores(1))
    with pytest.raises(ValueError, match="nothing about the test set"):
        ledger.commit("trials", make.trial(1), predictions=make.predictions(1))


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_a_number_that_is_not_finite_becomes_null(tmp_path, make, value):
    ledger = Ledger(tmp_path)
    curve = make.curves(1, epochs=1)[0] | {"value": value}
    ledger.commit("trials", make.trial(1, score=value, status="failed_nan"), curves=[curve])
    assert ledger.rows("trials")[0]["score"] is None
    assert ledger.rows("curves")[0]["value"] is None
    ledger.commit("finals", make.final(2), predictions=[make.predictions(2)[0] | {"p": np.array([value, 0.5])}])
    assert ledger.rows("predictions")[0]["p"] == [None, 0.5]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"test_auc": 0.9}, "no column 'test_auc'"),
        ({"status": "done"}, "status.*not among"),
        ({"status": None}, "status: every row needs one"),
        ({"key": None}, "key: every row needs one"),
        ({"draw": 1.5}, "draw.*fraction"),
        ({"task": 3}, "task"),
        ({"started_at": datetime(2026, 1, 1)}, "without a zone"),
        ({"settings": {"lr": math.nan}}, "JSON"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_nothing_is_stored(tmp_path, make, columns, message):
    ledger = Ledger(tmp_path)
    with pytest.raises(ValueError, match=message):
        ledger.commit("trials", make.trial(1) | columns, curves=make.curves(1))
    assert not list(tmp_path.rglob("*.parquet"))


def test_curves_of_another_key_are_refused(tmp_path, make):
    with pytest.raises(ValueError, match="not among the committed rows"):
        Ledger(tmp_path).commit("trials", make.trial(1), curves=make.curves(2))


def test_a_key_is_stored_once(tmp_path, make):
    ledger = Ledger(tmp_path)
    ledger.commit("trials", make.trial(1))
    for table, row in (
        ("trials", make.trial(1)),
        ("finals", make.final(1)),
        ("trials", [make.trial(2), make.trial(2)]),
    ):
        with pytest.raises(ValueError, match="already|one key"):
            ledger.commit(table, row)
    assert ledger.keys("trials") == {make.trial(1)["key"]}


def test_a_contradicting_fingerprint_is_refused_with_the_difference_shown(tmp_path, make):
    Ledger(tmp_path).commit("trials", make.trial(1))
    changed = make.trial(1, fingerprint="other", hp_lr=0.01, seconds=3.0)
    with pytest.raises(Contradiction) as caught:
        Ledger(tmp_path).commit("trials", changed)
    message = str(caught.value)
    assert make.trial(1)["fingerprint"] in message and "other" in message
    assert "hp_lr: 0.001 stored, 0.01 offered" in message and "seconds" not in message and "\n" not in message


def test_all_rows_of_a_pretraining_run_are_committed_together(tmp_path):
    ledger = Ledger(tmp_path)
    rows = [{"key": f"k{step}", "fingerprint": "f", "method": "spark", "step": step} for step in range(1500)]
    ledger.commit("pretraining", rows)
    assert [row["step"] for row in ledger.rows("pretraining")] == list(range(1500))
    assert len(list((tmp_path / "pretraining").iterdir())) == 1


def test_a_file_is_sealed_when_it_is_full(tmp_path, make):
    ledger = Ledger(tmp_path)
    for number in range(0, 1200, 400):
        ledger.commit("trials", [make.trial(number + i) for i in range(400)])
    Ledger(tmp_path).commit("trials", make.trial(5000))
    assert sorted(path.name for path in (tmp_path / "trials").iterdir()) == ["000000.parquet", "000001.parquet"]
    assert frame(tmp_path, "trials").height == 1201
    assert [limit(table) for table in COMMITTED] == [1000] * 3


def test_rejects_may_be_appended_again(tmp_path):
    rows = [{"digest": f"d{i}", "reason": "no pixels", "source": "corpus"} for i in range(3)]
    assert Ledger(tmp_path).append("rejects", rows) == 3
    assert Ledger(tmp_path).append("rejects", [*rows, {"digest": "d9", "reason": "no pixels"}]) == 1
    assert frame(tmp_path, "rejects").height == 4
    with pytest.raises(ValueError, match="commit alone"):
        Ledger(tmp_path).append("curves", [])


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_full_disk_loses_nothing_and_doubles_nothing(tmp_path, make, monkeypatch, failing):
    ledger = Ledger(tmp_path)
    ledger.commit("trials", make.trial(1), curves=make.curves(1))
    flush, calls = os.fsync, []

    def full_disk(handle):
        calls.append(handle)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    monkeypatch.setattr(os, "fsync", full_disk)
    try:
        ledger.commit("trials", make.trial(2), curves=make.curves(2, epochs=30))
    except OSError:
        assert frame(tmp_path, "trials").height in (1, 2)
        assert frame(tmp_path, "curves").height in (20, 50)
    else:
        assert failing > 4
    monkeypatch.undo()
    if make.trial(2)["key"] not in ledger:
        ledger.commit("trials", make.trial(2), curves=make.curves(2, epochs=30))
    assert frame(tmp_path, "trials").height == 2
    assert frame(tmp_path, "curves").height == 50
    assert not list((tmp_path / "tmp").iterdir())


def test_on_an_object_store_a_ledger_is_written_under_its_lock_alone():
    with pytest.raises(ValueError, match="through what `lock` gives"):
        Ledger("memory://labelcurve-test/study")
