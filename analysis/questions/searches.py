"""What the searches chose, what they spent, and what pruning cost."""

import polars as pl

from analysis.tables import compared
from study.vocabulary import COMPLETED, FACTOR_NAMES, FAILED, GROUP_FACTORS, HYPERPARAMETERS, INITIALISATION, PRUNED

SETTINGS = [f"hp_{name}" for name in HYPERPARAMETERS]


def chosen(finals: pl.DataFrame, trials: pl.LazyFrame) -> pl.DataFrame:
    """A row a cell of the compared final runs: its factors, how and what was chosen, and the chosen trial's score."""
    kept = compared(finals).finals
    by = [*FACTOR_NAMES, "selection", "search_budget", "selected_trial"]
    cells = kept.group_by(by, maintain_order=True).agg(
        *(pl.col(name).first() for name in (*SETTINGS, "settings")), finals=pl.len().cast(pl.Int64)
    )
    on = [*FACTOR_NAMES, "selected_trial"]
    judged = trials.filter(pl.col("status") == COMPLETED).select(*FACTOR_NAMES, "objective", "score", "index")
    wanted = cells.lazy().select(on).unique()
    scored = judged.rename({"index": "selected_trial"}).join(wanted, on=on, how="semi", nulls_equal=True).collect()
    found = cells.join(scored, on=on, how="left", nulls_equal=True, maintain_order="left")
    return found.select(*by, "objective", "score", "finals", *SETTINGS, "settings")


def budget(trials: pl.LazyFrame) -> pl.DataFrame:
    """Trials by `GROUP_FACTORS`, and whether the initialisations were given alike."""
    count = [
        pl.len().cast(pl.Int64).alias("trials"),
        (pl.col("status") == COMPLETED).sum().cast(pl.Int64).alias("completed"),
        (pl.col("status") == PRUNED).sum().cast(pl.Int64).alias("pruned"),
        pl.col("status").is_in(FAILED).sum().cast(pl.Int64).alias("failed"),
        pl.col("audit_score").is_not_null().sum().cast(pl.Int64).alias("audited"),
        pl.col("epochs").cast(pl.Int64).sum(),
        pl.col("device_seconds").sum(),
    ]
    cells = trials.group_by(FACTOR_NAMES).agg(count)
    total = [COMPLETED, PRUNED, "failed", "audited", "epochs", "device_seconds"]
    found = cells.group_by(GROUP_FACTORS).agg(
        pl.len().cast(pl.Int64).alias("cells"),
        pl.col("trials").sum(),
        pl.col("trials").min().alias("least"),
        pl.col("trials").max().alias("most"),
        *(pl.col(name).sum() for name in total),
    )
    where = [name for name in GROUP_FACTORS if name != INITIALISATION]
    alike = (pl.col("least").n_unique().over(where) == 1) & (pl.col("most").n_unique().over(where) == 1)
    shown = [*GROUP_FACTORS, "cells", "trials", "least", "most", *total]
    return found.select(*shown, even=alike).sort(GROUP_FACTORS).collect()


def pruned(trials: pl.LazyFrame) -> pl.DataFrame:
    """The pruned trials that were finished for the audit; those that would have been chosen come first."""
    audited = trials.filter(pl.col("status") == PRUNED, pl.col("audit_score").is_not_null())
    best = trials.filter(pl.col("status") == COMPLETED).group_by(FACTOR_NAMES).agg(best=pl.max("score"))
    beside = audited.join(best, on=FACTOR_NAMES, how="left", nulls_equal=True)
    regret = pl.col("audit_score") - pl.col("best")
    shown = beside.select("key", *FACTOR_NAMES, "index", "pruned_at", "audit_score", "best", regret=regret)
    return shown.sort("regret", "key", descending=[True, False], nulls_last=True).collect()
