"""How the studies in this folder were made: half of one, by the code of an earlier version, killed after a few trials.

    PYTHONPATH=CHECKOUT python tests/study/old_studies/make.py FOLDER

CHECKOUT is the code of that version, FOLDER comes to hold its results. The runs train nothing: what is kept of a
version is what it wrote, not what it learnt.
"""

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

STUDY = """
name: old
backbone: test_resnet
image_size: 32
tasks:
  finding: {phantom: {labelled_patients: 24, labelled_slices: 1, size: 32}, positive: finding}
initialisations: [scratch]
adaptations:
  full: {sizes: {share: [0.5, 1.0]}, draws: 1, trials: 3, finals: 1, epochs: 2}
selection: {min_val_patients: 1}
"""


def run_job(job):
    """A run of two epochs that trains nothing, in the form that workers had before their records were typed."""
    for epoch in (1, 2):
        score = 0.9 - 0.1 * abs(math.log10(job["settings"]["lr"]) + 3) - 0.1 / epoch
        result = None
        if epoch == 2:
            result = {"epochs": 2, "images": 9, "seconds": 0.1, "device_seconds": 0.1, "device": "cpu", "threads": 1}
            result |= {"scores": [], "predictions": []}
        yield {
            "epoch": epoch,
            "step": epoch,
            "images": epoch,
            "score": score,
            "curves": [["val", "auc", score]],
            "result": result,
        }


def main(folder: str) -> None:
    from study.run import run_study

    try:
        from study.reading import read_study
    except ImportError:
        from study.config.load import read_study
    path = Path(tempfile.mkdtemp()) / "study.yaml"
    path.write_text(STUDY)
    run_study(read_study(str(path)), Path(folder), store=Path(f"{folder}-store"), run_job=run_job)


if __name__ == "__main__":
    if "LABELCURVE_FAILPOINT" not in os.environ:
        told = os.environ | {"LABELCURVE_FAILPOINT": "trial-committed:3", "LABELCURVE_COMMIT": "old"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=told).returncode != -9)
    main(sys.argv[1])
