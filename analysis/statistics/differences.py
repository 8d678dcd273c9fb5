"""Every pair of initialisations at every size, as a family for each task."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from study.vocabulary import SMALLER_IS_BETTER, TASK

from .cell_means import ONE_DRAW
from .families import Family, family
from .intervals import LEVEL
from .label_efficiency import ON, PLACE, ordered, place
from .point import THIS_TEST_SET, Joint, NothingShared, joint
from .points import Placed

DIFFERENCE_SCHEMA = ON | {"against": pl.String} | PLACE | {
    "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "target": pl.String, "reason": pl.String,
    "n_draws": pl.Int32, "error": pl.Float64, "df": pl.Float64, "family": pl.Int32, "family_p": pl.Float64,
    "family_low": pl.Float64, "family_high": pl.Float64, "family_level": pl.Float64, "detectable": pl.Float64,
    "separated": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two points of one panel and size, with what they have in common."""

    first: Placed
    second: Placed
    joint: Joint


def differences(points: Sequence[Placed], *, metric: str = "auc") -> pl.DataFrame:
    """Paired differences (initialisation minus `against`), each pair both ways, with the columns of DIFFERENCE_SCHEMA.

    Draws pair where both were given the same subset. low, high: one by one. family_low, family_high: those that hold
    together for all pairs, sizes and settings of a task, family_p in the same sense. detectable: what would have been
    separated with a power of 80 %. separated: the family's interval leaves out zero, and is one for new patients (or
    new images).
    """
    rows = []
    for found in pairs(points, metric).values():
        whole = whole_family(found)
        number = {id(pair): k for k, pair in enumerate(_judged(found))}
        for pair in found:
            k = number.get(id(pair))
            rows += [_row(pair, whole, k, 1), _row(pair, whole, k, -1)]
    return ordered(pl.DataFrame(rows, schema=DIFFERENCE_SCHEMA))


def pairs(points: Sequence[Placed], metric: str) -> dict[tuple, list[Pair]]:
    """Pairs by (task, test set, unit); those that share no draw are left out."""
    at: dict[tuple, list[Placed]] = defaultdict(list)
    for p in points:
        if p.metric == metric:
            at[p.panel, p.size].append(p)
    found: dict[tuple, list[Pair]] = defaultdict(list)
    for here in at.values():
        for first, second in combinations(here, 2):
            try:
                shared = joint([first.point, second.point])
            except NothingShared:
                continue
            found[first.factors[TASK], first.test_set, first.unit].append(Pair(first, second, shared))
    return found


def _judged(found: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in found if len(pair.joint.draws) > 1]


def whole_family(found: Sequence[Pair]) -> Family | None:
    """All pairs that have a variance; their correlation is that of what all of their points share."""
    judged = _judged(found)
    if not judged:
        return None
    contrasts = [pair.joint.means.contrast([1.0, -1.0]) for pair in judged]
    points = list({id(p): p for pair in judged for p in (pair.first, pair.second)}.values())
    column = {id(p): k for k, p in enumerate(points)}
    weights = np.zeros((len(judged), len(points)))
    for row, pair in zip(weights, judged, strict=True):
        row[column[id(pair.first)]], row[column[id(pair.second)]] = 1.0, -1.0
    try:
        shared = joint([p.point for p in points])
    except NothingShared:
        shared = None
    known = shared is not None and len(shared.draws) > 1
    alike = [(pair.first.panel, float(pair.joint.means.pooling.mean())) for pair in judged]
    return family(contrasts, shared.means if known and shared else None, weights, alike)


def _row(pair: Pair, whole: Family | None, k: int | None, sign: int) -> dict:
    first, second = (pair.first, pair.second) if sign > 0 else (pair.second, pair.first)
    row: dict = dict.fromkeys(DIFFERENCE_SCHEMA) | place(first) | {"against": second.initialisation}
    row |= {"n_draws": len(pair.joint.draws), "reason": pair.joint.reason, "separated": False}
    if k is None or whole is None:
        return row | {"mean": sign * float(pair.joint.means.means @ [1, -1]), "reason": ONE_DRAW}
    c = pair.joint.means.contrast([1.0, -1.0])
    low, high = _turned(c.interval(LEVEL), sign)
    family_low, family_high = _turned(whole.interval(k), sign)
    counts = not pair.joint.target.startswith(THIS_TEST_SET)
    return row | {
        "mean": sign * c.value, "low": low, "high": high, "target": pair.joint.target, "error": c.error, "df": c.df,
        "family": len(whole.contrasts), "family_p": float(whole.p[k]), "family_low": family_low,
        "family_high": family_high, "family_level": whole.level, "detectable": whole.detectable(k),
        "separated": counts and (family_low > 0 or family_high < 0),
    }  # fmt: skip


def better(row: dict) -> bool:
    """Whether a separated row's initialisation is the better one."""
    return bool(row["separated"]) and (row["mean"] < 0) == (row["metric"] in SMALLER_IS_BETTER)


def _turned(interval: tuple[float, float], sign: int) -> tuple[float, float]:
    return interval if sign > 0 else (-interval[1], -interval[0])
