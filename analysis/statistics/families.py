"""Comparisons that are looked at together: what the largest of them must reach, and what each could have shown.

Single-step max-|t| from the joint distribution of the contrasts (Hothorn, Bretz and Westfall, Biometrical Journal
2008), as min-p because their degrees of freedom differ: a t copula by simulation, with a fixed seed. A correlation that
was estimated from few draws of label subsets is drawn towards zero by 1 / D, which errs towards Bonferroni.

A family asks for levels far out, where Satterthwaite's t of few draws is exceeded too often (with three draws up to
three times as often as it says at 98.75 %): a spread of draws that comes out small by chance passes for one that is
well known. So each part of a variance keeps the quantile of its own degrees of freedom (`critical`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit
from scipy.stats import chi2
from scipy.stats import t as student

from .cell_means import CellMeans, Contrast

ERROR = 0.05
"""Chance that any of a family's equal pairs is called apart."""
POWER = 0.8
SIMULATED = 20_000


@dataclass(frozen=True)
class Family:
    """contrasts: each by itself. p: adjusted for all. level: of the single intervals that hold together with 95 %."""

    contrasts: Sequence[Contrast]
    p: np.ndarray
    level: float

    def interval(self, k: int) -> tuple[float, float]:
        """The simultaneous interval of one contrast."""
        c = self.contrasts[k]
        half = critical(c, self.level) * c.error
        return c.value - half, c.value + half

    def detectable(self, k: int) -> float:
        """The difference that would be called apart with a power of 80 %."""
        c = self.contrasts[k]
        return (critical(c, self.level) + float(student.ppf(POWER, c.df))) * c.error


def family(contrasts: Sequence[Contrast], means: CellMeans | None, weights: np.ndarray | None) -> Family:
    """Of contrasts (C of them) and where they come from: joint means and weights (C, K), or None for Bonferroni."""
    single = np.array([cautious_p(c) for c in contrasts])
    count = len(contrasts)
    if count == 1 or means is None or weights is None:
        return Family(contrasts, np.minimum(single * count, 1), 1 - ERROR / count)
    keep = 1 - 1 / len(means.by_draw)
    correlation = keep * means.correlation(weights) + (1 - keep) * np.eye(count)
    smallest = _smallest_p(correlation, np.array([c.df for c in contrasts]))
    adjusted = np.minimum((np.searchsorted(smallest, single, side="right") + 1) / (SIMULATED + 1), single * count)
    adjusted = np.maximum(adjusted, single)
    level = 1 - max(float(np.quantile(smallest, ERROR)), ERROR / count)
    return Family(contrasts, np.minimum(adjusted, 1), level)


def critical(c: Contrast, level: float) -> float:
    """Two-sided, in standard errors: the mean of the parts' own quantiles of Student's t, weighted by their variances
    (Cochran and Cox, Experimental Designs 1950). Student's own where one part is all of the variance."""
    if c.variance == 0:
        return float(student.ppf(0.5 + level / 2, c.df))
    variance, df = np.array(list(c.parts.values())).T
    known = np.isfinite(df)
    quantiles = np.where(known, stdtrit(np.where(known, df, 1.0), 0.5 + level / 2), ndtri(0.5 + level / 2))
    return float(variance @ quantiles / c.variance)


def cautious_p(c: Contrast) -> float:
    """Two-sided, of no difference: one less the level whose `critical` value is reached; 1 without a variance."""
    if c.error == 0:
        return 1.0
    reached = abs(c.value) / c.error
    most = -np.log(1e-12)
    if critical(c, 1 - 1e-12) <= reached:
        return 1e-12
    return float(np.exp(-brentq(lambda x: critical(c, -np.expm1(-x)) - reached, 0.0, most, xtol=1e-9)))


def p_value(c: Contrast) -> float:
    """Two-sided, of no difference, of one contrast by itself; 1 where there is no variance to judge by."""
    return float(2 * student.sf(abs(c.value) / c.error, c.df)) if c.error > 0 else 1.0


def _smallest_p(correlation: np.ndarray, df: np.ndarray) -> np.ndarray:
    """(SIMULATED,) smallest p of all contrasts where all are equal, sorted."""
    rng = np.random.default_rng(20080346)
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    uniform = rng.uniform(size=SIMULATED)
    rounded = np.round(np.log(df), 1)
    smallest = np.ones(SIMULATED)
    normal = np.abs(rng.standard_normal((SIMULATED, len(df)), dtype=np.float32) @ root.T)
    for each in np.unique(rounded):
        own = float(np.exp(each))
        largest = normal[:, rounded == each].max(axis=1) / np.sqrt(chi2.ppf(uniform, own) / own)
        smallest = np.minimum(smallest, 2 * student.sf(largest, own))
    return np.sort(smallest)
