"""How many labels a score needs: sets of label counts, by inverting a test along the curve.

A count n belongs to the set where the curve at n does not differ from what it is held against: another curve's level
(labels saved, label equivalence), a wanted score (a goal), or the other curve at the same n (a crossover). So a set
ends where the data can tell, and is open at the end of a curve where they cannot (Fieller, JRSS B 1954); the delta
method would always close it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .cell_means import Contrast
from .curves import Curves
from .intervals import LEVEL, scaled

GRID = 200
"""Steps from the fewest labels of a curve to the most, evenly on their logarithm."""


@dataclass(frozen=True)
class Labels:
    """A set of label counts within a curve's range: from `low` to `high`, None where it goes on beyond that end.

    best: where the estimates themselves meet, None where they never do. empty: nothing in the range belongs to it, and
    then `above` says whether the curve lies above all along.
    """

    low: float | None
    high: float | None
    best: float | None
    empty: bool = False
    above: bool = False

    def holds(self, labels: float) -> bool:
        return not self.empty and (self.low is None or self.low <= labels) and (
            self.high is None or labels <= self.high
        )  # fmt: skip


def equal_to(curves: Curves, initialisation: str, other: str, labels: float, level: float = LEVEL) -> Labels:
    """With how many labels one curve reaches another's level at `labels`."""
    held = curves.height(other, labels)
    return _where(curves, lambda n: curves.contrast(curves.height(initialisation, n) - held), level)


def goal(
    curves: Curves, initialisation: str, score: float, bounds: tuple[float, float], level: float = LEVEL
) -> Labels:
    """With how many labels a curve reaches a score: where the interval of its height holds it."""

    def less(n: float) -> tuple[float, bool]:
        found = curves.contrast(curves.height(initialisation, n))
        low, high = scaled(found, bounds, level=level)
        return found.value - score, low <= score <= high

    return _set(curves, less)


def crossing(curves: Curves, first: str, second: str, level: float = LEVEL) -> Labels:
    """Where two curves may cross."""
    return _where(curves, lambda n: curves.contrast(curves.height(first, n) - curves.height(second, n)), level)


def _where(curves: Curves, contrast: Callable[[float], Contrast], level: float) -> Labels:
    def alike(n: float) -> tuple[float, bool]:
        found = contrast(n)
        low, high = found.interval(level)
        return found.value, low <= 0 <= high

    return _set(curves, alike)


def _set(curves: Curves, test: Callable[[float], tuple[float, bool]]) -> Labels:
    """The hull of where the test holds, and the first meeting of the estimates."""
    counts = np.exp2(np.linspace(curves.x[0], curves.x[-1], GRID + 1))
    counts[0], counts[-1] = curves.labels[0], curves.labels[-1]
    found = [test(float(n)) for n in counts]
    values = np.array([value for value, _ in found])
    inside = np.flatnonzero([held for _, held in found])
    meets = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    best = None
    if len(meets):
        k = int(meets[0])
        part = values[k] / (values[k] - values[k + 1])
        best = float(counts[k] * (counts[k + 1] / counts[k]) ** part)
    if not len(inside):
        if best is None:
            return Labels(None, None, None, True, bool(values[0] > 0))
        return Labels(best, best, best)
    first, last = int(inside[0]), int(inside[-1])
    low = None if first == 0 else float(counts[first])
    return Labels(low, None if last == GRID else float(counts[last]), best)
