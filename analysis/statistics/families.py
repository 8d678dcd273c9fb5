"""Comparisons that are looked at together: what the largest of them must reach, and what each could have shown.

Single-step max-|t| from the joint distribution of the contrasts (Hothorn, Bretz and Westfall, Biometrical Journal
2008), as min-p because their degrees of freedom differ: a t copula by simulation, with a fixed seed. A correlation that
was estimated from few draws of label subsets is drawn towards zero by 1 / D, which errs towards Bonferroni.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

from .cell_means import DRAWS, CellMeans, Contrast

ERROR = 0.05
"""Chance that any of a family's equal pairs is called apart."""
POWER = 0.8
SIMULATED = 20_000


@dataclass(frozen=True)
class Family:
    """contrasts: each by itself, steadied. p: adjusted for all. level: of single intervals that hold together, 95 %."""

    contrasts: Sequence[Contrast]
    p: np.ndarray
    level: float

    def interval(self, k: int) -> tuple[float, float]:
        """The simultaneous interval of one contrast."""
        return self.contrasts[k].interval(self.level)

    def detectable(self, k: int) -> float:
        """The difference that would be called apart with a power of 80 %."""
        c = self.contrasts[k]
        return float(student.ppf(0.5 + self.level / 2, c.df) + student.ppf(POWER, c.df)) * c.error


def family(
    contrasts: Sequence[Contrast],
    means: CellMeans | None,
    weights: np.ndarray | None,
    alike: Sequence[tuple[Hashable, float]] | None = None,
) -> Family:
    """Of contrasts (C of them) and where they come from: joint means and weights (C, K), or None for Bonferroni.

    alike: (C,) what contrasts have in common that vary alike, such as a task and setting, and the factor by which one's
    draws count more than another's (see `CellMeans.pooling`); None where no two do.
    """
    contrasts = steadied(contrasts, alike or [(k, 1.0) for k in range(len(contrasts))])
    single = np.array([p_value(c) for c in contrasts])
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


def steadied(contrasts: Sequence[Contrast], alike: Sequence[tuple[Hashable, float]]) -> list[Contrast]:
    """No contrast's draws vary less than those of the contrasts like it do on average, up to its own factor.

    Of few draws some contrast's variance is far too small by chance, and the largest of many would be that one.
    """
    found: dict[Hashable, list[float]] = defaultdict(list)
    for (kind, factor), c in zip(alike, contrasts, strict=True):
        found[kind].append(c.parts[DRAWS][0] / factor)
    return [
        Contrast(c.value, {**c.parts, DRAWS: (max(c.parts[DRAWS][0], factor * _mean(found[kind])), c.parts[DRAWS][1])})
        for (kind, factor), c in zip(alike, contrasts, strict=True)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def p_value(c: Contrast) -> float:
    """Two-sided, of no difference; 1 where there is no variance to judge by."""
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
