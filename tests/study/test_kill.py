"""A driver killed at any named point and run again leaves what an undisturbed run leaves."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
import yaml

from study.ledger import frame

DRIVER = Path(__file__).with_name("trivial_driver.py")
STUDY = {
    "name": "killed",
    "image_size": 32,
    "tasks": {
        "finding": {"phantom": {"labelled_patients": 60, "labelled_slices": 1, "size": 32}, "positive": "finding"}
    },
    "selection": {"min_val_patients": 2},
    "adaptations": {
        "full": {
            "sizes": {"share": [0.5, 1.0]},
            "draws": 2,
            "trials": 6,
            "finals": 2,
            "epochs": 4,
            "pruning": {"startup_trials": 1, "warmup_epochs": 1},
            "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
        }
    },
}
SOME = ["between-dependents-and-row:4", "trial-committed:5", "final-ended:2", "between-dependents-and-row:3"]
EVERY = ["trial-ended:3", *SOME, "final-committed:2"]
TIMES = ["seconds", "device_seconds", "started_at", "ended_at"]


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    weights = folder / "ready.safetensors"
    from trainables import backbones

    backbones.save(backbones.build("resnet18"), weights, {})
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"weights": {"ready": str(weights)}}))
    return path


def drive(study_file: Path, results: Path, failpoint: str = "") -> subprocess.CompletedProcess:
    here = str(DRIVER.parents[2])
    return subprocess.run(
        [sys.executable, str(DRIVER), str(study_file), str(results)],
        env={**os.environ, "LABELCURVE_FAILPOINT": failpoint, "PYTHONPATH": here},
        capture_output=True,
        text=True,
        timeout=200,
    )


def what_was_done(root: Path, table: str) -> pl.DataFrame:
    return frame(str(root), table).drop(TIMES, strict=False).sort(pl.all().exclude("labels", "p"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("failpoints", [SOME, pytest.param(EVERY, marks=pytest.mark.slow)], ids=["some", "every"])
def test_killed_at_named_points_equals_undisturbed(study_file, tmp_path, failpoints):
    # Side by side with the killed runs: a start-up mostly waits.
    with ThreadPoolExecutor(1) as aside:
        whole_run = aside.submit(drive, study_file, tmp_path / "whole")
        for failpoint in failpoints:
            killed = drive(study_file, tmp_path / "killed", failpoint)
            assert killed.returncode == -signal.SIGKILL, f"{failpoint} was never passed: {killed.stdout}{killed.stderr}"
        resumed = drive(study_file, tmp_path / "killed")
    undisturbed = whole_run.result()
    assert undisturbed.returncode == 0, undisturbed.stdout + undisturbed.stderr
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    for table in ("trials", "finals", "curves", "scores", "predictions"):
        whole, again = (what_was_done(tmp_path / run / "killed", table) for run in ("whole", "killed"))
        assert whole.height > 0
        assert whole.equals(again), table
    statuses = set(frame(str(tmp_path / "whole" / "killed"), "trials")["status"])
    assert {"completed", "pruned", "failed_error", "failed_nan"} <= statuses
