"""The whole way on the phantom, once undisturbed and once killed in pre-training; `tests/kills` kills what follows."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from study.ledger import frame

SMALL = [
    "pretraining.images=128",
    "pretraining.seeds=1",
    "pretraining.methods={spark: {decoder_width: 32}}",
    "pretraining.checkpoint_every=2",
    "pretraining.log_every=2",
    "corpus.phantom.patients=6",
    "tasks.finding.phantom.labelled_patients=80",
    "resources.trial.cpus=2",  # one worker at a time: what a run of this size takes is its imports
    "adaptations={linear: {sizes: {share: [0.5, 1.0]}, draws: 2, trials: 3, finals: 1}}",
]
MEASURED = ["seconds", "device_seconds", "peak_memory", "started_at", "ended_at", "at"]


def command(results: Path) -> list[str]:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return [sys.executable, "-m", "labelcurve", "run", "quickstart", *settings, "--results", str(results)]


def run(results: Path) -> subprocess.CompletedProcess:
    return subprocess.run(command(results), capture_output=True, text=True, timeout=1200)


def kill_at_first_checkpoint(results: Path) -> int:
    driver = subprocess.Popen(command(results), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while driver.poll() is None and time.monotonic() < deadline:
        if list(results.glob("quickstart/train/*/checkpoint_*/*")):
            driver.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    return driver.wait()


def what_was_done(root: Path, table: str) -> pl.DataFrame:
    return frame(str(root), table).drop(MEASURED, strict=False).sort(pl.all().exclude("labels", "p"))


@pytest.mark.timeout(2400)
def test_killed_in_pre_training_equals_undisturbed(tmp_path):
    # Side by side with the killed run: a start-up mostly waits.
    with ThreadPoolExecutor(1) as aside:
        whole_run = aside.submit(run, tmp_path / "whole")
        killed = tmp_path / "killed"
        assert kill_at_first_checkpoint(killed) == -signal.SIGKILL
        resumed = run(killed)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    undisturbed = whole_run.result()
    assert undisturbed.returncode == 0, undisturbed.stdout + undisturbed.stderr
    report = Path(undisturbed.stdout.splitlines()[-1])
    assert report.is_file() and "<html" in report.read_text()[:2000]
    for table in ("pretraining", "trials", "finals", "curves", "scores", "predictions"):
        whole, again = (what_was_done(folder / "quickstart", table) for folder in (tmp_path / "whole", killed))
        assert whole.height > 0 and whole.equals(again), table
    encoders = [folder / "quickstart" / "encoders" for folder in (tmp_path / "whole", killed)]
    for made in ("spark-0.safetensors", "spark-0.png"):
        assert (encoders[0] / made).read_bytes() == (encoders[1] / made).read_bytes()
    seeds = {
        name: json.loads((encoders[0] / f"{name}-0.json").read_text())["recipe"]["seed"]
        for name in ("scratch", "spark")
    }
    assert seeds["scratch"] == seeds["spark"], "pre-training begins with the weights of the untrained encoder"
