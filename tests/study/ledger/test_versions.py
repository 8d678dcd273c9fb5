"""What an earlier version wrote is read for ever, and what a later one wrote is left alone."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.ledger import TABLES, Damaged, Ledger, UnknownVersion, check, frame, frames

ADDED = {  # by version and table
    2: {
        "pretraining": [
            "initialisation",
            "pixels",
            "flops",
            "peak_memory",
            "probes",
            "schedule",
            "warning",
            "accumulate",
        ]
    },
    3: {"trials": ["pruned_at", "audit_score"]},
}


def since(version, table):
    """The columns that a table has had added since that version."""
    return [name for later in ADDED if later > version for name in ADDED[later].get(table, [])]


def as_version(version, path, table):
    """Rewrite a file as that version would have written it."""
    names = [name for name in TABLES[table].names if name not in since(version, table)]
    rows = pq.read_table(path).select(names)
    meta = {"labelcurve.table": table, "labelcurve.version": str(version)}
    pq.write_table(rows.replace_schema_metadata(meta), path, compression="zstd", write_page_checksum=True)


def pretraining(step, **columns):
    row = {"key": f"p{step:015}", "fingerprint": "f", "study": "one", "method": "spark", "step": step, "loss": 0.5}
    return row | columns


NEW = {
    "initialisation": "spark_long",
    "pixels": 5,
    "flops": 2**60 + 1,
    "peak_memory": 2**33,
    "probes": {"covid": {"knn": 0.6, "ridge": 0.7}},
    "schedule": {"lr": 0.1},
    "warning": "w",
    "accumulate": 2,
}


def written_in(version, root):
    """A study with two pre-training rows and a trial of that version."""
    ledger = Ledger(root)
    ledger.commit("pretraining", [pretraining(step) for step in (1, 2)])
    ledger.commit(
        "trials", {"key": "t", "fingerprint": "f", "status": "completed"}, curves=[{"key": "t", "value": 1.0}]
    )
    for table in ("pretraining", "trials", "curves"):
        as_version(version, root / table / "000000.parquet", table)
    return root


@pytest.fixture
def old(tmp_path):
    """A study of version 1."""
    return written_in(1, tmp_path / "old")


def test_a_ledger_of_version_1_is_read_with_nulls_in_the_columns_added_since(old):
    rows = frame(old, "pretraining")
    assert rows.columns == TABLES["pretraining"].names and rows["step"].to_list() == [1, 2]
    added = since(1, "pretraining")
    assert rows.select(added).null_count().row(0) == (2,) * len(added) == (2,) * 8
    assert frame(old, "trials").height == frame(old, "curves").height == 1
    assert check(old) == []


def test_a_ledger_of_version_2_lacks_what_an_audit_of_pruning_has_added_and_grows_on(tmp_path):
    old = written_in(2, tmp_path / "old")
    [row] = frame(old, "trials").to_dicts()
    assert (row["key"], row["pruned_at"], row["audit_score"]) == ("t", None, None)
    assert frame(old, "attempts").is_empty() and check(old) == []
    pruned = {"key": "u", "fingerprint": "f", "status": "pruned", "pruned_at": 4, "audit_score": 0.5}
    Ledger(old).commit("trials", pruned)
    assert frame(old, "trials")["pruned_at"].to_list() == [None, 4]


def test_a_file_of_version_1_that_grows_is_written_anew_in_todays(old):
    ledger = Ledger(old)
    assert ledger.keys("pretraining") == {pretraining(1)["key"], pretraining(2)["key"]}
    ledger.commit("pretraining", [pretraining(3, **NEW)])
    (path,) = (old / "pretraining").iterdir()
    assert pq.read_schema(path).equals(TABLES["pretraining"], check_metadata=True)
    *before, last = frame(old, "pretraining").to_dicts()
    assert [row["pixels"] for row in before] == [None, None]
    assert json.loads(last["probes"]) == NEW["probes"] and json.loads(last["schedule"]) == NEW["schedule"]
    assert last["flops"] == pytest.approx(2**60) and last["peak_memory"] == 2**33


def test_studies_of_both_versions_are_read_together(old, tmp_path):
    Ledger(tmp_path / "new").commit("pretraining", [pretraining(3, **NEW)])
    rows = frames(tmp_path / "*", "pretraining")
    assert sorted(rows["accumulate"].to_list(), key=str) == [2, None, None]


def test_the_report_reads_a_ledger_of_version_1(old):
    from analysis.tables import load

    assert load(old).pretraining["warning"].to_list() == [None, None]


@pytest.mark.parametrize("version", ["4", "0", "x"])
def test_a_version_that_is_not_known_is_refused(old, version):
    path = old / "pretraining" / "000000.parquet"
    meta = {"labelcurve.table": "pretraining", "labelcurve.version": version}
    pq.write_table(pq.read_table(path).replace_schema_metadata(meta), path)
    with pytest.raises(UnknownVersion, match=f"written in version {version}"):
        frame(old, "pretraining")


def test_an_old_file_with_a_column_that_never_was_or_of_another_type_is_damaged(old):
    path = old / "pretraining" / "000000.parquet"
    rows = pq.read_table(path)
    strange = rows.append_column("strange", pa.nulls(2, pa.string()))
    other = rows.set_column(rows.column_names.index("step"), "step", rows["step"].cast(pa.int32()))
    for changed in (strange, other):
        pq.write_table(changed.replace_schema_metadata(rows.schema.metadata), path)
        with pytest.raises(Damaged, match="its columns are not those of the table"):
            frame(old, "pretraining")


def test_a_file_of_today_may_lack_no_column(tmp_path):
    Ledger(tmp_path).commit("pretraining", [pretraining(1)])
    path = tmp_path / "pretraining" / "000000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["warning"]), path)
    with pytest.raises(Damaged, match="its columns are not those of the table"):
        frame(tmp_path, "pretraining")
