"""The test-set components of final runs, from their stored predictions."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from .variance_components import Components, NoComponents, components

AGREEMENT = 1e-3
"""A recorded score may differ from the one its predictions give by rounding to float32, not by more."""

Predicted = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray] | str]


def predicted(predictions: pl.DataFrame, keys: list[str], test_set: str) -> Predicted:
    """For each key: labels (N,), p (N, C) and patients (N,) on the clean test set by order of sample, or why not."""
    clean = (pl.col("split") == "test") & (pl.col("test_set") == test_set) & pl.col("corruption").is_null()
    rows = predictions.filter(clean, pl.col("key").is_in(keys)).sort("key", "sample")
    found: Predicted = {key: "no test predictions are stored" for key in keys}
    for (key,), run in rows.group_by("key", maintain_order=True):
        found[str(key)] = _arrays(run)
    return found


def _arrays(run: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray] | str:
    if (run["labels"].list.len() != 1).any() or run["p"].list.len().n_unique() != 1:
        return "test variance is not defined here for several labels an image"
    if run["patient"].null_count():
        return "the test images name no patients"
    p = run["p"].explode().to_numpy().reshape(len(run), -1)
    return run["labels"].list.first().to_numpy(), p, run["patient"].to_numpy()


def of_runs(found: Predicted, recorded: Mapping[str, float], metric: str) -> dict[str, Components] | str:
    """Components of `metric` for every key of `recorded` (its stored score), or one line saying why there are none."""
    parts: dict[str, Components] = {}
    for key, value in recorded.items():
        run = found[key]
        if isinstance(run, str):
            return run
        try:
            parts[key] = components(metric, *run)
        except NoComponents as why:
            return str(why)
        if abs(parts[key].estimate - value) > AGREEMENT:
            return f"a recorded score ({value:.4f}) is not what its predictions give ({parts[key].estimate:.4f})"
    if len({part.patients for part in parts.values()}) > 1:
        return "the runs were scored on different test patients"
    return parts
