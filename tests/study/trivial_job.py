"""Runs that train nothing, for studies that are killed and run again."""

import math
import random
import time

from trainables.contracts import EpochRecord, RunResult


def run_job(job):
    """Scores are a function of settings, seed and subset; some settings fail, some give NaN."""
    lr = job.settings.get("lr", 1e-3)
    noise = random.Random(job.seed)
    time.sleep(noise.random() / 50)
    if lr > 7e-3:
        raise RuntimeError("diverged")
    for epoch in range(1, 5):
        score = 0.9 - 0.1 * abs(math.log10(lr) + 3) - 0.2 / epoch + 0.02 * noise.random() + len(job.train) / 1e4
        if lr > 4.5e-3:
            score = math.nan
        result = None
        if epoch == 4:
            scores = [[name, "image", "auc", score] for name in job.tests]
            predictions = [
                ["test", name, row, [row % 2], [1 - score, score]]
                for name, test in job.tests.items()
                for row in test.rows
            ]
            result = RunResult(4, 4 * len(job.train), 0.1, 0.1, "cpu", 1, scores, predictions)
        images = epoch * len(job.train)
        curves = [["val", "auc", score], ["train", "loss", 1 / epoch]]
        yield EpochRecord(epoch, epoch, images, score, curves, result)
