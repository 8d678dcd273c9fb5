"""How likely each initialisation is the best at a size, as far as this study can tell."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl

from study.vocabulary import SMALLER_IS_BETTER

from .label_efficiency import ON, PLACE, ordered, place
from .point import THIS_TEST_SET, NothingShared, joint
from .points import Placed

RANK_SCHEMA = ON | PLACE | {
    "mean": pl.Float64, "p_best": pl.Float64, "rank_low": pl.Int32, "rank_high": pl.Int32, "n_draws": pl.Int32,
    "target": pl.String,
}  # fmt: skip
SIMULATED = 20_000


def ranks(points: Sequence[Placed], *, metric: str = "auc") -> pl.DataFrame:
    """One row an initialisation x size, with the columns of RANK_SCHEMA, where all at a size share two draws.

    p_best: the share of `SIMULATED` means, drawn about the estimates from their joint covariance by Student's t with
    the fewest degrees of freedom of any difference, in which it is the best. rank_low, rank_high: between which its
    rank lies in 95 % of them, 1 the best.
    """
    at: dict[tuple, list[Placed]] = defaultdict(list)
    for p in points:
        if p.metric == metric:
            at[p.panel, p.size].append(p)
    rows = [row for here in at.values() if len(here) > 1 for row in _rows(here)]
    return ordered(pl.DataFrame(rows, schema=RANK_SCHEMA))


def _rows(here: Sequence[Placed]) -> list[dict]:
    try:
        shared = joint([p.point for p in here])
    except NothingShared:
        return []
    if len(shared.draws) < 2 or shared.target.startswith(THIS_TEST_SET):
        return []
    sign = -1 if here[0].metric in SMALLER_IS_BETTER else 1
    count, means = len(here), shared.means
    apart = np.eye(count) - np.eye(count)[0]  # each one's difference from the first, whose own is none
    contrasts = [means.contrast(weights) for weights in apart[1:]]
    error = np.array([0.0, *(c.error for c in contrasts)])
    correlation = means.correlation(apart)
    rng = np.random.default_rng(20070601)
    values, vectors = np.linalg.eigh(correlation[1:, 1:])
    normal = rng.standard_normal((SIMULATED, count - 1)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    df = min(c.df for c in contrasts)
    scale = np.sqrt(rng.chisquare(df, SIMULATED) / df)[:, None]
    drawn = np.zeros((SIMULATED, count))
    drawn[:, 1:] = np.array([c.value for c in contrasts]) + normal / scale * error[1:]
    place_of = (-sign * drawn).argsort(axis=1).argsort(axis=1) + 1
    low, high = np.quantile(place_of, [0.025, 0.975], axis=0, method="inverted_cdf")
    return [
        place(p) | {"mean": float(means.means[k]), "p_best": float((place_of[:, k] == 1).mean()),
                    "rank_low": int(low[k]), "rank_high": int(high[k]), "n_draws": len(shared.draws),
                    "target": shared.target}
        for k, p in enumerate(here)
    ]  # fmt: skip
