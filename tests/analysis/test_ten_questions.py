"""The notebook answers its ten questions on a study on disk, without a browser."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("marimo")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "ten_questions.py"


def answered(root: Path, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK), "--results", str(root), *more],
        env=environment(), capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


def test_ten_questions_are_answered_from_the_tables(results):
    import analysis

    text = answered(results, "--score", "0.6")
    heads = [line for line in text.splitlines() if line[:1].isdigit() and line.endswith("?")]
    assert [int(line.partition(".")[0]) for line in heads] == list(range(1, 11))
    study = analysis.open(results)
    assert f"{study.patients()['always_wrong'].sum()} of 120 test patients" in text
    assert "108 of 216 trials were pruned; 0 of the 0" in text and "Budgets are even." in text
    needed = study.labels_needed(0.6).filter(unit="image")
    assert f"Of {len(needed)} curves, {needed['best'].is_not_null().sum()} cross that score" in text
    assert "The study scored no corrupted images." in text


def test_a_study_without_a_final_run_has_answers_too(tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "001.yaml").write_text("name: new\n")
    assert "No final run has been completed yet." in answered(tmp_path)
