"""The interval beside a mean score or a contrast of several, with its target named.

A mean over draws of label subsets varies for three reasons, and an interval that leaves one out answers a narrower
question: the draws (and the training noise in them), the patients of the one shared test set, and the pre-training run
behind the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from .cell_means import DRAWS, ENCODERS, ONE_DRAW, Contrast
from .point import Joint, Point, joint
from .scales import Scale

LEVEL = 0.95
WIDEST = 0.7
"""An interval of one new model that is wider says nothing, and is not given. A smaller limit would keep those studies
alone whose draws happen to differ little, and hold too seldom."""
SEPARATED = "every run separates the test patients perfectly, which shows no variance: more of them are needed"


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (`low`, `high`), or the `reason` why there is none; `target` says what it covers.

    `pi_low`, `pi_high`: where one new model of one new labelled subset of this pool would score on this test set (of a
    new encoder where the target speaks of new pre-training runs), or `pi_reason`.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    target: str | None = None
    reason: str | None = None
    pi_low: float | None = None
    pi_high: float | None = None
    pi_reason: str | None = None
    draws: int = 0
    df: float | None = None
    error: float | None = None


def estimate(point: Point, *, bounds: tuple[float, float] | None = None) -> Estimate:
    """A point's mean and its interval, on the logit scale where `bounds` are (0, 1), on the log scale from 0 up.

    Raises NothingShared where the point has no runs.
    """
    whole = joint([point])
    return _estimate(whole, [1.0], bounds, point)


def estimate_contrast(points: Sequence[Point], weights: Sequence[float]) -> Estimate:
    """The sum of weights times means over the draws that all points have; raises NothingShared where there are none."""
    return _estimate(joint(points), weights, None, None)


def estimate_difference(first: Point, second: Point) -> Estimate:
    """First minus second; turned round, it is its mirror image."""
    return estimate_contrast([first, second], [1.0, -1.0])


def _estimate(
    whole: Joint, weights: Sequence[float], bounds: tuple[float, float] | None, point: Point | None
) -> Estimate:
    count = len(whole.draws)
    if count < 2:
        mean = float(whole.means.means @ np.asarray(weights))
        return Estimate(mean, reason=ONE_DRAW, pi_reason=ONE_DRAW, draws=count)
    found = whole.means.contrast(weights)
    if point is not None and _separated(point):
        return Estimate(found.value, reason=SEPARATED, pi_reason=SEPARATED, draws=count)
    low, high = scaled(found, bounds)
    pi_low, pi_high, pi_reason = _one_new_subset(whole, bounds, point)
    return Estimate(
        found.value, low, high, whole.target, whole.reason, pi_low, pi_high, pi_reason, count, found.df, found.error
    )  # fmt: skip


def _separated(point: Point) -> bool:
    """Whether no test patient moves the score of any run."""
    return not isinstance(point.tests, str) and not any(np.any(run.values) for run in point.tests.values())


def _rarest(point: Point) -> float:
    """Test patients of the rarest class; infinite where they are not known."""
    return np.inf if isinstance(point.tests, str) else min(run.df for run in point.tests.values()) + 1


def scaled(
    found: Contrast, bounds: tuple[float, float] | None, half: float | None = None, level: float = LEVEL
) -> tuple[float, float]:
    """An interval about a contrast's value, made on the scale on which its bounds lie at infinity (delta method).

    half: its half width on the natural scale; by default Student's for `level`. At a bound itself the natural scale is
    used, clipped.
    """
    if half is None:
        half = float(student.ppf(0.5 + level / 2, found.df)) * found.error
    mean = found.value
    if bounds == (0.0, 1.0) and 0 < mean < 1:
        middle, reach = float(logit(mean)), half / (mean * (1 - mean))
        return float(expit(middle - reach)), float(expit(middle + reach))
    if bounds == (0.0, np.inf) and mean > 0:
        return float(mean * np.exp(-half / mean)), float(mean * np.exp(half / mean))
    low, high = mean - half, mean + half
    return (max(low, bounds[0]), min(high, bounds[1])) if bounds else (low, high)


def _one_new_subset(
    whole: Joint, bounds: tuple[float, float] | None, point: Point | None
) -> tuple[float | None, float | None, str | None]:
    """A draw, an encoder and a seed anew: the variance of single runs, not of means over encoders and seeds.

    Draws are compared on the scale on which the bounds lie at infinity: near a bound single scores lie on one side of
    their mean, and far more than a delta method says.
    """
    if point is None:
        return None, None, "a difference of means"
    if point.same_patients:
        return None, None, "every draw holds the same patients: there is no other subset"
    count, encoders = len(whole.draws), len({e for _, e in point.scores})
    scale = Scale.of(bounds, _rarest(point))
    draws = scale.to(whole.means.by_draw[:, 0])
    if not np.all(np.isfinite(draws)):
        return None, None, "a draw's score is at its bound, and the test patients are not known"
    spread, middle = float(draws.var(ddof=1)) * (1 + 1 / count), float(draws.mean())
    if spread == 0:
        return None, None, "the draws do not differ"
    single = point.single * scale.slope(middle) ** 2
    one = Contrast(middle, {DRAWS: (spread, count - 1), ENCODERS: (single, encoders - 1 or count)})
    low, high = scale.back(np.array(one.interval(LEVEL))).tolist()
    if bounds == (0.0, 1.0) and high - low > WIDEST:
        return None, None, f"{count} draws say too little: it would span {low:.2f} to {high:.2f}"
    return low, high, None


def over_blocks(values: np.ndarray) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of independent blocks; None where they have no variance to take it from."""
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    half = float(student.ppf(0.5 + LEVEL / 2, len(values) - 1)) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half
