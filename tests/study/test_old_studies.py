"""Half-done studies of earlier versions are continued under the rule that they began with, or refused in one line."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from cluster.session import Resources
from study import run, versions
from study.config.load import read_study
from study.errors import InputRefused
from study.ledger import frame
from study.pretraining.encoder_weights import draw_weights
from tests.study.old_studies.make import STUDY
from tests.study.trivial_job import run_job

OLD = Path(__file__).with_name("old_studies")
STUDIES = sorted(path.name for path in OLD.iterdir() if (path / "spec").is_dir())
CONTINUED = [name for name in STUDIES if name.startswith(f"results-{versions.RESULTS}-")]
REFUSED = [name for name in STUDIES if name not in CONTINUED]


@pytest.fixture
def opened(tmp_path):
    """A copy of an old study as it lies in its results, with the weights that its encoder's recipe gives."""

    def open_(name):
        root = tmp_path / "results" / "old"
        shutil.copytree(OLD / name, root)
        about = json.loads((root / "encoders" / "scratch-0.json").read_text())
        weights = root / "encoders" / "scratch-0.safetensors"
        draw_weights(about["recipe"]["backbone"], about["recipe"]["seed"], weights)
        assert hashlib.sha256(weights.read_bytes()).hexdigest() == about["digest"], "the same seed, the same weights"
        return root

    return open_


@pytest.fixture
def go_on(tmp_path, monkeypatch):
    """Run the study as it was written then, with today's code, on the Ray that is there."""
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    there = Resources(cpus=2, gpus=0, nodes=1)
    monkeypatch.setattr(run, "session", lambda *_, **__: contextlib.nullcontext(there))
    return lambda: run.run_study(read_study(str(path)), tmp_path / "results", run_job=run_job)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_there_are_studies_of_each_version_of_both_kinds():
    assert {name.split("-")[1] for name in STUDIES} == {str(version + 1) for version in range(versions.RESULTS)}
    assert {name.split("-")[3] for name in STUDIES} == versions.READABLE_LEDGERS


@pytest.mark.parametrize("name", CONTINUED)
def test_what_was_stored_stays_and_the_rest_is_run(name, opened, go_on, ray_cluster):
    root = opened(name)
    before = {table: frame(str(root), table) for table in ("trials", "curves")}
    assert before["trials"].height == 3
    assert go_on().failed_cells == 0
    for table, rows in before.items():
        after = frame(str(root), table).filter(pl.col("key").is_in(rows["key"].implode()))
        assert after.sort(pl.all()).equals(rows.sort(pl.all())), table
    assert frame(str(root), "trials").height == 6 and frame(str(root), "finals").height == 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_computed_otherwise_now_is_refused_in_one_line(name, opened, go_on, ray_cluster):
    root = opened(name)
    before = contents(root)
    with pytest.raises(InputRefused) as refused:
        go_on()
    line = str(refused.value)
    assert "\n" not in line and str(root) in line and f"version {name.split('-')[1]}" in line
    assert "go on with the Labelcurve that began it, or give the study another name" in line
    after = contents(root)
    assert {path: after[path] for path in before} == before
    assert {path.parts[0] for path in after.keys() - before.keys()} <= {"log"}
    assert frame(str(root), "trials").height == 3


def test_a_version_of_the_future_is_refused_in_one_line(opened, go_on, ray_cluster):
    root = opened(CONTINUED[-1])
    about = root / "encoders" / "scratch-0.json"
    now = about.read_text()
    about.write_text(now.replace('"results_version": 3', '"results_version": 9'))
    with pytest.raises(InputRefused, match="begun under version 9 of what runs compute"):
        go_on()
    about.write_text(now)
    path = root / "trials" / "000000.parquet"
    table = pq.read_table(path)
    table = table.replace_schema_metadata(table.schema.metadata | {b"labelcurve.version": b"9"})
    pq.write_table(table, path, write_page_checksum=True)
    with pytest.raises(InputRefused, match=f"written in version 9, this Labelcurve reads up to {versions.LEDGER}"):
        go_on()


@pytest.mark.parametrize("command", ["status", "report", "doctor"])
def test_whoever_only_looks_at_a_study_needs_no_torch(command, opened):
    root = opened(CONTINUED[-1])
    program = f"import sys; from study.cli import main; main([{command!r}, sys.argv[1]]); print('torch' in sys.modules)"
    looked = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True)
    assert looked.stdout.splitlines()[-1] == "False", looked.stdout
