"""A smoke form of the example on real images, from folders to report: MoCo v2 and full fine-tuning, barely trained."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from study.ledger import frame

SMALL = [
    "pretraining.images=64",
    "pretraining.methods={moco_v2: {queue: 64}}",
    "pretraining.batch=16",
    "image_size=64",
    "adaptations={full: {sizes: {share: [0.25]}, draws: 1, trials: 2, finals: 1, epochs: 1}}",
]


@pytest.mark.timeout(2400)
def test_real_ct_runs_from_folders_to_report(real_data, tmp_path):
    settings = [word for setting in [f"data={real_data}", *SMALL] for word in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "labelcurve",
        "run",
        "examples/real-ct.yaml",
        *settings,
        "--results",
        str(tmp_path),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=2000)
    assert run.returncode == 0, run.stdout + run.stderr
    root = tmp_path / "real-ct"
    finals = frame(str(root), "finals")
    assert finals.height == 2 * 2 and set(finals["status"]) == {"completed"}
    tested = frame(str(root), "predictions").filter(pl.col("split") == "test").join(finals, on="key")
    assert tested.filter(task="covid")["sample"].n_unique() == 203
    page = (root / "report.html").read_text()
    assert "covid" in page and "ich" in page

    for path in filter(Path.is_file, tmp_path.rglob("*")):
        written = f"{path.relative_to(tmp_path)}\n{plain_text(path)}"
        for identity in ("Lung_Dx-A0002", "LIDC-IDRI-0001", "TCGA-17-Z028", "Patient 179"):
            assert identity not in written, f"a raw patient id left ingest: {path}"


def plain_text(path: Path) -> str:
    """What a file says, decompressed."""
    if path.suffix == ".parquet":
        return str(pl.read_parquet(path).to_dicts())
    return path.read_bytes().decode("latin-1")
