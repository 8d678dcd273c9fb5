"""The points of every learning curve of a study, out of its tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from analysis.tables import StudyTables, compared
from study.vocabulary import (
    CURVE_FACTORS,
    DRAW,
    INITIALISATION,
    POOL_FACTORS,
    PRETRAIN_SEED,
    REPORTED,
    SIZE_FACTORS,
    TASK,
)
from study.vocabulary import METRICS as EVERY_METRIC

from .point import NEW_PATIENTS, Point
from .predictions import Predicted, of_runs, predicted
from .variance_components import Components, mean_components, mean_of_folds

METRICS = tuple(metric.name for metric in REPORTED)
_BOUNDS = {metric.name: metric.bounds for metric in EVERY_METRIC}


@dataclass(frozen=True)
class Placed:
    """A point and where it stands. factors: those of `CURVE_FACTORS`. unit: what was scored, image or patient. runs:
    its completed final runs with their `value`."""

    factors: Mapping[str, Any]
    test_set: str
    metric: str
    unit: str
    runs: pl.DataFrame
    point: Point

    @property
    def initialisation(self) -> str:
        return str(self.factors[INITIALISATION])

    @property
    def panel(self) -> tuple:
        """What the points of one picture have in common: see `panel_of`."""
        return panel_of({**self.factors, "test_set": self.test_set, "metric": self.metric, "unit": self.unit})

    @property
    def size(self) -> tuple:
        return tuple(self.factors[name] for name in SIZE_FACTORS)


def bounds_of(metric: str) -> tuple[float, float]:
    """Between which a metric lies; those at a threshold, which are named after it, are shares."""
    return _BOUNDS.get(metric, (0.0, 1.0))


def panel_of(row: Mapping[str, Any]) -> tuple:
    """All that places a row of a table but its initialisation and size: what one picture shows together."""
    own = (name for name in CURVE_FACTORS if name != INITIALISATION and name not in SIZE_FACTORS)
    return tuple(row[name] for name in (*own, "test_set", "metric", "unit"))


def points(study: StudyTables, *, metrics: Sequence[str] = METRICS) -> list[Placed]:
    """Every point, in both units where patients are scored. Runs that `compared` leaves out are left out."""
    finals = compared(study.finals).finals
    shares = _Shares(finals)
    folds = dict(finals.group_by(TASK).agg(pl.col("fold").unique()).iter_rows())
    clean = study.scores.filter(pl.col("corruption").is_null(), pl.col("metric").is_in(metrics)).select(
        "key", "test_set", "unit", "metric", "value"
    )
    scored = finals.join(clean, on="key").filter(pl.col("value").is_not_null())
    found = []
    for (test_set,), on_set in scored.group_by("test_set", maintain_order=True):
        known = predicted(study.predictions, on_set["key"].unique().to_list(), str(test_set))
        for (unit, metric), by_metric in on_set.group_by(["unit", "metric"], maintain_order=True):
            for _, runs in by_metric.group_by(CURVE_FACTORS, maintain_order=True):
                first = runs.row(0, named=True)
                factors = {name: first[name] for name in CURVE_FACTORS}
                every_fold = set(folds[first[TASK]])
                found += [
                    Placed(factors, str(test_set), str(metric), str(unit), whole, point)
                    for whole, point in _point(runs, known, str(metric), str(unit), every_fold, shares)
                ]
    return found


def _point(
    runs: pl.DataFrame,
    known: Mapping[str, Predicted | str],
    metric: str,
    unit: str,
    folds: set[int | None],
    shares: "_Shares",
) -> Iterator[tuple[pl.DataFrame, Point]]:
    """The runs of complete folds and their point; nothing where no draw has all folds."""
    recorded = dict(runs.select("key", "value").iter_rows())
    parts = of_runs(known, recorded, metric, unit)
    scores: dict[tuple[int, int], float] = {}
    tests: dict[tuple[int, int], Components] = {}
    subsets: dict[int, frozenset] = {}
    kept: list[int] = []
    seeds: list[float] = []
    for (draw, encoder), by_fold in _grouped(runs).items():
        if by_fold.keys() != folds:
            continue
        kept += [run.row for fold in by_fold.values() for run in fold]
        values = [np.array([run.value for run in fold]) for fold in by_fold.values()]
        scores[draw, encoder] = float(np.mean([v.mean() for v in values]))
        subsets[draw] = frozenset((fold, run.subset) for fold, own in by_fold.items() for run in own)
        seeds.append(float(np.mean([v.var(ddof=1) * (1 - 1 / len(v)) if len(v) > 1 else 0.0 for v in values])))
        if not isinstance(parts, str):
            own = [mean_components([parts[run.key] for run in fold]) for fold in by_fold.values()]
            tests[draw, encoder] = own[0] if len(own) == 1 else mean_of_folds(own)
    if not kept:
        return
    first = runs.row(0, named=True)
    units = {p.unit for key in recorded if not isinstance(p := known[key], str)}
    yield runs.with_columns(pl.col(PRETRAIN_SEED).fill_null(0))[kept], Point(
        scores, parts if isinstance(parts, str) else tests, _owner(runs),
        (*(first[name] for name in SIZE_FACTORS),), subsets, shares.of(runs), _same_patients(runs),
        max(units, default=NEW_PATIENTS), _between_encoders(scores) + float(np.mean(seeds)) / len(folds),
    )  # fmt: skip


class _Run(NamedTuple):
    """A final run of a point, in a row of its frame."""

    row: int
    key: str
    value: float
    subset: str | None


def _grouped(runs: pl.DataFrame) -> dict[tuple[int, int], dict[int | None, list[_Run]]]:
    """Runs by draw and encoder, and by fold, in the order of their rows."""
    found: dict[tuple[int, int], dict[int | None, list[_Run]]] = {}
    columns = runs.select(DRAW, pl.col(PRETRAIN_SEED).fill_null(0), "fold", "key", "value", "subset_hash")
    for row, (draw, encoder, fold, *rest) in enumerate(columns.iter_rows()):
        found.setdefault((draw, encoder), {}).setdefault(fold, []).append(_Run(row, *rest))
    return found


def _owner(runs: pl.DataFrame) -> str | None:
    """Whose encoders they are: scratch's own where one random encoder is kept fixed, as under a probe."""
    first = runs.row(0, named=True)
    fixed = first[INITIALISATION] != "scratch" or (
        runs["encoder_hash"].null_count() == 0 and runs["encoder_hash"].n_unique() == 1
    )
    return str(first[INITIALISATION]) if fixed else None


