"""What an initialisation took, and how its scores bear corruption."""

import polars as pl

from analysis.tables import compared
from study.vocabulary import CURVE_FACTORS, ENCODER_FACTORS, INITIALISATION

_SUMS = ("images", "seconds", "device_seconds")


def cost(pretraining: pl.LazyFrame, trials: pl.LazyFrame, finals: pl.LazyFrame) -> pl.DataFrame:
    """initialisation, phase, runs, images, seconds, device_seconds; null where no run recorded it."""
    # A pre-training run logs sums: its last row counts.
    ended = pretraining.select(*ENCODER_FACTORS, "step", *_SUMS).sort("step").group_by(ENCODER_FACTORS).last()
    phases = {"pretraining": ended, "trials": trials, "finals": finals}
    parts = [
        rows.group_by(INITIALISATION).agg(
            pl.lit(phase).alias("phase"),
            pl.len().cast(pl.Int64).alias("runs"),
            *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()) for name in _SUMS),
        )
        for phase, rows in phases.items()
    ]
    order = pl.col("phase").replace_strict({phase: i for i, phase in enumerate(phases)}, return_dtype=pl.Int8)
    return pl.concat(parts).sort(INITIALISATION, order).collect()


def robustness(finals: pl.DataFrame, scores: pl.LazyFrame) -> pl.DataFrame:
    """Mean scores of the compared final runs under each corruption beside the same runs' without, paired run by run."""
    runs = compared(finals).finals.select("key", *CURVE_FACTORS).lazy()
    on = ["key", "test_set", "unit", "metric"]
    clean = scores.filter(pl.col("corruption").is_null()).select(*on, clean=pl.col("value"))
    corrupted = scores.filter(pl.col("corruption").is_not_null(), pl.col("value").is_not_null())
    both = corrupted.join(clean, on=on).join(runs, on="key")
    by = [*CURVE_FACTORS, "test_set", "unit", "metric", "corruption", "severity"]
    means = {"clean": pl.col("clean").mean(), "corrupted": pl.col("value").mean()}
    found = both.group_by(by).agg(**means, change=(pl.col("value") - pl.col("clean")).mean(),
                                  runs=pl.len().cast(pl.Int64))  # fmt: skip
    return found.sort(by).collect()
