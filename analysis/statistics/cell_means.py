"""The means of cells that share draws, test patients and encoders, and what their contrasts vary by.

The model is Obuchowski and Rockette's (Commun Stat Simul Comput 1995) with Hillis' degrees of freedom (Stat Med 2007),
draws of label subsets in the place of readers and test patients in the place of cases; pre-training runs are a second
random factor. The covariance of all cell means is the sum of three parts, each with its own degrees of freedom: the
draws', S / D of the draws' means, which carries what nested subsets have in common along a curve; the test patients',
the covariance of two different draws' means over new patients; the encoders', S / E within an initialisation.
Whatever is asked of the cells (a mean, a difference, an area, a drop) is a contrast of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student

DRAWS, PATIENTS, ENCODERS = "draws", "patients", "encoders"
ONE_DRAW = "one draw: the variance between label subsets cannot be estimated"


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cell means. parts: source -> (variance, degrees of freedom)."""

    value: float
    parts: Mapping[str, tuple[float, float]]

    @property
    def variance(self) -> float:
        return sum(variance for variance, _ in self.parts.values())

    @property
    def df(self) -> float:
        """Satterthwaite's (Biometrics Bulletin 1946): those of the parts where one part is all of the variance."""
        if self.variance == 0:
            return min(df for _, df in self.parts.values())
        return self.variance**2 / sum(variance**2 / df for variance, df in self.parts.values())

    @property
    def error(self) -> float:
        return self.variance**0.5

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided, by Student's t."""
        half = float(student.ppf(0.5 + level / 2, self.df)) * self.error
        return self.value - half, self.value + half


@dataclass(frozen=True)
class CellMeans:
    """K cells that all have the same D draws.

    by_draw: (D, K), each draw's score in each cell, encoders, seeds and folds averaged. patients: (D, P, K), the
    components of those scores (see `Components`), or None where the test set counts as fixed. patient_df: degrees of
    freedom of what the patients add; infinite in the original model. encoders: (E, K) for each group of pre-training
    runs that pair, each run's mean over draws in the cells of its initialisation and zero in all others. shares: (K,),
    what part f of the pool a subset holds: the variance between draws is multiplied by 1 + D f / (1 - f) for a new
    pool, since subsets of one pool overlap (Nadeau and Bengio, Machine Learning 2003), which errs to the wide side
    where training noise is part of it; None where the pool counts as fixed.
    """

    by_draw: np.ndarray
    patients: np.ndarray | None = None
    patient_df: float = np.inf
    encoders: Sequence[np.ndarray] = field(default_factory=tuple)
    shares: np.ndarray | None = None

    @property
    def means(self) -> np.ndarray:
        """(K,)"""
        return self.by_draw.mean(axis=0)

    @property
    def pooling(self) -> np.ndarray:
        """(K,), by what the variance between a cell's draws is multiplied for a new pool."""
        if self.shares is None:
            return np.ones(self.by_draw.shape[1])
        return 1 + len(self.by_draw) * self.shares / (1 - self.shares)

    def contrast(self, weights: Sequence[float] | np.ndarray) -> Contrast:
        """The sum of `weights` (K,) times the means. Raises ValueError of one draw, which has no variance."""
        weights = np.asarray(weights, dtype=np.float64)
        parts = {DRAWS: (float(self._draws(weights[None])[0, 0]), float(len(self.by_draw) - 1))}
        if self.patients is not None:
            parts[PATIENTS] = (max(between_draws(self.patients @ weights), 0.0), self.patient_df)
        for number, runs in enumerate(self.encoders):
            if not np.any(weights[np.any(runs != 0, axis=0)]):
                continue
            means = runs @ weights
            parts[f"{ENCODERS} {number}"] = (float(means.var(ddof=1)) / len(means), float(len(means) - 1))
        return Contrast(float(self.means @ weights), parts)

    def correlation(self, weights: np.ndarray) -> np.ndarray:
        """(C, C), of the contrasts `weights` (C, K); one without variance correlates with itself alone."""
        total = self._draws(weights)
        if self.patients is not None:
            moved = self.patients @ weights.T
            total = total + _between(np.einsum("dpa,dpb->ab", moved, moved), moved.sum(axis=0), len(moved))
        for runs in self.encoders:
            total = total + np.atleast_2d(np.cov(runs @ weights.T, rowvar=False)) / len(runs)
        scale = np.sqrt(np.maximum(np.diag(total), 0))
        scale[scale == 0] = np.inf
        found = np.clip(total / np.outer(scale, scale), -1, 1)
        np.fill_diagonal(found, 1)
        return found

    def _draws(self, weights: np.ndarray) -> np.ndarray:
        """(C, C), what the draws add to the covariance of contrasts."""
        count = len(self.by_draw)
        if count < 2:
            raise ValueError(ONE_DRAW)
        moved = (self.by_draw - self.means) * np.sqrt(self.pooling) @ weights.T
        return moved.T @ moved / (count - 1) / count


def between_draws(components: np.ndarray) -> float:
    """The mean covariance over new patients of two different draws' scores, from components (D, P)."""
    own = np.array([[np.sum(components**2)]])
    return float(_between(own, components.sum(axis=0)[:, None], len(components))[0, 0])


def _between(own: np.ndarray, summed: np.ndarray, count: int) -> np.ndarray:
    """(C, C), the mean covariance of two different draws, of the sum of the draws' own and of their sum (P, C)."""
    return (summed.T @ summed - own) / (count * (count - 1))
