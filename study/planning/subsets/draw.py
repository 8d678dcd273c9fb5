"""A draw: one random order of a pool's patients, whose prefixes are the label subsets.

Every prefix holds each stratum's share to within one patient, and each class in both roles from the first few patients
on. Roles (train or validation) come from the frozen split, so validation labels are paid for and no patient ever
changes sides. Everything is built on content tokens: neither row order, pseudonyms nor the process's hash seed matter.
"""

from functools import cached_property
from typing import Literal

import numpy as np

from study.planning.subsets.label_noise import noisy
from study.planning.subsets.patient_order import ordered
from study.planning.subsets.pool import Pool, PoolPatient

Validation = Literal["paid", "full", "cv"]
Chosen = slice | np.ndarray
"""Places in a draw: of its first patients, or any in ascending order."""


class Draw:
    """``patients`` in the order in which their labels are paid for, and ``unpaid`` ones that validate besides.

    ``validation``: ``paid`` out of the same budget, ``full`` (all validation patients, unpaid and without noise) or
    ``cv`` (every paid patient trains and validates in turn). ``imbalance`` thins the training patients, ``label_noise``
    is the rate of flipped labels among the paid ones. Raises Unreachable for an imbalance that cannot be had.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        seed: int,
        draw: int,
        validation: Validation = "paid",
        imbalance: float | None = None,
        label_noise: float = 0.0,
    ):
        self.pool, self.seed, self.number, self.validation = pool, seed, draw, validation
        self.imbalance, self.label_noise = imbalance, label_noise
        order, places = ordered(pool, seed=seed, draw=draw, imbalance=imbalance)
        paid = pool.training[order] | (validation != "full")
        self._order, self.places = order[paid], places[paid]
        self.training = pool.training[self._order] | (validation == "cv")
        self.labels_to = np.cumsum(pool.images[self._order], dtype=np.int32)
        """Labels of the first 1, 2, ... patients."""
        meets = _meets(pool, self.patients) if label_noise else pool.meets[self._order]
        self.meets = np.ascontiguousarray(meets.T)
        """(needs, patients): which needs each patient's images meet."""
        self._trains = self.meets & self.training

    @cached_property
    def patients(self) -> list[PoolPatient]:
        return [
            noisy(
                self.pool.patients[number],
                len(self.pool.classes),
                rate=self.label_noise,
                seed=self.seed,
                draw=self.number,
            )
            for number in self._order
        ]

    @property
    def strata(self) -> np.ndarray:
        return self.pool.strata[self._order]

    @property
    def unpaid(self) -> list[PoolPatient]:
        return [p for p in self.pool.patients if p.role == "val"] if self.validation == "full" else []

    @property
    def n_labels(self) -> int:
        return int(self.labels_to[-1]) if len(self.labels_to) else 0

    def prefix(self, n_labels: int) -> slice:
        """Places of the first whole patients whose label count is nearest to ``n_labels`` (ties: the fewer)."""
        count = int(np.searchsorted(self.labels_to, n_labels))
        if count < len(self.labels_to):
            below = self.labels_to[count - 1] if count else 0
            count += bool(self.labels_to[count] - n_labels < n_labels - below)
        return slice(count)

    def shots(self, k: int) -> np.ndarray:
        """Places of the first ``k`` training patients of each class, with the validation patients that stand before
        the k-th. A patient counts for its rarest class."""
        chosen = []
        strata = self.strata
        for stratum in np.unique(strata):
            own = np.flatnonzero(strata == stratum)
            training = own[self.training[own]][:k]
            last = self.places[training[-1]] if len(training) else -1.0
            chosen += [training, own[~self.training[own] & (self.places[own] <= last)]]
        return np.sort(np.concatenate(chosen)) if chosen else np.arange(0)

    @property
    def most_shots(self) -> tuple[int, int]:
        """(training patients, stratum) of the class that has fewest of those that have any; 0 where nobody trains."""
        strata, counts = np.unique(self.strata[self.training], return_counts=True)
        if not len(strata):
            return 0, int(self.strata[0]) if len(self.strata) else 0
        fewest = int(counts.argmin())
        return int(counts[fewest]), int(strata[fewest])

    def met(self, chosen: Chosen) -> np.ndarray:
        """(2, needs): how many of the chosen training patients, and of all chosen, meet each need."""
        return np.array([[np.count_nonzero(need[chosen]) for need in which] for which in (self._trains, self.meets)])

    def paid(self, chosen: Chosen) -> tuple[int, int]:
        """The number of the chosen patients and of their labels."""
        if isinstance(chosen, slice):
            return chosen.stop, int(self.labels_to[chosen.stop - 1]) if chosen.stop else 0
        return len(chosen), int(self.pool.images[self._order[chosen]].sum())


def _meets(pool: Pool, patients: list[PoolPatient]) -> np.ndarray:
    meets = np.zeros((len(patients), pool.needs), bool)
    for row, patient in zip(meets, patients, strict=True):
        row[pool.met(patient.labels)] = True
    return meets
