"""Whatever dies, and whenever: a reader sees whole runs alone, the next writer goes on without doubles or orphans."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from study.ledger import Ledger, check, frame
from study.ledger.schemas import TABLES

WRITER = Path(__file__).with_name("writer.py")


def start(root, count, **environment) -> subprocess.Popen:
    here = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": here} | environment
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(root), str(count)], env=environment, stdout=subprocess.PIPE, text=True
    )


def assert_whole(root) -> int:
    """Every run that a reader sees has its row and all of its 20 curve rows; returns how many runs there are."""
    curves = frame(root, "curves").group_by("key").len()
    trials = frame(root, "trials")
    assert curves["len"].to_list() == [20] * curves.height
    assert trials["key"].is_unique().all()
    assert set(curves["key"]) <= set(trials["key"]), "read first, so at most as many as there are trials"
    return trials.height


@pytest.mark.parametrize("name", ["between-dependents-and-row", "between-dependents-and-row:3"])
def test_killed_between_the_curves_and_the_row_the_run_does_not_count(tmp_path, make, name):
    process = start(tmp_path, 5, LABELCURVE_FAILPOINT=name)
    process.communicate(timeout=250)
    done = int(name.partition(":")[2] or 1) - 1
    assert process.returncode == -signal.SIGKILL
    on_disk = pl.read_parquet(tmp_path / "curves/*.parquet")
    assert on_disk["key"].n_unique() == done + 1, "the orphans are there"
    assert [finding.kind for finding in check(tmp_path)] == ["orphan"]
    assert assert_whole(tmp_path) == done
    ledger = Ledger(tmp_path)
    assert check(tmp_path) == []
    ledger.commit("trials", make.trial(done), curves=make.curves(done))
    assert assert_whole(tmp_path) == done + 1


def test_killed_at_any_moment_every_reported_run_survives_whole(tmp_path):
    chance = random.Random(7)
    for _ in range(4):
        process = start(tmp_path, 10_000)
        assert process.stdout.readline() == "open\n"
        lines = []
        for _ in range(chance.randint(3, 30)):
            lines.append(process.stdout.readline())
            assert_whole(tmp_path)  # beside the writer
        process.kill()
        lines += process.communicate()[0].splitlines()
        reported = [int(line) for line in lines if line.strip().isdigit()]
        stored = set(frame(tmp_path, "trials")["key"])
        assert {f"{number:016x}" for number in reported} <= stored
    count = assert_whole(tmp_path)
    Ledger(tmp_path)
    assert assert_whole(tmp_path) == count > 10
    assert pl.read_parquet(tmp_path / "curves/*.parquet").height == 20 * count
    assert check(tmp_path) == [] and list((tmp_path / "tmp").iterdir()) == []


def test_half_a_file_of_a_dead_writer_is_swept_away_and_nobody_elses(tmp_path, make):
    Ledger(tmp_path).commit("trials", make.trial(1))
    (tmp_path / "tmp" / "000000.parquet.0123.part").write_bytes(b"PAR1 and no mo")
    (tmp_path / "tmp" / "encoder.safetensors.0123.part").write_bytes(b"")
    assert Ledger(tmp_path).keys("trials") == {make.trial(1)["key"]}
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["encoder.safetensors.0123.part"]


def test_orphans_in_a_full_file_are_dropped_too(tmp_path, make):
    ledger = Ledger(tmp_path)
    for number in range(2):
        rows = make.predictions(number, samples=30_000)
        ledger.commit("finals", make.final(number), predictions=rows)
    first = pq.read_table(tmp_path / "finals/000000.parquet").slice(1)
    pq.write_table(first.cast(TABLES["finals"]), tmp_path / "finals/000000.parquet")  # as if it had lost its first row
    assert Ledger(tmp_path).keys("finals") == {make.final(1)["key"]}
    stored = pl.read_parquet(tmp_path / "predictions/*.parquet")
    assert stored["key"].unique().to_list() == [make.final(1)["key"]] and stored.height == 30_000
    assert len(list((tmp_path / "predictions").iterdir())) == 2, "no reader finds a listed file gone"
