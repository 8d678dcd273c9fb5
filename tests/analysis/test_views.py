"""DuckDB sees the tables of the ledger: the committed rows, all columns, and no damaged file in silence."""

import sys

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

import analysis
from study.errors import Damaged, InputRefused
from study.ledger import Ledger, frame
from study.ledger.schemas import TABLES


def prediction(run, sample):
    return {"key": run["key"], "split": "test", "test_set": "test", "sample": sample, "labels": [1], "p": [0.2, 0.8]}


@pytest.fixture
def study(tmp_path, make):
    """Two final runs, of which one has no predictions, and its ledger."""
    root = tmp_path / "made"
    runs = [make.run(make.cell(draw=draw), "final", 0) for draw in range(2)]
    rows = [prediction(runs[0], f"s{number}") for number in range(3)]
    make.write(root, make.study(finals=runs, predictions=rows))
    return root


@pytest.mark.parametrize("table", TABLES)
def test_a_view_is_the_table(results, table):
    there = analysis.duckdb(results).sql(f"SELECT * FROM {table}").pl()
    here = frame(results, table)
    order = [name for name in ("key", "epoch", "sample", "metric") if name in here.columns]
    assert there.columns == here.columns
    assert there.cast(dict(here.schema)).sort(order).equals(here.sort(order))


def test_rows_of_a_run_that_was_never_committed_do_not_show(study, make):
    def die(place):
        if place == "between-dependents-and-row":
            raise KeyboardInterrupt

    lost = make.run(make.cell(draw=5), "final", 0)
    parts = [prediction(lost, "s0")]
    with pytest.raises(KeyboardInterrupt):
        Ledger(study, failpoint=die).commit("finals", lost, predictions=parts)
    assert len(pl.read_parquet(study / "predictions/*.parquet")) == 4
    assert analysis.duckdb(study).sql("SELECT count(*) FROM predictions").fetchall() == [(3,)]


def test_a_retried_run_shows_its_new_rows_alone(study, make):
    ledger = Ledger(study)
    run = frame(study, "finals").to_dicts()[0]
    ledger.supersede("finals", [run["key"]])
    db = analysis.duckdb(study)
    assert db.sql("SELECT count(*) FROM predictions").fetchall() == [(0,)]
    ledger.commit(
        "finals", run, predictions=[{"key": run["key"], "split": "test", "sample": "new", "labels": [1], "p": [0, 1]}]
    )
    db = analysis.duckdb(study)
    assert db.sql("SELECT sample FROM predictions").fetchall() == [("new",)]
    assert db.sql('SELECT key, "table" FROM attempts').fetchall() == [(run["key"], "finals")]
    assert db.sql("SELECT count(*), count(DISTINCT key) FROM finals").fetchall() == [(2, 2)]


def test_a_damaged_file_is_refused_by_name(study):
    path = study / "predictions" / "000000.parquet"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[60] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(Damaged, match="predictions/000000.parquet is damaged"):
        analysis.duckdb(study)
    path.write_bytes(whole[:-50])
    with pytest.raises(duckdb.Error, match="000000.parquet"):
        analysis.duckdb(study, verify=False).sql("SELECT * FROM predictions").fetchall()


def test_a_file_of_an_earlier_version_shows_null_in_what_it_lacks(study):
    path = study / "finals" / "000000.parquet"
    rows = pq.read_table(path).drop_columns(["hp_dropout"])
    old = rows.schema.metadata | {b"labelcurve.version": b"2"}
    pq.write_table(rows.replace_schema_metadata(old), path)
    assert analysis.duckdb(study).sql("SELECT DISTINCT hp_dropout FROM finals").fetchall() == [(None,)]


def test_without_the_package_one_line_says_what_to_install(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputRefused, match=r"pip install 'labelcurve\[duckdb\]'"):
        analysis.open(study).duckdb()


def test_a_study_in_an_object_store(results, bucket):
    import fsspec

    fsspec.filesystem("s3").put(str(results), bucket, recursive=True)
    count = "SELECT count(*) FROM predictions"
    assert analysis.duckdb(bucket).sql(count).fetchall() == analysis.duckdb(results).sql(count).fetchall()
