"""Label noise: symmetric flips, drawn for each label by hash."""

import hashlib
from dataclasses import replace

from study.planning.subsets.pool import Label, PoolPatient


def noisy(patient: PoolPatient, classes: int, *, rate: float, seed: int, draw: int) -> PoolPatient:
    """The patient with each label flipped with probability ``rate``, to any of the other classes alike.

    Whether a label flips, and to what, depends on seed, draw and the image's digest: what is wrong at one rate is
    wrong in the same way at any higher one, and in a subset of any size.
    """
    if not rate:
        return patient
    flipped = tuple(
        _flipped(label, classes, rate, f"noise/{seed}/{draw}/{digest}")
        for label, digest in zip(patient.labels, patient.digests, strict=True)
    )
    return replace(patient, labels=flipped)


def _flipped(label: Label, classes: int, rate: float, of: str) -> Label:
    if isinstance(label, tuple):
        return tuple(value ^ (_uniform(f"{of}/{place}")[0] < rate) for place, value in enumerate(label))
    chance, other = _uniform(of)
    return (label + 1 + int(other * (classes - 1))) % classes if chance < rate else label


def _uniform(of: str) -> tuple[float, float]:
    """Two numbers in [0, 1)."""
    digest = hashlib.sha256(of.encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48, int.from_bytes(digest[6:12]) / 2**48
