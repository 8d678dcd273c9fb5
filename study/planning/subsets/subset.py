"""A subset: chosen patients of a draw as rows to train on and to validate with."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from study.identity import digest
from study.planning.subsets.draw import Chosen, Draw, Validation
from study.planning.subsets.pool import Label, PoolPatient
from study.vocabulary import position

Rows = tuple[tuple[int, Label], ...]


class Subset:
    """Rows of the task's image store, with their labels as they are trained and judged on.

    ``chosen``: places in the draw. ``validation``: that of the draw, or ``cv`` to validate inside a subset that was
    drawn for another; then ``folds`` are dealt at most, as few as the patients of the class that has fewest.
    """

    def __init__(self, draw: Draw, chosen: Chosen, *, validation: Validation | None = None, folds: int = 5):
        self.draw, self.chosen = draw, chosen
        self.validation = validation or draw.validation
        training, every = draw.met(chosen)
        self._trained = every if self.validation == "cv" else training
        validated = {"paid": every - training, "cv": every, "full": draw.pool.validated_by_all}
        self._validated = validated[self.validation]
        self.val_patients = int(self._validated.min())
        """Validation patients of the class that has fewest (of findings: with or without)."""
        self.n_folds = min(folds, self.val_patients) if self.validation == "cv" else 0
        self.n_patients, self.n_labels = draw.paid(chosen)

    @property
    def lacks(self) -> str | None:
        """What it lacks to be trained on and judged, in words; None where it lacks nothing."""
        pool = self.draw.pool
        if self.validation == "cv":
            short = np.flatnonzero(self._trained < 2)
            if len(short):
                return f"fewer than 2 patients {pool.described(int(short[0]))} to cross-validate with"
            for fold in range(self.n_folds):
                gone = np.flatnonzero(~self.draw.meets[:, self.chosen][:, self._fold_of != fold].any(1))
                if len(gone):
                    return f"all patients {pool.described(int(gone[0]))} in one fold"
            return None
        for role, counts in (("training", self._trained), ("validation", self._validated)):
            missing = np.flatnonzero(counts == 0)
            if len(missing):
                return f"no {role} image {pool.described(int(missing[0]))}"
        return None

    @cached_property
    def train(self) -> Rows:
        return _rows(patient for patient in self._members if self._trains(patient))

    @cached_property
    def val(self) -> Rows:
        if self.validation == "full":
            return _rows(self.draw.unpaid)
        return _rows(patient for patient in self._members if not self._trains(patient))

    @property
    def folds(self) -> list[list[int]] | None:
        """For cross-validation, the positions in ``train`` that each fold holds out; patients stay whole."""
        if self.validation != "cv":
            return None
        fold_of = {
            row: fold for patient, fold in zip(self._members, self._fold_of, strict=True) for row in patient.rows
        }
        folds: list[list[int]] = [[] for _ in range(self.n_folds)]
        for at, (row, _) in enumerate(self.train):
            folds[fold_of[row]].append(at)
        return folds

    @cached_property
    def hash(self) -> str:
        """Of the patients, their sides and image counts, and of what was done to their labels."""
        sides = ((p, "train" if self._trains(p) else "val") for p in self._members)
        members = sorted((p.token, side, len(p.rows)) for p, side in sides)
        changed = position(label_noise=self.draw.label_noise, imbalance=self.draw.imbalance, validation=self.validation)
        special = changed | ({"folds": self.n_folds} if self.n_folds else {})
        return digest([members, special] if special else members)

    def crossed(self, folds: int) -> "Subset":
        """The same patients, validated with each other."""
        return Subset(self.draw, self.chosen, validation="cv", folds=folds)

    def patient_numbers(self, side: Rows) -> list[int]:
        """For each row of ``train`` or ``val`` the number of its patient, counted over the rows' patients."""
        patients = [*self._members, *self.draw.unpaid]
        token = {row: patient.token for patient in patients for row in patient.rows}
        numbers = {name: number for number, name in enumerate(dict.fromkeys(token[row] for row, _ in side))}
        return [numbers[token[row]] for row, _ in side]

    def _trains(self, patient: PoolPatient) -> bool:
        return self.validation == "cv" or patient.role == "train"

    @cached_property
    def _members(self) -> list[PoolPatient]:
        patients = self.draw.patients
        return patients[self.chosen] if isinstance(self.chosen, slice) else [patients[place] for place in self.chosen]

    @cached_property
    def _fold_of(self) -> np.ndarray:
        """The fold of each chosen patient: dealt in turn within a class, each class from another fold on."""
        seen: dict[int, int] = {}
        folds = []
        for stratum in self.draw.strata[self.chosen].tolist():
            rank = seen[stratum] = seen.get(stratum, -1) + 1
            folds.append((rank + stratum) % max(1, self.n_folds))
        return np.array(folds, int)


def _rows(patients: Iterable[PoolPatient]) -> Rows:
    return tuple(sorted(pair for patient in patients for pair in zip(patient.rows, patient.labels, strict=True)))
