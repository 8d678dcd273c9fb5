"""Predictions beside their labels: which are right, whose are always wrong, and whether probabilities come true."""

import polars as pl

from analysis.tables import compared
from study.vocabulary import FACTOR_NAMES, GROUP_FACTORS, TASK

JUDGED = pl.Struct({"label": pl.Int16, "predicted": pl.Int16, "wrong": pl.Boolean, "p_true": pl.Float64})
_OUTCOME = pl.List(pl.Struct({"p": pl.Float64, "y": pl.Boolean}))
RUN = ["key", *FACTOR_NAMES, "index", "n_train", "n_val"]


def judged(finals: pl.DataFrame, predictions: pl.LazyFrame) -> pl.LazyFrame:
    """Each prediction of the compared final runs, with the run's factors and whether it is right."""
    runs = compared(finals).finals.select(RUN).lazy()
    found = predictions.join(runs, on="key", maintain_order="left")
    outcome = pl.struct("labels", "p").map_batches(_judged, return_dtype=JUDGED)
    rest = [name for name in predictions.collect_schema().names() if name != "key"]
    return found.select(*RUN, *rest, outcome.alias("outcome")).unnest("outcome")


def patients(predictions: pl.LazyFrame) -> pl.DataFrame:
    """task, test_set, patient, images, runs, wrong, p_true, always_wrong of clean test predictions; the worst first."""
    by = [TASK, "test_set", "patient"]
    return (
        _clean_test(predictions)
        .filter(pl.col("patient").is_not_null())
        .group_by(by)
        .agg(
            images=pl.col("sample").n_unique().cast(pl.Int64),
            runs=pl.col("key").n_unique().cast(pl.Int64),
            wrong=pl.col("wrong").mean(),
            p_true=pl.col("p_true").mean(),
            always_wrong=pl.col("wrong").all(),
        )
        .sort(pl.col("wrong"), pl.col("p_true"), *by, descending=[True, False, False, False, False])
        .collect()
    )


def calibration(predictions: pl.LazyFrame, *, bins: int = 10) -> pl.DataFrame:
    """`GROUP_FACTORS`, test_set, bin, images, predicted, observed of clean test predictions."""
    by = [*GROUP_FACTORS, "test_set"]
    outcome = pl.struct("labels", "p").map_batches(_outcomes, return_dtype=_OUTCOME)
    return (
        _clean_test(predictions)
        .select(*by, outcome.alias("outcome"))
        .explode("outcome")
        .unnest("outcome")
        .with_columns(bin=((pl.col("p") * bins).floor().clip(0, bins - 1) / bins).round(6))
        .group_by(*by, "bin")
        .agg(images=pl.len().cast(pl.Int64), predicted=pl.col("p").mean(), observed=pl.col("y").mean())
        .sort(*by, "bin")
        .collect()
    )


def _clean_test(predictions: pl.LazyFrame) -> pl.LazyFrame:
    return predictions.filter(pl.col("split") == "test", pl.col("corruption").is_null())


def _judged(of: pl.Series) -> pl.Series:
    rows = of.struct.unnest()
    label, number = pl.col("labels").list.first(), pl.col("p").list.arg_max()
    p = pl.col("p").cast(pl.List(pl.Float64))
    single = rows.filter(_single()).select(
        label=label.cast(pl.Int16),
        predicted=number.cast(pl.Int16),
        wrong=label.cast(pl.Int64) != number.cast(pl.Int64),
        p_true=p.list.get(label.cast(pl.Int64), null_on_oob=True),
    )
    many = rows.filter(~_single()).with_row_index("row").explode("labels", "p").group_by("row", maintain_order=True)
    findings = many.agg(
        label=pl.lit(None, pl.Int16),
        predicted=pl.lit(None, pl.Int16),
        wrong=((pl.col("p") > 0.5) != (pl.col("labels") == 1)).any(),
        p_true=pl.when(pl.col("labels") == 1).then(pl.col("p")).otherwise(1 - pl.col("p")).mean().cast(pl.Float64),
    ).drop("row")
    return _in_order(rows, single, findings).to_struct()


def _outcomes(of: pl.Series) -> pl.Series:
    """What each prediction said and whether it came true: of findings one each, else one."""
    rows = of.struct.unnest()
    label = pl.col("labels").list.first().cast(pl.Int64)
    two = pl.col("p").list.len() == 2
    single = rows.filter(_single()).select(
        p=pl.when(two).then(pl.col("p").list.last()).otherwise(pl.col("p").list.max()).cast(pl.Float64),
        y=pl.when(two).then(label == 1).otherwise(label == pl.col("p").list.arg_max().cast(pl.Int64)),
    ).select(outcome=pl.concat_list(pl.struct("p", "y")))  # fmt: skip
    many = rows.filter(~_single()).with_row_index("row").explode("labels", "p").group_by("row", maintain_order=True)
    findings = many.agg(outcome=pl.struct(p=pl.col("p").cast(pl.Float64), y=pl.col("labels") == 1)).drop("row")
    return _in_order(rows, single, findings).to_series()


def _single() -> pl.Expr:
    """One class an image, rather than findings."""
    return (pl.col("labels").list.len() == 1) & (pl.col("p").list.len() > 1)


def _in_order(rows: pl.DataFrame, single: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    if not len(findings):
        return single
    if not len(single):
        return findings
    at = rows.select(_single()).to_series()
    place = pl.concat([at.arg_true(), (~at).arg_true()])
    return pl.concat([single, findings]).with_columns(place=place).sort("place").drop("place")
