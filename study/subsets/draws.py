"""A draw: one random order of a pool's patients, whose prefixes are the label subsets.

Patients are interleaved by stratum (role x rarest class): the r-th of m patients of a stratum stands at r/m, so every
prefix holds each stratum's share to within one patient, and each class in both roles from the first few patients on.
Roles (train or validation) come from the frozen split, so validation labels are paid for and no patient ever changes
sides. Everything is built on content tokens: neither row order, pseudonyms nor the process's hash seed matter.
"""

import hashlib
from typing import Literal

import numpy as np

from study.subsets.imbalance import thinned
from study.subsets.noise import noisy
from study.subsets.pool import Pool

Validation = Literal["paid", "full", "cv"]


class Unreachable(ValueError):
    """The training patients of a pool cannot be thinned to the imbalance that is asked for."""


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
        if imbalance is not None and pool.kind == "multi":
            raise Unreachable("imbalance is a ratio of classes, and its images have findings")
        self.pool, self.validation, self.imbalance, self.label_noise = pool, validation, imbalance, label_noise
        placed = _placed(pool, seed, draw, imbalance)
        if validation == "full":
            placed = [(place, number) for place, number in placed if pool.training[number]]
        order = np.array([number for _, number in placed], int)
        self.places = np.array([place for place, _ in placed])
        self.patients = [pool.patients[number] for number in order]
        self.training = pool.training[order] | (validation == "cv")
        self.strata = pool.strata[order]
        self.images = pool.images[order]
        self.meets = pool.meets[order]
        """(patients, needs): which needs a patient's images meet."""
        self.labels_to = np.cumsum(self.images)
        """Labels of the first 1, 2, ... patients."""
        unpaid = ~pool.training if validation == "full" else np.zeros(len(pool.patients), bool)
        self.unpaid = [pool.patients[number] for number in np.flatnonzero(unpaid)]
        self.unpaid_meets = pool.meets[unpaid]
        if label_noise:
            for place, patient in enumerate(self.patients):
                flipped = noisy(patient, len(pool.classes), rate=label_noise, seed=seed, draw=draw)
                self.patients[place], self.meets[place] = flipped, False
                self.meets[place, pool.met(flipped.labels)] = True

    @property
    def n_labels(self) -> int:
        return int(self.labels_to[-1]) if len(self.labels_to) else 0

    def prefix(self, n_labels: int) -> np.ndarray:
        """Places of the first whole patients whose label count is nearest to ``n_labels`` (ties: the fewer)."""
        count = int(np.searchsorted(self.labels_to, n_labels))
        if count < len(self.labels_to):
            below = self.labels_to[count - 1] if count else 0
            count += bool(self.labels_to[count] - n_labels < n_labels - below)
        return np.arange(count)

    def shots(self, k: int) -> np.ndarray:
        """Places of the first ``k`` training patients of each class, with the validation patients that stand before
        the k-th. A patient counts for its rarest class."""
        chosen = []
        for stratum in np.unique(self.strata):
            own = np.flatnonzero(self.strata == stratum)
            training = own[self.training[own]][:k]
            last = self.places[training[-1]] if len(training) else -1.0
            chosen += [training, own[~self.training[own] & (self.places[own] <= last)]]
        return np.sort(np.concatenate(chosen)) if chosen else np.arange(0)

    @property
    def most_shots(self) -> tuple[int, int]:
        """(training patients, stratum) of the class that has fewest."""
        strata, counts = np.unique(self.strata[self.training], return_counts=True)
        fewest = int(counts.argmin())
        return int(counts[fewest]), int(strata[fewest])


def _placed(pool: Pool, seed: int, draw: int, imbalance: float | None) -> list[tuple[float, int]]:
    """(place, number in the pool) of each patient, by place."""
    strata: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for number, patient in enumerate(pool.patients):
        random = hashlib.sha256(f"{seed}/{draw}/{patient.token}".encode()).hexdigest()
        strata.setdefault((patient.role, patient.stratum), []).append((random, number))
    members = {stratum: [number for _, number in sorted(own)] for stratum, own in strata.items()}
    if imbalance is not None:
        members |= _thinned(pool, members, imbalance)
    places = [
        (rank / len(own), *stratum, pool.patients[number].token, number)
        for stratum, own in members.items()
        for rank, number in enumerate(own)
    ]
    return [(place[0], place[-1]) for place in sorted(places)]


def _thinned(
    pool: Pool, members: dict[tuple[str, int], list[int]], imbalance: float
) -> dict[tuple[str, int], list[int]]:
    training = {stratum: own for (role, stratum), own in members.items() if role == "train"}
    kept = thinned({s: [pool.patients[number] for number in own] for s, own in training.items()}, imbalance)
    if kept is None:
        raise Unreachable(f"its training patients cannot be thinned to {imbalance:g} : 1")
    return {("train", stratum): training[stratum][: len(own)] for stratum, own in kept.items()}
