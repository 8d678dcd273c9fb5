"""What damage has lost is run again by the same command, and ends in what the undisturbed study has."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from study.cli import main
from study.ledger import frame
from study.maintenance.doctor import examine

STUDY = {
    "name": "hurt",
    "image_size": 32,
    "tasks": {
        "finding": {"phantom": {"labelled_patients": 40, "labelled_slices": 1, "size": 32}, "positive": "finding"}
    },
    "selection": {"min_val_patients": 1},
    "initialisations": ["scratch"],
    "adaptations": {"linear": {"sizes": {"share": [0.5, 1.0]}, "draws": 1, "trials": 4, "finals": 2}},
}
TIMES = ["seconds", "device_seconds", "started_at", "ended_at"]


def drive(file: Path, results: Path) -> None:
    command = [sys.executable, "-m", "labelcurve", "run", str(file), "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


def what_was_done(root: Path) -> dict[str, pl.DataFrame]:
    tables = ("trials", "finals", "curves", "scores", "predictions")
    return {t: frame(root, t).drop(TIMES, strict=False).sort(pl.all().exclude("labels", "p")) for t in tables}


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_damage_to_each_table_is_made_good_by_the_doctor_and_the_same_run(tmp_path):
    file, root = tmp_path / "study.yaml", tmp_path / "hurt"
    file.write_text(yaml.safe_dump(STUDY))
    drive(file, tmp_path)
    undisturbed = what_was_done(root)
    assert all(rows.height > 0 for rows in undisturbed.values())

    def segment(table: str) -> Path:
        return root / table / "000000.parquet"

    def scores_emptied() -> None:
        segment("scores").write_bytes(b"")

    def curves_cut_short_and_an_encoder_changed() -> None:
        segment("curves").write_bytes(segment("curves").read_bytes()[:-50])
        (root / "encoders" / "scratch-0.safetensors").write_bytes(b"other weights")

    def trials_flipped_predictions_lost_and_a_copy_left() -> None:
        content = bytearray(segment("trials").read_bytes())
        for part in range(1, 11):
            content[len(content) * part // 12] ^= 1
        segment("trials").write_bytes(content)
        segment("predictions").unlink()
        (root / "predictions" / "000001.parquet").write_bytes(segment("finals").read_bytes())
        (root / "finals" / "copy of 000000.parquet").write_bytes(segment("finals").read_bytes())

    for hurt in (
        scores_emptied,
        curves_cut_short_and_an_encoder_changed,
        trials_flipped_predictions_lost_and_a_copy_left,
    ):
        hurt()
        assert main(["doctor", str(root)]) == 5
        assert main(["doctor", str(root), "--set-aside"]) == 0
        drive(file, tmp_path)
        again = what_was_done(root)
        for table, rows in undisturbed.items():
            assert rows.equals(again[table]), (hurt.__name__, table)
        assert examine(root) == []
