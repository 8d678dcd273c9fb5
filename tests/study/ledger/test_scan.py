"""A lazy table gives what `frame` gives: verified, committed, in order, and reads no more than it must."""

import polars as pl
import pytest

from study.ledger import Damaged, Ledger, frame, scan
from study.ledger.schemas import TABLES
from study.ledger.segments import Segment


@pytest.fixture
def study(tmp_path, make):
    ledger = Ledger(tmp_path)
    for number in range(30):
        ledger.commit("trials", make.trial(number), curves=make.curves(number))
    for number in range(100, 110):
        parts = {"curves": make.curves(number), "predictions": make.predictions(number), "scores": make.scores(number)}
        ledger.commit("finals", make.final(number), **parts)
    return tmp_path


@pytest.mark.parametrize("table", TABLES)
def test_a_lazy_table_is_the_table(study, table):
    lazy, whole = scan(study, table), frame(study, table)
    assert lazy.collect_schema() == whole.schema
    assert lazy.collect().equals(whole)
    assert lazy.select(pl.len()).collect().item() == len(whole)


def test_queries_give_what_they_give_of_the_whole_table(study):
    lazy, whole = scan(study, "curves"), frame(study, "curves")
    key = f"{3:016x}"
    for query in (
        lambda t: t.filter(pl.col("key") == key),
        lambda t: t.filter(pl.col("key") == "none").select("value"),
        lambda t: t.filter(pl.col("epoch") > 17, pl.col("value") < 0.19).select("key", "epoch").head(7),
        lambda t: t.filter(pl.lit(True)).select("metric").unique(),
        lambda t: t.group_by("key", maintain_order=True).agg(pl.max("value")),
        lambda t: t.slice(100, 50),
        lambda t: t.tail(3),
    ):
        assert query(lazy).collect().equals(query(whole.lazy()).collect())


def test_rows_without_their_run_do_not_come_and_a_later_commit_does(study, make):
    scores = scan(study, "scores")
    assert len(scores.collect()) == 10
    ledger = Ledger(study, failpoint=_die)
    with pytest.raises(KeyboardInterrupt):
        ledger.commit("finals", make.final(200), scores=make.scores(200))
    assert len(scores.collect()) == 10 and len(scores.select("value").collect()) == 10
    Ledger(study).commit("finals", make.final(200), scores=make.scores(200))
    assert len(scores.collect()) == 11


def _die(place: str) -> None:
    if place == "between-dependents-and-row":
        raise KeyboardInterrupt


def test_a_run_that_was_set_aside_shows_its_new_rows_alone(study, make):
    ledger, key = Ledger(study), f"{100:016x}"
    assert ledger.supersede("finals", [key]) == 1
    assert scan(study, "predictions").filter(pl.col("key") == key).collect().is_empty()
    ledger.commit("finals", make.final(100), predictions=make.predictions(100, samples=5))
    assert len(scan(study, "predictions").filter(pl.col("key") == key).collect()) == 5
    assert scan(study, "attempts").collect()["key"].to_list() == [key]


def test_a_damaged_file_is_named_by_the_query_that_reads_it(study):
    path = study / "curves" / "000000.parquet"
    flipped = bytearray(path.read_bytes())
    flipped[100] ^= 1
    path.write_bytes(flipped)
    lazy = scan(study, "curves")
    with pytest.raises(Damaged, match="curves/000000.parquet is damaged"):
        lazy.collect()
    assert len(scan(study, "trials").collect()) == 30


def test_only_the_columns_of_a_query_are_read_and_of_a_file_without_hits_those_of_its_filter(study, monkeypatch):
    seen = []
    read = Segment.read
    monkeypatch.setattr(Segment, "read", lambda self, columns=None: seen.append(columns) or read(self, columns))
    scan(study, "trials").select("score").collect()
    assert seen == [["score"]]
    seen.clear()
    scan(study, "trials").filter(pl.col("status") == "timed_out").collect()
    assert seen == [["status"]]


def test_a_table_in_an_object_store_is_read_alike(study, bucket, make):
    import fsspec

    fsspec.filesystem("s3").put(str(study), bucket, recursive=True)
    assert scan(bucket, "predictions").collect().equals(frame(study, "predictions"))
