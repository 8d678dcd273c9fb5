"""Nested, stratified, patient-grouped label subsets.

A draw is one order of a task's patients outside the test set; a subset is a prefix of it, so subsets of one draw nest.
Patients are interleaved by stratum (role x class): the r-th of m patients of a stratum stands at r/m, so every prefix
holds each stratum's share to within one patient, and each class in both roles from the first few patients on. Roles
(train or validation) come from the frozen split, so validation labels are paid for and no patient ever changes sides.
Everything is built on content tokens: neither row order, pseudonyms nor the process's hash seed matter.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass

import polars as pl

from study.keys import digest


@dataclass(frozen=True)
class Patient:
    token: str
    role: str
    labels: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Subset:
    """Rows of the task's image store, with their labels."""

    train: tuple[tuple[int, int], ...]
    val: tuple[tuple[int, int], ...]
    n_patients: int
    val_patients: int
    """Validation patients of the class that has fewest."""
    hash: str

    @property
    def n_labels(self) -> int:
        return len(self.train) + len(self.val)


def order(samples: pl.DataFrame, *, seed: int, draw: int) -> list[Patient]:
    """One random order of the patients outside the test set (``samples``: see ``study.data.tasks.FrozenTask``)."""
    pool = samples.filter(pl.col("role") != "test").sort("digest")
    patients = [
        Patient(token=str(token[0]), role=group["role"][0], labels=tuple(group["label"]), rows=tuple(group["row"]))
        for token, group in pool.group_by("token", maintain_order=True)
    ]
    rarity = Counter(label for patient in patients for label in set(patient.labels))
    strata: dict[tuple[str, int], list[Patient]] = {}
    for patient in patients:
        rarest = min(set(patient.labels), key=lambda label: (rarity[label], -label))
        strata.setdefault((patient.role, rarest), []).append(patient)
    places = []
    for (role, label), members in strata.items():
        members.sort(key=lambda patient: _random(seed, draw, patient.token))
        for rank, patient in enumerate(members):
            places.append((rank / len(members), role, label, patient.token, patient))
    return [place[-1] for place in sorted(places, key=lambda place: place[:-1])]


def take(ordered: list[Patient], n_labels: int) -> Subset:
    """The prefix of whole patients whose label count is nearest to ``n_labels`` (ties: the smaller)."""
    best, best_gap, held = 0, n_labels, 0
    for count, patient in enumerate(ordered, start=1):
        held += len(patient.labels)
        if abs(held - n_labels) < best_gap:
            best, best_gap = count, abs(held - n_labels)
        if held >= n_labels:
            break
    return _subset(ordered[:best])


def lacking(subset: Subset, classes: int) -> str | None:
    """What a subset lacks to be trained on and judged, in words; None where it lacks nothing."""
    for role, members in (("training", subset.train), ("validation", subset.val)):
        missing = set(range(classes)) - {label for _, label in members}
        if missing:
            return f"no {role} image of class {min(missing)}"
    return None


def smallest(ordered: list[Patient], classes: int) -> int | None:
    """The label count of the shortest prefix that lacks nothing; None where even the whole order does."""
    need = {(role, label) for role in ("train", "val") for label in range(classes)}
    held = 0
    for patient in ordered:
        held += len(patient.labels)
        need -= {(patient.role, label) for label in patient.labels}
        if not need:
            return held
    return None


def _subset(patients: list[Patient]) -> Subset:
    def side(role: str) -> tuple[tuple[int, int], ...]:
        members = (patient for patient in patients if patient.role == role)
        return tuple(sorted(pair for p in members for pair in zip(p.rows, p.labels, strict=True)))

    a_class = Counter(label for p in patients if p.role == "val" for label in set(p.labels))
    return Subset(
        train=side("train"),
        val=side("val"),
        n_patients=len(patients),
        val_patients=min(a_class.values(), default=0),
        hash=digest(sorted((p.token, p.role, len(p.rows)) for p in patients)),
    )


def _random(seed: int, draw: int, token: str) -> str:
    return hashlib.sha256(f"{seed}/{draw}/{token}".encode()).hexdigest()