def _between_encoders(scores: Mapping[tuple[int, int], float]) -> float:
    """Variance between encoders within a draw."""
    by_draw: dict[int, list[float]] = {}
    for (draw, _), value in scores.items():
        by_draw.setdefault(draw, []).append(value)
    several = [np.var(values, ddof=1) for values in by_draw.values() if len(values) > 1]
    return float(np.mean(several)) if several else 0.0


class _Shares:
    """What part of a pool's patients a subset holds, where a study has the full size of that pool."""

    def __init__(self, finals: pl.DataFrame) -> None:
        full = finals.filter(_is_full()).group_by(*POOL_FACTORS).agg(pool=pl.col("n_patients").max())
        self.pools = {tuple(row[:-1]): row[-1] for row in full.iter_rows()}

    def of(self, runs: pl.DataFrame) -> float | None:
        first = runs.row(0, named=True)
        whole = self.pools.get(tuple(first[name] for name in POOL_FACTORS))
        return float(np.median(runs["n_patients"])) / whole if whole else None


def _is_full() -> pl.Expr:
    return (pl.col("size_kind") == "share") & (pl.col("size_value") >= 1)


def _same_patients(runs: pl.DataFrame) -> bool:
    return bool(runs.select((_is_full() & pl.col("imbalance").is_null()).all()).item()) or (
        runs["draw"].n_unique() > 1 and runs["subset_hash"].null_count() == 0 and runs["subset_hash"].n_unique() == 1
    )
