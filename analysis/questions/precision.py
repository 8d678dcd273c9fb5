"""How sure a study is, and what would make it surer."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from analysis.statistics.cell_means import DRAWS, PATIENTS, Contrast
from analysis.statistics.curves import curves, panels
from analysis.statistics.intervals import scaled
from analysis.statistics.label_efficiency import ON, PLACE, ordered, place
from analysis.statistics.labels_needed import Labels, goal
from analysis.statistics.point import NothingShared, joint
from analysis.statistics.points import Placed, bounds_of
from study.vocabulary import CURVE_FACTORS, SIZE_FACTORS, SMALLER_IS_BETTER

_PARTS = {"from_draws": pl.Float64, "from_patients": pl.Float64, "from_encoders": pl.Float64}
MORE_DRAWS = ON | PLACE | {
    "n_draws": pl.Int32, "draws": pl.Int32, "mean": pl.Float64, "width": pl.Float64} | _PARTS  # fmt: skip
LABELS_NEEDED = {name: ON[name] for name in CURVE_FACTORS if name not in SIZE_FACTORS} | {
    "test_set": pl.String, "metric": pl.String, "unit": pl.String, "score": pl.Float64, "best": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "fewest": pl.Float64, "most": pl.Float64, "answer": pl.String,
}  # fmt: skip


def more_draws(points: Sequence[Placed], draws: Sequence[int]) -> pl.DataFrame:
    """The expected width of each point's interval with other numbers of draws; points of one draw are left out.

    What draws add to the variance falls with their number (of a finite pool down to what its subsets share); what test
    patients and encoders add does not.
    """
    rows = []
    for placed in points:
        whole = joint([placed.point])
        have = len(whole.draws)
        if have < 2 or placed.point.same_patients:
            continue
        now = whole.means.contrast([1.0])
        overlap = 0.0 if whole.means.shares is None else float(whole.means.shares[0] / (1 - whole.means.shares[0]))
        for count in draws:
            then = _with(now, have, count, overlap)
            low, high = scaled(then, bounds_of(placed.metric))
            rows.append(
                place(placed)
                | {"n_draws": have, "draws": count, "mean": now.value, "width": high - low}
                | _shares(then)
            )
    return ordered(pl.DataFrame(rows, schema=MORE_DRAWS))


def _with(now: Contrast, have: int, count: int, overlap: float) -> Contrast:
    if count < 2:
        raise ValueError(f"draws: {count} have no variance between them; ask for 2 or more")
    variance, _ = now.parts[DRAWS]
    new = variance * (1 / count + overlap) / (1 / have + overlap)
    return replace(now, parts={**now.parts, DRAWS: (new, float(count - 1))})


def _shares(of: Contrast) -> dict[str, float | None]:
    if of.variance == 0:
        return dict.fromkeys(_PARTS)
    own = {name: variance / of.variance for name, (variance, _) in of.parts.items()}
    encoders = sum(share for name, share in own.items() if name not in (DRAWS, PATIENTS))
    return {"from_draws": own[DRAWS], "from_patients": own.get(PATIENTS, 0.0), "from_encoders": encoders}


def labels_needed(points: Sequence[Placed], score: float) -> pl.DataFrame:
    """With how many labels each initialisation reaches a score, in each panel."""
    rows = []
    for panel in panels(points).values():
        for name in sorted({p.initialisation for p in panel}):
            own = [p for p in panel if p.initialisation == name]
            factors = {key: level for key, level in own[0].factors.items() if key not in SIZE_FACTORS}
            where = {"test_set": own[0].test_set, "metric": own[0].metric, "unit": own[0].unit, "score": score}
            rows.append(factors | where | _needed(own, name, score))
    table = pl.DataFrame(rows, schema=LABELS_NEEDED)
    return table.sort("task", "adaptation", "test_set", "unit", "best", "initialisation", nulls_last=True)


def _needed(own: Sequence[Placed], name: str, score: float) -> dict:
    blank: dict = dict.fromkeys(("best", "low", "high", "fewest", "most"))
    try:
        curve = curves(own, [name])
    except NothingShared:
        return blank | {"answer": "not known: its sizes have no draw in common"}
    if curve is None:
        return blank | {"answer": "not known: it was tried with one number of labels"}
    ends = {"fewest": float(curve.labels[0]), "most": float(curve.labels[-1])}
    if len(curve.joint.draws) < 2:
        return blank | ends | {"answer": "not known: one draw has no variance to take an interval from"}
    found = goal(curve, name, score, bounds_of(own[0].metric))
    reached = found.above != (own[0].metric in SMALLER_IS_BETTER)
    words = _words(found, reached, ends["fewest"], ends["most"])
    return ends | {"best": found.best, "low": found.low, "high": found.high, "answer": words}


def _words(found: Labels, reached: bool, fewest: float, most: float) -> str:
    if found.empty:
        return f"with {fewest:.0f} labels already" if reached else f"not with {most:.0f} labels"
    if found.low is None and found.high is None:
        return f"not told apart between {fewest:.0f} and {most:.0f} labels"
    if found.low is None:
        return f"with {found.high:.0f} labels or fewer"
    return f"with {found.low:.0f} labels or more" if found.high is None else (
        f"between {found.low:.0f} and {found.high:.0f} labels"
    )  # fmt: skip
