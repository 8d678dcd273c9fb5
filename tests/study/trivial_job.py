"""Runs that train nothing, for studies that are killed and run again."""

import math
import random
import time


def run_job(job):
    """Scores are a function of settings, seed and subset; some settings fail, some give NaN."""
    lr = job["settings"].get("lr", 1e-3)
    noise = random.Random(job["seed"])
    time.sleep(noise.random() / 50)
    if lr > 7e-3:
        raise RuntimeError("diverged")
    for epoch in range(1, 5):
        score = 0.9 - 0.1 * abs(math.log10(lr) + 3) - 0.2 / epoch + 0.02 * noise.random() + len(job["train"]) / 1e4
        if lr > 4.5e-3:
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
