"""Counts come out as from reading everything, and what they cannot be made from is named."""

import polars as pl
import pytest

from study.ledger import Damaged, Ledger, UnknownVersion, count, frame, holder, lock
from study.ledger.schemas import TABLES
from study.ledger.segments import path_of, write
from study.storage.storage import Storage


@pytest.fixture
def study(tmp_path, make):
    """Three files of trials, the last of which a writer would still add to."""
    from study.ledger.rows import to_table

    for number in range(3):
        rows = [make.trial(10 * number + i, status="completed" if i % 3 else "pruned") for i in range(10)]
        write(Storage(tmp_path), path_of("trials", number), to_table("trials", rows))
    return tmp_path


def by_status(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("draw", "status").len().sort("draw", "status")


def counted(study) -> pl.DataFrame:
    return count(study, "trials", ["draw", "status"], by_status)


def test_counts_are_those_of_the_whole_table(study, make):
    assert counted(study).equals(by_status(frame(study, "trials").lazy()).collect())
    Ledger(study).commit("trials", make.trial(99))
    assert counted(study)["len"].sum() == 31


def test_a_table_without_files_has_no_rows(tmp_path):
    assert counted(tmp_path).is_empty()


def test_a_column_that_an_earlier_version_lacked_is_null(study):
    path = Storage(study).full(path_of("trials", 0))
    pl.read_parquet(path).drop("imbalance").write_parquet(path)
    found = count(study, "trials", ["imbalance"], lambda rows: rows)
    assert found["imbalance"].to_list() == [None] * 30 and found.schema["imbalance"] == pl.Float64


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"long enough, and no table all the same"])
def test_a_broken_file_is_named(study, number, content):
    (study / path_of("trials", number)).write_bytes(content)
    with pytest.raises(Damaged, match=f"00000{number}.parquet is damaged"):
        counted(study)


def test_a_later_version_is_refused(study):
    later = TABLES["trials"].with_metadata({"labelcurve.table": "trials", "labelcurve.version": "999"})
    write(Storage(study), path_of("trials", 2), later.empty_table())
    with pytest.raises(UnknownVersion):
        counted(study)


def test_the_holder_is_named_while_it_holds_and_asking_takes_nothing(tmp_path):
    assert holder(tmp_path) is None
    with lock(tmp_path):
        assert "process" in holder(tmp_path)
        assert "process" in holder(tmp_path)
    assert holder(tmp_path) is None
