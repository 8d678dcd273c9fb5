"""Points of curves put together by hand, for tests of what follows from them."""

import numpy as np
import polars as pl

from analysis.statistics.point import Point
from analysis.statistics.points import Placed
from analysis.statistics.variance_components import Components
from study.vocabulary import CURVE_FACTORS

PATIENTS = 40


def curve(
    name,
    heights,
    *,
    draws=5,
    noise=0.0,
    error=0.0,
    seed=0,
    unit="patient",
    task="covid",
    adaptation="linear",
    metric="auc",
    encoders=1,
    tests=None,
):
    """A point a size of {labels: height}; noise: of draws, error: standard error over test patients, by initialisation.

    What draws and patients add is the initialisation's own, drawn once, and centred: means are the heights.
    """  # fmt: skip
    rng = np.random.default_rng([seed, *name.encode()])
    found = []
    spread = rng.normal(size=draws)
    spread = (spread - spread.mean()) / max(spread.std(), 1e-9) * noise
    moved = rng.normal(size=PATIENTS)
    moved = (moved - moved.mean()) / np.linalg.norm(moved - moved.mean()) * error
    for labels, height in heights.items():
        scores = {(d, e): height + spread[d] for d in range(draws) for e in range(encoders)}
        parts = {
            run: Components(value, moved, tuple(range(PATIENTS)), PATIENTS // 2 - 1) for run, value in scores.items()
        }
        factors = dict.fromkeys(CURVE_FACTORS) | {
            "initialisation": name, "task": task, "adaptation": adaptation, "size_kind": "count", "size_value": labels,
            "validation": "paid", "length": "epochs", "label_noise": 0.0,
        }  # fmt: skip
        runs = pl.DataFrame(
            {"n_train": [labels], "n_val": [0], "n_patients": [labels // 2], "validation": ["paid"]},
            schema={"n_train": pl.Int32, "n_val": pl.Int32, "n_patients": pl.Int32, "validation": pl.String},
        )
        point = Point(scores, tests or parts, name, ("count", labels), dict.fromkeys(range(draws), labels), share=0.1)
        found.append(Placed(factors, "test", metric, unit, runs, point))
    return found
