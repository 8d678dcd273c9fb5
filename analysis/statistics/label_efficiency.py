"""The label-efficiency table."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from analysis.tables import was_searched
from study.vocabulary import CURVE_FACTORS, FACTOR_NAMES, FACTORS, INITIALISATION, SETTINGS

from .intervals import Estimate, estimate
from .points import Placed, bounds_of

_INTERVAL = {"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "target": pl.String, "reason": pl.String}
_PREDICTION = {"pi_low": pl.Float64, "pi_high": pl.Float64, "pi_reason": pl.String}
ON = {f.name: pl.Float64 if f.type is float else pl.String for f in FACTORS if f.name in CURVE_FACTORS}
_WHERE = {"test_set": pl.String, "metric": pl.String, "unit": pl.String}
PLACE = _WHERE | {"n_labels": pl.Float64, "n_labels_min": pl.Int32, "n_labels_max": pl.Int32, "n_patients": pl.Float64}
TABLE_SCHEMA = ON | PLACE | {
    "n_train": pl.Float64, "n_val": pl.Float64, "pool_share": pl.Float64} | _INTERVAL | _PREDICTION | {
    "n_draws": pl.Int32, "n_encoders": pl.Int32, "n_seeds": pl.Int32, "n_runs": pl.Int32, "searched": pl.Int32,
    "defaults": pl.Int32, "search_budget": pl.Int32, "cross_validated": pl.Int32}  # fmt: skip


def label_efficiency(points: Sequence[Placed]) -> pl.DataFrame:
    """One row per initialisation x size x further factors x test set x metric x unit, with the columns of TABLE_SCHEMA.

    n_labels: median over draws of the labels paid for (n_train + n_val, or n_train alone where all validation images
    are unpaid), with its range; n_patients: of the patients they come from. pool_share: patients of the subset over
    those of the full size, where the study has it. searched, defaults: cells by how they were set; cross_validated:
    those of the searched that cross-validation judged.
    """
    rows = []
    for placed in points:
        result = estimate(placed.point, bounds=bounds_of(placed.metric))
        runs, scores = placed.runs, placed.point.scores
        cells = runs.unique(FACTOR_NAMES)
        rows.append(
            place(placed)
            | {name: float(np.median(runs[name])) for name in ("n_train", "n_val")}
            | {"pool_share": placed.point.share}
            | _numbers(result)
            | {"n_encoders": len({e for _, e in scores}), "n_seeds": runs["index"].n_unique(), "n_runs": len(runs)}
            | {"searched": int(cells.select(was_searched().sum()).item())}
            | {"defaults": int(cells.select((~was_searched()).sum()).item())}
            | {"search_budget": runs.filter(was_searched())["search_budget"].max()}
            | {"cross_validated": int((cells["selection"] == "cv").sum())}
        )  # fmt: skip
    return ordered(pl.DataFrame(rows, schema=TABLE_SCHEMA))


def first_unit(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of patients where patients are scored, else those of images."""
    by = pl.col("unit").ne("image").any().over("task", "test_set")
    return table.filter((pl.col("unit") != "image") == by)


def labels_paid(runs: pl.DataFrame) -> pl.Series:
    """Of each run: training and validation images, or training images alone where validation is unpaid."""
    unpaid = pl.col("validation").eq_missing("full")
    paid = pl.col("n_train") + pl.when(unpaid).then(0).otherwise(pl.col("n_val"))
    return runs.select(paid).to_series().cast(pl.Int32)


def place(placed: Placed) -> dict:
    """The columns that say where a point stands."""
    labels = labels_paid(placed.runs)
    return dict(placed.factors) | {
        "test_set": placed.test_set, "metric": placed.metric, "unit": placed.unit,
        "n_labels": float(np.median(labels)), "n_labels_min": labels.min(), "n_labels_max": labels.max(),
        "n_patients": float(np.median(placed.runs["n_patients"])),
    }  # fmt: skip


def _numbers(e: Estimate) -> dict:
    return {"mean": e.mean, "low": e.low, "high": e.high, "target": e.target, "reason": e.reason, "pi_low": e.pi_low,
            "pi_high": e.pi_high, "pi_reason": e.pi_reason, "n_draws": e.draws}  # fmt: skip


def ordered(table: pl.DataFrame) -> pl.DataFrame:
    """By task, setting, unit and metric; scratch first, then by name; sizes ascending."""
    return table.sort(
        "task", *SETTINGS, pl.col("test_set") != "test", "test_set", pl.col("unit") == "image", "unit", "metric",
        pl.col(INITIALISATION) != "scratch", INITIALISATION, "n_labels", "size_value",
    )  # fmt: skip
