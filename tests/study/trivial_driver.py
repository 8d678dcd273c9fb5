"""A driver whose runs train nothing: `python trivial_driver.py STUDY RESULTS`. Tests kill it and run it again."""

import math
import random
import sys
import time
from pathlib import Path


def run_job(job):
    """Scores are a function of settings, seed and subset; some settings fail, some give NaN."""
    lr = job["settings"]["lr"]
    noise = random.Random(job["seed"])
    time.sleep(noise.random() / 50)
    if lr > 7e-3:
        raise RuntimeError("diverged")
    for epoch in range(1, 5):
        score = 0.9 - 0.1 * abs(math.log10(lr) + 3) - 0.2 / epoch + 0.02 * noise.random() + len(job["train"]) / 1e4
        if lr > 5e-3:
            score = math.nan
        result = None
        if epoch == 4:
            result = {"epochs": 4, "images": 4 * len(job["train"]), "seconds": 0.1, "device_seconds": 0.1}
            result |= {"device": "cpu", "threads": 1, "scores": [], "predictions": []}
            for test_set, test in (job["tests"] or {}).items():
                result["scores"] += [[test_set, "image", "auc", score]]
                result["predictions"] += [
                    ["test", test_set, row, [row % 2], [1 - score, score]] for row in test["rows"]
                ]
        images = epoch * len(job["train"])
        curves = [["val", "auc", score], ["train", "loss", 1 / epoch]]
        yield {"epoch": epoch, "step": epoch, "images": images, "score": score, "curves": curves, "result": result}


if __name__ == "__main__":
    from study.errors import LabelcurveError
    from study.reading import read_study
    from study.run import run_study

    try:
        run_study(read_study(sys.argv[1]), Path(sys.argv[2]), run_job=run_job)
    except LabelcurveError as error:
        sys.exit(f"{error}")
