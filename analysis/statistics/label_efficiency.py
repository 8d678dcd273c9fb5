"""The label-efficiency table, and paired differences against one initialisation."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from analysis.tables import StudyTables, compared, was_searched
from study.vocabulary import CURVE_FACTORS, DRAW, FACTOR_NAMES, FACTORS, POOL_FACTORS, PRETRAIN_SEED, REPORTED, SETTINGS

from .intervals import Estimate, Scores, Side, Tests, estimate, estimate_difference, mean_components
from .predictions import Predicted, of_runs, predicted
from .variance_components import Components

BOUNDS = {metric.name: metric.bounds for metric in REPORTED}

_NUMBERS = {
    "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "target": pl.String, "reason": pl.String,
    "pi_low": pl.Float64, "pi_high": pl.Float64, "pi_reason": pl.String, "n_draws": pl.Int32,
}  # fmt: skip
_FACTOR_TYPES = {f.name: pl.Float64 if f.type is float else pl.String for f in FACTORS if f.name in CURVE_FACTORS}
_LABELS = {"n_labels": pl.Float64, "n_labels_min": pl.Int32, "n_labels_max": pl.Int32}
TABLE_SCHEMA = _FACTOR_TYPES | {"test_set": pl.String, "metric": pl.String} | _LABELS | {
    "n_train": pl.Float64, "n_val": pl.Float64, "n_patients": pl.Float64, "pool_share": pl.Float64} | _NUMBERS | {
    "n_encoders": pl.Int32, "n_seeds": pl.Int32, "n_runs": pl.Int32, "searched": pl.Int32, "defaults": pl.Int32,
    "search_budget": pl.Int32, "cross_validated": pl.Int32}  # fmt: skip
_ON = {"against": pl.String, "test_set": pl.String, "metric": pl.String}
DIFFERENCE_SCHEMA = _FACTOR_TYPES | _ON | _LABELS | _NUMBERS


def label_efficiency(
    study: StudyTables, *, metrics: Sequence[str] = tuple(BOUNDS), unit: str = "image"
) -> pl.DataFrame:
    """One row per initialisation x size x further factors x test set x metric, with the columns of TABLE_SCHEMA.

    n_labels: median over draws of the labels paid for (n_train + n_val, or n_train alone where all validation images
    are unpaid), with its range. pool_share: patients of the subset over those of the full size, where the study has it.
    searched, defaults: cells by how they were set; cross_validated: those of the searched that cross-validation judged.
    """
    finals = compared(study.finals).finals
    full = finals.filter(_is_full()).group_by(*POOL_FACTORS).agg(pool=pl.col("n_patients").max())
    pools = {tuple(row[:-1]): row[-1] for row in full.iter_rows()}
    rows = []
    for runs, found, test_set, metric in _points(study, finals, metrics, unit):
        first = runs.row(0, named=True)
        scores, tests = _by_draw(runs, found, metric)
        result = estimate(
            scores, tests, bounds=BOUNDS[metric], encoder=_method(first), same_patients=_same_patients(runs)
        )
        patients = float(np.median(runs["n_patients"]))
        cells = runs.unique(FACTOR_NAMES)
        rows.append(
            {name: first[name] for name in CURVE_FACTORS} | {"test_set": test_set, "metric": metric} | _labels(runs)
            | {name: float(np.median(runs[name])) for name in ("n_train", "n_val")}
            | {"n_patients": patients}
            | {"pool_share": _share(patients, pools.get(tuple(first[name] for name in POOL_FACTORS)))}
            | _numbers(result)
            | {"n_encoders": len({e for _, e in scores}), "n_seeds": runs["index"].n_unique(), "n_runs": len(runs)}
            | {"searched": int(cells.select(was_searched().sum()).item())}
            | {"defaults": int(cells.select((~was_searched()).sum()).item())}
            | {"search_budget": runs.filter(was_searched())["search_budget"].max()}
            | {"cross_validated": int((cells["selection"] == "cv").sum())}
        )  # fmt: skip
    return _ordered(pl.DataFrame(rows, schema=TABLE_SCHEMA))


def differences(
    study: StudyTables, *, against: str = "scratch", metric: str = "auc", unit: str = "image"
) -> pl.DataFrame:
    """Paired difference (initialisation minus `against`) on the draws both have, with the columns of DIFFERENCE_SCHEMA.

    Draws pair only where both were given the same subset. The encoders of both sides count: see `estimate_difference`.
    """
    points = {}
    for runs, found, test_set, _ in _points(study, compared(study.finals).finals, (metric,), unit):
        first = runs.row(0, named=True)
        points[tuple(first[n] for n in CURVE_FACTORS), test_set] = (
            runs,
            Side(*_by_draw(runs, found, metric), _method(first)),
        )
    rows = []
    for (factors, test_set), (runs, side) in points.items():
        own = dict(zip(CURVE_FACTORS, factors, strict=True))
        other = points.get((tuple((own | {"initialisation": against}).values()), test_set))
        if own["initialisation"] == against or other is None:
            continue
        base_runs, base = other
        shared = _subsets(runs) & _subsets(base_runs)
        draws = {draw for draw, _ in shared}
        sides = [
            Side({k: v for k, v in each.scores.items() if k[0] in draws}, each.tests, each.encoder)
            for each in (side, base)
        ]
        if not draws:
            continue
        result = estimate_difference(*sides, same_patients=_same_patients(runs))
        named = own | {"against": against, "test_set": test_set, "metric": metric}
        rows.append(named | _labels(runs) | _numbers(result))
    return _ordered(pl.DataFrame(rows, schema=DIFFERENCE_SCHEMA))


def _points(study: StudyTables, finals: pl.DataFrame, metrics: Sequence[str], unit: str) -> Iterator[tuple]:
    """(runs with a column `value`, their predictions, test set, metric) for each point of each curve."""
    clean = study.scores.filter(pl.col("corruption").is_null(), pl.col("unit") == unit).select(
        "key", "test_set", "metric", "value"
    )
    scored = finals.join(clean, on="key").filter(pl.col("value").is_not_null())
    for (test_set,), on_set in scored.group_by("test_set", maintain_order=True):
        found = predicted(study.predictions, on_set["key"].unique().to_list(), str(test_set))
        for metric in metrics:
            for _, runs in on_set.filter(pl.col("metric") == metric).group_by(CURVE_FACTORS, maintain_order=True):
                yield runs, found, str(test_set), metric


def _by_draw(runs: pl.DataFrame, found: Predicted, metric: str) -> tuple[Scores, Tests]:
    """Scores and components by (draw, encoder): final seeds (and folds) are averaged, never counted."""
    recorded = dict(runs.select("key", "value").iter_rows())
    parts = of_runs(found, recorded, metric)
    scores: dict[tuple[int, int], float] = {}
    tests: dict[tuple[int, int], Components] = {}
    for (draw, encoder), group in runs.with_columns(pl.col("pretrain_seed").fill_null(0)).group_by(
        (DRAW, PRETRAIN_SEED), maintain_order=True
    ):
        scores[draw, encoder] = float(np.mean(group["value"].to_numpy()))
        if not isinstance(parts, str):
            tests[draw, encoder] = mean_components([parts[key] for key in group["key"]])
    return scores, parts if isinstance(parts, str) else tests


def _share(patients: float, whole: int | None) -> float | None:
    return patients / whole if whole else None


def _method(first: dict) -> str | None:
    return None if first["initialisation"] == "scratch" else first["initialisation"]


def _is_full() -> pl.Expr:
    return (pl.col("size_kind") == "share") & (pl.col("size_value") >= 1)


def _same_patients(runs: pl.DataFrame) -> bool:
    return bool(runs.select((_is_full() & pl.col("imbalance").is_null()).all()).item()) or (
        runs["draw"].n_unique() > 1 and runs["subset_hash"].null_count() == 0 and runs["subset_hash"].n_unique() == 1
    )


def _subsets(runs: pl.DataFrame) -> set[tuple[int, str]]:
    return set(runs.select("draw", "subset_hash").unique().iter_rows())


def _labels(runs: pl.DataFrame) -> dict:
    unpaid = pl.col("validation").eq_missing("full")
    labels = (
        runs.select(pl.col("n_train") + pl.when(unpaid).then(0).otherwise(pl.col("n_val"))).to_series().cast(pl.Int32)
    )
    return {"n_labels": float(np.median(labels)), "n_labels_min": labels.min(), "n_labels_max": labels.max()}


def _numbers(e: Estimate) -> dict:
    return {"mean": e.mean, "low": e.low, "high": e.high, "target": e.target, "reason": e.reason, "pi_low": e.pi_low,
            "pi_high": e.pi_high, "pi_reason": e.pi_reason, "n_draws": e.draws}  # fmt: skip


def _ordered(table: pl.DataFrame) -> pl.DataFrame:
    """By task, setting and metric; scratch first, then by name; sizes ascending."""
    scratch_first = pl.col("initialisation") != "scratch"
    own_first = pl.col("test_set") != "test"
    return table.sort(
        "task",
        *SETTINGS,
        own_first,
        "test_set",
        "metric",
        scratch_first,
        "initialisation",
        "n_labels",
        "size_value",
    )
