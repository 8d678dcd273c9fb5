"""Anyone's tools answer "best validation score per cell" over many studies in one query, without a line of ours."""

import runpy
from pathlib import Path

import duckdb
import polars as pl
import pytest

from study.ledger import Ledger, LedgerError, frames

QUERIES = Path(__file__).with_name("queries")  # the texts that the README shows


@pytest.fixture
def results(tmp_path, make, monkeypatch):
    """Two studies with different search spaces, beside all else that a results folder holds."""
    one, two = Ledger(tmp_path / "results/one"), Ledger(tmp_path / "results/two")
    for number in range(30):  # three cells of ten trials
        one.commit("trials", make.trial(number), curves=make.curves(number, epochs=2))
    for number in range(100, 120):
        tried = {"hp_lr": None, "hp_weight_decay": 0.1, "hp_batch": 16, "pretrain_seed": 1, "settings": {"mine": 2}}
        two.commit("trials", make.trial(number, study="two", initialisation="spark", **tried))
    one.commit("trials", make.trial(990, draw=0, status="failed_nan", score=float("nan")))
    one.commit("trials", make.trial(991, draw=0, status="pruned"))
    two.append("rejects", [{"digest": "d", "reason": "no pixels"}])
    (tmp_path / "results/two/report.html").write_text("<html>")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


EXPECTED = [
    *[("one", "scratch", None, draw, (draw * 10 + 9) / 1000, 10) for draw in range(3)],
    *[("two", "spark", 1, draw, (draw * 10 + 9) / 1000, 10) for draw in (10, 11)],
]
SHOWN = ["study", "initialisation", "pretrain_seed", "draw", "best", "trials"]


def test_in_polars(results):
    best = runpy.run_path(str(QUERIES / "best_per_cell.py"))["best"]
    assert best.select(SHOWN).rows() == EXPECTED


def test_in_duckdb(results):
    best = duckdb.sql((QUERIES / "best_per_cell.sql").read_text()).pl()
    assert best.select(SHOWN).rows() == EXPECTED
    assert best.columns == runpy.run_path(str(QUERIES / "best_per_cell.py"))["best"].columns


def test_frames_reads_the_same_rows_verified(results):
    trials = frames(results / "*", "trials")
    assert trials.sort("key").equals(pl.read_parquet(results / "*/trials/*.parquet").sort("key"))
    assert frames(results / "*", "curves").height == 60
    assert frames(results / "none*", "scores").height == 0


def test_a_copy_of_a_study_is_not_counted_twice(results):
    copy = results / "copy/trials"
    copy.mkdir(parents=True)
    (copy / "000000.parquet").write_bytes((results / "one/trials/000000.parquet").read_bytes())
    with pytest.raises(LedgerError, match="in two studies"):
        frames(results / "*", "trials")
