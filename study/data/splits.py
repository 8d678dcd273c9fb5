"""Who is in train, val and test: a pure function of content tokens, labels and a seed.

Neither row order, nor file names, nor the pseudonym key change it.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from study.data.labels_csv import SPLITS
from study.errors import InputRefused


@dataclass(frozen=True)
class Shares:
    """How roles are dealt: shares of patients for test and, of those that remain, val, or a number of outer folds."""

    test: float
    val: float
    outer_folds: int | None = None


@dataclass(frozen=True)
class SplitPatient:
    """A patient's content token, the class codes of all its images, and its role where the data fix it.

    With several findings, the codes are 2 f where an image lacks finding f and 2 f + 1 where it shows it.
    """

    token: str
    labels: tuple[int, ...]
    role: str | None


def token_of(digests: list[str]) -> str:
    """A patient's content token: a hash of its images' digests in sorted order, 16 hex digits."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]


def freeze(
    name: str,
    patients: list[SplitPatient],
    classes: list[str],
    *,
    test: float,
    val: float,
    seed: int,
    findings: bool = False,
) -> dict[str, str]:
    """token -> role; ``classes`` names the codes.

    Fixed roles stay; a missing val is carved out of train, and without any roles all are dealt. ``test`` is a share of
    all patients, ``val`` of those that remain. Dealt roles are stratified by the patient's class: with two classes the
    second if any image has it, else the most frequent one; of ``findings`` the rarest that any image shows.
    InputRefused, with the counts, when a class would be missing in a role.
    """
    frequency = Counter(label for patient in patients for label in patient.labels)
    roles = {patient.token: patient.role for patient in patients}
    fixed = set(roles.values()) - {None}
    if fixed and not {"train", "test"} <= fixed:
        lacking = "train" if "train" not in fixed else "test"
        raise InputRefused(f"task {name}: no row has the split {lacking!r}; add some, or leave the column split out")
    strata: dict[int, list[str]] = {}
    for patient in sorted(patients, key=lambda patient: _order(seed, patient.token)):
        if patient.role is None or (patient.role == "train" and "val" not in fixed):
            strata.setdefault(_stratum(patient, len(classes), frequency, findings), []).append(patient.token)
    for tokens in strata.values():
        tested = 0 if fixed else _share(len(tokens), test, leave=2)
        validated = _share(len(tokens) - tested, val, leave=1)
        for i, token in enumerate(tokens):
            roles[token] = "test" if i < tested else "val" if i < tested + validated else "train"
    frozen = {token: str(role) for token, role in roles.items()}
    _refuse_missing(name, patients, classes, frozen)
    return frozen


def freeze_folds(
    name: str,
    patients: list[SplitPatient],
    classes: list[str],
    *,
    folds: int,
    val: float,
    seed: int,
    findings: bool = False,
) -> list[dict[str, str]]:
    """token -> role in each outer fold: a fold's patients are tested, the others train or (a share ``val``) validate.

    Folds are stratified as ``freeze`` is. InputRefused where the data fix roles or a class is missing in a role.
    """
    if any(patient.role for patient in patients):
        raise InputRefused(f"task {name}: with `outer_folds` no row may have a split; leave the column split out")
    frequency = Counter(label for patient in patients for label in patient.labels)
    strata: dict[int, list[str]] = {}
    for patient in sorted(patients, key=lambda patient: _order(seed, patient.token)):
        strata.setdefault(_stratum(patient, len(classes), frequency, findings), []).append(patient.token)
    dealt = [token for _, tokens in sorted(strata.items()) for token in tokens]
    fold_of = {token: place % folds for place, token in enumerate(dealt)}
    return [
        freeze(
            f"{name}, fold {fold}",
            [replace(each, role="test" if fold_of[each.token] == fold else "train") for each in patients],
            classes,
            test=0.0,
            val=val,
            seed=seed,
            findings=findings,
        )
        for fold in range(folds)
    ]


def split_hash(samples: list[tuple[str, str, str, Any]]) -> str:
    """A hash, 16 hex digits, of (digest, token, role, label) of all samples, the labels of test samples left out."""
    lines = sorted(f"{d} {t} {role} {'' if role == 'test' else label}" for d, t, role, label in samples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _order(seed: int, token: str) -> str:
    return hashlib.sha256(f"labelcurve split {seed} {token}".encode()).hexdigest()


def _stratum(patient: SplitPatient, classes: int, frequency: Mapping[int, int], findings: bool) -> int:
    own = Counter(patient.labels)
    if findings:
        shown = [label for label in own if label % 2]
        return min(shown, key=lambda label: (frequency[label], -label), default=-1)
    if classes == 2:
        return int(1 in own)
    return max(own, key=lambda label: (own[label], -frequency[label], label))  # a tie goes to the rarer class


def _share(count: int, share: float, *, leave: int) -> int:
    """So many of ``count``: one at least, and ``leave`` left over, where the count allows it."""
    return max(0, min(max(1, round(count * share)), count - leave))


def _refuse_missing(name: str, patients: list[SplitPatient], classes: list[str], roles: dict[str, str]) -> None:
    for code, label in enumerate(classes):
        counts = Counter(roles[patient.token] for patient in patients if code in patient.labels)
        lacking = [role for role in SPLITS if not counts[role]]
        if lacking:
            there = ", ".join(f"{role} {counts[role]}" for role in SPLITS)
            raise InputRefused(
                f"task {name}: class {label!r} has {sum(counts.values())} patients ({there}) and is missing in "
                f"{' and '.join(lacking)}; each class needs a patient in each of train, val and test"
            )
